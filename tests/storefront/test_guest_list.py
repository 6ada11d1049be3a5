"""My invitations."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from guestlist.invitations import actions
from guestlist.invitations.lifecycle import Reason, Status
from guestlist.invitations.models import Delivery
from guestlist.mail.kinds import Verdict
from tests import make

LIST = "/account/invitations/"


def test_list_is_gone_when_signed_out_leads_to_sign_in(client, emma) -> None:
    answer = client.get(LIST)

    assert answer.status_code == 302
    assert answer["Location"] == "/account/login/?next=/account/invitations/"


@pytest.mark.parametrize(
    ("option", "value"), [("enabled", False), ("storefront", False), ("who_may_invite", "nobody")]
)
@pytest.mark.parametrize("page", [LIST, LIST + "send/"])
def test_pages_are_not_here_when_customers_may_not_invite(option, value, page, emma, inviter, client) -> None:
    make.configure(option, value)

    assert inviter.get(page).status_code == 404
    assert client.get(page).status_code == 404
    assert "My invitations" not in inviter.get("/account/").content.decode()


def test_pages_are_not_here_when_only_another_group_may_invite(emma, inviter) -> None:
    make.configure("who_may_invite", "groups")
    make.configure("inviting_groups", [make.group("vip").pk])

    assert inviter.get(LIST).status_code == 404


def test_list_says_what_to_do_when_it_is_empty(inviter) -> None:
    page = inviter.get(LIST).content.decode()

    assert "Nobody on your list yet" in page
    assert "/account/invitations/send/" in page


def test_list_shows_only_own_invitations(emma, view, inviter, now) -> None:
    make.invitation(emma, address="mine@example.org", now=now)
    make.invitation(make.customer(view), address="theirs@example.org", now=now)

    page = inviter.get(LIST).content.decode()

    assert "mine@" in page
    assert "theirs@" not in page


def test_list_asks_the_same_number_of_queries_when_it_grows(emma, inviter, now) -> None:
    make.configure("max_at_once", 100)
    make.invitation(emma, now=now, message="Hi")
    with CaptureQueriesContext(connection) as one:
        inviter.get(LIST)
    for _ in range(49):
        make.invitation(emma, now=now, message="Hi", occasion=None)
    with CaptureQueriesContext(connection) as fifty:
        page = inviter.get(LIST).content.decode()

    assert page.count('<li class="guest">') == 20
    assert len(one) == len(fifty)


def test_list_pages_when_there_are_many(emma, inviter, now) -> None:
    for number in range(21):
        make.invitation(emma, now=now, address=f"friend-{number:02}@example.org")

    first, second = (inviter.get(LIST, {"page": number}).content.decode() for number in (1, 2))

    assert "friend-20@" in first.replace("<wbr>", "")
    assert "friend-00@" in second.replace("<wbr>", "")
    assert "Page 1 of 2" in first


@pytest.mark.parametrize(
    ("values", "label", "sentence"),
    [
        ({"delivery": Delivery.QUEUED}, "Sent", "On its way"),
        ({"delivery": Delivery.DEFERRED}, "Sent", "Their mail server asked us to wait"),
        ({"delivery": Delivery.FAILED}, "Not sent", "Not sent – try again"),
        ({"status": Status.SENT, "delivery": Delivery.HANDED_OVER}, "Sent", "No answer yet"),
        ({"status": Status.SENT, "channel": "shared", "delivery": ""}, "Sent", "Shared by you"),
        ({"status": Status.ACCEPTED, "reason": Reason.REGISTERED}, "Accepted", "Joined on "),
        ({"status": Status.DISCARDED, "reason": Reason.INVITER}, "Canceled", "Canceled by you"),
        ({"status": Status.DISCARDED, "reason": Reason.STAFF}, "Canceled", "Canceled by the shop"),
        (
            {"status": Status.DISCARDED, "reason": Reason.BOUNCED},
            "Canceled",
            "Could not be delivered – check the address",
        ),
        ({"status": Status.DISCARDED, "reason": Reason.ALREADY_CUSTOMER}, "Canceled", "Already joined"),
        ({"status": Status.DISCARDED, "reason": Reason.JOINED_OTHERWISE}, "Canceled", "Already joined"),
        ({"status": Status.DISCARDED, "reason": Reason.DECLINED}, "Canceled", "No longer open"),
        ({"status": Status.DISCARDED, "reason": Reason.NEVER_AGAIN}, "Canceled", "No longer open"),
        ({"status": Status.DISCARDED, "reason": Reason.ERASED}, "Canceled", "No longer open"),
    ],
)
def test_row_reads_as_label_and_sentence_when_in_each_state(
    values, label, sentence, emma, inviter, now
) -> None:
    one = make.invitation(emma, now=now)
    values = {"sent_at": now, "sent_day": now.date(), "accepted_at": now, "delivery": "", **values}
    type(one).objects.filter(pk=one.pk).update(**values)

    page = inviter.get(LIST).content.decode()

    assert f'<p class="label">{label}</p>' in page
    assert f'<p class="says">{sentence}' in page


@pytest.mark.requirement("trust-15")
def test_row_does_not_tell_who_has_an_account_when_privacy_is_chosen(emma, inviter, now) -> None:
    make.configure("existing_account", "sign_in")
    one = make.invitation(emma, now=now)
    type(one).objects.filter(pk=one.pk).update(status=Status.DISCARDED, reason=Reason.ALREADY_CUSTOMER)

    page = inviter.get(LIST).content.decode()

    assert "Already joined" not in page
    assert "No longer open" in page


def test_row_reads_as_expired_when_its_time_is_over(emma, inviter) -> None:
    make.sent_invitation(emma, now=make.NOW)

    page = inviter.get(LIST).content.decode()

    assert '<p class="label">Expired</p>' in page
    assert "Copy the link" not in page


def test_counts_are_told_by_status(emma, inviter, now) -> None:
    make.invitation(emma, now=now)
    make.sent_invitation(emma, now=make.NOW)
    actions.cancel(invitation=make.invitation(emma, now=now), inviter=emma, now=now)

    page = inviter.get(LIST).content.decode()

    for figure in ("waiting for an answer</dt><dd>1", "expired</dt><dd>1", "canceled</dt><dd>1"):
        assert figure in page
    assert "joined</dt>" not in page


def _press(client, one, name):
    return client.post(f"{LIST}{one.public_id}/{name}/", follow=True)


def test_cancel_and_undo_when_nothing_left(emma, inviter, now) -> None:
    one = make.invitation(emma, now=now, address="ann@example.org")

    page = _press(inviter, one, "cancel").content.decode()
    one.refresh_from_db()
    assert one.status == Status.DISCARDED
    assert "The invitation for ann@example.org is canceled." in page
    assert "Undo" in page

    page = _press(inviter, one, "undo").content.decode()
    one.refresh_from_db()
    assert (one.status, one.delivery) == (Status.NOT_SENT, Delivery.QUEUED)
    assert "counts again" in page


def test_try_again_when_a_mail_never_left(emma, inviter, now) -> None:
    one = make.invitation(emma, now=now)
    make.fare(one, Verdict.FAILED, code="x", now=now)

    page = _press(inviter, one, "try_again").content.decode()

    one.refresh_from_db()
    assert one.delivery == Delivery.QUEUED
    assert "is on its way" in page


def test_resend_is_offered_only_as_often_as_configured(emma, inviter, now) -> None:
    one = make.sent_invitation(emma, now=now)
    assert "Send again" not in inviter.get(LIST).content.decode()
    make.configure("customer_resends", 1)
    assert "Send again" in inviter.get(LIST).content.decode()

    _press(inviter, one, "resend")
    make.fare(one, Verdict.ACCEPTED, now=now)

    assert "You cannot send this invitation again." in _press(inviter, one, "resend").content.decode()


def test_copied_link_is_a_shared_one_when_pressed(emma, inviter, now) -> None:
    one = make.invitation(emma, now=now)

    answer = inviter.post(f"{LIST}{one.public_id}/copy/")

    one.refresh_from_db()
    assert one.status == Status.SENT
    assert "http://testserver/invitation/" in answer.content.decode()
    assert answer["Cache-Control"] == "no-store"


def test_second_press_is_told_when_the_first_one_won(emma, inviter, now) -> None:
    one = make.invitation(emma, now=now)
    _press(inviter, one, "cancel")

    page = _press(inviter, one, "cancel").content.decode()

    assert "this is no longer possible" in page


@pytest.mark.requirement("trust-16")
@pytest.mark.parametrize("name", ["cancel", "copy", "undo", "try_again", "resend"])
def test_invitation_is_not_found_when_it_is_another_customers(name, emma, view, inviter, now) -> None:
    one = make.invitation(make.customer(view), now=now)

    assert _press(inviter, one, name).status_code == 404


def test_unknown_press_is_not_found(emma, inviter, now) -> None:
    assert _press(inviter, make.invitation(emma, now=now), "erase").status_code == 404


def test_press_changes_nothing_when_it_is_a_get(emma, inviter, now) -> None:
    one = make.invitation(emma, now=now)

    assert inviter.get(f"{LIST}{one.public_id}/cancel/").status_code == 405


def test_correct_opens_the_form_when_the_mail_bounced(emma, inviter, now) -> None:
    one = make.invitation(emma, now=now, address="ann@gmial.com", message="Come along")
    make.fare(one, Verdict.BOUNCED, code="5.1.1", now=now)

    page = inviter.get(f"{LIST}{one.public_id}/correct/").content.decode()

    assert 'value="ann@gmial.com"' in page
    assert "Did you mean ann@gmail.com?" in page
    assert "Come along" in page


def test_correct_is_not_here_when_the_mail_did_not_bounce(emma, inviter, now) -> None:
    assert inviter.get(f"{LIST}{make.invitation(emma, now=now).public_id}/correct/").status_code == 404
