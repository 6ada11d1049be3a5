"""Orders of invited customers: which count, for whom, on which day, and how they stop counting."""

import datetime
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from guestlist.customers.models import Customer
from guestlist.invitations import actions as invitations
from guestlist.invitations import figures, recounting
from guestlist.invitations.models import (
    AttributedOrder,
    Basis,
    EventKind,
    FiguresDay,
    FiguresDelta,
    Invitation,
    InvitationEvent,
)
from guestlist.orders.buyers import UnknownCustomer
from guestlist.orders.models import Order
from guestlist.refusal import Refusal
from guestlist.stores.actors import SYSTEM
from guestlist.stores.models import StoreView
from tests import make
from tests.invitations import recount

pytestmark = pytest.mark.django_db

DAY, HOUR = datetime.timedelta(days=1), datetime.timedelta(hours=1)
TODAY = make.NOW.date()
PURCHASE = {"purchased": 1, "purchased_in_view": 1}


def joined(
    one: Invitation | None = None, *, now: datetime.datetime = make.NOW
) -> tuple[Invitation, Customer]:
    """Return an accepted invitation and who accepted it."""
    found = make.registered(one or make.sent_invitation(), now=now)
    assert found.invitation
    assert found.customer
    return found.invitation, found.customer


def accepted_by(customer: Customer, *, now: datetime.datetime) -> Invitation:
    """Return an invitation to an occasion that an existing customer accepts."""
    view = customer.store_view
    one = make.sent_invitation(make.customer(view), occasion=make.occasion(view.website), now=now)
    found = invitations.join(
        user=make.user_of(customer),
        store_view=view,
        invitation=one,
        config=make.options(registration_address="any"),
        now=now,
    )
    assert found.invitation
    return found.invitation


def told(day: datetime.date | None = None, basis: Basis = Basis.EVENT) -> dict[str, int]:
    """Return what the figures say of orders, by the day of the event unless told else: measure → amount, but for zeros."""
    start, end = (day, day) if day else (TODAY - 999 * DAY, TODAY + 999 * DAY)
    views = list(StoreView.objects.values_list("pk", flat=True))
    sums = figures.totals(store_view_ids=views, basis=basis, start=start, end=end)
    named = {(name.partition(".")[0], currency): n for (name, currency), n in sums.items() if n}
    keys = ("orders", "orders_cancelled", "revenue", "purchased", "purchased_in_view")
    return {name + currency: n for (name, currency), n in named.items() if name in keys}


def agrees() -> bool:
    """Tell whether figures, history, rows and a count by other means all say the same."""
    counted = recount.from_history()
    return recounting.audit().adds_up and recount.from_days() == counted


def test_purchase_counts_once_when_somebody_buys_twice() -> None:
    _one, customer = joined()
    make.order(customer, total=1250, now=make.NOW + DAY)
    make.order(customer, total=300, now=make.NOW + 2 * DAY)

    whole = {"orders": 2, "revenueEUR": 1550, "purchased": 1, "purchased_in_view": 1}
    assert told() == told(TODAY, Basis.SENT) == whole
    assert told(TODAY + DAY) == {"orders": 1, "revenueEUR": 1250, "purchased": 1, "purchased_in_view": 1}
    assert told(TODAY + 2 * DAY) == {"orders": 1, "revenueEUR": 300}
    assert agrees()


def test_purchase_is_not_of_the_view_when_somebody_buys_in_another_one() -> None:
    one, customer = joined()
    other = make.store_view(one.website, currency="GBP")
    make.order(customer, view=other, currency="GBP", now=make.NOW + DAY)

    assert told() == {"orders": 1, "revenueGBP": 1250, "purchased": 1}
    # It counts where the invitation is from.
    assert set(FiguresDelta.objects.values_list("store_view", flat=True)) == {one.store_view_id}

    make.order(customer, now=make.NOW + 2 * DAY)
    assert told(TODAY + 2 * DAY) == {"orders": 1, "revenueEUR": 1250, "purchased_in_view": 1}
    assert agrees()


def test_nothing_counts_when_it_was_bought_before_joining_or_at_another_website() -> None:
    one, customer = joined(now=make.NOW + DAY)
    make.order(customer, placed_at=make.NOW + DAY - HOUR, now=make.NOW + 2 * DAY)
    elsewhere = make.store_view()
    make.order(make.customer(elsewhere, email="other@example.com"), now=make.NOW + 2 * DAY)

    assert told() == {}
    assert agrees()

    # From the very moment of joining on it does.
    make.order(customer, placed_at=one.accepted_at, now=make.NOW + 2 * DAY)
    assert told(TODAY + DAY)["orders"] == 1
    assert agrees()


def test_next_order_is_the_first_when_the_first_is_canceled() -> None:
    _one, customer = joined()
    first, second, third = (make.order(customer, now=make.NOW + n * DAY) for n in (1, 2, 3))

    make.cancel(first, now=make.NOW + 5 * DAY)
    assert told(TODAY + DAY) == {"orders_cancelled": 1}
    assert told(TODAY + 2 * DAY)["purchased"] == 1
    make.cancel(first, now=make.NOW + 6 * DAY)
    make.cancel(third, now=make.NOW + 6 * DAY)
    assert told() == {"orders": 1, "orders_cancelled": 2, "revenueEUR": 1250} | PURCHASE
    make.cancel(second, now=make.NOW + 7 * DAY)

    assert told() == told(TODAY, Basis.SENT) == {"orders_cancelled": 3}
    assert agrees()


def test_first_order_is_the_one_placed_first_when_it_is_told_last() -> None:
    _one, customer = joined()
    make.order(customer, now=make.NOW + 9 * DAY)
    make.order(customer, placed_at=make.NOW + 2 * DAY, now=make.NOW + 9 * DAY)

    assert told(TODAY + 2 * DAY)["purchased"] == 1
    assert "purchased" not in told(TODAY + 9 * DAY)
    assert agrees()


def test_revenue_is_net_when_orders_are_refunded() -> None:
    _one, customer = joined()
    order = make.order(customer, now=make.NOW + DAY)
    for so_far in (250, 250, 1000):
        make.refund(order, so_far, now=make.NOW + 5 * DAY)

    assert told(TODAY + DAY) == {"orders": 1, "revenueEUR": 250, "purchased": 1, "purchased_in_view": 1}
    assert told(TODAY + 5 * DAY) == {}
    make.cancel(order, now=make.NOW + 6 * DAY)
    make.refund(order, 1250, now=make.NOW + 6 * DAY)
    assert told() == {"orders_cancelled": 1}
    assert agrees()


def test_history_tells_of_orders_without_an_address() -> None:
    one, customer = joined()
    order = make.order(customer, number="1001", now=make.NOW + DAY)
    make.refund(order, 250, now=make.NOW + 2 * DAY)
    make.cancel(order, now=make.NOW + 3 * DAY)
    make.cancel(order, now=make.NOW + 4 * DAY)

    events = list(InvitationEvent.objects.filter(invitation=one).order_by("-pk")[:3])[::-1]
    assert [(event.kind, event.actor_kind, event.at) for event in events] == [
        (EventKind.ORDER_ATTRIBUTED, "customer", make.NOW + DAY),
        (EventKind.ORDER_REVERSED, "system", make.NOW + 2 * DAY),
        (EventKind.ORDER_REVERSED, "customer", make.NOW + 3 * DAY),
    ]
    assert [event.detail["order"] for event in events] == [order.pk] * 3
    assert [event.detail.get("taken_back") for event in events] == [None, 250, 1000]
    assert "@" not in str([event.detail for event in events])


def test_purchase_stays_when_all_of_it_was_refunded() -> None:
    _one, customer = joined()
    make.refund(make.order(customer, now=make.NOW + DAY), 1250, now=make.NOW + 2 * DAY)

    assert told() == told(TODAY, Basis.SENT) == {"orders": 1} | PURCHASE
    assert agrees()


def test_repetition_says_that_it_is_one() -> None:
    _one, customer = joined()

    def deeds() -> list[bool]:
        order: dict[str, Any] = {"website_id": customer.website_id, "number": "1001", "now": make.NOW + DAY}
        told_of = invitations.record_order(
            store_view=customer.store_view,
            customer=customer,
            number="1001",
            currency="EUR",
            total=1250,
            now=make.NOW + DAY,
        )
        refund = invitations.refund_order(**order, currency="EUR", refunded=250, actor=SYSTEM)
        return [told_of.is_new, refund.is_new, invitations.cancel_order(**order, actor=SYSTEM).is_new]

    assert deeds() == [True] * 3
    before = InvitationEvent.objects.count(), told()
    assert deeds() == [False] * 3
    assert (InvitationEvent.objects.count(), told()) == before


def test_figures_stay_when_the_customer_is_erased() -> None:
    _one, customer = joined()
    first, second = (make.order(customer, now=make.NOW + n * DAY) for n in (1, 2))
    Customer.objects.filter(pk=customer.pk).update(
        email=None, first_name=None, last_name=None, external_id=None, user=None, erased_at=make.NOW + 3 * DAY
    )
    assert told()["orders"] == 2

    # What the shop gives back afterwards still counts; what it sells does not: nobody bought it.
    refund = invitations.refund_order(
        website_id=first.website_id,
        number=second.number,
        currency="EUR",
        refunded=250,
        actor=SYSTEM,
        now=make.NOW + 4 * DAY,
    )
    assert refund.is_new
    make.cancel(first, now=make.NOW + 4 * DAY)
    with pytest.raises(UnknownCustomer):
        make.order(customer, now=make.NOW + 5 * DAY)

    assert told(TODAY + 2 * DAY) == {"orders": 1, "revenueEUR": 1000} | PURCHASE
    assert agrees()


def test_order_counts_for_the_first_acceptance_when_a_customer_accepts_more() -> None:
    first, customer = joined()
    make.order(customer, now=make.NOW + HOUR)
    accepted_by(customer, now=make.NOW + DAY)
    make.order(customer, now=make.NOW + 2 * DAY)

    assert set(AttributedOrder.objects.values_list("invitation", flat=True)) == {first.pk}
    assert told()["purchased"] == 1
    assert agrees()


def test_order_waits_for_the_acceptance_when_it_is_told_before() -> None:
    customer = make.customer()
    # The shop's clock is a little ahead: placed after the acceptance, told before it.
    ahead = make.order(customer, placed_at=make.NOW + HOUR / 15, now=make.NOW)
    make.refund(ahead, 250)
    canceled = make.order(customer, placed_at=make.NOW + HOUR / 15, now=make.NOW)
    make.cancel(canceled)
    before = make.order(customer, now=make.NOW)
    assert told() == {}

    one = accepted_by(customer, now=make.NOW + HOUR / 30)

    assert list(AttributedOrder.objects.values_list("order", "invitation")) == [(ahead.pk, one.pk)]
    assert told() == {"orders": 1, "revenueEUR": 1000, "purchased": 1, "purchased_in_view": 1}
    make.refund(before, 10)
    make.cancel(ahead)
    assert told() == {"orders_cancelled": 1}
    assert agrees()


def test_order_stays_with_its_invitation_when_an_earlier_acceptance_comes_late() -> None:
    _one, customer = joined(now=make.NOW + HOUR)
    make.order(customer, now=make.NOW + 2 * HOUR)
    # From another machine, whose clock is behind.
    accepted_by(customer, now=make.NOW)
    make.order(customer, now=make.NOW + 3 * HOUR)

    assert AttributedOrder.objects.values("invitation").distinct().count() == 1
    assert told()["purchased"] == 1
    assert recounting.audit().adds_up


def test_order_is_taken_back_where_it_counted_when_the_zone_changed() -> None:
    one, customer = joined()
    order = make.order(customer, now=make.NOW + 13 * HOUR)
    assert told(TODAY + DAY)["orders"] == 1  # after midnight in Amsterdam

    StoreView.objects.filter(pk=one.store_view_id).update(time_zone="America/New_York")
    make.refund(order, 250, now=make.NOW + DAY)
    assert told(TODAY + DAY)["revenueEUR"] == 1000
    make.cancel(order, now=make.NOW + DAY)

    assert told(TODAY) == {}
    assert told(TODAY + DAY) == {"orders_cancelled": 1}
    assert recounting.audit().adds_up


@pytest.mark.parametrize("night", [datetime.date(2026, 3, 29), datetime.date(2026, 10, 25)])
def test_order_counts_on_its_local_day_when_clocks_change(night: datetime.date) -> None:
    before = datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC)
    _one, customer = joined(make.sent_invitation(now=before), now=before)
    zone = ZoneInfo("Europe/Amsterdam")
    midnight = datetime.datetime.combine(night, datetime.time(), zone)
    after = datetime.datetime.combine(night + DAY, datetime.time(), zone)
    for moment in (midnight, after - HOUR / 60):
        make.order(customer, now=moment.astimezone(datetime.UTC))
    make.order(customer, now=(midnight - HOUR / 60).astimezone(datetime.UTC))

    assert told(night)["orders"] == 2
    assert told(night - DAY)["orders"] == 1
    assert agrees()


def test_nothing_counts_when_it_is_refused() -> None:
    _one, customer = joined()
    order = make.order(customer, number="1001", now=make.NOW + DAY)
    events, before = InvitationEvent.objects.count(), told()

    refused: list[Callable[[], object]] = [
        lambda: make.order(customer, number="1001", total=1, now=make.NOW + DAY),
        lambda: make.refund(order, 1251),
        lambda: make.refund(order, -1),
        lambda: make.order(customer, placed_at=make.NOW + 9 * DAY, now=make.NOW),
        lambda: make.order(customer, currency="ABC"),
    ]
    for deed in refused:
        with pytest.raises(Refusal):
            deed()
    make.order(customer, number="1001", now=make.NOW + 2 * DAY)

    assert (InvitationEvent.objects.count(), told()) == (events, before)


def test_order_that_cost_nothing_is_a_purchase() -> None:
    _one, customer = joined()
    order = make.order(customer, total=0, now=make.NOW + DAY)

    assert told() == {"orders": 1, "purchased": 1, "purchased_in_view": 1}
    assert agrees()
    make.cancel(order, now=make.NOW + 2 * DAY)
    assert told() == {"orders_cancelled": 1}
    assert agrees()


def test_order_takes_the_same_queries_when_there_are_fifty_before() -> None:
    _one, customer = joined()

    def statements() -> list[int]:
        counts = []
        order: list[Order] = []
        for deed in (
            lambda: order.append(make.order(customer, now=make.NOW + DAY)),
            lambda: make.refund(order[0], 250),
            lambda: make.cancel(order[0]),
        ):
            with CaptureQueriesContext(connection) as captured:
                deed()
            counts.append(len(captured))
        return counts

    make.order(customer, now=make.NOW + HOUR)
    few = statements()
    for _number in range(50):
        make.order(customer, now=make.NOW + HOUR)

    assert statements() == few
    assert max(few) <= 20


def test_recount_tells_of_every_figure_that_differs() -> None:
    one, customer = joined()
    order = make.order(customer, now=make.NOW + DAY)
    assert recounting.audit() == recounting.Audit(1, 1, [])
    figures.fold()
    assert recounting.audit().adds_up

    FiguresDay.objects.filter(measure="orders", basis=Basis.EVENT).update(amount=2)
    Order.objects.update(refunded=250)

    found = {
        (each.where, each.basis, each.measure): (each.kept, each.counted)
        for each in recounting.audit().differences
    }
    assert found == {
        ("days", "event", "orders"): (2, 1),
        ("orders", "event", "revenue"): (1000, 1250),
        ("orders", "sent", "revenue"): (1000, 1250),
    }
    assert str(AttributedOrder.objects.get()) == f"{one.pk}: {order.pk}"


steps = st.lists(
    st.one_of(
        st.tuples(st.just("order"), st.integers(0, 2), st.integers(-5, 72), st.integers(0, 900)),
        st.tuples(st.just("order_elsewhere"), st.integers(0, 2), st.integers(-5, 72), st.integers(0, 900)),
        st.tuples(st.just("cancel"), st.integers(0, 9)),
        st.tuples(st.just("refund"), st.integers(0, 9), st.integers(0, 900)),
        st.tuples(st.just("accept"), st.integers(0, 2)),
        st.tuples(st.just("discard"), st.integers(0, 9)),
        st.tuples(st.just("wait"), st.integers(1, 50)),
        st.tuples(st.just("fold")),
    ),
    min_size=5,
    max_size=25,
)


class _World:
    """A website with two store views, far from each other, and three customers who may accept and buy."""

    def __init__(self) -> None:
        self.now = make.NOW
        self.view = make.store_view(time_zone="Pacific/Auckland")
        self.other = make.store_view(self.view.website, time_zone="America/New_York", currency="USD")
        _one, newcomer = joined(make.sent_invitation(make.customer(self.view)))
        self.customers = [newcomer, make.customer(self.view), make.customer(self.other)]
        self.open = [make.sent_invitation(make.customer(self.view)) for _ in range(2)]
        self.orders: list[Order] = []
        self.staff = make.actor()

    def order(self, who: int, hours: int, total: int, *, view: StoreView | None = None) -> None:
        # A negative number of hours is minutes ahead: a shop's clock that is fast.
        ahead = datetime.timedelta(minutes=-hours) if hours < 0 else -hours * HOUR
        view = view or self.view
        self.orders.append(
            make.order(
                self.customers[who],
                view=view,
                total=total,
                currency=view.currency,
                placed_at=self.now + ahead,
                now=self.now,
            )
        )

    def order_elsewhere(self, who: int, hours: int, total: int) -> None:
        self.order(who, hours, total, view=self.other)

    def cancel(self, number: int) -> None:
        if number < len(self.orders):
            make.cancel(self.orders[number], now=self.now)

    def refund(self, number: int, so_far: int) -> None:
        if number < len(self.orders):
            make.refund(self.orders[number], so_far, now=self.now)

    def accept(self, who: int) -> None:
        accepted_by(self.customers[who], now=self.now)

    def discard(self, number: int) -> None:
        ids = list(Invitation.objects.order_by("pk").values_list("pk", flat=True))
        invitations.discard_many(ids=[ids[number % len(ids)]], actor=self.staff, now=self.now)

    def wait(self, hours: int) -> None:
        self.now += hours * HOUR

    def fold(self) -> None:
        figures.fold()


@given(told_steps=steps)
@hypothesis_settings(max_examples=25)
def test_figures_agree_with_the_history_whatever_happens_to_orders(
    told_steps: list[tuple[object, ...]],
) -> None:
    with transaction.atomic():
        world = _World()
        for name, *values in told_steps:
            world.now += datetime.timedelta(seconds=1)
            try:
                with transaction.atomic():
                    getattr(world, str(name))(*values)
            except Refusal as refusal:
                assert refusal.code in {"refund_too_large", "refund_lowered", "already_accepted"}  # noqa: PT017
        assert recounting.audit().adds_up
        counted = recount.from_history()
        assert recount.from_days() == counted
        assert recount.from_months() == recount.by_month(counted)
        transaction.set_rollback(True)
