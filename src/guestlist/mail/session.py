"""One run of a worker's delivery: what it has in hand, and the supply that the transport takes from.

One thread does all of it. What the database works on, it does not wait for: meanwhile mails are filled in and connections
served, because threads would queue for the interpreter, and pay for each change of turns.
"""

from __future__ import annotations

import logging
import math
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import InterfaceError, OperationalError, close_old_connections

from guestlist.mail import claiming, feeding, pacing, preparing, recording
from guestlist.mail.ahead import Ahead
from guestlist.mail.answers import Answer, Result, nameless
from guestlist.mail.kinds import Outcome, Verdict
from guestlist.mail.settling import Settling
from guestlist.mail.switches import Switches
from guestlist.stores import memory, waiting

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Collection, Iterable

    from guestlist.mail.delivery import Delivery
    from guestlist.mail.kinds import Row
    from guestlist.mail.pacing import Limit
    from guestlist.mail.parcels import Parcel
    from guestlist.mail.preparing import Found
    from guestlist.stores.waiting import Attendant

log = logging.getLogger(__name__)

LEAST_LEASE = timedelta(seconds=30)
"""With less than this left, beside the time that an answer may take, nothing is handed over: another worker might soon do
the same."""
_IN_STOCK = 1_500
"""Never more than this before the connections and another batch."""
_ASK_AGAIN = 1.0
"""Seconds after which a queue that was empty is asked again while mails are still under way."""
_FILLED = 1_000
"""At most so many mails are filled in ahead of the connections."""
_SLICE = 64
"""Mails that are filled in at a time, because the processor is quicker at more of the same; connections wait meanwhile."""
_REMEMBERED = 1.0
"""Seconds for which options, templates and senders may be older than what is configured."""
_NO_WORD = frozenset({"no_answer", "connection_lost", "unreadable_answer"})
"""Codes of our own after which nobody knows whether a mail that had left was taken."""
_TELL_EVERY = 10.0
"""Seconds from one line in the log to the next while it delivers."""
_LONGEST_SESSION = 60.0
"""Seconds after which nothing more is claimed, so that nothing is kept for ever."""


@dataclass(slots=True)
class Tally:
    """What one run did, in mails."""

    claimed: int = 0
    released: int = 0
    verdicts: dict[Verdict, int] = field(default_factory=dict)
    unreachable: str = ""
    """Why there was no server to talk to, or empty."""

    def __str__(self) -> str:
        counts = "".join(f" {verdict}={count}" for verdict, count in sorted(self.verdicts.items()))
        return f"claimed={self.claimed} released={self.released}{counts}"

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
        self.tell_at = time.monotonic() + _TELL_EVERY
        self.fed = False
        """Whether there was nothing to claim any more."""
        self.ask_again = math.inf
        self.failure: Exception | None = None
        self.found: deque[Found] = deque()
        self.ready: deque[Parcel] = deque()
        self.refusals: dict[int, tuple[Row, Answer]] = {}
        self.leave_until: dict[int, datetime.datetime] = {}
        """What is leased to this worker: until when each mail may leave, at the latest."""
        self.limits: dict[int, list[Limit]] = {}
        """What it was taken under, for what goes back; most shops have no limits."""
        self.under_way: dict[int, Parcel] = {}
        self.switches = Switches()
        self.settling = Settling(delivery, stop)
        self.ahead = Ahead()
        self.ended = False
        """What `_ends` said last: `take` asks for each mail, and whoever stops a worker can wait for a turn."""
        self.least_lease = LEAST_LEASE + timedelta(seconds=delivery.transport.patience)

    def run(self) -> None:
        """Deliver; whatever happens, what was not handed over is put back."""
        with memory.using(memory.Memory(_REMEMBERED)):
            try:
                self._carry()
                self._finish()
            finally:
                self._release()
        if self.failure is not None:
            raise self.failure

    # --- What the transport asks -------------------------------------------------------------------------------------

    def take(self) -> Parcel | None:
        """Return the next mail, or None when there is none right now."""
        if not self.switches.are_fresh:
            return None
        while self.ready or self.fill():
            if self.ended:
                return None
            if not self.ready:
                continue  # none of those could be made
            parcel = self.ready.popleft()
            if not (self.switches.any_off and self._is_off(parcel.row.pk, parcel)):
                self.under_way[parcel.row.pk] = parcel
                return parcel
            # It stays in hand, and is put back with the rest.
        return None

    def waiting(self) -> int:
        """Return about how many could be taken right now."""
        if self._ends() or not self.switches.are_fresh:
            return 0
        if self.switches.any_off:
            # They stay in hand until they are put back.
            while self.ready and self._is_off(self.ready[0].row.pk, self.ready[0]):
                self.ready.popleft()
            while self.found and self._is_off(self.found[0].row.pk, self.found[0]):
                self.found.popleft()
        return len(self.ready) + len(self.found)

    def over(self) -> bool:
        """Tell that no more will come."""
        return self._ends() or (self.fed and not self.ready and not self.found)

    def may_leave(self, parcel: Parcel) -> bool:
        """Tell whether the mail may be handed over now, and write down that it is."""
        pk = parcel.row.pk
        if self.failure is not None or (self.switches.any_off and self._is_off(pk, parcel)):
            return False
        # The answer must come while the mail is still ours: else another worker may take it for lost meanwhile.
        if self.delivery.clock() > self.leave_until[pk]:
            self.switches.too_late(self.leave_until[pk])
            return False
        if self.delivery.journal is not None:
            try:
                self.delivery.journal.leaving(pk)
            except OSError as error:
                log.error("The journal cannot be written, no mail leaves: %s", error)  # noqa: TRY400
                self.failure = error
                return False
        return True

    def answered(self, parcel: Parcel, answer: Answer) -> None:
        """Take what came of a mail."""
        pk = parcel.row.pk
        if self.delivery.journal is not None:
            accepted = None if answer.code in _NO_WORD else answer.result is Result.ACCEPTED
            code = int(answer.code) if answer.code.isdigit() else 0
            self.delivery.journal.answered(pk, code, accepted=accepted)
        if answer.result is Result.UNREACHABLE:
            self.tally.unreachable = answer.text or answer.code
        elif answer.result is Result.REFUSED_US:
            self.switches.refuse(parcel.row.sender_id)
            self.refusals[pk] = (parcel.row, nameless(answer))
        else:
            self.ahead.count()
            self.settling.answered(parcel, nameless(answer))
        del self.under_way[pk]

    def give_back(self, parcel: Parcel) -> None:
        """Take back a mail that was not handed over: it is put back to the queue with the rest, or tried again."""
        pk = parcel.row.pk
        del self.under_way[pk]
        if parcel.returned and not self._is_off(pk, parcel) and not self.stop():
            self.ready.append(parcel)

    def work(self, attendant: Attendant | None = None) -> bool:
        """Do a piece of what is to be done beside handing over, and attend to connections while the database works.

        Returns False when there is nothing to do right now.
        """
        due = self._due()
        if not due:
            return self.fill()
        try:
            with waiting.meanwhile(attendant and _Guarded(self, attendant)):
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
        single: list[Parcel] = []
        for _ in range(min(_SLICE, len(self.found))):
            made = preparing.fill(self.found.popleft(), signer=self.delivery.signer, now=now)
            if isinstance(made, Outcome):
                self.settling.ended([made])
            else:
                (self.ready if made.row.send_id else single).append(made)
        # What one person waits for goes before what goes to many.
        self.ready.extendleft(reversed(single))
        return True

    # --- The parts of the work -----------------------------------------------------------------------------------------

    def _carry(self) -> None:
        try:
            self.work()
            if self.found or self.ready:
                self.tally.unreachable = self.delivery.transport.carry(self) or self.tally.unreachable
        except Exception as error:  # noqa: BLE001 - raised again when what is known is recorded
            self.failure = self.failure or error

    def _due(self) -> list[Callable[[], None]]:
        """Return what is to be asked of the database now, the most urgent first."""
        if self._ends() and self.failure is not None:
            return []
        now = time.monotonic()
        self.ahead.measure(now)
        due = []
        if self.refusals:
            due.append(self._stop_senders)
        if self.leave_until and self.switches.are_due(now):
            due.append(self._look)
        if self.settling.is_due(now):
            due.append(self._record_some)
        elif not self.settling.tries and self._is_hungry(now):
            due.append(self._feed)
        return due

    def _is_hungry(self, now: float) -> bool:
        """Tell whether it is time to claim more."""
        if self.fed and now < self.ask_again:
            return False
        return len(self.ready) + len(self.found) < min(_IN_STOCK, self.ahead.mails)

    def _feed(self) -> None:
        """Claim a batch and find out what is still to be sent of it."""
        delivery, now = self.delivery, self.delivery.clock()
        self.fed, self.ask_again = True, math.inf
        if self.batches_left == 0 or self._ends() or time.monotonic() > self.until:
            return
        batch = delivery.feeder.claim(now=now, most=None if self.batches_left else self.ahead.mails)
        if batch is None:
            self.ask_again = time.monotonic() + _ASK_AGAIN
            return
        waiting.breathe()
        self.fed = False
        if self.batches_left is not None:
            self.batches_left -= 1
        self.tally.claimed += len(batch.rows)
        self.leave_until |= dict.fromkeys(
            [row.pk for row in batch.rows], batch.lease_until - self.least_lease
        )
        self.switches.watch(batch.rows)
        waiting.breathe()
        found, lost = preparing.look_up(batch.rows, kinds=delivery.kinds, now=now)
        shares = feeding.within_domains(found, is_bulk=batch.is_bulk, now=now)
        pacing.give_back(dict.fromkeys(batch.limits, len(batch.rows) - len(shares.allowed)), now=now)
        for moment, ids in shares.later.items():
            claiming.release(ids=ids, worker=delivery.worker, ready_at=moment, code="domain_limit")
            self._forget(ids)
        if batch.limits or shares.limits:
            for one in shares.allowed:
                self.limits[one.row.pk] = [*batch.limits, *shares.limits.get(one.row.pk, ())]
        self.settling.ended(lost)
        if batch.is_bulk:
            self.found.extend(shares.allowed)
        else:
            self.found.extendleft(reversed(shares.allowed))
            self.fill()

    def _finish(self) -> None:
        """Write down all that is left to be written, and wait for a database that is away."""
        while self.settling:
            if self.settling.tries:
                time.sleep(self.settling.pause)
            self._record_some()
        self._stop_senders()

    def _record_some(self) -> None:
        ids, outcomes = self.settling.record()
        self._forget(ids)
        self.tally.count(outcomes)

    def _stop_senders(self) -> None:
        """Stop the senders that the server refuses, each once, whoever they write to."""
        if self.refusals:
            self.delivery.feeder.look_again()
        # Not what comes while the statements wait: it has its turn next.
        by_sender: dict[int, list[tuple[Row, Answer]]] = {}
        for row, answer in self.refusals.values():
            by_sender.setdefault(row.sender_id, []).append((row, answer))
        for refused in by_sender.values():
            rows, answer = [row for row, _answer in refused], refused[0][1]
            recording.stop_sender(
                rows,
                code=answer.code,
                answer=answer.text,
                worker=self.delivery.worker,
                now=self.delivery.clock(),
            )
            ids = [row.pk for row in rows]
            for pk in ids:
                del self.refusals[pk]
            self.tally.released += len(ids)
            self._forget(ids)

    def _look(self) -> None:
        """See what was switched off meanwhile, and put it back: whoever resumes or stops it need not wait for the rest."""
        self._tell()
        try:
            self.switches.look()
            if self.switches.any_off and not self.refusals:
                self._put_back()
        except (OperationalError, InterfaceError):
            close_old_connections()

    def _tell(self) -> None:
        """Say every ten seconds how far the run is: a slow one would look dead until its end."""
        if time.monotonic() >= self.tell_at:
            self.tell_at = time.monotonic() + _TELL_EVERY
            log.info("delivering %s", str(self.tally))

    def _put_back(self) -> None:
        # Out of reach first: while the statement waits, connections take mails.
        self.ready = deque([one for one in self.ready if not self._is_off(one.row.pk, one)])
        self.found = deque([one for one in self.found if not self._is_off(one.row.pk, one)])
        kept = {one.row.pk for one in self.ready} | {one.row.pk for one in self.found}
        if self._let_go(self.leave_until.keys() - kept - self._unclear()):
            self.delivery.feeder.look_again()

    def _is_off(self, pk: int, one: Parcel | Found) -> bool:
        return self.switches.is_off(one.row, self.leave_until[pk])

    def _ends(self) -> bool:
        """Tell whether nothing more may leave: somebody said so, or a part of the work failed."""
        self.ended = self.failure is not None or self.stop()
        return self.ended

    def _forget(self, ids: Collection[int]) -> None:
        """Let go of mails whose place stands in the database."""
        if self.delivery.journal is not None:
            self.delivery.journal.recorded(ids)
        for message_id in ids:
            self.leave_until.pop(message_id, None)
            if self.limits:
                self.limits.pop(message_id, None)

    def _unclear(self) -> set[int]:
        """Return the ids of mails that were taken or answered and are not recorded yet."""
        return self.settling.ids() | self.under_way.keys() | self.refusals.keys()

    def _let_go(self, ids: Collection[int]) -> int:
        """Put back mails that were not handed over, and what their limits gave for them; returns how many."""
        if not ids:
            return 0
        released = claiming.release(ids=ids, worker=self.delivery.worker)
        self.tally.released += released
        if released == len(ids) and self.limits:
            shares = Counter(limit for pk in ids for limit in self.limits.get(pk, ()))
            pacing.give_back(shares, now=self.delivery.clock())
        self._forget(ids)
        return released

    def _release(self) -> None:
        """Put back what was not handed over; where nobody knows, recovery decides."""
        unclear = self.settling.ids() | self.under_way.keys()
        self.delivery.left_behind |= bool(unclear)
        try:
            self._let_go(self.leave_until.keys() - unclear)
        except (OperationalError, InterfaceError):
            self.delivery.left_behind = True
            left = len(self.leave_until)
            log.warning("%s mails cannot be put back while the database is away.", left)


@dataclass(slots=True)
class _Guarded:
    """Attends and raises nothing: an error would leave the database in the middle of a statement."""

    session: Session
    attendant: Attendant

    def attend(self, file: int, events: int) -> None:
        """Attend until the file is ready."""
        if self.session.failure is None:
            try:
                self.attendant.attend(file, events)
            except Exception as error:  # noqa: BLE001 - raised again when all connections have come to rest
                self.session.failure = error

    def breathe(self) -> None:
        """Do what is to be done right now."""
        if self.session.failure is None:
            try:
                self.attendant.breathe()
            except Exception as error:  # noqa: BLE001
                self.session.failure = error
