"""The grid: what matches, in which order, page by page, and what is done to selected rows."""

import base64
import datetime
import re
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext

from guestlist.backoffice import listing
from guestlist.customers.models import Grant, Role
from guestlist.invitations import actions, estimates, finding, parts
from guestlist.invitations.models import Invitation
from guestlist.mail.kinds import Verdict
from tests import make

_ID = re.compile(r'type="checkbox" name="id" value="(\d+)"')
_NEXT = re.compile(r'rel="next" href="([^"]+)"')
_PREVIOUS = re.compile(r'rel="prev" href="([^"]+)"')


def ids(client, query: str = "") -> list[int]:
    answer = client.get(f"/staff/invitations/{query}")
    assert answer.status_code == 200
    return [int(one) for one in _ID.findall(answer.content.decode())]


def walked(client, query: str, way: re.Pattern[str]) -> list[list[int]]:
    """Return the rows of each page, from one to the next as the links lead."""
    pages = []
    following: str | None = query
    while following is not None:
        page = client.get(f"/staff/invitations/{following}").content.decode()
        pages.append([int(one) for one in _ID.findall(page)])
        found = way.search(page)
        following = found[1].replace("&amp;", "&") if found else None
    return pages


def test_grid_says_what_to_do_when_there_is_nothing(owner) -> None:
    assert "No invitations yet" in owner.get("/staff/invitations/").content.decode()


def test_grid_says_so_when_nothing_matches(owner, view) -> None:
    make.staff_invitation(view)
    assert "No invitation matches" in owner.get("/staff/invitations/?email=nobody").content.decode()


def test_grid_shows_every_column(owner, view) -> None:
    emma = make.customer(view)
    sent = make.sent_invitation(emma, address="Noor@Example.com")
    make.registered(sent)
    page = owner.get("/staff/invitations/").content.decode()
    for shown in (
        "Noor@Example.com",
        "Emma Clarke",
        "Noor Jansen",
        "Accepted",
        "Handed over",
        "Linden",
        "General",
    ):
        assert shown in page
    for heading in (
        "ID", "Email", "Invitee", "Inviter", "Sent", "Registered", "Status", "Delivery", "Valid website",
        "Invitee group", "Occasion",
    ):  # fmt: skip
        assert heading in page


@pytest.fixture
def several(view, other_view, now) -> dict[str, Invitation]:
    """One of every kind."""
    emma = make.customer(view, email="emma@example.com")
    long_ago = now - datetime.timedelta(days=60)
    event = make.occasion(view.website)
    made = {
        "queued": make.staff_invitation(view, address="queued@one.example", now=now),
        "kept": make.staff_invitation(
            view, address="kept@one.example", keep=True, group=make.group("vip"), now=now
        ),
        "sent": make.sent_invitation(emma, address="sent@two.example", now=now),
        "expired": make.sent_invitation(emma, address="expired@two.example", now=long_ago),
        "accepted": make.sent_invitation(emma, address="accepted@two.example", now=now, occasion=event),
        "bounced": make.invitation(emma, address="bounced@two.example", now=now),
        "foreign": make.staff_invitation(other_view, address="foreign@three.example", now=now),
    }
    make.fare(made["bounced"], Verdict.BOUNCED, code="550", now=now)
    make.registered(made["accepted"], now=now)
    return made


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("status=not_sent", {"queued", "kept", "foreign"}),
        ("status=sent", {"sent"}),
        ("status=expired", {"expired"}),
        ("status=accepted", {"accepted"}),
        ("status=discarded", {"bounced"}),
        ("delivery=queued", {"queued", "foreign"}),
        ("delivery=bounced", {"bounced"}),
        ("delivery=no_mail", {"kept"}),
        ("email=TWO.exam", {"sent", "expired", "accepted", "bounced"}),
        ("email=kept@", {"kept"}),
        ("inviter=none", {"queued", "kept", "foreign"}),
        ("inviter=emma@example.com", {"sent", "expired", "accepted", "bounced"}),
        ("occasion=none", {"queued", "kept", "sent", "expired", "bounced", "foreign"}),
        ("group=none", {"queued", "sent", "expired", "bounced", "foreign"}),
        ("status=sent&email=one.example", set()),
        ("unknown=1&status=", {"queued", "kept", "sent", "expired", "accepted", "bounced", "foreign"}),
    ],
)
def test_filter_keeps_what_matches(owner, several, query, expected) -> None:
    assert set(ids(owner, f"?{query}")) == {several[name].pk for name in expected}


def test_filter_keeps_website_view_group_and_occasion_by_id(owner, several, view, other_view) -> None:
    accepted, kept = several["accepted"], several["kept"]
    accepted.refresh_from_db()
    assert ids(owner, f"?website={other_view.website_id}") == [several["foreign"].pk]
    assert ids(owner, f"?store_view={other_view.pk}") == [several["foreign"].pk]
    assert ids(owner, f"?group={kept.group_id}") == [kept.pk]
    assert ids(owner, f"?group={accepted.invitee.group_id}") == [accepted.pk]
    assert ids(owner, f"?occasion={accepted.occasion_id}") == [accepted.pk]
    assert ids(owner, f"?invitee={accepted.invitee_id}") == [accepted.pk]
    assert ids(owner, f"?invitee={accepted.invitee.email}") == [accepted.pk]
    assert ids(owner, f"?id={kept.pk}") == [kept.pk]
    assert len(ids(owner, f"?inviter={accepted.inviter_id}")) == 4


def test_filter_keeps_both_days_of_a_range_in_the_shops_zone(owner, view) -> None:
    zone = ZoneInfo("Europe/Amsterdam")
    last_minute = datetime.datetime(2026, 3, 3, 23, 59, tzinfo=zone)
    sent = make.sent_invitation(make.customer(view), now=last_minute)
    assert ids(owner, "?sent_from=2026-03-03&sent_to=2026-03-03") == [sent.pk]
    assert ids(owner, "?sent_from=2026-03-04") == []
    assert ids(owner, "?sent_to=2026-03-02") == []
    make.registered(sent, now=last_minute + datetime.timedelta(minutes=2))
    assert ids(owner, "?registered_from=2026-03-04&registered_to=2026-03-04") == [sent.pk]


@pytest.mark.parametrize(
    "query",
    [
        "status=gone", "website=x", "website=99999999999999999999", "sent_from=yesterday", "sent_to=9999-12-31",
        "delivery=q", "email=ab", "inviter=%00@x", "email=%00%00%00", "group=-1", "id=1.5",
        "sent_from=2026-03-04&sent_to=2026-03-03", "registered_from=2026-03-04&registered_to=2025-03-04",
    ],
)  # fmt: skip
def test_filter_says_so_when_it_cannot_be_used(owner, several, query) -> None:
    answer = owner.get(f"/staff/invitations/?{query}")
    assert answer.status_code == 200
    assert 'id="filter-problem"' in answer.content.decode()
    assert not _ID.findall(answer.content.decode())


def test_chips_take_one_filter_off(owner, several) -> None:
    page = owner.get("/staff/invitations/?status=sent&email=two&sort=email").content.decode()
    assert "?email=two&amp;sort=email" in page
    assert "?status=sent&amp;sort=email" in page


@pytest.fixture
def small_pages(monkeypatch) -> int:
    monkeypatch.setattr(listing, "SIZE", 4)
    return 4


@pytest.mark.parametrize(
    "sort", ["", "id", "-id", "email", "-email", "sent", "-sent", "registered", "-registered"]
)
def test_pages_show_every_row_once_both_ways(owner, several, small_pages, sort) -> None:
    forwards = walked(owner, f"?sort={sort}", _NEXT)
    assert sorted(pk for page in forwards for pk in page) == sorted(one.pk for one in several.values())
    last = ids(owner, f"?sort={sort}&last=1")
    flat = [pk for page in forwards for pk in page]
    assert last == flat[-len(last) :]
    backwards = walked(owner, f"?sort={sort}&last=1", _PREVIOUS)
    assert [pk for page in reversed(backwards) for pk in page] == flat


def test_rows_are_sorted_with_empty_values_last(owner, several) -> None:
    assert ids(owner)[0] == max(one.pk for one in several.values())
    by_email = ids(owner, "?sort=email")
    assert by_email[0] == several["accepted"].pk
    assert ids(owner, "?sort=-email") == by_email[::-1]
    assert ids(owner, "?sort=registered")[0] == several["accepted"].pk
    assert ids(owner, "?sort=-registered")[0] == several["accepted"].pk
    assert ids(owner, "?sort=sent")[0] == several["expired"].pk


@pytest.mark.parametrize(
    "cursor",
    ["x", "é", "%00", "A" * 3_000, base64.urlsafe_b64encode(b'[0,"b",1]').decode(), "A" * 22, "A" * 64],
)
@pytest.mark.parametrize("sort", ["id", "sent", "email"])
def test_cursor_that_nobody_gave_out_shows_the_first_page(owner, several, small_pages, cursor, sort) -> None:
    answer = owner.get("/staff/invitations/", {"sort": sort, "after": cursor})
    assert answer.status_code == 200
    assert _ID.findall(answer.content.decode())
    assert ids(owner, f"?sort={sort}&after={cursor}") == ids(owner, f"?sort={sort}")


def test_cursor_of_another_order_shows_the_first_page(owner, several, small_pages) -> None:
    following = owner.get("/staff/invitations/?sort=email").context["links"]["following"]
    assert ids(owner, following) != ids(owner, "?sort=email")
    assert ids(owner, following.replace("sort=email", "sort=sent")) == ids(owner, "?sort=sent")


@pytest.fixture
def short_looks(monkeypatch) -> None:
    """Let a page look no further than two rows, as if there were millions."""
    for name, value in (
        ("FEW", 0),
        ("FIRST_STEP", 2),
        ("FURTHER_STEPS", ()),
        ("FURTHER_STEPS_IN_SCOPE", ()),
        ("FURTHER_STEPS_OF_PIECE", ()),
        ("FURTHER_STEPS_LOOKED_UP", ()),
        ("FURTHER_STEPS_LOOKED_UP_IN_SCOPE", ()),
        ("FURTHER_STEPS_ELSEWHERE", ()),
        ("FURTHER_STEPS_SCATTERED", ()),
    ):
        monkeypatch.setattr(parts, name, value)
    monkeypatch.setattr(finding, "GATHERED", 0)


@pytest.mark.parametrize("query", ["website={other}&", "store_view={other_view}&", ""])
@pytest.mark.parametrize("sort", ["email", "-email", "sent", "id"])
def test_where_looking_ends_tells_nothing_of_another_website(
    client_of, view, other_view, now, short_looks, query, sort
) -> None:
    """With the rights of two of three websites, a list goes along the addresses of all."""
    third = make.store_view(make.website("third"))
    member = make.staff(view.website, role="support")
    Grant.objects.create(user=member, website=third.website, role=Role.objects.get(code="support"))
    make.staff_invitation(view, now=now)
    for number in range(9):
        make.staff_invitation(other_view, address=f"hidden{number}@example.org", now=now)
    named = query.format(other=other_view.website_id, other_view=other_view.pk)

    page = client_of(member).get(f"/staff/invitations/?{named}status=accepted&sort={sort}").context

    assert not page["rows"]
    if named:
        assert page["look_on"] is None
        return
    cursor = QueryDict(page["look_on"].removeprefix("?"))["after"]
    assert b"hidden" not in base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))


def test_queries_are_as_many_for_fifty_rows_as_for_one(owner, view) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as context:
            owner.get("/staff/invitations/")
        return len(context)

    emma = make.customer(view)
    make.registered(make.sent_invitation(emma))
    owner.get("/staff/invitations/")
    one = count()
    for number in range(49):
        invitation = make.sent_invitation(make.customer(view) if number % 3 else emma)
        if number % 2:
            make.registered(invitation)
    assert count() == one


def test_count_is_exact_until_it_would_read_too_much(owner, several, small_pages, monkeypatch) -> None:
    assert "7 invitations" in owner.get("/staff/invitations/").content.decode()
    monkeypatch.setattr(estimates, "EXACT", 5)
    monkeypatch.setattr(parts, "SAMPLES", 7)
    monkeypatch.setattr(parts, "SAMPLE", 1)
    assert "About 7 invitations" in owner.get("/staff/invitations/").content.decode()


def _selected(client, action: str, chosen, *, confirmed: bool = True, back: str = "") -> str:
    data = {"action": action, "id": [str(one) for one in chosen], "back": back}
    answer = client.post(
        "/staff/invitations/selected/", data | ({"confirmed": "1"} if confirmed else {}), follow=True
    )
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_discard_selected_asks_first_and_says_which_cannot_be(owner, several) -> None:
    page = _selected(owner, "discard", [one.pk for one in several.values()], confirmed=False)
    assert "5 invitations will be discarded" in page
    assert "1 already accepted" in page
    assert "1 already discarded" in page
    assert Invitation.objects.filter(status="discarded").count() == 1


def test_discard_selected_counts_what_it_did(owner, several) -> None:
    page = _selected(owner, "discard", [one.pk for one in several.values()])
    assert "5 of 7 invitations discarded, 1 already accepted, 1 already discarded." in page
    again = _selected(owner, "discard", [one.pk for one in several.values()])
    assert "0 of 7 invitations discarded, 1 already accepted, 6 already discarded." in again


@pytest.mark.requirement("trust-16")
def test_discard_selected_leaves_foreign_rows(support, several) -> None:
    foreign = several["foreign"]
    page = _selected(support, "discard", [foreign.pk, several["sent"].pk, 999999])
    assert "1 of 3 invitations discarded, 2 not yours, or gone." in page
    foreign.refresh_from_db()
    assert foreign.status == "not_sent"
    assert "foreign@three.example" not in _selected(support, "discard", [foreign.pk], confirmed=False)


def test_send_selected_is_refused_without_the_permission(support, several) -> None:
    page = _selected(support, "send", [several["kept"].pk])
    assert "You have no permission for this." in page
    several["kept"].refresh_from_db()
    assert several["kept"].delivery == ""


def test_send_selected_queues_what_can_be_sent(owner, several) -> None:
    page = _selected(owner, "send", [one.pk for one in several.values()], back="status=sent")
    assert "4 of 7 invitations on their way" in page
    assert "1 already accepted" in page
    assert "2 already on its way" in page
    several["kept"].refresh_from_db()
    assert several["kept"].delivery == "queued"


def test_selected_comes_back_to_the_same_filter_and_nowhere_else(owner, several) -> None:
    data = {"action": "discard", "id": several["sent"].pk, "confirmed": "1", "back": "status=sent"}
    assert owner.post("/staff/invitations/selected/", data)["Location"] == "/staff/invitations/?status=sent"
    data["back"] = "//evil.example/"
    assert owner.post("/staff/invitations/selected/", data)["Location"].startswith("/staff/invitations/?")


def test_selected_says_so_when_nothing_is_selected(owner, several) -> None:
    assert "Select at least one" in _selected(owner, "discard", [])
    assert "Select at least one" in _selected(owner, "discard", ["x", "-1", "9" * 40])
    assert owner.get("/staff/invitations/selected/")["Location"] == "/staff/invitations/"


def test_grid_reads_as_dutch_when_the_browser_does(owner, several) -> None:
    page = owner.get("/staff/invitations/", headers={"accept-language": "nl"}).content.decode()
    for shown in ("Niet verzonden", "Verzonden", "Geaccepteerd", "Ingetrokken", "Verlopen", "Uitnodigingen"):
        assert shown in page


def test_discard_wins_once_when_pressed_twice(owner, view) -> None:
    one = make.staff_invitation(view, keep=True)
    actions.discard(invitation=one, actor=make.actor(), now=make.NOW)
    assert "0 of 1 invitation discarded, 1 already discarded." in _selected(owner, "discard", [one.pk])


def test_export_gives_what_the_filter_leaves_and_what_is_selected(marketing, several) -> None:
    page = marketing.get("/staff/invitations/?status=not_sent&sort=email").content.decode()
    link = re.search(r'href="(/staff/invitations/export/\?[^"]+format=csv)"', page)
    assert link

    shown = marketing.get(link[1].replace("&amp;", "&"))
    text = b"".join(shown.streaming_content).decode()
    chosen = marketing.post(
        "/staff/invitations/export/?format=xlsx", {"id": [several["sent"].pk, several["foreign"].pk]}
    )
    book = b"".join(chosen.streaming_content)
    every = marketing.post(
        "/staff/invitations/export/?format=csv", {"all": "1", "back": "status=sent&sort=email", "id": []}
    )

    assert b"".join(every.streaming_content).count(b"@two.example") == 1
    assert "kept@one.example" in text
    assert "sent@two.example" not in text
    assert "foreign@three.example" not in text
    assert shown["Content-Disposition"].startswith('attachment; filename="invitations-')
    assert chosen["Content-Type"].endswith("spreadsheetml.sheet")
    assert book.startswith(b"PK")


def test_export_is_in_the_readers_language_to_its_last_row(marketing, several) -> None:
    answer = marketing.get("/staff/invitations/export/?format=csv", headers={"accept-language": "nl"})

    text = b"".join(answer.streaming_content).decode()

    assert ";Verzonden;" in text
    assert ",Sent," not in text


@pytest.mark.parametrize("query", ["format=pdf", "format=csv&status=nonsense"])
def test_export_leads_back_to_the_grid_when_it_cannot_be(marketing, several, query) -> None:
    answer = marketing.get(f"/staff/invitations/export/?{query}", follow=True)

    assert answer.redirect_chain
    assert "Choose" in answer.content.decode()


def test_export_is_not_there_for_those_who_may_not(support, several) -> None:
    assert "export" not in support.get("/staff/invitations/").content.decode()
    assert support.get("/staff/invitations/export/?format=csv").status_code == 403
