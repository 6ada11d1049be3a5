"""Processes that a benchmark starts: each in a session of its own, each ended by its own id, whatever happens."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build" / "bench"
"""What is kept between runs: the compiled sink, the peers' environments, the secrets of the shop that is measured."""
_END_SECONDS = 20


class MissingPartError(Exception):
    """Something that a benchmark needs is not installed; the message has the line that installs it."""


class TooLongError(Exception):
    """Something that should have happened did not, in the time that it may take."""


@contextlib.contextmanager
def running(command: Sequence[str | Path], **options: Any) -> Iterator[subprocess.Popen[Any]]:  # noqa: ANN401
    """Run a process until the end of the block.

    Ctrl-C does not reach it (its session is its own): it is told to end when the block is left, and killed if it does not.
    """
    child: subprocess.Popen[Any] = subprocess.Popen(
        [str(word) for word in command], start_new_session=True, **options
    )
    try:
        yield child
    finally:
        end(child)


def end(child: subprocess.Popen[Any]) -> None:
    """End a process and those that it started, by its own id; nothing happens to one that has ended already."""
    if child.poll() is None:
        try:
            os.killpg(child.pid, signal.SIGTERM)
            child.wait(timeout=_END_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
    for stream in (child.stdin, child.stdout, child.stderr):
        if stream is not None:
            stream.close()


def call(command: Sequence[str | Path], *, seconds: float, **options: Any) -> str:  # noqa: ANN401
    """Run a process to its end and return what it printed.

    :raises subprocess.CalledProcessError: when it fails; what it said goes to the terminal.
    """
    with running(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options) as child:
        printed, complaints = child.communicate(timeout=seconds)
    if child.returncode:
        print(complaints, file=sys.stderr)
        raise subprocess.CalledProcessError(child.returncode, [str(word) for word in command], printed)
    return str(printed)


def program(*names: str, package: str) -> str:
    """Return the first of these programs that is there, looking where Debian keeps servers' programs too.

    :raises MissingPartError: when none is.
    """
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
    for name in names:
        if found := shutil.which(name, path=path):
            return found
    raise MissingPartError(
        f"{names[0]} is missing. Install it, then run this again:\n    apt-get install {package}"
    )


def until(done: Callable[[], bool], *, seconds: float, what: str, every: float = 0.01) -> None:
    """Wait until something is so.

    :raises TooLongError: when it is not after these seconds.
    """
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            raise TooLongError(f"This did not happen within {seconds:.0f} s: {what}")
        time.sleep(every)


def environment(extra: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for a process of a shop that is measured: nothing of a developer's own shop in it."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("GUESTLIST_", "DJANGO_")) and name != "DATABASE_URL"
    }
    return kept | dict(extra)


def memory_mb(pid: int) -> float:
    """Return what a process holds in memory (its resident set), in millions of bytes; 0 once it has ended."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except (OSError, IndexError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def cpu_seconds(pid: int) -> float:
    """Return what a process has used of the processor so far; 0 once it has ended."""
    try:
        # The name in the second field may have spaces, and ends with the last parenthesis.
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
