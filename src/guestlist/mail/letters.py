"""One mail as the mail server gets it: headers and the two parts that say the same."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import format_datetime
from typing import TYPE_CHECKING

from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from guestlist import addresses
from guestlist.refusal import Refusal

if TYPE_CHECKING:
    import datetime

    from guestlist.mail.templates import Rendered

MAX_NAME = 100
_MAX_MACHINE_HEADER = 900
# C0, DEL, C1, what some programs read as a line end, and what reorders the text around it (ASVS 1.3.11).
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
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


@dataclass(frozen=True, slots=True)
class Mailbox:
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

        :raises UnusableHeader: when the name has control characters.
        """
        if _CONTROL.search(self.name):
            raise UnusableHeader(header=name)
        try:
            return Address(self.name[:MAX_NAME], self.local_part, self.domain)
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
    domain = addresses.normalize(typed).rpartition("@")[2]
    return Mailbox(name.strip(), typed.rpartition("@")[0], domain)


def message_id(*, row: int, queued_at: datetime.datetime, domain: str) -> str:
    """Return the Message-ID of an outbox row, the same at every try; keyed, so that it tells nothing and is not guessed."""
    keyed = salted_hmac("guestlist.mail.message-id", f"{row} {queued_at.timestamp()}", algorithm="sha256")
    return f"<{row}.{keyed.hexdigest()[:24]}@{domain}>"


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
    if not letter.rendered.subject or _CONTROL.search(letter.rendered.subject):
        raise UnusableHeader(header="Subject")
    mail["Subject"] = letter.rendered.subject
    mail["Date"] = format_datetime(letter.date)
    mail["Message-ID"] = letter.message_id
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    mail["Feedback-ID"] = letter.feedback_id
    if letter.opt_out_url:
        mail["List-Unsubscribe"] = f"<{_machine_readable(letter.opt_out_url)}>"
        mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    mail.set_content(letter.rendered.text, cte="quoted-printable")
    mail.add_alternative(letter.rendered.html, subtype="html", cte="quoted-printable")
    mail["Content-Language"] = letter.language  # last, or the library moves it to the first part
    return mail


def _machine_readable(url: str) -> str:
    if len(url) > _MAX_MACHINE_HEADER or not re.fullmatch(r"https?://[\x21-\x3b\x3d\x3f-\x7e]+", url):
        raise UnusableHeader(header="List-Unsubscribe")
    return url
