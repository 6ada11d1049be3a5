"""The inviter's own words: what is refused, and what people may well write."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestlist.invitations import message
from guestlist.refusal import Refusal


@pytest.mark.parametrize(
    ("words", "quoted"),
    [
        ("kijk op https://spam.example nu", "https://spam.example"),
        ("HTTP://SPAM", "HTTP://SPAM"),
        ("ftp:/spam", "ftp:/spam"),
        ("javascript:alert(1)", "javascript:alert(1)"),
        ("mailto:a", "mailto:a"),
        ("tel:0612345678", "tel:0612345678"),
        ("www.spam", "www.spam"),
        ("spam.example", "spam.example"),
        ("Wat leuk.Is dat zo", "leuk.Is"),
        ("(spam.example)", "(spam.example)"),
        ("mail me op ann@spam.example", "ann@spam.example"),
        ("10.0.0.1", "10.0.0.1"),
        ("bücher.example", "bücher.example"),
        ("пример.рф", "пример.рф"),
        ("spam。com", "spam。com"),
        ("spam．com", "spam．com"),
        ("spam․com", "spam․com"),
        ("ｓｐａｍ．ｃｏｍ", "ｓｐａｍ．ｃｏｍ"),
        ("𝐬𝐩𝐚𝐦.𝐜𝐨𝐦", "𝐬𝐩𝐚𝐦.𝐜𝐨𝐦"),
        ("spam\u200b.\u200bcom", "spam.com"),
        ("spam.\u200dcom", "spam.\u200dcom"),
        ("spam.\ufe0fcom", "spam.\ufe0fcom"),
        ("spam.\u034fcom", "spam.\u034fcom"),
        ("s\u0336p\u0336a\u0336m\u0336.\u0336c\u0336o\u0336m\u0336", "s\u0336p\u0336"),
        ("spam.\u00adcom", "spam.com"),
        ("spam[dot]com", "spam[dot]com"),
        ("spam(punt)com", "spam(punt)com"),
    ],
)
@pytest.mark.requirement("trust-11")
def test_link_is_refused_and_quoted_when_links_are_not_allowed(words: str, quoted: str) -> None:
    with pytest.raises(message.MessageHasLink) as refused:
        message.clean(words, links_allowed=False)

    assert quoted in str(refused.value)


@pytest.mark.parametrize("words", ["https://example.com", "spam.example", "10.0.0.1"])
def test_link_is_kept_when_links_are_allowed(words: str) -> None:
    assert message.clean(words, links_allowed=True) == words


@pytest.mark.parametrize(
    "words",
    [
        "Beste Jan, kom je a.s. zaterdag? O.a. Piet en mevr. De Vries komen ook. Bijv. om 16.30 u.",
        "i.v.m. de feestdagen, d.w.z. t/m 3.1.2027, m.b.t. e.e.a.: t.z.t. meer! z.s.m. 's avonds",
        "Prijs: € 12,50 (i.p.v. € 25,00) … of 12.5kg, 3/4 en/of 1:2",
        "Data: 3 en 4 mei. Tel: ja. Leuk:) :/ <3",
        "Dr. A.B. Jansen Ph.D. zei: “Ça va?” – naïef, geëerd, ’s-Gravenhage, coördinatie",
        "Hi! 🎉👩‍👩‍👧 🏴󠁧󠁢󠁥󠁮󠁧󠁿 🇳🇱 ❤️ 👍🏽",
        "Two\nlines\n\nand\ta tab",
        "می‌خواهم",  # a zero-width non-joiner belongs here
        "हिन्दी में",
        "",
    ],
)
def test_message_is_kept_when_it_is_what_people_write(words: str) -> None:
    assert message.clean(words, links_allowed=False) == words


@pytest.mark.parametrize(
    "words",
    [
        "a\x00b",
        "a\x07b",
        "a\x1b[0mb",
        "a\x7fb",
        "a\u202eb",
        "a\u2066b",
        "a\u200fb",
        "a\ue000b",
        "a\ud800b",
        "a\U000e0041b",
        "\U0001f3f4 \U000e0067",
    ],
)
@pytest.mark.requirement("trust-11")
def test_message_is_refused_when_it_has_what_cannot_be_seen(words: str) -> None:
    with pytest.raises(message.MessageHasControls):
        message.clean(words, links_allowed=True)


def test_message_is_stored_tidy_when_it_was_pasted() -> None:
    pasted = " \r\n\u200bCafe\u0301\r\nand\rtea\u2028soon\u200b\ufeff \n"

    assert message.clean(pasted, links_allowed=False) == "Café\nand\ntea\nsoon"


@pytest.mark.requirement("trust-11")
def test_message_is_refused_when_it_is_too_long() -> None:
    with pytest.raises(message.MessageTooLong, match="65536"):
        message.clean("x" * 65_536, links_allowed=False)


def test_message_fits_when_its_letters_compose_to_the_limit() -> None:
    assert message.clean("e\u0301" * 1_000, links_allowed=False) == "é" * 1_000
    with pytest.raises(message.MessageTooLong):
        message.clean("e\u0301" * 1_001, links_allowed=False)


def test_message_is_not_lost_when_blanks_come_before_it() -> None:
    assert message.clean(" " * 65_536 + "Hello", links_allowed=False) == "Hello"


@given(st.text(), st.booleans())
def test_cleaning_changes_nothing_more_when_a_message_was_cleaned(text: str, links: bool) -> None:
    try:
        cleaned = message.clean(text, links_allowed=links)
    except Refusal:
        return

    assert message.clean(cleaned, links_allowed=links) == cleaned
    assert len(cleaned) <= message.MAX_LENGTH
    assert "\x00" not in cleaned
