"""SMTP against a real server: encryption, sign-in, what answers mean, and lines that drop."""

import contextlib
import datetime
import itertools
import select
import socket
import threading
import time
from urllib.parse import quote

import pytest
from django.core.exceptions import ImproperlyConfigured

from guestlist.mail import answers, carrying, letters, transport
from guestlist.mail.answers import Result
from guestlist.mail.templates import Rendered
from guestlist.mail.transport import Server, SmtpTransport, probe
from tests.mail import mailserver, scriptedserver, supply
from tests.mail.mailserver import PASSWORD, USER, MailServer
from tests.mail.supply import Shelf

NOW = datetime.datetime(2026, 11, 21, 12, tzinfo=datetime.UTC)
LOGIN = f"{USER}:{quote(PASSWORD, safe='')}@"


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    mailserver.make_certificate(folder)
    return folder


@pytest.fixture
def server():
    with mailserver.running(MailServer()) as running:
        yield running


def parcel(recipient="noor@friend.example", text="Hello\n.\n..dots\n"):
    sender = letters.mailbox("shop@shop.example", name="Loom")
    letter = letters.Letter(
        sender=sender,
        recipient=letters.mailbox(recipient),
        reply_to=None,
        rendered=Rendered("Hello", text, "<p>Hello"),
        language="en",
        date=NOW,
        message_id="<1@shop.example>",
        feedback_id="1:2:3:4",
    )
    mail = letters.build(letter)
    policy = letters.POLICY if recipient.isascii() else letters.INTERNATIONAL
    return supply.parcel(next(_numbers), recipient, content=mail.as_bytes(policy=policy))


_numbers = itertools.count(1)


def connect(port, scheme="smtp", login="", **query):
    settings = "&".join(
        f"{name}={value}"
        for name, value in {"ehlo": "shop.example", "timeout": 5, "connections": 1, **query}.items()
    )
    return SmtpTransport(Server.parse(f"{scheme}://{login}127.0.0.1:{port}?{settings}"))


def carried(smtp, *parcels):
    """Hand these over and return what came of each, in order; or why there was no server."""
    shelf = Shelf(*parcels or [parcel()])
    unreachable = smtp.carry(shelf)
    assert not shelf.out
    return [answer for _pk, answer in sorted(shelf.answers.items())] or unreachable


def deliver(port, *parcels, **options):
    smtp = connect(port, **options)
    try:
        found = carried(smtp, *parcels)
    finally:
        smtp.close()
    return found[0] if isinstance(found, list) and len(found) == 1 else found


def test_mails_go_over_one_connection(server):
    answers = deliver(server.port, parcel("a@x.example"), parcel("b@x.example"), parcel("c@x.example"))

    assert [answer.result for answer in answers] == [Result.ACCEPTED] * 3
    assert answers[0].code == "2.0.0"
    assert "Queued as 1" in answers[0].text
    assert server.connections == 1
    assert [envelope.rcpt_tos for envelope, _mail in server.mails] == [
        ["a@x.example"],
        ["b@x.example"],
        ["c@x.example"],
    ]


def test_the_content_arrives_as_it_was_made(server):
    deliver(server.port)

    envelope, mail = server.mails[0]
    assert envelope.mail_from == "shop@shop.example"
    assert mail["Message-ID"] == "<1@shop.example>"
    assert mail.get_body(("plain",)).get_content().replace("\r\n", "\n") == "Hello\n.\n..dots\n"


def test_starttls_with_sign_in(certificates):
    with mailserver.running(MailServer(), tls=certificates, mode="starttls", with_auth=True) as server:
        answer = deliver(server.port, login=LOGIN, starttls=1, ca_file=certificates / "ca.pem")

    assert answer.result is Result.ACCEPTED
    assert server.secured == [True]


@pytest.mark.filterwarnings("ignore:Requiring AUTH")  # it does not see that all is encrypted
def test_implicit_tls_with_sign_in(certificates):
    with mailserver.running(MailServer(), tls=certificates, mode="implicit", with_auth=True) as server:
        answer = deliver(server.port, scheme="smtps", login=LOGIN, ca_file=certificates / "ca.pem")

    assert answer.result is Result.ACCEPTED


@pytest.mark.parametrize("mode", ["starttls", "implicit"])
def test_a_certificate_that_nobody_vouches_for_gets_no_mail(certificates, mode):
    with mailserver.running(MailServer(), tls=certificates, mode=mode) as server:
        query = {"starttls": 1} if mode == "starttls" else {"scheme": "smtps"}
        why = deliver(server.port, **query)

    assert "certificate" in why.lower()
    assert server.mails == []


def test_a_server_without_starttls_gets_no_mail_when_it_is_asked_for(server):
    why = deliver(server.port, starttls=1)

    assert "STARTTLS" in why
    assert server.mails == []


def test_a_wrong_password_is_about_us(certificates):
    with mailserver.running(MailServer(), tls=certificates, mode="starttls", with_auth=True) as server:
        answer = deliver(server.port, login="shop:wrong@", starttls=1, ca_file=certificates / "ca.pem")

    assert answer.result is Result.REFUSED_US
    assert answer.code == "5.7.8"


def test_a_server_without_sign_in_is_about_us(server):
    assert deliver(server.port, login=LOGIN).result is Result.REFUSED_US


@pytest.mark.parametrize(
    ("stage", "line", "result", "code", "unknown"),
    [
        ("mail", "451 4.3.0 try later", Result.DEFERRED, "4.3.0", False),
        ("mail", "550 5.7.1 sender not allowed", Result.REFUSED_US, "5.7.1", False),
        ("mail", "530 5.7.0 sign in first", Result.REFUSED_US, "5.7.0", False),
        ("mail", "553 5.1.8 bad domain", Result.REFUSED_US, "5.1.8", False),
        ("mail", "552 5.3.4 too big", Result.FAILED, "5.3.4", False),
        ("rcpt", "450 4.2.1 busy", Result.DEFERRED, "4.2.1", False),
        ("rcpt", "421 4.7.0 too many connections", Result.DEFERRED, "4.7.0", False),
        ("rcpt", "550 5.1.1 no such user", Result.BOUNCED, "5.1.1", True),
        ("rcpt", "550 5.1.2 no such host", Result.BOUNCED, "5.1.2", True),
        ("rcpt", "556 5.1.10 null MX", Result.BOUNCED, "5.1.10", True),
        ("rcpt", "550 5.1.1 <relay@denied.example> relay who", Result.BOUNCED, "5.1.1", True),
        ("rcpt", "552 5.2.2 mailbox full", Result.BOUNCED, "5.2.2", False),
        ("rcpt", "550 5.7.1 refused by policy", Result.BOUNCED, "5.7.1", False),
        ("rcpt", "550 no", Result.BOUNCED, "550", False),
        ("rcpt", "550 4.1.1 mixed up", Result.BOUNCED, "550", False),
        ("rcpt", "554 5.7.1 Relay access denied", Result.REFUSED_US, "5.7.1", False),
        ("rcpt", "550 relaying denied", Result.REFUSED_US, "550", False),
        ("rcpt", "530 5.7.0 sign in first", Result.REFUSED_US, "5.7.0", False),
        ("data", "451 4.7.1 greylisted", Result.DEFERRED, "4.7.1", False),
        ("data", "554 5.7.1 spam", Result.BOUNCED, "5.7.1", False),
        ("data", "550 5.7.26 not authenticated", Result.REFUSED_US, "5.7.26", False),
        ("data", "550 5.1.1 gone", Result.BOUNCED, "5.1.1", True),
    ],
)
def test_what_an_answer_means(server, stage, line, result, code, unknown):
    server.answers[stage] = line

    answer = deliver(server.port)

    assert (answer.result, answer.code, answer.no_such_address) == (result, code, unknown)
    assert answer.text
    assert server.mails == []


@pytest.mark.parametrize("stage", ["mail", "rcpt", "data"])
def test_the_next_mail_goes_out_after_one_was_refused(server, stage):
    server.answers[f"{stage} bad@x.example"] = "550 5.1.1 no such user"
    if stage == "mail":
        server.answers = {}

    answers = deliver(server.port, parcel("bad@x.example"), parcel("good@x.example"))

    assert answers[1].result is Result.ACCEPTED
    assert server.connections == 1


@pytest.mark.parametrize(
    ("stage", "code"), [("mail", "connection_lost"), ("rcpt", "connection_lost"), ("data", "no_answer")]
)
def test_a_dropped_line_defers_and_the_next_mail_connects_anew(server, stage, code):
    server.answers[stage] = "drop"
    smtp = connect(server.port)

    (first,) = carried(smtp)
    server.answers.clear()
    (second,) = carried(smtp)
    smtp.close()

    assert (first.result, first.code) == (Result.DEFERRED, code)
    assert second.result is Result.ACCEPTED
    assert server.connections == 2


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        ("4.7.1 Greylisted, try again in 300 seconds", 300),
        ("4.7.1 please retry after 5 minutes", 300),
        ("4.7.1 Try again in 2 hours.", 7200),
        ("4.7.1 try again later", None),
    ],
)
def test_a_server_may_name_a_time(server, words, seconds):
    server.answers["rcpt"] = f"451 {words}"

    answer = deliver(server.port)

    assert answer.again_after == (seconds and datetime.timedelta(seconds=seconds))


def test_words_of_a_server_are_kept_short_and_printable(server):
    server.answers["rcpt"] = "550 5.1.1 \x07bad\x1b[31m" + "x" * 480

    answer = deliver(server.port)

    assert answer.text.isprintable()
    assert len(answer.text) == answers.MAX_ANSWER


def test_an_address_with_other_letters_goes_where_the_server_carries_them():
    with mailserver.running(MailServer(), enable_SMTPUTF8=True) as server:
        answer = deliver(server.port, parcel("noör@friend.example"))

    assert answer.result is Result.ACCEPTED
    assert server.mails[0][0].rcpt_tos == ["noör@friend.example"]
    assert server.mails[0][1]["To"] == "noör@friend.example"


def test_an_address_with_other_letters_fails_where_the_server_does_not():
    with mailserver.running(MailServer(), enable_SMTPUTF8=False) as server:
        answers = deliver(server.port, parcel("noör@friend.example"), parcel())

    assert (answers[0].result, answers[0].code) == (Result.FAILED, "smtputf8")
    assert answers[1].result is Result.ACCEPTED


def test_no_server_blames_nobody():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        why = deliver(unused.getsockname()[1])

    assert "ConnectionRefusedError" in why


def test_a_server_that_says_nothing_is_not_waited_for_longer_than_the_timeout():
    with socket.create_server(("127.0.0.1", 0)) as mute:
        why = deliver(mute.getsockname()[1], timeout=0.2)

    assert "timed out" in why.lower()


def test_a_server_that_falls_silent_defers():
    def half(listener):
        connection, _ = listener.accept()
        with connection, connection.makefile("rb") as lines:
            connection.sendall(b"220 hello\r\n")
            lines.readline()
            connection.sendall(b"250 sink\r\n")
            done.wait(5)

    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=half, args=[listener])
        thread.start()
        answer = deliver(listener.getsockname()[1], timeout=0.3)
        done.set()
        thread.join()

    assert (answer.result, answer.code) == (Result.DEFERRED, "connection_lost")


def test_a_connection_is_kept_for_the_next_mails(server):
    smtp = connect(server.port)
    for _ in range(3):
        assert carried(smtp)[0].result is Result.ACCEPTED
    smtp.close()

    assert (server.connections, len(server.mails)) == (1, 3)


def test_a_connection_that_idled_long_is_not_used_again(server, monkeypatch):
    monkeypatch.setattr(transport, "_IDLE_SECONDS", -1)
    smtp = connect(server.port)
    for _ in range(2):
        assert carried(smtp)[0].result is Result.ACCEPTED
    smtp.close()

    assert (server.connections, len(server.mails)) == (2, 2)


def test_a_connection_is_renewed_after_so_many_mails(server):
    answers = deliver(server.port, *(parcel() for _ in range(5)), mails_per_connection=2)

    assert [answer.result for answer in answers] == [Result.ACCEPTED] * 5
    assert server.connections == 3


def test_what_is_not_to_leave_any_more_is_given_back(server):
    shelf = Shelf(parcel(), parcel(), may_leave=lambda one: one.row.pk % 2 == 0)
    smtp = connect(server.port)

    smtp.carry(shelf)
    smtp.close()

    assert len(server.mails) == len(shelf.answers) == len(shelf.given_back) == 1
    assert not shelf.out


def test_an_error_on_our_side_ends_every_connection_and_tells_of_each_mail(server):
    def broken(one):
        if len(shelf.left) == 3:
            raise LookupError("a mistake of ours")
        return True

    shelf = Shelf(*supply.parcels(20), may_leave=broken)
    smtp = connect(server.port, connections=4)
    with pytest.raises(LookupError):
        smtp.carry(shelf)
    smtp.close()

    assert shelf.out == {}
    assert len(server.mails) <= 3
    assert {answer.result for answer in shelf.answers.values()} <= {Result.ACCEPTED, Result.DEFERRED}


def test_a_connection_waits_when_what_is_left_cannot_be_said(server):
    smtp = connect(server.port)
    carried(smtp)
    (answer,) = carried(smtp, supply.parcel(9, "x@x.example>\r\nDATA"))
    (last,) = carried(smtp)
    smtp.close()

    assert (answer.result, last.result) == (Result.FAILED, Result.ACCEPTED)
    assert server.connections == 1


def test_a_kept_connection_that_has_carried_its_share_by_now_is_let_go(server):
    smtp = connect(server.port)
    carried(smtp, *(parcel() for _ in range(3)))
    smtp._limits.mails = 2
    (answer,) = carried(smtp)
    smtp.close()

    assert answer.result is Result.ACCEPTED
    assert server.connections == 2


def test_a_kept_connection_on_which_the_server_said_goodbye_is_not_used(server):
    smtp = connect(server.port)
    carried(smtp)
    (line,) = smtp._kept
    for writer in list(server.writers):
        writer.write(b"421 4.4.2 idle for too long\r\n")
    select.select([line.socket], [], [], 5)
    (answer,) = carried(smtp)
    smtp.close()

    assert answer.result is Result.ACCEPTED
    assert server.connections == 2


def test_an_encrypted_connection_is_kept_too(certificates):
    with mailserver.running(MailServer(), tls=certificates, mode="starttls") as server:
        smtp = connect(server.port, starttls=1, ca_file=certificates / "ca.pem")
        found = [carried(smtp, *(parcel() for _ in range(3))) for _ in range(2)]
        smtp.close()

    assert {answer.result for answers in found for answer in answers} == {Result.ACCEPTED}
    assert len(server.mails) == 6
    assert server.commands.count("EHLO") == 2  # before and after encryption, once


@pytest.mark.parametrize("mode", ["plain", "implicit"])
def test_a_mail_larger_than_what_the_system_holds_arrives_whole(certificates, mode):
    lines = b"x" * 70 + b"\r\n"
    large = supply.parcel(1, "noor@friend.example", content=b"Subject: Hello\r\n\r\n" + lines * 60_000)
    query = {"scheme": "smtps", "ca_file": certificates / "ca.pem"} if mode == "implicit" else {}
    options = {"tls": certificates, "mode": mode} if mode == "implicit" else {}
    with mailserver.running(MailServer(), data_size_limit=10_000_000, **options) as server:
        answer = deliver(server.port, large, **query)

    assert answer.result is Result.ACCEPTED
    assert server.mails[0][0].content == large.content


@pytest.mark.parametrize(
    ("line", "result"),
    [("", Result.ACCEPTED), ("550 5.7.1 not from here", Result.REFUSED_US), ("drop", Result.UNREACHABLE)],
)
def test_a_probe_tells_what_a_server_says_to_our_sender(server, line, result):
    server.answers["mail"] = line

    answer = probe(Server("127.0.0.1", server.port, ehlo="x.example"), sender="shop@shop.example")

    assert answer.result is result
    assert server.mails == []


@pytest.mark.parametrize(
    ("line", "result"),
    [
        ("553 5.7.1 <shop@shop.example>: Sender address rejected: not owned by user x", Result.REFUSED_US),
        ("550 5.1.1 no such user", Result.ACCEPTED),
        ("450 4.2.0 greylisted", Result.ACCEPTED),
    ],
)
def test_a_probe_tells_what_a_server_keeps_until_it_hears_of_a_recipient(server, line, result):
    server.answers["rcpt"] = line

    answer = probe(Server("127.0.0.1", server.port, ehlo="x.example"), sender="shop@shop.example")

    assert answer.result is result
    assert server.mails == []


def test_a_probe_tells_that_nobody_lets_us_in(server):
    asked = Server("127.0.0.1", server.port, user="x", password="y", ehlo="x.example")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        nobody = probe(Server("127.0.0.1", unused.getsockname()[1]), sender="shop@shop.example")

    assert probe(asked, sender="shop@shop.example").result is Result.REFUSED_US
    assert (nobody.result, nobody.code) == (Result.UNREACHABLE, "unreachable")


def test_after_a_minute_of_peace_more_connections_are_tried():
    server = Server("127.0.0.1", 25, connections=8, mails_per_connection=100)
    limits = carrying.Limits(8, 100)
    limits.lower(live=8, carried=11)
    lowered = (limits.connections, limits.mails)
    limits.lower(live=8, carried=0)  # at the same moment: the same wish
    limits.rise(server)
    at_once = (limits.connections, limits.mails)
    grown = []
    for _ in range(4):
        limits.lowered_at = time.monotonic() - carrying._SLOWLY - 1
        limits.rise(server)
        grown.append((limits.connections, limits.mails))

    assert lowered == at_once == (4, 10)
    assert grown == [(6, 20), (8, 40), (8, 80), (8, 100)]


def test_the_url_tells_everything():
    assert Server.parse("smtps://u%40x:p%2Fw@mail.example") == Server(
        "mail.example", 465, user="u@x", password="p/w", implicit_tls=True
    )
    assert Server.parse("smtp://mail.example:587?starttls=1&timeout=9&ehlo=me.example") == Server(
        "mail.example", 587, starttls=True, timeout=9.0, ehlo="me.example"
    )
    assert Server.parse("smtp://localhost?connections=256&mails_per_connection=1&ca_file=/x") == Server(
        "localhost", 25, connections=256, mails_per_connection=1, ca_file="/x"
    )


@pytest.mark.parametrize(
    "url",
    [
        "mail.example",
        "http://mail.example",
        "smtp://",
        "smtp://mail.example:x",
        "smtp://mail.example?starttls",
        "smtp://mail.example?start_tls=1",
        "smtp://mail.example?timeout=soon",
        "smtp://user:password@mail.example",
        "smtp://mail.example?connections=0",
        "smtp://mail.example?connections=257",
        "smtp://mail.example?mails_per_connection=0",
        "smtp://mail.example?timeout=121",
    ],
)
def test_a_url_that_is_unclear_or_unsafe_is_refused(url):
    with pytest.raises(ImproperlyConfigured, match="GUESTLIST_SMTP_URL"):
        Server.parse(url)


@pytest.mark.requirement("trust-26")
@pytest.mark.parametrize("sign", ["/", "?", "#", "[", "]", "12/", "12?", "12#"])
def test_a_password_with_a_sign_of_its_own_is_refused_without_being_told(sign):
    with pytest.raises(ImproperlyConfigured, match="cannot be read") as refused:
        Server.parse(f"smtp://shop:{sign}geheim@mail.example:587?starttls=1")

    assert "geheim" not in str(refused.value)
    assert "eheim" not in repr(Server.parse("smtps://shop:geheim@mail.example"))


# --- Servers that do not come to an end ---------------------------------------------------------------------------------


def test_a_server_whose_greeting_does_not_end_is_heard_for_so_many_bytes():
    with scriptedserver.running(
        lambda stage, _line, _call: b"250-more\r\n" * 20_000 if stage == "EHLO" else None
    ) as wordy:
        smtp = connect(wordy.port)

        assert "says too much" in carried(smtp)


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_a_server_that_trickles_its_greeting_is_hung_up_on(scheme):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_trickle, args=[listener], daemon=True)
        thread.start()
        began = time.monotonic()

        said = carried(connect(listener.getsockname()[1], scheme, timeout=0.4))

        assert time.monotonic() - began < 5
        assert isinstance(said, str)
        thread.join(5)
        assert not thread.is_alive()  # the line is closed at our end too


def _trickle(listener):
    line, _address = listener.accept()
    with line, contextlib.suppress(OSError):
        # A TLS record's beginning, as good as any words.
        for byte in itertools.chain(b"\x16\x03\x03\x40\x00", itertools.repeat(0x32)):
            line.sendall(bytes([byte]))
            time.sleep(0.1)


def test_a_connection_that_was_opened_in_time_stays(server):
    smtp = connect(server.port, timeout=0.3)
    assert carried(smtp)[0].result is Result.ACCEPTED
    time.sleep(1.0)

    assert carried(smtp)[0].result is Result.ACCEPTED
    smtp.close()
    assert server.connections == 1
