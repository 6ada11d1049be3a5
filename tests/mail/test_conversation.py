"""What is said on one connection, whatever the other side says: each mail has one end, and none leaves twice."""

from collections import Counter
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestlist.mail.answers import Result
from guestlist.mail.conversation import Conversation, Offers, stuffed
from tests.mail import supply
from tests.mail.supply import Shelf

FAST, PLAIN = Offers(pipelining=True), Offers()
_END = b"\r\n.\r\n"
_USUAL = {"MAIL": b"250 ok\r\n", "RCPT": b"250 ok\r\n", "DATA": b"354 go on\r\n", "RSET": b"250 ok\r\n"}
_NASTY = [
    b"250 2.0.0 ok\r\n",
    b"250-first\r\n250-second\r\n250 last\r\n",
    b"251 will forward\r\n",
    b"354 go on\r\n",
    b"354-go\r\n354 on\r\n",
    b"421 4.3.2 going\r\n",
    b"421-going\r\n421 down\r\n",
    b"450 4.2.1 busy\r\n",
    b"550 5.1.1 no such user\r\n",
    b"503 5.5.1 what?\r\n",
    b"250\n",
    b"250\r\n250 twice\r\n",
    b"99\r\n",
    b"\r\n",
    b"hello\r\n",
    b"\xff\xfe\x00\r\n",
    b"250-never ends\r\n",
    b"",
    b"drop",
]


@dataclass
class Model:
    """A server without a socket: takes what is said to it and answers as drawn."""

    data: st.DataObject
    nasty: bool = True
    unread: bytes = b""
    in_content: bool = False
    whole: list[bytes] = field(default_factory=list)
    taken: list[bytes] = field(default_factory=list)
    recipient: bytes = b""
    dropped: bool = False

    def hear(self, said: bytes) -> bytes:
        """Return what it answers to all that is whole."""
        self.unread += said
        answers = b""
        while not self.dropped:
            if self.in_content:
                content, end, rest = (b"\r\n" + self.unread).partition(_END)
                if not end:
                    break
                self.in_content, self.unread = False, rest
                if content.strip():
                    self.whole.append(self.recipient)
                reply = self._reply("dot", b"250 2.0.0 queued\r\n")
                if reply.startswith(b"250 ") and content.strip():
                    self.taken.append(self.recipient)
            else:
                line, end, rest = self.unread.partition(b"\r\n")
                if not end:
                    break
                self.unread = rest
                verb = line.split(b" ")[0].decode()
                assert verb in _USUAL, f"no command: {line!r}"
                if verb == "RCPT":
                    self.recipient = line.partition(b"<")[2].rstrip(b">")
                reply = self._reply(verb, _USUAL[verb])
                self.in_content = verb == "DATA" and reply.startswith(b"354")
            answers += reply
        return answers

    def _reply(self, stage: str, usual: bytes) -> bytes:
        if not self.nasty or self.data.draw(st.integers(0, 3), label=stage):
            return usual
        reply = self.data.draw(st.sampled_from(_NASTY), label=stage)
        if reply == b"drop":
            self.dropped = True
            return b""
        return reply


def converse(model: Model, shelf: Shelf, offers: Offers, *, most: int, data: st.DataObject) -> Conversation:
    """Let both talk until one hangs up or nothing is left to say."""
    talk = Conversation(shelf, offers, most=most)
    answers = model.hear(talk.begin())
    while answers and not talk.closing:
        size = data.draw(st.integers(1, len(answers)), label="bytes that come together")
        part, answers = answers[:size], answers[size:]
        out = talk.received(part)
        assert not out or not talk.closing
        answers += model.hear(out)
    if talk.closing:
        assert talk.received(b"250 ok\r\n354 go on\r\n") == b""
        assert talk.begin() == b""
    talk.lost("the connection was closed")
    return talk


@pytest.mark.parametrize("offers", [FAST, PLAIN], ids=["pipelining", "lock-step"])
@given(data=st.data())
def test_each_mail_has_one_end_whatever_the_server_says(offers, data):
    shelf = Shelf(*supply.parcels(4))
    model = Model(data)

    converse(model, shelf, offers, most=data.draw(st.integers(1, 5)), data=data)

    # That none is answered twice, or answered and given back, the shelf itself watches.
    assert shelf.out == {}
    assert max(Counter(shelf.left).values(), default=1) == 1
    accepted = {
        f"friend{pk}@x.example".encode()
        for pk, found in shelf.results().items()
        if found[0] is Result.ACCEPTED
    }
    assert max(Counter(model.whole).values(), default=1) == 1
    # What came whole left by our word, and is known to have.
    left = {f"friend{pk}@x.example".encode() for pk in shelf.left}
    assert set(model.whole) <= left
    assert not {f"friend{pk}@x.example".encode() for pk in shelf.given_back} & set(model.whole)
    assert accepted <= left


@pytest.mark.parametrize("offers", [FAST, PLAIN], ids=["pipelining", "lock-step"])
@given(data=st.data())
def test_everything_arrives_once_when_the_server_is_friendly(offers, data):
    shelf = Shelf(*supply.parcels(5))
    model = Model(data, nasty=False)

    talk = converse(model, shelf, offers, most=10, data=data)

    assert model.taken == [f"friend{pk}@x.example".encode() for pk in range(1, 6)]
    assert shelf.results() == dict.fromkeys(range(1, 6), (Result.ACCEPTED, "2.0.0"))
    assert talk.idle


def test_the_next_envelope_rides_behind_the_final_dot():
    shelf = Shelf(*supply.parcels(2))
    talk = Conversation(shelf, FAST, most=10)

    first = talk.begin()
    second = talk.received(b"250 ok\r\n250 ok\r\n354 go on\r\n")
    third = talk.received(b"250 queued\r\n250 ok\r\n250 ok\r\n354 go on\r\n")

    assert first.count(b"\r\n") == 3
    assert b"\r\n.\r\nMAIL FROM:<shop@shop.example>\r\nRCPT TO:<friend2@x.example>\r\nDATA\r\n" in second
    assert third.endswith(_END)
    assert list(shelf.results()) == [1]


def test_commands_wait_for_each_other_without_pipelining():
    talk = Conversation(Shelf(*supply.parcels(1)), PLAIN, most=10)

    said = [talk.begin()] + [talk.received(reply) for reply in (b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n")]

    assert [one.split(b" ")[0].strip() for one in said[:3]] == [b"MAIL", b"RCPT", b"DATA"]
    assert said[3].endswith(_END)


def test_a_lone_dot_ends_content_that_has_no_recipient():
    shelf = Shelf(*supply.parcels(2))
    talk = Conversation(shelf, FAST, most=10)
    talk.begin()

    out = talk.received(b"250 ok\r\n550 5.1.1 no such user\r\n354 go on\r\n")

    assert out == b".\r\n"
    assert shelf.results() == {1: (Result.BOUNCED, "5.1.1")}
    assert shelf.left == []
    assert talk.received(b"250 took nothing\r\n").startswith(b"MAIL")


def test_what_may_not_leave_ends_the_connection_before_its_content():
    shelf = Shelf(*supply.parcels(1), may_leave=lambda _parcel: False)
    talk = Conversation(shelf, FAST, most=10)
    talk.begin()

    out = talk.received(b"250 ok\r\n250 ok\r\n354 go on\r\n")

    assert (out, talk.closing, shelf.given_back, shelf.answers) == (b"", True, [1], {})


def test_an_address_that_would_add_a_command_is_never_said():
    shelf = Shelf(
        supply.parcel(1, "x@x.example>\r\nRCPT TO:<y@y.example"),
        supply.parcel(2, sender="shop@shop.example> SIZE=1"),
        supply.parcel(3),
    )

    said = Conversation(shelf, FAST, most=10).begin()

    assert b"friend3" in said
    assert shelf.results() == dict.fromkeys((1, 2), (Result.FAILED, "malformed_address"))


@pytest.mark.parametrize("noise", [b"x" * 5_000, b"250-" + b"x" * 5_000, b"250-more\r\n" * 200])
def test_a_reply_without_end_ends_the_connection(noise):
    shelf = Shelf(*supply.parcels(1))
    talk = Conversation(shelf, FAST, most=10)
    talk.begin()

    talk.received(noise)
    talk.lost("the connection was closed")

    assert talk.closing
    assert shelf.results() == {1: (Result.DEFERRED, "connection_lost")}


def test_what_the_server_offers_is_made_use_of():
    offers = Offers(pipelining=True, size=True, smtputf8=True, eight_bit=True)
    talk = Conversation(Shelf(supply.parcel(1, "noör@x.example", content=b"Hello\r\n")), offers, most=10)

    assert talk.begin().decode().startswith("MAIL FROM:<shop@shop.example> SIZE=7 SMTPUTF8 BODY=8BITMIME\r\n")


@given(st.lists(st.sampled_from([b".", b"..", b"a", b"", b".\r", b"\r\n"]), max_size=8))
def test_dots_arrive_as_they_were(lines):
    content = b"\r\n".join(lines)

    sent = stuffed(content)

    assert sent.endswith(b"\r\n.\r\n") or sent == b".\r\n"
    body = sent[: -len(b".\r\n")]
    read = b"".join(line.removeprefix(b".") for line in body.splitlines(keepends=True))
    assert read in {content, content + b"\r\n"}
    assert _END not in b"\r\n" + body
