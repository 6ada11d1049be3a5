"""The page of the funnel: its steps, its rows, who may see what, what is refused, and its files."""

import io
import re

import openpyxl
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.html import strip_tags

from guestlist.backoffice import funnel
from guestlist.customers.models import Role
from guestlist.reports.funnel import keeping
from guestlist.reports.models import FunnelCount
from tests import make
from tests.backoffice.test_reports import MAY, page_of, texts

FUNNEL = "/staff/reports/funnel/"
DAYS = {"from": MAY["from"], "to": MAY["to"]}


@pytest.fixture
def bought(view):
    """Let two be invited in May; one joins and buys."""
    one = make.sent_invitation(make.customer(view, email="emma@example.com"))
    make.sent_invitation(one.inviter)
    buyer = make.registered(one).customer
    assert buyer is not None
    make.order(buyer, total=123450)
    return one


def steps(page: str) -> list[str]:
    """Return the steps as they read."""
    drawn = page.partition('<ol class="gl-funnel">')[2].partition("</ol>")[0]
    return [" ".join(strip_tags(one).split()) for one in re.findall(r"<p>(.*?)</p>", drawn, re.DOTALL)]


def test_page_opens_on_the_last_full_week(owner, view) -> None:
    page = page_of(owner, address=FUNNEL)

    assert "The last full week." in page
    assert "No invitation was made or sent in these days." in page
    assert texts(page, "tfoot")[0][1:7] == ["0"] * 6


def test_steps_read_in_words_beside_what_is_drawn(owner, bought) -> None:
    page = page_of(owner, DAYS, FUNNEL)

    assert steps(page) == [
        "Created 2 100.0% of those created",
        "Sent 2 100.0% of those created",
        "Bounced 0 0.0% of those created",
        "Link opened 0 0.0% of those created",
        "Registered 1 50.0% of those created",
        "First order 1 50.0% of those created",
    ]
    assert re.findall(r'gl-chart-bar" width="(\d+)"', page) == ["1000", "1000", "0", "0", "500", "500"]


def test_times_and_what_inviting_customers_bring_stand_above_the_table(owner, bought) -> None:
    page = page_of(owner, DAYS, FUNNEL)

    tiles = page.partition("gl-report-tiles")[2].partition("</ul>")[0]
    said = [" ".join(strip_tags(one).split()) for one in re.findall(r"<li>(.*?)</li>", tiles)]
    assert said[0] == "€1,234.50 Revenue (EUR)"
    assert "0 s Created to sent average of 2" in said
    assert "– Sent to opened" in said
    assert said[-1] == "1.00 Customers per inviting customer (K)"


@pytest.mark.parametrize("by", ["inviter", "occasion", "send", "group", "store_view"])
def test_rows_are_told_apart_and_the_total_is_the_same(owner, bought, by) -> None:
    make.staff_invitation(bought.store_view)

    page, whole = (page_of(owner, DAYS | {"by": one}, FUNNEL) for one in (by, "all"))

    assert sum(int(row[1]) for row in texts(page)) == 3
    assert texts(page, "tfoot") == texts(whole, "tfoot")
    assert texts(whole) == []
    assert f'value="{by}" selected' in page
    assert ("Top inviters" in page) == (by == "inviter")


def test_each_figure_says_what_it_means(owner, bought) -> None:
    page = page_of(owner, DAYS, FUNNEL)

    headings = texts(page, "thead")[0][1:]
    meanings = page.partition("What each figure means")[2]
    assert [strip_tags(one) for one in re.findall(r"<dt>(.*?)</dt>", meanings)] == headings
    assert len(re.findall(r"<dd>[A-Z][^<]+\.</dd>", meanings)) == len(headings)


def test_page_speaks_dutch(owner, bought) -> None:
    page = page_of(owner, DAYS | {"by": "inviter"}, FUNNEL, "nl")

    assert steps(page)[4] == "Geregistreerd 1 50,0% van de gemaakte"
    assert texts(page)[0][0] == "Emma Clarke (emma@example.com)"
    assert "€ 1.234,50" in texts(page)[0]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"from": "2026-05-31", "to": "2026-05-01"}, "From is after To."),
        ({"from": "soon"}, "“soon” is not a day."),
        ({"by": "moon"}, "“moon”"),
        ({"store_view": "999999"}, "is not there"),
    ],
)
def test_page_says_what_is_wrong_and_keeps_what_was_entered(owner, view, other_view, query, words) -> None:
    page = page_of(owner, query, FUNNEL)

    assert words in page
    assert "<tbody>" not in page
    if "from" in query:
        assert f'value="{query["from"]}"' in page
    answer = owner.get(f"{FUNNEL}export/", {**query, "format": "csv"})
    assert words in page_of(owner, address=answer["Location"])


def test_funnel_is_of_websites_that_somebody_may_see_reports_of(
    owner, manager, support, view, other_view
) -> None:
    make.sent_invitation(make.customer(view))
    make.sent_invitation(make.customer(other_view, email="zoe@example.com"))

    assert texts(page_of(owner, DAYS, FUNNEL), "tfoot")[0][1] == "2"
    own = page_of(manager, DAYS | {"by": "inviter"}, FUNNEL)
    assert texts(own, "tfoot")[0][1] == "1"
    assert "zoe@example.com" not in own
    assert "is not there" in page_of(manager, DAYS | {"website": other_view.website_id}, FUNNEL)
    for address in (FUNNEL, f"{FUNNEL}export/?format=csv"):
        assert support.get(address).status_code == 403
    assert FUNNEL in page_of(manager, address="/staff/")
    assert FUNNEL not in page_of(support, address="/staff/")


@pytest.mark.parametrize(
    ("permissions", "page", "file"),
    [
        (["reports"], False, False),
        (["reports", "export"], False, False),
        (["reports", "view"], True, False),
        (["reports", "view", "export"], True, True),
    ],
)
def test_addresses_are_shown_and_given_to_whoever_may_have_them(
    client_of, bought, view, permissions, page, file
) -> None:
    bare = make.sent_invitation(make.customer(view, email="bare@example.com", first_name="", last_name=""))
    Role.objects.create(code="some", name="Some", permissions=permissions)
    reader = client_of(make.staff(view.website, role="some", email="reader@example.com"))
    query = DAYS | {"by": "inviter"}

    shown = page_of(reader, query, FUNNEL)
    given = reader.get(f"{FUNNEL}export/", {**query, "format": "csv"})
    told = b"".join(given.streaming_content).decode("utf-8-sig")

    for text, may in ((shown, page), (told, file)):
        assert "Emma Clarke" in text
        assert ("emma@example.com" in text, "bare@example.com" in text) == (may, may)
        assert (f"customer {bare.inviter_id}" in text) != may


@pytest.mark.parametrize("by", ["inviter", "send", "group", "store_view", "occasion"])
def test_number_of_queries_stays_with_many_rows(owner, view, by) -> None:
    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            page_of(owner, DAYS | {"by": by}, FUNNEL)
        return len(queries)

    make.sent_invitation(make.customer(view), occasion=make.occasion(view.website))
    make.staff_invitation(view, group=make.group("vip"))
    few = asked()
    for number in range(20):
        occasion = make.occasion(view.website, title=f"Evening {number}")
        make.sent_invitation(make.customer(view), occasion=occasion)
        make.staff_invitation(view, group=make.group(f"group{number}"))

    assert asked() == few


@pytest.mark.parametrize(("language", "delimiter", "k"), [("en", ",", "1.00"), ("nl", ";", "1,00")])
def test_funnel_is_given_as_a_file(owner, bought, language, delimiter, k) -> None:
    page = page_of(owner, DAYS | {"by": "inviter"}, FUNNEL, language)
    address = re.search(r'href="([^"]*format=csv[^"]*)"', page)
    assert address

    answer = owner.get(address[1].replace("&amp;", "&"), headers={"accept-language": language})

    lines = b"".join(answer.streaming_content).decode("utf-8-sig").splitlines()
    cells = lines[1].split(delimiter)
    assert (cells[0], cells[1:7], cells[-1]) == (
        "Emma Clarke (emma@example.com)",
        ["2", "2", "0", "0", "1", "1"],
        k,
    )
    assert len(lines) == 3
    workbook = owner.get(f"{FUNNEL}export/", {**DAYS, "format": "xlsx"})
    sheet = openpyxl.load_workbook(io.BytesIO(b"".join(workbook.streaming_content))).active
    assert [row[7] for row in sheet.values][1:] == [1234.5, 1234.5]
    wrong = owner.get(f"{FUNNEL}export/", {**DAYS, "format": "pdf"}, follow=True)
    assert "Choose CSV or XLSX." in wrong.content.decode()


@pytest.fixture
def many(monkeypatch) -> None:
    """Let there be too many for a page, however few there are."""
    monkeypatch.setattr(funnel, "AT_ONCE", 0)


def test_many_are_counted_by_a_worker_and_then_shown_and_exported(owner, bought, many) -> None:
    query = DAYS | {"by": "inviter"}
    asked = page_of(owner, query, FUNNEL)
    assert "too many invitations to count them while you wait" in asked
    assert "<tbody>" not in asked
    assert owner.get(f"{FUNNEL}export/", {**query, "format": "csv"}).status_code == 302

    answer = owner.post(f"{FUNNEL}count/", query)
    waiting = page_of(owner, address=answer["Location"])
    assert "It is being counted in the background: 0 of" in waiting
    assert 'action="/staff/reports/funnel/count/"' not in waiting
    assert 'data-every="2"' in waiting
    assert "Reload to see how it goes" in waiting
    assert keeping.work(clock=timezone.now, stopping=lambda: False)

    shown = page_of(owner, query, FUNNEL)
    assert "What happened since is not in it." in shown
    assert texts(shown)[0][:3] == ["Emma Clarke (emma@example.com)", "2", "2"]
    assert ">Count again<" in shown
    assert "data-every" not in shown
    file = owner.get(f"{FUNNEL}export/", {**query, "format": "csv"})
    assert len(b"".join(file.streaming_content).splitlines()) == 3


def test_what_was_counted_for_others_is_not_shown_to_who_sees_less(
    owner, manager, support, bought, other_view, many
) -> None:
    owner.post(f"{FUNNEL}count/", DAYS)
    keeping.work(clock=timezone.now, stopping=lambda: False)

    assert texts(page_of(owner, DAYS, FUNNEL), "tfoot")[0][1] == "2"
    assert "<tbody>" not in page_of(manager, DAYS, FUNNEL)
    assert support.post(f"{FUNNEL}count/", DAYS).status_code == 403
    assert owner.get(f"{FUNNEL}count/").status_code == 405


def test_count_of_something_unusable_leads_back_to_what_is_wrong(owner, view, many, monkeypatch) -> None:
    wrong = owner.post(f"{FUNNEL}count/", {"from": "soon"}, follow=True).content.decode()
    assert "“soon” is not a day." in wrong
    assert not FunnelCount.objects.exists()

    monkeypatch.setattr(keeping, "MOST_WAITING", 0)
    refused = owner.post(f"{FUNNEL}count/", DAYS, follow=True).content.decode()
    assert "Ask again when theirs are done." in refused


def test_count_that_failed_says_so_and_can_be_asked_for_again(owner, bought, many) -> None:
    owner.post(f"{FUNNEL}count/", DAYS)
    FunnelCount.objects.update(waits=False, has_failed=True)

    page = page_of(owner, DAYS, FUNNEL)

    assert "Counting failed." in page
    assert ">Count again<" in page
