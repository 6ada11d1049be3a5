"""One run of a worker's delivery: what it has in hand, and the supply that the transport takes from.

Under load four threads share the work: two claim and fill mails in, one hands them over, one records; a few mails are done
by one alone.
"""

from __future__ import annotations

import itertools
import logging
import re
import threading
import time
from collections import deque
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import InterfaceError, OperationalError, close_old_connections, connection, connections

from guestlist.mail import claiming, feeding, pacing, preparing, recording
from guestlist.mail.answers import Answer, Result
from guestlist.mail.kinds import Outcome, Verdict
from guestlist.mail.models import Send, SenderIdentity
from guestlist.mail.recording import Settled
from guestlist.stores import memory

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Iterable, Sequence
    from contextlib import AbstractContextManager

    from guestlist.mail.delivery import Delivery
    from guestlist.mail.parcels import Parcel
    from guestlist.mail.preparing import Prepared

log = logging.getLogger(__name__)

LEAST_LEASE = timedelta(seconds=30)
"""With less than this left, beside the time that an answer may take, nothing is handed over: another worker might soon do
the same."""
CHUNK = 25
"""Mails that one thread alone hands over before it records them."""
_AT_ONCE = 500
"""Outcomes that are recorded together."""
_RECORD_EVERY = 0.05
_LOOK_EVERY = 0.25
"""Seconds between looks at the switches of what is under way: pause, stop, hold."""
_LONGEST_SESSION = 60.0
"""Seconds after which threads come together, so that nothing is kept for ever."""
_VERDICTS = {
    Result.ACCEPTED: Verdict.ACCEPTED,
    Result.DEFERRED: Verdict.DEFERRED,
    Result.BOUNCED: Verdict.BOUNCED,
    Result.FAILED: Verdict.FAILED,
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
        self.inline = True
        self.feeders = 1
        self.drained = False
        """Nothing more is claimed; what was claimed may still be filled in."""
        self.fed = False
        """Nothing more comes."""
        self.carried = False
        self.failure: BaseException | None = None
        self.ready: deque[Prepared] = deque()
        self.settled: deque[Settled] = deque()
        self.leases: dict[int, datetime.datetime] = {}
        self.under_way: dict[int, Prepared] = {}
        self.sends: set[int] = set()
        self.senders: set[int] = set()
        self.off: tuple[frozenset[int], frozenset[int]] = (frozenset(), frozenset())
        self.refused: set[int] = set()
        self.too_old: datetime.datetime | None = None
        """Leases until here have too little left for another hand-over."""
        self.least_lease = LEAST_LEASE + timedelta(seconds=delivery.transport.patience)
        self.looked = 0.0
        self.hungry = threading.Event()
        self.news = threading.Event()
        # SQLite has one writer: threads that wait for each other here need not wait by sleeping there.
        self.one_writer = connection.vendor == "sqlite"
        self.database: AbstractContextManager[object] = (
            threading.RLock() if self.one_writer else nullcontext()
        )
        self.turn = threading.Lock()

    def run(self) -> None:
        """Deliver; whatever happens, what was not handed over is put back."""
        with memory.using(memory.Memory(_LOOK_EVERY)):
            self._run()

    def _run(self) -> None:
        try:
            self._feed()
            if self.delivery.threaded and not self.fed and len(self.ready) > CHUNK:
                self._run_threads()
            elif self.ready or self.settled:
                self.tally.unreachable = self.delivery.transport.carry(self) or self.tally.unreachable
            self._record_all()
        finally:
            self._release()
        if self.failure is not None:
            raise self.failure

    # --- What the transport asks -------------------------------------------------------------------------------------

    def take(self) -> Parcel | None:
        """Return the next mail, or None when there is none right now."""
        while not self._ends():
            if not self.ready:
                if not self.inline or not self._feed():
                    self.hungry.set()
                    return None
                continue
            prepared = self.ready.popleft()
            if self._is_off(prepared):
                continue  # stays in hand, and is put back with the rest
            if not self.inline and len(self.ready) < _AT_ONCE:
                self.hungry.set()
            self.under_way[prepared.row.pk] = prepared
            return prepared.parcel
        return None

    def waiting(self) -> int:
        """Return about how many could be taken right now."""
        if self._ends():
            return 0
        while self.ready and self._is_off(self.ready[0]):
            self.ready.popleft()
        if self.inline and not self.ready:
            self._feed()
        return len(self.ready)

    def over(self) -> bool:
        """Tell that no more will come."""
        return self._ends() or (self.fed and not self.ready)

    def may_leave(self, parcel: Parcel) -> bool:
        """Tell whether the mail may be handed over now, and write down that it is."""
        prepared = self.under_way[parcel.row.pk]
        if self._is_off(prepared) or self.failure is not None:
            return False
        # The answer must come while the mail is still ours: else another worker may take it for lost meanwhile.
        if self._lease_left(parcel.row.pk) < self.least_lease:
            self.too_old = self.leases[parcel.row.pk]
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
        prepared = self.under_way.pop(parcel.row.pk)
        if self.delivery.journal is not None:
            accepted = answer.result is Result.ACCEPTED
            code = int(answer.code) if answer.code.isdigit() else 0
            self.delivery.journal.answered(parcel.row.pk, code, accepted=accepted)
        if answer.result is Result.UNREACHABLE:
            self.tally.unreachable = answer.text or answer.code
            return
        answer = _nameless(answer, parcel.recipient)
        if answer.result is Result.REFUSED_US:
            self._refused_us(prepared, answer)
            return
        self.settled.append(_settled(prepared, answer, self.delivery.clock()))
        if self.inline and len(self.settled) >= CHUNK:
            self._record_all()
            self._look()

    def give_back(self, parcel: Parcel) -> None:
        """Take back a mail that was not handed over: it is put back to the queue with the rest, or tried again."""
        prepared = self.under_way.pop(parcel.row.pk)
        if parcel.returned and not self._is_off(prepared) and not self.stop():
            self.ready.append(prepared)

    # --- The parts of the work -----------------------------------------------------------------------------------------

    def _feed(self) -> bool:
        """Claim and prepare a batch; false when there is nothing more."""
        if self.fed:
            return False
        with self.database:
            now = self.delivery.clock()
            batch = self._claimed(now)
            if batch is None:
                # Others may still be filling in what they claimed.
                self.fed = self.inline
                return False
            delivery = self.delivery
            prepared, lost = preparing.prepare(
                batch.rows, kinds=delivery.kinds, signer=delivery.signer, now=now
            )
            prepared, later = feeding.within_domains(prepared, is_bulk=batch.is_bulk, now=now)
            pacing.give_back(batch.limits, count=len(batch.rows) - len(prepared), now=now)
            for moment, ids in later.items():
                claiming.release(ids=ids, worker=delivery.worker, ready_at=moment, code="domain_limit")
                self._forget(ids)
        self.settled.extend(Settled(outcome) for outcome in lost)
        self.ready.extend(prepared)
        return True

    def _claimed(self, now: datetime.datetime) -> feeding.Batch | None:
        with self.turn:
            if self.batches_left == 0 or self.stop():
                return None
            batch = self.delivery.feeder.claim(now=now)
            if batch is None:
                return None
            if self.batches_left is not None:
                self.batches_left -= 1
            self.tally.claimed += len(batch.rows)
            self.leases |= {row.pk: batch.lease_until for row in batch.rows}
            # New sets: another thread may be going through the old ones.
            self.senders = self.senders | {row.sender_id for row in batch.rows}
            self.sends = self.sends | {row.send_id for row in batch.rows if row.send_id is not None}
            return batch

    def _run_threads(self) -> None:
        self.inline = False
        until = time.monotonic() + _LONGEST_SESSION
        # Two that claim and fill in: while one waits for the database, the other one works.
        self.feeders = 1 if self.one_writer else 2
        works = [(lambda: self._keep_feeding(until), "feed")] * self.feeders
        works.append((self._keep_recording, "record"))
        threads = [threading.Thread(target=self._guarded, args=(work,), name=name) for work, name in works]
        for thread in threads:
            thread.start()
        try:
            self.tally.unreachable = self.delivery.transport.carry(self) or self.tally.unreachable
        finally:
            self.drained = self.fed = self.carried = True
            self.hungry.set()
            self.news.set()
            for thread in threads:
                thread.join()
            self.inline = True

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            with memory.using(memory.Memory(_LOOK_EVERY)):
                work()
        except BaseException as error:  # noqa: BLE001 - raised again by the thread that joins
            self.failure = error
            self.drained = self.fed = True
        finally:
            connections.close_all()

    def _keep_feeding(self, until: float) -> None:
        try:
            while not self.drained:
                if len(self.ready) >= _AT_ONCE:
                    self.hungry.wait(_RECORD_EVERY)
                    self.hungry.clear()
                elif time.monotonic() > until or not self._feed():
                    self.drained = True
        finally:
            with self.turn:
                self.feeders -= 1
                self.fed = self.fed or self.feeders == 0

    def _keep_recording(self) -> None:
        while True:
            if len(self.settled) < _AT_ONCE and not self.carried:
                self.news.wait(_RECORD_EVERY)
            if self.settled:
                self._record_some()
            elif self.carried:
                return
            self._look()

    def _record_all(self) -> None:
        while self.settled:
            self._record_some()

    def _record_some(self) -> None:
        """Record what is settled, and wait for a database that is away: what was sent must not be forgotten."""
        some = [self.settled.popleft() for _ in range(min(len(self.settled), _AT_ONCE))]
        try:
            outcomes = self._written(some)
        except BaseException:
            # They stay settled, or they would be put back to the queue.
            self.settled.extendleft(reversed(some))
            raise
        ids = [one.outcome.message.pk for one in some]
        if self.delivery.journal is not None:
            self.delivery.journal.recorded(ids)
        self._forget(ids)
        self.tally.count(outcomes)

    def _written(self, some: Sequence[Settled]) -> list[Outcome]:
        delivery = self.delivery
        for attempt in itertools.count():
            try:
                with self.database:
                    return recording.record(
                        some,
                        kinds=delivery.kinds,
                        worker=delivery.worker,
                        now=delivery.clock(),
                        jitter=delivery.jitter,
                    )
            except (OperationalError, InterfaceError):
                if self.stop():
                    raise  # the journal knows what was sent
                log.warning("The database is away; %s outcomes wait to be recorded.", len(some))
                time.sleep(_RECORD_PAUSES[min(attempt, len(_RECORD_PAUSES) - 1)])
                close_old_connections()
        raise AssertionError  # pragma: no cover - counting never ends

    def _refused_us(self, prepared: Prepared, answer: Answer) -> None:
        """Stop the sender: the server refuses it, whoever it writes to."""
        self.refused.add(prepared.row.sender_id)
        self.delivery.feeder.look_again()
        with self.database:
            recording.stop_sender(
                prepared.row,
                code=answer.code,
                answer=answer.text,
                worker=self.delivery.worker,
                now=self.delivery.clock(),
            )
        self.tally.released += 1
        self._forget([prepared.row.pk])

    def _look(self) -> None:
        """See whether somebody paused, stopped or held something that is under way."""
        if time.monotonic() - self.looked < _LOOK_EVERY:
            return
        self.looked = time.monotonic()
        try:
            running = set(Send.objects.running().filter(pk__in=self.sends).values_list("pk", flat=True))
            going = SenderIdentity.objects.filter(pk__in=self.senders, stopped_at=None, held_at=None)
            self.off = (
                frozenset(self.sends - running),
                frozenset(self.senders - set(going.values_list("pk", flat=True))),
            )
        except (OperationalError, InterfaceError):
            close_old_connections()

    def _is_off(self, prepared: Prepared) -> bool:
        sends, senders = self.off
        row = prepared.row
        if row.send_id in sends or row.sender_id in senders or row.sender_id in self.refused:
            return True
        return self.too_old is not None and self.leases[row.pk] <= self.too_old

    def _ends(self) -> bool:
        """Tell whether nothing more may leave: somebody said so, or a part of the work failed."""
        return self.stop() or self.failure is not None

    def _lease_left(self, message_id: int) -> timedelta:
        return self.leases[message_id] - self.delivery.clock()

    def _forget(self, ids: Iterable[int]) -> None:
        for message_id in ids:
            self.leases.pop(message_id, None)

    def _release(self) -> None:
        """Put back what was not handed over; where nobody knows, recovery decides."""
        unclear = {one.outcome.message.pk for one in self.settled} | set(self.under_way)
        self.delivery.left_behind |= bool(unclear)
        left = set(self.leases) - unclear
        if not left:
            return
        try:
            with self.database:
                self.tally.released += claiming.release(ids=left, worker=self.delivery.worker)
            if self.delivery.journal is not None:
                self.delivery.journal.recorded(left)
        except (OperationalError, InterfaceError):
            self.delivery.left_behind = True
            log.warning("%s mails cannot be put back while the database is away.", len(left))


def _nameless(answer: Answer, recipient: str) -> Answer:
    """Return the answer without the address: servers repeat it, but what is kept must not outlive its erasure."""
    if recipient.lower() not in answer.text.lower():
        return answer
    return answer._replace(text=re.sub(re.escape(recipient), "…", answer.text, flags=re.IGNORECASE))


def _settled(prepared: Prepared, answer: Answer, now: datetime.datetime) -> Settled:
    outcome = Outcome(
        message=prepared.row,
        verdict=_VERDICTS[answer.result],
        code=answer.code,
        answer=answer.text,
        at=now,
        no_such_address=answer.no_such_address,
    )
    return Settled(outcome, prepared.address_hash, answer.again_after, prepared.not_after)
