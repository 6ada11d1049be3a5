"""What servers say: what it means, and that addresses in it neither decide nor stay."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestlist import addresses
from guestlist.addresses import MalformedAddress
from guestlist.mail import answers
from guestlist.mail.answers import Result


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
        ("2.1.5 <noor@friend.example>: fine", "2.1.5", "2.1.5 … fine"),
        ("2.1.5<noor@friend.example>: fine", "2.1.5", "2.1.5… fine"),
        ("noor@friend.example", "250", "…"),
        ("sent <o'neil(x)@friend.example> and RCPT:<b@c.example>, d@e", "250", "sent … and RCPT:… …"),
        ("x\tñoor☃1@friend.example\ny", "250", "x … y"),
    ],
)
def test_addresses_are_left_out_of_what_is_kept(words, code, kept):
    assert answers.code_and_text(250, words.encode()) == (code, kept)


@given(
    local_part=st.text(min_size=1, max_size=30),
    before=st.sampled_from(["", "<", "for <", "5.1.1 ", "x" * 390]),
)
def test_nothing_of_an_address_outlives_it(local_part, before):
    address = f"{local_part}@friend.example"
    try:
        addresses.normalize(address)
    except MalformedAddress:
        return

    _code, kept = answers.code_and_text(550, f"{before}{address.strip()}> unknown".encode())

    assert kept == f"{before.removesuffix('<').removesuffix('x' * 390)}… unknown"


@pytest.mark.parametrize(
    "words", ["@" + "a" * 200_000, "<" * 200_000 + "@", "a <" * 60_000 + "@", "a@" * 99_000]
)
def test_a_long_answer_is_read_at_once(words):
    began = time.perf_counter()

    answers.of_recipient(550, words.encode())

    assert time.perf_counter() - began < 1
