"""Orders that an earlier release recorded: for which invitation they count, and who purchased by them.

That release wrote down no more than the event, and counted the order and what it came to. While a new release is taken into
use, it may still be recording some.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import F

from guestlist.customers.models import Customer
from guestlist.invitations import figures
from guestlist.invitations.actions import moves, purchases
from guestlist.invitations.models import AttributedOrder, EventKind, InvitationEvent
from guestlist.orders.models import Order

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

AT_ONCE = 200


def catch_up() -> int:
    """Count some of the orders of an earlier release; returns how many those were."""
    lacking = Order.objects.filter(recorded_at=None).order_by("pk")
    found = dict(lacking.values_list("pk", "customer")[:AT_ONCE])
    if not found:
        return 0
    with transaction.atomic():
        # In the order of ids, as everybody who locks more than one.
        buyers = Customer.objects.select_for_update(no_key=True).filter(pk__any_of=set(found.values()))
        list(buyers.order_by("pk").values_list("pk"))
        # Somebody may have canceled one meanwhile, who counted it first.
        adopt(list(Order.objects.filter(pk__any_of=found.keys(), recorded_at=None)))
    return len(found)


def adopt(orders: Collection[Order]) -> None:
    """Count orders of an earlier release, whose customers the caller has locked, as if this one had recorded them.

    It knew neither cancellations nor refunds: what of those is known by now is the caller's to take back.
    """
    rows = _rows({one.pk: one for one in orders})
    its = {row.invitation_id: row.invitation for row in rows}
    before = _by_invitation(AttributedOrder.objects.filter(invitation__in=its, counts=True))
    new = _by_invitation(rows)
    AttributedOrder.objects.bulk_create(rows)
    ledger = figures.Ledger()
    for pk, invitation in its.items():
        purchases.count(ledger, invitation, before=before[pk], after=[*before[pk], *new[pk]])
    ledger.write()
    Order.objects.filter(pk__any_of={one.pk for one in orders}).update(recorded_at=F("placed_at"))


def _rows(orders: Mapping[int, Order]) -> list[AttributedOrder]:
    """Return what is to be kept of those that count for an invitation, and complete the history as later events tell it."""
    events = InvitationEvent.objects.select_related("invitation__store_view").filter(
        kind=EventKind.ORDER_ATTRIBUTED,
        invitation__website__in={one.website_id for one in orders.values()},
        invitation__invitee__in={one.customer_id for one in orders.values()},
    )
    theirs = [one for one in events.order_by("pk") if one.detail["order"] in orders]
    rows = []
    for event in theirs:
        invitation, order = event.invitation, orders[event.detail["order"]]
        row = AttributedOrder(
            order=order,
            invitation=invitation,
            placed_at=order.placed_at,
            day=moves.local_day(invitation.store_view, order.placed_at),
            in_view=order.store_view_id == invitation.store_view_id,
        )
        event.detail |= {
            "refunded": 0,
            "placed": row.placed_at.isoformat(),
            "day": row.day.isoformat(),
            "in_view": row.in_view,
        }
        rows.append(row)
    InvitationEvent.objects.bulk_update(theirs, ["detail"])
    return rows


def _by_invitation(rows: Iterable[AttributedOrder]) -> defaultdict[int, list[AttributedOrder]]:
    found: defaultdict[int, list[AttributedOrder]] = defaultdict(list)
    for row in rows:
        found[row.invitation_id].append(row)
    return found
