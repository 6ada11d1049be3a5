"""Outcomes on their way into the database: gathered for a moment, recorded together, and kept while it is away."""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING

from django.db import InterfaceError, OperationalError, close_old_connections

from guestlist.mail import recording
from guestlist.mail.answers import Answer, Result
from guestlist.mail.kinds import Outcome, Verdict
from guestlist.mail.recording import Settled
from guestlist.stores import waiting

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Iterable

    from guestlist.mail.delivery import Delivery
    from guestlist.mail.parcels import Parcel

log = logging.getLogger(__name__)

_RECORD_AT = 1_000
"""With so many outcomes they are recorded, or when the first has waited for `_RECORD_EVERY` seconds."""
_AT_ONCE = 1_000
"""At most so many outcomes are recorded together."""
_RECORD_EVERY = 0.25
_PAUSES = (0.2, 0.5, 1.0, 2.0, 5.0)
"""Seconds until a database that was away is tried again."""
_VERDICTS = {
    Result.ACCEPTED.value: Verdict.ACCEPTED,
    Result.DEFERRED.value: Verdict.DEFERRED,
    Result.BOUNCED.value: Verdict.BOUNCED,
    Result.FAILED.value: Verdict.FAILED,
}


class Settling:
    """What came of mails, until it is recorded."""

    def __init__(self, delivery: Delivery, stop: Callable[[], bool]) -> None:
        """Begin with nothing."""
        self.delivery = delivery
        self.stop = stop
        self.tries = 0
        """How often recording failed since it last went well."""
        self._answers: deque[tuple[Parcel, Answer, datetime.datetime]] = deque()
        self._settled: deque[Settled] = deque()
        self._since = 0.0
        """When the first that is not recorded yet was settled; 0 while there is none."""

    def __len__(self) -> int:
        """Return how many are not recorded yet."""
        return len(self._answers) + len(self._settled)

    def answered(self, parcel: Parcel, answer: Answer) -> None:
        """Take what the server said of a mail."""
        self._answers.append((parcel, answer, self.delivery.clock()))

    def ended(self, outcomes: Iterable[Outcome]) -> None:
        """Take what came of mails that never left."""
        self._settled.extend([Settled(outcome) for outcome in outcomes])

    def is_due(self, now: float) -> bool:
        """Tell whether it is time to record; `now` is of the monotonic clock."""
        if not self:
            return False
        if not self._since:
            self._since = now
        if self.tries:
            return now - self._since > self.pause
        return len(self) >= _RECORD_AT or now - self._since > _RECORD_EVERY

    @property
    def pause(self) -> float:
        """Seconds until a database that was away is tried again."""
        return _PAUSES[min(self.tries, len(_PAUSES)) - 1]

    def record(self) -> tuple[list[int], list[Outcome]]:
        """Record some; returns the ids of their mails and the outcomes as they were written.

        Where the database is away they stay: what was sent must not be forgotten.
        """
        some = [self._settled.popleft() for _ in range(min(len(self._settled), _AT_ONCE))]
        left = min(len(self._answers), _AT_ONCE - len(some))
        try:
            for _ in waiting.unhurried(range(left)):
                some.append(_settled(*self._answers.popleft()))  # noqa: PERF401 - what was taken is put back if this is cut short
            outcomes = recording.record(
                some,
                kinds=self.delivery.kinds,
                worker=self.delivery.worker,
                now=self.delivery.clock(),
                jitter=self.delivery.jitter,
            )
        except BaseException as error:
            # They stay settled, or they would be put back to the queue.
            self._settled.extendleft(reversed(some))
            if not isinstance(error, OperationalError | InterfaceError) or self.stop():
                raise  # the journal knows what was sent
            log.warning("The database is away; %s outcomes wait to be recorded.", len(some))
            self.tries += 1
            close_old_connections()
            return [], []
        finally:
            self._since = 0.0
        self.tries = 0
        return [one.outcome.message.pk for one in some], outcomes

    def ids(self) -> set[int]:
        """Return the ids of the mails whose outcome is not recorded yet."""
        ids = {one.outcome.message.pk for one in self._settled}
        return ids | {parcel.row.pk for parcel, _answer, _at in self._answers}


def _settled(parcel: Parcel, answer: Answer, now: datetime.datetime) -> Settled:
    verdict = _VERDICTS[answer.result.value]
    outcome = Outcome(parcel.row, verdict, answer.code, answer.text, now, answer.no_such_address)
    return Settled(outcome, parcel.address_hash, answer.again_after, parcel.not_after)
