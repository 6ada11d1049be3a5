"""Whether the figures of orders agree with the history: counted once more from its events alone, in one snapshot."""

from __future__ import annotations

import datetime
from collections import Counter
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any

from django.db import connection, transaction
from django.db.models import Sum

from guestlist.invitations import figures
from guestlist.invitations.models import (
    AttributedOrder,
    Basis,
    EventKind,
    FiguresDay,
    FiguresDelta,
    FiguresMonth,
    InvitationEvent,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

type _Key = tuple[int, str, datetime.date, str, str]
"""Store view, basis, day, measure, currency."""
type Figures = Counter[_Key]

_AT_ONCE = 2_000
_KINDS = (EventKind.ORDER_ATTRIBUTED, EventKind.ORDER_REVERSED)
_OF_ROWS = frozenset({figures.ORDERS, figures.ORDERS_CANCELLED, figures.REVENUE})
"""What the rows of the orders tell by themselves; who purchased takes more."""
_EVENT = (
    "invitation",
    "kind",
    "detail",
    "invitation__reason",
    "invitation__sent_day",
    "invitation__store_view",
)


@dataclass(frozen=True, slots=True)
class Difference:
    """A figure that is not what the history says."""

    where: str
    """Of what: the ``days``, the ``months``, or the ``orders`` as they stand by themselves."""
    store_view_id: int
    basis: str
    day: datetime.date
    measure: str
    currency: str
    kept: int
    counted: int


@dataclass(frozen=True, slots=True)
class Audit:
    """How many orders count for invitations or did, and every figure that differs from what they say."""

    orders: int
    differences: list[Difference]

    @property
    def adds_up(self) -> bool:
        """Whether all agree."""
        return not self.differences


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
    """An invitation, and what its history tells of its orders, by their ids."""

    reason: str
    sent_day: datetime.date | None
    store_view_id: int
    orders: dict[int, _Order] = field(default_factory=dict)

    def hear(self, kind: str, detail: Mapping[str, Any]) -> None:
        """Take an event into account."""
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

    def amounts(self) -> Iterable[tuple[_Key, int]]:
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
    ) -> Iterable[tuple[_Key, int]]:
        yield (self.store_view_id, Basis.EVENT, day, measure, currency), amount
        if self.sent_day is not None:
            yield (self.store_view_id, Basis.SENT, self.sent_day, measure, currency), amount


def audit() -> Audit:
    """Compare the figures of orders, by day and by month, and the orders themselves with the history.

    Reads the whole history: for the command line, not for a page.
    """
    with transaction.atomic():
        if connection.vendor == "postgresql" and not connection.savepoint_ids:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        orders, told = _from_history()
        new = _sums(FiguresDelta)
        days, months = _sums(FiguresDay), _sums(FiguresMonth)
        standing = _from_orders()
    days.update(new)
    months.update(_by_month(new))
    amounts = Counter({key: n for key, n in told.items() if key[3] in _OF_ROWS})
    differences = [
        *_compare("days", days, told),
        *_compare("months", months, _by_month(told)),
        *_compare("orders", standing, amounts),
    ]
    return Audit(orders, differences)


def _from_history() -> tuple[int, Figures]:
    """Count from the events, one invitation after the other; returns how many orders those tell of, too."""
    events = InvitationEvent.objects.filter(kind__in=_KINDS).order_by("invitation", "pk")
    number = 0
    counted: Figures = Counter()
    rows = events.values_list(*_EVENT).iterator(chunk_size=_AT_ONCE)
    for _invitation, its in groupby(rows, key=lambda row: row[0]):
        story: _Story | None = None
        for _pk, kind, detail, reason, sent_day, view_id in its:
            story = story or _Story(reason, sent_day, view_id)
            story.hear(kind, detail)
        if story is not None:
            number += len(story.orders)
            for key, amount in story.amounts():
                counted[key] += amount
    return number, counted


def _from_orders() -> Figures:
    """Count orders, cancelled ones and revenue from the rows of the orders."""
    counted: Figures = Counter()
    rows = AttributedOrder.objects.select_related("order", "invitation").order_by("pk")
    for row in rows.iterator(chunk_size=_AT_ONCE):
        order, invitation = row.order, row.invitation
        days = [(Basis.EVENT.value, row.day), (Basis.SENT.value, invitation.sent_day)]
        for basis, day in days:
            if day is not None:
                place = invitation.store_view_id, basis, day
                is_off = order.cancelled_at is not None
                counted[*place, figures.ORDERS_CANCELLED if is_off else figures.ORDERS, ""] += 1
                counted[*place, figures.REVENUE, order.currency] += order.net
    return counted


def _sums(model: type[FiguresDelta | FiguresDay | FiguresMonth]) -> Figures:
    rows = model.objects.filter(measure__in=figures.OF_ORDERS).order_by()
    keys = rows.values_list("store_view", "basis", "day", "measure", "currency")
    return Counter({tuple(key): amount for *key, amount in keys.annotate(total=Sum("amount"))})


def _by_month(daily: Figures) -> Figures:
    counted: Figures = Counter()
    for (view, basis, day, measure, currency), amount in daily.items():
        counted[view, basis, day.replace(day=1), measure, currency] += amount
    return counted


def _compare(where: str, kept: Figures, counted: Figures) -> list[Difference]:
    return [
        Difference(where, *key, kept=kept[key], counted=counted[key])
        for key in sorted({*kept, *counted})
        if kept[key] != counted[key]
    ]
