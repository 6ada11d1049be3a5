"""Whoever is not mailed any more asks to be, by a link that is mailed to them."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from guestlist import addresses
from guestlist.mail import actions as mail
from guestlist.mail import lifting
from guestlist.mail.models import Lift, LiftRequest, Message, SenderIdentity, Suppression, SuppressionReason
from tests import make

ANN, PAGE = "ann@example.org", "/mail-me-again/"


def words(answer):
    return answer.content.decode()


@pytest.fixture
def unwilling(view, now):
    """Ann, who asked never to be mailed."""
    mail.suppress(
        website=view.website,
        address_hash=addresses.hash_of(ANN),
        reason=SuppressionReason.WISH,
        now=now,
    )
    return ANN


@pytest.fixture
def link(view, unwilling, now) -> str:
    request = lifting.request_lift(store_view=view, address=unwilling, now=now)
    assert request is not None
    return lifting.path(request)


@pytest.mark.requirement("trust-15")
def test_answer_is_the_same_whether_an_address_is_suppressed_or_not(unwilling, client) -> None:
    pages = [words(client.post(PAGE, {"email": address})) for address in (ANN, "bob@example.org", ANN)]

    assert "one mail with a button is on its way" in pages[0]
    assert pages[0] == pages[1] == pages[2]
    assert LiftRequest.objects.count() == Message.objects.count() == 2
    assert Suppression.objects.exists()


@pytest.mark.requirement("trust-18")
def test_address_is_mailed_again_when_the_mailed_button_is_pressed(link, client) -> None:
    page = words(client.get(link))
    assert "Yes, mail me again" in page
    assert "example<wbr>.org" in page

    done = words(client.post(link))

    assert "may mail you again" in done
    assert not Suppression.objects.exists()
    assert Lift.objects.get().lifted_by is None
    for answer in (client.get(link), client.post(link)):
        assert answer.status_code == 404
        assert "This link no longer works" in words(answer)


@pytest.mark.requirement("trust-4")
def test_opening_the_link_writes_nothing(link) -> None:
    for method in ("get", "head"):
        with CaptureQueriesContext(connection) as queries:
            answer = getattr(Client(), method)(link)
        assert answer.status_code == 200
        assert not [q for q in queries if not q["sql"].startswith("SELECT")]
    assert Suppression.objects.exists()


@pytest.mark.requirement("trust-5")
def test_link_stays_out_of_caches_and_referrers(link, client) -> None:
    answer = client.get(link)

    assert answer["Cache-Control"] == "no-store"
    assert answer["Referrer-Policy"] == "no-referrer"


def test_button_needs_a_csrf_token(link) -> None:
    assert Client(enforce_csrf_checks=True).post(link).status_code == 403
    assert Suppression.objects.exists()


def test_link_is_not_valid_at_another_website(link, view, client) -> None:
    other = make.store_view()

    assert client.get(f"{other.path}{link}").status_code == 404
    assert client.post(f"{other.path}{link}").status_code == 404
    assert Suppression.objects.exists()


def test_form_says_what_is_wrong_and_keeps_what_was_typed(view, client) -> None:
    answer = client.post(PAGE, {"email": "nobody at all"})

    assert answer.status_code == 422
    assert "is not a mail address" in words(answer)
    assert 'value="nobody at all"' in words(answer)
    assert not LiftRequest.objects.exists()


def test_form_keeps_the_address_when_its_token_is_too_old(view) -> None:
    answer = Client(enforce_csrf_checks=True).post(PAGE, {"email": ANN})

    assert answer.status_code == 403
    assert f'value="{ANN}"' in words(answer)
    assert not LiftRequest.objects.exists()


@pytest.mark.requirement("trust-9")
def test_one_client_asks_for_so_many_addresses_only(view, client) -> None:
    answers = [client.post(PAGE, {"email": f"friend{n}@example.org"}).status_code for n in range(12)]

    assert answers == [200] * 10 + [429] * 2
    assert LiftRequest.objects.count() == 10


def test_shop_without_a_sender_says_so_and_writes_nothing(view, client) -> None:
    SenderIdentity.objects.all().delete()

    answer = client.post(PAGE, {"email": ANN})

    assert answer.status_code == 422
    assert "its set-up is not finished" in words(answer)
    assert not LiftRequest.objects.exists()


def test_pages_speak_dutch(view, client) -> None:
    make.store_view(view.website, language="nl", path="/nl")

    assert "<form" in words(client.get(f"/nl{PAGE}"))
