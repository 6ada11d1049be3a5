"""Other projects that send mail from a queue, each in an environment of its own, doing the same work.

Per peer a list of pinned requirements (`NAME.txt`) and a project in one file (`NAME.py`).
"""

from __future__ import annotations

import json
import sys
import venv
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING

from bench import sinks
from bench.processes import BUILD, call, environment

if TYPE_CHECKING:
    from bench.database import PostgreSQL

_HERE = Path(__file__).parent
_INSTALL_SECONDS = 600
_RUN_SECONDS = 600

DJANGO = {"6.1": "6.1.3", "5.2": "5.2.19"}
"""The version that Guestlist runs on, and the one before, where a peer may be faster."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A project to compare with."""

    name: str
    goal: float
    """How many times as fast we want to be; 0 where it only stands beside."""
    settings: tuple[tuple[int, int], ...]
    """Processes and threads that the best is sought among."""
    is_helped: bool = False
    """Whether it keeps its connection open, which it does not as it comes."""

    @property
    def module(self) -> str:
        """The name of its files here."""
        return self.name.replace("-", "_")

    @property
    def key(self) -> str:
        """The name of its figures."""
        return f"{self.module}{'_helped' * self.is_helped}"


PEERS = (
    Peer("django-post-office", 25, ((1, 4), (1, 8), (1, 16), (2, 4), (2, 8), (2, 16))),
    Peer("django-invitations", 40, ((1, 1),)),
    Peer("django-invitations", 0, ((1, 1),), is_helped=True),
    Peer("django-mailer", 60, ((1, 1), (2, 1))),
)


@dataclass(frozen=True, slots=True)
class Best:
    """The best that a peer did with so many processes."""

    rate: float
    processes: int
    threads: int


def measure(
    peer: Peer, *, django: str, server: PostgreSQL, letter: Path, mails: int, first_setting_only: bool = False
) -> list[Best]:
    """Return the best rates of a peer, one for each number of processes, in mails per second, to Debian's smtp-sink.

    :raises RuntimeError: when it did not send all mails.
    """
    python = _environment_of(peer, django)
    settings = peer.settings[:1] if first_setting_only else peer.settings
    best: dict[int, Best] = {}
    for processes, threads in settings:
        found = Best(_run(peer, python, server, letter, mails, processes, threads), processes, threads)
        if processes not in best or found.rate > best[processes].rate:
            best[processes] = found
    return list(best.values())


def again(peer: Peer, best: Best, *, django: str, server: PostgreSQL, letter: Path, mails: int) -> float:
    """Return the rate of a peer at its best setting once more, in mails per second.

    :raises RuntimeError: when it did not send all mails.
    """
    python = _environment_of(peer, django)
    return _run(peer, python, server, letter, mails, best.processes, best.threads)


def _run(
    peer: Peer, python: Path, server: PostgreSQL, letter: Path, mails: int, processes: int, threads: int
) -> float:
    database = f"peer_{peer.module}"
    BUILD.mkdir(parents=True, exist_ok=True)
    with sinks.smtp_sink() as port:
        work = {"database": server.create(database), "port": port, "mails": mails, "letter": str(letter)}
        work |= {"processes": processes, "threads": threads, "is_helped": peer.is_helped}
        printed = call(
            [python, "-W", "ignore", _HERE / f"{peer.module}.py", json.dumps(work)],
            seconds=_RUN_SECONDS,
            env=environment({}),
            cwd=BUILD,
        )
    server.drop(database)
    did = json.loads(printed.splitlines()[-1])
    if did["mails"] != mails:
        raise RuntimeError(f"{peer.name} sent {did['mails']} of {mails} mails.")
    return float(mails / did["seconds"])


def _environment_of(peer: Peer, django: str) -> Path:
    """Return the Python of a peer's environment, made on first use and when its list changes."""
    folder = BUILD / f"{peer.module}-{django}"
    python, stamp = folder / "bin" / "python", folder / "requirements"
    wanted = (_HERE / f"{peer.module}.txt").read_text(encoding="utf-8") + f"django=={DJANGO[django]}\n"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted and python.exists():
        return python
    print(f"  installing {peer.name} with Django {DJANGO[django]} …", file=sys.stderr, flush=True)
    uv = which("uv")
    if uv:
        call([uv, "venv", "--quiet", "--clear", "--python", sys.executable, folder], seconds=_INSTALL_SECONDS)
    else:
        venv.create(folder, clear=True, with_pip=True, symlinks=True)
    fresh = folder / "requirements.new"
    fresh.write_text(wanted, encoding="utf-8")
    install: list[str | Path] = [
        python,
        "-m",
        "pip",
        "install",
        "-qq",
        "--disable-pip-version-check",
        "--no-input",
    ]
    if uv:
        install = [uv, "pip", "install", "--quiet", "--python", python]
    call([*install, "-r", fresh], seconds=_INSTALL_SECONDS)
    fresh.rename(stamp)
    return python
