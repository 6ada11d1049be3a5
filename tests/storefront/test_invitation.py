"""The page behind an invitation's link, in every state and for every visitor."""

import datetime

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from guestlist.customers.models import Customer, User
from guestlist.invitations import actions, links
from guestlist.invitations.lifecycle import Reason, Status
from guestlist.invitations.models import Channel, Delivery, InvitationEvent, PendingJoin
from guestlist.mail.kinds import Verdict
from guestlist.mail.models import Message
from tests import make
from tests.mail.outbox import values_by

PAGE = "/invitation/"
FRIEND = "noor@example.org"
FORM = {"first_name": "Noor", "last_name": "Jansen", "email": FRIEND, "password": "a-fine-password-7"}


@pytest.fixture
def one(emma, now):
    return make.sent_invitation(emma, address=FRIEND, message="Come along,\nwill you?", now=now)


def opened(one, *, channel=Channel.MAIL, browser=None, prefix=""):
    """Open the invitation's link in a browser and give it back, its cookie set."""
    browser = browser or Client()
    answer = browser.get(f"{prefix}/invitation/{links.token(one, channel)}/")
    assert answer.status_code == 302, answer.content.decode()
    assert answer["Location"] == f"{prefix}{PAGE}"
    return browser


def words(answer):
    return answer.content.decode()


@pytest.mark.requirement("trust-4")
@pytest.mark.requirement("trust-5")
def test_token_leaves_the_address_when_the_link_is_opened(one) -> None:
    browser = Client()

    answer = browser.get(f"/invitation/{links.token(one, Channel.MAIL)}/")
    cookie = answer.cookies["guestlist_invitation"]
    page = browser.get(answer["Location"])

    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", "/")
    assert page.status_code == 200
    assert links.token(one, Channel.MAIL) not in words(page)
    for response in (answer, page):
        assert response["Referrer-Policy"] == "no-referrer"
        assert response["Cache-Control"] == "no-store"


@pytest.mark.requirement("trust-4")
def test_nothing_is_written_when_every_mailed_address_is_opened(one, emma, client_of) -> None:
    signed_in = client_of(make.customer(emma.store_view, email="else@example.org"))
    paths = [
        f"/invitation/{links.token(one, Channel.MAIL)}/",
        PAGE,
        PAGE + "no/",
        f"/never-again/{make.opt_out_token(one)}/",
        "/invitation/preview/",
        "/invitation/mangled/",
    ]

    for browser in (Client(), signed_in):
        for path in paths:
            for method in (browser.get, browser.head):
                with CaptureQueriesContext(connection) as asked:
                    method(path)
                assert not [
                    q["sql"] for q in asked if not q["sql"].startswith(("SELECT", "SAVEPOINT", "RELEASE"))
                ], path
    one.refresh_from_db()
    assert one.status == Status.SENT


def test_card_reads_who_to_what_and_until_when_open(one) -> None:
    page = words(opened(one).get(PAGE))

    assert '<h1 class="name">Emma Clarke</h1>' in page
    assert "invites you to <strong>Linden &amp; Loom</strong>" in page
    assert "Come along,\nwill you?" in page
    assert "Open until" in page
    assert "Emma Clarke can see that you joined, not what you buy." in page
    assert 'href="/terms/"' in page
    assert 'href="/privacy/"' in page
    assert f'value="{FRIEND}"' in page
    assert "No, thank you" in page
    assert "I don&#x27;t know this person" in page or "I don't know this person" in page


def test_card_is_the_shops_own_when_staff_invited(view, now) -> None:
    page = words(opened(make.staff_invitation(view, now=now)).get(PAGE))

    assert '<h1 class="name">Linden &amp; Loom</h1>' in page
    assert "can see that you joined" not in page
    assert "know this person" not in page


def test_card_names_the_occasion_when_there_is_one(emma, now) -> None:
    event = make.occasion(emma.website, title="Autumn preview", page="/autumn/")

    one = make.invitation(emma, address=FRIEND, occasion=event, now=now)

    assert "<strong>Autumn preview</strong> at Linden &amp; Loom" in words(opened(one).get(PAGE))


@pytest.mark.requirement("trust-7")
def test_friend_is_a_customer_and_signed_in_when_registering_through_the_mail(one, emma) -> None:
    browser = opened(one)

    answer = browser.post(PAGE + "register/", FORM)

    one.refresh_from_db()
    noor = Customer.objects.get(email=FRIEND)
    assert answer["Location"] == "/account/"
    assert (one.status, one.invitee, noor.group) == (Status.ACCEPTED, noor, emma.group)
    assert "Hello, Noor" in words(browser.get("/account/"))
    assert not browser.cookies["guestlist_invitation"].value


def test_friend_lands_on_the_occasions_page_when_it_has_one(emma, now) -> None:
    event = make.occasion(emma.website, page="/autumn/")
    one = make.invitation(emma, address=FRIEND, occasion=event, now=now)

    assert opened(one).post(PAGE + "register/", FORM)["Location"] == "/autumn/"


@pytest.mark.requirement("trust-7")
@pytest.mark.parametrize("registration", ["open", "invitation"])
def test_friend_confirms_by_mail_first_when_the_link_was_copied(registration, one, emma) -> None:
    make.configure("registration", registration)
    browser = opened(one, channel=Channel.SHARED)
    page = words(browser.get(PAGE))

    answer = browser.post(PAGE + "register/", FORM)

    one.refresh_from_db()
    assert FRIEND not in page
    assert "n…@e….org" in page
    assert answer["Location"] == "/account/confirm-email/"
    assert one.status == Status.SENT
    assert PendingJoin.objects.get().invitation == one
    assert not Customer.objects.filter(email=FRIEND).exists()

    path = confirmation_path()
    with CaptureQueriesContext(connection) as asked:
        question = browser.get(path)
    assert not [q["sql"] for q in asked if q["sql"].startswith(("INSERT", "UPDATE", "DELETE"))]
    assert FRIEND in words(question)
    done = browser.post(path, follow=True)

    one.refresh_from_db()
    assert (one.status, one.invitee) == (Status.ACCEPTED, Customer.objects.get(email=FRIEND))
    assert "Hello, Noor" in words(done)


def confirmation_path():
    from guestlist.mail.accounts import CONFIRM

    message = Message.objects.filter(kind=CONFIRM.code).latest("pk")
    return values_by(CONFIRM, message.subject_id, now=make.NOW).variables["action_path"]


def test_friend_lands_on_the_occasions_page_when_confirming_a_copied_link(emma, now) -> None:
    event = make.occasion(emma.website, page="/autumn/")
    browser = opened(make.invitation(emma, address=FRIEND, occasion=event, now=now), channel=Channel.SHARED)
    browser.post(PAGE + "register/", FORM)

    assert browser.post(confirmation_path())["Location"] == "/autumn/"


@pytest.mark.requirement("trust-7")
def test_confirming_does_not_sign_in_when_it_happens_in_another_browser(one) -> None:
    opened(one, channel=Channel.SHARED).post(PAGE + "register/", FORM)
    other = Client()

    answer = other.post(confirmation_path())

    assert answer["Location"] == "/account/login/"
    assert Customer.objects.filter(email=FRIEND).exists()
    assert "sessionid" not in other.cookies


def test_registering_is_refused_with_a_sentence_when_the_address_differs(one) -> None:
    answer = opened(one).post(PAGE + "register/", FORM | {"email": "else@example.org"})

    assert answer.status_code == 422
    assert "another e-mail address" in words(answer)
    assert not User.objects.filter(email="else@example.org").exists()


def test_other_address_confirms_by_mail_when_it_may_differ(one) -> None:
    make.configure("registration_address", "any")
    browser = opened(one)
    assert "readonly" not in words(browser.get(PAGE))

    answer = browser.post(PAGE + "register/", FORM | {"email": "else@example.org"})

    assert answer["Location"] == "/account/confirm-email/"
    assert not Customer.objects.filter(email="else@example.org").exists()


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"first_name": ""}, "Fill in your first name."),
        ({"last_name": " "}, "Fill in your last name."),
        ({"password": ""}, "Choose a password."),
        ({"password": "short"}, "too short"),
        ({"password": "password123"}, "too common"),
        ({"email": "noor"}, "is not a mail address"),
        ({"first_name": "x" * 61}, "at most 60 characters"),
        ({"first_name": "No\x00or"}, "Null characters"),
    ],
)
def test_form_is_kept_when_registering_fails(values, sentence, one) -> None:
    answer = opened(one).post(PAGE + "register/", FORM | values)
    page = words(answer)

    assert answer.status_code == 422
    assert sentence in page
    assert 'value="Jansen"' in page or "last_name" in values
    assert "a-fine-password-7" not in page
    assert 'aria-invalid="true"' in page
    assert "autofocus" in page
    assert not User.objects.filter(email=FRIEND).exists()


def test_form_is_kept_when_its_token_is_too_old(one) -> None:
    browser = opened(one, browser=Client(enforce_csrf_checks=True))

    answer = browser.post(PAGE + "register/", FORM)

    assert answer.status_code == 403
    assert "open for too long" in words(answer)
    assert 'value="Jansen"' in words(answer)
    assert not User.objects.filter(email=FRIEND).exists()


def test_second_press_is_harmless_when_registering(one) -> None:
    browser = opened(one)
    cookie = browser.cookies["guestlist_invitation"].value
    browser.post(PAGE + "register/", FORM)
    browser.cookies["guestlist_invitation"] = cookie

    answer = browser.post(PAGE + "register/", FORM)

    assert answer.status_code == 410
    assert User.objects.filter(email=FRIEND).count() == 1


@pytest.mark.requirement("trust-3")
@pytest.mark.parametrize(
    ("values", "status", "sentence"),
    [
        ({"status": Status.ACCEPTED, "reason": Reason.REGISTERED}, 410, "This invitation has been used"),
        ({"status": Status.DISCARDED, "reason": Reason.INVITER}, 410, "This invitation is no longer open"),
        ({"status": Status.DISCARDED, "reason": Reason.DECLINED}, 410, "This invitation is no longer open"),
        ({"expires_at": make.NOW}, 410, "Just too late"),
    ],
)
@pytest.mark.parametrize("registration", ["open", "invitation"])
def test_page_says_why_when_the_invitation_cannot_be_used(
    values, status, sentence, registration, one, now
) -> None:
    make.configure("registration", registration)
    type(one).objects.filter(pk=one.pk).update(**{"accepted_at": now, **values})
    browser = opened(one)

    answer = browser.get(PAGE)
    page = words(answer)
    posted = browser.post(PAGE + "register/", FORM)

    assert (answer.status_code, posted.status_code) == (status, status)
    assert sentence in page
    assert "Emma" not in page
    assert ("/account/signup/" in page) == (registration == "open")
    assert ("hello@example.com" in page.split("<footer")[0]) == (registration == "invitation")
    assert not User.objects.filter(email=FRIEND).exists()


@pytest.mark.requirement("trust-3")
def test_page_says_other_shop_when_the_link_is_another_websites(one, view) -> None:
    outlet = make.store_view(path="/outlet", name="Outlet")
    browser = opened(one, prefix="/outlet")

    answer = browser.get("/outlet" + PAGE)

    assert answer.status_code == 404
    assert "This invitation is for another shop" in words(answer)
    assert browser.post(f"/outlet{PAGE}register/", FORM).status_code == 404
    assert not Customer.objects.filter(website=outlet.website).exists()


@pytest.mark.requirement("trust-3")
@pytest.mark.parametrize(
    "token",
    ["x", "a" * 36, "%00", "..", "a%2Fb", "é", "A" * 2000, "register", "no", "'; DROP TABLE x", "preview%20"],
)
def test_page_says_not_valid_when_the_token_is_mangled(token, view) -> None:
    answer = Client().get(f"/invitation/{token}/")

    assert answer.status_code in {404, 405, 400}
    assert "Traceback" not in words(answer)


def test_page_says_not_valid_when_a_letter_of_the_token_changed(one) -> None:
    token = links.token(one, Channel.MAIL)

    for at in (0, 5, 20, 35):
        changed = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
        answer = Client().get(f"/invitation/{changed}/")
        assert answer.status_code == 404
        assert "This link is not valid" in words(answer)


@pytest.mark.parametrize("cookie", ["", "x", "a:b:c"])
def test_page_says_not_valid_when_the_cookie_is_missing_or_forged(cookie, view, one) -> None:
    browser = Client()
    browser.cookies["guestlist_invitation"] = cookie or links.token(one, Channel.MAIL)

    for answer in (browser.get(PAGE), browser.get(PAGE + "no/"), browser.post(PAGE + "register/", FORM)):
        assert answer.status_code == 404
        assert "This link is not valid" in words(answer)


def test_page_says_it_leads_nowhere_when_it_is_the_preview_link(view) -> None:
    answer = Client().get("/invitation/preview/")

    assert "This is where your friend would arrive" in words(answer)
    assert answer["X-Frame-Options"] == "SAMEORIGIN"
    assert "frame-ancestors 'self'" in answer["Content-Security-Policy"]


def test_pages_are_not_here_when_the_feature_is_off(one) -> None:
    browser = opened(one)
    make.configure("enabled", False)

    assert browser.get(PAGE).status_code == 404
    assert browser.get(f"/invitation/{links.token(one, Channel.MAIL)}/").status_code == 404
    assert browser.post(PAGE + "register/", FORM).status_code == 404


def test_fresh_mail_goes_to_the_same_address_once_a_day_when_expired(one, now) -> None:
    one.expires_at, one.sent_at = now - datetime.timedelta(hours=1), now - datetime.timedelta(days=31)
    one.save()
    browser = opened(one)
    assert "Mail me a fresh one" in words(browser.get(PAGE))

    first = words(browser.post(PAGE + "fresh/"))
    second = words(browser.post(PAGE + "fresh/"))

    one.refresh_from_db()
    assert "on its way to the same address" in first
    assert one.delivery == Delivery.QUEUED
    assert "on its way already" in second
    assert Message.objects.waiting().count() == 1


def test_sign_in_is_offered_when_the_mailed_address_has_an_account(one, view) -> None:
    make.customer(view, email=FRIEND)

    page = words(opened(one).get(PAGE))

    assert f"There is already an account for {FRIEND}" in page
    assert "/account/login/?next=%2Finvitation%2F" in page
    assert "Continue with another address" not in page


def test_other_address_is_offered_beside_sign_in_when_it_may_differ(one, view) -> None:
    make.customer(view, email=FRIEND)
    make.configure("registration_address", "any")
    browser = opened(one)

    assert "Continue with another address" in words(browser.get(PAGE))
    assert "Make your account" in words(browser.get(PAGE + "?other=1"))


@pytest.mark.requirement("trust-15")
def test_account_is_not_told_of_when_the_link_was_copied(one, view) -> None:
    browser = opened(one, channel=Channel.SHARED)
    before = words(browser.get(PAGE))
    make.customer(view, email=FRIEND)

    after = words(browser.get(PAGE))
    answer = browser.post(PAGE + "register/", FORM)

    without_tokens = [
        [line for line in page.splitlines() if "csrfmiddlewaretoken" not in line] for page in (before, after)
    ]
    assert without_tokens[0] == without_tokens[1]
    assert answer["Location"] == "/account/confirm-email/"
    assert Message.objects.latest("pk").kind == "account_exists"


def test_existing_customer_accepts_with_one_press_when_signed_in(one, view, client_of) -> None:
    noor = make.customer(view, email=FRIEND, in_group=make.group("vip"))
    browser = opened(one, browser=client_of(noor))
    assert f"You are signed in as {FRIEND}." in words(browser.get(PAGE))

    answer = browser.post(PAGE + "accept/")

    one.refresh_from_db()
    noor.refresh_from_db()
    assert answer["Location"] == "/account/"
    assert (one.status, one.invitee, noor.group.code) == (Status.ACCEPTED, noor, "vip")


def test_user_of_another_website_becomes_a_customer_when_accepting(one, view, client_of) -> None:
    outlet = make.store_view(path="/outlet")
    noor = make.customer(outlet, email=FRIEND)
    browser = opened(one, browser=client_of(noor))

    browser.post(PAGE + "accept/")

    assert Customer.objects.filter(user=noor.user, website=view.website_id).exists()


def test_inviter_is_told_it_is_their_own_when_opening_it(one, inviter) -> None:
    page = words(opened(one, browser=inviter).get(PAGE))

    assert "This is your own invitation" in page
    assert "This is your own invitation" in words(inviter.post(PAGE + "accept/"))
    one.refresh_from_db()
    assert one.status == Status.SENT


@pytest.mark.parametrize("may", ["same", "any"])
def test_somebody_else_is_asked_to_sign_out_when_signed_in(may, one, view, client_of) -> None:
    make.configure("registration_address", may)
    browser = opened(one, browser=client_of(make.customer(view, email="else@example.org")))

    page = words(browser.get(PAGE))
    browser.post(PAGE + "accept/")
    one.refresh_from_db()

    assert "Sign out and answer" in page
    assert FRIEND not in page
    assert ("Continue as yourself" in page) == (may == "any")
    assert one.status == (Status.ACCEPTED if may == "any" else Status.SENT)


def test_visitor_comes_back_signed_out_when_leaving(one, view, client_of) -> None:
    browser = opened(one, browser=client_of(make.customer(view)))

    page = words(browser.post(PAGE + "leave/", follow=True))

    assert "Make your account" in page


@pytest.mark.parametrize(("what", "complaints"), [("decline", 0), ("unknown", 1)])
def test_invitation_ends_when_the_friend_says_no(what, complaints, one, inviter) -> None:
    browser = opened(one)
    assert "Decline this invitation" in words(browser.get(PAGE + "no/"))

    page = words(browser.post(PAGE + "no/", {"do": what}))

    one.refresh_from_db()
    assert (one.status, one.reason) == (Status.DISCARDED, Reason.DECLINED)
    assert InvitationEvent.objects.filter(kind="complained").count() == complaints
    assert "Thank you" in page
    assert "No longer open" in words(inviter.get("/account/invitations/"))


def test_second_no_is_told_when_it_was_declined_already(one) -> None:
    browser = opened(one)
    browser.post(PAGE + "no/", {"do": "decline"})

    assert "no longer possible" in words(browser.post(PAGE + "no/", {"do": "decline"}))


@pytest.mark.requirement("trust-7")
def test_holder_of_a_copied_link_declines_but_complains_of_nobody(one) -> None:
    opened(one, channel=Channel.SHARED).post(PAGE + "no/", {"do": "unknown"})

    one.refresh_from_db()
    assert (one.status, one.reason) == (Status.DISCARDED, Reason.DECLINED)
    assert not InvitationEvent.objects.filter(kind="complained").exists()


@pytest.mark.requirement("trust-7")
def test_never_again_is_not_for_holders_of_a_copied_link(one, now) -> None:
    browser = opened(one, channel=Channel.SHARED)

    assert "Never invite me again" not in words(browser.get(PAGE + "no/"))
    assert browser.post(PAGE + "no/", {"do": "never"}).status_code == 404


def test_answers_need_a_csrf_token_when_posted(one) -> None:
    for path in ("accept/", "leave/", "fresh/", "no/"):
        browser = opened(one, browser=Client(enforce_csrf_checks=True))
        answer = browser.post(PAGE + path, {"do": "decline"})
        assert answer.status_code == 403
        assert "This form has been open too long" in words(answer)


def test_answer_is_a_405_when_got(one) -> None:
    browser = opened(one)

    for path in ("accept/", "leave/", "fresh/", "register/"):
        assert browser.get(PAGE + path).status_code == 405


def test_link_serves_in_a_sibling_view_when_the_language_is_switched(one, view) -> None:
    make.store_view(view.website, language="nl", path="/nl")
    browser = opened(one)
    assert 'href="/nl/invitation/"' in words(browser.get(PAGE))

    page = words(browser.get("/nl/invitation/"))

    assert "nodigt je uit bij" in page
    assert "Uitnodiging aannemen" in page


def test_cookie_setting_follows_production(one, settings) -> None:
    settings.SESSION_COOKIE_SECURE = True

    answer = Client().get(f"/invitation/{links.token(one, Channel.MAIL)}/")

    assert answer.cookies["guestlist_invitation"]["secure"]


@pytest.mark.requirement("trust-17")
def test_never_again_works_at_one_click_without_cookies(one, emma, now) -> None:
    path = f"/never-again/{make.opt_out_token(one)}/"
    browser = Client(enforce_csrf_checks=True)

    for _ in range(2):
        answer = browser.post(path, {"List-Unsubscribe": "One-Click"})
        assert (answer.status_code, answer.content) == (200, b"")

    one.refresh_from_db()
    assert (one.status, one.reason) == (Status.DISCARDED, Reason.NEVER_AGAIN)
    (verdict,) = actions.invite(
        inviter=make.customer(emma.store_view),
        store_view=emma.store_view,
        addresses=[FRIEND],
        config=make.options(),
        now=now,
    )
    assert verdict.code == "not_mailable"


@pytest.mark.requirement("trust-17")
@pytest.mark.parametrize("status", list(Status))
def test_opt_out_page_works_whatever_became_of_the_invitation(status, one, now) -> None:
    path = f"/never-again/{make.opt_out_token(one)}/"
    type(one).objects.filter(pk=one.pk).update(status=status, accepted_at=now)
    browser = Client()

    page = words(browser.get(path))
    done = words(browser.post(path, {"do": "never"}))

    assert "Never invite me again" in page
    assert ("Decline this invitation" in page) == (status in {Status.SENT, Status.NOT_SENT})
    assert "Noted." in done


@pytest.mark.requirement("trust-17")
def test_opt_out_page_works_when_the_invitation_is_gone(one) -> None:
    path = f"/never-again/{make.opt_out_token(one)}/"
    Message.objects.all().delete()
    one.delete()

    assert "Noted." in words(Client().post(path, {"do": "never"}))
    assert Client().post(path, {"do": "decline"}).status_code == 404


def test_opt_out_page_declines_too(one) -> None:
    path = f"/never-again/{make.opt_out_token(one)}/"

    assert "declined" in words(Client().post(path, {"do": "decline"}))
    one.refresh_from_db()
    assert one.reason == Reason.DECLINED


@pytest.mark.parametrize("token", ["x", "a" * 88, "%00"])
def test_opt_out_is_not_valid_when_the_token_is_mangled(token, view) -> None:
    for answer in (
        Client().get(f"/never-again/{token}/"),
        Client().post(f"/never-again/{token}/", {"List-Unsubscribe": "One-Click"}),
        Client().post(f"/never-again/{token}/", {"do": "never"}),
    ):
        assert answer.status_code == 404


def test_opt_out_form_needs_a_csrf_token(one) -> None:
    browser = Client(enforce_csrf_checks=True)

    assert browser.post(f"/never-again/{make.opt_out_token(one)}/", {"do": "never"}).status_code == 403


def test_bounced_invitation_reads_as_withdrawn(emma, now) -> None:
    one = make.invitation(emma, address=FRIEND, now=now)
    make.fare(one, Verdict.BOUNCED, code="5.1.1", now=now)

    assert "no longer open" in words(opened(one).get(PAGE))


def test_referrer_policy_of_other_pages_is_the_shops(client, view) -> None:
    assert client.get("/account/login/")["Referrer-Policy"] == settings.SECURE_REFERRER_POLICY


@pytest.mark.requirement("trust-4")
def test_viewing_is_written_once_when_a_person_does_something(one) -> None:
    browser = opened(one)
    browser.get(PAGE)
    assert not InvitationEvent.objects.filter(kind="viewed").exists()

    for _ in range(2):
        assert browser.post(PAGE + "seen/").status_code == 204
    browser.post(PAGE + "register/", FORM | {"password": ""})

    assert InvitationEvent.objects.filter(kind="viewed").count() == 1


def test_viewing_is_written_first_when_the_first_press_declines(one) -> None:
    opened(one).post(PAGE + "no/", {"do": "decline"})

    kinds = [event.kind for event in InvitationEvent.objects.filter(invitation=one).order_by("pk")]
    assert kinds[-2:] == ["viewed", "discarded"]


def test_viewing_of_nothing_is_nothing(view) -> None:
    assert Client().post(PAGE + "seen/").status_code == 204
    assert Client().get(PAGE + "seen/").status_code == 405


@pytest.mark.requirement("trust-8")
@pytest.mark.parametrize(
    "page", ["//evil.example/", "/\\evil.example", "https://evil.example/", "/\tevil", "javascript:alert(1)"]
)
def test_friend_lands_in_the_account_when_the_occasions_page_leaves_the_shop(page, emma, now) -> None:
    event = make.occasion(emma.website)
    type(event).objects.update(page=page)
    one = make.invitation(emma, address=FRIEND, occasion=event, now=now)

    assert opened(one).post(PAGE + "register/", FORM)["Location"] == "/account/"


def test_registering_twice_at_once_leaves_one_account(one) -> None:
    """The second of two browsers that opened the same link is told so."""
    first, second = opened(one), opened(one)
    first.post(PAGE + "register/", FORM)

    answer = second.post(PAGE + "register/", FORM)

    assert answer.status_code == 410
    assert Customer.objects.filter(email=FRIEND).count() == 1
