"""The inviter's own words: plain text of a bounded length, without anything that looks like a link."""

from __future__ import annotations

import re
import unicodedata

from django.utils.translation import gettext_lazy as _

from guestlist.refusal import Refusal

MAX_LENGTH = 1000
"""Longest message, in characters."""

# Full stops and slashes of other scripts that browsers and people read as the plain ones (UTS 46, 2.3, and look-alikes).
_LOOK_ALIKES = str.maketrans(
    {"。": ".", "．": ".", "｡": ".", "․": ".", "܁": ".", "·": ".", "•": ".", "∕": "/", "⁄": "/"}
)
_LINK = re.compile(
    r"""
    [a-z][a-z0-9+.-]*:/           # a scheme
    | \bwww\.
    | [^\W_][\w-]*\.[^\W\d_]{2,}  # a bare domain, in whatever script
    | \b\d{1,3}(\.\d{1,3}){3}\b   # an IPv4 address
    | [\[({]\s*(dot|punt|point)\s*[\])}]
    | \b(mailto|tel|javascript|data):\S
    """,
    re.IGNORECASE | re.VERBOSE,
)
_LINE_ENDS = re.compile(r"\r\n?|[\u2028\u2029]")
_INVISIBLE = dict.fromkeys(map(ord, "\u200b\ufeff\u00ad"))
_FLAG = re.compile("\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{1,6}\U000e007f")
"""The flags of England and the like: a black flag and letters that only belong there (UTS 51, ED-14a)."""
_HARMLESS = {"\n", "\t"}
_JOINERS = {"\u200c", "\u200d"}
"""Zero-width joiners: emoji and several scripts are written with them."""


class MessageTooLong(Refusal):
    """The message exceeds its length."""

    code = "message_too_long"
    message = _("Your message has %(length)s characters; at most %(max)s fit. Make it shorter.")


class MessageHasLink(Refusal):
    """The message has something that reads as a link."""

    code = "message_has_link"
    message = _("“%(words)s” looks like a web address. Leave it out, or put a space after the full stop.")


class MessageHasControls(Refusal):
    """The message has characters that cannot be seen."""

    code = "message_has_controls"
    message = _(
        "Your message contains characters that cannot be shown. Type it anew, or paste it as plain text."
    )


def clean(text: str, *, links_allowed: bool) -> str:
    """Return the message as it is stored: NFC, plain line ends, blank space at its ends taken off.

    :raises MessageTooLong: over 1,000 characters.
    :raises MessageHasControls: when it has control or direction-changing characters.
    :raises MessageHasLink: when links are refused and something looks like one; the words are quoted.
    """
    typed = _LINE_ENDS.sub("\n", text).strip()
    # No composition is shorter than an eighth: of a huge text a part is enough to refuse it.
    message = unicodedata.normalize("NFC", typed[: 8 * MAX_LENGTH])
    if len(message) > MAX_LENGTH:
        raise MessageTooLong(length=len(typed), max=MAX_LENGTH)
    message = message.translate(_INVISIBLE).strip()
    if any(_is_control(character) for character in _FLAG.sub("", message)):
        raise MessageHasControls
    if not links_allowed:
        for word in message.split():
            if _LINK.search(_plain(word)):
                raise MessageHasLink(words=word[:60])
    return message


def _is_control(character: str) -> bool:
    if character in _HARMLESS or character in _JOINERS:
        return False
    return unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co"}


def _plain(word: str) -> str:
    """Return the word as an eye takes it in: wide and raised letters plain, accents and what has no width left out."""
    spread = unicodedata.normalize("NFKD", word.translate(_LOOK_ALIKES)).translate(_LOOK_ALIKES)
    return "".join(
        character for character in spread if unicodedata.category(character) not in {"Cf", "Mn", "Me"}
    )
