"""Reports › Today: what is counted, by whose clock, where figures lead, and who sees what of it."""

import datetime
import re
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.html import strip_tags

from guestlist.customers.models import Grant, Role
from guestlist.invitations import actions as invitations
from guestlist.invitations import figures
from guestlist.mail import counting
from guestlist.mail.counting import Ledger
from guestlist.mail.kinds import Verdict
from guestlist.mail.models import Measure, Pace, Send, SenderIdentity
from guestlist.reports import today
from tests import make

ADDRESS = "/staff/reports/today/"


def page_of(client, query=None, language="en") -> str:
    answer = client.get(ADDRESS, query, headers={"accept-language": language})
    assert answer.status_code == 200
    return str(answer.content.decode())


def tiles(page: str) -> dict[str, str]:
    """Return the figures by what they are called."""
    found = re.findall(r"<li>\s*<(?:a|p)[^>]*><strong>([^<]*)</strong>(.*?)</li>", page, re.DOTALL)
    return {" ".join(strip_tags(label).split()): count for count, label in found}


def complained(sender: SenderIdentity, at: datetime.datetime) -> None:
    ledger = Ledger()
    ledger.add(sender_id=sender.pk, send_id=None, measure=Measure.COMPLAINED)
    ledger.write(now=at)


def sender_of(view) -> SenderIdentity:
    return SenderIdentity.objects.get(website=view.website, code="general")


@pytest.mark.parametrize("is_folded", [False, True])
def test_figures_are_those_of_today(owner, view, now, is_folded) -> None:
    emma = make.customer(view)
    buyer = make.registered(make.sent_invitation(emma, now=now), now=now).customer
    assert buyer is not None
    make.order(buyer, now=now)
    make.order(buyer, now=now)
    make.fare(make.sent_invitation(emma, now=now), Verdict.BOUNCED, code="5.1.1", now=now)
    make.sent_invitation(emma, now=now - datetime.timedelta(days=2))
    known = make.sent_invitation(emma, occasion=make.occasion(view.website), now=now)
    invitations.join(
        user=make.user_of(make.customer(view)),
        store_view=view,
        invitation=known,
        config=make.options(registration_address="any"),
        now=now,
    )
    make.invitation(emma, now=now)
    while is_folded and figures.fold():
        pass

    shown = tiles(page_of(owner))

    wanted = {"Invited": "4", "Sent": "3", "Accepted": "2", "Joined": "1", "First orders": "1"}
    wanted |= {"Discarded as undeliverable": "1", "Waiting": "1"}
    assert {name: shown[name] for name in wanted} == wanted


def test_today_is_the_day_of_each_store_view(db) -> None:
    site = make.website()
    tokyo, honolulu = (make.store_view(site, time_zone=zone) for zone in ("Asia/Tokyo", "Pacific/Honolulu"))
    # In Tokyo the 4th began at 15:00 by UTC; in Honolulu the 3rd, at 10:00.
    now = datetime.datetime(2026, 5, 3, 18, tzinfo=datetime.UTC)
    inviters = [make.customer(one) for one in (tokyo, honolulu)]
    for hour in (9, 12, 16):
        for one in inviters:
            make.sent_invitation(one, now=now.replace(hour=hour))

    found = {
        one.customer: one.sent for one in today.top_inviters([tokyo, honolulu], most=9, now=now).inviters
    }

    assert found == {inviters[0]: 1, inviters[1]: 2}
    assert today.happened([tokyo, honolulu], measures=["sent_mailed"], now=now)["sent_mailed"] == 3


def test_complaints_of_today_are_counted_whether_folded_or_not(owner, view, other_view, now) -> None:
    began = now.astimezone(ZoneInfo(view.time_zone)).replace(hour=0, minute=0, second=0, microsecond=0)
    for sender, at in (
        (sender_of(view), now),
        (sender_of(other_view), began),
        (sender_of(view), began - datetime.timedelta(minutes=1)),
    ):
        complained(sender, at)

    assert tiles(page_of(owner))["Complaints"] == "2"
    assert tiles(page_of(owner, {"website": view.website_id}))["Complaints"] == "1"
    counting.fold(now=now + datetime.timedelta(minutes=5))
    assert tiles(page_of(owner))["Complaints"] == "2"


def test_what_stands_still_is_told(owner, view, now) -> None:
    sender = sender_of(view)
    sender.held_at, sender.per_day = now, 5
    sender.save()
    Pace.objects.create(key=f"sender:{sender.pk}", filled_at=now, day=now.date(), used=5)
    Send.objects.create(website=view.website, store_view=view, created_at=now, held_at=now)
    make.fare(make.invitation(make.customer(view), now=now), Verdict.FAILED, code="timeout", now=now)

    page = page_of(owner)

    shown = tiles(page)
    assert (shown["Senders at rest"], shown["Sends held"], shown["Limits hit"], shown["Failed"]) == ("1",) * 4
    assert "is held, so nothing goes out from it." in page


def test_who_invited_most_comes_first_and_leads_to_their_invitations(owner, view, now) -> None:
    few, many = make.customer(view), make.customer(view, first_name="Noor", last_name="Bakker")
    make.sent_invitation(few, now=now)
    make.registered(make.sent_invitation(many, now=now), now=now)
    make.sent_invitation(many, now=now)
    make.fare(make.staff_invitation(view, now=now), Verdict.ACCEPTED, now=now)

    body = page_of(owner).partition("<tbody>")[2].partition("</tbody>")[0]

    rows = re.findall(r'href="([^"]*)">([^<]*)</a></th><td>(\d+)</td><td>(\d+)', body)
    assert rows == [
        (f"/staff/invitations/?inviter={many.pk}", "Noor Bakker", "2", "1"),
        (f"/staff/invitations/?inviter={few.pk}", "Emma Clarke", "1", "0"),
    ]


def test_those_looked_through_are_told_where_more_was_sent(owner, view, now, monkeypatch) -> None:
    monkeypatch.setattr(today, "NEWEST", 2)
    inviter = make.customer(view)
    for _number in range(3):
        make.sent_invitation(inviter, now=now)

    assert "Among the 2 invitations that were sent last." in page_of(owner)


def test_figures_lead_to_the_rows_that_they_count_or_nowhere(owner, view, now) -> None:
    make.registered(make.sent_invitation(make.customer(view), now=now), now=now)

    found = re.search(r'href="([^"]*registered_from=[^"]*)"', page_of(owner, {"website": view.website_id}))
    assert found
    listed = owner.get(found[1].replace("&amp;", "&")).content.decode()
    assert re.search(r"\b1 invitation\b", listed)
    assert f"website={view.website_id}" in found[1]
    make.store_view(view.website, time_zone="Asia/Tokyo")
    assert "registered_from" not in page_of(owner)


def test_mail_leads_to_its_rows_only_where_a_page_has_just_these(owner, view, other_view, now) -> None:
    inviter = make.customer(view)
    make.fare(make.invitation(inviter, now=now), Verdict.FAILED, code="timeout", now=now)
    make.invitation(inviter, now=now)
    due, failed = "?state__exact=ready", "delivery=failed"

    page, of_website, of_view = (
        page_of(owner, query) for query in ({}, {"website": view.website_id}, {"store_view": view.pk})
    )
    assert (due in page, failed in page) == (True, True)
    assert (due in of_website, f"website={view.website_id}&amp;{failed}" in of_website) == (False, True)
    assert (due in of_view, failed in of_view) == (False, False)
    assert "Mail is counted for the whole website." in of_view

    make.staff_invitation(other_view, now=now + datetime.timedelta(days=2))
    assert due not in page_of(owner)


def test_others_websites_are_not_told_of(manager, support, view, other_view, now) -> None:
    make.sent_invitation(make.customer(other_view, first_name="Zoë", last_name="Smit"), now=now)
    complained(sender_of(other_view), now)

    page = page_of(manager)

    shown = tiles(page)
    assert (shown["Sent"], shown["Complaints"], shown["Invited"]) == ("0",) * 3
    assert "Zoë" not in page
    assert "is not there" in page_of(manager, {"website": other_view.website_id})
    assert support.get(ADDRESS).status_code == 403
    assert ADDRESS not in support.get("/staff/").content.decode()


def test_figures_alone_name_nobody_and_lead_nowhere(client_of, view, now) -> None:
    make.sent_invitation(make.customer(view), now=now)
    user = make.user(is_staff=True, first_name="Figures", last_name="Reader")
    role = Role.objects.create(code="figures", name="Figures", permissions=["reports"])
    Grant.objects.create(user=user, website=view.website, role=role)

    page = page_of(client_of(user))

    assert tiles(page)["Sent"] == "1"
    assert "Emma Clarke" not in page
    assert "/staff/invitations/" not in page
    assert "guestlist_mail_message" not in page


def test_number_of_queries_stays_with_many_rows_and_websites(owner, view, now) -> None:
    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            page_of(owner)
        return len(queries)

    make.sent_invitation(make.customer(view), now=now)
    few = asked()
    for _number in range(20):
        make.sent_invitation(make.customer(view), now=now)
    for _number in range(5):
        make.store_view()

    assert asked() == few


def test_page_speaks_dutch_and_explains_each_figure(owner, view) -> None:
    assert tiles(page_of(owner, language="nl"))["Eerste bestellingen"] == "0"
    page = page_of(owner)
    explained = ", ".join(re.findall(r"<dt>([^<]*)</dt>", page)).split(", ")
    assert set(tiles(page)) <= set(explained)
