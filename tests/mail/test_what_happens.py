"""What happens when: each row of the promise, against a mail server that behaves so."""

import datetime
import itertools
import socket
import ssl
import threading
from collections import Counter

import pytest

from guestlist import addresses
from guestlist.mail import actions
from guestlist.mail.answers import Result
from guestlist.mail.delivery import Delivery
from guestlist.mail.kinds import Verdict
from guestlist.mail.models import (
    Attempt,
    Message,
    MessageState,
    SenderIdentity,
    Suppression,
    SuppressionReason,
)
from guestlist.mail.transport import Server, SmtpTransport
from tests.mail import mailserver, scriptedserver, supply
from tests.mail.outbox import NOW, Clock, Friends, make_shop, queue
from tests.mail.scriptedserver import DROP, RESET, SILENT, TAKE_AND_DROP
from tests.mail.supply import Shelf

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop():
    return make_shop()


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    mailserver.make_certificate(folder)
    return folder


def smtp_to(port, **options):
    return SmtpTransport(
        Server("127.0.0.1", port, **{"ehlo": "shop.example", "timeout": 5, "connections": 1, **options})
    )


def delivery_to(port, *, kind=None, clock=None, **options):
    return Delivery(
        kinds=[kind or Friends()],
        transport=smtp_to(port, **options),
        worker="one",
        clock=clock or Clock(),
        batch_size=lambda _website: 500,
        jitter=lambda: 0.5,
    )


def deliver(server, kind, **options):
    """Run once, and hang up."""
    delivery = delivery_to(server.port, kind=kind, **options)
    tally = delivery.run()
    delivery.transport.close()
    return tally


def only(stage, answer, recipient="", *, times=10_000):
    """Return a script that answers so at a stage, to one recipient or to all, and else as a friendly server."""
    left = itertools.count(1)
    current = {}

    def script(now, line, call):
        if now == "RCPT":
            current[call.number] = line
        about = recipient in (line if now != "DATA" else current.get(call.number, ""))
        return answer if now == stage and about and next(left) <= times else None

    return script


def states():
    return dict(Message.objects.order_by("subject_id").values_list("subject_id", "state"))


# --- Not now ------------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("delivery-when-deferred")
@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA", "dot"])
@pytest.mark.parametrize(
    ("words", "minutes"),
    [(b"4.2.1 busy", 1), (b"4.7.1 try again in 600 seconds", 10), (b"4.7.1 retry in 2 hours", 120)],
)
def test_what_is_put_off_waits_as_the_server_says(shop, stage, words, minutes):
    queue(shop, range(2))
    kind = Friends()
    with scriptedserver.running(only(stage, b"450 " + words + b"\r\n", times=1)) as server:
        deliver(server, kind)

    assert Counter(kind.verdicts().values()) == {
        "accepted 2.0.0": 1,
        f"deferred {words.split()[0].decode()}": 1,
    }
    waits = Message.objects.get(state=MessageState.READY)
    assert waits.ready_at - NOW == datetime.timedelta(minutes=minutes)
    assert waits.tries == 1
    assert len(server.mails) == 1


@pytest.mark.requirement("delivery-when-deferred")
@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("end", [DROP, RESET, SILENT])
def test_a_line_that_is_lost_before_the_final_dot_puts_off(shop, stage, end):
    queue(shop, range(3))
    kind = Friends()
    with scriptedserver.running(only(stage, end, times=1)) as server:
        deliver(server, kind, timeout=0.2)

    assert Counter(kind.verdicts().values()) == {"accepted 2.0.0": 2, "deferred connection_lost": 1}
    assert set(server.copies().values()) == {1}
    assert len(server.calls) == 2


@pytest.mark.requirement("delivery-when-no-answer")
@pytest.mark.parametrize("end", [TAKE_AND_DROP, SILENT])
def test_a_line_that_is_lost_after_the_final_dot_sends_again_under_the_same_message_id(shop, end):
    queue(shop, range(1))
    kind, clock = Friends(), Clock()
    with scriptedserver.running(only("dot", end, times=1)) as server:
        delivery = delivery_to(server.port, kind=kind, clock=clock, timeout=0.2)
        delivery.run()
        first = kind.verdicts()
        clock.forward(minutes=1)
        delivery.run()
        delivery.transport.close()

    assert first == {0: "deferred no_answer"}
    assert kind.verdicts() == {0: "accepted 2.0.0"}
    assert list(server.copies().values()) == [2 if end == TAKE_AND_DROP else 1]


@pytest.mark.requirement("delivery-when-deferred")
def test_nothing_is_tried_again_after_the_occasion_closed(shop):
    queue(shop, range(3))
    kind = Friends(until={0: NOW + datetime.timedelta(seconds=59), 1: NOW + datetime.timedelta(seconds=61)})
    with scriptedserver.running(only("RCPT", b"450 4.2.1 busy\r\n")) as server:
        deliver(server, kind)

    assert kind.verdicts() == {0: "failed 4.2.1", 1: "deferred 4.2.1", 2: "deferred 4.2.1"}
    assert states() == {0: "failed", 1: "ready", 2: "ready"}


@pytest.mark.requirement("delivery-when-deferred")
def test_mail_whose_occasion_is_over_does_not_leave(shop):
    queue(shop, range(2))
    kind = Friends(until={0: NOW - datetime.timedelta(seconds=1)})
    with scriptedserver.running() as server:
        deliver(server, kind)

    assert kind.verdicts() == {0: "failed too_late", 1: "accepted 2.0.0"}
    assert server.recipients() == ["friend1@friend.example"]


@pytest.mark.requirement("delivery-when-deferred")
def test_a_server_that_always_says_in_a_second_is_not_asked_every_second(shop):
    queue(shop, range(1))
    clock = Clock()
    waits = []
    with scriptedserver.running(only("RCPT", b"450 4.7.1 try again in 1 second\r\n")) as server:
        delivery = delivery_to(server.port, clock=clock)
        for _ in range(5):
            delivery.run()
            row = Message.objects.get()
            waits.append((row.ready_at - clock.now).total_seconds())
            clock.now = row.ready_at
        delivery.transport.close()

    assert waits == [1, 2, 4, 8, 16]


# --- Never --------------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("delivery-when-bounced")
@pytest.mark.parametrize("stage", ["RCPT", "DATA", "dot"])
@pytest.mark.parametrize(
    ("code", "is_suppressed"),
    [
        ("550 5.1.1", True),
        ("550 5.1.2", True),
        ("556 5.1.10", True),
        ("552 5.2.2", False),
        ("550 5.7.1", False),
        ("554 5.7.509", False),
        ("550", False),
    ],
)
def test_what_a_recipient_refuses_bounces_at_once(shop, stage, code, is_suppressed):
    queue(shop, range(2))
    hashed = addresses.hash_of("friend0@friend.example")
    kind = Friends(hashed={0: hashed})
    answer = f"{code} no <friend0@friend.example>\r\n".encode()
    with scriptedserver.running(only(stage, answer, "friend0")) as server:
        deliver(server, kind)

    assert kind.verdicts() == {0: f"bounced {code.split()[-1]}", 1: "accepted 2.0.0"}
    assert Suppression.objects.filter(address_hash=hashed).exists() is is_suppressed
    assert "friend0" not in Attempt.objects.get().answer
    assert len(server.calls) == 1


@pytest.mark.requirement("delivery-when-bounced")
def test_a_server_that_wants_content_for_nobody_gets_a_lone_dot(shop):
    queue(shop, range(3))
    kind = Friends()
    recipients = {}

    def script(stage, line, call):
        if stage == "RCPT":
            recipients[call.number] = line
            return b"550 5.1.1 unknown\r\n" if "friend1" in line else None
        return b"354 tell me\r\n" if stage == "DATA" and "friend1" in recipients[call.number] else None

    with scriptedserver.running(script) as server:
        deliver(server, kind)

    assert kind.verdicts() == {0: "accepted 2.0.0", 1: "bounced 5.1.1", 2: "accepted 2.0.0"}
    assert server.recipients() == ["friend0@friend.example", "friend2@friend.example"]
    assert len(server.calls) == 1


@pytest.mark.requirement("delivery-when-smtputf8")
def test_an_address_that_cannot_be_carried_fails_alone(shop):
    queue(shop, range(4))
    kind = Friends(
        addresses={
            0: "noör@friend.example",
            1: f"{'x' * 65}@friend.example",
            2: f"x@{'.'.join(['y' * 60] * 5)}.example",
        }
    )
    with scriptedserver.running(offers=("PIPELINING",)) as server:
        deliver(server, kind)

    assert kind.verdicts() == {
        0: "failed smtputf8",
        1: "failed address_too_long",
        2: "failed address_too_long",
        3: "accepted 2.0.0",
    }
    assert Attempt.objects.get(message__subject_id=0).answer
    assert Suppression.objects.count() == 0


# --- Us -----------------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("delivery-when-refused-us")
@pytest.mark.parametrize(
    ("stage", "answer"),
    [
        ("MAIL", b"550 5.7.1 sender not allowed\r\n"),
        ("MAIL", b"530 5.7.0 sign in first\r\n"),
        ("RCPT", b"554 5.7.1 relay access denied\r\n"),
        ("RCPT", b"553 5.7.1 <shop@shop.example>: Sender address rejected: not owned by user shop\r\n"),
        ("RCPT", b"554 5.7.1 <unknown[192.0.2.7]>: Client host rejected: Access denied\r\n"),
        ("RCPT", b"504 5.5.2 <worker>: Helo command rejected: need fully-qualified hostname\r\n"),
        ("RCPT", b"554 5.7.1 Service unavailable; Client host [192.0.2.7] blocked using zen.example\r\n"),
        ("RCPT", b"550 5.7.60 SMTP; Client does not have permissions to send as this sender\r\n"),
        ("dot", b"550 5.7.60 SMTP; Client does not have permissions to send as this sender\r\n"),
        ("dot", b"550 5.7.26 not authenticated\r\n"),
    ],
)
def test_a_sender_that_is_refused_stops_and_no_address_is_blamed(shop, stage, answer, caplog):
    queue(shop, range(30))
    kind = Friends()
    with scriptedserver.running(only(stage, answer)) as server:
        tally = deliver(server, kind)
        assert delivery_to(server.port, kind=kind).run().claimed == 0

    assert kind.recorded == []
    assert set(Message.objects.values_list("state", "tries", "worker")) == {("ready", 0, "")}
    assert tally.released == 30
    assert SenderIdentity.objects.get().stopped_reason.startswith(answer.split()[1].decode())
    assert "is stopped" in caplog.text
    assert Counter(call for one in server.calls for call in one.commands)["DATA"] <= 2


@pytest.mark.requirement("delivery-when-refused-us")
@pytest.mark.parametrize("offers", [(), ("PIPELINING",)], ids=["lock-step", "pipelining"])
@pytest.mark.parametrize("stage", ["DATA", "dot"])
def test_words_about_relaying_after_the_recipient_was_taken_do_not_stop_the_sender(shop, stage, offers):
    queue(shop, range(4))
    kind = Friends()
    script = only(stage, b"554 5.7.1 Relay access denied\r\n", "friend2@")
    with scriptedserver.running(script, offers=offers) as server:
        deliver(server, kind)

    assert kind.verdicts() == {n: "bounced 5.7.1" if n == 2 else "accepted 2.0.0" for n in range(4)}
    assert SenderIdentity.objects.get().stopped_at is None
    assert Suppression.objects.count() == 0


@pytest.mark.requirement("delivery-when-refused-us")
def test_a_password_that_is_refused_stops_the_sender_after_one_try(shop):
    queue(shop, range(30))
    script = only("AUTH", b"535 5.7.8 wrong\r\n")
    with scriptedserver.running(script, offers=("AUTH PLAIN",)) as server:
        tally = deliver(server, Friends(), user="shop", password="wrong", connections=8)

    assert (tally.claimed, tally.released) == (30, 30)
    assert SenderIdentity.objects.get().stopped_reason.startswith("5.7.8")
    assert len(server.calls) == 1
    assert set(Message.objects.values_list("state", "tries")) == {("ready", 0)}


@pytest.mark.requirement("delivery-when-away")
@pytest.mark.parametrize("answer", [b"454 4.7.0 try later\r\n", DROP])
def test_a_sign_in_that_is_put_off_blames_nobody(shop, answer):
    queue(shop, range(2))
    with scriptedserver.running(only("AUTH", answer), offers=("AUTH PLAIN",)) as server:
        tally = deliver(server, Friends(), user="shop", password="right")

    assert tally.unreachable
    assert set(Message.objects.values_list("state", "tries")) == {("ready", 0)}
    assert SenderIdentity.objects.get().stopped_at is None


# --- Encryption ---------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("delivery-when-starttls-fails")
@pytest.mark.parametrize(
    ("offers", "answer"),
    [
        ((), None),
        (("STARTTLS",), b"454 4.7.0 TLS not available\r\n"),
        (("STARTTLS",), b"220 go on\r\n"),
        (("STARTTLS",), DROP),
    ],
    ids=["not-offered", "refused", "no-handshake", "dropped"],
)
def test_no_mail_leaves_unless_it_is_encrypted_where_it_must_be(shop, offers, answer):
    queue(shop, range(2))

    def script(stage, _line, _call):
        return answer if stage == "STARTTLS" else DROP if stage not in {"connect", "EHLO"} else None

    with scriptedserver.running(script, offers=offers) as server:
        tally = deliver(server, Friends(), starttls=True, timeout=0.3)

    assert tally.unreachable
    assert server.mails == []
    assert set(Message.objects.values_list("state", "tries")) == {("ready", 0)}


@pytest.mark.requirement("delivery-when-starttls-fails")
@pytest.mark.parametrize("trusted", [True, False])
def test_a_certificate_is_believed_only_when_its_authority_is(shop, certificates, trusted):
    queue(shop, range(2))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificates / "server.pem", certificates / "key.pem")
    ca_file = str(certificates / "ca.pem") if trusted else ""
    with scriptedserver.running(offers=("PIPELINING", "STARTTLS"), context=context) as server:
        tally = deliver(server, Friends(), starttls=True, ca_file=ca_file)

    assert len(server.mails) == (2 if trusted else 0)
    assert ("certificate" in tally.unreachable.lower()) is not trusted


# --- Odd servers --------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("delivery-when-no-pipelining")
@pytest.mark.parametrize("chunk", [0, 1])
@pytest.mark.parametrize("offers", [(), ("PIPELINING",)], ids=["lock-step", "pipelining"])
def test_replies_in_any_pieces_are_understood(shop, offers, chunk):
    queue(shop, range(6))
    kind = Friends()

    def script(stage, line, _call):
        if stage == "RCPT" and "friend2" in line:
            return b"550-5.1.1 There is nobody\r\n550-5.1.1 by that name\r\n550 5.1.1 here.\r\n"
        return b"250-2.0.0 it\r\n250 2.0.0 is queued\r\n" if stage == "dot" else None

    with scriptedserver.running(script, offers=offers, chunk=chunk) as server:
        deliver(server, kind)

    assert kind.verdicts() == {n: "bounced 5.1.1" if n == 2 else "accepted 2.0.0" for n in range(6)}
    assert set(server.copies().values()) == {1}
    assert "by that name" in Attempt.objects.get().answer
    pairs = itertools.pairwise(server.calls[0].commands)
    assert ("RCPT", "DATA") in pairs
    assert len(server.calls) == 1


@pytest.mark.requirement("delivery-when-deferred")
@pytest.mark.parametrize("garbage", [b"HTTP/1.1 400 Bad Request\r\n", b"\xff\x00\r\n", b"\r\n", b"25\r\n"])
@pytest.mark.parametrize("stage", ["RCPT", "dot"])
def test_a_server_that_talks_nonsense_is_left(shop, garbage, stage):
    queue(shop, range(2))
    kind = Friends()
    with scriptedserver.running(only(stage, garbage, times=1)) as server:
        deliver(server, kind)

    lost = "no_answer" if stage == "dot" else "connection_lost"
    assert Counter(kind.verdicts().values()) == {"accepted 2.0.0": 1, f"deferred {lost}": 1}
    assert len(server.calls) == 2


@pytest.mark.requirement("delivery-when-away")
@pytest.mark.parametrize("greeting", [b"421 4.7.0 too busy\r\n", b"554 no service\r\n", b"hello\r\n", DROP])
def test_a_server_that_lets_nobody_in_blames_nobody(shop, greeting):
    queue(shop, range(2))
    kind = Friends()
    with scriptedserver.running(only("connect", greeting)) as server:
        tally = deliver(server, kind)

    assert tally.unreachable
    assert kind.recorded == []
    assert set(Message.objects.values_list("state", "tries", "ready_at")) == {("ready", 0, NOW)}


@pytest.mark.requirement("delivery-when-421")
def test_fewer_connections_are_used_when_a_server_lets_no_more_in(shop):
    queue(shop, range(60))
    kind = Friends()
    inside = threading.Semaphore(2)
    let_in = set()

    def script(stage, _line, call):
        if stage != "connect":
            return None
        if inside.acquire(blocking=False):
            let_in.add(call.number)
            return None
        return b"421 4.7.0 too many connections\r\n"

    with scriptedserver.running(script) as server:
        delivery = delivery_to(server.port, kind=kind, connections=8)
        tally = delivery.run()
        limit = delivery.transport._limits.connections
        queue(shop, range(60, 120))
        refused = len(server.calls) - len(let_in)
        delivery.run()
        delivery.transport.close()

    assert tally.unreachable == ""
    assert Counter(kind.verdicts().values()) == {"accepted 2.0.0": 120}
    assert set(server.copies().values()) == {1}
    assert limit <= 2
    assert len(server.calls) - len(let_in) == refused


@pytest.mark.requirement("delivery-when-421")
@pytest.mark.parametrize("offers", [(), ("PIPELINING",)], ids=["lock-step", "pipelining"])
def test_a_server_that_takes_few_mails_on_a_connection_gets_no_more(shop, offers):
    queue(shop, range(20))
    kind = Friends()

    def script(stage, _line, call):
        return b"421 4.7.0 that is enough\r\n" if stage == "MAIL" and call.mails == 3 else None

    with scriptedserver.running(script, offers=offers) as server:
        delivery = delivery_to(server.port, kind=kind)
        delivery.run()
        mails = delivery.transport._limits.mails
        delivery.transport.close()

    assert Counter(kind.verdicts().values()) == {"accepted 2.0.0": 20}
    assert set(server.copies().values()) == {1}
    assert mails == 3
    assert len(server.calls) == 7


@pytest.mark.requirement("delivery-when-421")
@pytest.mark.parametrize("stage", ["RCPT", "DATA", "dot"])
def test_a_server_that_goes_in_the_middle_gets_the_rest_later(shop, stage):
    queue(shop, range(10))
    kind, clock = Friends(), Clock()
    with scriptedserver.running(only(stage, b"421 4.3.2 going down\r\n", "friend4", times=1)) as server:
        delivery = delivery_to(server.port, kind=kind, clock=clock)
        delivery.run()
        clock.forward(minutes=2)
        delivery.run()
        delivery.transport.close()

    assert Counter(kind.verdicts().values()) == {"accepted 2.0.0": 10}
    assert set(server.copies().values()) == {1}
    assert len(server.copies()) == 10


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [(b"452 4.5.3 enough\r\n", "deferred 4.5.3"), (b"552 5.3.4 too large\r\n", "failed 5.3.4")],
)
def test_what_was_taken_counts_when_the_next_envelope_is_refused(shop, answer, verdict):
    queue(shop, range(3))
    kind = Friends()

    def script(stage, _line, call):
        return answer if stage == "MAIL" and call.mails == 1 and call.commands.count("MAIL") == 2 else None

    with scriptedserver.running(script) as server:
        deliver(server, kind)

    assert kind.verdicts() == {0: "accepted 2.0.0", 1: verdict, 2: "accepted 2.0.0"}
    assert set(server.copies().values()) == {1}


@pytest.mark.requirement("delivery-when-away")
def test_a_server_that_restarts_loses_nothing(shop):
    queue(shop, range(100))
    kind, clock = Friends(), Clock()
    taken = []

    def script(stage, line, _call):
        if stage == "dot":
            taken.append(line)
            if len(taken) == 40:
                threading.Thread(target=first.hang_up).start()

    with scriptedserver.running(script) as first:
        delivery = delivery_to(first.port, kind=kind, clock=clock, connections=4)
        delivery.run()
        port = first.port
    clock.forward(minutes=1)
    gone = delivery.run() if Message.objects.waiting().exists() else None
    with scriptedserver.running(port=port) as second:
        clock.forward(minutes=2)
        delivery.run()
        delivery.transport.close()

    assert gone is None or gone.unreachable
    assert Counter(kind.verdicts().values()) == {"accepted 2.0.0": 100}
    copies = first.copies() + second.copies()
    assert len(copies) == 100
    assert sum(copies.values()) - 100 <= 4  # what was in flight on each connection


def test_a_server_that_is_too_slow_for_the_lease_is_asked_no_more(shop):
    queue(shop, range(40))
    kind, clock = Friends(), Clock()

    def script(stage, _line, _call):
        if stage == "dot":
            clock.forward(seconds=60)

    with scriptedserver.running(script) as server:
        delivery = delivery_to(server.port, kind=kind, clock=clock)
        first = delivery.run()
        mails, calls = len(server.mails), len(server.calls)
        again = delivery.run(most_batches=1)
        delivery.transport.close()

    # A lease is five minutes, and nothing is handed over with less than half of one left.
    assert (mails, calls) == (5, 1)
    assert (first.claimed, first.released) == (40, 35)
    assert again.claimed == 35
    assert set(server.copies().values()) == {1}


def test_a_server_that_refuses_in_the_middle_of_a_large_mail_is_heard():
    def refusing(listener):
        connection, _ = listener.accept()
        with connection, connection.makefile("rb") as lines:
            connection.sendall(b"220 hello\r\n")
            lines.readline()
            connection.sendall(b"250-here\r\n250 PIPELINING\r\n")
            for _ in range(3):
                lines.readline()
            connection.sendall(b"250 ok\r\n250 ok\r\n354 go on\r\n")
            lines.readline()
            connection.sendall(b"552 5.3.4 too large\r\n")

    large = supply.parcel(1, content=b"Subject: x\r\n\r\n" + (b"x" * 70 + b"\r\n") * 200_000)
    shelf = Shelf(large)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=refusing, args=[listener])
        thread.start()
        smtp = smtp_to(listener.getsockname()[1])
        smtp.carry(shelf)
        smtp.close()
        thread.join()

    assert shelf.answers[1].result in {Result.BOUNCED, Result.FAILED}
    assert shelf.answers[1].code == "5.3.4"


def test_bytes_that_trickle_do_not_keep_a_connection():
    done = threading.Event()

    def trickling(listener):
        connection, _ = listener.accept()
        with connection, connection.makefile("rb") as lines:
            connection.sendall(b"220 hello\r\n")
            lines.readline()
            connection.sendall(b"250-here\r\n250 PIPELINING\r\n")
            while not done.wait(0.05):
                try:
                    connection.sendall(b"2")
                except OSError:
                    return

    shelf = Shelf(supply.parcel(1))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=trickling, args=[listener])
        thread.start()
        smtp = smtp_to(listener.getsockname()[1], timeout=0.2)
        smtp.carry(shelf)
        done.set()
        thread.join()

    assert shelf.results() == {1: (Result.DEFERRED, "connection_lost")}


# --- Withdrawn ----------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("delivery-when-withdrawn")
def test_what_should_not_go_any_more_is_withdrawn_when_its_turn_comes(shop):
    queue(shop, range(4))
    hashed = addresses.hash_of("friend2@friend.example")
    kind = Friends(withdrawn={0: "not_open", 1: "already_customer"}, hashed={2: hashed})
    actions.suppress(website=shop.website, address_hash=hashed, reason=SuppressionReason.WISH, now=NOW)
    with scriptedserver.running() as server:
        tally = deliver(server, kind)

    assert server.recipients() == ["friend3@friend.example"]
    assert tally.verdicts == {Verdict.WITHDRAWN: 3, Verdict.ACCEPTED: 1}
    assert kind.verdicts() == {
        0: "withdrawn not_open",
        1: "withdrawn already_customer",
        2: "withdrawn suppressed",
        3: "accepted 2.0.0",
    }
