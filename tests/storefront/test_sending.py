"""Inviting friends: form, preview, sending."""

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from guestlist.invitations.lifecycle import Status
from guestlist.invitations.models import Invitation
from guestlist.mail.models import Message
from tests import make

SEND = "/account/invitations/send/"


def fields(page: str) -> list[str]:
    return re.findall(r'name="emails" id="email-\d+" value="([^"]*)"', page)


def hidden(page: str, name: str) -> list[str]:
    return re.findall(rf'<input type="hidden" name="{name}" value="([^"]*)">', page)


def preview(client, *emails, **values):
    return client.post(SEND, {"emails": emails, "message": "", **values})


def confirm(client, page, **values):
    once, message = hidden(page, "once")[0], hidden(page, "message")[0]
    emails = hidden(page, "emails")
    return client.post(
        SEND, {"emails": emails, "message": message, "once": once, "do": "send", **values}, follow=True
    )


def test_form_has_one_field_and_tells_the_maximum_when_opened(inviter) -> None:
    page = inviter.get(SEND).content.decode()

    assert fields(page) == [""]
    assert "Up to 5 at a time." in page
    assert 'name="message"' in page
    assert "Up to 1000 characters, no web addresses." in page


def test_maximum_is_told_when_messages_are_not_allowed(inviter) -> None:
    make.configure("custom_message", False)
    make.configure("max_at_once", 1)

    page = inviter.get(SEND).content.decode()

    assert "One at a time." in page
    assert 'name="message"' not in page


def test_form_grows_and_shrinks_when_there_is_no_javascript(inviter) -> None:
    typed = {"emails": ["ann@example.org", "bob@example.org"], "message": "Hi"}

    more = inviter.post(SEND, {**typed, "add": "1"}).content.decode()
    less = inviter.post(SEND, {**typed, "remove": "0"}).content.decode()

    assert fields(more) == ["ann@example.org", "bob@example.org", ""]
    assert fields(less) == ["bob@example.org"]
    assert all("Hi</textarea>" in page for page in (more, less))


@pytest.mark.parametrize("at", ["", "-1", "x", "٣", "99999999999999999999", "7"])
def test_form_is_kept_when_a_button_names_no_field(at, inviter) -> None:
    page = inviter.post(SEND, {"emails": ["ann@example.org"], "remove": at}).content.decode()

    assert fields(page) == ["ann@example.org"]


def test_pasted_list_becomes_fields_when_posted_in_one(inviter) -> None:
    pasted = "ann@example.org, Bob <bob@example.org>; carl@example.org"

    page = inviter.post(SEND, {"emails": [pasted], "add": "1"}).content.decode()

    assert fields(page) == ["ann@example.org", "bob@example.org", "carl@example.org", ""]


def test_preview_shows_the_whole_mail_and_sends_nothing_when_all_is_fine(emma, inviter) -> None:
    answer = preview(inviter, "ann@example.org", "bob@example.org", message="Come along <b>soon</b>")
    page = answer.content.decode()
    (frame,) = re.findall(r'<iframe src="([^"]*)"', page)
    mail = inviter.get(frame)

    assert answer.status_code == 200
    assert Invitation.objects.count() == Message.objects.count() == 0
    assert "Send 2 invitations" in page
    assert "Emma Clarke" in page
    assert "Come along &lt;b&gt;soon&lt;/b&gt;" in mail.content.decode()
    assert "http://testserver/invitation/preview/" in mail.content.decode()
    assert mail["X-Frame-Options"] == "SAMEORIGIN"
    assert "frame-ancestors 'self'" in mail["Content-Security-Policy"]
    assert "script-src" not in mail["Content-Security-Policy"]


def test_frame_is_empty_when_nobody_previewed_that(inviter) -> None:
    assert inviter.get(SEND + "mail/nothing/").status_code == 404


def test_invitations_are_queued_when_the_preview_is_confirmed(emma, inviter) -> None:
    page = preview(inviter, "ann@example.org", "bob@example.org", message="Hi").content.decode()

    said = confirm(inviter, page).content.decode()

    assert "2 invitations are on their way." in said
    assert Message.objects.count() == 2
    assert {one.note.message for one in Invitation.objects.filter(inviter=emma)} == {"Hi"}


def test_nothing_is_sent_twice_when_the_button_is_pressed_twice(inviter) -> None:
    page = preview(inviter, "ann@example.org").content.decode()
    confirm(inviter, page)

    said = confirm(inviter, page).content.decode()

    assert "1 invitation is on its way." in said
    assert Invitation.objects.count() == 1


def test_preview_goes_back_to_the_form_when_something_is_to_change(inviter) -> None:
    page = preview(inviter, "ann@example.org", message="Hi").content.decode()

    again = confirm(inviter, page, do="edit").content.decode()

    assert fields(again) == ["ann@example.org"]
    assert "Hi</textarea>" in again
    assert Invitation.objects.count() == 0


def test_failed_addresses_stay_in_the_form_when_others_were_sent(emma, inviter, now) -> None:
    make.invitation(emma, address="old@example.org", now=now)
    once = {"once": "abc", "do": "send"}

    page = preview(inviter, "new@example.org", "old@example.org", "nonsense", **once).content.decode()

    assert "1 invitation is on its way." in page
    assert "new@example.org" in page
    assert fields(page) == ["old@example.org", "nonsense"]
    assert "You have already invited this person." in page
    assert "What you typed is still here." in page
    assert 'id="email-1"' in page
    assert re.search(r'id="email-1" [^>]*autofocus', page)


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("", "at least one friend"),
        ("   ", "at least one friend"),
        ("ann", "is not a mail address"),
        ("ann@", "is not a mail address"),
        ("@example.org", "is not a mail address"),
        ("ann@localhost", "is not a mail address"),
        ("ann@@example.org", "is not a mail address"),
        ("ann@exa mple.org", "is not a mail address"),
        ("ann@-example.org", "is not a mail address"),
        ("ann@example.org\x00", "is not a mail address"),
        ("ann\r\nbcc:x@example.org", "is not a mail address"),
        ("a" * 65 + "@example.org", "too long"),
        ("ann@" + "a." * 130 + "org", "too long"),
        ("emma@example.com", "That is you."),
        ("EMMA@Example.com", "That is you."),
    ],
)
def test_address_is_refused_with_a_sentence_when_it_is_unusable(address, sentence, inviter) -> None:
    answer = preview(inviter, address)
    page = answer.content.decode()

    assert answer.status_code == 422
    assert sentence in page
    assert 'aria-invalid="true"' in page
    assert Invitation.objects.count() == 0


@pytest.mark.parametrize(
    "address", ["jürgen@example.org", "ann@münchen.example", "ann@xn--mnchen-3ya.example", "用户@例子.公司"]
)
def test_address_is_taken_when_it_is_not_ascii(address, inviter) -> None:
    assert "This is the mail" in preview(inviter, address).content.decode()


def test_preview_shows_who_is_left_out_and_keeps_them_when_only_some_can_be_invited(emma, inviter) -> None:
    page = preview(inviter, "ann@@example.org", "bob@example.org", "cas@example.org").content.decode()

    assert "One address will not get it. It stays in the form:" in page
    assert "<dd>bob@example.org, cas@example.org</dd>" in page
    assert "Send 2 invitations" in page
    assert hidden(page, "emails") == ["ann@@example.org", "bob@example.org", "cas@example.org"]
    back = inviter.post(SEND, {"emails": hidden(page, "emails"), "do": "edit"})
    assert back.status_code == 422
    assert fields(back.content.decode()) == ["ann@@example.org", "bob@example.org", "cas@example.org"]


def test_same_address_is_refused_when_spelled_differently_twice(inviter) -> None:
    page = preview(inviter, "ann@münchen.example", "ANN@xn--mnchen-3ya.example").content.decode()

    assert "You entered this address twice." in page
    assert "Send the invitation" in page


def test_nothing_is_sent_and_nothing_lost_when_there_are_too_many(inviter) -> None:
    typed = [f"friend{number}@example.org" for number in range(6)]

    answer = preview(inviter, *typed, message="Hi", do="send")
    page = answer.content.decode()

    assert answer.status_code == 422
    assert "at most 5 can be invited at one time" in page
    assert fields(page) == typed
    assert "Hi</textarea>" in page
    assert Invitation.objects.count() == 0


def test_nothing_is_lost_when_there_are_thousands(inviter) -> None:
    typed = [f"friend{number}@example.org" for number in range(3000)]

    page = preview(inviter, ",".join(typed)).content.decode()

    assert ", ".join(fields(page)).split(", ") == typed


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        ("See https://example.org", "looks like a web address"),
        ("See leuk.Is now", "looks like a web address"),
        ("See exаmple。com", "looks like a web address"),
        ("a" * 1001, "at most 1000 fit"),
        ("a" * 65_536, "at most 1000 fit"),
        ("Hello\x00you", "cannot be shown"),
        ("Hello\u202eyou", "cannot be shown"),
    ],
)
def test_message_is_refused_with_a_sentence_and_kept_when_it_is_unusable(message, sentence, inviter) -> None:
    answer = preview(inviter, "ann@example.org", message=message)
    page = answer.content.decode()

    assert answer.status_code == 422
    assert sentence in page
    assert message[:40].split("\x00")[0] in page
    assert 'id="message-error"' in page


def test_message_may_have_links_when_the_shop_allows_them(inviter) -> None:
    make.configure("links_in_message", "allow")

    assert "This is the mail" in preview(inviter, "ann@example.org", message="example.org").content.decode()


def test_message_is_refused_when_the_shop_takes_none(inviter) -> None:
    make.configure("custom_message", False)

    page = preview(inviter, "ann@example.org", message="Hi").content.decode()

    assert "You cannot add a message of your own here." in page


def test_customer_is_asked_once_when_an_address_looks_mistyped(inviter) -> None:
    page = preview(inviter, "ann@gmial.com").content.decode()
    assert "Did you mean ann@gmail.com?" in page

    taken = inviter.post(SEND, {"emails": ["ann@gmial.com"], "use": "0"}).content.decode()
    assert fields(taken) == ["ann@gmail.com"]

    insisted = preview(inviter, "ann@gmial.com", confirmed=hidden(page, "confirmed")).content.decode()
    assert "This is the mail" in insisted


def test_occasion_is_offered_only_when_one_is_open(emma, view, inviter, now) -> None:
    assert 'name="occasion"' not in inviter.get(SEND).content.decode()
    preview_ = make.occasion(view.website, title="Autumn preview")
    make.occasion(view.website, title="Long over", closes_at=make.NOW)
    make.occasion(make.website(), title="Elsewhere")

    page = inviter.get(SEND).content.decode()
    shown = preview(inviter, "ann@example.org", occasion=str(preview_.public_id)).content.decode()
    confirm(inviter, shown, occasion=hidden(shown, "occasion")[0])

    assert "Autumn preview" in page
    assert "Long over" not in page
    assert "Elsewhere" not in page
    assert Invitation.objects.get().occasion == preview_


@pytest.mark.parametrize("value", ["nonsense", "018f0000-0000-7000-8000-000000000000"])
@pytest.mark.parametrize("do", ["preview", "send"])
def test_occasion_is_refused_when_it_cannot_be_chosen(value, do, view, inviter) -> None:
    make.occasion(view.website)

    page = preview(inviter, "ann@example.org", occasion=value, do=do).content.decode()

    assert "This is over, or cannot be chosen." in page
    assert Invitation.objects.count() == 0


def test_form_is_kept_and_nothing_sent_when_the_token_is_too_old(emma, client_of) -> None:
    browser = client_of(emma, enforce_csrf_checks=True)

    answer = preview(browser, "ann@example.org", message="Hi", do="send")
    page = answer.content.decode()

    assert answer.status_code == 403
    assert "This form was open for too long, so nothing was done yet." in page
    assert fields(page) == ["ann@example.org"]
    assert "Hi</textarea>" in page
    assert Invitation.objects.count() == 0


def test_fields_are_escaped_when_they_contain_markup(inviter) -> None:
    page = preview(
        inviter, '"><script>alert(1)</script>@example.org', message="</textarea><script>"
    ).content.decode()

    assert "<script>alert" not in page
    assert "</textarea><script>" not in page


def test_existing_customer_is_answered_as_configured(view, inviter) -> None:
    make.customer(view, email="known@example.org")

    said = preview(inviter, "known@example.org").content.decode()
    make.configure("existing_account", "sign_in")
    silent = preview(inviter, "known@example.org").content.decode()

    assert "already a customer" in said
    assert "This is the mail" in silent


def test_preview_asks_the_same_number_of_queries_when_there_are_more_addresses(inviter) -> None:
    make.configure("max_at_once", 50)
    preview(inviter, "warm@example.org")
    with CaptureQueriesContext(connection) as one:
        preview(inviter, "ann@example.org")
    with CaptureQueriesContext(connection) as fifty:
        preview(inviter, *[f"friend{number}@example.org" for number in range(50)])

    assert len(one) == len(fifty)


def test_stranger_is_led_to_sign_in_when_posting(view) -> None:
    answer = Client().post(SEND, {"emails": ["ann@example.org"]})

    assert answer.status_code == 302
    assert "/account/login/" in answer["Location"]


def test_form_and_answers_are_dutch_when_the_view_is(view, client_of) -> None:
    dutch = make.store_view(view.website, language="nl", path="/nl")
    emma = make.customer(dutch)
    browser = client_of(emma)

    page = browser.get("/nl" + SEND).content.decode()
    wrong = browser.post("/nl" + SEND, {"emails": ["ann@gmial.com", "bob@gmail.com"]}).content.decode()

    assert '<html lang="nl">' in page
    assert "Bekijk eerst de mail" in page
    assert 'action="/nl/account/invitations/send/"' in page
    assert "Bedoel je ann@gmail.com?" in wrong
    assert timezone.get_current_timezone_name()


def test_status_is_not_sent_when_just_queued(inviter) -> None:
    confirm(inviter, preview(inviter, "ann@example.org").content.decode())

    assert Invitation.objects.get().status == Status.NOT_SENT


def test_everything_wrong_is_told_at_once(inviter) -> None:
    page = preview(inviter, "nonsense", "ann@example.org", message="See example.org").content.decode()

    assert "is not a mail address" in page
    assert "looks like a web address" in page
    assert re.search(r'id="email-1" [^>]*autofocus', page)


def test_occasion_is_chosen_already_when_a_page_of_the_shop_linked_here(view, inviter) -> None:
    event = make.occasion(view.website)

    page = inviter.get(SEND, {"occasion": str(event.public_id)}).content.decode()

    assert f'value="{event.public_id}" selected' in page


def test_stranger_is_led_to_sign_in_when_the_token_is_too_old_too(view) -> None:
    answer = preview(Client(enforce_csrf_checks=True), "ann@example.org")

    assert answer.status_code == 302
    assert "/account/login/" in answer["Location"]
