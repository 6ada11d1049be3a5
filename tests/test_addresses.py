"""Addresses: one normal form, what people paste, and what they probably meant."""

import hashlib
import hmac
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestlist import addresses
from guestlist.addresses import Entry
from guestlist.refusal import Refusal

ANYTHING = st.text() | st.text(alphabet=st.sampled_from("a.@-İΣéß。．\u200b\u0301 <>\"',;x")) | st.emails()


@pytest.mark.parametrize(
    ("typed", "normal"),
    [
        ("friend@example.com", "friend@example.com"),
        ("  Friend@EXAMPLE.com\n", "friend@example.com"),
        ("first.last+shop@example.com", "first.last+shop@example.com"),
        ("o'neil@example.com", "o'neil@example.com"),
        ("jan@bücher.example", "jan@xn--bcher-kva.example"),
        ("jan@BÜCHER.example", "jan@xn--bcher-kva.example"),
        ("jan@straße.example", "jan@xn--strae-oqa.example"),
        ("jan@xn--bcher-kva.example", "jan@xn--bcher-kva.example"),
        ("a@пример.рф", "a@xn--e1afmkfd.xn--p1ai"),
        ("a@example。com", "a@example.com"),
        ("a@ｅｘａｍｐｌｅ．com", "a@example.com"),
        ("rene\u0301@example.com", "rené@example.com"),
        ("Ünal@example.com", "ünal@example.com"),
        ("用户@example.com", "用户@example.com"),
    ],
)
def test_normalize_gives_one_spelling_when_the_text_is_an_address(typed: str, normal: str) -> None:
    assert addresses.normalize(typed) == normal


@pytest.mark.parametrize(
    ("typed", "normal"),
    [
        ("Jan@BÜCHER.example", "jan@xn--bcher-kva.example"),
        ("@bücher.exa", "@xn--bcher-kva.exa"),
        ("Rene\u0301@", "rené@"),
        ("rene\u0301", "rené"),
        ("MAIL.Exam", "mail.exam"),
        ("@\u0301..-", "@\u0301..-"),
    ],
)
def test_piece_is_as_it_stands_in_an_address_when_it_is_searched_for(typed: str, normal: str) -> None:
    assert addresses.piece(typed) == normal
    assert addresses.piece(normal) == normal


def test_normalize_gives_the_same_when_the_domain_ends_in_a_full_stop() -> None:
    assert addresses.normalize("a@example.com.") == addresses.normalize("a@example.com")


@pytest.mark.parametrize(
    "typed",
    [
        "",
        " ",
        "@",
        "friend",
        "friend@",
        "@example.com",
        "friend@example",
        "friend@.com",
        "friend@example..com",
        "friend@com.",
        "a b@example.com",
        "a@exam ple.com",
        ".a@example.com",
        "a.@example.com",
        "a..b@example.com",
        "a@b@example.com",
        '"a b"@example.com',
        "a@[127.0.0.1]",
        "a@127.0.0.1",
        "a@-example.com",
        "a@exa_mple.com",
        "a@xn--a.com",
        "a@exam\u200bple.com",
        "a\u200bb@example.com",
        "a\u202eb@example.com",
        "a@example.com\x00",
        "a\r\nBcc: b@example.com",
        "a@example.com\r\nBcc: b",
        "a\ud800@example.com",
        "a\ue000@example.com",
        "a,b@example.com",
        "<a@example.com>",
        "a@example.com/path",
        "a@" + "b" * 64 + ".com",
    ],
)
@pytest.mark.requirement("trust-12")
def test_normalize_refuses_when_the_text_is_no_address(typed: str) -> None:
    with pytest.raises(addresses.MalformedAddress) as refused:
        addresses.normalize(typed)

    assert refused.value.code == "malformed_address"


@pytest.mark.parametrize(
    "typed",
    [
        "a" * 65 + "@example.com",
        "é" * 33 + "@example.com",
        "İ" * 30 + "@example.com",  # 60 octets, 90 in lower case
        "a@" + "b" * 60 + "." + ("c" * 60 + ".") * 3 + "example.com",
        "a" * 30 + "@" + ("é" * 50 + ".") * 4 + "com",  # fits as typed, not in A-labels
    ],
)
def test_normalize_refuses_when_the_address_is_too_long(typed: str) -> None:
    with pytest.raises(addresses.AddressTooLong, match="254"):
        addresses.normalize(typed)


def test_normalize_accepts_when_the_address_is_as_long_as_may_be() -> None:
    longest = "a" * 64 + "@" + ("b" * 60 + ".") * 3 + "c.nl"
    longest = longest.replace("c.nl", "c" * (254 - len(longest) + 1) + ".nl")

    assert len(addresses.normalize(longest)) == 254


def test_refusal_quotes_a_part_when_the_text_is_huge() -> None:
    with pytest.raises(addresses.MalformedAddress) as refused:
        addresses.normalize("x" * 65_536)

    assert len(str(refused.value)) < 200


@given(ANYTHING)
def test_normalize_changes_nothing_more_when_it_was_normalized(text: str) -> None:
    try:
        normal = addresses.normalize(text)
    except Refusal:
        return

    assert addresses.normalize(normal) == normal
    assert len(normal) <= 254
    assert normal.rpartition("@")[2].isascii()


@given(st.emails(), st.sampled_from(["NFC", "NFD"]))
def test_normalize_ignores_spelling_when_only_case_or_composition_differs(email: str, form: str) -> None:
    try:
        normal = addresses.normalize(email)
    except Refusal:
        return

    spelled = unicodedata.normalize(form, email.upper())  # type: ignore[arg-type]
    assert addresses.normalize(f"\t{spelled} ") == normal


@given(ANYTHING)
def test_nothing_but_a_refusal_is_raised_when_the_text_is_whatever(text: str) -> None:
    for entry in addresses.split_named(text):
        assert entry.address == entry.address.strip()
    addresses.suggestion(text)
    addresses.masked(text)
    try:
        normal = addresses.normalize(text)
    except Refusal as refusal:
        normal = str(refusal)

    assert addresses.hash_of(normal)


@pytest.mark.parametrize(
    ("pasted", "found"),
    [
        ("", []),
        (" \n,;", []),
        ("a@example.com", ["a@example.com"]),
        ("a@example.com, b@example.com;c@example.com d@example.com\ne@example.com", list("abcde")),
        ("a@example.com\r\nb@example.com\tc@example.com", list("abc")),
        ("Ann <a@example.com>, Bob Brown <b@example.com>", list("ab")),
        ('"Brown, Bob" <b@example.com>; c@example.com', list("bc")),
        ("a@example.com Ann <b@example.com>", list("ab")),
        ("a@example.com, Ann <b@example.com>\nc@example.com <d@example.com>", list("abcd")),
        ("<a@example.com><b@example.com>", list("ab")),
    ],
)
def test_split_finds_the_addresses_when_several_are_pasted(pasted: str, found: list[str]) -> None:
    expected = [one if "@" in one else f"{one}@example.com" for one in found]

    assert addresses.split(pasted) == expected


def test_split_keeps_what_is_no_address_when_it_is_pasted_among_others() -> None:
    assert addresses.split("a@example.com, not-an-address, <broken") == [
        "a@example.com",
        "not-an-address",
        "<broken",
    ]


@pytest.mark.parametrize(
    ("pasted", "entries"),
    [
        ("Ann <a@example.com>", [Entry("a@example.com", "Ann")]),
        ('"Brown, Bob" <b@example.com>', [Entry("b@example.com", "Brown, Bob")]),
        (
            "x@example.com Ann Lee <a@example.com>",
            [Entry("x@example.com"), Entry("a@example.com", "Ann Lee")],
        ),
        ("José <j@example.com>", [Entry("j@example.com", "José")]),
        ("<a@example.com>", [Entry("a@example.com")]),
        ("Ann <>", [Entry("", "Ann")]),
        ('"Lee,  \\\\ Ann" <a@example.com>', [Entry("a@example.com", "Lee, \\ Ann")]),
        ("Dr. Ann (at home) <a@example.com>", [Entry("a@example.com", "Dr. Ann (at home)")]),
        (
            "b@example.com Ann b@example.co <a@example.com>",
            [Entry("b@example.com"), Entry("b@example.co"), Entry("a@example.com", "Ann")],
        ),
    ],
)
def test_split_named_keeps_the_name_when_one_stands_before(pasted: str, entries: list[Entry]) -> None:
    assert addresses.split_named(pasted) == entries


@pytest.mark.parametrize("piece", ["a", "a ", "a<", "(", '"', "a@b ", '"a" '])
def test_split_named_gives_all_when_the_text_is_huge(piece: str) -> None:
    # What a form takes. A step for each address through all of the text would be a minute.
    text = piece * (2_000_000 // len(piece))

    pieces = addresses.split_named(text + "<a@example.com>")

    assert "a@example.com" in [entry.address for entry in pieces]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("ann@gmial.com", "ann@gmail.com"),
        ("ann@gmai.com", "ann@gmail.com"),
        ("ann@gmaill.com", "ann@gmail.com"),
        ("ann@gmeil.com", "ann@gmail.com"),
        ("ann@GMIAL.com", "ann@gmail.com"),
        ("ann@hotmial.com", "ann@hotmail.com"),
        ("ann@zigo.nl", "ann@ziggo.nl"),
        ("ann@gmail.con", "ann@gmail.com"),
        ("ann@gmail.co", "ann@gmail.com"),
        ("ann@gmail.com", None),
        ("ann@example.com", None),
        ("ann@gamil.co", None),
        ("ann", None),
        ("", None),
    ],
)
def test_suggestion_is_the_familiar_domain_when_it_is_one_slip_away(typed: str, meant: str | None) -> None:
    assert addresses.suggestion(typed) == meant


@pytest.mark.requirement("trust-18")
def test_hash_is_keyed_when_an_address_is_hashed(settings) -> None:
    settings.GUESTLIST_ADDRESS_KEY = b"one"
    one = addresses.hash_of("a@example.com")
    settings.GUESTLIST_ADDRESS_KEY = b"another"

    assert hmac.digest(b"one", b"a@example.com", hashlib.sha256).startswith(one)
    assert len(one) >= 16
    assert addresses.hash_of("a@example.com") != one


def test_masked_hides_most_when_an_address_is_shown_to_others() -> None:
    assert addresses.masked("johanna@example.co.uk") == "j…@e….uk"
