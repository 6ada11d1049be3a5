"""The demo's mail server: it takes every mail and puts it into the inbox page."""

from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage, MIMEPart
from email.policy import default
from typing import TYPE_CHECKING

from guestlist.demo.models import CapturedMail
from guestlist.mail.answers import Answer, Result
from guestlist.mail.parcels import OneByOne

if TYPE_CHECKING:
    from guestlist.mail.parcels import Parcel

REFUSES = "bounce.example"
"""Every mailbox at this domain does not exist."""
HESITATES = "later.example"
"""The server of this domain asks to be tried again."""

_KEPT = 1_000


class InboxTransport(OneByOne):
    """Keeps each mail in the database; addresses at two domains answer as mail servers do when something is wrong."""

    def __init__(self, at: datetime | None = None, *, keeps: bool = True) -> None:
        """Stamp the mails with ``at``; without it, with the time they come in. One that keeps nothing forgets them."""
        self._at = at
        self._keeps = keeps

    def deliver(self, parcel: Parcel) -> Answer:
        """Take the mail, unless its domain is one of those that show what else can happen."""
        domain = "." + parcel.recipient.rpartition("@")[2]
        if domain.endswith(f".{REFUSES}"):
            return Answer(Result.BOUNCED, "5.1.1", "No such mailbox here.", no_such_address=True)
        if domain.endswith(f".{HESITATES}"):
            return Answer(Result.DEFERRED, "4.2.1", "Mailbox busy, try again in 15 minutes.")
        if self._keeps:
            _keep(parcel, self._at or datetime.now(UTC))
        return Answer(Result.ACCEPTED, "2.0.0", "Kept for the inbox page.")


def _keep(parcel: Parcel, at: datetime) -> None:
    mail = message_from_bytes(parcel.content, policy=default)
    assert isinstance(mail, EmailMessage)
    text, html = (mail.get_body(preferencelist=(kind,)) for kind in ("plain", "html"))
    kept = CapturedMail.objects.create(
        at=at,
        sender=str(mail["From"] or parcel.sender),
        recipient=parcel.recipient,
        subject=str(mail["Subject"] or ""),
        headers={name: str(value) for name, value in mail.items()},
        text=_lines(text),
        html=_lines(html),
    )
    CapturedMail.objects.filter(pk__lte=kept.pk - _KEPT).delete()


def _lines(part: MIMEPart | None) -> str:
    """Return a part's words with the line ends that pages have; mail ends its lines otherwise."""
    return str(part.get_content()).replace("\r\n", "\n") if part is not None else ""
