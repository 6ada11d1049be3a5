"""Deleting rows of the outbox that are over: nothing comes back for them any more."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Q

from guestlist.mail.models import Attempt, Message, MessageState

if TYPE_CHECKING:
    import datetime

KEPT = timedelta(days=90)
"""Bounces come within a week, complaints within a few; what is known of an invitation's mail stands in its history too."""
AT_ONCE = 1_000
_LOOKED_AT = 20_000
"""Rows that are looked at from the oldest on: what is over for so long is among them, and no index is needed."""
_OVER = (MessageState.SENT, MessageState.BOUNCED, MessageState.FAILED, MessageState.WITHDRAWN)


def purge(*, now: datetime.datetime) -> int:
    """Delete some rows that were over 90 days ago, with their attempts; returns how many.

    Those of a send stay until all of it was over for so long; its totals stay.
    """
    before = now - KEPT
    oldest = Message.objects.order_by("pk").values_list("pk", flat=True)
    last = oldest[_LOOKED_AT : _LOOKED_AT + 1].first()
    rows = Message.objects.filter(state__in=_OVER, queued_at__lt=before, ready_at__lt=before)
    if last is not None:
        rows = rows.filter(pk__lt=last)
    ids = list(
        rows.filter(Q(send=None) | Q(send__finished_at__lt=before))
        .order_by("pk")
        .values_list("pk", flat=True)[:AT_ONCE]
    )
    if not ids:
        return 0
    with transaction.atomic():
        Attempt.objects.filter(message__in=ids).delete()
        return Message.objects.filter(pk__in=ids, state__in=_OVER).delete()[0]
