"""An order, from the cart to its confirmation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import transaction

from guestlist.demo import catalog
from guestlist.demo.models import OrderLine
from guestlist.invitations import actions as invitations

if TYPE_CHECKING:
    import datetime

    from guestlist.customers.models import Customer
    from guestlist.demo.cart import Cart
    from guestlist.orders.models import Order
    from guestlist.stores.models import StoreView

WISHES = frozenset({"theepot-ijssel", "servetten-linnen", "bord-schelp", "kandelaar-twijg", "plaid-wadden"})
"""What stands on the example wish list."""


@dataclass(frozen=True, slots=True)
class Bought:
    """A line of an order: the product where the shop still has it, how many, and what they cost in minor units."""

    product: catalog.Product | None
    quantity: int
    total: int


@transaction.atomic
def buy(*, store_view: StoreView, customer: Customer, cart: Cart, once: str, now: datetime.datetime) -> Order:
    """Record an order of what is in the cart; ``once`` makes its number, so that asking again finds the same order."""
    order = invitations.record_order(
        store_view=store_view,
        customer=customer,
        number=number(store_view, once),
        currency=store_view.currency,
        total=cart.total,
        now=now,
    )
    for line in cart.lines:
        OrderLine.objects.get_or_create(
            order=order,
            product=line.offer.product.slug,
            defaults={"quantity": line.quantity, "price": line.offer.price},
        )
    return order


def number(store_view: StoreView, once: str) -> str:
    """Return the shop's number for an order."""
    return f"{store_view.website.code[:1].upper()}-{once[:8].upper()}"


def lines(order: Order, store_view: StoreView) -> list[Bought]:
    """Return what an order had."""
    rows = OrderLine.objects.filter(order=order).order_by("pk")
    return [
        Bought(catalog.find(store_view, row.product), row.quantity, row.quantity * row.price) for row in rows
    ]
