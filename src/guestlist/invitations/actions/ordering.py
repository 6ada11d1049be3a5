"""What invited customers buy, cancel and give back, and what that says of the invitation that brought them.

Whoever changes an order holds the row of its customer (`orders.buyers`), and so does whoever accepts as a customer: which
order is the first of an invitation is decided by one at a time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import Exists, OuterRef

from guestlist.invitations import figures
from guestlist.invitations.actions import moves, purchases
from guestlist.invitations.lifecycle import Status
from guestlist.invitations.models import AttributedOrder, EventKind, Invitation, InvitationEvent
from guestlist.orders import actions as orders
from guestlist.orders.models import Order
from guestlist.stores.actors import Actor, ActorKind

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from guestlist.customers.models import Customer
    from guestlist.orders.actions import Told
    from guestlist.orders.buyers import Buyer
    from guestlist.stores.models import StoreView


@transaction.atomic
def record_order(
    *,
    store_view: StoreView,
    customer: Customer | Buyer,
    number: str,
    currency: str,
    total: int,
    placed_at: datetime.datetime | None = None,
    now: datetime.datetime,
) -> Told:
    """Record a placed order (``total`` in minor units, placed now unless it says when) and count it for its invitation.

    It counts where its customer accepted an invitation of the website no later than it was placed, whichever store view
    it was placed in. The same order again changes nothing.

    :raises UnknownCustomer: when the website has no such customer.
    :raises MalformedAddress: when the customer's address is none.
    :raises MalformedNumber: when the number is empty, too long or cannot be read.
    :raises AmountOutOfRange: when the total is less than nothing, or beyond all measure.
    :raises UnknownCurrency: when there is no such currency.
    :raises PlacedInFuture: when it is placed more than five minutes from now.
    :raises OrderNumberReused: when the number is known with other content.
    """
    told = orders.place(
        store_view=store_view,
        customer=customer,
        number=number,
        currency=currency,
        total=total,
        placed_at=placed_at,
        now=now,
    )
    if told.is_new:
        order = told.order
        invitation = _credited(order.website_id, order.customer_id)
        if invitation is not None and _is_since(invitation, order.placed_at):
            _attribute(invitation, [order], now=now)
    return told


@transaction.atomic
def cancel_order(*, website_id: int, number: str, actor: Actor, now: datetime.datetime) -> Told:
    """Record that an order was canceled, for good: it counts no more. Told again, it changes nothing.

    :raises UnknownOrder: when the website has no such order, or a customer none such of their own.
    """
    reversal = orders.cancel(website_id=website_id, number=number, actor=actor, now=now)
    if reversal.is_new:
        _take_back(reversal, {"cancelled": True}, actor=actor, now=now)
    return reversal


@transaction.atomic
def refund_order(
    *,
    website_id: int,
    number: str,
    currency: str,
    refunded: int,
    actor: Actor,
    now: datetime.datetime,
) -> Told:
    """Record how much of an order has been refunded **in all so far**, in minor units. Told again, it changes nothing.

    :raises UnknownOrder: when the website has no such order, or a customer none such of their own.
    :raises AmountOutOfRange: when that is less than nothing, or beyond all measure.
    :raises OtherCurrency: when the order is in another currency.
    :raises RefundTooLarge: when the order came to less.
    :raises RefundLowered: when more was refunded before.
    """
    reversal = orders.refund(
        website_id=website_id, number=number, currency=currency, refunded=refunded, actor=actor
    )
    if reversal.is_new:
        _take_back(reversal, {"refunded": refunded}, actor=actor, now=now)
    return reversal


def attribute_waiting(invitation: Invitation, customer: Customer, *, now: datetime.datetime) -> None:
    """Count what a customer ordered since accepting, but was told before that; their row is locked by the caller."""
    waiting = list(
        Order.objects.filter(
            customer=customer,
            placed_at__gte=invitation.accepted_at,
            cancelled_at=None,
            attribution=None,
        ).order_by("placed_at", "pk")
    )
    # Another acceptance may have got their orders so far: then it goes on getting them.
    if waiting and _credited(invitation.website_id, customer.pk) == invitation:
        _attribute(invitation, waiting, now=now)


def _credited(website_id: int, customer_id: int) -> Invitation | None:
    """Return the invitation that all of a customer's orders count for: the first that they accepted.

    A customer may accept more, each for another occasion. Once one has orders it keeps them, so that nobody is two
    invitees, should an earlier acceptance be told later.
    """
    theirs = AttributedOrder.objects.filter(invitation=OuterRef("pk"))
    accepted = Invitation.objects.filter(website=website_id, invitee=customer_id, status=Status.ACCEPTED)
    first = accepted.order_by(Exists(theirs).desc(), "accepted_at", "pk")
    return first.select_related("store_view").first()


def _is_since(invitation: Invitation, moment: datetime.datetime) -> bool:
    return invitation.accepted_at is not None and invitation.accepted_at <= moment


def _attribute(invitation: Invitation, new: Sequence[Order], *, now: datetime.datetime) -> None:
    """Count orders for an invitation, whose ``store_view`` is loaded."""
    before = purchases.first_ones(invitation)
    rows = [
        AttributedOrder(
            order=one,
            invitation=invitation,
            placed_at=one.placed_at,
            day=moves.local_day(invitation.store_view, one.placed_at),
            in_view=one.store_view_id == invitation.store_view_id,
        )
        for one in new
    ]
    AttributedOrder.objects.bulk_create(rows)
    InvitationEvent.objects.bulk_create(
        moves.event(
            invitation,
            EventKind.ORDER_ATTRIBUTED,
            actor=Actor(ActorKind.CUSTOMER, row.order.customer_id),
            now=now,
            detail={
                "order": row.order_id,
                "total": row.order.total,
                "refunded": row.order.refunded,
                "currency": row.order.currency,
                "placed": row.placed_at.isoformat(),
                "day": row.day.isoformat(),
                "in_view": row.in_view,
            },
        )
        for row in rows
    )
    ledger = figures.Ledger()
    for row in rows:
        ledger.add(invitation, figures.ORDERS, day=row.day)
        ledger.add(
            invitation, figures.REVENUE, day=row.day, amount=row.order.net, currency=row.order.currency
        )
    purchases.count(ledger, invitation, before=before, after=[*before, *rows])
    ledger.write()


def _take_back(
    reversal: orders.Reversal, what: dict[str, Any], *, actor: Actor, now: datetime.datetime
) -> None:
    """Let an order that was canceled or refunded count for less, on the day that it counted."""
    order = reversal.order
    row = AttributedOrder.objects.select_related("invitation__store_view").filter(order=order).first()
    if row is None:
        return
    invitation, ledger = row.invitation, figures.Ledger()
    if row.counts and order.cancelled_at is not None:
        before = purchases.first_ones(invitation)
        AttributedOrder.objects.filter(order=order).update(counts=False)
        ledger.add(invitation, figures.ORDERS, day=row.day, amount=-1)
        ledger.add(invitation, figures.ORDERS_CANCELLED, day=row.day)
        after = [one for one in before if one.order_id != order.pk]
        purchases.count(ledger, invitation, before=before, after=after)
    ledger.add(invitation, figures.REVENUE, day=row.day, amount=-reversal.taken_back, currency=order.currency)
    ledger.write()
    detail = {"order": order.pk, **what, "taken_back": reversal.taken_back, "currency": order.currency}
    moves.event(invitation, EventKind.ORDER_REVERSED, actor=actor, now=now, detail=detail).save()
