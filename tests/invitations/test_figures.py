"""The figures: exact at any moment, folded or not, by the day of sending and by the day of the event."""

import datetime
import importlib
from collections import Counter
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.db import connection

from guestlist.invitations import actions as invitations
from guestlist.invitations import figures
from guestlist.invitations.models import Basis, FiguresDay, FiguresDelta, FiguresMonth, Invitation
from guestlist.mail.kinds import Verdict
from guestlist.orders.actions import OrderNumberReused
from guestlist.stores.models import StoreView
from tests import make
from tests.invitations import recount

pytestmark = pytest.mark.django_db

DAY = make.NOW.date()
LATER = make.NOW + datetime.timedelta(days=40)
YEAR = {"start": datetime.date(2026, 1, 1), "end": datetime.date(2026, 12, 31)}


def told(basis: Basis, **days: datetime.date) -> dict[tuple[str, str], int]:
    views = list(Invitation.objects.values_list("store_view", flat=True).distinct())
    totals = figures.totals(store_view_ids=views, basis=basis, **(days or YEAR))
    return {key: amount for key, amount in totals.items() if amount}


def test_end_is_taken_back_when_a_sent_invitation_lives_again() -> None:
    one, actor = make.sent_invitation(), make.actor()
    invitations.discard(invitation=one, actor=actor, now=LATER)
    assert told(Basis.SENT) == {("sent_mailed", ""): 1, ("discarded.staff", ""): 1}

    invitations.resend(invitation=one, actor=actor, config=make.options(), now=LATER)
    make.fare(one, Verdict.ACCEPTED, now=LATER)

    assert told(Basis.SENT) == {("sent_mailed", ""): 1}
    assert told(Basis.SENT, start=DAY, end=DAY) == {("sent_mailed", ""): 1}
    assert told(Basis.EVENT) == {("created", ""): 1, ("sent_mailed", ""): 1, ("discarded.staff", ""): 1}


def test_nothing_is_taken_back_when_what_lives_again_was_never_sent() -> None:
    one, actor = make.staff_invitation(make.store_view()), make.actor()
    invitations.discard(invitation=one, actor=actor, now=make.NOW)
    invitations.resend(invitation=one, actor=actor, config=make.options(), now=make.NOW)
    make.fare(one, Verdict.ACCEPTED)

    assert told(Basis.SENT) == {("sent_mailed", ""): 1}
    assert recount.from_days() == recount.from_history()


def test_leaving_counts_once_when_an_invitation_is_shared_and_mailed() -> None:
    one = make.invitation()
    invitations.share(
        invitation=one, actor=make.by(make.inviter_of(one)), config=make.options(), now=make.NOW
    )
    make.fare(one, Verdict.ACCEPTED)

    assert told(Basis.SENT) == {("sent_shared", ""): 1}


def test_orders_count_for_both_days_when_an_invited_customer_buys() -> None:
    one = make.sent_invitation()
    customer = make.registered(one).customer
    assert customer is not None

    for number, total in [("1", 1250), ("2", 300), ("2", 300)]:
        invitations.record_order(
            store_view=one.store_view,
            customer=customer,
            number=number,
            currency="EUR",
            total=total,
            now=LATER,
        )

    for basis, day in ((Basis.SENT, DAY), (Basis.EVENT, LATER.date())):
        totals = told(basis, start=day, end=day)
        assert (totals["orders", ""], totals["revenue", "EUR"]) == (2, 1550)
        counted = figures.by_day(
            store_view_ids=[one.store_view_id], measures=[figures.ORDERS, figures.REVENUE], start=day, end=day
        )
        # Days know no currencies, so they leave out what has one.
        assert counted == ({(day, "orders"): 2} if basis == Basis.EVENT else {})
    with pytest.raises(OrderNumberReused):
        invitations.record_order(
            store_view=one.store_view, customer=customer, number="2", currency="EUR", total=1, now=LATER
        )


def test_nothing_counts_when_the_buyer_was_not_invited() -> None:
    customer = make.customer()

    told_of = invitations.record_order(
        store_view=customer.store_view,
        customer=customer,
        number="1",
        currency="EUR",
        total=500,
        now=make.NOW,
    )

    assert told_of.order.total == 500
    assert not FiguresDelta.objects.exists()


def test_totals_stay_when_deltas_are_folded_in_between() -> None:
    first = make.sent_invitation()
    make.sent_invitation(first.inviter, now=LATER)
    before = told(Basis.SENT), told(Basis.EVENT)
    months = recount.from_months()

    assert figures.fold() >= FiguresDay.objects.count() > 0
    make.sent_invitation(first.inviter, now=LATER)
    invitations.discard(invitation=first, actor=make.actor(), now=LATER)
    assert figures.fold() > 0
    assert figures.fold() == 0

    assert not FiguresDelta.objects.exists()
    assert before != (told(Basis.SENT), told(Basis.EVENT))
    assert months != recount.from_months()
    counted = recount.from_history()
    assert recount.from_days() == counted
    assert recount.from_months() == recount.by_month(counted)
    assert {one.day.day for one in FiguresMonth.objects.all()} == {1}
    assert told(Basis.SENT, start=DAY, end=DAY) == {("sent_mailed", ""): 1, ("discarded.staff", ""): 1}


def test_only_some_are_folded_at_once_when_there_are_many(monkeypatch) -> None:
    monkeypatch.setattr(figures, "_FOLD_AT_ONCE", 3)
    one = make.sent_invitation()
    make.registered(one)
    before = told(Basis.EVENT)

    assert figures.fold() == 3
    assert FiguresDelta.objects.exists()
    assert told(Basis.EVENT) == before


def test_totals_are_of_the_asked_views_and_days_when_there_are_others() -> None:
    one, other = make.sent_invitation(), make.sent_invitation(make.customer(make.store_view()))

    assert figures.totals(store_view_ids=[], basis=Basis.SENT, **YEAR) == {}
    totals = figures.totals(store_view_ids=[other.store_view_id], basis=Basis.SENT, **YEAR)
    assert {key: amount for key, amount in totals.items() if amount} == {("sent_mailed", ""): 1}
    assert one.store_view_id != other.store_view_id
    tomorrow = DAY + datetime.timedelta(days=1)
    assert told(Basis.EVENT, start=tomorrow, end=tomorrow) == {}


def test_rows_read_as_what_they_are_when_they_are_printed() -> None:
    one = make.sent_invitation()
    make.registered(one)
    figures.fold()
    make.invitation(one.inviter, message="Hello")

    printed = [
        str(row)
        for row in (
            one,
            one.address,
            one.events.first(),
            one.credit,
            FiguresDay.objects.first(),
            FiguresMonth.objects.first(),
            FiguresDelta.objects.first(),
        )
    ]

    assert all(printed)
    assert not any("object (" in text for text in printed)


def not_sent() -> dict[tuple[str, datetime.date], int]:
    """Return by basis and day how many count as not sent, folded or not."""
    found: Counter[tuple[str, datetime.date]] = Counter()
    for model in (FiguresDay, FiguresDelta):
        for row in model.objects.filter(measure=figures.NOT_SENT):
            found[row.basis, row.day] += row.amount
    return {key: amount for key, amount in found.items() if amount}


def test_invitation_counts_as_not_sent_on_the_day_it_was_made_until_it_leaves() -> None:
    one, two = make.invitation(), make.staff_invitation(make.store_view(), keep=True)
    assert not_sent() == {("sent", DAY): 2, ("event", DAY): 2}
    figures.fold()
    invitations.discard(invitation=two, actor=make.actor(), now=LATER)
    make.fare(one, Verdict.ACCEPTED, now=LATER)

    assert not_sent() == {("sent", DAY): 1, ("event", DAY): 1}
    invitations.resend(invitation=one, actor=make.actor(), config=make.options(), now=LATER)
    make.fare(one, Verdict.ACCEPTED, now=LATER)
    assert not_sent() == {("sent", DAY): 1, ("event", DAY): 1}
    assert recount.from_days() == recount.from_history()


def test_day_of_not_sent_stays_when_the_time_zone_has_changed() -> None:
    # It is the 4th in Tokyo by then, and still the 3rd in Honolulu.
    evening = datetime.datetime(2026, 5, 3, 20, tzinfo=datetime.UTC)
    view = make.store_view(time_zone="Asia/Tokyo")
    mailed, shared = (make.invitation(make.customer(view), now=evening) for _ in range(2))
    assert not_sent() == {("sent", datetime.date(2026, 5, 4)): 2, ("event", datetime.date(2026, 5, 4)): 2}
    StoreView.objects.update(time_zone="Pacific/Honolulu")

    make.fare(mailed, Verdict.ACCEPTED, now=LATER)
    inviter = make.by(make.inviter_of(shared))
    shared = Invitation.objects.select_related("store_view").get(pk=shared.pk)
    invitations.share(invitation=shared, actor=inviter, config=make.options(), now=LATER)

    assert not_sent() == {}


def test_nothing_is_taken_away_when_an_earlier_release_counted_nothing() -> None:
    one = make.invitation()
    Invitation.objects.update(created_day=None)
    FiguresDelta.objects.filter(measure=figures.NOT_SENT).delete()

    make.fare(one, Verdict.ACCEPTED)

    assert not_sent() == {}


def test_what_an_earlier_release_made_is_counted_once_by_the_migration() -> None:
    evening = datetime.datetime(2026, 5, 3, 23, tzinfo=datetime.UTC)
    view = make.store_view(time_zone="Europe/Amsterdam")
    one = make.staff_invitation(view, keep=True, now=evening)
    make.sent_invitation(make.customer(view))
    Invitation.objects.update(created_day=None)
    FiguresDelta.objects.filter(measure=figures.NOT_SENT).delete()
    migration = importlib.import_module("guestlist.invitations.migrations.0016_created_day_counted")

    for _ in range(2):
        migration._count(apps, SimpleNamespace(connection=connection))

    next_day = datetime.date(2026, 5, 4)
    assert not_sent() == {("sent", next_day): 1, ("event", next_day): 1}
    assert list(Invitation.objects.exclude(created_day=None).values_list("pk", "created_day")) == [
        (one.pk, next_day)
    ]
