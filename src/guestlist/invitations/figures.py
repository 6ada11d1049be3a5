"""The figures: what each transaction adds, how that is folded, and what is read.

Writers only insert (no row that workers queue for); the worker folds deltas into days and months in one statement each;
readers add both in one snapshot. So figures are exact right after a change, and cheap at ten million rows.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from itertools import batched
from typing import TYPE_CHECKING, Any

from django.db import connection, transaction
from django.db.models import Q, Sum

from guestlist.invitations.models import Basis, FiguresDay, FiguresDelta, FiguresMonth

if TYPE_CHECKING:
    import datetime
    from collections.abc import Collection, Mapping

    from guestlist.invitations.models import Invitation

_Key = tuple[int, str, "datetime.date", str, str]

CREATED = "created"
NOT_SENT = "not_sent"
"""Those that never left, by the day that they were made, on both bases: a report of either shows the same."""
SENT_MAILED = "sent_mailed"
SENT_SHARED = "sent_shared"
ACCEPTED = "accepted"
"""By reason: ``accepted.registered`` and so on; discards likewise."""
DISCARDED = "discarded"
ORDERS = "orders"
"""Attributed orders, but for cancelled ones, on the day that they were placed; so is what they come to."""
ORDERS_CANCELLED = "orders_cancelled"
"""Those of a day that were cancelled since: with `ORDERS` it is all that was placed then."""
REVENUE = "revenue"
"""Per currency, in minor units: what was refunded is taken off, where it was counted."""
PURCHASED = "purchased"
"""Invitees with an order that counts, each once, on the day of their first; by the reason of the acceptance."""
PURCHASED_IN_VIEW = "purchased_in_view"
"""The same, of orders in the invitation's own store view alone."""
_NO_MONEY = Q(currency="")


@dataclass(slots=True)
class Ledger:
    """What one transaction adds to the figures, summed up in memory and written in one statement."""

    amounts: Counter[_Key] = field(default_factory=Counter)

    def add(
        self, invitation: Invitation, measure: str, *, day: datetime.date, amount: int = 1, currency: str = ""
    ) -> None:
        """Count for the local day of the event, and where the invitation was ever sent for the day of its sending too."""
        self.amounts[invitation.store_view_id, Basis.EVENT, day, measure, currency] += amount
        self.correct(invitation, measure, amount=amount, currency=currency)

    def correct(self, invitation: Invitation, measure: str, *, amount: int, currency: str = "") -> None:
        """Count for the day of sending alone: what became of the invitations of that day has changed."""
        if invitation.sent_day is not None:
            self.amounts[invitation.store_view_id, Basis.SENT, invitation.sent_day, measure, currency] += (
                amount
            )

    def add_many(
        self,
        store_view_id: int,
        measure: str,
        *,
        event_day: datetime.date,
        sent_day: datetime.date | None,
        amount: int,
    ) -> None:
        """Count as many invitations of a store view at once as share both days."""
        self.amounts[store_view_id, Basis.EVENT, event_day, measure, ""] += amount
        if sent_day is not None:
            self.amounts[store_view_id, Basis.SENT, sent_day, measure, ""] += amount

    def not_sent(self, store_view_id: int, *, day: datetime.date | None, amount: int) -> None:
        """Count so many more (or fewer) that have not left, of those made on this day; those without one never counted."""
        if day is not None:
            self.add_many(store_view_id, NOT_SENT, event_day=day, sent_day=day, amount=amount)

    def write(self) -> None:
        """Insert what was added; call it inside the transaction that it belongs to."""
        FiguresDelta.objects.bulk_create(
            FiguresDelta(
                store_view_id=view, basis=basis, day=day, measure=measure, currency=currency, amount=amount
            )
            for (view, basis, day, measure, currency), amount in sorted(self.amounts.items())
            if amount
        )
        self.amounts.clear()


# RETURNING feeds the insert on PostgreSQL alone; on SQLite writers are one at a time, so two statements are as exact.
_FOLD_DAY = """
    INSERT INTO guestlist_invitations_figuresday (store_view_id, basis, day, measure, currency, amount)
    SELECT store_view_id, basis, day, measure, currency, SUM(amount)
    FROM guestlist_invitations_figuresdelta WHERE {which}
    GROUP BY store_view_id, basis, day, measure, currency
    ON CONFLICT (store_view_id, basis, day, measure, currency)
    DO UPDATE SET amount = guestlist_invitations_figuresday.amount + excluded.amount
"""
_FOLD_MONTH = """
    INSERT INTO guestlist_invitations_figuresmonth (store_view_id, basis, day, measure, currency, amount)
    SELECT store_view_id, basis, {month}, measure, currency, SUM(amount)
    FROM guestlist_invitations_figuresdelta WHERE {which}
    GROUP BY store_view_id, basis, {month}, measure, currency
    ON CONFLICT (store_view_id, basis, day, measure, currency)
    DO UPDATE SET amount = guestlist_invitations_figuresmonth.amount + excluded.amount
"""
_MONTH = {"postgresql": "date_trunc('month', day)::date", "sqlite": "date(day, 'start of month')"}
_LOCK = "SELECT pg_advisory_xact_lock(7310579)"
_FOLD_AT_ONCE = 10_000


def fold() -> int:
    """Fold deltas into days and months and delete them; returns how many. Safe to run twice at the same time.

    Ids are taken as a list, not as a bound: a transaction that commits late has lower ids than one that was folded.
    """
    vendor = connection.vendor
    with transaction.atomic(), connection.cursor() as cursor:
        if vendor == "postgresql":
            cursor.execute(_LOCK)
        ids = list(FiguresDelta.objects.order_by("pk").values_list("pk", flat=True)[:_FOLD_AT_ONCE])
        if not ids:
            return 0
        marks = ",".join(str(int(one)) for one in ids)
        which = f"id IN ({marks})"
        cursor.execute(_FOLD_DAY.format(which=which))
        cursor.execute(_FOLD_MONTH.format(which=which, month=_MONTH[vendor]))
        cursor.execute(f"DELETE FROM guestlist_invitations_figuresdelta WHERE {which}")  # noqa: S608 - own ids
    return len(ids)


_ADD = """
    INSERT INTO {table} (store_view_id, basis, day, measure, currency, amount) VALUES {rows}
    ON CONFLICT (store_view_id, basis, day, measure, currency) DO UPDATE SET amount = {table}.amount + excluded.amount
"""
_ADD_AT_ONCE = 500


def add_folded(days: Mapping[_Key, int], months: Mapping[_Key, int]) -> None:
    """Add amounts to figures of days and of months that do not add up; call it inside a transaction.

    Nothing is folded until that ends.
    """
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(_LOCK)
        for model, amounts in ((FiguresDay, days), (FiguresMonth, months)):
            rows = [
                (view, basis, connection.ops.adapt_datefield_value(day), measure, currency, amount)
                for (view, basis, day, measure, currency), amount in sorted(amounts.items())
            ]
            # Many in one statement: figures that were lost altogether can be millions.
            for some in batched(rows, _ADD_AT_ONCE):
                values = ", ".join(["(%s, %s, %s, %s, %s, %s)"] * len(some))
                statement = _ADD.format(table=model._meta.db_table, rows=values)
                cursor.execute(statement, [value for row in some for value in row])


def totals(
    *, store_view_ids: Collection[int], basis: Basis, start: datetime.date, end: datetime.date
) -> dict[tuple[str, str], int]:
    """Return measure and currency → amount from start to end, both included; exact at any moment."""
    where = Q(store_view__in=store_view_ids, basis=basis, day__range=(start, end))
    return _summed(where, "measure", "currency")


def by_day(
    *,
    store_view_ids: Collection[int],
    measures: Collection[str],
    start: datetime.date,
    end: datetime.date,
) -> dict[tuple[datetime.date, str], int]:
    """Return day and measure → how many happened then, in store views together, each by its own local days; exact.

    Amounts of money are left out: they have a currency, and no two of those are added up.
    """
    where = Q(store_view__in=store_view_ids, basis=Basis.EVENT, day__range=(start, end), measure__in=measures)
    return _summed(where & _NO_MONEY, "day", "measure")


def on_days(days: Mapping[int, datetime.date], *, measures: Collection[str]) -> dict[str, int]:
    """Return measure → how many happened at each store view, by its id, on a day of its own; exact, and without money."""
    by_date: defaultdict[datetime.date, list[int]] = defaultdict(list)
    for view, day in days.items():
        by_date[day].append(view)
    where = Q(pk__in=())
    for day, views in by_date.items():
        where |= Q(store_view__in=views, basis=Basis.EVENT, day=day, measure__in=measures)
    return {measure: amount for (measure,), amount in _summed(where & _NO_MONEY, "measure").items()}


def _summed(where: Q, *keys: str) -> dict[Any, int]:
    """Return the sum of each combination of the keys, in one query."""
    amounts: Counter[Any] = Counter()
    # Days and deltas in one statement are one snapshot: a fold in between would be counted twice or not at all.
    days, deltas = (
        model.objects.filter(where).order_by().values_list(*keys).annotate(total=Sum("amount"))
        for model in (FiguresDay, FiguresDelta)
    )
    for *key, amount in days.union(deltas, all=True):
        amounts[tuple(key)] += amount
    return dict(amounts)
