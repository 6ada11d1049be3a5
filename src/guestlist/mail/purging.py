"""Deleting rows of the outbox that are over: nothing comes back for them any more."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Coalesce

from guestlist.mail.models import Attempt, EarlierMail, Message, MessageState

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from django.db.models import QuerySet

KEPT = timedelta(days=90)
"""Bounces come within a week, complaints within a few; what is known of an invitation's mail stands in its history too."""
AT_ONCE = 1_000
_WINDOW = 20_000
"""Rows that are looked at together, from the oldest on by primary key: no index is needed."""
_WINDOWS = 25
"""At most so many windows in one call. Usually it is the first: rows that stay are younger than those that go."""
_OVER = (MessageState.SENT, MessageState.BOUNCED, MessageState.FAILED, MessageState.WITHDRAWN)


@dataclass(slots=True)
class _Place:
    """Where this process goes on: what stays for long, a send that never finishes, is not gone through each time."""

    after: int = 0


_place = _Place()


def purge(*, now: datetime.datetime) -> int:
    """Delete some rows that were over 90 days ago, with their attempts; returns how many.

    Those of a send stay until all of it was over for so long; its totals stay.
    """
    before = now - KEPT
    ids: list[int] = []
    for _ in range(_WINDOWS):
        rows = Message.objects.filter(pk__gt=_place.after).order_by("pk")
        last = rows.values_list("pk", "queued_at")[_WINDOW - 1 : _WINDOW].first()
        found = _over(rows if last is None else rows.filter(pk__lte=last[0]), before)
        ids += found.values_list("pk", flat=True)[: AT_ONCE - len(ids)]
        if len(ids) == AT_ONCE:
            _place.after = ids[-1]
            break
        if last is None or last[1] >= before:
            _place.after = 0
            break
        _place.after = last[0]
    return _delete(ids) if ids else 0


def _over(rows: QuerySet[Message], before: datetime.datetime) -> QuerySet[Message]:
    """Keep what ended before; of rows without that moment the one they came due at says it."""
    return rows.alias(end=Coalesce("ended_at", "ready_at")).filter(
        Q(send=None) | Q(send__finished_at__lt=before),
        state__in=_OVER,
        queued_at__lt=before,
        end__lt=before,
    )


@transaction.atomic
def _delete(ids: Sequence[int]) -> int:
    """Delete rows with all that is kept of them, but for those that somebody is just changing."""
    rows = Message.objects.select_for_update(skip_locked=True).filter(pk__in=ids, state__in=_OVER)
    locked = list(rows.values_list("pk", flat=True))
    Attempt.objects.filter(message__in=locked).delete()
    EarlierMail.objects.filter(message__in=locked).delete()
    going = Message.objects.filter(pk__in=locked)
    # Not `delete`, which reads the rows first to find their attempts.
    return going._raw_delete(going.db)  # noqa: SLF001
