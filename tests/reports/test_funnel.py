"""The funnel: each step, times between them, who counts as inviting, and that it says what the other reports say."""

import datetime
from collections import Counter

import pytest

from guestlist.invitations import actions as invitations
from guestlist.mail.kinds import Verdict
from guestlist.reports import tables as reports
from guestlist.reports.funnel import cohort, tables, wording
from guestlist.reports.funnel.asking import Asked, Grouping, UnknownGrouping
from guestlist.reports.funnel.tables import Answer, Table
from guestlist.reports.periods import Period, Span
from guestlist.reports.questions import Question
from guestlist.reports.tables import Report
from guestlist.stores.models import StoreView
from tests import make

pytestmark = pytest.mark.django_db

DAY = datetime.timedelta(days=1)
HOUR = datetime.timedelta(hours=1)
TODAY = make.NOW.date()
MAY = Span(datetime.date(2026, 5, 1), datetime.date(2026, 5, 31))


def made(grouping: Grouping = Grouping.ALL, span: Span = MAY, most: int = tables.MOST, **values) -> Table:
    views = list(StoreView.objects.select_related("website").order_by("pk"))
    asked = Asked(Question(span, **values), grouping)
    return tables.told(asked, tables.counted(asked, store_views=views), store_views=views, most=most)


def told(table: Table) -> dict[str, object]:
    """Return the total as data has it."""
    found: dict[str, object] = wording.as_data(table)["total"]
    return found


def by_name(table: Table, code: str) -> dict[str, object]:
    """Return one figure of each row, in their order."""
    return {row["name"]: row[code] for row in wording.as_data(table)["rows"]}


def test_each_step_counts_whom_it_was_reached_by() -> None:
    view = make.store_view()
    inviter = make.customer(view)
    one = make.invitation(inviter)
    make.fare(one, Verdict.ACCEPTED, now=make.NOW + HOUR)
    invitations.saw(invitation=one, now=make.NOW + DAY)
    buyer = make.registered(one, now=make.NOW + 2 * DAY).customer
    assert buyer is not None
    make.refund(make.order(buyer, total=5000, now=make.NOW + 4 * DAY), 2000)
    make.order(buyer, total=1000, now=make.NOW + 5 * DAY)
    invitations.saw(invitation=make.sent_invitation(inviter), now=make.NOW + 3 * DAY)
    make.fare(make.invitation(inviter), Verdict.BOUNCED, code="5.1.1")
    make.staff_invitation(view, address="kept@example.com", keep=True)

    found = told(made())

    assert found == {
        "created": 4,
        "sent": 2,
        "bounced": 1,
        "opened": 2,
        "registered": 1,
        "first_orders": 1,
        "revenue": {"EUR": "40.00"},
        "created_to_sent": {"seconds": 1800, "of": 2},
        "sent_to_opened": {"seconds": (23 + 72) * 1800, "of": 2},
        "opened_to_registered": {"seconds": 86400, "of": 1},
        "registered_to_order": {"seconds": 2 * 86400, "of": 1},
        "inviters": 1,
        "sent_each": 2.0,
        "k": 1.0,
    }


def test_nothing_is_a_zero_and_an_average_of_nothing_is_none() -> None:
    make.store_view()

    found = told(made())

    assert (found["created"], found["revenue"], found["k"]) == (0, {"EUR": "0.00"}, None)
    assert found["sent_to_opened"] == {"seconds": None, "of": 0}


@pytest.mark.parametrize("grouping", list(Grouping))
def test_rows_add_up_to_the_total_whatever_tells_them_apart(grouping) -> None:
    view, other = make.store_view(), make.store_view()
    emma, zoe = make.customer(view), make.customer(other)
    party = make.occasion(view.website)
    for one in (
        make.sent_invitation(emma),
        make.sent_invitation(emma, occasion=party),
        make.sent_invitation(zoe),
    ):
        buyer = make.registered(one, now=make.NOW + DAY).customer
        assert buyer is not None
        make.order(buyer, total=700, now=make.NOW + DAY)
    make.invitation(zoe)
    make.staff_invitation(view, group=make.group("vip"))
    shared = make.invitation(emma)
    invitations.share(invitation=shared, actor=make.by(emma), config=make.options(), now=make.NOW)

    table = made(grouping)

    summed: Counter[tuple[str, str]] = Counter()
    for row in table.rows:
        summed.update(row.amounts)
    if grouping != Grouping.INVITER:
        summed["inviters", ""] = 2  # who invited in several rows is in each of them
    assert +summed == +table.total.amounts
    assert told(table) == told(made())
    assert (told(table)["sent"], told(table)["registered"], told(table)["inviters"]) == (4, 3, 2)
    assert len(table.rows) == {
        Grouping.ALL: 1,
        Grouping.INVITER: 3,
        Grouping.OCCASION: 2,
        Grouping.GROUP: 3,
        Grouping.STORE_VIEW: 2,
    }.get(grouping, len(table.rows))


def test_rows_have_names_and_those_who_brought_most_come_first() -> None:
    view = make.store_view()
    emma, zoe = (make.customer(view, email=f"{name}@example.com") for name in ("emma", "zoe"))
    make.sent_invitation(emma)
    make.registered(make.sent_invitation(zoe), now=make.NOW + DAY)
    make.staff_invitation(view)

    assert by_name(made(Grouping.INVITER), "registered") == {
        "Emma Clarke (zoe@example.com)": 1,
        "Emma Clarke (emma@example.com)": 0,
        "Staff": 0,
    }
    assert by_name(made(Grouping.INVITER, most=1), "created") == {
        "Emma Clarke (zoe@example.com)": 1,
        "Staff": 1,
        "1 other": 1,
    }
    assert list(by_name(made(Grouping.OCCASION), "sent")) == ["No occasion"]
    assert list(by_name(made(Grouping.STORE_VIEW), "sent")) == [
        f"{view.website.name} – {view.name} (English)"
    ]
    make.sent_invitation(make.customer(make.store_view(), email="zoe@example.org"))
    names = by_name(made(Grouping.INVITER), "sent")
    assert "Emma Clarke (zoe@example.com) – " + view.website.name in names


def test_group_is_the_invitees_own_else_the_one_staff_chose() -> None:
    view = make.store_view()
    make.staff_invitation(view, group=make.group("vip"))
    joined = make.sent_invitation(make.customer(view))
    customer = make.registered(joined).customer
    assert customer is not None
    customer.group = make.group("wholesale")
    customer.save()
    make.sent_invitation(make.customer(view))

    assert by_name(made(Grouping.GROUP), "created") == {"Wholesale": 1, "As configured": 1, "Vip": 1}


def test_only_those_of_the_days_and_store_views_count() -> None:
    view, other = make.store_view(), make.store_view()
    make.sent_invitation(make.customer(view))
    make.sent_invitation(make.customer(view), now=make.NOW + 40 * DAY)
    make.staff_invitation(view, keep=True, now=make.NOW - 30 * DAY)
    late = make.invitation(make.customer(view), now=make.NOW - 30 * DAY)
    make.fare(late, Verdict.ACCEPTED)
    make.sent_invitation(make.customer(other))

    assert told(made(store_view=view.pk))["created"] == 2
    assert told(made(website=other.website_id))["created"] == 1
    assert told(made(span=Span(TODAY, TODAY)))["created"] == 3
    assert told(made(span=Span(TODAY + DAY, TODAY + DAY)))["created"] == 0


def test_funnel_agrees_with_the_other_reports() -> None:
    view = make.store_view()
    inviter = make.customer(view)
    for number in range(6):
        one = make.sent_invitation(inviter, now=make.NOW + number * DAY)
        if number % 2:
            buyer = make.registered(one, now=make.NOW + 30 * DAY).customer
            assert buyer is not None
            make.order(buyer, total=1000 + number, now=make.NOW + 31 * DAY)
    make.invitation(inviter)
    discarded = make.sent_invitation(inviter)
    invitations.discard(invitation=discarded, actor=make.actor(), now=make.NOW)
    # Joined before the mail left: created, and in no rate of the other report either.
    make.registered(view=view, email="early@example.com", now=make.NOW)

    views = list(StoreView.objects.select_related("website"))
    for span in (MAY, Span(TODAY, TODAY + DAY), MAY.before):
        question = Question(span, period=Period.YEAR)
        total: dict[str, object] = {}
        for report in Report:
            table = reports.made(report, question, store_views=views)
            total |= {one.code: value for one, value in table.cells(table.total)}
        found = told(made(span=span))
        assert found["sent"] == total["sent"]
        assert found["registered"] == total["accepted"]
        assert found["first_orders"] == total["purchased"]
        assert found["created"] == int(str(total["sent"])) + int(str(total["not_sent"]))
        assert found["revenue"] == {"EUR": str(total["revenue_eur"])}


def test_pieces_hold_all_that_matches_also_where_most_is_left_out(monkeypatch) -> None:
    monkeypatch.setattr(cohort, "FEW", 0)
    monkeypatch.setattr(cohort, "BLOCK", 1)
    monkeypatch.setattr("guestlist.invitations.blocks.BLOCK", 1)
    view = make.store_view()
    inviter = make.customer(view)
    old = make.invitation(inviter, now=make.NOW - 90 * DAY)
    for days in range(-60, 60, 3):
        make.sent_invitation(inviter, now=make.NOW + days * DAY)
        make.staff_invitation(view, keep=True, now=make.NOW + days * DAY)
    make.fare(old, Verdict.ACCEPTED)

    pieces = cohort.pieces(Span(TODAY - 5 * DAY, TODAY + 5 * DAY))

    assert told(made(span=Span(TODAY - 5 * DAY, TODAY + 5 * DAY)))["created"] == 7
    assert (old.pk, old.pk + 1) in pieces
    assert 7 <= cohort.size(pieces) <= 15
    assert all(end - start <= cohort.BLOCKS_AT_ONCE for start, end in pieces)
    ids = [pk for start, end in pieces for pk in range(start, end)]
    assert len(ids) == len(set(ids))


def test_answer_stays_the_same_when_it_is_kept() -> None:
    make.sent_invitation(make.customer(make.store_view()))
    asked = Asked(Question(MAY), Grouping.INVITER)
    answer = tables.counted(asked, store_views=list(StoreView.objects.select_related("website")))

    assert Answer.from_data(answer.as_data()) == answer
    assert answer.shortened(0).others["created", ""] == 1


def test_unknown_grouping_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(UnknownGrouping, match="inviter, occasion, send"):
        Asked.from_query({"by": "moon"}, store_views=[], now=make.NOW)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (3_661, "1 h 1 min"),
        (90_000, "1 d 1 h"),
        (864e5, "1,000 d 0 h"),
    ],
)
def test_durations_read_in_their_two_largest_units(seconds, said) -> None:
    assert wording.duration(int(seconds)) == said
