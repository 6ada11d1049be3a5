"""What servers say: what it means, and that addresses in it neither decide nor stay."""

import json
import time

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from guestlist import addresses
from guestlist.addresses import MalformedAddress
from guestlist.mail import answers, api, reports
from guestlist.mail.answers import Answer, Result


@pytest.mark.parametrize(
    "words",
    [
        "5.7.1 <noor@friend.example>: Relay access denied",
        "5.7.1 <noor@friend.example>... Relaying denied. Proper authentication required.",
        "5.7.1 Relay access denied",
        "relay not permitted",
        "relaying denied",
        "sorry, relaying denied",
        "5.7.1 Unable to relay for noor@friend.example",
        "<noor@friend.example> we do not relay",
        "5.7.1 noor@friend.example: relaying denied",
        '5.7.1 "noor@friend.example": relay not permitted',
    ],
)
def test_a_server_that_does_not_relay_for_us_refuses_us(words):
    assert answers.of_recipient(550, words.encode()).result is Result.REFUSED_US


@pytest.mark.parametrize(
    "words",
    [
        "5.7.1 <relay☃denied@evil.example>: no",
        "5.7.1 <relay\u3000denied\u3000x@evil.example>: no",
        "5.7.1 relay☃denied: nobody of that name",
        "relay☃denied@evil.example",
        "5.7.1 <noor@friend.example>: host mx.friend.example said: 554 5.7.1 Relay access denied",
        "5.7.1 refused by mx.friend.example: relaying denied",
        "5.7.26@evil.example is unknown",
        "5.7.1 relays denied",
    ],
)
def test_words_of_an_address_or_of_another_server_do_not_stop_the_sender(words):
    assert answers.of_recipient(550, words.encode()).result is Result.BOUNCED


@pytest.mark.parametrize(
    ("words", "code", "kept"),
    [
        ("2.0.0 Ok: queued as 4C9", "2.0.0", "2.0.0 Ok: queued as 4C9"),
        ("2.1.5 <noor@friend.example>: fine", "2.1.5", "2.1.5 <…>: fine"),
        ("2.1.5<noor@friend.example>: fine", "2.1.5", "2.1.5<…>: fine"),
        ("noor@friend.example", "250", "…"),
        ("sent <o'neil(x)@friend.example> and RCPT:<b@c.example>, d@e", "250", "sent <…> and RCPT:<…>, …"),
        ("x\tñoor☃1@friend.example\ny", "250", "x … y"),
        ('"john doe"@friend.example is "fine" "here"', "250", '… is "fine" "here"'),
        ('{"why":"not verified","@type":"Error"}', "250", '{"why":"not verified…":"Error"}'),
    ],
)
def test_addresses_are_left_out_of_what_is_kept(words, code, kept):
    assert answers.code_and_text(250, words.encode()) == (code, kept)


ADDRESSES = [
    "noor@friend.example",
    "o'brien@example.com",
    "a+b@example.com",
    "x@y",
    '"john doe"@example.com',
    r'"john \"the q\" doe"@example.com',
    '"a@b, <c>"@example.com',
    "ñoor.☃@exämple.com",
    "relay\u3000denied@example.com",
    "user%host@relay",
    "a!b@c@example.com",
    "@relay.example,@other.example:user@example.com",
    "user@[IPv6:2001:db8::1]",
    "{o|b}=~`^#$&*?/@example.com",
    "o(neil),b;c:[d]@example.com",
]
TEXTS = [
    "5.1.1 <%s>: unknown",
    "5.1.1 %s unknown",
    "5.1.1 %s: unknown",
    "5.1.1 (%s) is unknown",
    '5.1.1 "%s" is unknown',
    "5.1.1 RCPT TO:<%s>, unknown",
    "unknown rfc822;%s",
    "unknown '%s'. Sorry",
    '{"to":"%s","why":"it is unknown"}',
    "unknown\r\n%s\r\nSorry",
    "x" * 390 + " %s unknown",
]


def kept_by_each_reader(text):
    """Return what the readers of other people's words keep of them."""
    response = requests.Response()
    response.status_code, response._content, response.encoding = 400, text.encode(), "utf-8"
    return {
        answers.code_and_text(550, text.encode())[1],
        answers.nameless(Answer(Result.FAILED, "400", text)).text,
        reports.nameless(text),
        api.of_error(response).text,
    }


def check_that_the_rest_is_kept(text, address):
    if text.startswith("{"):
        address = json.dumps(address, ensure_ascii=False)[1:-1]
    before, after = text.replace("\r\n", " ").split("%s")
    for kept in kept_by_each_reader(text.replace("%s", address)):
        first, last = kept.replace("\r\n", " ").split("…")
        assert before.startswith(first)
        assert after.endswith(last)
        assert "unknown" in kept


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("address", ADDRESSES)
def test_nothing_of_an_address_is_kept_wherever_it_stands(address, text):
    check_that_the_rest_is_kept(text, address)


def is_address(text):
    try:
        addresses.normalize(text)
    except MalformedAddress:
        return False
    return text == text.strip()


def quoted(text):
    """Return a quoted local part (RFC 5321, 4.1.2)."""
    return '"' + text.replace("\\", r"\\").replace('"', r"\"") + '"'


_ANY = st.text(min_size=1, max_size=30).map("{}@friend.example".format).filter(is_address)
_QUOTED = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=30).map(quoted)


@given(address=st.one_of(_ANY, _QUOTED.map("{}@friend.example".format)), text=st.sampled_from(TEXTS))
def test_nothing_of_an_address_outlives_it(address, text):
    check_that_the_rest_is_kept(text, address)


def test_an_address_at_the_end_of_what_is_read_is_left_out_whole():
    text = "a@b.example " * 166 + "noor@friend.example"

    assert not any("n" in kept for kept in kept_by_each_reader(text))


@pytest.mark.parametrize(
    "words",
    [
        *("@" + "a" * 200_000, "<" * 200_000 + "@", "a <" * 60_000 + "@", "a@" * 99_000),
        *('"' * 200_000 + "@", r"\"" * 40_000 + "@", 'a"a' * 60_000 + "@", '"' + "a" * 200_000 + '"@'),
    ],
)
def test_a_long_answer_is_read_at_once(words):
    began = time.perf_counter()

    answers.of_recipient(550, words.encode())

    assert time.perf_counter() - began < 1
