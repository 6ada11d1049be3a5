"""Signing in to the staff site."""

import pytest
from django.test import Client

from tests import make

_PASSWORD = "a-fine-password"


def _sign_in(email: str, password: str, *, path: str = "/staff/login/", client_address: str = "203.0.113.7"):
    data = {"username": email, "login": email, "password": password, "next": "/staff/"}
    return Client(REMOTE_ADDR=client_address).post(path, data)


def test_staff_sign_in(view) -> None:
    make.staff(email="owner@example.com")
    answer = _sign_in("Owner@Example.com", _PASSWORD)
    assert (answer.status_code, answer["Location"]) == (302, "/staff/")


def test_staff_who_came_without_a_page_in_mind_get_the_first_one(view) -> None:
    make.staff(email="owner@example.com")
    answer = Client().post("/staff/login/", {"username": "owner@example.com", "password": _PASSWORD})
    assert (answer.status_code, answer["Location"]) == (302, "/staff/")


def test_customer_and_wrong_password_read_the_same(view) -> None:
    make.staff(email="owner@example.com")
    make.customer(view, email="friend@example.com")
    answers = [_sign_in("owner@example.com", "wrong"), _sign_in("friend@example.com", _PASSWORD)]
    errors = {str(answer.context["form"].non_field_errors()) for answer in answers}
    assert {answer.status_code for answer in answers} == {200}
    assert len(errors) == 1


@pytest.mark.requirement("trust-14")
def test_right_password_waits_after_too_many_wrong_ones(view) -> None:
    make.staff(email="owner@example.com")
    for number in range(5):
        # From elsewhere each time: it is the address that is guarded.
        assert _sign_in("owner@example.com", "wrong", client_address=f"203.0.113.{number}").status_code == 200
    refused = _sign_in("owner@example.com", _PASSWORD)
    assert refused.status_code == 200
    assert "Too many tries" in refused.content.decode()


@pytest.mark.requirement("trust-14")
def test_spelling_the_host_otherwise_gives_no_more_tries(view) -> None:
    make.staff(email="owner@example.com")
    data = {"username": "owner@example.com", "password": "wrong"}
    for number in range(5):
        Client(HTTP_HOST=f"testserver:{8000 + number}").post("/staff/login/", data)
    assert "Too many tries" in _sign_in("owner@example.com", _PASSWORD).content.decode()


@pytest.mark.requirement("trust-14")
def test_failures_at_both_doors_count_together(view) -> None:
    make.staff(email="owner@example.com")
    for path in ("/account/login/", "/staff/login/") * 3:
        _sign_in("owner@example.com", "wrong", path=path)
    assert "Too many tries" in _sign_in("owner@example.com", _PASSWORD).content.decode()


@pytest.mark.requirement("trust-14")
def test_one_client_tries_few_addresses(view) -> None:
    make.staff(email="owner@example.com")
    for number in range(10):
        _sign_in(f"nobody{number}@example.com", "wrong")
    assert "Too many tries" in _sign_in("owner@example.com", _PASSWORD).content.decode()
    assert _sign_in("owner@example.com", _PASSWORD, client_address="203.0.113.99").status_code == 302


@pytest.mark.requirement("trust-26")
def test_forwarded_address_is_not_believed_without_a_proxy(view) -> None:
    for number in range(10):
        data = {"username": f"nobody{number}@example.com", "password": "wrong"}
        Client(HTTP_X_FORWARDED_FOR=f"198.51.100.{number}").post("/staff/login/", data)
    data = {"username": "nobody@example.com", "password": "wrong"}
    answer = Client(HTTP_X_FORWARDED_FOR="198.51.100.99").post("/staff/login/", data)
    assert "Too many tries" in answer.content.decode()


def test_who_was_signed_out_comes_back_to_the_page_of_the_form(view) -> None:
    staff, client = make.staff(email="owner@example.com"), Client()
    asked = client.post(
        "/staff/invitations/selected/",
        {"action": "discard", "id": "1"},
        headers={"Referer": "http://testserver/staff/invitations/?status=sent"},
    )
    assert asked["Location"] == "/staff/login/?next=/staff/invitations/%3Fstatus%3Dsent"
    assert "You were signed out in the meantime" in client.get(asked["Location"]).content.decode()
    client.force_login(staff)
    # A page that only a form leads to is no page to come back to.
    assert client.get("/staff/invitations/selected/")["Location"] == "/staff/invitations/"
    other = client.post(
        "/staff/sends/1/pause/", headers={"Referer": "https://elsewhere.example/staff/sends/"}
    )
    assert other.status_code == 404
    answer = client.get("/staff/sends/1/pause/")
    assert (answer.status_code, "Nothing was done" in answer.content.decode()) == (405, True)


def test_nobody_is_led_elsewhere_when_they_were_signed_out(view) -> None:
    for told in ("https://elsewhere.example/staff/", "http://testserver/account/", "nonsense"):
        asked = Client().post("/staff/invitations/add/", headers={"Referer": told})
        assert asked["Location"] == "/staff/login/?next=/staff/invitations/add/"


def test_form_that_is_too_old_is_refused_in_the_look_of_the_staff_site(view) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(make.staff(email="owner@example.com"))
    answer = client.post(
        "/staff/invitations/add/",
        {"addresses": "friend@example.com"},
        headers={"Referer": "http://testserver/staff/invitations/add/"},
    )
    page = answer.content.decode()
    assert answer.status_code == 403
    assert 'data-keeps-typed href="/staff/invitations/add/"' in page
    assert "nav-sidebar" in page
    # The door itself: who is in already goes on, who is not is asked again.
    assert client.post("/staff/login/")["Location"] == "/staff/login/"
    assert client.get("/staff/login/")["Location"] == "/staff/"
