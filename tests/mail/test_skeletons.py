"""Filled skeletons: the same mails as the long way makes, within every limit of mail, whatever the values are."""

import contextlib
import datetime
import email
import functools
import re
from email import policy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from guestlist.mail import builtin, templates
from guestlist.mail.skeletons import Frame, full, skeleton
from guestlist.refusal import Refusal

NOW = datetime.datetime(2026, 11, 21, 12, 30, 15, 123456, tzinfo=datetime.UTC)
URL = "https://shop.example/invitation/AbCdEfGhIjKlMnOpQrStUvWxYz012345678/"
OPT_OUT = "https://shop.example/never-again/AbCdEfGhIjKlMnOpQrStUvWxYz012345678/"
SHOP = {
    "store_name": "Linde & Draad",
    "store_url": "https://shop.example/",
    "logo_url": "",
    "accent": "#1f5f4f",
    "accent_text": "#ffffff",
    "legal_name": "Linde & Draad B.V.",
    "postal_address": "Oudegracht 112\r\n3511 AW Utrecht",
    "registration_number": "",
    "privacy_url": "https://shop.example/privacy/?a=1&b=2",
    "contact_address": "help@shop.example",
}
# As staff might write one: conditions within conditions, and all that mail servers trip over in the fixed words.
STAFF = {
    "subject": "{% if inviter_name %}{{ inviter_name }}{% if occasion %} – {{ occasion }}{% endif %}{% else %}"
    "{{ store_name }}{% endif %}  until {{ expires }}",
    "text": "From {{ inviter_name }}\n.\n..\n{% if message %}{% if occasion %}{{ occasion }}{% if expires %} "
    "{{ expires }}{% endif %}:{% else %}=3D{% endif %}\n\n{{ message }}{{ message }}{% else %}-- \n{% endif %}\t\n"
    + "word" * 100
    + " \n \n"
    + "é😀\u2028" * 40
    + "{{ invitation_url }}{{ opt_out_url }}\n{{ store_name }}\n\n{{ message }}",
    "html": "<p title='=?utf-8?q?x?='>{{ message }}</p>\n.{{ inviter_address }}\n{% if decline_url %}"
    "{{ decline_url }}{% if inviter_name %} {{ inviter_name }} {% endif %}\n\n{% endif %}{{ invitation_url }}"
    "<a href='{{ opt_out_url }}'>{{ store_name }}</a> \n{{ invitee_address }}{{ message }}",
}
LINE_ENDS = re.compile("\r\n|\r")


@functools.cache
def sources(language):
    if language == "staff":
        return STAFF
    source = next(source for source in builtin.sources("invitation") if source.language == language)
    html = templates.validate(
        purpose="invitation", subject=source.subject, text=source.text, mjml=source.mjml
    )
    return {"subject": source.subject, "text": source.text, "html": html}


def frame(values, *, template="en", **changes):
    fields: dict[str, Any] = {
        "purpose": "invitation",
        **sources(template),
        "language": "nl",
        "shop": tuple(sorted(SHOP.items())),
        "sender_name": "Linde & Draad",
        "sender_address": "shop@shop.example",
        "reply_to_name": "Linde & Draad",
        "reply_to_address": "help@shop.example",
        "feedback_id": "7:main_nl:invitation:guestlist-general",
        "shape": frozenset(name for name, value in values.items() if value),
    }
    return Frame(**(fields | changes))


def values_of(**values):
    needed = {"invitation_url": URL, "opt_out_url": OPT_OUT, "invitee_address": "noor@friend.example"}
    return {name: value for name, value in (needed | values).items() if value}


def sent(**changes):
    return {
        "to_name": "Noor Jansen",
        "to_address": "Noor@friend.example",
        "date": NOW,
        "message_id": "<7.0123456789abcdef@shop.example>",
    } | changes


def filled(values, *, template="en", **changes):
    return skeleton(frame(values, template=template)).fill(values, **sent(**changes))


def read(raw):
    """Return what a program sees of a mail: every header, and type, charset, headers and words of each part."""
    seen = []
    for reader in (policy.default, policy.SMTP):
        mail = email.message_from_bytes(raw, policy=reader)
        assert not mail.defects
        parts = list(mail.iter_parts())
        assert not any(part.defects for part in parts)
        seen.append(
            [(name, str(value)) for name, value in mail.items() if name != "Content-Type"]
            + [mail.get_content_type(), mail.preamble, mail.epilogue]
            + [(part.items(), part.get_content_charset(), part.get_content()) for part in parts]
        )
    return seen


def assert_within_limits(raw):
    lines = raw.split(b"\r\n")
    assert raw.isascii()
    assert raw.endswith(b"\r\n")
    assert not any(b"\n" in line or b"\r" in line or b"\0" in line for line in lines)
    assert max(map(len, lines)) <= 998
    body = lines[lines.index(b"") :]
    assert max(map(len, body)) <= 76
    assert not any(line.endswith((b" ", b"\t")) for line in body)
    boundary = email.message_from_bytes(raw).get_boundary("").encode()
    assert boundary.startswith(b"=_")
    assert [line for line in lines if line.startswith(b"--" + boundary)] == [b"--" + boundary] * 2 + [
        b"--" + boundary + b"--"
    ]


def made(build):
    try:
        return read(build())
    except Refusal as refusal:
        return type(refusal)


def assert_same(values, *, template="en", **changes):
    short = functools.partial(filled, values, template=template, **changes)
    long = functools.partial(full, frame(values, template=template), values, **sent(**changes))
    assert made(short) == made(long)
    with contextlib.suppress(Refusal):
        assert_within_limits(short())


TEXT = st.text(max_size=200)
WORDS = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=120)
HOSTILE = st.text(st.sampled_from("=. \t\n\r\"'<>&,;:@\\-_?%Fa1é😀\u202e\u200f\x85\u2028\0"), max_size=60)
NAMES = st.one_of(
    WORDS,
    HOSTILE,
    st.sampled_from(["", "Zoë", "O'Brien-Smit", "=?utf-8?q?x?=", "J. Smit, Jr.", "٣ نور", "x" * 100, "a  b"]),
)
MESSAGES = st.one_of(TEXT, WORDS, HOSTILE, st.text(st.sampled_from("=. \n-Fé"), max_size=400))
URLS = st.one_of(
    st.just(URL),
    st.from_regex(r"https?://[a-z]{1,80}\.example/[!-~é]{0,120}", fullmatch=True),
    HOSTILE,
)


@given(
    template=st.sampled_from(["en", "nl", "staff"]),
    values=st.fixed_dictionaries(
        {"invitation_url": URLS, "opt_out_url": URLS, "invitee_address": st.just("noor@friend.example")},
        optional={
            "inviter_name": NAMES,
            "inviter_address": st.one_of(WORDS, st.just("sanne@post.example")),
            "message": MESSAGES,
            "occasion": NAMES,
            "expires": st.sampled_from(["21 december 2026", "x" * 80, ""]),
            "decline_url": URLS,
        },
    ),
    to_name=NAMES,
)
def test_a_filled_skeleton_says_the_same_as_the_long_way_whatever_the_values_are(template, values, to_name):
    assert_same({name: value for name, value in values.items() if value}, template=template, to_name=to_name)
