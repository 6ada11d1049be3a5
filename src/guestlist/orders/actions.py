"""The only place that writes orders: placed, cancelled, refunded, each recorded once however often it is told."""

from __future__ import annotations

import datetime
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from guestlist.customers.models import Customer
from guestlist.orders import buyers, money
from guestlist.orders.models import Order
from guestlist.refusal import Refusal

if TYPE_CHECKING:
    from guestlist.stores.actors import Actor
    from guestlist.stores.models import StoreView

_AHEAD = datetime.timedelta(minutes=5)
"""By so much a shop's clock may be ahead of ours."""
_NUMBER = 64
"""Characters of an order's number."""


class MalformedNumber(Refusal):
    """The order's number is empty, too long, or has characters that cannot be read."""

    code = "malformed_order_number"
    message = _("An order's number has 1 to %(most)s characters, all of them visible.")


class AmountOutOfRange(Refusal):
    """The amount is less than nothing, or more than there is."""

    code = "amount_out_of_range"
    message = _("The amount must be zero or more and at most %(most)s, in the smallest unit of its currency.")


class UnknownCurrency(Refusal):
    """There is no such currency."""

    code = "unknown_currency"
    message = _("“%(currency)s” is no currency. Use the three letters of ISO 4217, like EUR.")


class PlacedInFuture(Refusal):
    """The order is said to be placed at a moment that is still to come."""

    code = "placed_in_future"
    message = _("This order is said to be placed in the future. Compare the shop's clock with this one's.")


class OrderNumberReused(Refusal):
    """The order number is known, with other content."""

    code = "order_number_reused"
    message = _(
        "Order %(number)s is known already, with another customer, store view, moment, amount or currency."
    )


class UnknownOrder(Refusal):
    """The website has no order with this number."""

    code = "unknown_order"
    message = _("There is no order %(number)s at this website. Tell that it was placed first.")


class OtherCurrency(Refusal):
    """The refund is in another currency than the order."""

    code = "other_currency"
    message = _("Order %(number)s is in %(currency)s, so what is refunded of it must be too.")


class RefundTooLarge(Refusal):
    """More is refunded than the order came to."""

    code = "refund_too_large"
    message = _("Order %(number)s came to less than that, so no more than all of it can be refunded.")


class RefundLowered(Refusal):
    """Less is said to be refunded than is known already."""

    code = "refund_lowered"
    message = _(
        "More than that of order %(number)s is refunded already. Tell all that was refunded of it so far."
    )


@dataclass(frozen=True, slots=True)
class Told:
    """An order that the shop told something of."""

    order: Order
    is_new: bool
    """Whether anything changed: told again, it does not."""


@dataclass(frozen=True, slots=True)
class Reversal(Told):
    """What a cancellation or a refund did to an order."""

    taken_back: int
    """By so much less it counts now, in minor units."""


@transaction.atomic
def place(
    *,
    store_view: StoreView,
    customer: Customer | buyers.Buyer,
    number: str,
    currency: str,
    total: int,
    placed_at: datetime.datetime | None = None,
    now: datetime.datetime,
) -> Told:
    """Record a placed order; ``total`` in minor units; placed now unless it says when.

    One that cost nothing, paid with a voucher, is an order too.

    The same order again changes nothing.

    :raises UnknownCustomer: when the website has no such customer; a guest's order is recorded once they have joined.
    :raises MalformedAddress: when the customer's address is none.
    :raises MalformedNumber: when the number is empty, too long or cannot be read.
    :raises AmountOutOfRange: when the total is less than nothing, or beyond all measure.
    :raises UnknownCurrency: when there is no such currency.
    :raises PlacedInFuture: when it is placed more than five minutes from now.
    :raises OrderNumberReused: when the number is known with other content.
    """
    if not _is_number(number):
        raise MalformedNumber(most=_NUMBER)
    _require_amount(total)
    if not money.is_known(currency):
        raise UnknownCurrency(currency=currency[:_NUMBER])
    if placed_at is not None and placed_at > now + _AHEAD:
        raise PlacedInFuture
    buyer = buyers.lock(customer, website_id=store_view.website_id)
    order, created = Order.objects.get_or_create(
        website_id=store_view.website_id,
        number=number,
        defaults={
            "store_view": store_view,
            "customer": buyer,
            "currency": currency,
            "total": total,
            "placed_at": placed_at or now,
        },
    )
    told = (buyer.pk, store_view.pk, currency, total, placed_at or order.placed_at)
    if (order.customer_id, order.store_view_id, order.currency, order.total, order.placed_at) != told:
        raise OrderNumberReused(number=number)
    return Told(order, is_new=created)


@transaction.atomic
def cancel(*, website_id: int, number: str, actor: Actor, now: datetime.datetime) -> Reversal:
    """Cancel an order, for good: it counts no more. Told again, it changes nothing.

    :raises UnknownOrder: when the website has no such order, or a customer none such of their own.
    """
    order = _locked(website_id, number, actor)
    if order.cancelled_at is not None:
        return Reversal(order, is_new=False, taken_back=0)
    counted = order.net
    order.cancelled_at = now
    order.save(update_fields=["cancelled_at"])
    return Reversal(order, is_new=True, taken_back=counted)


@transaction.atomic
def refund(*, website_id: int, number: str, currency: str, refunded: int, actor: Actor) -> Reversal:
    """Record how much of an order has been refunded **in all so far**, in minor units: told again, it changes nothing.

    A canceled order counted no more before; that its money went back is written down all the same.

    :raises UnknownOrder: when the website has no such order, or a customer none such of their own.
    :raises AmountOutOfRange: when that is less than nothing, or beyond all measure.
    :raises OtherCurrency: when the order is in another currency.
    :raises RefundTooLarge: when the order came to less.
    :raises RefundLowered: when more was refunded before.
    """
    _require_amount(refunded)
    order = _locked(website_id, number, actor)
    if currency != order.currency:
        raise OtherCurrency(number=number, currency=order.currency)
    if refunded > order.total:
        raise RefundTooLarge(number=number)
    if refunded < order.refunded:
        raise RefundLowered(number=number)
    counted, is_new = order.net, refunded != order.refunded
    order.refunded = refunded
    if is_new:
        order.save(update_fields=["refunded"])
    return Reversal(order, is_new=is_new, taken_back=counted - order.net)


def _is_number(number: str) -> bool:
    if not 0 < len(number) <= _NUMBER or number != number.strip():
        return False
    return not any(unicodedata.category(character)[0] in "CZ" and character != " " for character in number)


def _require_amount(amount: int) -> None:
    if not 0 <= amount <= money.MOST:
        raise AmountOutOfRange(most=money.MOST)


def _locked(website_id: int, number: str, actor: Actor) -> Order:
    """Return an order that nobody else changes until the transaction ends."""
    if not _is_number(number):
        raise UnknownOrder(number=number[:_NUMBER])
    known = Order.objects.visible_to(actor).filter(website=website_id, number=number)
    # The customer is what everybody locks who changes an order: what counts for the invitation depends on all of theirs.
    # The order is read after that, or it might be as it was before somebody else was done with it.
    list(Customer.objects.select_for_update(no_key=True).filter(pk__in=known.values("customer")))
    order = known.first()
    if order is None:
        raise UnknownOrder(number=number)
    return order
