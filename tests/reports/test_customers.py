"""Invited customers: all of them, each once in a period, however they are paged."""

import datetime
from collections import Counter

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from guestlist.invitations import actions as invitations
from guestlist.invitations.models import Invitation
from guestlist.mail.kinds import Verdict
from guestlist.reports import customers
from guestlist.reports.customers import Page, Place, Scope
from guestlist.reports.periods import Span
from guestlist.stores.models import StoreView
from tests import make

pytestmark = pytest.mark.django_db

DAY = datetime.timedelta(days=1)
MAY, JUNE, JULY = (
    Span(datetime.date(2026, month, 1), datetime.date(2026, month, last))
    for month, last in ((5, 31), (6, 30), (7, 31))
)
SPANS = [MAY, JUNE, JULY]
LATER = make.NOW + 90 * DAY


def shop() -> list[StoreView]:
    """Return two store views of a website, where customers and staff invited in May and July, and one of another."""
    view = make.store_view(time_zone="Pacific/Auckland")
    views = [view, make.store_view(view.website), make.store_view()]
    people = [make.customer(one, in_group=make.group("vip")) for one in (view, view, views[1], views[2])]
    for number, days in enumerate([0, 0, 1, 2, 2, 60, 61, 62, 62, 62]):
        one = make.sent_invitation(people[number % 3], now=make.NOW + days * DAY)
        if number % 4 == 0:
            make.registered(one, now=make.NOW + (days + 20) * DAY)
        elif number % 4 == 1:
            invitations.discard(invitation=one, actor=make.actor(), now=LATER)
    make.sent_invitation(people[3], now=make.NOW + DAY)
    make.invitation(people[0], now=make.NOW)
    make.fare(make.staff_invitation(view), Verdict.ACCEPTED)
    # May in UTC, and June in Auckland.
    make.sent_invitation(people[1], now=datetime.datetime(2026, 5, 31, 20, tzinfo=datetime.UTC))
    return views


def of_website(views: list[StoreView]) -> Scope:
    return Scope(views[0].website_id, [views[0].pk, views[1].pk])


def inviters(scope: Scope, *, size: int = 50, spans: list[Span] = SPANS) -> list[tuple[Span, int, int, int]]:
    """Return what all pages have."""
    rows, after = [], None
    while True:
        page = customers.inviters(scope=scope, spans=spans, after=after, size=size, now=LATER)
        assert len(page.rows) <= size
        rows += [(one.span, one.customer.pk, one.sent, one.accepted) for one in page.rows]
        after = page.after
        if after is None:
            return rows


def expected(scope: Scope) -> Counter[tuple[Span, int]]:
    """Count how many each customer sent in each period, from the rows."""
    counted: Counter[tuple[Span, int]] = Counter()
    for one in Invitation.objects.exclude(inviter=None).exclude(sent_day=None):
        for span in SPANS:
            in_scope = scope.store_view_ids is None or one.store_view_id in scope.store_view_ids
            if in_scope and one.sent_day and one.inviter_id and one.sent_day in span:
                counted[span, one.inviter_id] += 1
    return counted


@pytest.mark.parametrize("size", [1, 2, 50])
@pytest.mark.parametrize("steps", [(1,), (1, 3), (1_000, 20_000)])
def test_each_who_invited_is_told_once_in_a_period(
    size: int, steps: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(customers, "STEPS", steps)
    scope = of_website(shop())

    rows = inviters(scope, size=size)

    assert Counter({(span, pk): sent for span, pk, sent, _accepted in rows}) == expected(scope)
    assert len({row[:2] for row in rows}) == len(rows)
    assert [row[0] for row in rows] == sorted(row[0] for row in rows)
    accepted = Invitation.objects.filter(status="accepted", website=scope.website_id)
    assert sum(row[3] for row in rows) == accepted.count() > 0
    assert JUNE in {row[0] for row in rows}


def test_all_websites_and_single_store_views_can_be_asked_for() -> None:
    views = shop()
    for scope in (Scope(), Scope(views[0].website_id, [views[1].pk]), Scope(views[2].website_id)):
        rows = inviters(scope, size=2)
        theirs = expected(scope)
        if scope.website_id == views[2].website_id:
            theirs = expected(Scope(None, [views[2].pk]))
        assert Counter({(span, pk): sent for span, pk, sent, _accepted in rows}) == theirs


def test_what_is_accepted_late_counts_where_it_was_sent() -> None:
    one = make.sent_invitation()
    make.registered(one, now=make.NOW + 25 * DAY)
    (row,) = customers.inviters(scope=Scope(), spans=SPANS, size=9, now=LATER).rows

    assert (row.span, row.customer, row.sent, row.accepted) == (MAY, one.inviter, 1, 1)
    assert row.customer.group.code == "general"


def test_looking_goes_on_from_where_patience_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    scope = of_website(shop())
    whole = inviters(scope)
    monkeypatch.setattr(customers, "STEPS", (2,))
    monkeypatch.setattr(customers, "PATIENCE", 2_000)

    page = customers.inviters(scope=scope, spans=SPANS, size=9, now=LATER)

    assert len(page.rows) < len(whole)
    assert page.after is not None
    assert inviters(scope) == whole


def test_nothing_is_told_when_nothing_was_sent() -> None:
    make.invitation()
    empty = Page[customers.Inviter]([], None)
    assert customers.inviters(scope=Scope(), spans=SPANS, size=9, now=LATER) == empty
    assert customers.inviters(scope=Scope(), spans=[], size=9, now=LATER) == empty


def test_people_who_were_invited_are_told_with_by_whom_and_their_group() -> None:
    view = make.store_view()
    by_staff = make.staff_invitation(view, group=make.group("vip"))
    make.fare(by_staff, Verdict.ACCEPTED)
    inviter = make.customer(view, in_group=make.group("retailer"))
    joined, plain = make.sent_invitation(inviter), make.sent_invitation(inviter)
    make.registered(joined)
    make.invitation(inviter)

    seen, after = [], None
    for _page in range(3):
        page = customers.invitees(scope=Scope(), spans=SPANS, after=after, size=1, now=LATER)
        seen += page.rows
        after = page.after

    assert after is None
    assert [one.invitation.pk for one in seen] == [by_staff.pk, joined.pk, plain.pk]
    assert [one.invitation.inviter for one in seen] == [None, inviter, inviter]
    assert [one.group.code if one.group else None for one in seen] == ["vip", "retailer", None]
    assert all(one.invitation.address.normalized for one in seen)
    assert {one.span for one in seen} == {MAY}


@pytest.mark.parametrize("which", ["inviters", "invitees"])
def test_pages_take_the_same_queries_when_there_are_fifty(which: str) -> None:
    view = make.store_view()
    counts = []
    for number in (1, 50):
        for _each in range(number):
            make.sent_invitation(make.customer(view))
        with CaptureQueriesContext(connection) as captured:
            page = getattr(customers, which)(scope=Scope(view.website_id), spans=SPANS, size=99, now=LATER)
            for row in page.rows:
                assert str(row.customer.group if which == "inviters" else row.invitation.address)
        counts.append(len(captured))

    assert counts[0] == counts[1]


def test_a_place_is_where_a_page_ended() -> None:
    first, _second = make.sent_invitation(), make.sent_invitation(make.customer())
    page = customers.inviters(scope=Scope(), spans=SPANS, size=1, now=LATER)
    assert page.after == Place(MAY.first, first.pk)
