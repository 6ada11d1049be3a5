"""One mail as the mail server gets it: headers and the two parts that say the same."""

from __future__ import annotations

import hashlib
import re
import struct
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import format_datetime
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from guestlist import addresses
from guestlist.refusal import Refusal

if TYPE_CHECKING:
    import datetime

    from guestlist.mail.templates import Rendered

MAX_NAME = 100
_MAX_MACHINE_HEADER = 900
_MAX_QUOTED = 66
"""Characters of a quoted name that surely fit on the first line, behind Reply-To too."""
# C0, DEL, C1, what some programs read as a line end, what reorders the text around it (ASVS 1.3.11), half characters.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
# The library reads an encoded word (RFC 2047) in whatever it is given, in an address too, and writes what it says.
_ENCODED_WORD = re.compile(r"=\?[^?]*\?[bq]\?", re.IGNORECASE)
_MACHINE_READABLE = re.compile(r"[\x21-\x7e]+")
_WEB_ADDRESS = re.compile(r"https?://[\x21-\x3b\x3d\x3f-\x7e]+")
# As most are: nothing in it but the domain is left to judge.
_PLAIN_ADDRESS = re.compile(r"(?=.{1,64}@)[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*@[A-Za-z0-9.-]+")
_OF_A_ROW = struct.Struct(">Qd")
# RFC 5322, 3.2.3.
_SPECIALS = re.compile(r'[()<>\[\]:;@\\,."]')
_UNSAFE_IN_ID = re.compile(r"[^A-Za-z0-9_.-]")


class UnusableHeader(Refusal):
    """A value that cannot stand in a header of a mail; it fails one mail, not a batch."""

    code = "unusable_header"
    message = _("The value of the header %(header)s cannot be used in a mail.")


class _Policy(EmailPolicy):
    """The library's policy for SMTP, but for headers that machines read.

    It folds words longer than a line as encoded words, which no program undoes in a List-Unsubscribe; these stay whole, as
    lines up to 998 characters may (RFC 5322, 2.1.1).
    """

    _WHOLE = frozenset({"list-unsubscribe", "list-unsubscribe-post", "feedback-id", "message-id"})

    def fold(self, name: str, value: str) -> str:
        if name.lower() in self._WHOLE:
            return f"{name}: {value}{self.linesep}"
        folded: str = super().fold(name, value)
        return folded

    def fold_binary(self, name: str, value: str) -> bytes:
        if name.lower() in self._WHOLE:
            return self.fold(name, value).encode("ascii")
        return super().fold_binary(name, value)


POLICY = _Policy(linesep="\r\n")
INTERNATIONAL = POLICY.clone(utf8=True)
"""For mail with an address that has other letters than ASCII before its @ (RFC 6532)."""


class Mailbox(NamedTuple):
    """A name and an address; the domain in A-labels."""

    name: str
    local_part: str
    domain: str

    @property
    def address(self) -> str:
        """The address as the envelope has it."""
        return f"{self.local_part}@{self.domain}"

    def header(self, name: str) -> Address:
        """Return it for a header of this name.

        :raises UnusableHeader: when it has control characters, or says something in a code.
        """
        if not (_is_sound(self.name) and _is_sound(self.address)):
            raise UnusableHeader(header=name)
        try:
            return Address(_unquoted(self.name[:MAX_NAME]), self.local_part, self.domain)
        except (ValueError, IndexError):
            raise UnusableHeader(header=name) from None


@dataclass(frozen=True, slots=True)
class Letter:
    """What goes into one mail."""

    sender: Mailbox
    recipient: Mailbox
    reply_to: Mailbox | None
    rendered: Rendered
    language: str
    date: datetime.datetime
    message_id: str
    feedback_id: str
    opt_out_url: str = ""


def mailbox(address: str, *, name: str = "") -> Mailbox:
    """Return an address, local part as typed and domain in A-labels, with the name that goes with it.

    :raises MalformedAddress: when it is no address.
    """
    typed = address.strip()
    local_part, _at, domain = typed.rpartition("@")
    if len(typed) <= addresses.MAX_LENGTH and _PLAIN_ADDRESS.fullmatch(typed):
        # Most mails of a batch go to a few domains, and reading one takes as long as filling a mail.
        return Mailbox(name.strip(), local_part, _known_domain(domain) or _domain(typed))
    return Mailbox(name.strip(), local_part, _domain(typed))


@lru_cache(maxsize=4096)
def _known_domain(domain: str) -> str:
    """Return an ASCII domain as it is normalized, or nothing when it is none."""
    try:
        return _domain(f"x@{domain}")
    except addresses.MalformedAddress:
        return ""


def _domain(address: str) -> str:
    return addresses.normalize(address).rpartition("@")[2]


def message_id(*, row: int, queued_at: datetime.datetime, domain: str) -> str:
    """Return the Message-ID of an outbox row, the same at every try; keyed, so that it tells nothing and is not guessed."""
    told = _OF_A_ROW.pack(row, queued_at.timestamp())
    signed = hashlib.blake2s(told, key=_message_id_key(settings.SECRET_KEY), digest_size=12)
    return f"<{row}.{signed.hexdigest()}@{domain}>"


@lru_cache(maxsize=4)
def _message_id_key(secret: str) -> bytes:
    """Return the key as Django's salted_hmac derives it, which for each mail would take as long as filling it."""
    return hashlib.sha256(b"guestlist.mail.message-id" + secret.encode()).digest()


def feedback_id(*, send: int | None, store_view: str, kind: str, sender: str) -> str:
    """Return the four fields by which mailbox providers count complaints: send, store view, kind, sender."""
    parts = (str(send or 0), store_view, kind, f"guestlist-{sender}")
    return ":".join(_UNSAFE_IN_ID.sub("-", part) for part in parts)


def build(letter: Letter) -> EmailMessage:
    """Return the finished mail.

    :raises UnusableHeader: when a value cannot stand in a header.
    """
    mail = EmailMessage(policy=POLICY)
    mail["From"] = letter.sender.header("From")
    mail["To"] = letter.recipient.header("To")
    if letter.reply_to:
        mail["Reply-To"] = letter.reply_to.header("Reply-To")
    mail["Subject"] = checked_subject(letter.rendered.subject)
    mail["Date"] = format_datetime(letter.date)
    mail["Message-ID"] = machine_readable("Message-ID", letter.message_id)
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    mail["Feedback-ID"] = machine_readable("Feedback-ID", letter.feedback_id)
    if letter.opt_out_url:
        mail["List-Unsubscribe"] = f"<{way_out(letter.opt_out_url)}>"
        mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    mail.set_content(letter.rendered.text, cte="quoted-printable")
    mail.add_alternative(letter.rendered.html, subtype="html", cte="quoted-printable")
    # Last, or the library moves it to the first part.
    mail["Content-Language"] = machine_readable("Content-Language", letter.language)
    return mail


def _unquoted(name: str) -> str:
    """Return a name without specials where its quoted form may not fit on a line.

    The library folds that one without its quotes (CPython gh-80222), and addresses in it are recipients then.
    """
    quoted = len(name) + 2 + name.count('"') + name.count("\\")
    return name if quoted <= _MAX_QUOTED else " ".join(_SPECIALS.sub(" ", name).split())


def folded(name: str, value: str | Address) -> bytes:
    """Return a header as the library writes it, with its line end."""
    header: bytes = POLICY.fold_binary(*POLICY.header_store_parse(name, value))
    return header


def checked_subject(subject: str) -> str:
    """Return a subject that may stand in a header.

    :raises UnusableHeader: when it is empty, has control characters, or says something in a code.
    """
    if not subject or not _is_sound(subject):
        raise UnusableHeader(header="Subject")
    return subject


def _is_sound(text: str) -> bool:
    """Tell whether a text may stand in a header: it has no control characters, and none in a code that readers undo."""
    return not (_CONTROL.search(text) or _ENCODED_WORD.search(text))


def machine_readable(header: str, value: str) -> str:
    """Return a value that stands in a header as it is, on one line.

    :raises UnusableHeader: when it is too long for a line, or has anything but printable ASCII in it.
    """
    if len(value) > _MAX_MACHINE_HEADER or not _MACHINE_READABLE.fullmatch(value):
        raise UnusableHeader(header=header)
    return value


def way_out(url: str) -> str:
    """Return the address for List-Unsubscribe (RFC 2369, RFC 8058).

    :raises UnusableHeader: when it is too long, or no web address in printable ASCII.
    """
    if len(url) > _MAX_MACHINE_HEADER or not _WEB_ADDRESS.fullmatch(url):
        raise UnusableHeader(header="List-Unsubscribe")
    return url
