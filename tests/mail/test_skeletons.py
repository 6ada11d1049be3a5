"""Filled skeletons: the same mails as the long way makes, within every limit of mail, whatever the values are."""

import contextlib
import datetime
import email
import functools
import html
import itertools
import re
from email import policy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestlist.mail import builtin, templates
from guestlist.mail.language import UnusableValue
from guestlist.mail.letters import UnusableHeader
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
        return type(refusal), refusal.data


def assert_same(values, *, template="en", **changes):
    short = functools.partial(filled, values, template=template, **changes)
    assert made(short) == made(
        functools.partial(full, frame(values, template=template), values, **sent(**changes))
    )
    with contextlib.suppress(Refusal):
        raw = short()
        assert_within_limits(raw)
        if skeleton(frame(values, template=template)).is_dotless(sent(**changes)["to_address"]):
            assert b"\r\n." not in raw


USUAL = st.characters(
    exclude_categories=["Cc", "Cs", "Zl", "Zp"],
    exclude_characters="\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069",
)
HOSTILE = "=. \"'<>&,;:@\\-_?%Fa1é😀\u200f\u200b"
NAMES = st.one_of(
    st.text(USUAL, max_size=120),
    st.text(st.sampled_from(HOSTILE), max_size=90),
    st.from_regex(r"[A-Z][a-zé]{1,20}( [A-Za-z'-]{1,20}){0,4}", fullmatch=True),
    st.sampled_from(["", "Zoë", "O'Brien-Smit", "=?utf-8?q?x?=", "J. Smit, Jr.", "٣ نور", "x" * 100, "a  b"]),
)
MESSAGES = st.one_of(
    st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\t\n\r\x85"), max_size=300),
    st.text(st.sampled_from(HOSTILE + "\n\n\r\t\x85"), max_size=400),
    st.lists(
        st.sampled_from(["From me ", ".", "..", "=", "--", "x" * 76, "é" * 30, "", " ", "="]), max_size=9
    ).map("\n".join),
)
URLS = st.one_of(
    st.just(URL),
    st.from_regex(r"https?://[a-z]{1,80}\.example/[!#-&*-;=?-\[\]-~]{0,120}", fullmatch=True),
)
DATES = st.datetimes(
    min_value=datetime.datetime(1990, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    timezones=st.sampled_from([datetime.UTC, datetime.timezone(datetime.timedelta(hours=-9, minutes=-30))]),
)
GIVEN = st.fixed_dictionaries(
    {"invitation_url": URLS, "opt_out_url": URLS, "invitee_address": NAMES},
    optional={
        "inviter_name": NAMES,
        "inviter_address": NAMES,
        "message": MESSAGES,
        "occasion": NAMES,
        "expires": NAMES,
        "decline_url": st.one_of(URLS, st.just("https://zoë.example/é")),
    },
).map(lambda values: {name: value for name, value in values.items() if value})
TEMPLATES = ["en", "nl", "staff"]


@given(
    template=st.sampled_from(TEMPLATES),
    values=GIVEN,
    to_name=NAMES,
    to_address=st.sampled_from(
        ["noor@friend.example", "a=b!c@friend.example", f"{'n' * 64}@{'d.' * 90}example"]
    ),
    date=DATES,
)
def test_a_filled_skeleton_says_the_same_as_the_long_way_whatever_the_values_are(
    template, values, to_name, to_address, date
):
    assert_same(values, template=template, to_name=to_name, to_address=to_address, date=date)


@pytest.mark.requirement("trust-12")
@given(
    template=st.sampled_from(TEMPLATES),
    name=st.sampled_from(
        ["inviter_name", "message", "occasion", "invitation_url", "opt_out_url", "to_name", "message_id"]
    ),
    value=st.text(
        st.sampled_from("a\0\r\n\t\x1b\x7f\x85\u2028\u202e\u2066\ud800<> é"), min_size=1, max_size=5
    ),
)
def test_what_the_long_way_refuses_is_refused_for_the_same_reason(template, name, value):
    values = values_of(inviter_name="Emma", message="Hi", occasion="a day")
    if name in values:
        assert_same(values | {name: values[name] + value}, template=template)
    else:
        assert_same(values, template=template, **{name: f"<a{value}@b.example>"})


@pytest.mark.requirement("trust-12")
@pytest.mark.parametrize("control", list("\r\n\0\t\x1b\x7f\x85\u2028\u202e\ud800"))
@pytest.mark.parametrize("place", ["to_name", "to_address", "message_id", "inviter_name", "opt_out_url"])
def test_control_characters_are_refused_in_whatever_reaches_a_header(place, control):
    values, changes = values_of(inviter_name="Emma"), {}
    bad = f"a{control}Bcc: x@evil.example"
    if place in {"inviter_name", "opt_out_url"}:
        values[place] += bad
    else:
        changes[place] = bad

    with pytest.raises((UnusableHeader, UnusableValue)):
        filled(values, **changes)
    with pytest.raises((UnusableHeader, UnusableValue)):
        full(frame(values), values, **sent(**changes))


@pytest.mark.requirement("trust-12")
@pytest.mark.parametrize("field", ["sender_name", "reply_to_name", "feedback_id", "language"])
def test_control_characters_are_refused_in_what_all_mails_share(field):
    with pytest.raises(UnusableHeader):
        skeleton(frame(values_of(), **{field: "a\r\nBcc: x@evil.example"}))


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize(
    "names",
    [
        combination
        for n in range(5)
        for combination in itertools.combinations(("inviter_name", "message", "occasion", "expires"), n)
    ],
)
def test_every_shape_has_a_skeleton_of_its_own(template, names):
    given = {"inviter_name": "Zoë", "message": "Hoi\n\nKom je?", "occasion": "a day", "expires": "1 May"}

    assert_same(values_of(**{name: given[name] for name in names}), template=template)


@pytest.mark.parametrize("purpose", sorted(set(builtin.NAMES) - {"invitation"}))
def test_other_mails_are_filled_the_same_way(purpose):
    source = builtin.sources(purpose)[0]
    html = templates.validate(purpose=purpose, subject=source.subject, text=source.text, mjml=source.mjml)
    values = {"action_url": URL, "person_name": "Noör", "valid_days": "3"}
    values |= {"report_url": URL, "choice_url": URL, "sent": "3", "troubles": "One.\nTwo <b>."}
    one = frame(values, purpose=purpose, subject=source.subject, text=source.text, html=html)

    raw = skeleton(one).fill(values, **sent())

    assert read(raw) == read(full(one, values, **sent()))
    assert b"List-Unsubscribe" not in raw


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (".", "."),
        ("..\n.\n", "..\n."),
        ("=41", "=41"),
        ("From Emma", "From Emma"),
        ("spaces behind  \n\tand before", "spaces behind  \n\tand before"),
        ("a\rb\r\nc\x85d\u2028e", "a\nb\nc\nd\ne"),
        ("x" * 10_000, "x" * 10_000),
        ("é😀" * 1_000, "é😀" * 1_000),
        ("שלום \u202eabc", "שלום \u202eabc"),
        ("x" * 75, "x" * 75),
        ("x" * 76, "x" * 76),
        (
            "x" * 74 + "é" + "x" * 76 + "\n" + "x" * 75 + " ",
            "x" * 74 + "é" + "x" * 76 + "\n" + "x" * 75 + " ",
        ),
    ],
)
def test_a_message_arrives_as_it_was_written(message, words):
    raw = filled(values_of(message=message, inviter_name="Emma"))

    text, html_part = email.message_from_bytes(raw, policy=policy.default).iter_parts()
    assert f"\n{words}\n" in text.get_content().replace("\r\n", "\n")
    assert html.escape(words).replace("\n", "<br>\n") in html_part.get_content().replace("\r\n", "\n")
    assert_within_limits(raw)


@pytest.mark.parametrize("message", ["Hi", ".", "x" * 75, "x" * 76, "é" * 25 + "x"])
@pytest.mark.parametrize("ending", ["", "\n", "\n\n", " ", "\n "])
@pytest.mark.parametrize(
    "text", ["{{ message }}", "a {{ message }}", "a\n{{ message }}\n", "{{ message }}{{ message }}"]
)
def test_a_part_that_ends_with_a_message_ends_with_one_line_end(text, ending, message):
    values = values_of(message=f"{message}{ending}")
    one = frame(values, subject="x", text=text, html=text)

    raw = skeleton(one).fill(values, **sent())

    assert read(raw) == read(full(one, values, **sent()))
    assert_within_limits(raw)


@pytest.mark.parametrize(
    "source", ["", "\n", "no line end", "one\rtwo\r\nthree\n", "{{ logo_url }}", "\0\x0b\x85"]
)
def test_a_part_without_places_is_the_same(source):
    values = values_of()
    one = frame(values, subject="x", text=source, html=source)

    assert read(skeleton(one).fill(values, **sent())) == read(full(one, values, **sent()))


@pytest.mark.parametrize("name", ["x" * 71, "é" * 60, "x" * 100, "Zoë " + "x" * 60, "J. Smit", "", "  Zoë  "])
@pytest.mark.parametrize(
    "address", ["noor@friend.example", f"{'n' * 60}@{'d' * 20}.example", "a=?b@friend.example"]
)
def test_a_recipient_is_that_of_the_long_way(name, address):
    assert_same(values_of(), to_name=name, to_address=address)


@pytest.mark.parametrize(
    "url",
    [
        *(f"https://{'x' * length}" for length in (1, 66, 67, 68, 139, 140, 141, 500)),
        f"{URL}?a=1&b={'x' * 200}",
        "https://zoë.example/é",
        "HTTPS://shop.example/",
    ],
)
def test_a_link_that_is_long_or_odd_is_the_same(url):
    assert_same(values_of(invitation_url=url, decline_url=url), template="staff")


@pytest.mark.parametrize("dot", range(60, 160))
@pytest.mark.parametrize("dots", [".", "..", "." * 90])
def test_no_line_begins_with_a_dot_of_a_link(dot, dots):
    url = f"https://{'a' * (dot - 8)}{dots}b.example/invitation/x"

    assert_same(values_of(invitation_url=url, decline_url=url), template="staff")
    assert b"\r\n." not in filled(values_of(invitation_url=url, decline_url=url), template="staff")


@given(
    url=st.from_regex(r"https?://[a.]{50,150}", fullmatch=True),
    message=st.text(st.sampled_from("a. \n="), max_size=200),
    name=st.text(st.sampled_from("a. "), max_size=100),
)
def test_no_line_begins_with_a_dot_whatever_the_values_are(url, message, name):
    values = values_of(invitation_url=url, opt_out_url=url, message=message, inviter_name=name)

    assert_same(values, template="staff", to_name=name)


@pytest.mark.parametrize("part", ["text", "html"])
def test_a_part_that_ends_with_a_link_is_the_same(part):
    values = values_of(invitation_url=f"https://{'x' * 120}")
    one = frame(values, **{part: "{{ invitation_url }}{{ invitation_url }}"})

    raw = skeleton(one).fill(values, **sent())

    assert read(raw) == read(full(one, values, **sent()))
    assert_within_limits(raw)


@pytest.mark.parametrize(
    ("subject", "name"),
    [
        ("{{ inviter_name }} invites you", "E" * 66),
        ("{{ inviter_name }} invites you", "Zoë"),
        ("{{ inviter_name }} invites you", "=?utf-8?q?x?="),
        ("  {{ inviter_name }}   invites  you ", " Emma "),
        ("{{ inviter_name }} invites you", "é" * 300),
        ("{{ inviter_name }}", " "),
        ("\x01{{ inviter_name }}", "Emma"),
        ("é{{ logo_url }}", ""),
        ("{{ logo_url }}", ""),
    ],
)
def test_a_subject_is_that_of_the_long_way(subject, name):
    values = values_of(inviter_name=name)
    one = frame(values, subject=subject)

    assert made(lambda: skeleton(one).fill(values, **sent())) == made(lambda: full(one, values, **sent()))


def test_headers_stand_in_the_order_of_the_long_way():
    values = values_of()

    names = email.message_from_bytes(filled(values)).keys()

    assert names == email.message_from_bytes(full(frame(values), values, **sent())).keys()
    assert names[:5] == ["From", "To", "Reply-To", "Subject", "Date"]


def test_a_mail_without_a_reply_to_has_no_such_header():
    values = values_of()
    one = frame(values, reply_to_address="")

    assert b"Reply-To" not in skeleton(one).fill(values, **sent())


def test_the_way_out_stands_whole_in_the_headers():
    long = OPT_OUT + "x" * 700
    values = values_of(opt_out_url=long)

    assert f"\r\nList-Unsubscribe: <{long}>\r\nList-Unsubscribe-Post: ".encode() in filled(values)


@pytest.mark.parametrize("name", ["invitation_url", "opt_out_url"])
def test_a_mail_without_what_every_mail_must_have_is_refused(name):
    values = values_of()
    shape = frame(values)
    del values[name]

    for make in (skeleton(frame(values)).fill, skeleton(shape).fill, functools.partial(full, shape)):
        with pytest.raises(UnusableValue) as refusal:
            make(values, **sent())
        assert refusal.value.data == {"name": name}


def test_a_shop_without_a_usable_color_is_refused():
    shop = tuple(sorted((SHOP | {"accent": "red;}"}).items()))

    with pytest.raises(UnusableValue) as refusal:
        skeleton(frame(values_of(), shop=shop))
    assert refusal.value.data == {"name": "accent"}


@pytest.mark.parametrize(
    "changes", [{"sender_address": "zoë@shop.example"}, {"reply_to_address": "hé@shop.example"}, {}]
)
def test_an_address_with_other_letters_goes_the_long_way_and_stays_as_it_is(changes):
    values = values_of(inviter_name="Zoë")
    to_address = "noor@friend.example" if changes else "nör@friend.example"

    raw = skeleton(frame(values, **changes)).fill(values, **sent(to_address=to_address))

    mail = email.message_from_string(raw.decode(), policy=policy.SMTPUTF8)
    assert mail["To"].addresses[0].addr_spec == to_address
    assert mail["From"].addresses[0].addr_spec == changes.get("sender_address", "shop@shop.example")


def test_a_domain_with_other_letters_goes_in_a_labels():
    values = values_of()

    raw = skeleton(frame(values, reply_to_address="hallo@zoë.example")).fill(values, **sent())

    assert b"\r\nReply-To: Linde & Draad <hallo@xn--zo-ija.example>\r\n" in raw


def test_one_frame_has_one_skeleton_and_one_boundary_that_nobody_guesses():
    values = values_of()
    boundaries = [
        email.message_from_bytes(raw).get_boundary("")
        for raw in (
            filled(values),
            filled(values | {"invitation_url": f"{URL}x"}),
            filled(values, template="nl"),
        )
    ]

    assert skeleton(frame(values)) is skeleton(frame(values))
    assert boundaries[0] == boundaries[1] != boundaries[2]
    assert re.fullmatch("=_[0-9a-f]{24}", boundaries[0])
