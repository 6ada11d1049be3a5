"""Reading what comes back by mail: bounces (DSN, RFC 3464) and complaints (ARF, RFC 5965).

Whose it is says the signed return path alone, never an address or a Message-ID in it, which anybody can write. Bounces of
no standard form are not guessed at. A mail from anywhere may be hostile, so only its beginning is read, a few parts deep,
and no error escapes: what cannot be used is ignored, with a reason.
"""

from __future__ import annotations

import base64
import email
import hashlib
import logging
import quopri
import re
from dataclasses import dataclass
from email.policy import Compat32
from itertools import islice
from typing import TYPE_CHECKING, Literal

from guestlist.mail import answers, returnpath
from guestlist.mail.kinds import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from email.message import Message

log = logging.getLogger(__name__)

MAX_BYTES = 256 * 1024
"""So much of a mail is read: the report stands at its beginning, and what we send is a few kilobytes."""
MAX_LINES = 10_000
_MAX_PARTS = 30
_MAX_DEPTH = 5
_MAX_BLOCKS = 100
_MAX_HEADERS = 20
_MAX_HEADER = 2_000
"""Characters of a header that are looked at; the library takes a minute for a quarter of a megabyte of parameters."""

_RECIPIENT_HEADERS = ("To", "Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To")
_COMPLAINTS = frozenset({"abuse", "fraud", "virus", "opt-out", "opt-out-list"})
_DSN = frozenset({"message/delivery-status", "message/global-delivery-status"})
_ARF = "message/feedback-report"
_ENCLOSED = frozenset({"message/rfc822", "message/global", "text/rfc822-headers", "message/global-headers"})
_ARRIVED = frozenset({"delivered", "relayed", "expanded"})

_FIELD = re.compile(r"(?m)^([A-Za-z][A-Za-z-]{0,60}):[ \t]*(.*(?:\n[ \t].*)*)")
_WORD = re.compile(r"[a-z-]+")
_STATUS = re.compile(r"\b[45]\.\d{1,3}\.\d{1,3}\b")
# "smtp; 550-5.1.1 …": Exim says 5.0.0 itself and leaves the reason to the server's own words.
_SAID = re.compile(r"smtp\s*;\s*(?:\d{3}[ -])?#?([45]\.\d{1,3}\.\d{1,3})\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Returned:
    """A bounce or a complaint for one of our mails, however it came.

    ``source`` (at most 20 characters) and ``key`` (128) tell reports apart: the same one again is not counted again.
    ``code`` is the enhanced status code, or the type of complaint; ``answer`` the words, without addresses.
    """

    message_id: int
    verdict: Literal[Verdict.BOUNCED, Verdict.COMPLAINED]
    source: str
    key: str
    code: str
    answer: str = ""
    is_permanent: bool = True
    """False where a server on the way merely gave up trying."""
    no_such_address: bool = False


@dataclass(frozen=True, slots=True)
class Ignored:
    """A mail that says nothing we need: why, in one word, and whether it was meant for us at all."""

    reason: str
    is_ours: bool


class _Bounded(Compat32):
    """The library's policy for mail of any kind, but for long headers: their beginning is read."""

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        name, value = super().header_source_parse(sourcelines)
        return name, value[:_MAX_HEADER]


_POLICY = _Bounded()


def read(raw: bytes) -> Returned | Ignored:
    """Return what a mail says came back. Never raises, whatever the mail is."""
    try:
        return _read(email.message_from_bytes(_beginning(raw), policy=_POLICY))
    except Exception as error:
        # A stranger's mail may break the library's parser anywhere; nested deep enough it always does.
        log.info("A mail cannot be read: %s", type(error).__name__, exc_info=log.isEnabledFor(logging.DEBUG))
        return Ignored("unreadable", is_ours=False)


def nameless(text: str) -> str:
    """Return words as they may be kept: on one line, bounded, without addresses, which would outlive their erasure."""
    # Addresses first: what is cut, or loses its spaces, hides where one begins.
    return answers.printable(" ".join(answers.without_addresses(text)[:2_000].split()))


def _beginning(raw: bytes) -> bytes:
    return b"".join(raw[:MAX_BYTES].splitlines(keepends=True)[:MAX_LINES])


def _read(mail: Message) -> Returned | Ignored:
    parts = list(islice(_parts(mail), _MAX_PARTS))
    sent_to = [str(value) for name in _RECIPIENT_HEADERS for value in mail.get_all(name, [])[:_MAX_HEADERS]]
    for part in parts:
        if part.get_content_type() == _ARF:
            return _complaint(part, parts, sent_to)
    for part in parts:
        if part.get_content_type() in _DSN:
            return _bounce(part, sent_to)
    if _whose(sent_to) is None:
        return _not_ours(sent_to)
    automatic = str(mail.get("Auto-Submitted", "no")).strip().lower() != "no"
    return Ignored("automatic_answer" if automatic else "no_report", is_ours=True)


def _parts(mail: Message, depth: int = 0) -> Iterator[Message]:
    """Give the parts in order, without going into enclosed mails: a report within one is somebody else's."""
    if mail.get_content_maintype() != "multipart" or not mail.is_multipart():
        yield mail
    elif depth < _MAX_DEPTH:
        for part in _inside(mail):
            yield from _parts(part, depth + 1)


def _inside(part: Message) -> list[Message]:
    payload = part.get_payload()
    return [one for one in payload if not isinstance(one, str)] if isinstance(payload, list) else []


def _whose(texts: Sequence[str]) -> int | None:
    return next((found for text in texts if (found := returnpath.opened(text)) is not None), None)


def _not_ours(texts: Sequence[str]) -> Ignored:
    return Ignored("forged" if any(map(returnpath.looks_like_one, texts)) else "not_ours", is_ours=False)


# --- Bounces -----------------------------------------------------------------------------------------------------------


def _bounce(part: Message, sent_to: Sequence[str]) -> Returned | Ignored:
    message_id = _whose(sent_to)
    if message_id is None:
        return _not_ours(sent_to)
    text = _text(part)
    recipients = [fields for fields in _blocks(text) if "action" in fields]
    done = {match[0] if (match := _WORD.match(one["action"].lower())) else "" for one in recipients}
    # One mail of ours has one recipient; several here are what their side made of it, and one that got it is enough.
    if not done:
        return Ignored("no_recipients", is_ours=True)
    if done & _ARRIVED:
        return Ignored("delivered", is_ours=True)
    if done != {"failed"}:
        return Ignored("delayed" if "delayed" in done else "unknown_action", is_ours=True)
    # Where they disagree, the word that blames least counts.
    code, fields = min(
        ((_status(one), one) for one in recipients),
        key=lambda one: (one[0][0] == "5", one[0] in answers.NO_SUCH_ADDRESS),
    )
    said = fields.get("diagnostic-code", "")
    return Returned(
        message_id=message_id,
        verdict=Verdict.BOUNCED,
        source="dsn",
        key=_key(message_id, text),
        code=code,
        answer=nameless(said.partition(";")[2] or said),
        is_permanent=code[0] == "5",
        no_such_address=code in answers.NO_SUCH_ADDRESS,
    )


def _status(fields: Mapping[str, str]) -> str:
    """Return the enhanced status code of a failed recipient; 5.0.0 where none is named."""
    found = _STATUS.search(fields.get("status", ""))
    status = found[0] if found else ""
    said = _SAID.match(fields.get("diagnostic-code", ""))
    if said and (not status or (status.endswith(".0.0") and said[1][0] == status[0])):
        return said[1]
    return status or "5.0.0"


# --- Complaints --------------------------------------------------------------------------------------------------------


def _complaint(part: Message, parts: Sequence[Message], sent_to: Sequence[str]) -> Returned | Ignored:
    text = _text(part)
    fields: dict[str, str] = {}
    for block in _blocks(text):
        fields = block | fields
    places = [*sent_to, fields.get("original-mail-from", "")]
    for enclosed in parts:
        if enclosed.get_content_type() in _ENCLOSED:
            places += [block.get("return-path", "") for block in islice(_blocks(_text(enclosed)), 1)]
    message_id = _whose(places)
    if message_id is None:
        return _not_ours(places)
    found = _WORD.match(fields.get("feedback-type", "").lower())
    feedback = found[0] if found else ""
    if feedback not in _COMPLAINTS:
        return Ignored("no_complaint", is_ours=True)
    return Returned(
        message_id=message_id,
        verdict=Verdict.COMPLAINED,
        source="arf",
        key=_key(message_id, text),
        code=feedback,
        answer=nameless(fields.get("user-agent", "")),
    )


# --- Fields ------------------------------------------------------------------------------------------------------------


def _text(part: Message) -> str:
    """Return the text of a part that the parser may have taken for a mail, or for several, and taken apart."""
    if part.is_multipart():
        raw = b"\n\n".join(_whole(one) for one in _inside(part)[:_MAX_BLOCKS])
        encoding = str(part.get("Content-Transfer-Encoding", "")).strip().lower()
        if encoding == "base64":
            raw = base64.b64decode(re.sub(rb"[^A-Za-z0-9+/]", b"", raw) + b"==")
        elif encoding == "quoted-printable":
            raw = quopri.decodestring(raw)
    else:
        raw = _body(part)
    return raw.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")


def _whole(one: Message) -> bytes:
    head = "\n".join(f"{name}: {value}" for name, value in one.raw_items())
    return b"\n\n".join(text for text in (head.encode("utf-8", "surrogateescape"), _body(one)) if text)


def _body(part: Message) -> bytes:
    body = part.get_payload(decode=True)
    return body if isinstance(body, bytes) else b""


def _blocks(text: str) -> Iterator[dict[str, str]]:
    """Give the fields of each block between empty lines: names in lower case, values on one line, the first of a name."""
    for block in islice(re.split(r"\n[ \t]*\n", text), _MAX_BLOCKS):
        fields: dict[str, str] = {}
        for name, value in islice(_FIELD.findall(block), _MAX_BLOCKS):
            fields.setdefault(name.lower(), " ".join(value.split()))
        if fields:
            yield fields


def _key(message_id: int, text: str) -> str:
    """Return what tells this report from others: the same for copies that came by different ways."""
    return hashlib.sha256(f"{message_id}\n{' '.join(text.split())}".encode()).hexdigest()
