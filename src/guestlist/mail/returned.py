"""Writing down what came back after a mail was handed over: a bounce or a complaint, however it reached us."""

from __future__ import annotations

import datetime
import enum
import logging
from typing import TYPE_CHECKING

from django.db import transaction

from guestlist.mail import actions, counting, reports
from guestlist.mail.kinds import Outcome, Row, Verdict
from guestlist.mail.models import Attempt, Measure, Message, MessageState, Report, SuppressionReason
from guestlist.mail.reports import Ignored, Returned
from guestlist.stores.models import Website

if TYPE_CHECKING:
    from collections.abc import Iterable

    from guestlist.mail.kinds import Kind

log = logging.getLogger(__name__)

REMEMBERED = datetime.timedelta(days=90)
"""For how long a report is known again. Bounces come within days, complaints within weeks."""
_TRIES = 3
_COMPLAINED_ONCE = "complained"
"""A source of our own: a mail is complained of once, whoever tells, and however often."""
_BOUNCED_ONCE = "bounced"
"""The same for bounces of mails whose state does not tell. Whoever got a mail can write as many bounces as they like."""
_ENDING = frozenset({MessageState.SENT, MessageState.READY, MessageState.HELD})
"""The states that a bounce ends. What waits to be tried again may have arrived after all, and come back."""


class Written(enum.StrEnum):
    """What came of writing down a report."""

    RECORDED = "recorded"
    ALREADY = "already"
    """This report, or one that says the same of the mail, was written down before."""
    UNKNOWN = "unknown"
    """The mail is not in the outbox: long done and cleared away."""
    LATER = "later"
    """A worker is just handing the mail over once more: ask again when that is decided."""


class Taken(enum.StrEnum):
    """What is to happen with a mail that was read."""

    DONE = "done"
    NOT_OURS = "not_ours"
    """Nothing in it is for us: leave it to whoever it is for."""
    LATER = "later"


class _OvertakenError(Exception):
    """The row changed since it was read; all is taken back and done again."""


def take(raw: bytes, *, kinds: Iterable[Kind], now: datetime.datetime) -> Taken:
    """Read a mail and write down what it says came back. A mail that cannot be used does nothing."""
    found = reports.read(raw)
    if isinstance(found, Ignored):
        log.info("returned ignored=%s ours=%s", found.reason, found.is_ours)
        return Taken.DONE if found.is_ours else Taken.NOT_OURS
    written = record(found, kinds=kinds, now=now)
    return Taken.LATER if written is Written.LATER else Taken.DONE


def record(returned: Returned, *, kinds: Iterable[Kind], now: datetime.datetime) -> Written:
    """Write down one bounce or complaint, in one transaction: outbox, counts, suppression and the kind's own rows.

    Whoever calls has made sure that it is about the mail it names: by our signed return path, or by a provider's signature.
    """
    by_code = {kind.code: kind for kind in kinds}
    written = Written.LATER
    for _attempt in range(_TRIES):
        try:
            with transaction.atomic():
                written = _record(returned, by_code, now)
            break
        except _OvertakenError:
            continue
    log.info(
        "returned %s=%s source=%s code=%s %s",
        returned.verdict,
        returned.message_id,
        returned.source,
        returned.code,
        written,
    )
    return written


def is_first(*, source: str, key: str, now: datetime.datetime) -> bool:
    """Remember a report, in the caller's transaction; tell whether it was unknown.

    Two that come at the same moment wait for each other here.
    """
    return Report.objects.get_or_create(source=source, key=key, defaults={"at": now})[1]


def forget_old(*, now: datetime.datetime) -> int:
    """Delete the memory of reports that nobody sends again; returns how many."""
    return Report.objects.filter(at__lt=now - REMEMBERED).delete()[0]


def _record(returned: Returned, kinds: dict[str, Kind], now: datetime.datetime) -> Written:
    # Not locked: kinds lock their rows first and mail's after, as everybody does who ends something that is queued.
    found = Message.objects.filter(pk=returned.message_id).values_list("state", *Row._fields).first()
    if found is None:
        return Written.UNKNOWN
    state, row = MessageState(found[0]), Row(*found[1:])
    if returned.verdict is Verdict.BOUNCED and state is MessageState.LEASED:
        return Written.LATER
    if returned.verdict is Verdict.BOUNCED and state is MessageState.BOUNCED:
        return Written.ALREADY
    if not _is_new(returned, state, now):
        return Written.ALREADY
    kind = kinds.get(row.kind)
    if kind is not None:
        _suppress(returned, row, kind, now)
        kind.returned([_outcome(returned, row, now)], now=now)
    ledger = counting.Ledger()
    if returned.verdict is Verdict.COMPLAINED:
        ledger.add(sender_id=row.sender_id, send_id=None, measure=Measure.COMPLAINED)
    else:
        _bounce(returned, row, state, ledger, now)
    ledger.write(now=now)
    Attempt.objects.create(
        message_id=row.pk,
        subject_id=row.subject_id,
        at=now,
        outcome=returned.verdict.value,
        code=returned.code[:40],
        answer=returned.answer[:500],
    )
    return Written.RECORDED


def _is_new(returned: Returned, state: MessageState, now: datetime.datetime) -> bool:
    """Remember the report, unless it says what is known; tell whether it was unknown."""
    names = [(returned.source, returned.key)]
    if returned.verdict is Verdict.COMPLAINED:
        names.insert(0, (_COMPLAINED_ONCE, str(returned.message_id)))
    elif state not in _ENDING:
        names.insert(0, (_BOUNCED_ONCE, str(returned.message_id)))
    return all(is_first(source=source, key=key, now=now) for source, key in names)


def _suppress(returned: Returned, row: Row, kind: Kind, now: datetime.datetime) -> None:
    complained = returned.verdict is Verdict.COMPLAINED
    if not (complained or returned.no_such_address):
        return
    address_hash = kind.hashes([row.subject_id]).get(row.subject_id)
    if address_hash is not None:
        actions.suppress(
            website=Website.objects.get(store_views=row.store_view_id),
            address_hash=address_hash,
            reason=SuppressionReason.COMPLAINT if complained else SuppressionReason.BOUNCE,
            now=now,
        )


def _outcome(returned: Returned, row: Row, now: datetime.datetime) -> Outcome:
    return Outcome(
        message=row,
        verdict=returned.verdict,
        code=returned.code,
        answer=returned.answer,
        at=now,
        no_such_address=returned.no_such_address,
    )


def _bounce(
    returned: Returned, row: Row, state: MessageState, ledger: counting.Ledger, now: datetime.datetime
) -> None:
    if returned.is_permanent:
        ledger.add(sender_id=row.sender_id, send_id=None, measure=Measure.RETURNED)
    if state not in _ENDING:
        return
    changed = Message.objects.filter(pk=row.pk, state=state, tries=row.tries).update(
        state=MessageState.BOUNCED, code=returned.code[:40], ended_at=now
    )
    if not changed:
        raise _OvertakenError
    if row.send_id is not None:
        origin = counting.of_row(state, row.tries)
        ledger.moved(sender_id=row.sender_id, send_id=row.send_id, origin=origin, target=Measure.BOUNCED)
        # Of the sender it stays handed over, and has come back: what bounced at once is another figure.
        for measure, amount in ((origin, 1), (Measure.BOUNCED, -1)):
            ledger.add(sender_id=row.sender_id, send_id=None, measure=measure, amount=amount)
