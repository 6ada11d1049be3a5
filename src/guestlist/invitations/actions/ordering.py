"""What invited customers buy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from guestlist.invitations import figures
from guestlist.invitations.actions import moves
from guestlist.invitations.lifecycle import Status
from guestlist.invitations.models import EventKind, Invitation
from guestlist.orders import actions as orders
from guestlist.stores.actors import Actor, ActorKind

if TYPE_CHECKING:
    import datetime

    from guestlist.customers.models import Customer
    from guestlist.orders.models import Order
    from guestlist.stores.models import StoreView


@transaction.atomic
def record_order(
    *,
    store_view: StoreView,
    customer: Customer,
    number: str,
    currency: str,
    total: int,
    now: datetime.datetime,
) -> Order:
    """Record a placed order (``total`` in minor units) and what it says of the invitation that brought the customer.

    The same order again changes nothing.

    :raises OrderNumberReused: when the number is known with other content.
    """
    order, is_new = orders.place(
        store_view=store_view, customer=customer, number=number, currency=currency, total=total, now=now
    )
    invitation = (
        Invitation.objects.select_related("store_view")
        .filter(website=store_view.website_id, invitee=customer, status=Status.ACCEPTED, accepted_at__lte=now)
        .order_by("pk")
        .first()
    )
    if is_new and invitation is not None:
        moves.event(
            invitation,
            EventKind.ORDER_ATTRIBUTED,
            actor=Actor(ActorKind.CUSTOMER, customer.pk),
            now=now,
            detail={"order": order.pk, "total": total, "currency": currency},
        ).save()
        ledger = figures.Ledger()
        day = moves.local_day(invitation.store_view, now)
        ledger.add(invitation, figures.ORDERS, day=day)
        ledger.add(invitation, figures.REVENUE, day=day, amount=total, currency=currency)
        ledger.write()
    return order
