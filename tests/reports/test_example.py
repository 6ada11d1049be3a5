"""The worked example of docs/reports.md: it happens by the real actions, and the reports say what was counted by hand."""

import datetime
import re
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from guestlist.customers.models import Customer
from guestlist.invitations import actions as invitations
from guestlist.invitations import figures, recounting
from guestlist.invitations.actions import Joined
from guestlist.invitations.models import Basis, Channel, Invitation
from guestlist.mail.kinds import Verdict
from guestlist.reports import people, tables, wording
from guestlist.reports.funnel import tables as funnel
from guestlist.reports.funnel import wording as funnel_wording
from guestlist.reports.funnel.asking import Asked, Grouping
from guestlist.reports.funnel.figures import Form
from guestlist.reports.periods import Period, Span
from guestlist.reports.questions import Question
from guestlist.reports.tables import Report
from guestlist.stores.models import StoreView, Website
from tests import make

pytestmark = pytest.mark.django_db

PAGE = Path(__file__).parents[2] / "docs" / "reports.md"
SPAN = Span(date(2026, 3, 1), date(2026, 4, 30))
ZONE = ZoneInfo("Europe/Amsterdam")
ASKED: dict[str, tuple[Report, dict[str, object]]] = {
    "invitations, by date of sending": (Report.INVITATIONS, {}),
    "invitations, by date of event": (Report.INVITATIONS, {"basis": Basis.EVENT}),
    "conversions, by date of sending": (Report.CONVERSIONS, {}),
    "conversions, by date of sending, in the own view": (Report.CONVERSIONS, {"in_own_view": True}),
    "conversions, by date of event": (Report.CONVERSIONS, {"basis": Basis.EVENT}),
}
"""What each table of the page is of."""
INVITERS, INVITEES = "invited customers", "the people invited"
"""Those of the report on invited customers."""


def noon(month: int, day: int) -> datetime.datetime:
    return datetime.datetime(2026, month, day, 12, tzinfo=ZONE)


def joined(one: Invitation, now: datetime.datetime, *, channel: Channel = Channel.MAIL) -> Customer:
    return confirmed(make.registered(one, channel=channel, now=now), one.store_view, now)


def confirmed(found: Joined, view: StoreView, now: datetime.datetime) -> Customer:
    """Return the customer; who did not come by a mailed link confirms their address first."""
    if found.customer is None:
        assert found.user is not None
        found = invitations.confirm(user=found.user, store_view=view, config=make.options(), now=now)
    assert found.customer is not None
    return found.customer


@pytest.fixture
def happened() -> None:
    """Let happen what the page tells."""
    linden = make.website("linden")
    view = make.store_view(linden)
    english = make.store_view(linden, currency="GBP", time_zone="Europe/London")
    emma = make.customer(view, email="emma@example.com")
    mailed = {
        name: make.sent_invitation(emma, address=f"{name}@example.com", now=noon(3, 3))
        for name in ("anna", "bram", "cees", "eva", "finn")
    }
    _anna_and_bram(mailed["anna"], mailed["bram"], english)
    cees = joined(mailed["cees"], noon(4, 1))
    make.order(cees, total=1500, placed_at=noon(3, 20), now=noon(4, 2))
    _daan(emma)
    found = make.registered(view=view, email="eva@example.com", now=noon(3, 15))
    eva = confirmed(found, view, noon(3, 15))
    make.cancel(make.order(eva, total=5000, now=noon(3, 16)), now=noon(3, 17))
    invitations.decline(invitation=mailed["finn"], now=noon(3, 8))
    _gijs(emma)
    hanna = joined(make.sent_invitation(emma, address="hanna@example.com", now=noon(3, 30)), noon(4, 2))
    make.order(hanna, total=2000, now=noon(4, 3))
    ivo = make.invitation(emma, address="ivo@example.com", now=noon(3, 3))
    make.fare(ivo, Verdict.BOUNCED, code="5.1.1", now=noon(3, 3))
    make.sent_invitation(emma, address="joris@example.com", now=noon(4, 10))
    kim = make.sent_invitation(emma, address="kim@example.com", now=noon(4, 10))
    make.staff_invitation(view, address="lars@example.com", keep=True, now=noon(4, 12))
    invitations.discard(invitation=kim, actor=make.actor(), now=noon(4, 11))
    _at_attic()


def _anna_and_bram(annas: Invitation, brams: Invitation, english: StoreView) -> None:
    anna = joined(annas, noon(3, 4))
    make.order(anna, total=4000, now=noon(3, 5))
    make.order(anna, total=6000, now=noon(4, 20))
    bram = joined(brams, noon(3, 6))
    make.order(bram, view=english, currency="GBP", total=2500, now=noon(3, 10))


def _daan(emma: Customer) -> None:
    view = emma.store_view
    daan = make.customer(view, email="daan@example.com")
    make.order(daan, total=9900, now=noon(2, 1))
    one = make.sent_invitation(
        emma, address="daan@example.com", occasion=make.occasion(view.website), now=noon(3, 3)
    )
    invitations.join(
        user=make.user_of(daan), store_view=view, invitation=one, config=make.options(), now=noon(3, 7)
    )
    make.order(daan, total=3000, now=noon(3, 12))


def _gijs(emma: Customer) -> None:
    one = make.invitation(emma, address="gijs@example.com", now=noon(3, 10))
    invitations.share(invitation=one, actor=make.by(emma), config=make.options(), now=noon(3, 10))
    one.refresh_from_db()
    gijs = joined(one, noon(3, 12), channel=Channel.SHARED)
    make.refund(make.order(gijs, total=8000, now=noon(3, 14)), 3000, now=noon(5, 3))


def _at_attic() -> None:
    attic = make.store_view(make.website("attic"))
    zoe = make.customer(attic, email="zoe@example.com")
    lottes = make.sent_invitation(zoe, address="lotte@example.com", now=noon(3, 5))
    make.sent_invitation(zoe, address="anna@example.com", now=noon(3, 5))
    lotte = joined(lottes, noon(3, 9))
    make.refund(make.order(lotte, total=7000, now=noon(3, 9)), 7000, now=noon(3, 20))


def told(name: str, *, of: str = "example") -> list[list[str]]:
    """Return the body of a table of the page, cell by cell."""
    part = PAGE.read_text(encoding="utf-8").split(f"<!-- {of}: {name} -->")[1].split(f"<!-- /{of}")[0]
    lines = [line.strip("|") for line in part.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.split("|")] for line in lines[2:]]


def counted(report: Report, website: str, values: dict[str, object]) -> dict[str, list[str]]:
    """Return what a report says, by the names of its rows."""
    views = list(StoreView.objects.select_related("website").order_by("pk"))
    pk = Website.objects.get(name=website).pk
    question = Question(SPAN, period=Period.MONTH, website=pk, **values)  # type: ignore[arg-type]
    table = tables.made(report, question, store_views=views)
    named = {wording.period(Period.MONTH, row.span): row for row in table.rows} | {"Total": table.total}
    return {
        name: [wording.value(column, value) for column, value in table.cells(row)]
        for name, row in named.items()
    }


def test_every_table_of_the_example_is_known() -> None:
    text = PAGE.read_text(encoding="utf-8")

    assert re.findall(r"<!-- example: (.*?) -->", text) == [*ASKED, INVITERS, INVITEES]


@pytest.mark.parametrize("is_folded", [False, True])
def test_reports_say_what_was_counted_by_hand(happened, is_folded) -> None:
    while is_folded and figures.fold():
        pass

    for name, (report, values) in ASKED.items():
        for website, row, *cells in told(name):
            found = counted(report, website, values)[row]
            assert found == [cell for cell in cells if cell], (name, website, row)
    assert recounting.audit().adds_up


@pytest.mark.parametrize(("name", "columns"), [(INVITERS, (0, 3, 5, 6)), (INVITEES, (0, 2, 4, 5))])
def test_people_are_those_who_were_counted_by_hand(happened, name, columns) -> None:
    views = list(StoreView.objects.select_related("website").order_by("pk"))
    now = noon(4, 30)
    found = []
    for site in Website.objects.order_by("-name"):
        question = Question(SPAN, period=Period.MONTH, website=site.pk)
        listed = people.asked(question, lists_invitees=name == INVITEES, store_views=views, now=now)
        for row in listed.rows():
            cells = [wording.period(Period.MONTH, row.span), *people.cells(row, now)]
            found.append([site.name, *(str(cells[place]) for place in columns)])

    assert sorted(found) == sorted(told(name))


def funneled(grouping: Grouping, website: str) -> funnel.Table:
    """Return what the funnel says of a website."""
    views = list(StoreView.objects.select_related("website").order_by("pk"))
    question = Question(SPAN, website=Website.objects.get(name=website).pk)
    asked = Asked(question, grouping)
    return funnel.told(asked, funnel.counted(asked, store_views=views), store_views=views)


@pytest.mark.parametrize("grouping", [Grouping.ALL, Grouping.INVITER, Grouping.OCCASION])
def test_funnel_says_what_was_counted_by_hand(happened, grouping) -> None:
    for website, row, *cells in told(grouping.value, of="funnel"):
        table = funneled(grouping, website)
        rows = {one.name: one for one in (*table.rows, table.total)}
        shown = [one for one in table.figures if one.form != Form.TIME]
        assert [funnel_wording.cell(one, rows[row]) for one in shown] == [cell for cell in cells if cell]


def test_funnel_takes_the_time_that_was_counted_by_hand(happened) -> None:
    table = funneled(Grouping.ALL, "Linden")

    times = {one.code: funnel_wording.cell(one, table.total) for one in table.figures}

    assert times["registered_to_order"] == "2 d 14 h (of 5)"
    assert f"{times['registered_to_order'].split(' (')[0]} of five" in PAGE.read_text(encoding="utf-8")
    assert times["created_to_sent"] == "0 s (of 10)"
