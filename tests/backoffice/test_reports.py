"""The pages of the reports: the opening week, what is asked for, what is refused, who may see what, and files."""

import datetime
import io
import re
from zoneinfo import ZoneInfo

import openpyxl
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.html import strip_tags

from guestlist.customers.models import Grant, Role
from guestlist.invitations import actions as invitations
from guestlist.invitations import figures
from guestlist.reports import periods, questions
from tests import make

INVITATIONS, CONVERSIONS = "/staff/reports/invitations/", "/staff/reports/conversions/"
MAY = {"from": "2026-05-01", "to": "2026-05-31", "by": "month"}


def page_of(client, query=None, address=INVITATIONS, language="en") -> str:
    answer = client.get(address, query, headers={"accept-language": language})
    assert answer.status_code == 200
    return str(answer.content.decode())


def texts(page: str, part: str = "tbody") -> list[list[str]]:
    """Return the cells of the table's rows, as they read."""
    body = page.partition(f"<{part}>")[2].partition(f"</{part}>")[0]
    cells = (re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL) for row in body.split("<tr")[1:])
    return [[" ".join(strip_tags(cell).split()) for cell in row] for row in cells]


@pytest.fixture
def bought(view):
    """Let two be invited in May; one joins and buys."""
    one = make.sent_invitation(make.customer(view))
    make.sent_invitation(one.inviter)
    buyer = make.registered(one).customer
    assert buyer is not None
    make.order(buyer, total=123450)
    return one


def test_page_opens_on_the_last_full_week_beside_the_week_before(owner, view, now) -> None:
    local = now.astimezone(ZoneInfo(view.time_zone))
    week = periods.last_full_week(local.date())
    inviter = make.customer(view)
    noon = datetime.datetime.combine(week.first, datetime.time(12), local.tzinfo)
    for days in (0, 0, 6, -1, -7, 7):
        make.sent_invitation(inviter, now=noon + datetime.timedelta(days=days))

    page = page_of(owner)

    rows, (total, before) = texts(page), texts(page, "tfoot")
    assert [row[1] for row in rows] == ["2", "0", "0", "0", "0", "0", "1"]
    assert (total[1], before[1]) == ("3", "2")
    assert "The last full week, beside the week before:" in page
    assert f'value="{week.first.isoformat()}"' in page
    assert f'value="{week.last.isoformat()}"' in page


def test_page_shows_rates_and_a_dash_for_rates_of_nothing(owner, bought) -> None:
    page = page_of(owner, MAY)

    assert texts(page) == [["May 2026", "2", "2", "0", "1", "1", "0", "0", "50.0%", "0.0%", "0"]]
    assert texts(page, "tfoot")[1][1:] == ["0", "0", "0", "0", "0", "0", "0", "–", "–", "0"]
    figures.fold()
    assert texts(page_of(owner, MAY)) == texts(page)


def test_conversions_show_money_in_the_language_of_the_reader(owner, bought) -> None:
    for language, share, money in (("en", "50.0%", "€1,234.50"), ("nl", "50,0%", "€ 1.234,50")):
        row = texts(page_of(owner, MAY, CONVERSIONS, language))[0]
        assert row[1:] == ["2", "1", "1", share, share.replace("50", "100"), money]


def test_reasons_open_where_asked_for(owner, bought) -> None:
    closed, opened = (page_of(owner, MAY | more) for more in ({}, {"reasons": "1"}))

    assert "Could not be delivered" not in strip_tags(closed)
    assert "could not be delivered" in strip_tags(opened).lower()
    assert len(texts(opened)[0]) == len(texts(closed)[0]) + 8


def test_each_figure_says_what_it_means(owner, bought) -> None:
    for address in (INVITATIONS, CONVERSIONS):
        page = page_of(owner, MAY | {"reasons": "1"}, address)
        headings = texts(page, "thead")[0][1:]
        meanings = page.partition("What each figure means")[2]
        assert [strip_tags(one) for one in re.findall(r"<dt>(.*?)</dt>", meanings)] == headings
        assert len(re.findall(r"<dd>[A-Z][^<]+\.</dd>", meanings)) == len(headings)


def test_charts_say_in_words_what_they_draw(owner, bought) -> None:
    page = page_of(owner, MAY | {"by": "week", "empty": "1"})

    said = re.findall(r'role="img" aria-label="([^"]*)"', page)
    assert len(said) == 2
    assert said[0].startswith("Sent: 2 in all, most in Week 18 of 2026")
    assert said[0].endswith(": 2.")
    assert re.findall(r'gl-chart-bar" x="\d+" y="\d+" width="8" height="(\d+)"', page)[:5] == [
        "1000",
        *["0"] * 4,
    ]
    assert '<svg viewBox="0 0 50 1000"' in page
    assert 'role="img"' not in page_of(owner, {"from": "2020-01-01", "to": "2020-01-31"})


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"from": "2026-05-31", "to": "2026-05-01"}, "From is after To."),
        ({"from": "0001-01-01", "to": "9999-12-31"}, "2000 to 2099"),
        ({"from": "soon"}, "“soon” is not a day."),
        ({"by": "fortnight"}, "“fortnight” is not a period."),
        ({"store_view": "999999"}, "is not there"),
        ({"website": "'"}, "is not there"),
        ({"from": "2000-01-01", "to": "2099-12-31", "by": "day"}, "36,525 rows"),
    ],
)
def test_page_says_what_is_wrong_and_keeps_what_was_entered(owner, view, other_view, query, words) -> None:
    for address in (INVITATIONS, CONVERSIONS):
        page = page_of(owner, query, address)

        assert words in page
        assert "<tbody>" not in page
        for name in ("from", "to"):
            if name in query:
                assert f'value="{query[name]}"' in page
        answer = owner.get(f"{address}export/", {**query, "format": "csv"})
        assert answer.status_code == 302
        assert words in page_of(owner, address=answer["Location"])


def test_days_that_are_days_stay_in_fields_for_days(owner, view) -> None:
    page = page_of(owner, {"from": "2026-05-31", "to": "2026-05-01"})
    assert re.search(r'<input type="date"[^>]*aria-invalid="true"', page)
    assert page.count('type="date"') == 2
    page = page_of(owner, {"from": "2026-W01-1", "to": "31-05-2026"})
    assert page.count('type="date"') == 0


def test_page_speaks_dutch_and_refuses_in_dutch(owner, bought) -> None:
    page = page_of(owner, MAY, language="nl")

    assert texts(page, "thead")[0][1] == "Verzonden"
    assert texts(page)[0][0] == "mei 2026"
    assert str(questions.FromAfterTo.message) not in page_of(
        owner, {"from": "2026-05-31", "to": "2026-05-01"}, language="nl"
    )


def test_reports_are_those_of_websites_that_somebody_may_see_them_of(
    client_of, owner, manager, support, view, other_view
) -> None:
    make.sent_invitation(make.customer(view))
    make.sent_invitation(make.customer(other_view))

    assert texts(page_of(owner, MAY))[0][1] == "2"
    assert texts(page_of(owner, MAY | {"website": other_view.website_id}))[0][1] == "1"
    assert texts(page_of(manager, MAY))[0][1] == "1"
    foreign = page_of(manager, MAY | {"website": other_view.website_id})
    assert "is not there" in foreign
    assert "Attic" not in foreign
    for address in (INVITATIONS, f"{INVITATIONS}export/?format=csv"):
        assert support.get(address).status_code == 403
    assert INVITATIONS not in page_of(support, address="/staff/")
    assert INVITATIONS in page_of(manager, address="/staff/")


def test_who_sees_reports_alone_is_led_to_no_list(client_of, bought, view) -> None:
    user = make.user(is_staff=True)
    role = Role.objects.create(code="figures", name="Figures", permissions=["reports"])
    Grant.objects.create(user=user, website=view.website, role=role)

    page = page_of(client_of(user), MAY | {"basis": "event"})

    assert texts(page)[0][4] == "1"
    assert "registered_from" not in page


def test_accepted_leads_to_the_very_rows_that_it_counts_or_nowhere(owner, bought, view) -> None:
    query = MAY | {"basis": "event", "website": view.website_id}

    links = re.findall(r'<td><a class="gl-link" href="([^"]*)">1</a>', page_of(owner, query))
    assert len(links) == 2  # the row and the total
    listed = owner.get(links[0].replace("&amp;", "&")).content.decode()
    assert re.search(r"\b1 invitation\b", listed)

    assert "registered_from" not in page_of(owner, MAY)
    make.store_view(view.website, time_zone="Asia/Tokyo")
    assert "registered_from" not in page_of(owner, query)


def test_number_of_queries_stays_with_many_rows_and_store_views(owner, view) -> None:
    def asked(query) -> int:
        with CaptureQueriesContext(connection) as queries:
            page_of(owner, query)
        return len(queries)

    make.sent_invitation(make.customer(view))
    few = asked(MAY)
    inviter = make.customer(view)
    for number in range(20):
        make.sent_invitation(inviter, now=make.NOW - datetime.timedelta(days=number))
    for _ in range(5):
        make.store_view()

    assert asked({"from": "2024-01-01", "to": "2026-05-31", "by": "day"}) == few


@pytest.mark.parametrize(("language", "delimiter", "share"), [("en", ",", "50.00"), ("nl", ";", "50,00")])
def test_report_is_given_as_a_file(owner, bought, language, delimiter, share) -> None:
    page = page_of(owner, MAY, CONVERSIONS, language)
    address = re.search(r'href="([^"]*format=csv)"', page)
    assert address

    answer = owner.get(address[1].replace("&amp;", "&"), headers={"accept-language": language})

    assert "2026-05-01-2026-05-31.csv" in answer["Content-Disposition"]
    lines = b"".join(answer.streaming_content).decode("utf-8-sig").splitlines()
    assert lines[1].split(delimiter)[3:7] == ["2", "1", "1", share]
    assert len(lines) == 3
    workbook = owner.get(f"{CONVERSIONS}export/", {**MAY, "format": "xlsx"})
    sheet = openpyxl.load_workbook(io.BytesIO(b"".join(workbook.streaming_content))).active
    assert [row[3] for row in sheet.values][1:] == [2, 2]


def test_unknown_kind_of_file_leads_back_with_a_word(owner, view) -> None:
    answer = owner.get(f"{INVITATIONS}export/", {**MAY, "format": "pdf"}, follow=True)

    assert "Choose CSV or XLSX." in answer.content.decode()
    assert answer.redirect_chain[0][0].startswith(f"{INVITATIONS}?from=2026-05-01")


def test_existing_customers_are_counted_apart(owner, view) -> None:
    customer = make.customer(view)
    one = make.sent_invitation(make.customer(view), occasion=make.occasion(view.website))
    invitations.join(
        user=make.user_of(customer),
        store_view=view,
        invitation=one,
        config=make.options(registration_address="any"),
        now=make.NOW,
    )

    assert texts(page_of(owner, MAY))[0][4:7] == ["1", "0", "1"]
