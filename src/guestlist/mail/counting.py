"""The counts of mails, by send and by sender: what each transaction changed, how that is folded, and what is read.

As with the figures, writers only insert, the worker folds, and readers add both in one snapshot: exact at any moment, and
no row that workers queue for. Each mail of a send stands in one measure at a time, so totals always add up.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import connection, transaction
from django.db.models import Min, Q, Sum

from guestlist.mail.models import (
    Delta,
    Measure,
    Message,
    MessageState,
    Send,
    SenderIdentity,
    SenderMinute,
    SendTotal,
)

if TYPE_CHECKING:
    import datetime
    from collections.abc import Collection, Mapping

FRESH = timedelta(minutes=2)
"""Changes stay apart for so long, so that the rate of the last minute can be told."""
KEPT = timedelta(hours=25)
"""For how long the minutes of senders are kept: the brake looks back a day."""
ENDED = frozenset({Measure.HANDED_OVER, Measure.BOUNCED, Measure.FAILED, Measure.WITHDRAWN})
"""The measures that a mail of a send does not leave any more."""
OF_SENDERS = frozenset({Measure.HANDED_OVER, Measure.BOUNCED, Measure.RETURNED, Measure.COMPLAINED})
_AT_ONCE = 10_000
_LOCK = "SELECT pg_advisory_xact_lock(7310580)"

_OF_STATE = {
    MessageState.SENT: Measure.HANDED_OVER,
    MessageState.BOUNCED: Measure.BOUNCED,
    MessageState.FAILED: Measure.FAILED,
    MessageState.WITHDRAWN: Measure.WITHDRAWN,
    MessageState.HELD: Measure.HELD,
}


def of_row(state: str, tries: int) -> Measure:
    """Return where a row of the outbox counts, by its state and how often it was tried."""
    return _OF_STATE.get(MessageState(state), Measure.DEFERRED if tries else Measure.QUEUED)


@dataclass(slots=True)
class Ledger:
    """What one transaction changes, summed up in memory and written in one statement."""

    amounts: Counter[tuple[int, int | None, Measure]] = field(default_factory=Counter)

    def add(self, *, sender_id: int, send_id: int | None, measure: Measure, amount: int = 1) -> None:
        """Count mails of a sender and, where there is one, of a send; single mails count for what the brake needs."""
        if send_id is not None or measure in OF_SENDERS:
            self.amounts[sender_id, send_id, measure] += amount

    def moved(
        self, *, sender_id: int, send_id: int | None, origin: Measure, target: Measure, amount: int = 1
    ) -> None:
        """Count mails that go from one measure to another."""
        if origin != target:
            self.add(sender_id=sender_id, send_id=send_id, measure=origin, amount=-amount)
            self.add(sender_id=sender_id, send_id=send_id, measure=target, amount=amount)

    def write(self, *, now: datetime.datetime) -> None:
        """Insert what was added; call it inside the transaction that it belongs to."""
        Delta.objects.bulk_create(
            Delta(sender_id=sender, send_id=send, measure=measure, amount=amount, at=now)
            for (sender, send, measure), amount in sorted(
                self.amounts.items(), key=lambda one: (one[0][0], one[0][1] or 0, one[0][2])
            )
            if amount
        )
        self.amounts.clear()


def fold(*, now: datetime.datetime) -> int:
    """Fold changes older than two minutes into the totals of sends and the minutes of senders; returns how many.

    Safe to run twice at the same time. Ids are a list, not a bound: a late commit has lower ids than what was folded.
    """
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute(_LOCK)
        rows = list(
            Delta.objects.filter(at__lt=now - FRESH)
            .order_by("pk")
            .values_list("pk", "sender", "send", "measure", "amount", "at")[:_AT_ONCE]
        )
        if not rows:
            return 0
        sends: Counter[tuple[int, str]] = Counter()
        minutes: Counter[tuple[int, datetime.datetime, str]] = Counter()
        for _pk, sender, send, measure, amount, at in rows:
            if send is not None:
                sends[send, measure] += amount
            if measure in OF_SENDERS:
                minutes[sender, at.replace(second=0, microsecond=0), measure] += amount
        _add(sends, minutes)
        Delta.objects.filter(pk__in=[row[0] for row in rows]).delete()
        SenderMinute.objects.filter(minute__lt=now - KEPT).delete()
    return len(rows)


_SEND = f"""
    INSERT INTO {SendTotal._meta.db_table} (send_id, measure, amount) VALUES (%s, %s, %s)
    ON CONFLICT (send_id, measure) DO UPDATE SET amount = {SendTotal._meta.db_table}.amount + excluded.amount
"""  # noqa: S608 - a table's name, no input
_MINUTE = f"""
    INSERT INTO {SenderMinute._meta.db_table} (sender_id, minute, measure, amount) VALUES (%s, %s, %s, %s)
    ON CONFLICT (sender_id, minute, measure)
    DO UPDATE SET amount = {SenderMinute._meta.db_table}.amount + excluded.amount
"""  # noqa: S608


def _add(sends: Counter[tuple[int, str]], minutes: Counter[tuple[int, datetime.datetime, str]]) -> None:
    adapt = connection.ops.adapt_datetimefield_value
    with connection.cursor() as cursor:
        cursor.executemany(_SEND, [(*key, amount) for key, amount in sorted(sends.items())])
        cursor.executemany(
            _MINUTE,
            [(sender, adapt(minute), measure, n) for (sender, minute, measure), n in sorted(minutes.items())],
        )


def totals(*, send_ids: Collection[int]) -> dict[int, dict[Measure, int]]:
    """Return how many mails of each send stand in each measure, exact at any moment; in one query."""
    found: dict[int, dict[Measure, int]] = {one: dict.fromkeys(Measure, 0) for one in send_ids}
    # Both in one statement are one snapshot: a fold in between would be counted twice or not at all.
    folded, fresh = (
        model.objects.filter(send__in=send_ids).values_list("send", "measure").annotate(n=Sum("amount"))
        for model in (SendTotal, Delta)
    )
    for send, measure, amount in folded.union(fresh, all=True):
        found[send][Measure(measure)] += amount
    return found


def rates(*, send_ids: Collection[int], now: datetime.datetime) -> dict[int, float]:
    """Return how many mails a second of each send came to an end within the last minute."""
    since = now - timedelta(minutes=1)
    rows = Delta.objects.filter(send__in=send_ids, at__gte=since, measure__in=ENDED, amount__gt=0)
    rates = dict.fromkeys(send_ids, 0.0)
    for send, amount, first in rows.values_list("send").annotate(Sum("amount"), Min("at")):
        rates[send] = amount / max((now - first).total_seconds(), 1.0)
    return rates


def waiting(*, website_ids: Collection[int], now: datetime.datetime, most: int) -> tuple[int, int]:
    """Return how many mails of websites are due and how many are for later; single ones are counted up to `most` of each.

    Those of sends by their totals, and single ones by the outbox's index: there may be millions of rows.
    """
    sends = dict(
        Send.objects.filter(website__in=website_ids, stopped_at=None, finished_at=None).values_list(
            "pk", "ready_at"
        )
    )
    due = later = 0
    for pk, total in totals(send_ids=sends).items():
        ready_at, left = sends[pk], total[Measure.QUEUED] + total[Measure.DEFERRED]
        if ready_at is not None and ready_at > now:
            later += left
        else:
            due += left
    senders = SenderIdentity.objects.filter(website__in=website_ids).values_list("pk", flat=True)
    singles = Message.objects.waiting().filter(sender__in=list(senders), send=None).values("pk")
    due += singles.filter(ready_at__lte=now)[:most].count()
    later += singles.filter(ready_at__gt=now)[:most].count()
    return due, later


def scheduled(*, website_ids: Collection[int], now: datetime.datetime, most: int) -> list[int]:
    """Return the ids of mails of websites that are for later, as `waiting` counts them: at most so many, by two indexes."""
    sends = Send.objects.filter(
        website__in=website_ids, stopped_at=None, finished_at=None, ready_at__gt=now
    ).values_list("pk", flat=True)
    senders = SenderIdentity.objects.filter(website__in=website_ids).values_list("pk", flat=True)
    rows = Message.objects.waiting().order_by().values_list("pk", flat=True)
    singles = rows.filter(sender__in=list(senders), send=None, ready_at__gt=now)
    of_sends = rows.filter(send__isnull=False, send__in=list(sends))
    return [*singles[:most], *of_sends[:most]]


def complained(since: Mapping[int, datetime.datetime]) -> int:
    """Return how many complaints came for senders, by their id, since a moment of each, to the minute; in one query.

    Minutes are kept for 25 hours.
    """
    folded = fresh = Q(pk__in=())
    for sender, moment in since.items():
        folded |= Q(sender=sender, minute__gte=moment)
        fresh |= Q(sender=sender, at__gte=moment)
    both = (
        model.objects.filter(where, measure=Measure.COMPLAINED)
        .values_list("sender")
        .annotate(n=Sum("amount"))
        for model, where in ((SenderMinute, folded), (Delta, fresh))
    )
    one, other = both
    return sum(amount for _sender, amount in one.union(other, all=True))


def of_sender(*, sender_id: int, since: datetime.datetime) -> dict[Measure, int]:
    """Return what a sender's mails came to since a moment, to the minute; in one query."""
    found = dict.fromkeys(OF_SENDERS, 0)
    minutes = SenderMinute.objects.filter(sender=sender_id, minute__gte=since, measure__in=OF_SENDERS)
    fresh = Delta.objects.filter(sender=sender_id, at__gte=since, measure__in=OF_SENDERS)
    both = (rows.values_list("measure").annotate(n=Sum("amount")) for rows in (minutes, fresh))
    one, other = both
    for measure, amount in one.union(other, all=True):
        found[Measure(measure)] += amount
    return found
