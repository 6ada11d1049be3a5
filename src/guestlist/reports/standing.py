"""How the mail of some websites stands right now: what waits, what failed lately, and whom nothing leaves from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from guestlist.invitations import estimates
from guestlist.invitations.estimates import EXACT
from guestlist.invitations.models import Delivery
from guestlist.mail import counting, pacing
from guestlist.mail.models import Send, SenderIdentity

if TYPE_CHECKING:
    import datetime
    from collections.abc import Collection

    from guestlist.mail.pacing import Today

TROUBLES = (Delivery.FAILED, Delivery.BOUNCED, Delivery.IN_DOUBT)
"""What became of mails that somebody should look at."""


@dataclass(frozen=True, slots=True)
class Standing:
    """``waiting`` and ``scheduled`` are mails in the outbox, up to one more than `EXACT`; ``failed`` is of lately."""

    waiting: int
    scheduled: int
    failed: dict[Delivery, int]
    """Only those that there are any of, in the order of `TROUBLES`."""
    stopped: list[SenderIdentity]
    """Senders whom the mail server refuses."""
    held: list[SenderIdentity]
    """Senders of whose mail too much bounced or was complained of."""
    exhausted: list[tuple[SenderIdentity, Today]]
    """Senders that have sent what they may in a day."""


def of(website_ids: Collection[int], *, now: datetime.datetime) -> Standing:
    """Return how the mail of websites stands, in a handful of queries, however much there is."""
    waiting, scheduled = counting.waiting(website_ids=website_ids, now=now, most=EXACT + 1)
    failed = estimates.lately(list(website_ids), TROUBLES)
    senders = SenderIdentity.objects.filter(website__in=website_ids).select_related("website")
    standing = list(senders.order_by("pk"))
    today = pacing.today_of(standing, now=now)
    return Standing(
        waiting=waiting,
        scheduled=scheduled,
        failed={one: failed[one] for one in TROUBLES if one in failed},
        stopped=[one for one in standing if one.stopped_at],
        held=[one for one in standing if one.held_at],
        exhausted=[(one, today[one.pk]) for one in standing if one.pk in today and not today[one.pk].left],
    )


def held_sends(website_ids: Collection[int]) -> int:
    """Return how many bulk sends of websites wait for staff to release them."""
    going = Send.objects.filter(website__in=website_ids, finished_at=None, stopped_at=None)
    return going.filter(held_at__isnull=False).count()
