"""The mail server of the kill test: whom it refuses, that it writes down first, and that it can hold its answers."""

import smtplib
import threading
from collections import Counter

import pytest

from bench import certificates, sinks
from bench.refusing import Place, decide, doubled_by_round, is_accounted_for, read_log

MAIL = "Message-ID: <{}@example.com>\r\nSubject: Hello\r\n\r\n.\r\nHi\r\n"
ADDRESSES = [f"friend{number}@example.net" for number in range(20_000)]


def refused(*, for_good, place):
    found = ((address, decide(address, refused_before=0)) for address in ADDRESSES)
    return [address for address, one in found if one and (one.for_good, one.place) == (for_good, place)]


def client(smart, certificate=None):
    return smtplib.SMTP("127.0.0.1", smart.port, timeout=10)


@pytest.mark.parametrize(
    ("for_good", "place", "share"),
    [
        (True, Place.RECIPIENT, 0.005),
        (True, Place.DOT, 0.005),
        (False, Place.RECIPIENT, 0.01),
        (False, Place.DOT, 0.01),
    ],
)
def test_share_of_recipients_is_refused(for_good, place, share):
    found = len(refused(for_good=for_good, place=place))

    assert 0.7 < found / len(ADDRESSES) / share < 1.3


def test_recipient_who_was_put_off_is_taken_the_next_time():
    for place in Place:
        assert all(decide(one, refused_before=1) is None for one in refused(for_good=False, place=place))


def test_recipient_who_was_refused_for_good_stays_refused():
    for place in Place:
        for one in refused(for_good=True, place=place):
            again = decide(one, refused_before=3)
            assert again is not None
            assert again.for_good


def test_server_refuses_and_writes_down_what_it_decides(tmp_path):
    good = next(one for one in ADDRESSES if decide(one, refused_before=0) is None)
    bounced = refused(for_good=True, place=Place.RECIPIENT)[0]
    full = refused(for_good=True, place=Place.DOT)[0]
    later = refused(for_good=False, place=Place.DOT)[0]

    with sinks.smart(tmp_path / "log", refuse=True) as smart, client(smart) as session:
        session.sendmail("shop@example.com", good, MAIL.format(1))
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            session.sendmail("shop@example.com", bounced, MAIL.format(2))
        with pytest.raises(smtplib.SMTPDataError):
            session.sendmail("shop@example.com", full, MAIL.format(3))
        with pytest.raises(smtplib.SMTPDataError):
            session.sendmail("shop@example.com", later, MAIL.format(4))
        session.sendmail("shop@example.com", later, MAIL.format(4))
        session.sendmail("shop@example.com", good, MAIL.format(1))
        assert smart.count() == 3

    copies, message_ids, gone = read_log(tmp_path / "log")
    assert copies == {good: 2, later: 1}
    assert message_ids == {good: {"<1@example.com>"}, later: {"<4@example.com>"}}
    assert gone == {bounced, full}


@pytest.mark.parametrize(("place", "taken"), [("data", 1), ("dot", 2)])
def test_answers_are_held_until_the_server_is_told_to_go_on(tmp_path, place, taken):
    with sinks.smart(tmp_path / "log") as smart, client(smart) as session:
        smart.tell(f"hold {place} 2")

        def send():
            for number in range(3):
                session.sendmail("shop@example.com", f"a{number}@example.com", MAIL.format(number))

        sender = threading.Thread(target=send)
        sender.start()
        smart.hears("holding", seconds=10)
        assert smart.count() == taken
        assert sender.is_alive()
        smart.tell("go")
        sender.join(timeout=10)
        assert smart.count() == 3


def test_conversation_goes_on_in_secret_when_the_server_has_a_certificate(tmp_path):
    certificate = certificates.certificate(tmp_path)
    with sinks.smart(tmp_path / "log", certificate=certificate) as smart, client(smart) as session:
        session.starttls()
        session.sendmail("shop@example.com", "friend@example.com", MAIL.format(1))
        assert smart.count() == 1


def test_mail_is_accounted_for_when_outbox_and_server_agree():
    copies, gone = Counter({"a@x.nl": 1}), {"b@x.nl"}

    assert is_accounted_for("sent", "a@x.nl", copies, gone)
    assert is_accounted_for("bounced", "b@x.nl", copies, gone)
    assert not is_accounted_for("sent", "b@x.nl", copies, gone)
    assert not is_accounted_for("bounced", "a@x.nl", copies, gone)
    assert not is_accounted_for("ready", "c@x.nl", copies, gone)


def test_doubled_copy_counts_for_the_round_that_it_came_in(tmp_path):
    log = tmp_path / "log"
    first = "accepted\t<1@x>\ta@x.nl\naccepted\t<2@x>\tb@x.nl\n"
    second = "accepted\t<1@x>\ta@x.nl\n4xx\t<3@x>\tc@x.nl\n"
    third = "accepted\t<3@x>\tc@x.nl\naccepted\t<1@x>\ta@x.nl\naccepted\t<2@x>\tb@x.nl\n"
    log.write_text(first + second + third, encoding="utf-8")

    assert doubled_by_round(log, [0, len(first), len(first + second)]) == [0, 1, 2]
