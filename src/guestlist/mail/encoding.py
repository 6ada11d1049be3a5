"""Values and headers as they stand in a finished mail: the short way for common ones, the library's for all others.

What is encoded here is what :mod:`guestlist.mail.letters` would make of it, once both are parsed.
"""

from __future__ import annotations

import datetime
import re
from binascii import b2a_qp
from email.utils import format_datetime
from functools import lru_cache, partial
from typing import TYPE_CHECKING
from urllib.parse import quote

from guestlist.mail import language, letters
from guestlist.mail.language import Escape, Place
from guestlist.mail.letters import Mailbox, UnusableHeader
from guestlist.mail.variables import Form

if TYPE_CHECKING:
    from collections.abc import Callable

    type Pair = tuple[bytes, bytes]

SOFT_BREAK = b"=\r\n"
_HEADER_LINE = 70
_SUBJECT = 69
_LINE = 75
# Printable ASCII that neither HTML nor quoted-printable writes otherwise, no longer than a line.
_PLAIN = re.compile(r"(?!\.)[ !#-%(-;?-~]{1,75}")
# Looking for those to double them on the wire (RFC 5321, 4.5.2) would take half as long as filling a mail.
_LEADING_DOT = re.compile(rb"^\.", re.MULTILINE)
# The same of what both the body and List-Unsubscribe take as an address of the web; where it is folded stands no dot.
_PLAIN_URL = re.compile(r"(?!.{75}\.)https?://[!#-%*-;?-\[\]-~]{1,140}")
# What the library leaves alone: no encoded words, no quoting.
_PLAIN_SUBJECT = re.compile(r"[!-<>-~]+(?: [!-<>-~]+)*")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9'-]+(?: [A-Za-z0-9'-]+)*")
_NAME_IN_LETTERS = re.compile(r"(?:[^\W_]|['-])+(?: (?:[^\W_]|['-])+)*")
_PLAIN_ADDRESS = re.compile(r"[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*")


def quoted_printable(text: str) -> bytes:
    """Return a piece of a body in quoted-printable (RFC 2045, 6.7), lines ended by CRLF.

    It may stand wherever a line begins, and a soft line break or another line may follow it: its last line is short enough.
    """
    # The letter behind it keeps the encoder from using the last column; the encoder ends its own lines by a bare LF.
    encoded = b2a_qp(text.encode() + b"x", istext=True)[:-1].replace(b"\n", b"\r\n")
    while _LEADING_DOT.search(encoded):
        encoded = _LEADING_DOT.sub(b"=2E=\r\n", encoded)
    return encoded


def ended(encoded: bytes) -> bytes:
    """Return a piece of a body in quoted-printable with a line end behind it, unless there is one."""
    if encoded.endswith(SOFT_BREAK):
        return encoded + b"\r\n"
    # A space may be its last character, which at the end of a line would be lost.
    return encoded if encoded.endswith(b"\r\n") else encoded + SOFT_BREAK + b"\r\n"


def writer(name: str, form: Form) -> Callable[[str], Pair]:
    """Return what writes values of a variable: encoded for the text, and escaped and encoded for the HTML.

    It raises :class:`~guestlist.mail.language.UnusableValue` for a value that cannot stand there.
    """
    if form is Form.URL:
        return partial(_url, name)
    return partial(_remembered if form is Form.COLOR else _words, name, form.value)


def _words(name: str, form: str, value: str) -> Pair:
    if _PLAIN.fullmatch(value):
        plain = value.encode("ascii")
        return plain, plain
    return _remembered(name, form, value)


def _url(name: str, value: str) -> Pair:
    if not _PLAIN_URL.fullmatch(value):
        return _written(name, Form.URL.value, value)
    plain = value.encode("ascii")
    if len(plain) > _LINE:
        plain = plain[:_LINE] + SOFT_BREAK + plain[_LINE:]
    return plain, plain


def _written(name: str, form: str, value: str) -> Pair:
    place = Place(name, Form(form))
    return (
        quoted_printable(language.written(place, value, Escape.NONE)),
        quoted_printable(language.written(place, value, Escape.HTML)),
    )


# Many mails share an inviter, a message, an occasion; links, which no two share, and which are secret, are not kept.
_remembered = lru_cache(maxsize=256)(_written)


def to_line(name: str, address: str) -> bytes:
    """Return the To header with its line end; of an address in ASCII.

    :raises UnusableHeader: when it cannot stand there.
    """
    shown = _phrase(name)
    if shown is None or len(address) > _HEADER_LINE or not _PLAIN_ADDRESS.fullmatch(address):
        return _careful_to_line(name, address)
    between = " " if len(shown) + len(address) <= _HEADER_LINE else "\r\n "
    line = f"To: {shown}{between}<{address}>\r\n" if shown else f"To: {address}\r\n"
    return line.encode("ascii")


def _phrase(name: str) -> str | None:
    """Return a name as it stands before an address, when it is of the usual kind; else None."""
    if len(name) > _HEADER_LINE:
        return None
    if not name or _PLAIN_NAME.fullmatch(name):
        return name
    if not _NAME_IN_LETTERS.fullmatch(name):
        return None
    word = f"=?utf-8?q?{quote(name, safe=' ').replace('%', '=').replace(' ', '_')}?="  # RFC 2047, 5 (3)
    return word if len(word) <= _HEADER_LINE else None


@lru_cache(maxsize=1024)
def _careful_to_line(name: str, address: str) -> bytes:
    return letters.folded("To", recipient(name, address).header("To"))


def recipient(name: str, address: str) -> Mailbox:
    """Return the mailbox of an address that was normalized before, with its name."""
    local_part, _, domain = address.rpartition("@")
    return Mailbox(name.strip(), local_part, domain)


def subject_line(subject: str) -> bytes:
    """Return the Subject header with its line end.

    :raises UnusableHeader: when it cannot stand there.
    """
    return letters.folded("Subject", letters.checked_subject(subject))


@lru_cache(maxsize=1024)
def filled_subject_line(filled: str) -> bytes:
    """Return the Subject header of a filled template with its line end, or nothing where that takes more care."""
    if len(filled) <= _SUBJECT and _PLAIN_SUBJECT.fullmatch(filled):
        return b"Subject: %b\r\n" % filled.encode("ascii")
    try:
        # The whole of it is checked, too: what is wrong with a value must not be cut off unseen.
        return subject_line(language.one_line(letters.checked_subject(filled)))
    except UnusableHeader:
        return b""


def date_line(date: datetime.datetime) -> bytes:
    """Return the Date header with its line end."""
    return b"Date: %b\r\n" % format_datetime(date).encode("ascii")


def message_id_line(message_id: str) -> bytes:
    """Return the Message-ID header with its line end.

    :raises UnusableHeader: when it cannot stand there.
    """
    return b"Message-ID: %b\r\n" % letters.machine_readable("Message-ID", message_id).encode("ascii")


def way_out_line(url: str) -> bytes:
    """Return the List-Unsubscribe header with its line end.

    :raises UnusableHeader: when it cannot stand there.
    """
    return b"List-Unsubscribe: <%b>\r\n" % letters.way_out(url).encode("ascii")
