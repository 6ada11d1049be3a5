"""Orders: told once or often, recorded once; what cannot be is refused, and nothing of it stays."""

import datetime
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from guestlist.customers.models import Customer
from guestlist.orders import actions as orders
from guestlist.orders import money
from guestlist.orders.buyers import Buyer, UnknownCustomer
from guestlist.orders.models import Order
from guestlist.refusal import Refusal
from guestlist.stores.actors import SYSTEM
from tests import make

pytestmark = pytest.mark.django_db

MINUTE = datetime.timedelta(minutes=1)


def place(customer: Customer, /, **values: Any) -> orders.Told:
    given: dict[str, Any] = {"number": "1001", "currency": "EUR", "total": 1250, "now": make.NOW} | values
    return orders.place(**{"store_view": customer.store_view, "customer": customer} | given)


def cancel(order: Order, **values: Any) -> orders.Reversal:
    given: dict[str, Any] = {"number": order.number, "website_id": order.website_id, "actor": SYSTEM}
    return orders.cancel(**given | {"now": make.NOW} | values)


def refund(order: Order, refunded: int, **values: Any) -> orders.Reversal:
    given: dict[str, Any] = {"number": order.number, "website_id": order.website_id, "actor": SYSTEM}
    return orders.refund(refunded=refunded, **given | {"currency": "EUR"} | values)


def test_order_is_recorded_once_when_it_is_told_twice() -> None:
    customer = make.customer()

    first, again = place(customer), place(customer, now=make.NOW + MINUTE)

    order = Order.objects.get()
    assert first == orders.Told(order, is_new=True)
    assert again == orders.Told(order, is_new=False)
    assert (str(order), order.total, order.currency, order.placed_at) == ("1001", 1250, "EUR", make.NOW)
    assert (order.website, order.customer) == (customer.website, customer)


@pytest.mark.parametrize(
    "other",
    [
        {"total": 1},
        {"currency": "USD"},
        {"customer": True},
        {"store_view": True},
        {"placed_at": make.NOW - MINUTE},
    ],
)
def test_order_is_refused_when_its_number_is_known_with_other_content(other: dict[str, Any]) -> None:
    customer = make.customer()
    place(customer)
    if "customer" in other:
        other["customer"] = make.customer(customer.store_view)
    if "store_view" in other:
        other["store_view"] = make.store_view(customer.website)

    with pytest.raises(orders.OrderNumberReused, match="1001"):
        place(customer, **other)

    assert Order.objects.count() == 1


def test_number_is_free_when_another_website_uses_it() -> None:
    place(make.customer(make.store_view()))

    assert place(make.customer(make.store_view())).is_new


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"number": ""}, "malformed_order_number"),
        ({"number": " 1"}, "malformed_order_number"),
        ({"number": "1" * 65}, "malformed_order_number"),
        ({"number": "1\x00"}, "malformed_order_number"),
        ({"number": "1\u202e2"}, "malformed_order_number"),
        ({"total": -1}, "amount_out_of_range"),
        ({"total": money.MOST + 1}, "amount_out_of_range"),
        ({"currency": "eur"}, "unknown_currency"),
        ({"currency": "XXX"}, "unknown_currency"),
        ({"currency": ""}, "unknown_currency"),
        ({"placed_at": make.NOW + 6 * MINUTE}, "placed_in_future"),
        ({"customer": Buyer(email="nobody@example.com")}, "unknown_customer"),
        ({"customer": Buyer(external_id="\x00")}, "unknown_customer"),
        ({"customer": Buyer()}, "unknown_customer"),
        ({"customer": Buyer(email="no address")}, "malformed_address"),
    ],
)
def test_order_is_refused_when_it_cannot_be(values: dict[str, Any], code: str) -> None:
    customer = make.customer()

    with pytest.raises(Refusal) as refused:
        place(customer, **values)

    assert refused.value.code == code
    assert str(refused.value)
    assert not Order.objects.exists()


def test_order_may_be_a_little_ahead_when_clocks_differ() -> None:
    order = place(make.customer(), placed_at=make.NOW + 5 * MINUTE).order

    assert order.placed_at == make.NOW + 5 * MINUTE


def test_customer_is_found_however_the_shop_names_them() -> None:
    view = make.store_view()
    first, second = make.customer(view, email="emma@example.com"), make.customer(view)
    Customer.objects.filter(pk=second.pk).update(external_id="C-2")
    elsewhere = make.customer(make.store_view(), email="elsewhere@example.com")

    def buyer(**named: str) -> Customer:
        number = str(Order.objects.count())
        return place(first, number=number, customer=Buyer(**named)).order.customer

    assert buyer(email=" Emma@Example.COM ") == first
    assert buyer(external_id="C-2") == second
    # The id counts; an address alone finds who has none.
    assert buyer(external_id="C-2", email="emma@example.com") == second
    assert buyer(external_id="C-9", email="emma@example.com") == first
    for named in (
        {"external_id": "C-9", "email": second.email or ""},
        {"external_id": "C-9"},
        {"email": "elsewhere@example.com"},
    ):
        with pytest.raises(UnknownCustomer):
            buyer(**named)
    with pytest.raises(UnknownCustomer):
        place(first, number="x", customer=elsewhere)


def test_order_counts_for_nothing_when_it_is_canceled_once_or_often() -> None:
    order = place(make.customer()).order

    first = cancel(order)
    again = cancel(order, now=make.NOW + MINUTE)

    assert (first.is_new, first.taken_back) == (True, 1250)
    assert (again.is_new, again.taken_back) == (False, 0)
    order.refresh_from_db()
    assert (order.cancelled_at, order.net) == (make.NOW, 0)
    # Told once more, it stays so.
    assert place(order.customer) == orders.Told(order, is_new=False)


def test_refunds_are_what_came_back_so_far() -> None:
    order = place(make.customer()).order

    results = [refund(order, so_far) for so_far in (200, 200, 1250)]

    assert [(one.is_new, one.taken_back) for one in results] == [(True, 200), (False, 0), (True, 1050)]
    with pytest.raises(orders.RefundLowered, match="1001"):
        refund(order, 1249)
    order.refresh_from_db()
    assert (order.refunded, order.net) == (1250, 0)


def test_money_goes_back_only_once_when_an_order_is_canceled_and_refunded() -> None:
    first = place(make.customer()).order
    second = place(first.customer, number="1002").order

    before = [refund(first, 250), cancel(first)]
    after = [cancel(second), refund(second, 250)]

    assert [one.taken_back for one in before] == [250, 1000]
    assert [one.taken_back for one in after] == [1250, 0]
    assert set(Order.objects.values_list("refunded", flat=True)) == {250}


@pytest.mark.parametrize(
    ("refunded", "values", "code"),
    [
        (1251, {}, "refund_too_large"),
        (-5, {}, "amount_out_of_range"),
        (5, {"currency": "USD"}, "other_currency"),
        (5, {"number": "1002"}, "unknown_order"),
        (5, {"number": "\x00"}, "unknown_order"),
    ],
)
def test_refund_is_refused_when_it_cannot_be(refunded: int, values: dict[str, Any], code: str) -> None:
    order = place(make.customer()).order

    with pytest.raises(Refusal) as refused:
        refund(order, refunded, **values)

    assert refused.value.code == code
    assert str(refused.value)
    order.refresh_from_db()
    assert order.refunded == 0


def test_order_that_cost_nothing_is_one() -> None:
    told = place(make.customer(), total=0)

    assert (told.is_new, told.order.total) == (True, 0)
    assert not place(told.order.customer, total=0).is_new
    assert cancel(told.order).is_new


def test_nothing_is_refunded_when_a_shop_tells_so() -> None:
    order = place(make.customer()).order

    assert not refund(order, 0).is_new
    refund(order, 250)
    with pytest.raises(orders.RefundLowered):
        refund(order, 0)


def test_order_is_unknown_when_it_is_anothers() -> None:
    order = place(make.customer()).order
    somebody, elsewhere = make.customer(order.store_view), make.customer(make.store_view())

    for values in (
        {"actor": make.by(somebody)},
        {"website_id": elsewhere.website_id},
        {"actor": make.actor(elsewhere.website)},
        {"number": "1002"},
    ):
        with pytest.raises(orders.UnknownOrder):
            cancel(order, **values)
    assert cancel(order, actor=make.by(order.customer)).is_new


def test_amounts_are_the_databases_business_when_they_cannot_be() -> None:
    place(make.customer())

    with pytest.raises(IntegrityError), transaction.atomic():
        Order.objects.update(total=-1)
    with pytest.raises(IntegrityError), transaction.atomic():
        Order.objects.update(refunded=1251)


@pytest.mark.parametrize(
    ("minor", "currency", "language", "shown"),
    [
        (1850, "EUR", "nl", "€\u00a018,50"),
        (1600, "GBP", "en", "£16.00"),
        (1850, "JPY", "en", "¥1,850"),
        (10**15, "EUR", "en", "€10,000,000,000,000.00"),
    ],
)
def test_amounts_have_as_many_digits_as_their_currency(
    minor: int, currency: str, language: str, shown: str
) -> None:
    assert money.shown(minor, currency, language) == shown
