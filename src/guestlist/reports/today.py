"""Today, by each store view's own clock: what happened, who complained, who invited most."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from django.db.models import Count, Q

from guestlist.customers.models import Customer
from guestlist.invitations import figures
from guestlist.invitations.lifecycle import ACCEPT_REASONS, Reason, Status
from guestlist.invitations.models import Invitation, InvitationEvent
from guestlist.mail import counting
from guestlist.mail.models import SenderIdentity

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from guestlist.stores.models import StoreView

INVITED = (figures.CREATED,)
SENT = (figures.SENT_MAILED, figures.SENT_SHARED)
ACCEPTED = tuple(f"{figures.ACCEPTED}.{one}" for one in sorted(ACCEPT_REASONS))
UNDELIVERABLE = (f"{figures.DISCARDED}.{Reason.BOUNCED}",)
JOINED = tuple(f"{figures.ACCEPTED}.{one}" for one in sorted(ACCEPT_REASONS - {Reason.SIGNED_IN}))
"""Measures of those who became customers by an invitation."""
FIRST_ORDERS = tuple(f"{figures.PURCHASED}.{one}" for one in sorted(ACCEPT_REASONS))
"""Measures of those invited who ordered for the first time."""
NEWEST = 20_000
"""Invitations sent last among which those who invited most are looked for."""


@dataclass(frozen=True, slots=True)
class Inviter:
    """A customer, and how many of their invitations were sent today, and accepted of these."""

    customer: Customer
    sent: int
    accepted: int


@dataclass(frozen=True, slots=True)
class Top:
    """Who invited most, the first first; ``is_whole`` unless more was sent than is looked through."""

    inviters: list[Inviter]
    is_whole: bool


def days(store_views: Sequence[StoreView], *, now: datetime.datetime) -> dict[int, datetime.date]:
    """Return which day it is at each store view, by its id."""
    return {one.pk: now.astimezone(ZoneInfo(one.time_zone)).date() for one in store_views}


def happened(
    store_views: Sequence[StoreView], *, measures: Collection[str], now: datetime.datetime
) -> dict[str, int]:
    """Return measure → how many today, in one query; exact."""
    return figures.on_days(days(store_views, now=now), measures=[*measures, *JOINED, *FIRST_ORDERS])


def complaints(store_views: Sequence[StoreView], *, now: datetime.datetime) -> int:
    """Return how many complained today of mail of the store views' websites.

    Senders are a website's: their day is that of its store view where the day began first.
    """
    since: dict[int, datetime.datetime] = {}
    for one in store_views:
        began = _midnight(one, now)
        since[one.website_id] = min(began, since.get(one.website_id, began))
    senders = SenderIdentity.objects.filter(website__in=since).values_list("pk", "website")
    return counting.complained({sender: since[website] for sender, website in senders})


def top_inviters(store_views: Sequence[StoreView], *, most: int, now: datetime.datetime) -> Top:
    """Return who invited most today, among the invitations of all websites that were sent last: no more are read."""
    if not store_views:
        return Top([], is_whole=True)
    began = min(_midnight(one, now) for one in store_views)
    newest = InvitationEvent.objects.filter(target=Status.SENT, at__gte=began).order_by("-at", "-invitation")
    ids = list(newest.values_list("invitation", flat=True)[:NEWEST])
    on_its_day = Q(pk__in=())
    for view, day in days(store_views, now=now).items():
        on_its_day |= Q(store_view=view, sent_day=day)
    rows = (
        Invitation.objects.filter(on_its_day, pk__any_of=set(ids), inviter__isnull=False)
        .order_by()
        .values_list("inviter")
        .annotate(sent=Count("pk"), accepted=Count("pk", filter=Q(status=Status.ACCEPTED)))
        .order_by("-sent", "inviter")[:most]
    )
    found = list(rows)
    people = Customer.objects.in_bulk([pk for pk, _sent, _accepted in found])
    return Top(
        [Inviter(people[pk], sent, accepted) for pk, sent, accepted in found], is_whole=len(ids) < NEWEST
    )


def _midnight(view: StoreView, now: datetime.datetime) -> datetime.datetime:
    zone = ZoneInfo(view.time_zone)
    return datetime.datetime.combine(now.astimezone(zone).date(), datetime.time.min, zone)
