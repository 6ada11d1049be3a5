"""The two reports: what each column counts, rates of nothing, money by currency, and how they are told."""

import datetime
import io
from collections import Counter
from datetime import date
from decimal import Decimal

import openpyxl
import pytest
from django.utils import translation

from guestlist.invitations import actions as invitations
from guestlist.invitations import exports, figures
from guestlist.invitations.models import Basis
from guestlist.mail.kinds import Verdict
from guestlist.reports import files, tables, wording
from guestlist.reports.columns import Column
from guestlist.reports.periods import Period, Span
from guestlist.reports.questions import Question
from guestlist.reports.tables import Report, Row, Table
from guestlist.stores.models import StoreView
from tests import make

pytestmark = pytest.mark.django_db

DAY = datetime.timedelta(days=1)
TODAY = make.NOW.date()
MAY = Span(date(2026, 5, 1), date(2026, 5, 31))


def made(report: Report = Report.INVITATIONS, span: Span = MAY, **values) -> Table:
    values = {"period": Period.MONTH} | values
    views = list(StoreView.objects.select_related("website").order_by("pk"))
    return tables.made(report, Question(span, **values), store_views=views)


def told(table: Table, row: Row | None = None) -> dict[str, object]:
    return {column.code: value for column, value in table.cells(row or table.total)}


def test_invitations_count_where_they_were_sent_however_late_something_came() -> None:
    view = make.store_view()
    inviter = make.customer(view)
    make.registered(make.sent_invitation(inviter), now=make.NOW + 29 * DAY)
    declined, shared, _open = (
        make.sent_invitation(inviter),
        make.invitation(inviter),
        make.sent_invitation(inviter),
    )
    invitations.share(invitation=shared, actor=make.by(inviter), config=make.options(), now=make.NOW)
    invitations.discard(invitation=declined, actor=make.actor(), now=make.NOW + 40 * DAY)
    make.fare(make.invitation(inviter), Verdict.BOUNCED, code="5.1.1")

    table = made()

    assert told(table) == {
        "sent": 4,
        "mailed": 3,
        "shared": 1,
        "accepted": 1,
        "accepted_new": 1,
        "accepted_existing": 0,
        "discarded": 1,
        "accept_rate": Decimal("0.25"),
        "discard_rate": Decimal("0.25"),
        "not_sent": 1,  # bounced before it was ever sent
    }
    by_event = made(basis=Basis.EVENT, span=Span(date(2026, 6, 1), date(2026, 6, 30)))
    assert (told(by_event)["sent"], told(by_event)["accepted"], told(by_event)["discarded"]) == (0, 1, 1)
    assert told(by_event)["accept_rate"] is None
    assert told(by_event, by_event.before)["discarded"] == 1  # the one that bounced was never sent


def test_discards_open_by_reason_and_add_up() -> None:
    inviter = make.customer(make.store_view())
    for one in [make.sent_invitation(inviter) for _ in range(3)][1:]:
        invitations.discard(invitation=one, actor=make.actor(), now=make.NOW)
    invitations.cancel(invitation=make.sent_invitation(inviter), inviter=inviter, now=make.NOW)

    found = told(made(by_reason=True))

    assert (found["discarded"], found["discarded_staff"], found["discarded_inviter"]) == (3, 2, 1)
    reasons = [value for code, value in found.items() if code.startswith("discarded_")]
    assert sum(value for value in reasons if isinstance(value, int)) == 3


def test_rows_without_anything_show_only_when_asked_for() -> None:
    make.sent_invitation()
    span = Span(TODAY - DAY, TODAY + DAY)

    every, some = (made(span=span, period=Period.DAY, shows_empty=one) for one in (True, False))

    assert [row.span.first for row in every.rows] == [TODAY - DAY, TODAY, TODAY + DAY]
    assert told(every, every.rows[0])["sent"] == 0
    assert told(every, every.rows[0])["accept_rate"] is None
    assert [row.span.first for row in some.rows] == [TODAY]
    assert some.total == every.total


def test_row_shows_when_there_is_only_something_less_than_nothing() -> None:
    view = make.store_view()
    ledger = figures.Ledger()
    ledger.amounts[view.pk, Basis.SENT, TODAY, figures.REVENUE, "EUR"] = -5
    ledger.write()

    table = made(Report.CONVERSIONS, shows_empty=False)

    assert told(table, table.rows[0])["revenue_eur"] == told(table)["revenue_eur"] == Decimal("-0.05")


def test_conversions_keep_currencies_apart_and_views_where_asked_for() -> None:
    view = make.store_view()
    other = make.store_view(view.website, currency="JPY")
    one = make.sent_invitation(make.customer(view))
    make.sent_invitation(one.inviter)
    buyer = make.registered(one).customer
    assert buyer is not None
    make.order(buyer, view=other, currency="JPY", total=1850, now=make.NOW + DAY)

    table, in_view = (made(Report.CONVERSIONS, in_own_view=narrow) for narrow in (False, True))

    assert told(table) == {
        "sent": 2,
        "accepted": 1,
        "purchased": 1,
        "conversion_rate": Decimal("0.5"),
        "conversion_of_accepted": Decimal(1),
        "revenue_eur": Decimal(0),
        "revenue_jpy": Decimal(1850),
    }
    assert told(in_view) | {"purchased": 1} == told(table) | {
        "conversion_rate": Decimal(0),
        "conversion_of_accepted": Decimal(0),
    }


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", ["1,234", "33.3%", "–", "€1,234.50", "Week 20 of 2026 (11 May – 17 May 2026)", "May 2026"]),
        (
            "nl",
            ["1.234", "33,3%", "–", "€\xa01.234,50", "Week 20 van 2026 (11 mei – 17 mei 2026)", "mei 2026"],
        ),
    ],
)
def test_values_read_as_the_language_has_them(language, said) -> None:
    count, share, money = (
        Column("a", "A", "", ()),
        Column("b", "B", "", (), over=("x",)),
        Column("c", "C", "", (), currency="EUR"),
    )
    week = Span(date(2026, 5, 11), date(2026, 5, 17))

    with translation.override(language):
        found = [
            wording.value(count, 1234),
            wording.value(share, Decimal("0.3333")),
            wording.value(share, None),
            wording.value(money, Decimal("1234.50")),
            wording.period(Period.WEEK, week),
            wording.period(Period.MONTH, MAY),
        ]

    assert found == said


@pytest.mark.parametrize(
    ("count", "whole", "said"),
    [(5, 11, "45.5%"), (2, 32, "6.3%"), (4, 9, "44.4%"), (44_446, 100_000, "44.4%"), (1, 3, "33.3%")],
)
def test_shares_are_rounded_once_and_halves_up(count, whole, said) -> None:
    share = Column("b", "B", "", ("some",), over=("all",))

    found = share.value(Counter({("some", ""): count, ("all", ""): whole}))

    assert wording.value(share, found) == said


def test_period_says_which_days_it_has_when_it_lacks_some() -> None:
    part = Span(date(2026, 5, 3), date(2026, 5, 31))

    assert wording.period(Period.MONTH, part) == "May 2026 (3 May – 31 May 2026)"
    assert wording.period(Period.QUARTER, part) == "Quarter 2 of 2026 (3 May – 31 May 2026)"
    assert wording.period(Period.QUARTER, Span(date(2026, 4, 1), date(2026, 6, 30))) == "Quarter 2 of 2026"
    assert wording.period(Period.YEAR, Span(date(2026, 1, 1), date(2026, 12, 31))) == "2026"
    assert wording.days(Span(date(2025, 12, 29), date(2026, 1, 4))) == "29 Dec 2025 – 4 Jan 2026"


def test_file_has_numbers_that_a_spreadsheet_reckons_with() -> None:
    one = make.sent_invitation()
    make.sent_invitation(one.inviter)
    make.sent_invitation(one.inviter)
    buyer = make.registered(one).customer
    assert buyer is not None
    make.order(buyer, total=1250)

    with translation.override("nl"):
        text = b"".join(files.as_file(made(Report.CONVERSIONS), kind="csv")).decode("utf-8-sig")
    lines = [line.split(";") for line in text.splitlines()]
    assert [line[1:] for line in lines[1:]] == [
        ["2026-05-01", "2026-05-31", "3", "1", "1", "33,33", "100,00", "12,50"]
    ] * 2
    book = openpyxl.load_workbook(io.BytesIO(b"".join(files.as_file(made(Report.CONVERSIONS), kind="xlsx"))))
    names, row, total = (list(line) for line in book.active.values)
    assert names[-3:] == ["Conversion rate (%)", "Conversion rate: of those accepted (%)", "Revenue (EUR)"]
    assert row[3:] == total[3:] == [3, 1, 1, 33.33, 100, 12.5]
    assert total[0] == "Total"
    assert b",\xe2\x80\x93," in b"".join(files.as_file(made(span=MAY.before), kind="csv"))
    with pytest.raises(exports.UnknownFormat):
        files.as_file(made(), kind="pdf")


def test_data_has_shares_of_one_and_amounts_as_texts() -> None:
    one = make.sent_invitation()
    buyer = make.registered(one).customer
    assert buyer is not None
    make.order(buyer, total=1250)

    data = files.as_data(made(Report.CONVERSIONS))

    assert data["rows"] == [data["total"]]
    assert data["total"] == {
        "from": "2026-05-01",
        "to": "2026-05-31",
        "sent": 1,
        "accepted": 1,
        "purchased": 1,
        "conversion_rate": 1.0,
        "conversion_of_accepted": 1.0,
        "revenue": {"EUR": "12.50"},
    }
    assert data["before"]["conversion_rate"] is None
