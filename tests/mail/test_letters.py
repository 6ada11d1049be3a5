"""The finished mail: its headers, its addresses, and that nothing gets into them."""

import datetime
import email
from email.policy import default
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestlist import addresses
from guestlist.addresses import MalformedAddress
from guestlist.mail import encoding, letters
from guestlist.mail.letters import INTERNATIONAL, POLICY, Letter, UnusableHeader, build, mailbox
from guestlist.mail.templates import Rendered

NOW = datetime.datetime(2026, 11, 21, 12, tzinfo=datetime.UTC)
URL = "https://shop.example/never-again/" + "A1b2-_" * 40 + "/"


def letter(**changes):
    fields: dict[str, Any] = {
        "sender": mailbox("shop@shop.example", name="Linde & Draad"),
        "recipient": mailbox("Noor@friend.example", name="Noör Jansen"),
        "reply_to": mailbox("help@shop.example"),
        "rendered": Rendered("Zoë nodigt je uit", "Hé\n.\n", "<p>Hé</p>"),
        "language": "nl",
        "date": NOW,
        "message_id": letters.message_id(row=7, queued_at=NOW, domain="shop.example"),
        "feedback_id": letters.feedback_id(
            send=None, store_view="main_nl", kind="invitation", sender="general"
        ),
        "opt_out_url": URL,
    }
    return Letter(**(fields | changes))


def received(mail):
    return email.message_from_bytes(mail.as_bytes(), policy=default)


def test_a_mail_has_every_header_that_it_needs():
    mail = received(build(letter()))

    assert mail["From"] == "Linde & Draad <shop@shop.example>"
    assert mail["To"].addresses[0].addr_spec == "Noor@friend.example"
    assert mail["To"].addresses[0].display_name == "Noör Jansen"
    assert mail["Reply-To"] == "help@shop.example"
    assert mail["Subject"] == "Zoë nodigt je uit"
    assert mail["Date"].datetime == NOW
    assert mail["Message-ID"].startswith("<7.")
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["X-Auto-Response-Suppress"] == "All"
    assert mail["Feedback-ID"] == "0:main_nl:invitation:guestlist-general"
    assert mail["Content-Language"] == "nl"
    assert mail.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    assert [part.get_content().strip().replace("\r\n", "\n") for part in mail.iter_parts()] == [
        "Hé\n.",
        "<p>Hé</p>",
    ]


@pytest.mark.requirement("trust-17")
def test_the_way_out_stands_whole_in_the_headers():
    raw = build(letter()).as_bytes().decode()

    assert f"\r\nList-Unsubscribe: <{URL}>\r\n" in raw
    assert "\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in raw


def test_a_mail_without_a_way_out_has_no_such_header():
    assert "List-Unsubscribe" not in build(letter(opt_out_url=""))


def test_lines_are_within_limits_and_end_as_they_should():
    raw = build(letter(rendered=Rendered("ü" * 190, "x" * 5000 + "\nend", "<p>" + "é" * 5000))).as_bytes()

    lines = raw.split(b"\r\n")
    assert max(map(len, lines)) <= 998
    assert not any(b"\n" in line or b"\r" in line for line in lines)
    assert raw.isascii()


def test_the_message_id_is_the_same_at_every_try_and_differs_between_rows():
    one = letters.message_id(row=7, queued_at=NOW, domain="shop.example")

    assert one == letters.message_id(row=7, queued_at=NOW, domain="shop.example")
    assert one != letters.message_id(row=8, queued_at=NOW, domain="shop.example")


def test_the_domain_goes_in_a_labels_and_the_local_part_as_typed():
    box = mailbox("Jan.Smit+x@Zoë.example")

    assert box.address == "Jan.Smit+x@xn--zo-ija.example"


@pytest.mark.requirement("trust-12")
@pytest.mark.parametrize("control", list("\r\n\0\t\x1b\x7f\x85\u2028\u2029\u202e"))
@pytest.mark.parametrize("header", ["sender", "recipient", "reply_to", "subject", "opt_out_url"])
def test_control_characters_are_refused_in_every_header(header, control):
    value = f"a{control}Bcc: x@evil.example"
    if header == "subject":
        changed = letter(rendered=Rendered(value, "", ""))
    elif header == "opt_out_url":
        changed = letter(opt_out_url=f"https://x.example/{value}")
    else:
        changed = letter(**{header: mailbox("a@b.example", name=value)})

    with pytest.raises(UnusableHeader):
        build(changed)


@pytest.mark.requirement("trust-12")
@pytest.mark.parametrize(
    "word",
    [
        "=?utf-8?q?a=0D=0ABcc:_x=40evil.example?=",
        "=?utf-8?B?DQpCY2M6IHhAZXZpbC5leGFtcGxl?=",
        "a =?ascii*en?Q?=00=1b?=",
    ],
)
@pytest.mark.parametrize("header", ["sender", "recipient", "reply_to", "subject"])
def test_what_a_reader_would_take_for_a_code_is_refused_in_every_header(header, word):
    if header == "subject":
        changed = letter(rendered=Rendered(word, "", ""))
    else:
        changed = letter(**{header: mailbox("a@b.example", name=word)})

    with pytest.raises(UnusableHeader):
        build(changed)


@pytest.mark.requirement("trust-12")
@pytest.mark.parametrize("name", ["", "Noor", "Noör, J."])
@pytest.mark.parametrize("says", ["=00=1b", "victim=40shop.example=2C", "=0Dx"])
def test_an_address_that_says_another_one_in_a_code_is_refused(says, name):
    address = f"=?utf-8?q?{says}?=@evil.example"

    with pytest.raises(UnusableHeader):
        build(letter(recipient=mailbox(address, name=name)))
    with pytest.raises(UnusableHeader):
        encoding.to_line(name, address)


def test_a_sum_is_no_code():
    assert (
        received(build(letter(rendered=Rendered("2+2=? Or =?? b?", "", ""))))["Subject"] == "2+2=? Or =?? b?"
    )


@pytest.mark.requirement("trust-12")
@pytest.mark.parametrize(
    "address",
    [
        "a@b.example\nBcc: c@d.example",
        "a\0@b.example",
        "a@b.example, c@d.example",
        "<a@b.example>",
        "a b@c.example",
    ],
)
def test_an_address_that_is_more_than_one_is_refused(address):
    with pytest.raises(MalformedAddress):
        mailbox(address)


@given(
    local_part=st.one_of(st.from_regex(r"[a-zA-Z0-9_+.-]{1,66}", fullmatch=True), st.text(max_size=5)),
    domain=st.one_of(
        st.from_regex(r"[a-zA-Z0-9.-]{1,70}", fullmatch=True),
        st.from_regex(r"([a-z]{1,60}\.){1,5}[a-z0-9]{1,5}\.?", fullmatch=True),
        st.sampled_from(
            ["zoë.example", "xn--zo-ija.example", "xn--a.example", "a_b.example", "mail.example"]
        ),
    ),
)
def test_a_mailbox_is_judged_as_every_address_is(local_part, domain):
    address = f"{local_part}@{domain}"

    found = judged(lambda: (mailbox(address).local_part, mailbox(address).domain))

    assert found == judged(
        lambda: (address.strip().rpartition("@")[0], addresses.normalize(address).rpartition("@")[2])
    )


def judged(read):
    try:
        return read()
    except MalformedAddress as refusal:
        return type(refusal), refusal.data


@given(name=st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp", "Cf"]), max_size=60))
def test_any_name_arrives_as_one_recipient_and_adds_no_header(name):
    mail = received(build(letter(recipient=mailbox("noor@friend.example", name=name))))

    assert [found.addr_spec for found in mail["To"].addresses] == ["noor@friend.example"]
    assert mail.keys() == received(build(letter())).keys()


HOSTILE_NAMES = [
    "evil@attacker.example, Anna Maria de Vries van den Berg en Dal tot Nijmegen a",
    f'"evil@attacker.example, {chr(92) * 74}"',
    f"evil@attacker.example, {'" ' * 30}",
    "<evil@attacker.example>, " * 5,
    "evil@attacker.example, Zoë " + "van den Berg " * 8,
    "Friends: evil@attacker.example; " + "x" * 98,
    f"{'a' * 60}, evil@attacker.example, b",
]


def assert_one(mail, header):
    for reader in (default, INTERNATIONAL):
        found = email.message_from_bytes(mail, policy=reader)[header]
        assert not found.groups[1:]
        assert [one.addr_spec for one in found.addresses] == ["noor@friend.example"]


@pytest.mark.requirement("trust-12")
@pytest.mark.parametrize("policy", [POLICY, INTERNATIONAL])
@pytest.mark.parametrize(
    ("field", "header"), [("recipient", "To"), ("sender", "From"), ("reply_to", "Reply-To")]
)
@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_an_address_in_a_long_name_is_no_recipient(name, field, header, policy):
    mail = build(letter(**{field: mailbox("noor@friend.example", name=name)}))

    assert_one(mail.as_bytes(policy=policy), header)


@pytest.mark.requirement("trust-12")
@given(
    name=st.one_of(
        st.lists(
            st.sampled_from(
                [
                    "evil@attacker.example",
                    "<e@x.example>",
                    ", ",
                    '"',
                    "\\",
                    " ",
                    "Anna",
                    "é",
                    ":",
                    ";",
                    "(",
                    "a." * 9,
                ]
            ),
            max_size=40,
        ).map(lambda pieces: "".join(pieces)[:130]),
        st.text(st.sampled_from('()<>[]:;@\\,." aé'), max_size=130),
    )
)
def test_whatever_a_name_says_there_is_one_recipient(name):
    for policy in (POLICY, INTERNATIONAL):
        for field, header in (("recipient", "To"), ("sender", "From"), ("reply_to", "Reply-To")):
            mail = build(letter(**{field: mailbox("noor@friend.example", name=name)}))
            assert_one(mail.as_bytes(policy=policy), header)
    assert_one(encoding.to_line(name, "noor@friend.example") + b"\r\n", "To")


@pytest.mark.parametrize("name", ["J. Smit, Jr.", "Zoë B.V.", "x" * 60 + ".", 'Jan "de Boer" Smit'])
def test_a_short_name_keeps_its_marks(name):
    assert (
        received(build(letter(recipient=mailbox("noor@friend.example", name=name))))["To"]
        .addresses[0]
        .display_name
        == name
    )


@given(
    text=st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n"), max_size=300),
)
def test_any_words_arrive_as_they_were_written(text):
    mail = received(build(letter(rendered=Rendered("x", text, text))))

    for part in mail.iter_parts():
        assert part.get_content().replace("\r\n", "\n").rstrip("\n") == text.rstrip("\n")
