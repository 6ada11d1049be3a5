"""The roof: how fast a load generator in C, which makes every mail once and sends it again and again, drives a sink."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from bench import sinks
from bench.processes import call, program

if TYPE_CHECKING:
    from pathlib import Path

TRIED = (10, 20, 32)
"""Numbers of connections that the best is sought among."""
_SECONDS = 300


def generate(port: int, *, connections: int, mails: int, size: int) -> float:
    """Send mails of so many bytes with smtp-source, which keeps its connections; returns mails per second.

    :raises MissingPartError: when smtp-source is not installed.
    """
    command = [program("smtp-source", package="postfix"), "-d", "-s", str(connections), "-m", str(mails)]
    command += ["-l", str(size), "-f", "shop@example.com", "-t", "friend@example.com", f"127.0.0.1:{port}"]
    started = time.monotonic()
    call(command, seconds=_SECONDS)
    return mails / (time.monotonic() - started)


def of_smtp_sink(*, connections: int, mails: int, size: int) -> float:
    """Return the generator's mails per second against Debian's smtp-sink."""
    with sinks.smtp_sink() as port:
        return generate(port, connections=connections, mails=mails, size=size)


def of_sink(folder: Path, *, connections: int, mails: int, size: int, delay_ms: float = 0) -> float:
    """Return the generator's mails per second against our sink."""
    with sinks.sink(folder, delay_ms=delay_ms) as sink:
        return generate(sink.port, connections=connections, mails=mails, size=size)
