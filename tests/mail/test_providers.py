"""Mail by a provider's HTTP API: what is handed over, what its answers mean, and that each mail has one."""

import email.header
import email.message
import json
import os
import subprocess
import sys
from datetime import timedelta
from email.policy import SMTP
from pathlib import Path
from urllib.parse import unquote_plus

import pytest
import requests
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError

import guestlist
from guestlist.mail import journal, returnpath
from guestlist.mail.answers import Result
from guestlist.mail.api import ApiTransport, message_of, of_error
from guestlist.mail.delivery import Delivery
from guestlist.mail.models import Attempt, Message, MessageState, SenderIdentity
from guestlist.mail.providers import PROVIDERS
from guestlist.worker import loop
from tests.mail import apiserver
from tests.mail.apiserver import ApiServer, Said
from tests.mail.outbox import Clock, Friends, make_shop, queue
from tests.mail.supply import Shelf, parcel, parcels

KEYS = {
    "POSTMARK_SERVER_TOKEN": "token-7",
    "BREVO_API_KEY": "key-7",
    "MAILGUN_API_KEY": "key-7",
    "MAILJET_API_KEY": "key-7",
    "MAILJET_SECRET_KEY": "secret-7",
    "MAILTRAP_API_TOKEN": "token-7",
    "MANDRILL_API_KEY": "key-7",
    "RESEND_API_KEY": "key-7",
    "SPARKPOST_API_KEY": "key-7",
}


def mail(recipient: str = "friend1@x.example") -> bytes:
    made = email.message.EmailMessage(policy=SMTP)
    made["From"] = "Linden & Löom <shop@shop.example>"
    made["To"] = f"Fränk <{recipient}>"
    made["Reply-To"] = "help@shop.example"
    made["Subject"] = "Müsli for you"
    made["Date"] = "Sat, 21 Nov 2026 12:00:00 +0000"
    made["Message-ID"] = "<7.x@shop.example>"
    made["Auto-Submitted"] = "auto-generated"
    made["Feedback-ID"] = "0:main_en:test:guestlist-1"
    made["List-Unsubscribe"] = "<https://main.example/never-again/" + "x" * 120 + "/>"
    made["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    made["DKIM-Signature"] = "v=1; d=shop.example"
    made.set_content("Grüße\n.dot\n")
    made.add_alternative("<p>Grüße</p>\n", subtype="html")
    return bytes(made)


@pytest.fixture
def api():
    with apiserver.running(ApiServer()) as server:
        yield server


@pytest.fixture
def way(api, settings):
    """Return what makes a transport to the server."""
    made: list[ApiTransport] = []

    def make(connections: int = 2, provider: str = "postmark", **changes) -> ApiTransport:
        api.provider = provider
        settings.ANYMAIL = KEYS | {f"{provider.upper()}_API_URL": api.url, "REQUESTS_TIMEOUT": 2} | changes
        made.append(ApiTransport(PROVIDERS[provider], connections=connections))
        return made[-1]

    yield make
    for one in made:
        one.close()


def carried(transport, *wanted):
    shelf = Shelf(*wanted)
    trouble = transport.carry(shelf)
    assert not shelf.out
    return shelf, trouble


def test_mail_arrives_with_its_headers_and_both_parts(api, way):
    shelf, trouble = carried(way(), parcel(7, "friend1@x.example", content=mail()))

    assert (shelf.results(), trouble) == ({7: (Result.ACCEPTED, "200")}, "")
    assert shelf.answers[7].text == "0a1b-2c3d"
    assert api.requests[0]["headers"]["X-Postmark-Server-Token"] == "token-7"
    (body,) = api.bodies()
    assert (body["From"], body["To"]) == (
        "Linden & Löom <shop@shop.example>",
        "Fränk <friend1@x.example>",
    )
    assert (body["Subject"], body["ReplyTo"]) == ("Müsli for you", "help@shop.example")
    assert (body["TextBody"], body["HtmlBody"]) == ("Grüße\n.dot\n", "<p>Grüße</p>\n")
    assert {one["Name"]: one["Value"] for one in body["Headers"]} == {
        "Message-ID": "<7.x@shop.example>",
        "Auto-Submitted": "auto-generated",
        "Feedback-ID": "0:main_en:test:guestlist-1",
        "List-Unsubscribe": "<https://main.example/never-again/" + "x" * 120 + "/>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "X-PM-KeepID": "true",
    }
    assert returnpath.opened_tag(body["Metadata"]["guestlist"]) == 7


def test_nothing_is_tracked_whatever_the_settings_say(api, way):
    carried(way(SEND_DEFAULTS={"track_opens": True, "track_clicks": True}), parcel(1, content=mail()))

    (body,) = api.bodies()
    assert (body["TrackOpens"], body["TrackLinks"]) == (False, "None")


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_provider_takes_our_mail(provider, api, way):
    transport = way(1, provider)

    shelf, trouble = carried(transport, parcel(7, "friend1@x.example", content=mail()))

    assert (shelf.answers[7].result, trouble) == (Result.ACCEPTED, ""), shelf.answers[7]
    sent = unquote_plus(api.requests[0]["body"])
    for wanted in ("List-Unsubscribe-Post", "7.x@shop.example"):
        assert wanted in sent
    assert returnpath.tag_for(message_id=7) in sent
    assert "v=1; d=shop.example" not in sent


def test_attached_files_go_along(settings):
    made = email.message_from_bytes(mail(), policy=SMTP)
    assert isinstance(made, email.message.EmailMessage)
    made.add_attachment(b"BEGIN:VCALENDAR", maintype="text", subtype="calendar", filename="sale.ics")

    message = message_of(parcel(1, content=bytes(made)), PROVIDERS["postmark"])

    assert [one.get_filename() for one in message.attachments] == ["sale.ics"]
    assert message.body == "Grüße\n.dot\n"


INACTIVE = (
    "You tried to send to recipient(s) that have been marked as inactive. Found inactive addresses: "
    "friend1@x.example. Inactive recipients are ones that have generated a hard bounce or a spam complaint."
)


@pytest.mark.parametrize(
    ("said", "result", "code"),
    [
        (Said(422, {"ErrorCode": 406, "Message": INACTIVE}), Result.BOUNCED, "rejected"),
        (
            Said(422, {"ErrorCode": 300, "Message": "Invalid 'To' address: 'friend1@x.example'."}),
            Result.FAILED,
            "invalid",
        ),
        (Said(422, {"ErrorCode": 300, "Message": "Invalid metadata content."}), Result.FAILED, "422"),
        (
            Said(
                422,
                {"ErrorCode": 400, "Message": "The 'From' address you supplied is not a Sender Signature"},
            ),
            Result.REFUSED_US,
            "422",
        ),
        (
            Said(
                422,
                {
                    "ErrorCode": 300,
                    "Message": "Error parsing 'To': Illegal domain 'sender-suspended.example'.",
                },
            ),
            Result.FAILED,
            "failed",
        ),
        (Said(400, "Illegal domain 'sender-suspended.example' in to"), Result.FAILED, "400"),
        (Said(302, "", {"Location": "/elsewhere"}), Result.REFUSED_US, "302"),
        (Said(401, {"ErrorCode": 10, "Message": "Bad token"}), Result.REFUSED_US, "401"),
        (Said(403, "no"), Result.REFUSED_US, "403"),
        (Said(413, "too large"), Result.FAILED, "413"),
        (Said(500, "oops"), Result.DEFERRED, "500"),
        (Said(503, "away"), Result.DEFERRED, "503"),
        (Said(drop=True), Result.DEFERRED, "connection_lost"),
        (Said(200, "<html>Welcome to the hotel"), Result.REFUSED_US, "unreadable_answer"),
        (Said(200, {"ErrorCode": 0}), Result.REFUSED_US, "unreadable_answer"),
        (Said(200, 7), Result.REFUSED_US, "unreadable_answer"),
    ],
    ids=lambda one: str(one.status) if isinstance(one, Said) else "",
)
def test_each_answer_has_its_meaning(said, result, code, api, way):
    api.answers["*"] = said

    shelf, trouble = carried(way(), parcel(1, content=mail()))

    assert shelf.results() == {1: (result, code)}
    assert trouble == ""
    assert "friend1@x.example" not in shelf.answers[1].text
    assert not shelf.answers[1].no_such_address


HOSTILE = [
    "Sender Suspended <noor@x.example>",
    "not☃verified <noor@x.example>",
    "Ösender <noor@x.example>",
    '"quota, credits" <noor@x.example>',
    "sender'suspended@x.example",
    "a(sender)quota@x.example",
    "sender\u3000quota@x.example",
    "sender-suspended@x.example",
    "Unverified_Sender <sender@x.example>",
]


@pytest.mark.parametrize("to", HOSTILE)
@pytest.mark.parametrize(
    "write",
    [
        lambda to: json.dumps({"message": f"Cannot parse to: {to}"}),
        lambda to: json.dumps({"message": f"Cannot parse to: {to}"}, ensure_ascii=False),
        lambda to: f"Illegal name: {to.partition('<')[0].upper()}",
        lambda to: f"Cannot take {email.header.Header(to.partition('<')[0], 'utf-8', 70).encode()}",
        lambda to: f"Illegal local part: {to.rpartition('<')[2].partition('@')[0]}",
    ],
    ids=["escaped", "json", "name", "encoded", "local-part"],
)
def test_words_that_a_recipient_chose_do_not_stop_the_sender(write, to):
    answer = of_error(answered(400, write(to)), to=to)

    assert answer.result is Result.FAILED
    assert "x.example" not in answer.text


@pytest.mark.parametrize(
    "words", ["Sender is not verified", "The 'From' address is unknown", "inactive account", "over quota"]
)
def test_what_a_provider_says_of_the_sender_stops_it_whoever_gets_the_mail(words):
    answer = of_error(answered(400, json.dumps({"message": words})), to="Noor Jansen <noor@x.example>")

    assert answer.result is Result.REFUSED_US


def answered(status: int, text: str) -> requests.Response:
    response = requests.Response()
    response.status_code, response._content, response.encoding = status, text.encode(), "utf-8"
    return response


def test_recipient_whose_name_is_repeated_fails_alone(api, way):
    api.answers["friend1@"] = Said(400, {"message": "Bad name: Sender Suspended"})
    odd = mail().replace(b"=?utf-8?q?Fr=C3=A4nk?=", b"Sender Suspended")

    shelf, _trouble = carried(way(1, "brevo"), parcel(1, "friend1@x.example", content=odd), parcel(2))

    assert shelf.results() == {1: (Result.FAILED, "400"), 2: (Result.ACCEPTED, "200")}


def test_provider_that_does_not_answer_is_not_waited_for(api, way):
    api.answers["friend1@"] = Said(after=3)

    shelf, _trouble = carried(way(REQUESTS_TIMEOUT=0.3), parcel(1), parcel(2))

    assert shelf.results() == {1: (Result.DEFERRED, "no_answer"), 2: (Result.ACCEPTED, "200")}


def test_nobody_there_blames_no_mail(api, way):
    transport = way(1)
    transport._idle[0].api_url = "http://127.0.0.1:9/"

    shelf, trouble = carried(transport, parcel(1))

    assert shelf.answers[1].result is Result.UNREACHABLE
    assert trouble


def test_too_many_requests_are_heard(api, way):
    api.answers["*"] = Said(429, "slow down", {"Retry-After": "90"})
    transport = way(1)

    shelf = Shelf(*parcels(5))
    trouble = transport.carry(shelf)

    assert shelf.results() == {1: (Result.DEFERRED, "429")}
    assert shelf.answers[1].again_after == timedelta(seconds=90)
    assert trouble.startswith("429")
    assert "asks to wait" in transport.carry(shelf)
    assert len(api.requests) == 1
    transport._rests_until = 0
    api.answers.clear()
    assert transport.carry(shelf) == ""
    assert {one for one, _code in list(shelf.results().values())[1:]} == {Result.ACCEPTED}


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("120", timedelta(minutes=2)),
        ("99999999999999", timedelta(hours=6)),
        ("Sat, 21 Nov 2026 12:05:00 GMT", timedelta(minutes=5)),
        ("Sat, 21 Nov 2026 11:05:00 GMT", timedelta()),
        ("soon", None),
        ("-3", None),
        ("²", None),
    ],
)
def test_time_to_try_again_is_read_by_the_providers_clock(value, wanted, api, way):
    api.answers["*"] = Said(500, "", {"Retry-After": value})

    shelf, _trouble = carried(way(), parcel(1))

    # The server's own clock stands in Date.
    again = shelf.answers[1].again_after
    if wanted is None or not value.endswith("GMT"):
        assert again == wanted
    else:
        assert again is not None


def test_many_mails_are_each_answered_once_over_several_connections(api, way):
    api.answers |= {
        "friend13@": Said(500),
        "friend77@": Said(422, {"ErrorCode": 300, "Message": "Invalid x"}),
    }
    wanted = parcels(200)

    shelf, trouble = carried(way(8), *wanted)

    assert trouble == ""
    assert len(shelf.answers) == len(api.requests) == 200
    assert shelf.results()[13] == (Result.DEFERRED, "500")
    assert shelf.results()[77] == (Result.FAILED, "422")
    assert sum(one.result is Result.ACCEPTED for one in shelf.answers.values()) == 198
    assert 1 < api.most_at_once <= 8
    assert api.connections <= 8


def test_connections_are_kept_between_runs(api, way):
    transport = way(1)

    carried(transport, parcel(1))
    carried(transport, parcel(2))

    assert (len(api.requests), api.connections) == (2, 1)


def test_mail_that_may_not_leave_is_given_back(api, way):
    shelf = Shelf(*parcels(3), may_leave=lambda one: one.row.pk != 2)

    assert way().carry(shelf) == ""

    assert (sorted(shelf.answers), shelf.given_back) == ([1, 3], [2])
    assert len(api.requests) == 2


def test_what_is_under_way_gets_its_answer_when_something_breaks(api, way):
    api.answers["friend2@"] = Said(after=0.3, body={"ErrorCode": 0, "Message": "OK", "MessageID": "x"})

    class Breaking(Shelf):
        def answered(self, parcel, answer):
            super().answered(parcel, answer)
            if parcel.row.pk == 1:
                raise OperationalError("gone")

    shelf = Breaking(*parcels(2))
    with pytest.raises(OperationalError):
        way(2).carry(shelf)

    assert sorted(shelf.answers) == [1, 2]


def test_mail_that_the_provider_has_no_place_for_fails_alone(api, way):
    odd = mail().replace(b"Auto-Submitted: auto-generated", "X-Odd: \\u00fc ü".encode())

    shelf, _trouble = carried(way(1, "brevo"), parcel(1, content=odd), parcel(2))

    assert shelf.results() == {1: (Result.FAILED, "unsupported"), 2: (Result.ACCEPTED, "200")}


@pytest.mark.django_db
def test_outbox_is_delivered_by_the_api(api, way):
    api.answers |= {
        "friend2@friend.example": Said(
            422, {"ErrorCode": 406, "Message": INACTIVE.replace("friend1@x", "friend2@friend")}
        ),
        "friend3@friend.example": Said(500, "oops"),
    }
    queue(make_shop(), range(1, 5))
    delivery = Delivery(
        kinds=[Friends()], transport=way(), worker="one", clock=Clock(), batch_size=lambda _website: 10
    )

    tally = delivery.run()

    assert (tally.claimed, tally.unreachable) == (4, "")
    states = dict(Message.objects.values_list("subject_id", "state"))
    assert states == {
        1: MessageState.SENT,
        2: MessageState.BOUNCED,
        3: MessageState.READY,
        4: MessageState.SENT,
    }
    assert set(Attempt.objects.values_list("code", flat=True)) == {"rejected", "500"}
    sent = {body["To"]: returnpath.opened_tag(body["Metadata"]["guestlist"]) for body in api.bodies()}
    assert sent["friend1@friend.example"] == Message.objects.get(subject_id=1).pk


@pytest.mark.django_db
def test_sender_stops_when_the_provider_refuses_us(api, way):
    api.answers["*"] = Said(401, {"ErrorCode": 10, "Message": "Bad token"})
    queue(make_shop(), range(1, 30))

    Delivery(
        kinds=[Friends()], transport=way(), worker="one", clock=Clock(), batch_size=lambda _website: 30
    ).run()

    assert SenderIdentity.objects.get().stopped_at is not None
    assert len(api.requests) <= 2
    assert set(Message.objects.values_list("state", flat=True)) == {MessageState.READY}


def test_environment_decides_which_way_mail_goes(settings):
    settings.GUESTLIST_MAIL_API, settings.ANYMAIL = "postmark", KEYS
    transport = loop.configured_transport()

    assert isinstance(transport, ApiTransport)
    assert transport.connections == 8
    transport.close()


@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        ("pigeon", KEYS, "must be one of brevo, mailgun"),
        ("postmark", {}, "must have POSTMARK_SERVER_TOKEN"),
    ],
)
def test_setting_that_is_wrong_says_so(name, given, words, settings):
    settings.GUESTLIST_MAIL_API, settings.ANYMAIL = name, given

    with pytest.raises(ImproperlyConfigured, match=words):
        loop.configured_transport()


def test_package_that_is_missing_says_how_to_install_it(settings, monkeypatch):
    settings.GUESTLIST_MAIL_API = "postmark"
    monkeypatch.setitem(sys.modules, "anymail", None)

    with pytest.raises(ImproperlyConfigured, match=r"pip install '\.\[anymail\]'"):
        loop.configured_transport()


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"GUESTLIST_MAIL_API": "postmark", "GUESTLIST_SMTP_URL": "smtp://127.0.0.1"}, "not both"),
        ({"GUESTLIST_MAIL_API_SETTINGS": "{"}, "must be a JSON object"),
        ({"GUESTLIST_MAIL_API_SETTINGS": "[]"}, "must be a JSON object"),
        ({"GUESTLIST_MAIL_API_SETTINGS": '{"DEBUG_API_REQUESTS": true}'}, "must not have DEBUG_API_REQUESTS"),
        ({"GUESTLIST_MAIL_API_SETTINGS": '{"BREVO_API_URL": "http://api.example"}'}, "in the clear"),
        ({"GUESTLIST_MAIL_API_CONNECTIONS": "65"}, "from 1 to 64"),
        ({"GUESTLIST_MAIL_API_WEBHOOK_SECRET": "hook:short"}, "at least 16"),
    ],
    ids=lambda one: "" if isinstance(one, str) else "-".join(one),
)
def test_unsafe_environment_is_refused_at_the_start(variables, words, tmp_path):
    ended = subprocess.run(
        [sys.executable, "-c", "from django.conf import settings; settings.DEBUG"],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(Path(guestlist.__file__).parents[1]),
            "DJANGO_SETTINGS_MODULE": "guestlist.settings",
            "GUESTLIST_DATA": str(tmp_path),
            **variables,
        },
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert words in ended.stderr.splitlines()[-1]


def test_nothing_of_it_is_needed_where_it_is_not_configured(tmp_path):
    program = (
        "import sys; sys.modules['anymail'] = sys.modules['requests'] = None; import django; django.setup(); "
        "from guestlist.worker import loop; import guestlist.urls; print(loop.configured_transport())"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(Path(guestlist.__file__).parents[1]),
            "DJANGO_SETTINGS_MODULE": "guestlist.settings",
            "GUESTLIST_DATA": str(tmp_path),
        },
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert (ended.stdout.strip(), ended.returncode) == ("None", 0), ended.stderr


def test_keys_in_a_file_are_read(tmp_path):
    file = tmp_path / "keys.json"
    file.write_text(json.dumps(KEYS))
    ended = subprocess.run(
        [sys.executable, "-c", "from django.conf import settings; print(settings.ANYMAIL['BREVO_API_KEY'])"],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(Path(guestlist.__file__).parents[1]),
            "DJANGO_SETTINGS_MODULE": "guestlist.settings",
            "GUESTLIST_DATA": str(tmp_path),
            "GUESTLIST_MAIL_API_SETTINGS_FILE": str(file),
        },
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert ended.stdout.strip() == "key-7"


@pytest.mark.django_db(transaction=True)
def test_threads_of_the_worker_share_the_work_and_its_journal_knows_all(api, way, tmp_path):
    api.answers |= {"friend9@friend.example": Said(500, "oops")}
    queue(make_shop(), range(1, 121))
    held = journal.take_first(tmp_path, "one")

    tally = Delivery(
        kinds=[Friends()],
        transport=way(8),
        worker=held.name,
        clock=Clock(),
        batch_size=lambda _website: 60,
        journal=held,
        journals=tmp_path,
    ).run()
    held.close()

    assert (tally.claimed, tally.unreachable) == (120, "")
    assert Message.objects.filter(state=MessageState.SENT).count() == 119
    assert len({body["To"] for body in api.bodies()}) == len(api.requests) == 120
    assert 1 < api.most_at_once <= 8


def test_mail_that_cannot_be_read_fails_alone(api, way):
    odd = mail().replace(b'charset="utf-8"', b'charset="klingon"')

    shelf, _trouble = carried(way(1), parcel(1, content=odd), parcel(2, content=mail()))

    assert shelf.results() == {1: (Result.FAILED, "unusable"), 2: (Result.ACCEPTED, "200")}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_provider_has_a_reader_of_its_events(provider, settings):
    settings.ANYMAIL = KEYS | {
        "MAILGUN_WEBHOOK_SIGNING_KEY": "signing-7",
        "MANDRILL_WEBHOOK_KEY": "signing-7",
    }
    settings.GUESTLIST_MAIL_API_WEBHOOK_SECRET = "hook:0123456789abcdef"

    reader = PROVIDERS[provider].events()

    assert callable(reader.parse_events)
