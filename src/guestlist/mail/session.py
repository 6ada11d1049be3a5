"""One run of a worker's delivery: what it has in hand, and the supply that the transport takes from.

One thread does all of it. What the database works on, it does not wait for: meanwhile mails are filled in and connections
served, because threads would queue for the interpreter, and pay for each change of turns.
"""

from __future__ import annotations

import logging
import re
import time
from collections import deque
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import InterfaceError, OperationalError, close_old_connections

from guestlist.mail import claiming, feeding, pacing, preparing, recording
from guestlist.mail.answers import Answer, Result
from guestlist.mail.kinds import Outcome, Verdict
from guestlist.mail.models import Send, SenderIdentity
from guestlist.mail.recording import Settled
from guestlist.stores import memory, waiting

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Iterable

    from guestlist.mail.delivery import Delivery
    from guestlist.mail.kinds import Row
    from guestlist.mail.parcels import Parcel
    from guestlist.mail.preparing import Found
    from guestlist.stores.waiting import Attend

log = logging.getLogger(__name__)

LEAST_LEASE = timedelta(seconds=30)
"""With less than this left, beside the time that an answer may take, nothing is handed over: another worker might soon do
the same."""
_RECORD_AT = 500
"""With so many outcomes they are recorded, or when the first has waited for `_RECORD_EVERY` seconds."""
_AT_ONCE = 1_000
"""At most so many outcomes are recorded together."""
_IN_STOCK = 1_500
"""With fewer mails than this before the connections, more are claimed."""
_FILLED = 1_000
"""At most so many mails are filled in ahead of the connections."""
_SLICE = 64
"""Mails that are filled in at a time, because the processor is quicker at more of the same; connections wait meanwhile."""
_RECORD_EVERY = 0.05
_LOOK_EVERY = 0.25
"""Seconds between looks at the switches of what is under way: pause, stop, hold."""
_REMEMBERED = 1.0
"""Seconds for which options, templates and senders may be older than what is configured."""
_LONGEST_SESSION = 60.0
"""Seconds after which nothing more is claimed, so that nothing is kept for ever."""
_VERDICTS = {
    Result.ACCEPTED.value: Verdict.ACCEPTED,
    Result.DEFERRED.value: Verdict.DEFERRED,
    Result.BOUNCED.value: Verdict.BOUNCED,
    Result.FAILED.value: Verdict.FAILED,
}
_RECORD_PAUSES = (0.2, 0.5, 1.0, 2.0, 5.0)


@dataclass(slots=True)
class Tally:
    """What one run did, in mails."""

    reclaimed: int = 0
    claimed: int = 0
    released: int = 0
    verdicts: dict[Verdict, int] = field(default_factory=dict)
    unreachable: str = ""
    """Why there was no server to talk to, or empty."""

    def count(self, outcomes: Iterable[Outcome]) -> None:
        """Add what became of some mails."""
        for outcome in outcomes:
            self.verdicts[outcome.verdict] = self.verdicts.get(outcome.verdict, 0) + 1


class Session:
    """One run: what is in hand, and the supply that the transport takes from."""

    def __init__(
        self, delivery: Delivery, tally: Tally, stop: Callable[[], bool], most_batches: int | None
    ) -> None:
        self.delivery = delivery
        self.tally = tally
        self.stop = stop
        self.batches_left = most_batches
        self.until = time.monotonic() + _LONGEST_SESSION
        self.fed = False
        """Nothing more is claimed."""
        self.failure: Exception | None = None
        self.found: deque[Found] = deque()
        self.ready: deque[Parcel] = deque()
        self.answers: deque[tuple[Parcel, Answer, datetime.datetime]] = deque()
        self.settled: deque[Settled] = deque()
        """What came of mails that never left."""
        self.refusals: deque[tuple[Parcel, Answer]] = deque()
        self.leave_until: dict[int, datetime.datetime] = {}
        """What is leased to this worker: until when each mail may leave, at the latest."""
        self.under_way: dict[int, Parcel] = {}
        self.sends: set[int] = set()
        self.senders: set[int] = set()
        self.off: tuple[frozenset[int], frozenset[int]] = (frozenset(), frozenset())
        self.refused: set[int] = set()
        self.too_old: datetime.datetime | None = None
        """What had to leave by then is not handed over any more."""
        self.some_off = False
        """Whether there is any mail in hand that may not leave."""
        self.ended = False
        """What `_ends` said last: `take` asks for each mail, and whoever stops a worker can wait for a turn."""
        self.least_lease = LEAST_LEASE + timedelta(seconds=delivery.transport.patience)
        self.looked_at = time.monotonic()
        self.settled_since = 0.0
        """When the first that is not recorded yet was settled; 0 while there is none."""
        self.record_tries = 0

    def run(self) -> None:
        """Deliver; whatever happens, what was not handed over is put back."""
        with memory.using(memory.Memory(_REMEMBERED)):
            try:
                self.work()
                if self.found or self.ready:
                    self.tally.unreachable = self.delivery.transport.carry(self) or self.tally.unreachable
                self._finish()
            finally:
                self._release()
        if self.failure is not None:
            raise self.failure

    # --- What the transport asks -------------------------------------------------------------------------------------

    def take(self) -> Parcel | None:
        """Return the next mail, or None when there is none right now."""
        while self.ready or self.fill():
            if self.ended:
                return None
            if not self.ready:
                continue  # none of those could be made
            parcel = self.ready.popleft()
            if not (self.some_off and self._is_off(parcel.row)):
                self.under_way[parcel.row.pk] = parcel
                return parcel
            # It stays in hand, and is put back with the rest.
        return None

    def waiting(self) -> int:
        """Return about how many could be taken right now."""
        if self._ends():
            return 0
        while self.ready and self._is_off(self.ready[0].row):
            self.ready.popleft()
        while not self.ready and self.found and self._is_off(self.found[0].row):
            self.found.popleft()
        return len(self.ready) + len(self.found)

    def over(self) -> bool:
        """Tell that no more will come."""
        return self._ends() or (self.fed and not self.ready and not self.found)

    def may_leave(self, parcel: Parcel) -> bool:
        """Tell whether the mail may be handed over now, and write down that it is."""
        if self.failure is not None or (self.some_off and self._is_off(parcel.row)):
            return False
        # The answer must come while the mail is still ours: else another worker may take it for lost meanwhile.
        if self.delivery.clock() > self.leave_until[parcel.row.pk]:
            self.too_old = self.leave_until[parcel.row.pk]
            self.some_off = True
            return False
        if self.delivery.journal is not None:
            try:
                self.delivery.journal.leaving(parcel.row.pk)
            except OSError as error:
                log.error("The journal cannot be written, no mail leaves: %s", error)  # noqa: TRY400
                self.failure = error
                return False
        return True

    def answered(self, parcel: Parcel, answer: Answer) -> None:
        """Take what came of a mail."""
        del self.under_way[parcel.row.pk]
        if self.delivery.journal is not None:
            accepted = answer.result is Result.ACCEPTED
            code = int(answer.code) if answer.code.isdigit() else 0
            self.delivery.journal.answered(parcel.row.pk, code, accepted=accepted)
        if answer.result is Result.UNREACHABLE:
            self.tally.unreachable = answer.text or answer.code
            return
        answer = _nameless(answer, parcel.recipient)
        if answer.result is Result.REFUSED_US:
            self.refused.add(parcel.row.sender_id)
            self.some_off = True
            self.refusals.append((parcel, answer))
            return
        self.answers.append((parcel, answer, self.delivery.clock()))

    def give_back(self, parcel: Parcel) -> None:
        """Take back a mail that was not handed over: it is put back to the queue with the rest, or tried again."""
        del self.under_way[parcel.row.pk]
        if parcel.returned and not self._is_off(parcel.row) and not self.stop():
            self.ready.append(parcel)

    def work(self, attend: Attend | None = None) -> bool:
        """Do a piece of what is to be done beside handing over, and attend to connections while the database works.

        Returns False when there is nothing to do right now.
        """
        due = self._due()
        if not due:
            return self.fill()
        try:
            with waiting.meanwhile(attend and self._guarded(attend)):
                for piece in due:
                    piece()
        except Exception as error:  # noqa: BLE001 - raised again when all connections have come to rest
            self.failure = self.failure or error
        return True

    def fill(self) -> bool:
        """Fill in a few of the mails that were found; false when there are none."""
        if self._ends() or not self.found or len(self.ready) >= _FILLED:
            return False
        now = self.delivery.clock()
        for _ in range(min(_SLICE, len(self.found))):
            made = preparing.fill(self.found.popleft(), signer=self.delivery.signer, now=now)
            if isinstance(made, Outcome):
                self.settled.append(Settled(made))
            else:
                self.ready.append(made)
        return True

    # --- The parts of the work -----------------------------------------------------------------------------------------

    def _due(self) -> list[Callable[[], None]]:
        """Return what is to be asked of the database now, the most urgent first."""
        if self._ends() and self.failure is not None:
            return []
        now = time.monotonic()
        due = []
        if self.refusals:
            due.append(self._stop_senders)
        if now - self.looked_at > _LOOK_EVERY and self.leave_until:
            due.append(self._look)
        if (self.answers or self.settled) and self._is_time_to_record(now):
            due.append(self._record_some)
        elif not self.fed and len(self.ready) + len(self.found) < _IN_STOCK:
            due.append(self._feed)
        return due

    def _guarded(self, attend: Attend) -> Attend:
        """Return what attends and raises nothing: an error would leave the database in the middle of a statement."""

        def guarded(file: int, events: int) -> None:
            if self.failure is None:
                try:
                    attend(file, events)
                except Exception as error:  # noqa: BLE001 - raised again when all connections have come to rest
                    self.failure = error

        return guarded

    def _feed(self) -> None:
        """Claim a batch and find out what is still to be sent of it."""
        if self.batches_left == 0 or self._ends() or time.monotonic() > self.until:
            self.fed = True
            return
        delivery, now = self.delivery, self.delivery.clock()
        batch = delivery.feeder.claim(now=now)
        if batch is None:
            self.fed = True
            return
        if self.batches_left is not None:
            self.batches_left -= 1
        self.tally.claimed += len(batch.rows)
        self.leave_until |= dict.fromkeys(
            [row.pk for row in batch.rows], batch.lease_until - self.least_lease
        )
        self.senders |= {row.sender_id for row in batch.rows}
        self.sends |= {row.send_id for row in batch.rows if row.send_id is not None}
        found, lost = preparing.look_up(batch.rows, kinds=delivery.kinds, now=now)
        allowed, later = feeding.within_domains(found, is_bulk=batch.is_bulk, now=now)
        pacing.give_back(batch.limits, count=len(batch.rows) - len(allowed), now=now)
        for moment, ids in later.items():
            claiming.release(ids=ids, worker=delivery.worker, ready_at=moment, code="domain_limit")
            self._forget(ids)
        self.settled.extend(Settled(outcome) for outcome in lost)
        self.found.extend(allowed)

    def _is_time_to_record(self, now: float) -> bool:
        if not self.settled_since:
            self.settled_since = now
        if self.record_tries:
            return now - self.settled_since > self._record_pause()
        return len(self.answers) + len(self.settled) >= _RECORD_AT or now - self.settled_since > _RECORD_EVERY

    def _record_pause(self) -> float:
        """Return the seconds until a database that was away is tried again."""
        return _RECORD_PAUSES[min(self.record_tries, len(_RECORD_PAUSES)) - 1]

    def _finish(self) -> None:
        """Write down all that is left to be written, and wait for a database that is away."""
        while self.answers or self.settled:
            if self.record_tries:
                time.sleep(self._record_pause())
            self._record_some()
        self._stop_senders()

    def _record_some(self) -> None:
        """Record what is settled; where the database is away it stays settled: what was sent must not be forgotten."""
        some = [self.settled.popleft() for _ in range(min(len(self.settled), _AT_ONCE))]
        some += [
            _settled(*self.answers.popleft()) for _ in range(min(len(self.answers), _AT_ONCE - len(some)))
        ]
        try:
            outcomes = recording.record(
                some,
                kinds=self.delivery.kinds,
                worker=self.delivery.worker,
                now=self.delivery.clock(),
                jitter=self.delivery.jitter,
            )
        except BaseException as error:
            # They stay settled, or they would be put back to the queue.
            self.settled.extendleft(reversed(some))
            if not isinstance(error, OperationalError | InterfaceError) or self.stop():
                raise  # the journal knows what was sent
            log.warning("The database is away; %s outcomes wait to be recorded.", len(some))
            self.record_tries += 1
            close_old_connections()
            return
        finally:
            self.settled_since = 0.0
        self.record_tries = 0
        ids = [one.outcome.message.pk for one in some]
        if self.delivery.journal is not None:
            self.delivery.journal.recorded(ids)
        self._forget(ids)
        self.tally.count(outcomes)

    def _stop_senders(self) -> None:
        """Stop the senders that the server refuses, whoever they write to."""
        while self.refusals:
            self.delivery.feeder.look_again()
            parcel, answer = self.refusals[0]
            recording.stop_sender(
                parcel.row,
                code=answer.code,
                answer=answer.text,
                worker=self.delivery.worker,
                now=self.delivery.clock(),
            )
            self.refusals.popleft()
            self.tally.released += 1
            self._forget([parcel.row.pk])

    def _look(self) -> None:
        """See whether somebody paused, stopped or held something that is under way."""
        self.looked_at = time.monotonic()
        try:
            running = set(Send.objects.running().filter(pk__in=self.sends).values_list("pk", flat=True))
            going = SenderIdentity.objects.filter(pk__in=self.senders, stopped_at=None, held_at=None)
            self.off = (
                frozenset(self.sends - running),
                frozenset(self.senders - set(going.values_list("pk", flat=True))),
            )
            self.some_off = any(self.off) or bool(self.refused) or self.too_old is not None
        except (OperationalError, InterfaceError):
            close_old_connections()

    def _is_off(self, row: Row) -> bool:
        sends, senders = self.off
        if row.send_id in sends or row.sender_id in senders or row.sender_id in self.refused:
            return True
        return self.too_old is not None and self.leave_until[row.pk] <= self.too_old

    def _ends(self) -> bool:
        """Tell whether nothing more may leave: somebody said so, or a part of the work failed."""
        self.ended = self.failure is not None or self.stop()
        return self.ended

    def _forget(self, ids: Iterable[int]) -> None:
        for message_id in ids:
            self.leave_until.pop(message_id, None)

    def _release(self) -> None:
        """Put back what was not handed over; where nobody knows, recovery decides."""
        unclear = {one.outcome.message.pk for one in self.settled} | set(self.under_way)
        unclear |= {parcel.row.pk for parcel, _answer, _at in self.answers}
        self.delivery.left_behind |= bool(unclear)
        left = set(self.leave_until) - unclear
        if not left:
            return
        try:
            self.tally.released += claiming.release(ids=left, worker=self.delivery.worker)
            if self.delivery.journal is not None:
                self.delivery.journal.recorded(left)
        except (OperationalError, InterfaceError):
            self.delivery.left_behind = True
            log.warning("%s mails cannot be put back while the database is away.", len(left))


def _nameless(answer: Answer, recipient: str) -> Answer:
    """Return the answer without the address: servers repeat it, but what is kept must not outlive its erasure."""
    if "@" not in answer.text or recipient.lower() not in answer.text.lower():
        return answer
    return answer._replace(text=re.sub(re.escape(recipient), "…", answer.text, flags=re.IGNORECASE))


def _settled(parcel: Parcel, answer: Answer, now: datetime.datetime) -> Settled:
    verdict = _VERDICTS[answer.result.value]
    outcome = Outcome(parcel.row, verdict, answer.code, answer.text, now, answer.no_such_address)
    return Settled(outcome, parcel.address_hash, answer.again_after, parcel.not_after)
