"""What a mail server's answers mean: for this mail, for its address, or for us."""

from __future__ import annotations

import enum
import re
from datetime import timedelta
from typing import NamedTuple

MAX_ANSWER = 400
NO_SUCH_ADDRESS = frozenset({"5.1.1", "5.1.2", "5.1.10"})
"""The enhanced status codes that say that an address does not exist (RFC 3463)."""
# RFC 3463 and RFC 7372: the address or domain of the sender, and proofs of it, were refused.
# 5.7.60 is what Exchange says to who may not send as this sender.
_ABOUT_SENDER = re.compile(r"5\.1\.[78]|5\.7\.(2\d|8|9|60)")
# Words, only where the server's own begin, and only with a code that names no other reason.
_NO_RELAY = re.compile(
    r"\s*(?:[245]\.\d{1,3}\.\d{1,3}\s+)?(?:[<\"]?…\S*\s+)?(?:sorry, )?"
    r"(?:relay(?:ing)? (?:access )?(?:is )?(?:denied|prohibited|not (?:permitted|allowed))|"
    r"(?:(?:unable|not (?:permitted|allowed)) to|(?:we )?(?:cannot|will not|do not)) relay)\b",
    re.IGNORECASE,
)
# Postfix puts off what it has against its client, greeting or sender until RCPT, and names who it is about first.
_REFUSES_US = re.compile(
    r"\s*(?:[245]\.\d{1,3}\.\d{1,3}\s+)?(?:<[^<>\s]*>:?\s+)?"
    r"(?:(?:sender address|client host|helo command) rejected\b|service unavailable; client host\b|"
    r"authentication (?:is )?required\b)",
    re.IGNORECASE,
)
_VAGUE = frozenset({"550", "551", "553", "554", "5.7.0", "5.7.1"})
_AUTH_CODES = frozenset({530, 534, 535, 538})
_ENHANCED = re.compile(r"[245]\.\d{1,3}\.\d{1,3}\b")
_NOT_PRINTABLE = re.compile(r"[^\x20-\x7e\xa1-\u024f…]+")
# Brackets, double quotes and what SMTP calls a space end one: other spaces and marks may be of its owner's choice.
# Within quotes of its own a local part may have all of them (RFC 5321, 4.1.2); in JSON these follow a backslash.
_ADDRESS = re.compile(
    r'(?:"(?:[^"\\]|\\.){0,64}\\?"|(?<![^\s<>"])[^\s<>"@]*)@[^\s<>"]*',
    re.ASCII,
)
_AGAIN = re.compile(
    r"(?:try again|retry|try later)\D{0,20}?(\d{1,6})\s*(s|sec|seconds?|m|min|minutes?|h|hours?)\b",
    re.IGNORECASE,
)
_UNITS = {"s": 1, "m": 60, "h": 3600}


class Result(enum.Enum):
    """What came of handing a mail over."""

    ACCEPTED = "accepted"
    DEFERRED = "deferred"
    """Not this mail, not now."""
    BOUNCED = "bounced"
    """The recipient's side refused it for good."""
    FAILED = "failed"
    """This mail cannot go this way at all; nobody's address is to blame."""
    REFUSED_US = "refused_us"
    """The server refuses the sender: nothing of theirs will go, and no address is to blame."""
    UNREACHABLE = "unreachable"
    """There is no server to talk to: nothing was tried, nothing is to blame."""


class Answer(NamedTuple):
    """What a server said, or why it said nothing. A tuple, because a frozen dataclass takes a microsecond longer to make."""

    result: Result
    code: str
    """The enhanced status code, else the reply code, else a word of our own."""
    text: str = ""
    """Its words: printable, at most 400 characters."""
    no_such_address: bool = False
    again_after: timedelta | None = None
    """When the server named a time to try again."""


def of_sender(code: int, text: bytes) -> Answer:
    """Return what an answer to MAIL FROM means."""
    shown, words = code_and_text(code, text)
    if not 500 <= code < 600:  # noqa: PLR2004
        return _deferred(shown, words)
    # Its size or its letters: this mail's own trouble (RFC 1870, RFC 6531).
    own = code == 552 or shown in {"5.3.4", "5.6.7"}  # noqa: PLR2004
    return Answer(Result.FAILED if own else Result.REFUSED_US, shown, words)


def of_recipient(code: int, text: bytes) -> Answer:
    """Return what an answer to RCPT TO means.

    A server that does not relay for us, or that has something against us or the sender, says so in words of its own, the
    first ones. What it tells of another server stands behind; where it repeats another's reply from the first word on,
    whoever runs that one can still stop the sender.
    """
    answer = of_content(code, text)
    if answer.code in _VAGUE and _is_no_relay(text):
        return answer._replace(result=Result.REFUSED_US)
    if answer.code in _VAGUE | {"504", "5.5.2"} and _refuses_us(text):
        return answer._replace(result=Result.REFUSED_US)
    return answer


def of_content(code: int, text: bytes) -> Answer:
    """Return what an answer to DATA or to the final dot means.

    The server relays for us: it took the recipient. Words about relaying are another server's, passed on.
    """
    shown, words = code_and_text(code, text)
    if not 500 <= code < 600:  # noqa: PLR2004
        return _deferred(shown, words)
    if code in _AUTH_CODES or _ABOUT_SENDER.fullmatch(shown):
        return Answer(Result.REFUSED_US, shown, words)
    return Answer(Result.BOUNCED, shown, words, no_such_address=shown in NO_SUCH_ADDRESS)


def _is_no_relay(text: bytes) -> bool:
    # Not the words as they are kept: signs of somebody's own choice have become spaces there.
    return bool(_NO_RELAY.match(without_addresses(text.decode("utf-8", "replace"))))


def _refuses_us(text: bytes) -> bool:
    return bool(_REFUSES_US.match(without_addresses(text.decode("utf-8", "replace"))))


def _deferred(code: str, words: str) -> Answer:
    again = _AGAIN.search(words)
    after = timedelta(seconds=int(again[1]) * _UNITS[again[2][0].lower()]) if again else None
    return Answer(Result.DEFERRED, code, words, again_after=after)


def code_and_text(code: int, text: bytes | str) -> tuple[str, str]:
    """Return the enhanced status code, or the reply code where there is none, and the words.

    Addresses in them are left out: whoever is invited has chosen theirs, and what is kept must not outlive its erasure.
    """
    words = printable(without_addresses(text.decode("utf-8", "replace") if isinstance(text, bytes) else text))
    shown = str(code)
    # A code of another class than the reply's is the server's mistake; the reply code rules (RFC 2034).
    if words[:1] == shown[:1] and (enhanced := _ENHANCED.match(words)):
        shown = enhanced[0]
    return shown, words


def without_addresses(text: str) -> str:
    """Return words of somebody else's without any mail address: a piece of one can decide, or outlive its erasure."""
    return _ADDRESS.sub("…", text) if "@" in text else text


def nameless(answer: Answer) -> Answer:
    """Return an answer of any transport as it may be kept: without addresses."""
    return answer._replace(text=without_addresses(answer.text)) if "@" in answer.text else answer


def printable(text: str) -> str:
    """Return the words as they may be kept and shown: on one line, bounded."""
    if not (text.isascii() and text.isprintable()):
        text = _NOT_PRINTABLE.sub(" ", text)
    return text.strip()[:MAX_ANSWER]
