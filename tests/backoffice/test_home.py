"""The first page of the staff site: figures, charts, what is scheduled, and what stands in the way."""

import datetime
import re
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.html import strip_tags

from guestlist.backoffice import recent
from guestlist.invitations import actions as invitations
from guestlist.invitations import figures
from guestlist.mail.kinds import Verdict
from guestlist.mail.models import Message, Pace, SenderIdentity
from tests import make

_TODAY = {"Invited": "3", "Sent": "2", "Accepted": "1", "Discarded as undeliverable": "1"}


def tiles_of(client) -> dict[str, str]:
    """Return today's figures by what they are called."""
    page = client.get("/staff/").content.decode().partition('id="today"')[2].partition("</section>")[0]
    texts = [" ".join(strip_tags(tile).split()) for tile in page.split("<li>")[1:]]
    return {label: count for count, _space, label in (text.partition(" ") for text in texts)}


def test_today_counts_what_happened_today_at_visible_websites(manager, view, other_view, now) -> None:
    inviter = make.customer(view)
    make.registered(make.sent_invitation(inviter, now=now), now=now)
    make.fare(make.sent_invitation(inviter, now=now), Verdict.BOUNCED, code="5.1.1", now=now)
    make.sent_invitation(inviter, now=now - datetime.timedelta(days=2))
    make.invitation(inviter, now=now)
    make.sent_invitation(make.customer(other_view), now=now)

    assert tiles_of(manager) == _TODAY
    figures.fold()
    assert tiles_of(manager) == _TODAY


def test_tiles_lead_to_the_very_rows_that_they_count_or_nowhere(owner, view, now) -> None:
    inviter = make.customer(view)
    old = now - datetime.timedelta(days=3)
    make.registered(make.sent_invitation(inviter, now=old), now=now)
    make.registered(make.sent_invitation(inviter, now=old), now=old)
    invitations.resend(
        invitation=make.sent_invitation(inviter, now=old), actor=make.actor(), config=make.options(), now=now
    )
    shown = recent.recent([view], now=now.astimezone(ZoneInfo(view.time_zone)))
    linked = {tile.label: tile.url for tile in shown.tiles if tile.url}
    assert list(linked) == ["Accepted"]
    listed = owner.get(linked["Accepted"]).content.decode()
    assert re.search(r"\b1 invitation\b", listed)

    make.store_view(view.website, time_zone="Asia/Tokyo")
    page = owner.get("/staff/").content.decode().partition('id="today"')[2].partition("</section>")[0]
    assert "<a " not in page


def test_today_is_each_store_views_own(db) -> None:
    site = make.website()
    tokyo, honolulu = (make.store_view(site, time_zone=zone) for zone in ("Asia/Tokyo", "Pacific/Honolulu"))
    evening = datetime.datetime(2026, 5, 3, 20, tzinfo=datetime.UTC)
    for one in (tokyo, honolulu):
        make.sent_invitation(make.customer(one), now=evening)
    # In Tokyo it is the 4th by then and, three hours later, still is; in Honolulu it is the 3rd.
    later = evening + datetime.timedelta(hours=3)

    shown = recent.recent([tokyo, honolulu], now=later)

    assert {tile.label: tile.count for tile in shown.tiles}["Sent"] == "2"
    assert (shown.first, shown.last) == (datetime.date(2026, 4, 5), datetime.date(2026, 5, 4))
    assert [count for row in shown.rows[:2] for count, _url in row.cells] == ["1", "0", "1", "0"]


def test_charts_draw_each_day_and_the_table_says_the_same(owner, view, now) -> None:
    inviter = make.customer(view)
    # By the shop's own clock: 30 times 24 hours before a day in November is, late in the evening, another day there.
    today = now.astimezone(ZoneInfo(view.time_zone))
    for days in (0, 1, 1, 29, 30):
        make.sent_invitation(inviter, now=today - datetime.timedelta(days=days))

    page = owner.get("/staff/", headers={"accept-language": "en"}).content.decode()

    sent, accepted = re.findall(r'<svg viewBox="0 0 300 1000".*?</svg>', page, re.DOTALL)
    assert "Sent in the last 30 days: 4 in all, most on " in sent
    assert "Accepted in the last 30 days: none." in accepted
    assert re.findall(r'gl-chart-bar" x="(\d+)" y="(\d+)" width="8" height="(\d+)"', sent)[-2:] == [
        ("281", "0", "1000"),
        ("291", "500", "500"),
    ]
    rows = re.findall(r'<th scope="row">[^<]*</th><td>(?:<a class="gl-link" href="([^"]*)">)?(\d+)', page)
    assert len(rows) == 30
    assert sum(int(count) for _url, count in rows) == 4
    assert rows[1][1] == "2"
    assert {bool(url) for url, count in rows if count == "0"} == {False}


def test_charts_are_left_out_when_nothing_happened(owner, view) -> None:
    page = owner.get("/staff/").content.decode()
    assert "Nothing was sent or accepted in these days." in page
    assert '<svg viewBox="0 0 300' not in page


def test_home_asks_as_often_for_many_as_for_few(owner, view, now) -> None:
    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert owner.get("/staff/").status_code == 200
        return len(queries)

    def fill(count: int) -> None:
        for number in range(count):
            make.sent_invitation(inviter, now=now - datetime.timedelta(days=number % 30))

    inviter = make.customer(view)
    fill(1)
    few = asked()
    fill(49)
    for _ in range(10):
        make.store_view(view.website, time_zone="America/New_York")
    assert asked() == few


def test_scheduled_leads_to_what_is_scheduled_alone(manager, view, other_view, now) -> None:
    tomorrow = now + datetime.timedelta(days=1)
    scheduled, foreign = (make.invitation(make.customer(one)) for one in (view, other_view))
    Message.objects.filter(pk__in=[scheduled.mail_id, foreign.mail_id]).update(ready_at=tomorrow)
    make.invitation(make.customer(view))

    page = manager.get("/staff/").content.decode()
    address = re.search(r'href="([^"]*)">Scheduled for later</a><strong>1</strong>', page)
    assert address
    listed = manager.get(address[1]).context["cl"].result_list

    assert [one.pk for one in listed] == [scheduled.mail_id]


def test_sender_that_sent_all_it_may_is_told_of(owner, view, now) -> None:
    sender = SenderIdentity.objects.get(website=view.website)
    SenderIdentity.objects.update(per_day=1500)
    Pace.objects.create(key=f"sender:{sender.pk}", tokens=0, filled_at=now, day=now.date(), used=1499)
    assert "has sent the" not in owner.get("/staff/").content.decode()
    Pace.objects.update(used=1500)
    assert "has sent the 1,500 mails that it may send today" in owner.get("/staff/").content.decode()


def test_list_of_senders_says_what_is_left_today(owner, view, now) -> None:
    warm = SenderIdentity.objects.get(website=view.website)

    def column() -> list[str]:
        with CaptureQueriesContext(connection) as queries:
            page = owner.get("/staff/guestlist_mail/senderidentity/").content.decode()
        asked.append(len(queries))
        return [
            strip_tags(cell).strip()
            for cell in re.findall(r"field-left_today.*?>(.*?)</td>", page, re.DOTALL)
        ]

    asked: list[int] = []
    assert column() == ["No limit"]
    SenderIdentity.objects.update(warm_up_from=now.date())
    limited = make.store_view(make.website("limited"))
    SenderIdentity.objects.filter(website=limited.website).update(per_day=5000, warm_up_from=None)
    Pace.objects.create(key=f"sender:{warm.pk}", tokens=0, filled_at=now, day=now.date(), used=50)
    shown = column()
    assert "150 of 200, warming up" in shown
    assert "5,000 of 5,000" in shown
    for number in range(5):
        make.store_view(make.website(f"shop{number}"))
    column()
    assert asked[-1] == asked[-2]


@pytest.mark.parametrize("language", ["en", "nl"])
def test_shortcuts_lead_where_somebody_may_go(support, owner, language) -> None:
    headers = {"accept-language": language}
    for client, names in (
        (support, ["invitations/", "sends/"]),
        (owner, ["invitations/add/", "imports/", "invitations/", "sends/", "configuration/invitations/"]),
    ):
        page = client.get("/staff/", headers=headers).content.decode()
        shown = page.partition("gl-shortcuts")[2].partition("</nav>")[0]
        assert re.findall(r'href="/staff/([^"]*)"', shown) == names
