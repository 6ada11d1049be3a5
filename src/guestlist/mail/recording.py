"""What became of mails: outbox, answers, suppression and the kind's own rows, committed together."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Min

from guestlist.mail import actions, claiming, counting
from guestlist.mail.kinds import Outcome, Row, Verdict
from guestlist.mail.models import Attempt, Measure, Message, MessageState, SenderIdentity, SuppressionReason
from guestlist.stores.models import StoreView, Website

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Mapping, Sequence

    from guestlist.mail.kinds import Kind

log = logging.getLogger(__name__)

FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(hours=6)
GIVE_UP_AFTER = timedelta(days=5)
"""Since the first answer that was no yes; RFC 5321, 4.5.4.1 asks for at least four to five days."""

_STATES = {
    Verdict.ACCEPTED: MessageState.SENT,
    Verdict.BOUNCED: MessageState.BOUNCED,
    Verdict.FAILED: MessageState.FAILED,
    Verdict.WITHDRAWN: MessageState.WITHDRAWN,
}
_NO_TRY = frozenset({Verdict.ACCEPTED, Verdict.WITHDRAWN})
"""Answers that leave no row of their own: an accepted one stands in the history, a withdrawn one was never tried."""


@dataclass(slots=True)
class Settled:
    """An outcome with what only mail needs of it."""

    outcome: Outcome
    address_hash: bytes | None = None
    again_after: timedelta | None = None
    not_after: datetime.datetime | None = None
    """After this the mail is of no use any more."""
    is_held: bool = False
    """A mail in doubt that staff want to decide on."""


@dataclass(slots=True)
class _Ready:
    settled: Settled
    ready_at: datetime.datetime | None

    @property
    def state(self) -> MessageState:
        """Where its row goes."""
        if self.settled.outcome.verdict is Verdict.IN_DOUBT and self.settled.is_held:
            return MessageState.HELD
        return _STATES.get(self.settled.outcome.verdict, MessageState.READY)


def record(
    settled: Sequence[Settled],
    *,
    kinds: Mapping[str, Kind],
    worker: str,
    now: datetime.datetime,
    jitter: Callable[[], float],
) -> list[Outcome]:
    """Write down what became of the mails of a worker, in one transaction, and return it as written.

    A deferral past its time is written as failed. When a kind cannot record, each mail is recorded by itself, the one in
    the way without its kind: a mail that was sent must never be sent again because of it.
    """
    try:
        return _record(settled, kinds=kinds, worker=worker, now=now, jitter=jitter)
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        if len(settled) > 1:
            return [
                done
                for one in settled
                for done in record([one], kinds=kinds, worker=worker, now=now, jitter=jitter)
            ]
        message = settled[0].outcome.message
        log.exception(
            "The outcome of mail %s (%s %s) cannot be recorded.", message.pk, message.kind, message.subject_id
        )
        return _record(settled, kinds={}, worker=worker, now=now, jitter=jitter)


def stop_sender(rows: Sequence[Row], *, code: str, answer: str, worker: str, now: datetime.datetime) -> None:
    """Stop the sender of these mails because the server refuses it; they keep their turn and blame nobody."""
    sender_id = rows[0].sender_id
    with transaction.atomic():
        stopped = SenderIdentity.objects.filter(pk=sender_id, stopped_at=None).update(
            stopped_at=now,
            stopped_reason=(answer if answer.startswith(code) else f"{code} {answer}").strip()[:250],
        )
        if stopped:
            Attempt.objects.create(
                message_id=rows[0].pk, at=now, outcome="refused_us", code=code[:40], answer=answer[:500]
            )
        claiming.release(ids=[row.pk for row in rows], worker=worker, code=code[:40])
    if stopped:
        log.error("Sender %s is stopped, the mail server refused it: %s %s", sender_id, code, answer)


def _record(
    settled: Sequence[Settled],
    *,
    kinds: Mapping[str, Kind],
    worker: str,
    now: datetime.datetime,
    jitter: Callable[[], float],
) -> list[Outcome]:
    accepted = [one for one in settled if one.outcome.verdict is Verdict.ACCEPTED]
    others = [one for one in settled if one.outcome.verdict is not Verdict.ACCEPTED]
    ledger = counting.Ledger()
    with transaction.atomic():
        outcomes = _accepted(accepted, worker, ledger, now)
        if others:
            outcomes += _others(others, worker, ledger, now, jitter)
        if len(outcomes) != len(settled):
            _tell_of_others(settled, outcomes)
        # What goes out again at once is still on its way for its kind.
        again = {
            one.outcome.message.pk
            for one in others
            if one.outcome.verdict is Verdict.IN_DOUBT and not one.is_held
        }
        told = [one for one in outcomes if one.message.pk not in again]
        for code in sorted({outcome.message.kind for outcome in told} & set(kinds)):
            kinds[code].record([outcome for outcome in told if outcome.message.kind == code], now=now)
        ledger.write(now=now)
    return outcomes


def _tell_of_others(settled: Sequence[Settled], outcomes: Sequence[Outcome]) -> None:
    """Log what was not this worker's any more: its lease ran out, or a commit went through and its answer was lost."""
    ours = {one.message.pk for one in outcomes}
    log.error(
        "The outcome of mails %s is not written down: their lease ran out before, "
        "or it was written by a commit whose answer was lost.",
        sorted(one.outcome.message.pk for one in settled if one.outcome.message.pk not in ours),
    )


def _accepted(
    settled: Sequence[Settled], worker: str, ledger: counting.Ledger, now: datetime.datetime
) -> list[Outcome]:
    """Write down what the server took, in one statement for each code that it said; returns what was still ours."""
    by_code: defaultdict[str, list[Outcome]] = defaultdict(list)
    for one in settled:
        by_code[one.outcome.code[:40]].append(one.outcome)
    ours: list[Outcome] = []
    for code, outcomes in sorted(by_code.items()):
        # Rows whose lease ran out belong to another worker now; its word counts.
        held = claiming.settle(
            ids=[one.message.pk for one in outcomes],
            worker=worker,
            state=MessageState.SENT,
            code=code,
            now=now,
        )
        ours += (
            outcomes if len(held) == len(outcomes) else [one for one in outcomes if one.message.pk in held]
        )
    moved = Counter((one.message.sender_id, one.message.send_id, one.message.tries) for one in ours)
    for (sender_id, send_id, tries), amount in moved.items():
        ledger.moved(
            sender_id=sender_id,
            send_id=send_id,
            origin=counting.of_row(MessageState.LEASED, tries),
            target=Measure.HANDED_OVER,
            amount=amount,
        )
    return ours


def _others(
    settled: Sequence[Settled],
    worker: str,
    ledger: counting.Ledger,
    now: datetime.datetime,
    jitter: Callable[[], float],
) -> list[Outcome]:
    rows = (
        Message.objects.select_for_update()
        .filter(pk__in=[one.outcome.message.pk for one in settled], state=MessageState.LEASED, worker=worker)
        .order_by("pk")
        .in_bulk()
    )
    ready = _timed([one for one in settled if one.outcome.message.pk in rows], now, jitter)
    for one in ready:
        outcome = one.settled.outcome
        row = rows[outcome.message.pk]
        origin = counting.of_row(row.state, row.tries)
        row.state, row.code, row.worker, row.lease_until = one.state, outcome.code[:40], "", None
        row.tries += outcome.verdict is not Verdict.WITHDRAWN
        row.ready_at = one.ready_at or row.ready_at
        row.ended_at = now if outcome.verdict in _STATES else None
        ledger.moved(
            sender_id=row.sender_id,
            send_id=row.send_id,
            origin=origin,
            target=counting.of_row(row.state, row.tries),
        )
    Message.objects.bulk_update(
        rows.values(),
        ["state", "code", "worker", "lease_until", "tries", "ready_at", "ended_at"],
        batch_size=500,
    )
    _write_attempts(ready)
    _suppress(ready, now)
    return [one.settled.outcome for one in ready]


def _timed(settled: Sequence[Settled], now: datetime.datetime, jitter: Callable[[], float]) -> list[_Ready]:
    """Give each deferral its next time, or make it a failure when its time is over."""
    deferred = [one.outcome.message.pk for one in settled if one.outcome.verdict is Verdict.DEFERRED]
    first = dict(
        Attempt.objects.filter(message__in=deferred)
        .exclude(outcome="refused_us")  # that was no try of this mail
        .values("message")
        .annotate(first=Min("at"))
        .values_list("message", "first")
        if deferred
        else ()
    )
    timed = []
    for one in settled:
        ready_at = None
        if one.outcome.verdict is Verdict.IN_DOUBT:
            ready_at = now
        elif one.outcome.verdict is Verdict.DEFERRED:
            ready_at = now + _pause(one, jitter)
            until = first.get(one.outcome.message.pk, now) + GIVE_UP_AFTER
            if ready_at > min(until, one.not_after or until):
                one, ready_at = replace(one, outcome=one.outcome._replace(verdict=Verdict.FAILED)), None  # noqa: PLW2901
        timed.append(_Ready(one, ready_at))
    return timed


def _pause(settled: Settled, jitter: Callable[[], float]) -> timedelta:
    """Return how long to wait: as the server asked, else 1 minute × 2ⁿ with jitter, never more than 6 hours."""
    times = 1 << min(settled.outcome.message.tries, 10)
    if settled.again_after is not None:
        # Who says "in a second" again and again is asked less and less often all the same.
        return min(max(settled.again_after, timedelta(seconds=times)), LONGEST_PAUSE)
    doubled = FIRST_PAUSE * times
    return min(doubled * (0.75 + jitter() / 2), LONGEST_PAUSE)


def _write_attempts(ready: Sequence[_Ready]) -> None:
    outcomes = [one.settled.outcome for one in ready]
    Attempt.objects.bulk_create(
        Attempt(
            message_id=outcome.message.pk,
            subject_id=outcome.message.subject_id,
            at=outcome.at,
            outcome=outcome.verdict.value,
            code=outcome.code[:40],
            answer=outcome.answer[:500],
        )
        for outcome in outcomes
        if outcome.verdict not in _NO_TRY
    )


def _suppress(ready: Sequence[_Ready], now: datetime.datetime) -> None:
    """Suppress the addresses that do not exist, in three statements for each website."""
    gone: defaultdict[int, set[bytes]] = defaultdict(set)
    for one in ready:
        outcome, address_hash = one.settled.outcome, one.settled.address_hash
        if outcome.no_such_address and address_hash is not None:
            gone[outcome.message.store_view_id].add(address_hash)
    if not gone:
        return
    hashes: defaultdict[Website, set[bytes]] = defaultdict(set)
    for view in StoreView.objects.select_related("website").filter(pk__in=gone).order_by("website", "pk"):
        hashes[view.website] |= gone[view.pk]
    for website, of_website in hashes.items():
        actions.suppress_many(
            website=website, address_hashes=of_website, reason=SuppressionReason.BOUNCE, now=now
        )
