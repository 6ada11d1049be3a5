"""What became of mails: outbox, answers, suppression and the kind's own rows, committed together."""

from __future__ import annotations

import copy
import logging
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Min

from guestlist.mail import actions
from guestlist.mail.kinds import Outcome, Verdict
from guestlist.mail.models import Attempt, Message, MessageState, SenderIdentity, SuppressionReason

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
    Verdict.BOUNCED: MessageState.FAILED,
    Verdict.FAILED: MessageState.FAILED,
    Verdict.WITHDRAWN: MessageState.WITHDRAWN,
}


@dataclass(frozen=True, slots=True)
class Settled:
    """An outcome with what only mail needs of it."""

    outcome: Outcome
    address_hash: bytes | None = None
    again_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class _Ready:
    settled: Settled
    ready_at: datetime.datetime | None


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


def stop_sender(message: Message, *, code: str, answer: str, worker: str, now: datetime.datetime) -> None:
    """Stop the sender of a mail because the server refuses it; the mail keeps its turn and blames nobody."""
    with transaction.atomic():
        SenderIdentity.objects.filter(pk=message.sender_id, stopped_at=None).update(
            stopped_at=now, stopped_reason=f"{code} {answer}".strip()[:250]
        )
        Attempt.objects.create(
            message=message, at=now, outcome="refused_us", code=code[:40], answer=answer[:500]
        )
        Message.objects.filter(pk=message.pk, state=MessageState.LEASED, worker=worker).update(
            state=MessageState.READY, worker="", lease_until=None, code=code[:40]
        )
    log.error("Sender %s is stopped, the mail server refused it: %s %s", message.sender_id, code, answer)


def _record(
    settled: Sequence[Settled],
    *,
    kinds: Mapping[str, Kind],
    worker: str,
    now: datetime.datetime,
    jitter: Callable[[], float],
) -> list[Outcome]:
    with transaction.atomic():
        ids = [one.outcome.message.pk for one in settled]
        # Rows whose lease ran out belong to another worker now; its word counts.
        held = set(
            Message.objects.select_for_update()
            .filter(pk__in=ids, state=MessageState.LEASED, worker=worker)
            .order_by("pk")
            .values_list("pk", flat=True)
        )
        if lost := sorted(set(ids) - held):
            log.error("The lease of mails %s ran out before their outcome was recorded.", lost)
        ready = _timed([one for one in settled if one.outcome.message.pk in held], now, jitter)
        _write_messages(ready)
        _write_attempts(ready)
        _suppress(ready, now)
        outcomes = [one.settled.outcome for one in ready]
        for code in sorted({outcome.message.kind for outcome in outcomes} & set(kinds)):
            kinds[code].record([outcome for outcome in outcomes if outcome.message.kind == code], now=now)
    return outcomes


def _timed(settled: Sequence[Settled], now: datetime.datetime, jitter: Callable[[], float]) -> list[_Ready]:
    """Give each deferral its next time, or make it a failure when its time is over."""
    deferred = [one.outcome.message.pk for one in settled if one.outcome.verdict is Verdict.DEFERRED]
    first = dict(
        Attempt.objects.filter(message__in=deferred)
        .values("message")
        .annotate(first=Min("at"))
        .values_list("message", "first")
        if deferred
        else ()
    )
    timed = []
    for one in settled:
        ready_at = None
        if one.outcome.verdict is Verdict.DEFERRED:
            ready_at = now + _pause(one, jitter)
            if ready_at > first.get(one.outcome.message.pk, now) + GIVE_UP_AFTER:
                one, ready_at = replace(one, outcome=replace(one.outcome, verdict=Verdict.FAILED)), None  # noqa: PLW2901
        timed.append(_Ready(one, ready_at))
    return timed


def _pause(settled: Settled, jitter: Callable[[], float]) -> timedelta:
    """Return how long to wait: as the server asked, else 1 minute × 2ⁿ with jitter, never more than 6 hours."""
    if settled.again_after is not None:
        return min(max(settled.again_after, timedelta(seconds=1)), LONGEST_PAUSE)
    doubled = FIRST_PAUSE * (1 << min(settled.outcome.message.tries, 10))
    return min(doubled * (0.75 + jitter() / 2), LONGEST_PAUSE)


def _write_messages(ready: Sequence[_Ready]) -> None:
    changed = []
    for one in ready:
        outcome = one.settled.outcome
        # A copy: when the database goes away now, this runs again on the same outcomes.
        message = copy.copy(outcome.message)
        message.state = _STATES.get(outcome.verdict, MessageState.READY)
        message.code = outcome.code[:40]
        message.worker = ""
        message.lease_until = None
        if outcome.verdict is not Verdict.WITHDRAWN:
            message.tries += 1
        if one.ready_at is not None:
            message.ready_at = one.ready_at
        changed.append(message)
    Message.objects.bulk_update(changed, ["state", "code", "worker", "lease_until", "tries", "ready_at"])


def _write_attempts(ready: Sequence[_Ready]) -> None:
    outcomes = [one.settled.outcome for one in ready]
    Attempt.objects.bulk_create(
        Attempt(
            message=outcome.message,
            at=outcome.at,
            outcome=outcome.verdict.value,
            code=outcome.code[:40],
            answer=outcome.answer[:500],
        )
        for outcome in outcomes
        if outcome.verdict not in {Verdict.ACCEPTED, Verdict.WITHDRAWN}
    )


def _suppress(ready: Sequence[_Ready], now: datetime.datetime) -> None:
    for one in ready:
        if one.settled.outcome.no_such_address and one.settled.address_hash is not None:
            actions.suppress(
                website=one.settled.outcome.message.store_view.website,
                address_hash=one.settled.address_hash,
                reason=SuppressionReason.BOUNCE,
                now=now,
            )
