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
