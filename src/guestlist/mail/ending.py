"""The ends of bulk sends: what is left of a stopped one is withdrawn, and one without anything left is finished."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from django.db import transaction

from guestlist.mail import counting
from guestlist.mail.kinds import Outcome, Row, Verdict
from guestlist.mail.models import Measure, Message, MessageState, Send

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable, Sequence

    from django.db.models import QuerySet

    from guestlist.mail.kinds import Kind

log = logging.getLogger(__name__)

STOPPED = "stopped"
"""Why a mail was withdrawn: its send was stopped."""
_AT_ONCE = 500
_ON_THEIR_WAY = (Measure.QUEUED, Measure.DEFERRED, Measure.HELD)


def withdraw_stopped(*, kinds: Iterable[Kind], now: datetime.datetime) -> int:
    """Withdraw a batch of what is left of stopped sends; returns how many mails that were."""
    by_code = {kind.code: kind for kind in kinds}
    withdrawn = 0
    for send in Send.objects.filter(finished_at=None).exclude(stopped_at=None).order_by("pk"):
        withdrawn += _withdraw(send, by_code, now)
        if withdrawn >= _AT_ONCE:
            break
    return withdrawn


def finish(*, now: datetime.datetime) -> int:
    """Mark the sends as finished of which nothing is on its way any more; returns how many."""
    open_ones = dict(Send.objects.filter(finished_at=None).values_list("pk", "last_mail"))
    totals = counting.totals(send_ids=open_ones)
    done = [
        pk
        for pk, total in totals.items()
        if any(total.values()) and not any(total[measure] for measure in _ON_THEIR_WAY)
    ]
    # Not one that mails joined meanwhile.
    return sum(
        Send.objects.filter(pk=pk, finished_at=None, last_mail=open_ones[pk]).update(finished_at=now)
        for pk in done
    )


class _OvertakenError(Exception):
    """A row changed since it was read; all is taken back and done again at the next turn."""


def _withdraw(send: Send, kinds: dict[str, Kind], now: datetime.datetime) -> int:
    rows = list(_left(send, MessageState.READY).order_by("ready_at", "pk")[:_AT_ONCE])
    rows = rows or list(_left(send, MessageState.HELD).order_by("pk")[:_AT_ONCE])
    if not rows:
        return 0
    try:
        with transaction.atomic():
            _tell(rows, kinds, now)
            _end(rows, now)
    except _OvertakenError:
        log.info("Mails of send %s changed while they were withdrawn: again.", send.pk)
    return len(rows)


def _tell(rows: Sequence[Message], kinds: dict[str, Kind], now: datetime.datetime) -> None:
    """Let the kinds write it down: they lock their rows first and mail's come after, as with all who end what is queued."""
    outcomes: dict[str, list[Outcome]] = {}
    for row in rows:
        light = Row._make(getattr(row, name) for name in Row._fields)
        outcomes.setdefault(row.kind, []).append(Outcome(light, Verdict.WITHDRAWN, STOPPED, "", now))
    for code in sorted(outcomes.keys() & kinds.keys()):
        kinds[code].record(outcomes[code], now=now)


def _end(rows: Sequence[Message], now: datetime.datetime) -> None:
    """Withdraw the rows and count them.

    :raises _OvertakenError: when one is not as it was read: a worker has it, or somebody else ended it.
    """
    ids = [row.pk for row in rows]
    locked = Message.objects.select_for_update().filter(pk__in=ids).order_by("pk")
    found = {pk: (state, tries) for pk, state, tries in locked.values_list("pk", "state", "tries")}
    if any(found.get(row.pk) != (row.state, row.tries) for row in rows):
        raise _OvertakenError
    ledger = counting.Ledger()
    for row in rows:
        ledger.moved(
            sender_id=row.sender_id,
            send_id=row.send_id,
            origin=counting.of_row(row.state, row.tries),
            target=Measure.WITHDRAWN,
        )
    Message.objects.filter(pk__in=ids).update(state=MessageState.WITHDRAWN, code=STOPPED, ended_at=now)
    ledger.write(now=now)


def _left(send: Send, state: MessageState) -> QuerySet[Message]:
    """Return rows of a send that no worker holds, state by state: each has an index of its own."""
    return Message.objects.filter(send=send, sender=send.sender_id, state=state)
