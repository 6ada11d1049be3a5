"""Customers, their groups, and the users who sign in."""

from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import make_password
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from hypothesis import given
from hypothesis import strategies as st

from guestlist.addresses import MalformedAddress
from guestlist.customers import actions as customers
from guestlist.customers.middleware import CustomerMiddleware
from guestlist.customers.models import Customer, DefaultGroup, Grant, Role, User
from guestlist.stores.actors import Permission
from tests import make


def erase(customer: Customer) -> None:
    Customer.objects.filter(pk=customer.pk).update(
        email=None, first_name=None, last_name=None, user=None, external_id=None, erased_at=make.NOW
    )
    customer.refresh_from_db()


# --- Customers ----------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_customer_is_normalized_when_created() -> None:
    view = make.store_view()

    made = customers.create_customer(
        store_view=view,
        group=make.group(),
        email=" Emma@Bücher.example",
        first_name=" Emma\u202e  Maria ",
        last_name="x" * 90,
        external_id="4711",
        now=make.NOW,
    )

    assert (made.email, made.first_name) == ("emma@xn--bcher-kva.example", "Emma Maria")
    assert (made.last_name, made.website, made.created_at) == ("x" * 60, view.website, make.NOW)
    assert str(made) == f"Emma Maria {'x' * 60}"


@pytest.mark.django_db
def test_customer_is_refused_when_the_website_knows_address_user_or_number() -> None:
    view = make.store_view()
    known = make.customer(view)
    Customer.objects.update(external_id="1")
    other = make.user()
    fresh = {"email": "new@example.com", "user": other, "external_id": "2"}

    for taken in ({"email": known.email}, {"user": known.user}, {"external_id": "1"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            customers.create_customer(
                store_view=view,
                group=make.group(),
                first_name="A",
                last_name="B",
                now=make.NOW,
                **(fresh | taken),  # type: ignore[arg-type]
            )
    customers.create_customer(
        store_view=make.store_view(),
        group=make.group(),
        first_name="A",
        last_name="B",
        now=make.NOW,
        email=known.email or "",
        user=known.user,
        external_id="1",
    )


@pytest.mark.django_db
def test_customer_is_named_by_what_is_known_when_shown() -> None:
    customer = make.customer()
    assert customer.name == "Emma Clarke"

    customer.first_name = customer.last_name = ""
    assert customer.name == customer.email

    erase(customer)
    assert customer.name == ""
    assert str(customer) == "deleted customer"
    assert not Customer.objects.known().exists()


@pytest.mark.django_db
def test_nothing_personal_stays_when_a_customer_was_erased() -> None:
    customer = make.customer()

    with pytest.raises(IntegrityError), transaction.atomic():
        Customer.objects.update(erased_at=make.NOW)
    erase(customer)

    assert customer.erased_at == make.NOW


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("  Ann  Lee ", "Ann Lee"),
        ("Ann\r\nLee\t", "Ann Lee"),
        ("Ann\x00Lee\u200b", "AnnLee"),
        ("Rene\u0301", "René"),
        ("x" * 59 + " y", "x" * 59),
        ("\u202e \u200b", ""),
        # What a cell of a file can have: to put so many marks in order would take minutes.
        ("x" + "\u0315\u0300" * 60_000, "x" + "\u0300" * 59),
        ("", ""),
    ],
)
@pytest.mark.requirement("trust-12")
def test_name_is_one_short_line_when_cleaned(name: str, clean: str) -> None:
    assert customers.clean_name(name) == clean


@given(st.text())
def test_cleaning_a_name_changes_nothing_more_when_it_is_clean(name: str) -> None:
    clean = customers.clean_name(name)

    assert customers.clean_name(clean) == clean
    assert len(clean) <= 60
    assert len(clean.splitlines()) <= 1


# --- Groups -------------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_default_group_is_the_store_views_own_when_views_differ() -> None:
    first = make.store_view()
    second = make.store_view(first.website)
    vip = make.group("vip")
    customers.set_default_group(store_view=second, group=vip)

    assert customers.default_group(first).code == "general"
    assert customers.default_group(second) == vip
    assert str(DefaultGroup.objects.get(store_view=second)) == f"{second}: Vip"
    DefaultGroup.objects.all().delete()
    with pytest.raises(customers.NoDefaultGroup, match=first.name):
        customers.default_group(first)


# --- Users --------------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_user_is_found_by_any_spelling_when_signing_in() -> None:
    user = make.user("emma@xn--bcher-kva.example")

    assert User.objects.get_by_natural_key(" Emma@BÜCHER.example ") == user
    for missing in ("nobody@example.com", "not an address", "", None):
        with pytest.raises(User.DoesNotExist):
            User.objects.get_by_natural_key(missing)


@pytest.mark.django_db
@pytest.mark.parametrize("verified", [True, False])
def test_user_is_verified_when_the_address_is_proven(verified: bool) -> None:
    user = customers.create_user(
        email="Emma@Example.com",
        hashed=make_password("pass-word"),
        first_name="Emma",
        last_name="",
        verified=verified,
    )

    address = EmailAddress.objects.get()
    assert (address.email, address.verified, address.primary) == ("emma@example.com", verified, True)
    assert user.check_password("pass-word")


@pytest.mark.django_db
def test_user_is_refused_when_the_address_is_none_or_taken() -> None:
    make.user("emma@example.com")

    with pytest.raises(MalformedAddress):
        make.user("emma")
    with pytest.raises(IntegrityError), transaction.atomic():
        make.user("EMMA@example.com")


@pytest.mark.django_db
def test_user_reads_as_what_is_known_when_shown() -> None:
    user = make.user("emma@example.com")
    boss = User.objects.create_superuser("boss@example.com")

    assert (str(user), user.get_full_name(), user.get_short_name()) == (
        "emma@example.com",
        "Emma Clarke",
        "Emma",
    )
    assert (boss.get_full_name(), boss.get_short_name()) == ("", "boss@example.com")
    assert boss.is_staff
    assert boss.is_superuser
    assert not boss.has_usable_password()


# --- Who sees whom ------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.requirement("trust-16")
def test_staff_see_customers_of_their_websites_when_they_have_rights_for_some() -> None:
    here, there = make.customer(make.store_view()), make.customer(make.store_view())

    assert set(Customer.objects.visible_to(make.actor())) == {here, there}
    assert set(Customer.objects.visible_to(make.actor(here.website, role="support"))) == {here}
    assert not Customer.objects.visible_to(
        make.actor(here.website, role="support"), Permission.PRIVACY
    ).exists()
    assert not Customer.objects.visible_to(make.by(here)).exists()


@pytest.mark.django_db
def test_request_knows_its_customer_when_the_user_has_one_at_the_website() -> None:
    from django.contrib.auth.models import AnonymousUser

    here, there = make.store_view(), make.store_view()
    customer = make.customer(here)
    assert customer.user is not None
    erased = make.customer(here)
    user_of_erased = erased.user
    erase(erased)

    cases: list[tuple[Any, Any, Customer | None]] = [
        (customer.user, here, customer),
        (customer.user, there, None),
        (customer.user, None, None),
        (AnonymousUser(), here, None),
        (user_of_erased, here, None),
    ]
    for user, view, expected in cases:
        request = RequestFactory().get("/")
        request.user = user
        request.store_view = view  # type: ignore[attr-defined]
        seen: list[Any] = []

        def look(request: HttpRequest, seen: list[Any] = seen) -> HttpResponse:
            seen.append(request.customer)  # type: ignore[attr-defined]
            return HttpResponse()

        CustomerMiddleware(look)(request)
        assert bool(seen[0]) is (expected is not None)
        if expected is not None:
            assert seen[0] == expected


# --- Rights -------------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_rights_read_as_what_they_are_when_shown() -> None:
    user = make.staff(email="boss@example.com")

    assert str(Grant.objects.get()) == "boss@example.com: Owner"
    assert {str(role) for role in Role.objects.all()} == {"Owner", "Marketing", "Support", "Read only"}
    assert user.grants.count() == 1
