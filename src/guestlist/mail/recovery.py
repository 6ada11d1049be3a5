"""After a kill: what a dead worker held, decided by its journal.

No record: surely unsent, back to the queue at once. Accepted: recorded as sent. Only what was just being handed over is in
doubt, at most one mail for each connection; it goes out again under the same Message-ID, or is held where the shop wants to
decide. Without the journal, because the machine is gone, all that the worker held is in doubt.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Self

from guestlist.mail import claiming, recording
from guestlist.mail.config import Delivery
from guestlist.mail.journal import Journal, JournalInUseError, Mark
from guestlist.mail.kinds import Outcome, Row, Verdict
from guestlist.mail.recording import Settled
from guestlist.stores import config
from guestlist.stores.models import StoreView

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from guestlist.mail.kinds import Kind

log = logging.getLogger(__name__)

_AT_ONCE = 500
IN_DOUBT = "in_doubt"


@dataclass(slots=True)
class Recovered:
    """What was decided of rows that a worker left behind."""

    sent: int = 0
    in_doubt: int = 0
    released: int = 0

    @property
    def total(self) -> int:
        """How many rows that were."""
        return self.sent + self.in_doubt + self.released

    def __iadd__(self, other: Recovered) -> Self:
        self.sent += other.sent
        self.in_doubt += other.in_doubt
        self.released += other.released
        return self


def of_own(
    journal: Journal | None,
    *,
    worker: str,
    kinds: Mapping[str, Kind],
    now: datetime.datetime,
    jitter: Callable[[], float],
) -> None:
    """Decide the rows that this worker's name still holds from before; nothing else may hold rows by that name now."""
    _left_by(
        worker,
        partial(claiming.held_by, worker, most=_AT_ONCE),
        journal,
        kinds=kinds,
        now=now,
        jitter=jitter,
    )


def of_others(
    root: Path | None,
    *,
    worker: str,
    kinds: Mapping[str, Kind],
    now: datetime.datetime,
    jitter: Callable[[], float],
) -> None:
    """Decide the rows of other workers whose lease ran out, by their journals where these are on this machine.

    A worker that lives on this machine, because its journal is locked, decides its rows itself.
    """
    for name in claiming.expired_workers(now=now):
        if name == worker:
            continue
        try:
            journal = Journal.take(root, name) if root and name and (root / name).is_dir() else None
        except JournalInUseError:
            continue
        try:
            expired = partial(claiming.expired, worker=name, now=now, most=_AT_ONCE)
            _left_by(name, expired, journal, kinds=kinds, now=now, jitter=jitter)
        finally:
            if journal:
                journal.close()


def _left_by(
    worker: str,
    next_rows: Callable[[], list[Row]],
    journal: Journal | None,
    *,
    kinds: Mapping[str, Kind],
    now: datetime.datetime,
    jitter: Callable[[], float],
) -> None:
    """Decide rows of a worker until there are none; its journal begins anew once it says nothing of any row."""
    marks = journal.read() if journal else None
    done = Recovered()
    while rows := next_rows():
        done += _decide(rows, marks, worker=worker, kinds=kinds, now=now, jitter=jitter)
    if journal and not claiming.held_by(worker, most=1):
        journal.begin_anew()
    _tell(worker, done)


def _decide(
    rows: Sequence[Row],
    marks: Mapping[int, Mark] | None,
    *,
    worker: str,
    kinds: Mapping[str, Kind],
    now: datetime.datetime,
    jitter: Callable[[], float],
) -> Recovered:
    said = {row.pk: Mark.LEAVING if marks is None else marks.get(row.pk) for row in rows}
    sent = [row for row in rows if said[row.pk] is Mark.ACCEPTED]
    doubtful = [row for row in rows if said[row.pk] is Mark.LEAVING]
    unsent = [row.pk for row in rows if said[row.pk] in {None, Mark.REFUSED}]
    holding = _holding(doubtful)
    settled = [
        *(Settled(Outcome(row, Verdict.ACCEPTED, "250", "", now)) for row in sent),
        *(
            Settled(Outcome(row, Verdict.IN_DOUBT, IN_DOUBT, "", now), is_held=row.store_view_id in holding)
            for row in doubtful
        ),
    ]
    if settled:
        recording.record(settled, kinds=kinds, worker=worker, now=now, jitter=jitter)
    claiming.release(ids=unsent, worker=worker)
    return Recovered(len(sent), len(doubtful), len(unsent))


def _holding(rows: Sequence[Row]) -> set[int]:
    """Return the store views among those of the rows whose website holds mail in doubt."""
    views = StoreView.objects.in_bulk({row.store_view_id for row in rows})
    options = config.resolve_each(Delivery, list(views.values()))
    return {pk for pk in views if options[pk].in_doubt == "hold"}


def _tell(worker: str, done: Recovered) -> None:
    if done.total:
        log.warning(
            "Worker %s left %s mails: %s were sent, %s go back to the queue, %s are in doubt.",
            worker,
            done.total,
            done.sent,
            done.released,
            done.in_doubt,
        )
