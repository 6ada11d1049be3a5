"""What the parts of the delivery benchmark share: the server, the filled outboxes, how often something is repeated."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import fmean, median
from typing import TYPE_CHECKING

from bench import multiplying
from bench.delivering import RUN_DATABASE, Copied, Run
from bench.shop import Shop

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bench.database import PostgreSQL
    from bench.figures import Report

_FILLED_BY_ACTIONS = 20_000


@dataclass(frozen=True, slots=True)
class Beside:
    """Two things that were measured by turns: medians, and the median of what each run is of what stands beside it."""

    rate: float
    other: float
    ratio: float


@dataclass(slots=True)
class Bench:
    """What the parts share."""

    report: Report
    server: PostgreSQL
    folder: Path
    mails: int
    repeats: int
    memory: int
    """Over how many mails a worker's memory is watched."""
    own: float = 0
    """Mails per second against our own sink."""
    size: int = 0
    """Bytes of one of our mails."""
    made: set[str] = field(default_factory=set)
    """Databases that are filled."""

    @property
    def quick(self) -> bool:
        """Whether this run is a short one."""
        return self.report.quick

    def filled(self, *, built_in: bool = False, mails: int = 0) -> Copied:
        """Return runs on a filled outbox, which is made when it is first asked for."""
        mails = mails or self.mails
        base = min(mails, _FILLED_BY_ACTIONS)
        times = mails // base
        name = f"bench_{base * times}{'_built_in' * built_in}"
        if name not in self.made:
            shop = Shop(self.server.create(name), self.folder)
            shop.migrate()
            shop.fill(base, built_in=built_in)
            if times > 1:
                with self.server.connect(name) as connection:
                    multiplying.multiply(connection, times=times)
            self.server.settle(name)
            self.made.add(name)
        return Copied(self.server, name, base * times, self.folder)

    def drop(self, filled: Copied) -> None:
        """Drop a filled outbox that is not needed any more, and the copy that ran last."""
        self.made.discard(filled.original)
        for name in (filled.original, RUN_DATABASE):
            self.server.drop(name)

    def beside(self, run: Callable[[], Run], other: Callable[[], float]) -> Beside:
        """Return the rate of a run and of something else that is measured before and after each: machines have moods."""
        others = [other()]
        rates: list[float] = []
        for _time in range(self.repeats):
            rates.append(run().rate)
            others.append(other())
        ratios = [rate / fmean(others[index : index + 2]) for index, rate in enumerate(rates)]
        return Beside(median(rates), median(others), median(ratios))

    def median(self, run: Callable[[], Run]) -> float:
        """Return the rate of a run, in the full benchmark the median of several."""
        return median(run().rate for _time in range(self.repeats))
