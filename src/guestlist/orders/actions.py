"""The only place that writes orders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from guestlist.orders.models import Order
from guestlist.refusal import Refusal

if TYPE_CHECKING:
    import datetime

    from guestlist.customers.models import Customer
    from guestlist.stores.models import StoreView


class OrderNumberReused(Refusal):
    """The order number is known, with other content."""

    code = "order_number_reused"
    message = _("Order %(number)s is known already, with another customer, amount or currency.")


@transaction.atomic
def place(
    *,
    store_view: StoreView,
    customer: Customer,
    number: str,
    currency: str,
    total: int,
    now: datetime.datetime,
) -> tuple[Order, bool]:
    """Record a placed order; ``total`` in minor units. Tells whether it is new: the same order again changes nothing.

    :raises OrderNumberReused: when the number is known with other content.
    """
    order, created = Order.objects.get_or_create(
        website_id=store_view.website_id,
        number=number,
        defaults={
            "store_view": store_view,
            "customer": customer,
            "currency": currency,
            "total": total,
            "placed_at": now,
        },
    )
    if not created and (order.customer_id, order.currency, order.total) != (customer.pk, currency, total):
        raise OrderNumberReused(number=number)
    return order, created
