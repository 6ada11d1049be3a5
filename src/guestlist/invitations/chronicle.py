"""What the history says that the figures are: counted from its events, and from them alone.

Of each invitation the history tells the days on which it was made, left for the first time and ended, why, and of each of
its orders the day, what it came to and what was taken back.
"""

from __future__ import annotations

import datetime
import heapq
import sys
from collections import Counter
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from django.db import connection
from django.db.models.functions import Coalesce

from guestlist.invitations import figures
from guestlist.invitations.lifecycle import Reason, Status
from guestlist.invitations.models import Basis, EventKind, Invitation, InvitationEvent
from guestlist.stores.models import StoreView

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

type Key = tuple[int, str, datetime.date, str, str]
"""Store view, basis, day, measure, currency."""
type Figures = Counter[Key]

AT_ONCE = 2_000
_INVITATIONS_AT_ONCE = 50_000
"""So many ids are gone through by one statement: their events fit into the memory that a database sorts in."""

_DAY = {
    "postgresql": "COALESCE(e.day, (e.at AT TIME ZONE v.time_zone)::date)",
    # Django's own function.
    "sqlite": "COALESCE(e.day, django_datetime_cast_date(e.at, v.time_zone, 'UTC'))",
}
"""The local day of an event; those that were written before they kept theirs have it by the store view's zone of today."""

# An invitation leaves for the first time once; what it was discarded for is taken back by the move that lets it live again,
# so by the day of sending only its last move counts, and none that came before it was ever sent.
_MOVES = f"""
    WITH told AS (
        SELECT i.store_view_id, e.id, e.kind, e.target, e.reason, {{day}} AS day,
            MIN(CASE WHEN e.target = '{Status.SENT}' THEN e.id END) OVER own AS left_by,
            MAX(e.id) OVER own AS last,
            FIRST_VALUE({{day}}) OVER (
                PARTITION BY e.invitation_id ORDER BY CASE WHEN e.target = '{Status.SENT}' THEN 0 ELSE 1 END, e.id
            ) AS sent_day
        FROM {InvitationEvent._meta.db_table} e
        JOIN {Invitation._meta.db_table} i ON i.id = e.invitation_id
        JOIN {StoreView._meta.db_table} v ON v.id = i.store_view_id
        WHERE e.invitation_id >= %s AND e.invitation_id < %s AND e.target IS NOT NULL
        WINDOW own AS (PARTITION BY e.invitation_id)
    ), measured AS (
        SELECT store_view_id, id, day, left_by, last, sent_day, CASE
            WHEN kind = '{EventKind.CREATED}' THEN '{figures.CREATED}'
            WHEN id = left_by AND reason = '{Reason.SHARED}' THEN '{figures.SENT_SHARED}'
            WHEN id = left_by THEN '{figures.SENT_MAILED}'
            WHEN target IN ('{Status.ACCEPTED}', '{Status.DISCARDED}') THEN target || '.' || reason
            END AS measure
        FROM told
    )
    SELECT store_view_id, '{Basis.EVENT}', day, measure, COUNT(*)
    FROM measured WHERE measure IS NOT NULL GROUP BY store_view_id, day, measure
    UNION ALL
    SELECT store_view_id, '{Basis.SENT}', sent_day, measure, COUNT(*)
    FROM measured WHERE measure IS NOT NULL AND (id = left_by OR (id = last AND id > left_by))
    GROUP BY store_view_id, sent_day, measure
    UNION ALL
    SELECT store_view_id, basis.name, day, '{figures.NOT_SENT}', COUNT(*)
    FROM measured CROSS JOIN (SELECT '{Basis.SENT}' AS name UNION ALL SELECT '{Basis.EVENT}') AS basis
    WHERE measure = '{figures.CREATED}' AND left_by IS NULL GROUP BY store_view_id, basis.name, day
"""  # noqa: S608 - names of tables, states and measures, no input


def moves() -> Figures:
    """Count invitations that were made, left for the first time, were accepted and discarded, in pieces by their ids."""
    counted: Figures = Counter()
    last = Invitation.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    statement = _MOVES.format(day=_DAY[connection.vendor])
    with connection.cursor() as cursor:
        for start in range(0, last + 1, _INVITATIONS_AT_ONCE):
            cursor.execute(statement, [start, start + _INVITATIONS_AT_ONCE])
            for view, basis, day, measure, amount in cursor.fetchall():
                # A large shop has millions of figures, of a few measures.
                key = view, sys.intern(basis), _date(day), sys.intern(measure), ""
                counted[key] += amount
    return counted


def _date(day: datetime.date | str) -> datetime.date:
    return datetime.date.fromisoformat(day) if isinstance(day, str) else day


@dataclass(slots=True)
class _Order:
    """What the history tells of an order."""

    placed_at: datetime.datetime
    day: datetime.date
    in_view: bool
    currency: str
    net: int
    counts: bool = True


@dataclass(slots=True)
class _Story:
    """An accepted invitation, and what its history tells of its orders, by their ids."""

    store_view_id: int
    reason: str = ""
    sent_day: datetime.date | None = None
    orders: dict[int, _Order] = field(default_factory=dict)

    def moved(self, target: str, reason: str, day: datetime.date) -> None:
        """Take into account that it left, or was accepted."""
        if target == Status.ACCEPTED:
            self.reason = reason
        else:
            self.sent_day = self.sent_day or day

    def ordered(self, kind: str, detail: Mapping[str, Any]) -> None:
        """Take an event of an order into account."""
        if kind == EventKind.ORDER_ATTRIBUTED:
            self.orders[detail["order"]] = _Order(
                placed_at=datetime.datetime.fromisoformat(detail["placed"]),
                day=datetime.date.fromisoformat(detail["day"]),
                in_view=detail["in_view"],
                currency=detail["currency"],
                net=detail["total"] - detail["refunded"],
            )
            return
        order = self.orders[detail["order"]]
        order.net -= detail["taken_back"]
        order.counts = order.counts and "cancelled" not in detail

    def amounts(self) -> Iterable[tuple[Key, int]]:
        """Give what its orders come to."""
        counting = [(one.placed_at, pk, one) for pk, one in self.orders.items() if one.counts]
        for one in self.orders.values():
            yield from self._on(one.day, figures.ORDERS if one.counts else figures.ORDERS_CANCELLED)
            yield from self._on(one.day, figures.REVENUE, one.currency, one.net)
        for measure, those in (
            (figures.PURCHASED, counting),
            (figures.PURCHASED_IN_VIEW, [row for row in counting if row[2].in_view]),
        ):
            if those:
                *_when, first = min(those, key=lambda row: row[:2])
                yield from self._on(first.day, f"{measure}.{self.reason}")

    def _on(
        self, day: datetime.date, measure: str, currency: str = "", amount: int = 1
    ) -> Iterable[tuple[Key, int]]:
        yield (self.store_view_id, Basis.EVENT, day, measure, currency), amount
        if self.sent_day is not None:
            yield (self.store_view_id, Basis.SENT, self.sent_day, measure, currency), amount


_ORDERS = (EventKind.ORDER_ATTRIBUTED, EventKind.ORDER_REVERSED)
_TOLD = ("invitation", "invitation__store_view", "kind", "detail", "target", "reason")


def orders() -> tuple[int, Figures]:
    """Count from the events of orders, one invitation after the other; returns how many orders those tell of, too."""
    events = InvitationEvent.objects.order_by("invitation", "pk")
    of_orders = events.filter(kind__in=_ORDERS)
    theirs = of_orders.order_by().values("invitation")
    before = events.filter(target__in=(Status.SENT, Status.ACCEPTED), invitation__in=theirs)
    rows = heapq.merge(
        *(
            one.values_list(*_TOLD, Coalesce("day", "invitation__sent_day")).iterator(chunk_size=AT_ONCE)
            for one in (before, of_orders)
        ),
        key=itemgetter(0),
    )
    number = 0
    counted: Figures = Counter()
    for (_invitation, view_id), its in groupby(rows, key=itemgetter(0, 1)):
        story = _Story(view_id)
        for *_whose, kind, detail, target, reason, day in its:
            if target is None:
                story.ordered(kind, detail)
            else:
                story.moved(target, reason, day)
        number += len(story.orders)
        for key, amount in story.amounts():
            counted[key] += amount
    return number, counted
