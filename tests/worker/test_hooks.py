"""What a provider tells by HTTP: who may, what it changes, and that nothing forged changes anything."""

import base64
import datetime
import hashlib
import hmac
import json
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from guestlist import addresses
from guestlist.customers.models import Customer
from guestlist.invitations.lifecycle import Reason, Status
from guestlist.invitations.models import Invitation, InvitationEvent
from guestlist.mail import accounts, returnpath, templates
from guestlist.mail.models import (
    Attempt,
    Delta,
    Message,
    MessageState,
    Report,
    Suppression,
    SuppressionReason,
)
from tests import make, races

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("trust-24")]

FRIEND = "noor@example.org"
SECRET = "hook:0123456789abcdef0123"
HOOK = "/hooks/mail/postmark/"
UNKNOWN = "smtp;550 5.1.1 <noor@example.org>: User unknown"


@pytest.fixture(autouse=True)
def _configured(settings) -> None:
    settings.GUESTLIST_MAIL_API = "postmark"
    settings.GUESTLIST_MAIL_API_WEBHOOK_SECRET = SECRET
    settings.ANYMAIL = {"POSTMARK_SERVER_TOKEN": "token-7", "MAILGUN_WEBHOOK_SIGNING_KEY": "signing-7"}


@pytest.fixture
def now() -> datetime.datetime:
    return timezone.now()


@pytest.fixture
def emma(db, now) -> Customer:
    templates.install(now=now)
    return make.customer(make.store_view(privacy_url="/privacy/"))


@pytest.fixture
def guest(emma, now) -> Invitation:
    return make.sent_invitation(emma, address=FRIEND, now=now)


def tag(guest: Invitation) -> str:
    assert guest.mail_id
    return returnpath.tag_for(message_id=guest.mail_id)


def bounce(tag: str | None, at: datetime.datetime, **changes) -> dict[str, Any]:
    """Return a bounce in Postmark's words."""
    event = {
        "RecordType": "Bounce",
        "ID": 4323372036854775807,
        "Type": "HardBounce",
        "MessageID": "883953f4-6105-42a2-a16a-77a8eac79483",
        "Description": "The server was unable to deliver your message.",
        "Details": UNKNOWN,
        "Email": FRIEND,
        "BouncedAt": at.isoformat(),
        "Metadata": {"guestlist": tag} if tag is not None else {},
    }
    return event | changes


def tell(event: object, *, secret: str | None = SECRET, path: str = HOOK, client: Client | None = None):
    headers = {}
    if secret is not None:
        headers["authorization"] = "Basic " + base64.b64encode(secret.encode()).decode()
    body = event if isinstance(event, (str, bytes)) else json.dumps(event)
    client = client or Client(enforce_csrf_checks=True)
    return client.post(path, body, content_type="application/json", headers=headers)


def rows() -> list[object]:
    tables = (Suppression, Message, InvitationEvent, Report, Attempt, Delta, Invitation)
    return [list(model.objects.order_by("pk").values_list()) for model in tables]


def test_bounce_ends_the_invitation_and_suppresses_the_address(guest, now):
    answer = tell(bounce(tag(guest), now))

    assert (answer.status_code, answer.content) == (200, b"recorded: 1")
    guest.refresh_from_db()
    assert (guest.status, guest.reason) == (Status.DISCARDED, Reason.BOUNCED)
    assert Message.objects.get().state == MessageState.BOUNCED
    (one,) = Suppression.objects.all()
    assert (bytes(one.address_hash), one.reason) == (addresses.hash_of(FRIEND), SuppressionReason.BOUNCE)
    (attempt,) = Attempt.objects.all()
    assert (attempt.outcome, attempt.code) == ("bounced", "5.1.1")
    assert FRIEND not in attempt.answer


def test_it_is_answered_on_any_host_without_a_cookie(guest, now, settings):
    settings.ALLOWED_HOSTS = ["hooks.internal"]

    answer = tell(bounce(tag(guest), now), client=Client(headers={"host": "hooks.internal"}))

    assert answer.status_code == 200
    assert not answer.cookies


@pytest.mark.parametrize(
    ("changes", "code", "suppresses"),
    [
        ({"Details": "smtp;552 5.2.2 mailbox full"}, "5.2.2", False),
        ({"Details": "smtp;550 no such user"}, "5.0.0", False),
        ({"Details": "smtp;550 5.1.10 nobody"}, "5.1.10", True),
        ({"Details": "", "Type": "SoftBounce"}, "4.0.0", False),
        ({"Details": "smtp;450 4.2.1 over quota", "Type": "SoftBounce"}, "4.2.1", False),
        ({"Details": "from 5.1.1.1 at 15.1.1"}, "5.0.0", False),
        ({"Details": "", "Type": "Blocked"}, "rejected", False),
        ({"Details": UNKNOWN, "Type": "BadEmailAddress"}, "rejected", False),
    ],
)
def test_address_is_blamed_only_where_the_server_says_that_it_does_not_exist(
    changes, code, suppresses, guest, now
):
    assert tell(bounce(tag(guest), now, **changes)).content == b"recorded: 1"

    assert Message.objects.get().code == code
    assert Suppression.objects.exists() == suppresses


def test_complaint_suppresses_and_ends(guest, now):
    event = bounce(tag(guest), now, RecordType="SpamComplaint", Type="SpamComplaint")

    assert tell(event).content == b"recorded: 1"

    assert Suppression.objects.get().reason == SuppressionReason.COMPLAINT
    guest.refresh_from_db()
    assert guest.status == Status.DISCARDED


def test_unsubscribing_by_the_providers_button_is_a_wish(guest, now):
    event = {
        "RecordType": "SubscriptionChange",
        "MessageID": "883953f4",
        "ChangedAt": now.isoformat(),
        "Recipient": FRIEND,
        "SuppressSending": True,
        "SuppressionReason": "ManualSuppression",
        "Metadata": {"guestlist": tag(guest)},
    }

    assert tell(event).content == b"recorded: 1"
    assert tell(event).content == b"already: 1"

    assert Suppression.objects.get().reason == SuppressionReason.WISH
    guest.refresh_from_db()
    assert (guest.status, guest.reason) == (Status.DISCARDED, Reason.NEVER_AGAIN)


@pytest.mark.parametrize(
    "changes",
    [
        {"RecordType": "Delivery", "DeliveredAt": "2026-11-21T12:00:00Z"},
        {"RecordType": "Open", "ReceivedAt": "2026-11-21T12:00:00Z"},
        {"RecordType": "Click"},
        {"Type": "Transient"},
        {"Type": "AutoResponder"},
        {"RecordType": "Something"},
        {"RecordType": "SubscriptionChange", "SuppressSending": False},
    ],
    ids=str,
)
def test_what_did_not_come_back_changes_nothing(changes, guest, now):
    before = rows()

    assert tell(bounce(tag(guest), now, **changes)).content == b"nothing_came_back: 1"

    assert rows() == before


@pytest.mark.parametrize(
    "secret",
    [
        None,
        "",
        "hook:",
        "hook",
        "hook:0123456789abcdef012",
        "Hook:0123456789abcdef0123",
        "hook:\u00fc",
        "None",
    ],
)
def test_who_does_not_know_the_secret_is_refused(secret, guest, now):
    before = rows()

    answer = tell(bounce(tag(guest), now), secret=secret)

    assert (answer.status_code, answer.content) == (403, b"The password or the signature is wrong.")
    assert rows() == before


def test_without_a_secret_nobody_may_tell(guest, now, settings):
    settings.GUESTLIST_MAIL_API_WEBHOOK_SECRET = ""
    before = rows()

    assert tell(bounce(tag(guest), now)).status_code == 404
    assert tell(bounce(tag(guest), now), secret="").status_code == 404
    assert rows() == before


@pytest.mark.parametrize("path", ["/hooks/mail/brevo/", "/hooks/mail/nobody/", "/hooks/mail/"])
def test_only_the_configured_provider_has_an_address(path, guest, now):
    assert tell(bounce(tag(guest), now), path=path).status_code == 404


def test_without_a_provider_there_is_no_address(guest, now, settings):
    settings.GUESTLIST_MAIL_API = ""

    assert tell(bounce(tag(guest), now)).status_code == 404


def test_provider_that_cannot_be_used_is_asked_to_come_again(guest, now, settings):
    settings.GUESTLIST_MAIL_API = "pigeon"

    assert tell(bounce(tag(guest), now), path="/hooks/mail/pigeon/").status_code == 503


@pytest.mark.parametrize(
    ("metadata", "word"),
    [
        ({}, "no_tag"),
        ({"guestlist": ""}, "no_tag"),
        ({"guestlist": 7}, "forged"),
        ({"guestlist": "0" * 38}, "forged"),
        ({"guestlist": "01" + "0" * 14 + "07" + "a" * 20}, "forged"),
        ({"guestlist": "x" * 5000}, "forged"),
    ],
    ids=lambda one: str(one)[:40],
)
def test_without_our_own_tag_nobody_is_bounced(metadata, word, guest, now):
    before = rows()

    answer = tell(bounce(None, now, Metadata=metadata))

    assert (answer.status_code, answer.content.decode()) == (200, f"{word}: 1")
    assert rows() == before


def test_tag_of_another_mail_does_not_bounce_this_address(guest, emma, now):
    other = make.sent_invitation(make.customer(emma.store_view), address="mees@example.org", now=now)
    before = rows()

    assert tell(bounce(tag(other), now)).content == b"other_recipient: 1"
    assert tell(bounce(tag(other), now, Email="no address")).content == b"other_recipient: 1"

    assert rows() == before
    assert tell(bounce(tag(guest), now, Email="NOOR@EXAMPLE.ORG")).content == b"recorded: 1"


def test_mail_that_is_not_in_the_outbox_is_unknown(guest, now):
    before = rows()

    assert tell(bounce(returnpath.tag_for(message_id=1 << 60), now)).content == b"unknown: 1"

    assert rows() == before


def test_the_same_event_counts_once(guest, now):
    event = bounce(tag(guest), now)
    tell(event)
    before = rows()

    assert tell(event).content == b"already: 1"
    assert tell(event | {"ID": 7}).content == b"already: 1"

    assert rows()[0] == before[0]
    assert rows()[4:] == before[4:]


@pytest.mark.parametrize(
    ("age", "word"),
    [
        (datetime.timedelta(days=4, hours=23), "recorded"),
        (datetime.timedelta(days=5, minutes=1), "too_old"),
        (datetime.timedelta(minutes=-9), "recorded"),
        (datetime.timedelta(minutes=-11), "in_the_future"),
    ],
    ids=str,
)
def test_only_what_happened_lately_is_believed(age, word, guest, now):
    assert tell(bounce(tag(guest), now - age)).content.decode() == f"{word}: 1"

    assert Suppression.objects.exists() == (word == "recorded")


def test_event_without_a_time_is_not_believed(guest, now):
    event = bounce(tag(guest), now)
    del event["BouncedAt"]

    assert tell(event).content == b"no_time: 1"


def test_mail_that_a_worker_holds_is_told_again_later(guest, now):
    Message.objects.update(
        state=MessageState.LEASED, lease_until=now + datetime.timedelta(minutes=5), worker="one"
    )

    answer = tell(bounce(tag(guest), now))

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
    assert not Report.objects.exists()


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "[]",
        '{"Metadata": null}',
        '{"Metadata": "guestlist"}',
        "7",
        "null",
        '"x"',
        "\ud800",
        '{"RecordType": "Inbound"}',
        '{"FromFull": 1}',
        "[" * 100_000,
    ],
    ids=lambda one: one[:20],
)
def test_what_cannot_be_read_is_refused(body, guest):
    before = rows()

    answer = tell(body.encode("utf-8", "surrogatepass"))

    assert answer.status_code == 400
    assert rows() == before


def test_too_long_a_story_is_not_read(guest, now):
    assert tell(b" " * 3_000_000).status_code == 400


def test_other_methods_are_refused_and_looking_is_allowed(guest):
    assert Client().get(HOOK).status_code == 405
    assert Client().head(HOOK).status_code == 200
    assert Client().head("/hooks/mail/brevo/").status_code == 404


# --- Providers that sign, and those that tell several things at once ---------------------------------------------------


def mailgun(
    guest: Invitation, now: datetime.datetime, *, key: str = "signing-7", **changes
) -> dict[str, Any]:
    stamp, token = str(int(now.timestamp())), "a" * 50
    signature = hmac.new(key.encode(), f"{stamp}{token}".encode(), hashlib.sha256).hexdigest()
    data = {
        "event": "failed",
        "severity": "permanent",
        "reason": "bounce",
        "timestamp": now.timestamp(),
        "recipient": FRIEND,
        "message": {"headers": {"message-id": "7.x@shop.example"}},
        "delivery-status": {"code": 550, "message": "5.1.1 The account does not exist", "description": ""},
        "user-variables": {"guestlist": tag(guest)},
    }
    return {
        "signature": {"timestamp": stamp, "token": token, "signature": signature},
        "event-data": data | changes,
    }


def test_signed_event_counts_and_a_wrong_signature_does_not(guest, now, settings):
    settings.GUESTLIST_MAIL_API = "mailgun"
    path, before = "/hooks/mail/mailgun/", rows()

    assert tell(mailgun(guest, now, key="guessed"), path=path).status_code == 403
    assert tell({**mailgun(guest, now), "signature": {}}, path=path).status_code == 403
    assert tell(mailgun(guest, now), path=path, secret=None).status_code == 403
    assert rows() == before

    assert tell(mailgun(guest, now, severity="temporary"), path=path).content == b"nothing_came_back: 1"
    assert tell(mailgun(guest, now), path=path).content == b"recorded: 1"
    assert Suppression.objects.count() == 1


def test_password_in_an_address_is_not_logged_when_a_signature_is_wrong(guest, settings, caplog):
    settings.GUESTLIST_MAIL_API = "mandrill"
    settings.ANYMAIL = {"MANDRILL_WEBHOOK_KEY": "signing-7"}
    basic = base64.b64encode(SECRET.encode()).decode()

    answer = Client().post(
        "/hooks/mail/mandrill/",
        {"mandrill_events": "[]"},
        headers={"authorization": f"Basic {basic}", "x-mandrill-signature": "guessed"},
    )

    assert answer.status_code == 403
    assert "refused: AnymailWebhookValidationFailure" in caplog.text
    assert SECRET.partition(":")[2] not in caplog.text


def test_several_events_in_one_story_are_each_taken(guest, emma, now, settings):
    settings.GUESTLIST_MAIL_API = "sparkpost"
    other = make.sent_invitation(make.customer(emma.store_view), address="mees@example.org", now=now)

    def event(number: str, guest: Invitation, address: str, **changes) -> dict[str, Any]:
        fields = {
            "type": "bounce",
            "bounce_class": "10",
            "event_id": number,
            "timestamp": str(int(now.timestamp())),
            "raw_rcpt_to": address,
            "raw_reason": "550 5.1.1 unknown",
            "rcpt_meta": {"guestlist": tag(guest)},
        }
        return {"msys": {"message_event": fields | changes}}

    answer = tell(
        [
            event("1", guest, FRIEND),
            event("2", other, "mees@example.org", type="delivery"),
            event("3", other, "mees@example.org", rcpt_meta={}),
            event("1", guest, FRIEND),
        ],
        path="/hooks/mail/sparkpost/",
    )

    assert answer.content == b"already: 1, no_tag: 1, nothing_came_back: 1, recorded: 1"
    assert Suppression.objects.count() == 1


def test_soft_bounce_of_brevo_blames_nobody(guest, now, settings):
    settings.GUESTLIST_MAIL_API = "brevo"
    event = {
        "event": "soft_bounce",
        "email": FRIEND,
        "ts_epoch": int(now.timestamp() * 1000),
        "message-id": "<7.x@shop.example>",
        "reason": "",
        "X-Mailin-custom": json.dumps({"guestlist": tag(guest)}),
    }

    assert tell(event, path="/hooks/mail/brevo/").content == b"recorded: 1"

    assert Message.objects.get().code == "4.0.0"
    assert not Suppression.objects.exists()


def test_hook_of_another_sort_is_refused_and_the_log_says_why(guest, caplog):
    assert tell({"RecordType": "Inbound"}).status_code == 400

    assert "inbound" in caplog.text


def test_wish_about_a_mail_that_is_never_suppressed_ends_nothing(emma, now):
    assert emma.user
    message = accounts.queue(accounts.EXISTS, user=emma.user, store_view=emma.store_view, now=now)
    assert message
    event = bounce(returnpath.tag_for(message_id=message.pk), now, Type="Unsubscribe")
    before = rows()

    assert tell(event).content == b"nothing_to_end: 1"

    assert rows() == before


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", ["HardBounce", "SpamComplaint", "Unsubscribe"])
def test_event_that_is_told_twice_at_the_same_moment_counts_once(kind, guest, now):
    event = bounce(tag(guest), now, Type=kind)

    answers = races.together(*[lambda: tell(event).content] * 4)

    assert sorted(answers, key=str) == [b"already: 1"] * 3 + [b"recorded: 1"]
    assert Suppression.objects.count() == 1
