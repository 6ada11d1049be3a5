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
    | \b(mailto|tel|javascript|data):
    """,
    re.IGNORECASE | re.VERBOSE,
)
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
    message = unicodedata.normalize(
        "NFC", text[: 8 * MAX_LENGTH].replace("\r\n", "\n").replace("\r", "\n").strip()
    )
    if len(text.strip()) > MAX_LENGTH and len(message) > MAX_LENGTH:
        raise MessageTooLong(length=len(text.strip()), max=MAX_LENGTH)
    message = message.replace("\u200b", "").replace("\ufeff", "").replace("\u00ad", "")
    if any(_is_control(character) for character in message):
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
    visible = "".join(character for character in word if unicodedata.category(character) != "Cf")
    return unicodedata.normalize("NFKC", visible.translate(_LOOK_ALIKES)).translate(_LOOK_ALIKES)
