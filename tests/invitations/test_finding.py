"""Pages of invitations: every row once in every order, however little is gone through at a time."""

import datetime
from collections.abc import Iterator
from dataclasses import replace

import pytest
from django.db import connection
from django.db.models import Expression, F, Value
from django.db.models.functions import NullIf
from django.test.utils import CaptureQueriesContext

from guestlist.invitations import actions, blocks, estimates, finding, parts, pieces
from guestlist.invitations.estimates import Amount
from guestlist.invitations.filters import Filter
from guestlist.invitations.finding import Search
from guestlist.invitations.models import Invitation, InvitationAddress
from guestlist.invitations.parts import Order, Place, Sort
from guestlist.mail.kinds import Verdict
from guestlist.mail.models import Message, Send
from tests import make

pytestmark = pytest.mark.django_db

NOW = datetime.datetime(2026, 3, 20, 12, tzinfo=datetime.UTC)
_FIELDS: dict[Sort, Expression | F] = {
    Sort.EMAIL: NullIf("address__normalized", Value("")),
    Sort.SENT: F("sent_at"),
    Sort.REGISTERED: F("accepted_at"),
}
_ORDERS = [Order(sort, descending=descending) for sort in Sort for descending in (True, False)]


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch) -> None:
    """Let a block be about as large as the shop: to go along all ids of a whole one step by step would take minutes."""
    monkeypatch.setattr(blocks, "BLOCK", 8)


@pytest.fixture
def shop(monkeypatch) -> dict[str, int]:
    """Thirty invitations of two websites, in every state, of two inviters, some sent more than once."""
    # Else those that look one id further at a time would look through thousands that no invitation has.
    monkeypatch.setattr(blocks, "BLOCK", 8)
    view, other = make.store_view(), make.store_view()
    emma, noor = make.customer(view), make.customer(view)
    evening = make.occasion(view.website)
    for number in range(30):
        at = NOW - datetime.timedelta(days=60 - 2 * (number * 7 % 30))
        address = f"{'abcde'[number % 5]}{number}@{'one' if number % 3 else 'two'}.example"
        kept = number % 6 == 0
        if kept:
            make.staff_invitation(other if number % 4 else view, address=address, keep=True, now=at)
            continue
        inviter = noor if number % 5 == 0 else emma
        occasion = evening if number % 4 == 1 else None
        one = make.sent_invitation(inviter, address=address, occasion=occasion, now=at)
        if number % 7 == 1:
            again = at + datetime.timedelta(days=20, seconds=number)
            actions.resend(invitation=one, actor=make.actor(), config=make.options(), now=again)
            make.fare(one, Verdict.ACCEPTED, now=again)
        if number % 5 == 2:
            make.registered(one, now=at + datetime.timedelta(days=1))
        if number == 4:
            InvitationAddress.objects.filter(pk=one.pk).update(typed="", normalized="")
    return {"other": other.website_id, "first": view.website_id, "emma": emma.pk, "evening": evening.pk}


def expected(search: Search, order: Order) -> list[int]:
    """Return all that match in order, as the database sorts them."""
    down = order.descending
    by = [F("pk").desc() if down else F("pk").asc()]
    if name := _FIELDS.get(order.sort):
        by.insert(0, name.desc(nulls_last=True) if down else name.asc(nulls_last=True))
    return list(search.matching.order_by(*by).values_list("pk", flat=True))


def pages(search: Search, order: Order, *, backwards: bool, size: int = 4) -> Iterator[list[int]]:
    """Go through all pages, and look on where looking stopped."""
    start: Place | None = None
    while True:
        page = search.page(order, start=start, backwards=backwards, size=size)
        yield page.ids
        if page.looked_until is not None:
            assert len(page.ids) < size
            start = page.looked_until
            continue
        if not (page.has_before if backwards else page.has_after):
            return
        start = page.first if backwards else page.last
        # Whichever way found it, another can go on from there.
        assert start == _place(page.ids[0 if backwards else -1], order)


def flat(parts: Iterator[list[int]], *, backwards: bool) -> list[int]:
    listed = list(parts)
    if backwards:
        listed.reverse()
    return [pk for part in listed for pk in part]


def _place(pk: int, order: Order) -> Place:
    return parts.place_of(Invitation.objects.select_related("address").get(pk=pk), order)


@pytest.fixture(params=["along the order", "sorted", "a little at a time", "by trigrams"])
def way(request, monkeypatch) -> str:
    """Make each of the ways take what the others would."""
    steps, gathered = {
        "along the order": ((1_000, ()), 0),
        "sorted": ((1, ()), 5_000),
        "a little at a time": ((2, (3,)), 0),
        "by trigrams": ((1, ()), 5_000),
    }[request.param]
    if request.param == "by trigrams":
        monkeypatch.setattr(pieces, "MANY", 0)
    monkeypatch.setattr(parts, "FEW", 0)
    monkeypatch.setattr(parts, "FIRST_STEP", steps[0])
    monkeypatch.setattr(parts, "FURTHER_STEPS", steps[1])
    monkeypatch.setattr(parts, "FURTHER_STEPS_IN_SCOPE", steps[1])
    monkeypatch.setattr(parts, "FURTHER_STEPS_OF_PIECE", steps[1])
    monkeypatch.setattr(parts, "FURTHER_STEPS_LOOKED_UP", steps[1])
    monkeypatch.setattr(parts, "FURTHER_STEPS_LOOKED_UP_IN_SCOPE", steps[1])
    monkeypatch.setattr(parts, "FURTHER_STEPS_ELSEWHERE", steps[1])
    monkeypatch.setattr(parts, "FURTHER_STEPS_SCATTERED", steps[1])
    monkeypatch.setattr(finding, "GATHERED", gathered)
    return str(request.param)


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"status": "not_sent"},
        {"status": "sent"},
        {"status": "expired"},
        {"status": "accepted"},
        {"email": "one.example"},
        {"website": "other"},
        {"website": "other", "email": "one.example"},
        {"email": "two.e", "status": "sent"},
        {"occasion": "evening"},
        {"inviter": "emma"},
        {"inviter": "none"},
        {"sent_from": "2026-02-10", "sent_to": "2026-03-10"},
        {"registered_from": "2026-02-01"},
        {"status": "discarded"},
    ],
    ids=lambda query: " ".join(f"{name}={value}" for name, value in query.items()) or "all",
)
@pytest.mark.parametrize("scoped", [False, True], ids=["every website", "one website"])
def test_pages_show_every_row_once_in_every_order_both_ways(shop, way, query, scoped) -> None:
    chosen = Filter.from_query({name: shop.get(value, value) for name, value in query.items()})
    search = Search(chosen, {shop["first"]} if scoped else None, NOW)
    for order in _ORDERS:
        rows = expected(search, order)
        for backwards in (False, True):
            assert flat(pages(search, order, backwards=backwards), backwards=backwards) == rows


@pytest.mark.parametrize("query", [{}, {"status": "sent"}, {"email": "one.example"}, {"inviter": "emma"}])
@pytest.mark.parametrize("ways", ["along the order", "sorted"])
def test_rows_beside_each_row_are_those_of_the_list(shop, monkeypatch, query, ways) -> None:
    monkeypatch.setattr(parts, "FEW", 0)
    monkeypatch.setattr(parts, "FIRST_STEP", 1_000 if ways == "along the order" else 1)
    search = Search(
        Filter.from_query({name: shop.get(value, value) for name, value in query.items()}), None, NOW
    )
    for order in _ORDERS:
        rows = expected(search, order)
        for before, one, after in zip([None, *rows], rows, [*rows[1:], None], strict=False):
            assert search.beside(order, _place(one, order)) == (before, after)


def test_addresses_that_lack_their_website_stand_in_its_list(shop, monkeypatch) -> None:
    monkeypatch.setattr(finding, "GATHERED", 0)
    one = Invitation.objects.filter(website=shop["other"]).order_by("pk")[0]
    InvitationAddress.objects.filter(pk=one.pk).update(website=None)
    for order in (Order(Sort.EMAIL), Order(Sort.EMAIL, descending=False)):
        search = Search(Filter(website=shop["other"]), None, NOW)
        assert search.page(order, size=50).ids == expected(search, order)
        assert one.pk in expected(search, order)


def test_list_of_one_website_by_address_goes_along_the_addresses_of_no_other(shop, monkeypatch) -> None:
    monkeypatch.setattr(finding, "GATHERED", 0)
    search = Search(Filter(website=shop["other"]), None, NOW)
    rows = expected(search, Order(Sort.EMAIL, descending=False))
    # As many steps as it has rows are enough, though others stand between them.
    monkeypatch.setattr(parts, "FIRST_STEP", len(rows))
    with CaptureQueriesContext(connection) as context:
        page = search.page(Order(Sort.EMAIL, descending=False), size=len(rows))
    assert page.ids == rows
    assert len(context) <= 6


def test_rows_beside_one_that_does_not_match_are_those_that_it_would_stand_between(shop) -> None:
    search = Search(Filter(status="accepted"), None, NOW)
    rows = expected(search, Order())
    left = Invitation.objects.filter(pk__lt=rows[0], pk__gt=rows[1]).order_by("-pk")[0]
    assert search.beside(Order(), parts.place_of(left, Order())) == (rows[0], rows[1])


def test_nothing_is_beside_a_row_where_a_page_would_not_look(shop, monkeypatch) -> None:
    monkeypatch.setattr(parts, "FEW", 0)
    monkeypatch.setattr(parts, "FIRST_STEP", 2)
    monkeypatch.setattr(parts, "FURTHER_STEPS", ())
    monkeypatch.setattr(finding, "GATHERED", 0)
    search = Search(Filter(delivery="in_doubt"), None, NOW)
    middle = Invitation.objects.order_by("pk")[15]
    assert search.beside(Order(), parts.place_of(middle, Order())) == (None, None)


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("moved_to", ["left@two.example", "zone@two.example"])
def test_page_goes_on_beside_a_row_that_has_gone_or_moved_meanwhile(shop, way, moved_to, backwards) -> None:
    if way == "a little at a time":
        pytest.skip("a page is not full then")
    for order in _ORDERS:
        search = Search(Filter(email="one"), None, NOW)
        rows = expected(search, order)
        page = search.page(order, size=7)
        assert page.last is not None
        address = Invitation.objects.get(pk=page.ids[-1]).address
        address.normalized, before = moved_to, address.normalized
        address.save()
        beside = search.page(order, start=page.last, backwards=backwards, size=3)
        # By its new address, where that is among them, it would stand first or last.
        assert beside.ids == (rows[3:6] if backwards else rows[7:10])
        address.normalized = before
        address.save()


def test_row_that_goes_while_it_is_looked_for_leaves_the_rest_of_the_page(shop, monkeypatch) -> None:
    monkeypatch.setattr(parts, "FEW", 0)
    monkeypatch.setattr(parts, "FIRST_STEP", 1)
    order, search = Order(Sort.EMAIL), Search(Filter(inviter=shop["emma"]), None, NOW)
    rows = expected(search, order)
    start = _place(rows[4], order)

    def goes(execute, sql, params, many, context):
        answer = execute(sql, params, many, context)
        if "CASE WHEN" in sql and "ORDER BY" in sql:
            InvitationAddress.objects.filter(pk__in=[rows[4], rows[5]]).update(normalized="")
        return answer

    with connection.execute_wrapper(goes):
        page = search.page(order, start=start, size=3)
    assert page.ids == rows[6:9]
    assert page.last == _place(page.ids[-1], order)


@pytest.mark.skipif(connection.vendor != "sqlite", reason="counts the steps of SQLite's programs")
@pytest.mark.parametrize(
    ("query", "sort"), [({"status": "expired"}, Sort.ID), ({"delivery": "failed"}, Sort.EMAIL)]
)
def test_first_step_from_either_end_goes_no_further_on_sqlite(monkeypatch, query, sort) -> None:
    monkeypatch.setattr(blocks, "BLOCK", 4096)
    first = make.sent_invitation(make.customer(make.store_view()), now=NOW - datetime.timedelta(days=90))
    shared = {"website_id": first.website_id, "store_view_id": first.store_view_id, "created_at": NOW}
    rows = Invitation.objects.bulk_create(Invitation(**shared) for _ in range(3_000))
    InvitationAddress.objects.bulk_create(
        InvitationAddress(invitation=one, website_id=first.website_id, normalized=f"{one.pk:05}@one.example")
        for one in rows
    )
    monkeypatch.setattr(parts, "FEW", 0)
    monkeypatch.setattr(parts, "FIRST_STEP", 10)
    monkeypatch.setattr(parts, "FURTHER_STEPS", ())
    monkeypatch.setattr(parts, "FURTHER_STEPS_ELSEWHERE", ())
    monkeypatch.setattr(parts, "FURTHER_STEPS_SCATTERED", ())
    monkeypatch.setattr(finding, "GATHERED", 0)
    # A website of one: nothing of it stands where the looking begins.
    chosen = Filter.from_query(
        {**query, **({"website": str(make.website().pk)} if "website" in query else {})}
    )
    assert 0 < _program_steps(Search(chosen, None, NOW), sort) < 3_000


@pytest.mark.skipif(connection.vendor != "sqlite", reason="SQLite's planner is told more")
def test_list_of_one_website_by_sent_is_told_which_ids_a_step_has_on_sqlite(shop, monkeypatch) -> None:
    """Once it knows how many a website has on average, SQLite goes through all that the largest has for a page."""
    monkeypatch.setattr(parts, "FEW", 0)
    monkeypatch.setattr(parts, "FIRST_STEP", 6)
    search = Search(Filter(website=shop["first"]), None, NOW)
    with CaptureQueriesContext(connection) as captured:
        search.page(Order(Sort.SENT), size=5)

    (told,) = [one["sql"] for one in captured if 'ORDER BY 1 DESC, "guestlist_invitations_inv' in one["sql"]]
    assert '."id" IN (SELECT' in told
    assert "LIMIT 7)" in told


@pytest.mark.skipif(connection.vendor != "postgresql", reason="only PostgreSQL has a sample")
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("sort", list(Sort))
def test_few_that_have_a_piece_are_found_in_order_by_one_question(
    shop, monkeypatch, sort, descending
) -> None:
    monkeypatch.setattr(parts, "FEW", 0)
    monkeypatch.setattr(parts, "FIRST_STEP", 2)
    monkeypatch.setattr(pieces, "MANY", 0)
    order, search = Order(sort, descending=descending), Search(Filter(email="two"), None, NOW)
    rows = expected(search, order)

    def pages(size: int) -> list[int]:
        found, page = [], Search(Filter(email="two"), None, NOW).page(order, size=size)
        while page.ids:
            found += page.ids
            page = Search(Filter(email="two"), None, NOW).page(order, start=page.last, size=size)
        return found

    with CaptureQueriesContext(connection) as captured:
        last = Search(Filter(email="two"), None, NOW).page(order, backwards=True, size=3)

    assert len(rows) > 6
    assert pages(3) == rows
    assert last.ids == rows[-3:]
    assert last.total == len(rows)
    looked_up = [one["sql"] for one in captured if "invitationaddress" in one["sql"] and "LIKE" in one["sql"]]
    (found,) = [one for one in looked_up if "OFFSET" not in one]
    assert "ORDER BY" in found


@pytest.mark.skipif(connection.vendor != "postgresql", reason="only PostgreSQL has a sample")
def test_more_than_the_sample_told_of_are_found_as_others_are(shop, monkeypatch) -> None:
    monkeypatch.setattr(parts, "FEW", 0)
    monkeypatch.setattr(parts, "FIRST_STEP", 2)
    monkeypatch.setattr(pieces, "MANY", 0)
    order, search = Order(Sort.SENT), Search(Filter(email="two"), None, NOW)
    rows = expected(search, order)
    monkeypatch.setattr(finding, "GATHERED", len(rows) - 1)
    monkeypatch.setattr(Search, "piece", replace(search.piece or pieces.Piece(""), about=1))

    assert search.page(order, size=5).ids == rows[:5]
    assert search.page(order, size=5).total is None


def test_a_long_step_ends_where_the_part_that_it_goes_on_in_allows(shop, monkeypatch) -> None:
    """What was never sent is gone along by the ids, ten times as far as the history of what was."""
    monkeypatch.setattr(parts, "FEW", 0)
    monkeypatch.setattr(parts, "FIRST_STEP", 2)
    monkeypatch.setattr(parts, "FURTHER_STEPS", (900,))
    monkeypatch.setattr(parts, "FURTHER_STEPS_ELSEWHERE", (7,))
    monkeypatch.setattr(finding, "GATHERED", 0)
    with CaptureQueriesContext(connection) as captured:
        page = Search(Filter(status="accepted"), None, NOW).page(Order(Sort.SENT), backwards=True, size=5)

    history = [one["sql"] for one in captured if " OFFSET " in one["sql"] and "invitationevent" in one["sql"]]
    assert page.looked_until is not None
    assert history
    assert all(" OFFSET 7" in one or " OFFSET 2" in one for one in history)


def _program_steps(search: Search, sort: Sort) -> int:
    """Return how many steps SQLite takes for the first pages of both directions."""
    steps: list[None] = []
    connection.connection.set_progress_handler(lambda: steps.append(None), 1)
    try:
        for descending in (True, False):
            assert len(search.page(Order(sort, descending=descending), size=5).ids) in {0, 1, 5}
    finally:
        connection.connection.set_progress_handler(None, 0)
    return len(steps)


def test_looking_for_what_is_not_there_ends_and_says_how_far_it_came(shop, monkeypatch) -> None:
    monkeypatch.setattr(parts, "FEW", 0)
    monkeypatch.setattr(parts, "FIRST_STEP", 5)
    monkeypatch.setattr(parts, "FURTHER_STEPS", (5,))
    search = Search(Filter(delivery="in_doubt"), None, NOW)
    newest = Invitation.objects.order_by("-pk").values_list("pk", flat=True)[0]

    page = search.page(Order(), size=10)

    assert page.ids == []
    assert page.looked_until == Place(0, None, newest - 9)


def test_a_small_shop_is_looked_through_to_its_end(shop, monkeypatch) -> None:
    monkeypatch.setattr(parts, "FIRST_STEP", 5)
    monkeypatch.setattr(parts, "FURTHER_STEPS", ())
    monkeypatch.setattr(parts, "FURTHER_STEPS_ELSEWHERE", ())
    monkeypatch.setattr(parts, "FURTHER_STEPS_SCATTERED", ())
    for order in _ORDERS:
        page = Search(Filter(delivery="in_doubt"), None, NOW).page(order, size=10)
        assert (page.ids, page.looked_until, page.total) == ([], None, 0)


def test_what_is_known_to_be_few_is_counted_on_the_way(shop, monkeypatch) -> None:
    monkeypatch.setattr(parts, "FIRST_STEP", 1)
    search = Search(Filter(inviter=shop["emma"]), None, NOW)
    page = search.page(Order(), size=3)
    assert page.total == search.matching.count() > 3


def test_number_is_exact_while_it_is_small_and_about_right_beyond(shop, monkeypatch) -> None:
    search = Search(Filter(email="one"), None, NOW)
    number = search.matching.count()
    assert estimates.how_many(search) == Amount(number)
    monkeypatch.setattr(estimates, "EXACT", 5)
    monkeypatch.setattr(parts, "SAMPLES", 2)
    monkeypatch.setattr(parts, "SAMPLE", 15)
    assert estimates.how_many(search) == Amount(number, is_exact=False)


@pytest.mark.parametrize("status", [None, "accepted"])
def test_number_of_a_large_send_comes_from_a_sample_of_its_mails(shop, monkeypatch, status) -> None:
    ids = Message.objects.order_by("pk").values_list("pk", flat=True)
    first, half = ids[0], (ids[len(ids) - 1] - ids[0] + 1) // 2
    send = Send.objects.create(
        website_id=shop["first"],
        store_view=Message.objects.get(pk=first).store_view,
        created_at=NOW,
        first_mail=first,
        last_mail=first + 2 * half - 1,
    )
    Message.objects.filter(pk__lt=first + 2 * half).exclude(pk=first + 1).update(send=send)
    # Two stretches that are all there is between its ends: the number is right, and only the way to it is in question.
    monkeypatch.setattr(parts, "SAMPLES", 2)
    monkeypatch.setattr(parts, "SAMPLE", half)
    monkeypatch.setattr(estimates, "EXACT", 1)
    monkeypatch.setattr(estimates, "_READ", 0)
    search = Search(Filter(send=send.pk, status=status), None, NOW)
    number = search.matching.count()
    with CaptureQueriesContext(connection) as context:
        amount = estimates.how_many(search)
    assert number > 1
    assert amount == Amount(number, is_exact=False)
    tables = [f'"{model._meta.db_table}"' for model in (Message, Invitation)]
    # Asked about together, all mails of the send would be read.
    assert not [one["sql"] for one in context if all(table in one["sql"] for table in tables)]


def test_number_beyond_what_is_counted_comes_from_a_sample(shop, monkeypatch) -> None:
    monkeypatch.setattr(estimates, "EXACT", 1)
    monkeypatch.setattr(parts, "SAMPLES", 6)
    monkeypatch.setattr(parts, "SAMPLE", 2)
    with CaptureQueriesContext(connection) as context:
        amount = estimates.how_many(Search(Filter(status="accepted"), None, NOW))
    assert not amount.is_exact
    assert 1 <= amount.number <= 20
    assert len(context) == 3


def test_number_of_an_empty_shop_is_nothing() -> None:
    assert estimates.how_many(Search(Filter(), None, NOW)) == Amount(0)


def test_number_of_each_status_is_that_of_its_filter(shop) -> None:
    for websites in (None, {shop["other"]}):
        found = estimates.by_status(websites, now=NOW)
        for status in ("not_sent", "sent", "expired", "accepted", "discarded"):
            number = Search(Filter(status=status), websites, NOW).matching.count()
            assert found.get(status, Amount(0)) == Amount(number)


def test_number_of_each_status_comes_from_one_sample_where_they_are_many(shop, monkeypatch) -> None:
    monkeypatch.setattr(estimates, "EXACT", 1)
    monkeypatch.setattr(estimates, "_READ", 1)
    monkeypatch.setattr(parts, "SAMPLES", 3)
    monkeypatch.setattr(parts, "SAMPLE", 5)
    found = estimates.by_status(None, now=NOW)
    assert sum(one.number for one in found.values()) == 30
    assert not any(one.is_exact for one in found.values())


def test_trouble_is_counted_among_the_newest(shop, monkeypatch) -> None:
    one = make.invitation(now=NOW)
    make.fare(one, Verdict.BOUNCED, now=NOW)
    assert estimates.lately(None, ["bounced", "failed"]) == {"bounced": 1}
    assert estimates.lately({one.website_id}, ["bounced"]) == {"bounced": 1}
    assert estimates.lately({shop["other"]}, ["bounced"]) == {}
    make.invitation(now=NOW)
    monkeypatch.setattr(estimates, "NEWEST", 1)
    assert estimates.lately(None, ["bounced"]) == {}
