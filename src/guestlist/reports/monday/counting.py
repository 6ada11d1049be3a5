"""What a Monday mail tells, counted when it is made: the last full week, the week before, and how mail stands then."""

from __future__ import annotations

import datetime
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self

from django.db.models import Count, Q

from guestlist.invitations import blocks, figures
from guestlist.invitations.lifecycle import Status
from guestlist.invitations.models import Invitation
from guestlist.mail import counting
from guestlist.mail.models import SenderIdentity
from guestlist.reports import standing, today

if TYPE_CHECKING:
    from collections.abc import Sequence

    from guestlist.reports.periods import Span
    from guestlist.stores.models import StoreView

FIGURES = {
    "invited": today.INVITED,
    "sent": today.SENT,
    "accepted": today.ACCEPTED,
    "joined": today.JOINED,
    "buyers": today.FIRST_ORDERS,
    "undeliverable": today.UNDELIVERABLE,
}
"""The figures of a week, by the name of their variable, and the measures that each adds up: by the day of each event."""
TOP = 5
COMPLAINTS_OF = datetime.timedelta(hours=24)
"""Complaints are told by the minute, and kept for little longer than this."""


@dataclass(frozen=True, slots=True)
class Counted:
    """Numbers and ids alone: names are looked up when the mail leaves, for people are erased."""

    last_week: dict[str, int]
    """By the names of `FIGURES`."""
    week_before: dict[str, int]
    waiting: int
    """Mails that are due, counted up to one more than `estimates.EXACT`; those for later likewise."""
    scheduled: int
    failed: dict[str, int]
    """Of the newest invitations, by how their mail stands."""
    complaints: int
    held_sends: int
    resting_senders: int
    limits_hit: int
    top: list[list[int]]
    """Customer's id, invitations sent in the week, and accepted of these by now; who sent most first."""

    @classmethod
    def read(cls, stored: dict[str, Any]) -> Self:
        """Return what `as_json` gave."""
        return cls(**stored)

    def as_json(self) -> dict[str, Any]:
        """Return what can be kept."""
        return asdict(self)


def count(
    store_views: Sequence[StoreView],
    *,
    with_people: Sequence[StoreView],
    week: Span,
    now: datetime.datetime,
) -> Counted:
    """Count for store views; those who invited most are looked for ``with_people`` alone."""
    measures = {one for some in FIGURES.values() for one in some}
    by_day = figures.by_day(
        store_view_ids=[one.pk for one in store_views],
        measures=measures,
        start=week.before.first,
        end=week.last,
    )
    weeks = {True: dict.fromkeys(FIGURES, 0), False: dict.fromkeys(FIGURES, 0)}
    for (day, measure), amount in by_day.items():
        for name, some in FIGURES.items():
            if measure in some:
                weeks[day in week][name] += amount
    websites = {one.website_id for one in store_views}
    mail = standing.of(websites, now=now)
    senders = SenderIdentity.objects.filter(website__in=websites).values_list("pk", flat=True)
    return Counted(
        last_week=weeks[True],
        week_before=weeks[False],
        waiting=mail.waiting,
        scheduled=mail.scheduled,
        failed={one.value: number for one, number in mail.failed.items()},
        complaints=counting.complained(dict.fromkeys(senders, now - COMPLAINTS_OF)),
        held_sends=standing.held_sends(websites),
        resting_senders=len({one.pk for one in (*mail.stopped, *mail.held)}),
        limits_hit=len(mail.exhausted),
        top=_top(with_people, week, now),
    )


def _top(store_views: Sequence[StoreView], week: Span, now: datetime.datetime) -> list[list[int]]:
    """Return who sent most in a week, between the ids where all stands that was sent in it."""
    bounds = blocks.bounds(status=None, sent_from=week.first, sent_to=week.last, now=now)
    if bounds is None or not store_views:
        return []
    rows = (
        Invitation.objects.filter(
            pk__gte=bounds.first,
            pk__lte=bounds.last,
            sent_day__range=(week.first, week.last),
            store_view__in=[one.pk for one in store_views],
            inviter__isnull=False,
        )
        .order_by()
        .values_list("inviter")
        .annotate(sent=Count("pk"), accepted=Count("pk", filter=Q(status=Status.ACCEPTED)))
        .order_by("-sent", "inviter")
    )
    return [list(row) for row in rows[:TOP]]
