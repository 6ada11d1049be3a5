"""Orders that an earlier release recorded: counted by the worker, or by whoever takes one of them back before."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from guestlist.invitations import recounting
from guestlist.invitations.actions import earlier
from tests import make
from tests.invitations import recount
from tests.invitations.test_ordering import DAY, PURCHASE, TODAY, agrees, joined, told

pytestmark = pytest.mark.django_db


def test_orders_of_an_earlier_release_count_some_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    one, customer = joined()
    view = make.store_view(one.website)
    for days in (3, 1, 2):
        make.order(customer, view=view if days < 3 else None, now=make.NOW + days * DAY)
    make.order(make.customer(view), now=make.NOW)
    expected = recount.from_days()
    make.orders_of_an_earlier_release()
    monkeypatch.setattr(earlier, "AT_ONCE", 2)
    assert recounting.audit() == recounting.Audit(0, [], 4)
    assert not recounting.audit().adds_up

    assert [earlier.catch_up() for _piece in range(3)] == [2, 2, 0]

    assert recount.from_days() == expected == recount.from_history()
    assert recounting.audit() == recounting.Audit(3, [])


def test_order_of_an_earlier_release_is_taken_back_when_that_comes_first() -> None:
    _one, customer = joined()
    first, second, _third = (make.order(customer, now=make.NOW + n * DAY) for n in (1, 2, 3))
    make.orders_of_an_earlier_release()

    make.refund(second, 250, now=make.NOW + 4 * DAY)
    make.cancel(first, now=make.NOW + 4 * DAY)
    assert told() == {"orders": 2, "orders_cancelled": 1, "revenueEUR": 2250} | PURCHASE
    make.order(customer, now=make.NOW + 5 * DAY)
    assert earlier.catch_up() == 1

    assert told(TODAY + 2 * DAY) == {"orders": 1, "revenueEUR": 1000} | PURCHASE
    assert agrees()


def test_earlier_orders_take_the_same_queries_when_there_are_fifty() -> None:
    view = make.store_view()
    counts = []
    for number in (1, 50):
        for _each in range(number):
            _one, customer = joined(make.sent_invitation(make.customer(view)))
            make.order(customer, now=make.NOW + DAY)
        make.orders_of_an_earlier_release()
        with CaptureQueriesContext(connection) as captured:
            assert earlier.catch_up()
        counts.append(len(captured))

    assert counts[0] == counts[1]
