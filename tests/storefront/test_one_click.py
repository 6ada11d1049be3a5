"""One-click unsubscription as RFC 8058 asks for it: a POST from a mail provider, without cookies or a page before."""

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from guestlist import addresses
from guestlist.invitations import emails
from guestlist.invitations.lifecycle import Reason, Status
from guestlist.invitations.models import InvitationEvent
from guestlist.mail.models import Message, MessageState, Suppression
from tests import make
from tests.mail.outbox import values_by

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("trust-17")]
FRIEND, FIELD = "noor@example.org", {"List-Unsubscribe": "One-Click"}
FORMATS = {
    "application/x-www-form-urlencoded": "List-Unsubscribe=One-Click",
    "multipart/form-data; boundary=b": (
        '--b\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--b--\r\n'
    ),
}


@pytest.fixture
def path(emma, now) -> str:
    return f"/never-again/{make.opt_out_token(make.sent_invitation(emma, address=FRIEND, now=now))}/"


def rows() -> list[object]:
    found = (model.objects.order_by("pk").values_list() for model in (Suppression, Message, InvitationEvent))
    return [list(one) for one in found]


@pytest.mark.parametrize("content_type", FORMATS)
@pytest.mark.parametrize("origin", ["", "null", "https://mail.example"])
def test_provider_unsubscribes_whatever_its_request_looks_like(path, content_type, origin) -> None:
    provider = Client(enforce_csrf_checks=True, headers={"origin": origin} if origin else {})

    answer = provider.post(path, FORMATS[content_type], content_type=content_type)

    assert (answer.status_code, answer.content) == (200, b"")
    assert not answer.cookies
    assert "Location" not in answer
    assert bytes(Suppression.objects.get().address_hash) == addresses.hash_of(FRIEND)


def test_it_ends_what_is_open_and_takes_back_what_is_queued(path, emma, now) -> None:
    queued = make.invitation(make.customer(emma.store_view), address=FRIEND, now=now)
    elsewhere = make.invitation(make.customer(make.store_view()), address=FRIEND, now=now)

    Client().post(path, FIELD)

    for one in (queued, elsewhere):
        one.refresh_from_db()
    assert (queued.status, queued.reason) == (Status.DISCARDED, Reason.NEVER_AGAIN)
    assert Message.objects.get(pk=queued.mail_id or 0).state == MessageState.WITHDRAWN
    assert elsewhere.status == Status.NOT_SENT
    assert Message.objects.get(pk=elsewhere.mail_id or 0).state == MessageState.READY
    assert Suppression.objects.get().website == emma.website


def test_it_changes_nothing_when_it_comes_again(path) -> None:
    Client().post(path, FIELD)
    before = rows()

    for _ in range(3):
        assert Client().post(path, FIELD).status_code == 200

    assert rows() == before


def test_it_works_again_after_it_was_lifted(path) -> None:
    Client().post(path, FIELD)
    Suppression.objects.all().delete()

    assert Client().post(path, FIELD).status_code == 200
    assert Suppression.objects.exists()


@pytest.mark.requirement("trust-4")
@pytest.mark.parametrize("method", ["get", "head", "options", "put", "delete"])
def test_no_other_method_writes(path, method) -> None:
    before = rows()

    with CaptureQueriesContext(connection) as queries:
        answer = getattr(Client(), method)(path, FIELD if method in {"get", "head"} else "")

    assert answer.status_code == (200 if method in {"get", "head"} else 405)
    assert rows() == before
    assert not [q for q in queries if q["sql"].startswith(("INSERT", "UPDATE", "DELETE"))]


@pytest.mark.parametrize("body", ["", "List-Unsubscribe=no", "list-unsubscribe=One-Click", "do="])
def test_other_posts_are_no_one_click(path, body) -> None:
    answer = Client(enforce_csrf_checks=True).post(
        path, body, content_type="application/x-www-form-urlencoded"
    )

    assert answer.status_code == 403
    assert not Suppression.objects.exists()


def test_address_in_the_header_answers_the_post_itself(emma, now) -> None:
    one = make.invitation(emma, address=FRIEND, now=now)
    url = values_by(emails.KINDS[0], one.pk, now=now).variables["opt_out_url"]

    answer = Client().post(url.removeprefix(emma.store_view.base_url), FIELD)

    assert answer.status_code == 200
    assert url.endswith("/")
    assert url.startswith(emma.store_view.base_url)
    assert settings.APPEND_SLASH
    one.refresh_from_db()
    assert one.reason == Reason.NEVER_AGAIN
