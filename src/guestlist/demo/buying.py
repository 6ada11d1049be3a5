"""An order, from the cart to its confirmation, and back: canceled, or some of it returned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import transaction

from guestlist.demo import catalog
from guestlist.demo.models import OrderLine
from guestlist.invitations import actions as invitations
from guestlist.stores.actors import Actor, ActorKind

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping

    from guestlist.customers.models import Customer
    from guestlist.demo.cart import Cart
    from guestlist.orders.models import Order
    from guestlist.stores.models import StoreView

WISHES = frozenset({"theepot-ijssel", "servetten-linnen", "bord-schelp", "kandelaar-twijg", "plaid-wadden"})
"""What stands on the example wish list."""


@dataclass(frozen=True, slots=True)
class Bought:
    """A line of an order: the product where the shop still has it, how many, how many came back, what one cost."""

    line_id: int
    product: catalog.Product | None
    quantity: int
    returned: int
    price: int

    @property
    def total(self) -> int:
        """What they cost together, in minor units."""
        return self.quantity * self.price

    @property
    def may_return(self) -> range:
        """How many may have come back in all after this."""
        return range(self.returned, self.quantity + 1)


@transaction.atomic
def buy(*, store_view: StoreView, customer: Customer, cart: Cart, once: str, now: datetime.datetime) -> Order:
    """Record an order of what is in the cart; ``once`` makes its number, so that asking again finds the same order."""
    told = invitations.record_order(
        store_view=store_view,
        customer=customer,
        number=number(store_view, once),
        currency=store_view.currency,
        total=cart.total,
        now=now,
    )
    for line in cart.lines:
        OrderLine.objects.get_or_create(
            order=told.order,
            product=line.offer.product.slug,
            defaults={"quantity": line.quantity, "price": line.offer.price},
        )
    return told.order


def cancel(*, order: Order, now: datetime.datetime) -> Order:
    """Cancel an order, as its customer; again changes nothing."""
    return invitations.cancel_order(
        website_id=order.website_id,
        number=order.number,
        actor=Actor(ActorKind.CUSTOMER, order.customer_id),
        now=now,
    ).order


@transaction.atomic
def give_back(*, order: Order, returned: Mapping[int, int], now: datetime.datetime) -> Order:
    """Take back so many pieces of an order in all, by the ids of its lines, as its customer; again changes nothing.

    What came back once stays; a line has no more pieces than were bought.
    """
    rows = list(OrderLine.objects.select_for_update().filter(order=order).order_by("pk"))
    for row in rows:
        row.returned = min(max(row.returned, returned.get(row.pk, 0)), row.quantity)
    OrderLine.objects.bulk_update(rows, ["returned"])
    refunded = sum(row.returned * row.price for row in rows)
    if not refunded:
        return order
    return invitations.refund_order(
        website_id=order.website_id,
        number=order.number,
        currency=order.currency,
        refunded=refunded,
        actor=Actor(ActorKind.CUSTOMER, order.customer_id),
        now=now,
    ).order


def number(store_view: StoreView, once: str) -> str:
    """Return the shop's number for an order."""
    return f"{store_view.website.code[:1].upper()}-{once[:8].upper()}"


def lines(order: Order, store_view: StoreView) -> list[Bought]:
    """Return what an order had."""
    rows = OrderLine.objects.filter(order=order).order_by("pk")
    return [
        Bought(row.pk, catalog.find(store_view, row.product), row.quantity, row.returned, row.price)
        for row in rows
    ]
