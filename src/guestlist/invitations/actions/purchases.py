"""Who purchased: each invitee once, on the day of the first of their orders that counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from guestlist.invitations import figures
from guestlist.invitations.models import AttributedOrder

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from guestlist.invitations.models import Invitation


def first_ones(invitation: Invitation) -> list[AttributedOrder]:
    """Return the first two orders that count of either kind: without any one of them it still shows which is the first."""
    counting = AttributedOrder.objects.filter(invitation=invitation, counts=True).order_by(
        "placed_at", "order"
    )
    # "In", for SQLite looks nothing up in an index for a bare "not in_view".
    return [*counting.filter(in_view__in=[True])[:2], *counting.filter(in_view__in=[False])[:2]]


def count(
    ledger: figures.Ledger,
    invitation: Invitation,
    *,
    before: Sequence[AttributedOrder],
    after: Sequence[AttributedOrder],
) -> None:
    """Count the invitee on the day of their first order, where that is another one now, or none."""
    for measure, in_view_only in ((figures.PURCHASED, False), (figures.PURCHASED_IN_VIEW, True)):
        was, now_is = (_first_day(ones, in_view_only=in_view_only) for ones in (before, after))
        if was == now_is:
            continue
        # By the day of sending the two cancel each other out.
        for day, amount in ((was, -1), (now_is, 1)):
            if day is not None:
                ledger.add(invitation, f"{measure}.{invitation.reason}", day=day, amount=amount)


def _first_day(ones: Sequence[AttributedOrder], *, in_view_only: bool) -> datetime.date | None:
    counted = [one for one in ones if one.in_view or not in_view_only]
    return min(counted, key=lambda one: (one.placed_at, one.order_id)).day if counted else None
