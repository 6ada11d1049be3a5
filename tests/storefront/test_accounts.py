"""Signing in, signing up, passwords: with allauth underneath, our mail and our gate."""

from pathlib import Path

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from guestlist.customers.models import Customer, User
from guestlist.invitations import links
from guestlist.invitations.models import Channel, PendingJoin
from guestlist.mail.accounts import CONFIRM, RESET
from guestlist.mail.models import Message, MessageState, SenderIdentity
from guestlist.storefront import accounts
from tests import make
from tests.mail.outbox import values_by

FORM = {
    "first_name": "Noor",
    "last_name": "Jansen",
    "email": "noor@example.org",
    "password": "a-fine-password-7",
}


@pytest.fixture(autouse=True)
def _fresh_limits():
    cache.clear()


def words(answer):
    return answer.content.decode()


def path_of(kind, user):
    return values_by(kind, user.pk, now=make.NOW).variables["action_path"]


def writes(asked) -> list[str]:
    return [q["sql"] for q in asked if q["sql"].startswith(("INSERT", "UPDATE", "DELETE"))]


@pytest.mark.parametrize(
    "page", ["/account/login/", "/account/signup/", "/account/password/reset/", "/account/confirm-email/"]
)
def test_page_is_ours_and_strict_when_opened(page, client, view) -> None:
    answer = client.get(page)

    assert answer.status_code == 200
    assert "Linden &amp; Loom" in words(answer)
    policy = answer["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "style-src 'self'" in policy
    assert "unsafe" not in policy
    assert " style=" not in words(answer)
    assert "<script>" not in words(answer)
    assert "placeholder" not in words(answer)


@pytest.mark.parametrize("typed", ["emma@example.com", " EMMA@example.com "])
def test_customer_is_signed_in_when_the_password_is_right(typed, emma, client) -> None:
    answer = client.post("/account/login/", {"login": typed, "password": "a-fine-password"})

    assert answer["Location"] == "/account/"
    assert "Hello, Emma" in words(client.get("/account/"))


def test_customer_is_signed_in_when_the_domain_is_spelled_in_letters(view, client) -> None:
    make.customer(view, email="ann@münchen.example")

    answer = client.post("/account/login/", {"login": "ann@münchen.example", "password": "a-fine-password"})

    assert answer["Location"] == "/account/"


@pytest.mark.parametrize("login", ["emma@example.com", "nobody@example.com"])
def test_answer_is_the_same_when_the_password_or_the_address_is_wrong(login, emma, client) -> None:
    answer = client.post("/account/login/", {"login": login, "password": "wrong"})

    assert "This address and password do not belong together." in words(answer)
    assert f'value="{login}"' in words(answer)


def test_signing_in_is_slowed_when_it_fails_too_often(emma, client) -> None:
    for _ in range(5):
        client.post("/account/login/", {"login": "emma@example.com", "password": "wrong"})

    answer = client.post("/account/login/", {"login": "emma@example.com", "password": "a-fine-password"})

    assert "Too many tries" in words(answer)
    assert "_auth_user_id" not in client.session


@pytest.mark.parametrize("next_", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_sign_in_stays_in_the_shop_when_next_leads_elsewhere(next_, emma, client) -> None:
    answer = client.post(
        "/account/login/", {"login": emma.email, "password": "a-fine-password", "next": next_}
    )

    assert answer["Location"] == "/account/"


def test_sign_in_goes_on_to_the_invitation_when_it_came_from_there(emma, client) -> None:
    answer = client.post(
        "/account/login/", {"login": emma.email, "password": "a-fine-password", "next": "/invitation/"}
    )

    assert answer["Location"] == "/invitation/"


def test_account_is_made_after_confirming_when_registration_is_open(view, client) -> None:
    answer = client.post("/account/signup/", FORM, follow=True)
    user = User.objects.get(email="noor@example.org")

    assert "One more step, in your mail" in words(answer)
    assert PendingJoin.objects.filter(user=user).exists()
    assert Message.objects.get().kind == CONFIRM.code
    assert not Customer.objects.exists()

    page = words(client.post(path_of(CONFIRM, user), follow=True))

    assert "Hello, Noor" in page
    assert Customer.objects.get(user=user).group == make.group()


def test_account_cannot_sign_in_when_it_was_not_confirmed(view, client) -> None:
    client.post("/account/signup/", FORM)
    other = Client()

    answer = other.post(
        "/account/login/", {"login": FORM["email"], "password": FORM["password"]}, follow=True
    )

    assert "One more step, in your mail" in words(answer)
    assert "_auth_user_id" not in other.session


@pytest.mark.requirement("trust-15")
def test_known_address_is_not_told_of_when_signing_up(emma, client) -> None:
    unknown, known = (
        Client().post("/account/signup/", FORM | {"email": email}, follow=True)
        for email in ("new@example.org", "emma@example.com")
    )

    assert unknown.redirect_chain == known.redirect_chain
    assert Message.objects.latest("pk").kind == "account_exists"
    assert User.objects.get(email="emma@example.com").check_password("a-fine-password")


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"email": "noor"}, "is not a mail address"),
        ({"email": ""}, "Fill in your email address."),
        ({"email": "noor@example.org\r\nBcc: x@example.org"}, "is not a mail address"),
        ({"password": "12345678"}, "too common"),
        ({"first_name": "x" * 70_000}, "at most 60 characters"),
    ],
)
def test_signing_up_keeps_the_form_when_something_is_wrong(values, sentence, view, client) -> None:
    answer = client.post("/account/signup/", FORM | values)

    assert answer.status_code == 422
    assert sentence in words(answer)
    assert 'value="Jansen"' in words(answer)
    assert not User.objects.exists()


def test_signing_up_keeps_the_form_when_its_token_is_too_old(view) -> None:
    answer = Client(enforce_csrf_checks=True).post("/account/signup/", FORM)

    assert answer.status_code == 403
    assert "open for too long" in words(answer)
    assert 'value="Jansen"' in words(answer)
    assert not User.objects.exists()


def test_signed_in_customer_is_led_to_the_account_when_signing_up(inviter) -> None:
    assert inviter.get("/account/signup/")["Location"] == "/account/"


def test_every_door_is_closed_when_by_invitation_only(view, client) -> None:
    make.configure("registration", "invitation")

    page = client.get("/account/signup/")
    posted = client.post("/account/signup/", FORM)

    assert page.status_code == 200
    assert posted.status_code == 403
    for answer in (page, posted):
        assert "By invitation only" in words(answer)
        assert "mailto:hello@example.com" in words(answer)
    assert not User.objects.exists()


def test_allauths_own_gate_is_the_same_one(view, rf) -> None:
    from guestlist.storefront.adapter import AccountAdapter

    request = rf.get("/")
    request.store_view = view
    assert AccountAdapter(request).is_open_for_signup(request)
    make.configure("registration", "invitation")
    closed = rf.get("/")
    closed.store_view = view
    assert not AccountAdapter(closed).is_open_for_signup(closed)
    nowhere = rf.get("/")
    nowhere.store_view = None
    assert not AccountAdapter(nowhere).is_open_for_signup(nowhere)


def test_confirming_makes_no_customer_when_the_shop_closed_meanwhile(view, client) -> None:
    client.post("/account/signup/", FORM)
    make.configure("registration", "invitation")
    user = User.objects.get(email="noor@example.org")

    page = words(client.post(path_of(CONFIRM, user), follow=True))

    assert "by invitation only" in page
    assert not Customer.objects.exists()


@pytest.mark.parametrize("option", ["enabled", "storefront"])
def test_doors_are_open_when_the_feature_or_its_switch_is_off(option, view, client) -> None:
    make.configure("registration", "invitation")
    make.configure(option, False)

    assert "Make my account" in words(client.get("/account/signup/"))
    assert client.post("/account/signup/", FORM).status_code == 302
    assert User.objects.filter(email="noor@example.org").exists()


def test_user_of_another_website_joins_with_one_press_when_open(view, client_of) -> None:
    outlet = make.store_view(path="/outlet", name="Outlet")
    browser = client_of(make.customer(view))

    page = words(browser.get("/outlet/account/"))
    answer = browser.post("/outlet/account/join/", follow=True)

    assert "Join Outlet" in page
    assert "Welcome! Your account is ready." in words(answer)
    assert Customer.objects.filter(website=outlet.website).count() == 1


def test_user_of_another_website_stays_outside_when_by_invitation_only(view, client_of) -> None:
    outlet = make.store_view(path="/outlet", name="Outlet")
    make.configure("registration", "invitation", outlet)
    browser = client_of(make.customer(view))

    page = words(browser.get("/outlet/account/"))
    answer = browser.post("/outlet/account/join/", follow=True)

    assert "Join Outlet" not in page
    assert "by invitation only" in words(answer)
    assert browser.get("/outlet/account/invitations/")["Location"] == "/outlet/account/"
    assert not Customer.objects.filter(website=outlet.website).exists()


@pytest.mark.requirement("trust-4")
def test_opening_mailed_account_links_writes_nothing(view, emma, client_of) -> None:
    Client().post("/account/signup/", FORM)
    paths = [path_of(CONFIRM, User.objects.get(email=FORM["email"])), path_of(RESET, emma.user)]

    for browser in (Client(), client_of(make.customer(view))):
        for path in paths:
            for method in (browser.get, browser.head):
                with CaptureQueriesContext(connection) as asked:
                    answer = method(path)
                assert answer.status_code == 200
                assert answer["Referrer-Policy"] == "no-referrer"
                assert answer["Cache-Control"] == "no-store"
                assert not writes(asked)


def test_confirming_says_so_when_it_happens_in_another_browser(view) -> None:
    Client().post("/account/signup/", FORM)

    page = words(Client().post(path_of(CONFIRM, User.objects.get(email=FORM["email"])), follow=True))

    assert "Your address is confirmed. You can sign in now." in page


def test_problems_are_dutch_and_say_je_when_the_view_is_dutch(view, client) -> None:
    make.store_view(view.website, language="nl", path="/nl")

    page = words(client.post("/nl/account/signup/", FORM | {"password": "kort", "first_name": ""}))

    assert "Dit wachtwoord is te kort. Neem minstens 8 tekens." in page
    assert "Vul je voornaam in." in page


@pytest.mark.parametrize("email", ["emma@example.com", "EMMA@example.com", "nobody@example.com"])
def test_reset_answers_the_same_and_mails_only_accounts(email, emma, client) -> None:
    answer = client.post("/account/password/reset/", {"email": email}, follow=True)

    assert "If there is an account for that address" in words(answer)
    assert Message.objects.filter(kind=RESET.code).count() == (email.lower() == "emma@example.com")


def test_password_is_changed_once_when_the_link_is_followed(emma, client) -> None:
    path = path_of(RESET, emma.user)
    new = {"password1": "another-fine-one-9", "password2": "another-fine-one-9"}

    mismatch = client.post(path, new | {"password2": "else"})
    done = client.post(path, new)
    again = client.post(path, new)

    assert "same password" in words(mismatch)
    assert done["Location"] == "/account/password/reset/key/done/"
    assert User.objects.get(pk=emma.user_id).check_password("another-fine-one-9")
    assert again.status_code == 404
    assert "This link no longer works" in words(again)
    assert "Your password is changed" in words(client.get(done["Location"]))


@pytest.mark.parametrize("path", ["/account/password/reset/key/1-x/", "/account/confirm-email/x:y:z/"])
def test_link_no_longer_works_when_it_is_mangled(path, view, client) -> None:
    assert "This link no longer works" in words(client.get(path))
    assert client.post(path).status_code == 404


def test_password_is_changed_when_signed_in(emma, inviter) -> None:
    page = words(inviter.get("/account/password/change/"))
    wrong = inviter.post(
        "/account/password/change/",
        {"oldpassword": "x", "password1": "new-fine-one-1", "password2": "new-fine-one-1"},
    )
    inviter.post(
        "/account/password/change/",
        {"oldpassword": "a-fine-password", "password1": "new-fine-one-1", "password2": "new-fine-one-1"},
    )

    assert "Your password is changed." in words(inviter.get("/account/"))
    assert "Password until now" in page
    assert "This is not your password until now." in words(wrong)
    assert User.objects.get(pk=emma.user_id).check_password("new-fine-one-1")


def test_signing_out_asks_first(inviter) -> None:
    assert "Sign out?" in words(inviter.get("/account/logout/"))
    assert "_auth_user_id" in inviter.session

    inviter.post("/account/logout/")

    assert "_auth_user_id" not in inviter.session


def test_account_leads_to_sign_in_when_signed_out(view, client) -> None:
    assert client.get("/account/")["Location"] == "/account/login/?next=/account/"


def test_front_leads_to_the_account_where_there_is_no_shop_of_ours(rf) -> None:
    assert accounts.front(rf.get("/"))["Location"] == "/account/"


def test_addresses_of_a_view_keep_its_prefix(view, client) -> None:
    make.store_view(view.website, language="nl", path="/nl")

    assert client.get("/nl/account/")["Location"] == "/nl/account/login/?next=/nl/account/"
    page = words(client.get("/nl/account/login/"))
    assert 'action="/nl/account/login/"' in page
    assert "Wachtwoord vergeten?" in page
    assert 'href="/account/login/"' in page  # the switch to English
    assert "/nl/theme.css" in page


def test_colors_are_the_views_and_may_be_kept(view, client) -> None:
    answer = client.get("/theme.css")

    assert answer["Content-Type"].startswith("text/css")
    assert "immutable" in answer["Cache-Control"]
    assert "--button:" in words(answer)


@pytest.mark.parametrize("language", ["en", "nl"])
def test_page_that_is_not_here_says_so_in_the_views_language(language, client, db) -> None:
    make.store_view(language=language)

    answer = client.get("/nothing/here/")

    assert answer.status_code == 404
    assert {"en": "This page is not here", "nl": "Deze pagina is er niet"}[language] in words(answer)


def test_error_page_needs_no_shop_and_no_database(rf) -> None:
    from guestlist.storefront.errors import server_error

    answer = server_error(rf.get("/"))

    assert answer.status_code == 500
    assert "Something went wrong with us" in words(answer)


def test_page_for_others_says_so(rf, view) -> None:
    from guestlist.storefront.errors import forbidden

    request = rf.get("/")
    request.store_view = view

    assert forbidden(request, Exception()).status_code == 403


def test_first_page_is_small_without_fonts(view, client) -> None:
    from django.contrib.staticfiles import finders

    files = ["storefront/storefront.css", "storefront/storefront.js", "storefront/icon.svg"]
    size = len(client.get("/account/login/").content) + len(client.get("/theme.css").content)
    for name in files:
        size += Path(str(finders.find(name))).stat().st_size

    assert size < 60_000


def test_visitor_reads_no_sentence_for_staff_when_the_shop_is_not_set_up(view, caplog) -> None:
    SenderIdentity.objects.all().delete()

    answer = Client().post("/account/signup/", FORM)

    assert answer.status_code == 422
    assert "its set-up is not finished" in words(answer)
    assert "sender identity" not in words(answer)
    assert "sender identity" in caplog.text
    assert not User.objects.filter(email="noor@example.org").exists()


@pytest.mark.requirement("trust-14")
@pytest.mark.parametrize("email", ["noor@example.org", "emma@example.com"])
def test_address_is_not_mailed_without_end_because_somebody_registers_it(view, emma, email) -> None:
    queued = Message.objects.count()
    answers = []
    for number in range(8):
        visitor = Client(REMOTE_ADDR=f"203.0.113.{number}")
        typed = email.upper() if number % 2 else email
        answers.append(visitor.post("/account/signup/", FORM | {"email": typed}))
        Message.objects.update(state=MessageState.SENT)

    answer = answers[-1]
    assert answer.status_code == 422
    assert "too often" in words(answer)
    assert Message.objects.count() == queued + 5


@pytest.mark.requirement("trust-14")
def test_owner_of_the_mailbox_joins_however_often_others_registered_it(view, emma, now) -> None:
    one = make.sent_invitation(emma, address="noor@example.org", now=now)
    for number in range(8):
        Client(REMOTE_ADDR=f"203.0.113.{number}").post("/account/signup/", FORM)
    friend = Client()
    friend.get(f"/invitation/{links.token(one, Channel.MAIL)}/")

    answer = friend.post("/invitation/register/", FORM)

    assert answer.status_code == 302
    assert Customer.objects.filter(email="noor@example.org").exists()
