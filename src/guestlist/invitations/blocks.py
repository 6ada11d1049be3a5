"""Which blocks of ids were sent when, and until when: between which ids, and which moments, a list has to look."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import F, Max, Min, Q, Value
from django.db.models.functions import Coalesce, TruncDate

from guestlist.invitations.lifecycle import Status
from guestlist.invitations.models import BLOCK, NO_END, InvitationEvent, SentBlock

if TYPE_CHECKING:
    from collections.abc import Iterable

_AT_ONCE = 1_000


def note(ids: Iterable[int], *, sent_at: datetime.datetime, expires_at: datetime.datetime | None) -> None:
    """Write down that these were sent; call it in the transaction that sends them."""
    day = sent_at.astimezone(datetime.UTC).date()
    until = expires_at.astimezone(datetime.UTC).date() if expires_at is not None else NO_END
    _write({(day, until, pk // BLOCK) for pk in ids})


def catch_up(since: datetime.datetime) -> None:
    """Write down what was sent since then by a release that did not.

    While a new release is taken into use, workers of the one before may still be sending.
    """
    sent = (
        InvitationEvent.objects.filter(target=Status.SENT, at__gte=since)
        .order_by()
        .annotate(
            sent_on=TruncDate("at", tzinfo=datetime.UTC),
            until=Coalesce(TruncDate("invitation__expires_at", tzinfo=datetime.UTC), Value(NO_END)),
            block=F("invitation") / BLOCK,
        )
    )
    _write(set(sent.values_list("sent_on", "until", "block").distinct()))


def _write(found: set[tuple[datetime.date, datetime.date, int]]) -> None:
    # In order, so that nobody who does the same waits in a circle.
    SentBlock.objects.bulk_create(
        [SentBlock(day=day, until=until, block=block) for day, until, block in sorted(found)],
        batch_size=_AT_ONCE,
        ignore_conflicts=True,
    )


def sent_on(first: datetime.date, last: datetime.date) -> list[int]:
    """Return the numbers of the blocks in which any were sent on these days, whatever the time zone; in no order."""
    slack = datetime.timedelta(days=1)
    days = SentBlock.objects.filter(day__gte=first - slack, day__lte=last + slack).order_by()
    return list(days.values_list("block", flat=True).distinct())


@dataclass(frozen=True, slots=True)
class Bounds:
    """Between which ids, and on which UTC days of sending, all stand that match; both ends included."""

    first: int
    last: int
    first_day: datetime.date
    last_day: datetime.date


def bounds(
    *,
    status: str | None,
    sent_from: datetime.date | None,
    sent_to: datetime.date | None,
    now: datetime.datetime,
    ids: tuple[int, int] | None = None,
) -> Bounds | None:
    """Return where what was sent on these days, and is still open or over by now, can stand; None where nothing can.

    ``status`` is "sent", "expired" or None for any; with ``ids`` only what can be between these matters.
    """
    today = now.astimezone(datetime.UTC).date()
    where = Q()
    if status == Status.SENT:
        where &= Q(until__gte=today)
    elif status is not None:
        where &= Q(until__lte=today)
    # A day somewhere on earth begins up to 14 hours before and ends up to 12 hours after the same day in UTC.
    if sent_from is not None:
        where &= Q(day__gte=sent_from - datetime.timedelta(days=1))
    if sent_to is not None:
        where &= Q(day__lte=sent_to + datetime.timedelta(days=1))
    if ids is not None:
        where &= Q(block__gte=ids[0] // BLOCK, block__lte=ids[1] // BLOCK)
    found = SentBlock.objects.filter(where).aggregate(
        first=Min("block"), last=Max("block"), first_day=Min("day"), last_day=Max("day")
    )
    if found["first"] is None:
        return None
    return Bounds(
        found["first"] * BLOCK, (found["last"] + 1) * BLOCK - 1, found["first_day"], found["last_day"]
    )
