"""Bulk sends in the staff site: how they begin, what their pages show, who may press what."""

import datetime
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from guestlist.invitations import actions as invitations
from guestlist.invitations.models import Invitation
from guestlist.mail import workers
from guestlist.mail.config import Delivery
from guestlist.mail.counting import Ledger
from guestlist.mail.models import Measure, Message, Send, SenderIdentity, SendOrigin, Trouble
from guestlist.mail.workers import Fault
from guestlist.stores import actions as stores
from guestlist.stores import config
from guestlist.stores.actors import SYSTEM
from tests import make
from tests.mail.outbox import Basket, Clock, Friends, worker

_SWITCHES = ("pause", "resume", "release")
MANY = invitations.SINGLE_UP_TO + 1


def words(answer) -> str:
    return str(answer.content.decode())


def always(place=None) -> None:
    """Let bulk mail leave all day, so that a test does not depend on when it runs."""
    for name, value in (("send_from", 0), ("send_until", 24)):
        stores.override(
            section=Delivery, name=name, value=value, place=config.at(place), actor=SYSTEM, now=make.NOW
        )


@pytest.fixture(autouse=True)
def _all_day(db) -> None:
    always()


def opened(view, *, now: datetime.datetime, counts: dict[str, int] | None = None, **changes) -> Send:
    sender = SenderIdentity.objects.filter(website=view.website).first()
    assert sender is not None
    fields = {"origin": SendOrigin.STAFF, "created_at": now, "ready_at": now} | changes
    send = Send.objects.create(website=view.website, store_view=view, sender=sender, **fields)
    ledger = Ledger()
    for measure, amount in (counts or {}).items():
        ledger.add(sender_id=sender.pk, send_id=send.pk, measure=Measure(measure), amount=amount)
    ledger.write(now=now - datetime.timedelta(hours=1))
    return send


@pytest.fixture
def send(view, now) -> Send:
    return opened(view, now=now, counts={"queued": 1500, "handed_over": 480, "bounced": 20})


def add(client, view, count: int, **changes):
    data = {
        "addresses": "\n".join(f"friend{number}@example.com" for number in range(count)),
        "message": "",
        "store_view": view.pk,
        "group": "configured",
        "occasion": "",
        "when": "now",
        "basis": "consent",
        "do": "invite",
    }
    return client.post("/staff/invitations/add/", data | changes, follow=True)


# --- How a send begins --------------------------------------------------------------------------------------------------


def test_many_added_at_once_are_a_send_and_its_page_comes_next(owner, view) -> None:
    answer = add(owner, view, MANY)

    made = Send.objects.get()
    assert answer.redirect_chain[-1][0] == f"/staff/sends/{made.pk}/"
    assert "21 queued." in words(answer)
    assert Message.objects.filter(send=made).count() == MANY
    assert (made.origin, made.store_view, made.website) == ("staff", view, view.website)
    assert made.created_by is not None
    assert made.created_by.email == "owner@example.com"
    assert made.sender == Message.objects.filter(send=made)[0].sender
    assert made.ready_at is not None
    assert made.not_after == made.ready_at + datetime.timedelta(hours=24)
    assert "0 of 21 done" in words(answer)


def test_handful_leaves_one_by_one(owner, view) -> None:
    answer = add(owner, view, invitations.SINGLE_UP_TO)

    assert answer.redirect_chain[-1][0] == "/staff/invitations/"
    assert Message.objects.filter(send=None).count() == invitations.SINGLE_UP_TO
    assert not Send.objects.exists()


def test_no_send_is_made_when_nothing_is_queued(owner, view) -> None:
    add(owner, view, MANY, when="keep")
    add(owner, view, MANY)
    add(owner, view, MANY, addresses="nope\n" * MANY)

    assert not Send.objects.exists()
    assert not Message.objects.exists()


def test_refused_ones_stay_in_the_form_beside_the_link_to_the_send(owner, view) -> None:
    make.customer(view, email="friend3@example.com")

    page = words(add(owner, view, MANY + 1))

    assert f'href="/staff/sends/{Send.objects.get().pk}/"' in page
    assert "21 queued, 1 not sent: already a customer." in page


def test_scheduled_send_waits_for_its_time_and_is_late_a_day_after(owner, view, now) -> None:
    day = (now + datetime.timedelta(days=3)).date()

    page = words(add(owner, view, MANY, when="later", at=f"{day}T09:30"))

    made = Send.objects.get()
    assert made.ready_at is not None
    assert made.ready_at > now + datetime.timedelta(days=2)
    assert made.not_after == made.ready_at + datetime.timedelta(hours=24)
    assert "Scheduled" in page
    assert "Leaves on" in page


def test_hours_are_told_where_there_are_any(owner, view) -> None:
    page = words(owner.get("/staff/invitations/add/"))
    assert "More than 20 at once leave as a send" in page
    assert "It leaves between" not in page

    for name, value in (("send_from", 9), ("send_until", 17)):
        stores.override(
            section=Delivery, name=name, value=value, place=config.at(view), actor=SYSTEM, now=make.NOW
        )
    assert "It leaves between 9:00 and 17:00" in words(owner.get("/staff/invitations/add/"))
    page = words(add(owner, view, MANY, do="preview"))
    assert "These 21 leave as a send" in page
    assert "It leaves between 9:00 and 17:00" in page


def kept(view, count: int) -> list[int]:
    return [make.staff_invitation(view, keep=True).pk for _ in range(count)]


def select(client, ids, **more):
    data = {"action": "send", "id": ",".join(map(str, ids))} | more
    return client.post("/staff/invitations/selected/", data, follow=True)


def test_many_selected_are_a_send_for_each_store_view(owner, view, other_view) -> None:
    ids = kept(view, MANY - 2) + kept(other_view, 2)

    asked = words(select(owner, ids))
    assert "These 21 leave as a send" in asked
    page = words(select(owner, ids, confirmed="1"))

    assert "21 of 21 invitations on their way" in page
    made = {one.store_view: one for one in Send.objects.all()}
    assert made.keys() == {view, other_view}
    for one, count in ((made[view], MANY - 2), (made[other_view], 2)):
        assert f'href="/staff/sends/{one.pk}/"' in page
        assert one.origin == "selected"
        assert Message.objects.filter(send=one).count() == count


def test_few_selected_and_a_single_resend_are_no_send(owner, view) -> None:
    few = kept(view, 3)
    assert "leave as a send" not in words(select(owner, few))
    select(owner, few, confirmed="1")
    (one,) = kept(view, 1)
    owner.post(f"/staff/invitations/{one}/resend/")

    assert Message.objects.filter(send=None).count() == 4
    assert not Send.objects.exists()


def test_sending_many_takes_as_many_queries_for_fifty_as_for_thirty(view) -> None:
    actor, options = make.actor(), make.options()

    def queries(count: int) -> int:
        ids = kept(view, count)
        with CaptureQueriesContext(connection) as captured:
            sent = invitations.send_many(
                ids=ids,
                actor=actor,
                configs={view.pk: options},
                deliveries={view.pk: Delivery()},
                now=make.NOW,
            )
        assert (sent.done, len(sent.sends)) == (count, 1)
        return len(captured)

    assert queries(30) == queries(50)


# --- The pages ----------------------------------------------------------------------------------------------------------


def test_list_says_what_to_expect_when_there_are_none(owner, view) -> None:
    assert "No sends yet" in words(owner.get("/staff/sends/"))


def test_list_shows_how_each_stands(owner, view, send, now) -> None:
    opened(view, now=now, paused_at=now, counts={"queued": 5})
    opened(view, now=now, stopped_at=now, counts={"queued": 7, "withdrawn": 1})
    opened(view, now=now, finished_at=now, counts={"handed_over": 30})

    page = words(owner.get("/staff/sends/"))

    for said in (
        "Being sent",
        "Paused",
        "Being stopped",
        "Finished",
        "500 of 2,000 done (25 %)",
        "20 bounced",
    ):
        assert said in page
    assert "7 are being withdrawn" in page
    assert 'data-every="2"' in page


def test_list_goes_page_by_page(owner, view, now) -> None:
    made = [opened(view, now=now).pk for _ in range(27)]

    first = words(owner.get("/staff/sends/"))
    following = re.search(r'rel="next" href="([^"]+)"', first)
    assert following is not None
    second = words(owner.get(f"/staff/sends/{following[1]}"))

    def ids(page: str) -> list[int]:
        return [int(one) for one in re.findall(r'data-part="status-(\d+)"', page)]

    assert ids(first) + ids(second) == made[::-1]
    assert 'rel="prev"' in second


def test_page_shows_every_measure_and_leads_to_its_rows(owner, view) -> None:
    add(owner, view, MANY)
    made = Send.objects.get()

    page = words(owner.get(f"/staff/sends/{made.pk}/"))
    address = re.search(r'id="count-queued" href="([^"]+)"', page)
    assert address is not None
    rows = words(owner.get(address[1].replace("&amp;", "&")))
    assert "21" in rows
    assert len(re.findall(r'name="_selected_action"|class="field-shown_state', rows)) >= MANY

    for label in ("Handed over", "Queued", "To try again", "In doubt", "Bounced", "Failed", "Withdrawn"):
        assert label in page
    assert "<progress" in page
    assert 'aria-label="Send' in page


def test_rows_behind_each_count_are_as_many_as_it_says(owner, view) -> None:
    add(owner, view, MANY)
    made = Send.objects.get()
    messages = list(Message.objects.filter(send=made).order_by("pk"))
    ledger = Ledger()
    for one, (state, tries, measure) in zip(
        messages,
        [("sent", 1, "handed_over"), ("bounced", 1, "bounced"), ("failed", 2, "failed"), ("ready", 1, "deferred"),
         ("leased", 0, "queued"), ("held", 1, "held"), ("withdrawn", 0, "withdrawn")],
        strict=False,
    ):  # fmt: skip
        Message.objects.filter(pk=one.pk).update(state=state, tries=tries)
        ledger.moved(sender_id=one.sender_id, send_id=made.pk, origin=Measure.QUEUED, target=Measure(measure))
    ledger.write(now=make.NOW)

    page = words(owner.get(f"/staff/sends/{made.pk}/?part=1"))

    links = re.findall(r'id="count-(\w+)" href="([^"]+)"><strong>([\d,]+)</strong>', page)
    assert len(links) == 7
    for measure, address, count in links:
        found = words(owner.get(address.replace("&amp;", "&")))
        assert len(set(re.findall(r"/staff/guestlist_mail/message/(\d+)/change/", found))) == int(count), (
            measure
        )


def test_invitations_of_a_send_are_found_in_the_grid(owner, view) -> None:
    add(owner, view, MANY)
    other = make.staff_invitation(view)

    page = words(owner.get(f"/staff/invitations/?send={Send.objects.get().pk}"))

    assert "21 invitations" in page
    assert f'value="{other.pk}"' not in page
    assert "Send (ID)" in page


def test_invitation_leads_to_its_send(owner, view) -> None:
    add(owner, view, MANY)

    page = words(owner.get(f"/staff/invitations/{Invitation.objects.all()[0].pk}/"))

    assert f'href="/staff/sends/{Send.objects.get().pk}/"' in page


def test_part_is_only_what_changes(owner, send) -> None:
    part = words(owner.get(f"/staff/sends/{send.pk}/?part=1"))

    assert "<html" not in part
    assert 'data-every="2"' in part
    assert 'data-said="Being sent, 20 %"' in part
    assert "csrfmiddlewaretoken" not in part
    listed = words(owner.get(f"/staff/sends/?part=1&ids={send.pk},99,x,{'9' * 5000}"))
    assert "<html" not in listed
    assert f"status-{send.pk}" in listed
    assert "status-" not in words(owner.get("/staff/sends/?part=1"))
    assert "<html" not in words(owner.get(f"/staff/sends/{send.pk}/stop/?part=1"))


def test_page_is_no_longer_looked_at_again_when_the_send_is_over(owner, view, now) -> None:
    over = opened(view, now=now, finished_at=now, counts={"handed_over": 3})

    page = words(owner.get(f"/staff/sends/{over.pk}/"))

    assert "data-every" not in page
    assert "Pause" not in page
    assert f"/staff/sends/{over.pk}/stop/" not in page


def test_queries_are_as_many_for_fifty_sends_as_for_one(owner, view, other_view, now) -> None:
    def count(address: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert owner.get(address).status_code == 200
        return len(captured)

    first = opened(view, now=now, counts={"queued": 3})
    ids = ",".join(str(first.pk + number) for number in range(25))
    pages = ("/staff/sends/", f"/staff/sends/?part=1&ids={ids}", "/staff/")
    owner.get("/staff/sends/")
    one = [count(address) for address in pages]
    for number in range(49):
        opened(view if number % 2 else other_view, now=now, counts={"queued": 3, "handed_over": 2})
    assert [count(address) for address in pages] == one


def test_page_says_what_keeps_a_send_from_leaving(owner, view, send, now) -> None:
    address = f"/staff/sends/{send.pk}/"
    Send.objects.update(held_at=now, held_reason="late")
    page = words(owner.get(address))
    assert "now it may be too late" in page
    assert "Send after all" in page

    Send.objects.update(held_at=None)
    SenderIdentity.objects.update(held_at=now, held_reason="bounces 31/500")
    page = words(owner.get(address))
    assert "is held." in page
    assert "31 of 500 mails bounced within a day." in page
    assert f"/staff/senders/{send.sender_id}/release/" in page

    SenderIdentity.objects.update(held_at=None, stopped_at=now, stopped_reason="5.7.1 not from you")
    page = words(owner.get(address))
    assert "the mail server refuses us" in page
    assert "5.7.1 not from you" in page


def test_pages_say_which_limit_a_send_waits_for(owner, view) -> None:
    SenderIdentity.objects.update(per_day=10)
    add(owner, view, MANY)
    made = Send.objects.get()
    worker(Friends("invitation"), Basket(), clock=Clock(timezone.now())).run()

    for address in (f"/staff/sends/{made.pk}/", "/staff/sends/", "/staff/"):
        page = words(owner.get(address))
        assert (
            "00:00 UTC: “Linden &amp; Loom” &lt;shop@example.com&gt; has sent 10 of 10 mails today." in page
        )
        assert "Being sent" not in page
    page = words(owner.get(f"/staff/guestlist_mail/senderidentity/{made.sender_id}/change/"))
    assert "0 of 10 mails are left today (UTC)." in page


def test_pages_say_that_no_worker_runs_or_what_it_last_heard(owner, view, now) -> None:
    add(owner, view, MANY)
    Send.objects.update(
        created_at=now - datetime.timedelta(hours=1), ready_at=now - datetime.timedelta(hours=1)
    )
    pages = (f"/staff/sends/{Send.objects.get().pk}/", "/staff/sends/", "/staff/")
    for address in pages:
        assert "No worker has been seen yet" in words(owner.get(address))

    fault = Fault(Trouble.UNREACHABLE, now, "ConnectionRefusedError: refused")
    workers.seen(name="one", fault=fault, now=timezone.now())
    for address in pages:
        assert "ConnectionRefusedError: refused" in words(owner.get(address))

    workers.seen(name="one", fault=None, now=timezone.now())
    for address in pages:
        page = words(owner.get(address))
        assert "No worker" not in page
        assert "ConnectionRefusedError" not in page


def test_stopped_send_is_told_by_what_it_came_to(owner, view, now) -> None:
    counts = {"handed_over": 876, "withdrawn": 1_124}
    over = opened(view, now=now, stopped_at=now, finished_at=now, counts=counts)

    page = words(owner.get(f"/staff/sends/{over.pk}/"))

    assert "876 handed over · 1,124 withdrawn" in page
    assert "100 %" not in page
    assert 'value="876"' in page
    assert 'data-said="Stopped"' in page


def test_pages_read_as_dutch_when_the_browser_does(owner, send) -> None:
    page = words(owner.get(f"/staff/sends/{send.pk}/", headers={"accept-language": "nl"}))

    assert '<html lang="nl"' in page
    assert "500 van 2.000" in page or "500 of 2.000" in page


# --- Who may press what -------------------------------------------------------------------------------------------------


@pytest.mark.requirement("trust-13")
def test_switches_do_what_they_say(marketing, send) -> None:
    def press(verb: str) -> str:
        return words(marketing.post(f"/staff/sends/{send.pk}/{verb}/", follow=True))

    assert "The send is paused." in press("pause")
    assert "The send is paused." in press("pause")
    assert "1,500 wait until you resume" in words(marketing.get(f"/staff/sends/{send.pk}/"))
    assert "The send goes on." in press("resume")

    asked = words(marketing.get(f"/staff/sends/{send.pk}/stop/"))
    assert "1,500 of 2,000 mails have not left and are withdrawn; 480 were handed over" in asked
    assert "The send is stopped: nothing more of it leaves" in press("stop")
    assert "The send is stopped: nothing more of it leaves" in press("stop")
    assert "This send is over already" in press("resume")
    assert "1,500 are being withdrawn" in words(marketing.get(f"/staff/sends/{send.pk}/"))


def test_held_send_is_sent_after_all(marketing, send, now) -> None:
    Send.objects.update(held_at=now, held_reason="late")

    page = words(marketing.post(f"/staff/sends/{send.pk}/release/", follow=True))

    assert "leaves after all" in page
    send.refresh_from_db()
    assert (send.held_at, send.not_after) == (None, None)


def test_nothing_is_switched_by_looking(owner, send) -> None:
    for verb in _SWITCHES:
        assert owner.get(f"/staff/sends/{send.pk}/{verb}/").status_code == 405
    owner.get(f"/staff/sends/{send.pk}/stop/")

    send.refresh_from_db()
    assert (send.paused_at, send.stopped_at) == (None, None)


@pytest.mark.requirement("trust-16")
def test_foreign_sends_are_not_there(marketing, other_view, now) -> None:
    foreign = opened(other_view, now=now, counts={"queued": 3})

    for address in ("/staff/sends/", f"/staff/sends/?part=1&ids={foreign.pk}"):
        assert f"/staff/sends/{foreign.pk}/" not in words(marketing.get(address))
    assert f"/staff/sends/{foreign.pk}/" not in words(marketing.get("/staff/"))
    assert marketing.get(f"/staff/sends/{foreign.pk}/").status_code == 404
    for verb in (*_SWITCHES, "stop"):
        assert marketing.post(f"/staff/sends/{foreign.pk}/{verb}/").status_code == 404


@pytest.mark.requirement("trust-16")
def test_who_may_not_send_sees_sends_without_buttons(support, send) -> None:
    page = words(support.get(f"/staff/sends/{send.pk}/"))
    assert "Being sent" in page
    assert "/pause/" not in page

    for verb in (*_SWITCHES, "stop"):
        assert support.post(f"/staff/sends/{send.pk}/{verb}/").status_code == 403
    send.refresh_from_db()
    assert (send.paused_at, send.stopped_at) == (None, None)


# --- Home, and senders that are held ------------------------------------------------------------------------------------


def test_home_shows_what_is_under_way_and_what_waits_for_somebody_first(owner, view, now) -> None:
    held = opened(view, now=now, held_at=now, counts={"queued": 4})
    for _ in range(6):
        opened(view, now=now, counts={"queued": 4})
    over = opened(view, now=now, finished_at=now, counts={"handed_over": 4})

    page = words(owner.get("/staff/"))

    assert "Sends under way" in page
    assert page.index(f"/staff/sends/{held.pk}/") < page.index("Being sent")
    assert f"/staff/sends/{over.pk}/" not in page


def test_home_says_nothing_of_sends_when_there_are_none(owner, view) -> None:
    assert "Sends under way" not in words(owner.get("/staff/"))


@pytest.mark.requirement("trust-30")
def test_held_sender_is_released_after_a_question(marketing, view, now) -> None:
    SenderIdentity.objects.update(held_at=now, held_reason="complaints 3/900")
    identity = SenderIdentity.objects.get()
    address = f"/staff/senders/{identity.pk}/release/"

    assert f'href="{address}"' in words(marketing.get("/staff/"))
    asked = words(marketing.get(address))
    assert "3 of 900 mails were called spam within a day." in asked
    assert SenderIdentity.objects.exclude(held_at=None).exists()

    page = words(marketing.post(address, follow=True))

    assert "The sender is released" in page
    identity.refresh_from_db()
    assert identity.held_at is None
    assert identity.counted_from is not None
    assert "nothing to release" in words(marketing.get(address))


@pytest.mark.requirement("trust-16")
def test_foreign_and_forbidden_senders_are_not_released(marketing, support, view, other_view, now) -> None:
    SenderIdentity.objects.update(held_at=now)
    foreign = SenderIdentity.objects.get(website=other_view.website)
    mine = SenderIdentity.objects.get(website=view.website)

    assert marketing.post(f"/staff/senders/{foreign.pk}/release/").status_code == 404
    assert support.post(f"/staff/senders/{mine.pk}/release/").status_code == 404
    assert "Release</a>" not in words(support.get("/staff/"))
    assert SenderIdentity.objects.exclude(held_at=None).count() == 2
