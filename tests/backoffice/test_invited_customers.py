"""The report on invited customers: its pages, what they lead to, who may see and take people along, and files."""

import datetime
import io
import re

import openpyxl
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from guestlist.backoffice import invited_customers
from guestlist.customers.models import Grant, Role
from guestlist.mail.kinds import Verdict
from tests import make
from tests.backoffice.test_reports import page_of as any_page_of
from tests.backoffice.test_reports import texts

ADDRESS = "/staff/reports/customers/"
MAY = {"from": "2026-05-01", "to": "2026-05-31", "by": "month"}
PEOPLE = MAY | {"invitees": "1"}


def page_of(client, query=MAY, language="en") -> str:
    return any_page_of(client, query, ADDRESS, language)


def following(page: str) -> str | None:
    found = re.search(r'rel="next" href="([^"]*)"', page)
    return found[1].replace("&amp;", "&") if found else None


def client_with(client_of, *places):
    """Return a browser of somebody with permissions at websites."""
    user = make.user(is_staff=True)
    for number, (website, permissions) in enumerate(places):
        role = Role.objects.create(code=f"some{number}", name=f"Some {number}", permissions=permissions)
        Grant.objects.create(user=user, website=website, role=role)
    return client_of(user)


@pytest.fixture
def invited(view):
    """Let Emma invite two, of whom one joins, Noor one, and staff one."""
    emma = make.customer(view, email="emma@example.com", in_group=make.group("vip"))
    noor = make.customer(view, email="noor@example.com", first_name="Noor", last_name="Bakker")
    joined = make.sent_invitation(emma, address="anna@example.com")
    make.sent_invitation(emma, address="bram@example.com")
    make.sent_invitation(noor, address="cees@example.com", now=make.NOW + datetime.timedelta(days=1))
    make.fare(make.staff_invitation(view, address="daan@example.com"), Verdict.ACCEPTED)
    make.registered(joined, now=make.NOW + datetime.timedelta(days=25))
    return emma, noor, joined


def test_page_tells_who_invited_with_what_came_of_it_and_of_all(owner, invited) -> None:
    emma, noor, _joined = invited
    page = page_of(owner)

    assert texts(page) == [
        ["May 2026", str(emma.pk), "Emma Clarke", "emma@example.com", "Vip", "2", "1"],
        ["May 2026", str(noor.pk), "Noor Bakker", "noor@example.com", "General", "1", "0"],
    ]
    total, whole = texts(page, "tfoot")
    assert total == ["Total", "3", "1"]
    assert whole == ["All invitations sent in these days, those of staff too", "4", "1"]
    assert f"/staff/invitations/?inviter={emma.pk}" in page
    assert re.findall(r"(\d) sent, (\d) accepted", page) == [("2", "1"), ("1", "0")]
    assert len(re.findall(r"<dd>[^<]+\.</dd>", page)) == len(texts(page, "thead")[0]) - 1


def test_page_lists_the_people_who_were_invited(owner, invited) -> None:
    emma, _noor, joined = invited
    page = page_of(owner, PEOPLE)

    rows = {row[2]: row for row in texts(page)}
    assert list(rows) == [f"{name}@example.com" for name in ("anna", "bram", "cees", "daan")]
    assert rows["anna@example.com"] == [
        *("May 2026", str(joined.pk), "anna@example.com", "Emma Clarke", "3 May 2026", "Accepted", "Vip")
    ]
    assert rows["cees@example.com"][4:] == ["4 May 2026", "Expired", "As configured"]
    assert rows["daan@example.com"][3] == "Emma (staff)"
    assert texts(page, "tfoot") == [["Total", "4 sent, 1 accepted"]]
    assert f'href="/staff/invitations/{joined.pk}/"' in page
    assert 'name="invitees" value="1" checked' in page
    assert f"/staff/invitations/?inviter={emma.pk}" in page


@pytest.mark.parametrize("query", [MAY, PEOPLE])
def test_pages_go_on_where_the_one_before_ended_and_back_to_the_first(
    owner, invited, query, monkeypatch
) -> None:
    whole = texts(page_of(owner, query))
    monkeypatch.setattr(invited_customers, "SIZE", 1)

    rows, page = [], page_of(owner, query)
    while (address := following(page)) is not None:
        rows += texts(page)
        page = owner.get(f"{ADDRESS}{address}").content.decode()
    rows += texts(page)

    assert rows == whole
    assert len(rows) > 1
    first = re.search(r'href="(\?[^"]*)">First<', page)
    assert first
    assert texts(owner.get(f"{ADDRESS}{first[1].replace('&amp;', '&')}").content.decode()) == whole[:1]
    if query == MAY:
        assert texts(page, "tfoot")[0] == ["On this page", "1", "0"]
        assert texts(page, "tfoot")[1][1:] == ["4", "1"]


@pytest.mark.parametrize("after", ["soon", "2026-13-01.5", "2026-05-01.-1", "9" * 500, "2026-05-01.x"])
def test_a_place_that_is_none_shows_the_first_page(owner, invited, after) -> None:
    assert len(texts(page_of(owner, MAY | {"after": after}))) == 2


def test_opening_without_anything_sent_says_so(owner, view) -> None:
    for query, words in (({}, "No customer’s invitation"), ({"invitees": "1"}, "No invitation was sent")):
        page = page_of(owner, query)
        assert words in page
        assert "<tbody>" not in page


def test_what_is_wrong_is_said_and_kept(owner, view) -> None:
    wrong = {"from": "2026-05-31", "to": "2026-05-01", "invitees": "1"}
    page = page_of(owner, wrong)

    assert "From is after To." in page
    assert 'value="2026-05-31"' in page
    assert 'name="invitees" value="1" checked' in page
    answer = owner.get(f"{ADDRESS}export/", wrong | {"format": "csv"})
    assert answer.status_code == 302
    assert "invitees=1" in answer["Location"]
    assert owner.get(f"{ADDRESS}export/", MAY | {"format": "pdf"}).status_code == 302


def test_erased_customer_has_no_name_and_no_address(owner, invited) -> None:
    emma, *_others = invited
    emma.first_name = emma.last_name = emma.email = None
    emma.save()

    assert texts(page_of(owner))[0][2:4] == ["deleted customer", "–"]


def test_people_of_other_websites_are_not_shown(owner, manager, invited, other_view) -> None:
    make.sent_invitation(make.customer(other_view, email="zoe@example.com"), address="lotte@example.com")

    for query, number in ((MAY, 3), (PEOPLE, 5)):
        assert len(texts(page_of(owner, query))) == number
        page = page_of(manager, query)
        assert len(texts(page)) == number - 1
        assert "zoe@" not in page
        assert "lotte@" not in page
    foreign = page_of(manager, MAY | {"website": other_view.website_id})
    assert "is not there" in foreign
    only = page_of(owner, MAY | {"website": other_view.website_id})
    assert [row[3] for row in texts(only)] == ["zoe@example.com"]


def test_figures_alone_are_no_right_to_see_people(client_of, support, view, other_view) -> None:
    figures = client_with(client_of, (view.website, ["reports"]), (other_view.website, ["view"]))

    for one in (figures, support):
        assert one.get(ADDRESS).status_code == 403
        assert one.get(f"{ADDRESS}export/", {"format": "csv"}).status_code == 403
        assert ADDRESS not in any_page_of(one, None, "/staff/")


def test_taking_people_along_needs_the_right_to_export(client_of, invited, other_view) -> None:
    view = invited[0].store_view
    make.sent_invitation(make.customer(other_view, email="zoe@example.com"))
    sees, takes = ["reports", "view"], ["reports", "view", "export"]
    partly = client_with(client_of, (view.website, takes), (other_view.website, sees))

    page = page_of(partly)

    assert "zoe@example.com" in page
    assert "leaves out the websites" in page
    answer = partly.get(f"{ADDRESS}export/", MAY | {"format": "csv"})
    assert b"zoe@" not in b"".join(answer.streaming_content)


def test_page_of_who_may_not_export_offers_no_file(client_of, invited) -> None:
    reader = client_of(make.staff(invited[0].website, role="read_only"))

    page = page_of(reader)

    assert len(texts(page)) == 2
    assert "export" not in page.partition("<main")[2].lower()
    assert reader.get(f"{ADDRESS}export/", MAY | {"format": "csv"}).status_code == 403


@pytest.mark.requirement("trust-21")
def test_file_has_all_pages_and_no_formulas(owner, view, caplog, monkeypatch) -> None:
    monkeypatch.setattr("guestlist.reports.people._AT_ONCE", 2)
    inviters = [make.customer(view, email=f"one{number}@example.com") for number in range(5)]
    inviters[0].first_name = "=1+1"
    inviters[0].save()
    for one in inviters:
        make.sent_invitation(one)

    with caplog.at_level("INFO", "guestlist"):
        answer = owner.get(f"{ADDRESS}export/", MAY | {"format": "csv"})
        lines = b"".join(answer.streaming_content).decode("utf-8-sig").splitlines()

    rows = [line.split(",") for line in lines]
    assert rows[0] == [
        *("Period", "From", "To", "ID", "Name", "Email", "Group"),
        *("Invitations sent", "Invitations accepted"),
    ]
    assert [row[5] for row in rows[1:-1]] == [one.email for one in inviters]
    assert rows[1][4] == "'=1+1 Clarke"
    assert rows[-1] == ["Total", "2026-05-01", "2026-05-31", "", "", "", "", "5", "0"]
    assert "invited-customers-2026-05-01-2026-05-31.csv" in answer["Content-Disposition"]
    assert "rows=6" in caplog.text
    assert "example.com" not in caplog.text


def test_workbook_lists_the_people_in_dutch(owner, invited) -> None:
    answer = owner.get(f"{ADDRESS}export/", PEOPLE | {"format": "xlsx"}, headers={"accept-language": "nl"})

    sheet = openpyxl.load_workbook(io.BytesIO(b"".join(answer.streaming_content))).active
    names, *rows = sheet.values
    assert names[4:] == ("E-mailadres", "Uitgenodigd door", "Verzonden op", "Status", "Groep")
    assert [row[4] for row in rows] == [f"{name}@example.com" for name in ("anna", "bram", "cees", "daan")]
    assert rows[0][7] == "Geaccepteerd"


@pytest.mark.parametrize("query", [MAY, PEOPLE])
def test_number_of_queries_stays_with_fifty_rows(owner, view, query) -> None:
    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert page_of(owner, query)
        return len(queries)

    make.sent_invitation(make.customer(view))
    few = asked()
    for _number in range(50):
        make.sent_invitation(make.customer(view))

    assert asked() == few


def test_years_of_nothing_take_no_query_each(owner, invited) -> None:
    def asked(query) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert len(texts(page_of(owner, query))) == 2
        return len(queries)

    by_day = {"from": "2024-01-01", "to": "2026-12-31", "by": "day"}
    assert asked(by_day) <= asked(MAY) + 4


def test_page_speaks_dutch(owner, invited) -> None:
    page = page_of(owner, language="nl")

    assert texts(page, "thead")[0][5:] == ["Uitnodigingen verzonden", "Uitnodigingen geaccepteerd"]
    assert texts(page, "tfoot")[0] == ["Totaal", "3", "1"]
