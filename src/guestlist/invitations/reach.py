"""How far a bulk send reaches: which invitations it mailed, told row by row, and between which ids they stand."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Exists, OuterRef, Q, Subquery, Value
from django.db.models.lookups import Exact, GreaterThan

from guestlist.mail.models import EarlierMail, Message, Send


@dataclass(frozen=True, slots=True)
class Reach:
    """Where the invitations of a bulk send stand: of which website, and between which ids; and its mails in the outbox.

    All of these ids are included.
    """

    send: int
    website: int
    first: int
    last: int
    first_mail: int
    last_mail: int

    @property
    def condition(self) -> Q:
        """What holds of its invitations: their newest mail is of the send, or one of before was.

        By values and not by EXISTS or IN of a row, of which PostgreSQL may make a table of all mails of the send.
        """
        newest = Subquery(Message.objects.filter(pk=OuterRef("mail_id")).values("send_id"))
        # Between its ends nearly all are its own; of all others the outbox need not be asked.
        mailed = Q(mail_id__gte=self.first_mail, mail_id__lte=self.last_mail) & Q(
            Exact(newest, Value(self.send))
        )
        mails = EarlierMail.objects.filter(send=self.send)
        earlier = Subquery(mails.filter(subject_id=OuterRef("pk")).values("message_id")[:1])
        # Whether there are any is asked once for all rows, in the same statement: one may come in between.
        return mailed | (Q(Exists(mails)) & Q(GreaterThan(earlier, Value(0))))


def of_send(send_id: int) -> Reach | None:
    """Return how far a send reaches; None where there is none, or it has no mails, or was made before that was kept."""
    names = ("website", "first_subject", "last_subject", "first_mail", "last_mail")
    found = Send.objects.filter(pk=send_id).values_list(*names).first()
    if found is None or None in found:
        return None
    return Reach(send_id, *found)
