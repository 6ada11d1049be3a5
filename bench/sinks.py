"""Mail servers that take everything: the compiled one of this folder, and Debian's smtp-sink."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import struct
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bench.processes import BUILD, ROOT, TooLongError, environment, program, running, until

if TYPE_CHECKING:
    from collections.abc import Iterator

_SOURCE = Path(__file__).with_name("sink.c")
_SEEN = struct.Struct("=5Q")


@dataclass(frozen=True, slots=True)
class Seen:
    """What a sink saw so far; times are the monotonic clock's, in seconds, 0 for never."""

    connections: int
    mails: int
    size: int
    first_at: float
    last_at: float

    @property
    def rate(self) -> float:
        """Mails per second, from the first MAIL to the last 250."""
        return self.mails / (self.last_at - self.first_at) if self.last_at > self.first_at else 0.0


@dataclass(frozen=True, slots=True)
class Sink:
    """A running sink."""

    port: int
    _file: Path

    def seen(self) -> Seen:
        """Look at its counts; costs it nothing."""
        connections, mails, size, first, last = _SEEN.unpack(self._file.read_bytes())
        return Seen(connections, mails, size, first / 1e9, last / 1e9)


def compiled() -> Path:
    """Return the compiled sink, compiling it when it is missing or older than its source.

    :raises MissingPartError: when there is no C compiler.
    """
    made = BUILD / "sink"
    if not made.exists() or made.stat().st_mtime < _SOURCE.stat().st_mtime:
        compiler = program("cc", "gcc", "clang", package="gcc libc6-dev")
        BUILD.mkdir(parents=True, exist_ok=True)
        fresh = made.with_suffix(f".{os.getpid()}")
        subprocess.run([compiler, "-O2", "-o", str(fresh), str(_SOURCE)], check=True)
        fresh.replace(made)
    return made


@contextlib.contextmanager
def sink(folder: Path, *, delay_ms: float = 0, copies: Path | None = None) -> Iterator[Sink]:
    """Run our sink until the end of the block; with ``copies`` it writes down each mail's Message-ID and recipient."""
    file = folder / "seen"
    command: list[str | Path] = [compiled(), "-s", file, "-d", str(delay_ms)]
    if copies:
        command += ["-l", copies]
    with running(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        yield Sink(int(child.stdout.readline()), file)


@contextlib.contextmanager
def smtp_sink() -> Iterator[int]:
    """Run Debian's smtp-sink until the end of the block and give its port.

    :raises MissingPartError: when it is not installed.
    """
    command = [program("smtp-sink", package="postfix")]
    if os.geteuid() == 0:
        command += ["-u", "nobody"]
    port = free_port()
    with running([*command, f"127.0.0.1:{port}", "1024"]):
        until(lambda: _answers(port), seconds=5, what="smtp-sink answers")
        yield port


@dataclass(slots=True)
class Smart:
    """A running smart sink."""

    port: int
    log: Path
    _child: subprocess.Popen[bytes]
    _said: bytearray = field(default_factory=bytearray)

    def tell(self, line: str) -> None:
        """Give it a command."""
        assert self._child.stdin is not None
        self._child.stdin.write(line.encode() + b"\n")
        self._child.stdin.flush()

    def hears(self, word: str, *, seconds: float) -> str:
        """Wait for the line that begins with a word, skipping others, and return the rest of it.

        :raises TooLongError: when it does not come.
        """
        assert self._child.stdout is not None
        deadline = time.monotonic() + seconds
        while True:
            while b"\n" in self._said:
                line, _, self._said[:] = self._said.partition(b"\n")
                said, _, rest = line.decode().partition(" ")
                if said == word:
                    return rest
            ready = select.select([self._child.stdout], [], [], max(deadline - time.monotonic(), 0))[0]
            part = os.read(self._child.stdout.fileno(), 4096) if ready else b""
            if not part:
                raise TooLongError(f"The smart sink did not say “{word}” within {seconds:.0f} s.")
            self._said += part

    def count(self) -> int:
        """Return how many copies it has accepted."""
        self.tell("count")
        return int(self.hears("count", seconds=10))


@contextlib.contextmanager
def smart(log: Path, *, refuse: bool = False, certificate: Path | None = None) -> Iterator[Smart]:
    """Run the smart sink until the end of the block."""
    command: list[str | Path] = [sys.executable, "-m", "bench.smart", "--log", log]
    if refuse:
        command.append("--refuse")
    if certificate:
        command += ["--certificate", certificate]
    with running(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, env=environment({}), cwd=ROOT
    ) as child:
        sink = Smart(0, log, child)
        sink.port = int(sink.hears("port", seconds=10))
        yield sink


def first_connection(port: int, *, seconds: float) -> float:
    """Wait until somebody is connected to a port of this machine; returns when that was seen, by the monotonic clock.

    :raises TooLongError: when nobody is after these seconds.
    """
    ending = f":{port:04X}"
    listening = "0A"

    def connected() -> bool:
        lines = Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]
        return any(
            local.endswith(ending) and state == "01"
            for _number, local, _remote, state, *_rest in map(str.split, lines)
            if state != listening
        )

    until(connected, seconds=seconds, what=f"somebody connects to port {port}", every=0.002)
    return time.monotonic()


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            return connection.recv(3) == b"220"
    except OSError:
        return False
