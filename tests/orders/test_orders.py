"""Orders: told once or often, recorded once."""

from typing import Any

import pytest
from django.db import IntegrityError, transaction

from guestlist.customers.models import Customer
from guestlist.orders import actions as orders
from guestlist.orders.models import Order
from tests import make

pytestmark = pytest.mark.django_db


def place(customer: Customer, **values: Any) -> tuple[Order, bool]:
    given: dict[str, Any] = {"number": "1001", "currency": "EUR", "total": 1250, "now": make.NOW} | values
    return orders.place(store_view=customer.store_view, customer=customer, **given)


def test_order_is_recorded_once_when_it_is_told_twice() -> None:
    customer = make.customer()

    first, again = place(customer), place(customer)

    assert first == (Order.objects.get(), True)
    assert again == (first[0], False)
    order = first[0]
    assert (str(order), order.total, order.currency, order.placed_at) == ("1001", 1250, "EUR", make.NOW)
    assert (order.website, order.customer) == (customer.website, customer)


@pytest.mark.parametrize("other", [{"total": 1}, {"currency": "USD"}, {"customer": True}])
def test_order_is_refused_when_its_number_is_known_with_other_content(other: dict[str, Any]) -> None:
    customer = make.customer()
    place(customer)
    buyer = make.customer(customer.store_view) if other.pop("customer", False) else customer

    with pytest.raises(orders.OrderNumberReused, match="1001"):
        place(buyer, **other)

    assert Order.objects.count() == 1


def test_number_is_free_when_another_website_uses_it() -> None:
    place(make.customer(make.store_view()))

    assert place(make.customer(make.store_view()))[1]


def test_amounts_are_the_databases_business_when_they_cannot_be() -> None:
    customer = make.customer()

    with pytest.raises(IntegrityError), transaction.atomic():
        place(customer, total=-1)
    place(customer)
    with pytest.raises(IntegrityError), transaction.atomic():
        Order.objects.update(refunded=1251)
