"""The outbox at work: claim → prepare → hand over → record, one batch at a time.

Commit means queued; a mail counts as sent when the server said so. A row is in one worker's hands at a time, by a
lease; what could not be handed over in its time is put back and keeps its turn.
"""

from __future__ import annotations

import logging
import random
import re
import time
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import InterfaceError, OperationalError, close_old_connections

from guestlist.mail import claiming, preparing, recording
from guestlist.mail.kinds import Outcome, Verdict
from guestlist.mail.models import Message
from guestlist.mail.recording import Settled
from guestlist.mail.transport import Answer, Result
from guestlist.refusal import Refusal

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from guestlist.mail.kinds import Kind
    from guestlist.mail.preparing import Prepared
    from guestlist.mail.transport import Transport

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=5)
LEAST_LEASE = timedelta(seconds=30)
"""With less than this left nothing is handed over: another worker might soon do the same."""
CHUNK = 25
"""Mails that are checked, handed over and recorded together; what a crash can leave in doubt."""

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


@dataclass(slots=True)
class _Batch:
    """What a worker holds while it works."""

    kinds: Mapping[str, Kind]
    transport: Transport
    worker: str
    clock: Callable[[], datetime.datetime]
    stop: Callable[[], bool]
    jitter: Callable[[], float]
    lease_until: datetime.datetime
    tally: Tally
    stopped_senders: set[int] = field(default_factory=set)


def run(
    *,
    kinds: Iterable[Kind],
    transport: Transport,
    worker: str,
    clock: Callable[[], datetime.datetime],
    batch_size: Callable[[int], int],
    stop: Callable[[], bool] = lambda: False,
    jitter: Callable[[], float] = random.random,
) -> Tally:
    """Deliver one batch: the mails of the website that has waited longest, as many as `batch_size(website_id)` says.

    `jitter` gives numbers from 0 to 1 that spread later tries; `stop` tells that the worker should come to an end.
    """
    now = clock()
    tally = Tally(reclaimed=claiming.reclaim(now=now))
    if tally.reclaimed:
        log.warning(
            "The lease of %s mails ran out; whether they went out is in doubt, they are sent again.",
            tally.reclaimed,
        )
    website_id = claiming.next_website(now=now)
    if website_id is None:
        return tally
    lease_until = now + LEASE
    ids = claiming.claim(
        website_id=website_id, limit=batch_size(website_id), worker=worker, now=now, lease_until=lease_until
    )
    tally.claimed = len(ids)
    batch = _Batch(
        {kind.code: kind for kind in kinds}, transport, worker, clock, stop, jitter, lease_until, tally
    )
    left = ids
    try:
        while left and _may_go_on(batch):
            chunk, left = left[:CHUNK], left[CHUNK:]
            _deliver(chunk, batch)
    finally:
        # What an error left in our hands too: rows that were settled are leased no more.
        tally.released += _released(ids, batch)
    return tally


def _may_go_on(batch: _Batch) -> bool:
    return not (batch.tally.unreachable or batch.stop() or batch.lease_until - batch.clock() < LEAST_LEASE)


def _released(ids: Sequence[int], batch: _Batch) -> int:
    try:
        return claiming.release(ids=ids, worker=batch.worker) if ids else 0
    except (OperationalError, InterfaceError):
        log.warning("Mails cannot be put back while the database is away; their lease will run out.")
        return 0


def _deliver(ids: Sequence[int], batch: _Batch) -> None:
    """Hand over some claimed rows and record what became of them."""
    rows = Message.objects.select_related("store_view__website", "sender", "template_version__template")
    by_id = rows.in_bulk(ids)
    messages = [by_id[pk] for pk in ids if by_id[pk].sender_id not in batch.stopped_senders]
    prepared, lost = preparing.prepare(messages, kinds=batch.kinds, now=batch.clock())
    settled = [Settled(outcome) for outcome in lost]
    try:
        for one in prepared:
            if not _may_go_on(batch):
                break
            if one.message.sender_id in batch.stopped_senders:
                continue
            answer = _handed_over(one, batch)
            if answer.result is Result.UNREACHABLE:
                batch.tally.unreachable = answer.text or answer.code
            elif answer.result is Result.REFUSED_US:
                batch.stopped_senders.add(one.message.sender_id)
                recording.stop_sender(
                    one.message, code=answer.code, answer=answer.text, worker=batch.worker, now=batch.clock()
                )
            else:
                settled.append(_settled(one, answer, batch.clock()))
    finally:
        _record(settled, batch)


def _handed_over(prepared: Prepared, batch: _Batch) -> Answer:
    """Make one mail and hand it over; a mail that cannot be made fails alone."""
    try:
        parcel = preparing.parcel(prepared, now=batch.clock())
        return _nameless(batch.transport.deliver(parcel), parcel.recipient)
    except Refusal as refusal:
        # Only what is at fault: its value, or the sentence with it, may be an address.
        words = str(refusal.data.get("name") or refusal.data.get("header") or "")
        log.warning("Mail %s cannot be made: %s %s", prepared.message.pk, refusal.code, words)
        return Answer(Result.FAILED, refusal.code, words)
    except Exception as error:
        log.exception("Mail %s cannot be made or handed over.", prepared.message.pk)
        batch.transport.close()
        return Answer(Result.FAILED, "mail_error", type(error).__name__)


def _nameless(answer: Answer, recipient: str) -> Answer:
    """Return the answer without the address: servers repeat it, but what is kept must not outlive its erasure."""
    if not answer.text:
        return answer
    return replace(answer, text=re.sub(re.escape(recipient), "…", answer.text, flags=re.IGNORECASE))


def _settled(prepared: Prepared, answer: Answer, now: datetime.datetime) -> Settled:
    outcome = Outcome(
        message=prepared.message,
        verdict=_VERDICTS[answer.result],
        code=answer.code,
        answer=answer.text,
        at=now,
        no_such_address=answer.no_such_address,
    )
    return Settled(outcome, prepared.values.address_hash, answer.again_after)


def _record(settled: Sequence[Settled], batch: _Batch) -> None:
    """Record, and wait for a database that is away: what was sent must not be forgotten."""
    if not settled:
        return
    for attempt in range(1000):
        try:
            outcomes = recording.record(
                settled, kinds=batch.kinds, worker=batch.worker, now=batch.clock(), jitter=batch.jitter
            )
        except (OperationalError, InterfaceError):
            if batch.clock() >= batch.lease_until:
                raise
            log.warning("The database is away; %s outcomes wait to be recorded.", len(settled))
            time.sleep(_RECORD_PAUSES[min(attempt, len(_RECORD_PAUSES) - 1)])
            close_old_connections()
        else:
            batch.tally.count(outcomes)
            return
