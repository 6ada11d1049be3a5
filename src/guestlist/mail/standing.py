"""Where the mails of bulk sends stand in the outbox, which has no index by send nor by subject; and their subjects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Case, Q, When
from django.db.models.functions import Coalesce, Greatest, Least

from guestlist.mail.models import EarlierMail, Message, Send

if TYPE_CHECKING:
    from collections.abc import Collection


def note_ends(send_id: int, mails: tuple[int, int], subjects: tuple[int, int]) -> None:
    """Let a send reach from the lowest to the highest of these ids too: of its mails, and of what they are about."""
    changes: dict[str, Case] = {}
    for name, (first, last) in (("mail", mails), ("subject", subjects)):
        lowest, highest = f"first_{name}", f"last_{name}"
        # A send that has mails, and does not say of which subjects, is one of before: it would tell of the new ones alone.
        when = Q(first_mail=None) | Q(**{f"{lowest}__isnull": False})
        changes[lowest] = Case(When(when, then=Least(Coalesce(lowest, first), first)))
        changes[highest] = Case(When(when, then=Greatest(Coalesce(highest, last), last)))
    Send.objects.filter(pk=send_id).update(**changes)


def note_earlier(*, message_ids: Collection[int]) -> None:
    """Keep which of these mails belong to bulk sends, in the transaction that queues others for their subjects."""
    rows = Message.objects.filter(pk__any_of=set(message_ids), send__isnull=False).order_by("pk")
    EarlierMail.objects.bulk_create(
        EarlierMail(message_id=pk, send_id=send_id, subject_id=subject_id)
        for pk, send_id, subject_id in rows.values_list("pk", "send", "subject_id")
    )
