"""One measured run: a shop whose outbox is full, a sink, and workers that are started before and released at once."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from bench import sinks
from bench.processes import TooLongError, cpu_seconds, memory_mb, until
from bench.shop import Shop

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import Any

    from bench.database import PostgreSQL

CONNECTIONS = 16
BEST = {"GUESTLIST_LOCKS": "invitations.batch_size=1000"}
"""What a shop that sends by the hundred thousand would set; others are measured at their best too."""
RUN_DATABASE = "bench_run"
_MAILS_PER_CONNECTION = 100_000
_START_SECONDS = 60
_STALLED_SECONDS = 60
_PROGRESS_SECONDS = 3
_SAMPLE_SECONDS = 0.25
_AFTER_START = 0.5
"""Seconds from a worker's first line to when it has looked at the empty outbox."""


@dataclass(frozen=True, slots=True)
class Run:
    """What one run came to."""

    mails: int
    seconds: float
    """From the first MAIL (with smtp-sink: the first connection) to the last commit."""
    size: int = 0
    """Bytes of a mail, on average."""
    cpu_seconds: float = 0
    """What the workers' processes used of the processor."""
    memory: list[tuple[int, float]] = field(default_factory=list)
    """Mails taken by the server so far, and what the first worker held in memory then, in MB."""

    @property
    def rate(self) -> float:
        """Mails per second."""
        return self.mails / self.seconds


@dataclass(slots=True)
class Setting:
    """How a run is set up."""

    connections: int = CONNECTIONS
    workers: int = 1
    settings: dict[str, str] = field(default_factory=lambda: dict(BEST))
    query: str = ""
    """More of the address of the mail server."""

    def url(self, port: int) -> str:
        """Return what a worker is told of the mail server."""
        return (
            f"smtp://127.0.0.1:{port}?connections={self.connections}"
            f"&mails_per_connection={_MAILS_PER_CONNECTION}{self.query}"
        )


@dataclass(slots=True)
class Copied:
    """Runs on copies of one filled PostgreSQL database, so that each begins alike."""

    server: PostgreSQL
    original: str
    mails: int
    folder: Path

    def to_sink(
        self, setting: Setting | None = None, *, delay_ms: float = 0, copies: Path | None = None
    ) -> Run:
        """Measure a run against our sink."""
        setting = setting or Setting()
        with self._shop(setting) as shop, sinks.sink(self.folder, delay_ms=delay_ms, copies=copies) as sink:
            run = deliver(shop, setting, sink, mails=self.mails)
            _check(shop, self.mails)
        return run

    def to_smtp_sink(self, setting: Setting | None = None) -> Run:
        """Measure a run against Debian's smtp-sink."""
        setting = setting or Setting()
        with (
            self._shop(setting) as shop,
            sinks.smtp_sink() as port,
            _working(shop, setting, port) as workers,
        ):
            shop.release()
            first = sinks.first_connection(port, seconds=_START_SECONDS)
            # Asked seldom: here nothing else tells when it is worth asking.
            _wait(shop.is_settled, lambda: shop.states()["sent"], workers, every=0.05)
            last = time.monotonic()
            _check(shop, self.mails)
        return Run(self.mails, last - first)

    def to_smart(self, setting: Setting, log: Path, *, certificate: Path | None = None) -> Run:
        """Measure a run against the smart sink, with STARTTLS where there is a certificate."""
        log.unlink(missing_ok=True)
        with (
            self._shop(setting) as shop,
            sinks.smart(log, certificate=certificate) as smart,
            _working(shop, setting, smart.port) as workers,
        ):
            shop.release()
            first = sinks.first_connection(smart.port, seconds=_START_SECONDS)
            _wait(shop.is_settled, lambda: log.stat().st_size, workers, every=0.05)
            last = time.monotonic()
            _check(shop, self.mails)
        return Run(self.mails, last - first)

    @contextlib.contextmanager
    def _shop(self, setting: Setting) -> Iterator[Shop]:
        folder = self.folder / "shop"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        shop = Shop(
            self.server.create(RUN_DATABASE, copy_of=self.original), folder, settings=setting.settings
        )
        with contextlib.closing(shop):
            yield shop


def deliver(shop: Shop, setting: Setting, sink: sinks.Sink, *, mails: int) -> Run:
    """Let a filled shop deliver to our sink and return how long it took."""
    memory: list[tuple[int, float]] = []
    with _working(shop, setting, sink.port) as workers:
        before = sum(cpu_seconds(one.pid) for one in workers)
        shop.release()

        def taken() -> int:
            count = sink.seen().mails
            if not memory or time.monotonic() - sampled[0] > _SAMPLE_SECONDS:
                sampled[0] = time.monotonic()
                memory.append((count, memory_mb(workers[0].pid)))
            return count

        sampled = [0.0]
        _wait(lambda: taken() >= mails, taken, workers, every=0.005)
        _wait(shop.is_settled, taken, workers)
        last = time.monotonic()
        used = sum(cpu_seconds(one.pid) for one in workers) - before
        seen = sink.seen()
    return Run(mails, last - seen.first_at, seen.size // mails, used, memory)


@contextlib.contextmanager
def _working(shop: Shop, setting: Setting, port: int) -> Iterator[list[subprocess.Popen[Any]]]:
    with contextlib.ExitStack() as stack:
        names = [f"bench-{number}" for number in range(setting.workers)]
        workers = [stack.enter_context(shop.worker(setting.url(port), name=name)) for name in names]
        for name in names:
            until(partial(shop.has_started, name), seconds=_START_SECONDS, what=f"worker {name} starts")
        time.sleep(_AFTER_START)
        try:
            yield workers
        except TooLongError as error:
            for name in names:
                error.add_note(f"{name}: {shop.log(name)[-2000:]}")
            raise


def _wait(
    done: Callable[[], bool],
    progress: Callable[[], int],
    workers: list[subprocess.Popen[Any]],
    *,
    every: float = 0.02,
) -> None:
    """Wait until done, as long as there is progress and every worker lives."""
    seen, since = -1, time.monotonic()
    while not done():
        time.sleep(every)
        if time.monotonic() - since < _PROGRESS_SECONDS:
            continue
        now = progress()
        if now != seen:
            seen, since = now, time.monotonic()
        elif time.monotonic() - since > _STALLED_SECONDS or any(one.poll() is not None for one in workers):
            raise TooLongError(f"Delivery came to a halt after {now}.")


def _check(shop: Shop, mails: int) -> None:
    states = shop.states()
    if states != Counter(sent=mails):
        raise RuntimeError(f"Of {mails} mails, all should be sent: {dict(states)}")
