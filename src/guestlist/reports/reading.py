"""The figures of a report: read in one statement, so that all of a page is of one moment."""

from __future__ import annotations

import bisect
import contextlib
import datetime
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.db import connection, transaction

from guestlist.invitations.models import FiguresDay, FiguresDelta, FiguresMonth
from guestlist.reports.periods import Period, Span

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from guestlist.invitations.models import Basis

type Amounts = Counter[tuple[str, str]]
"""Measure and currency (empty where there is none) → how many, or how much in minor units."""

_DAY = datetime.timedelta(days=1)
_DELTA, _MONTH_TABLE, _DAY_TABLE = range(3)
_TABLES: tuple[type[FiguresDelta | FiguresMonth | FiguresDay], ...] = (FiguresDelta, FiguresMonth, FiguresDay)
_PART = """
    SELECT {number}, day, measure, currency, SUM(amount) FROM {table}
    WHERE {column} IN ({views}) AND basis = %s AND day BETWEEN %s AND %s
    GROUP BY day, measure, currency
"""
_MANY = 64
"""Store views from which on SQLite is told to go along the figures of all, in the order in which they are added up."""
_ONE_AFTER_THE_OTHER = "SET LOCAL max_parallel_workers_per_gather = 0"
"""To start processes that help takes PostgreSQL longer than what there is to do."""


def read(
    spans: Sequence[Span],
    *,
    store_view_ids: Collection[int],
    measures: Collection[str],
    basis: Basis,
) -> list[Amounts]:
    """Return what each span's days come to, all in one statement; spans are in order, and none overlaps another.

    Months that lie in one span with all of their days are read from the figures by month, what is left from those by day,
    and what was not folded yet is added to both. Of a month that a span has more than half of, the month is read and the
    days of the smaller part are taken off. Days are grouped here: SQLite takes long to reckon with dates.
    """
    found: list[Amounts] = [Counter() for _span in spans]
    if not spans or not store_view_ids:
        return found
    plan = _planned(spans)
    starts = [one.first for one in spans]
    for table, day, measure, currency, amount in _rows(plan, store_view_ids, basis):
        if measure not in measures:
            continue
        key, start = (measure, currency), day.replace(day=1)
        if table == _MONTH_TABLE and start in plan.larger:
            found[plan.larger[start]][key] += amount
            continue
        place = bisect.bisect_right(starts, day) - 1
        if place >= 0 and day in spans[place]:
            found[place][key] += amount
        if table == _DAY_TABLE and start in plan.larger:
            found[plan.larger[start]][key] -= amount
    return found


@dataclass(slots=True)
class _Plan:
    """What is read to know some spans: runs of months and of days, and of all days where deltas count."""

    months: list[Span] = field(default_factory=list)
    days: list[Span] = field(default_factory=list)
    deltas: list[Span] = field(default_factory=list)
    larger: dict[datetime.date, int] = field(default_factory=dict)
    """First day of a month that is read although it lies in no span as a whole → the place of the span that has more
    than half of it: what it has is the month less the days that are read of it."""

    @property
    def parts(self) -> Iterator[tuple[int, Span]]:
        """The runs, each with the number of its table."""
        for table, runs in ((_DELTA, self.deltas), (_MONTH_TABLE, self.months), (_DAY_TABLE, self.days)):
            yield from ((table, run) for run in runs)


def _rows(
    plan: _Plan, store_view_ids: Collection[int], basis: Basis
) -> Iterator[tuple[int, datetime.date, str, str, int]]:
    """Give number of the table, day, measure, currency and amount, of all measures.

    To have the index sort out the measures takes PostgreSQL longer than to add up those that nobody asked for. Each run of
    days by itself: asked for as one OR another, it reads all days that there are between. And the ids are written into the
    statement: as parameters of each part they take as long as half of what the database does.
    """
    views = ", ".join(str(int(one)) for one in store_view_ids)
    # A sign before a column keeps SQLite from its indexes.
    is_across = connection.vendor == "sqlite" and len(store_view_ids) > _MANY
    column = "+store_view_id" if is_across else "store_view_id"
    parts: list[str] = []
    values: list[Any] = []
    for table, run in plan.parts:
        named = _TABLES[table]._meta.db_table
        parts.append(_PART.format(number=table, table=named, column=column, views=views))
        values += [basis.value, *map(connection.ops.adapt_datefield_value, run)]
    for table, day, measure, currency, amount in _fetched(" UNION ALL ".join(parts), values):
        yield table, datetime.date.fromisoformat(str(day)), measure, currency, int(amount)


def _fetched(statement: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
    with contextlib.ExitStack() as stack:
        if connection.vendor == "postgresql":
            # Where others began the transaction the setting stays until its end, and slows nothing that is small.
            stack.enter_context(transaction.atomic(savepoint=False))
        cursor = stack.enter_context(connection.cursor())
        if connection.vendor == "postgresql":
            cursor.execute(_ONE_AFTER_THE_OTHER)
        cursor.execute(statement, values)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def _planned(spans: Sequence[Span]) -> _Plan:
    plan = _Plan()
    months: dict[datetime.date, list[tuple[Span, int]]] = {}
    for place, span in enumerate(spans):
        _add(plan.deltas, span)
        for piece in span.by(Period.MONTH):
            months.setdefault(piece.first.replace(day=1), []).append((piece, place))
    for start, pieces in months.items():
        whole = Span(start, Period.MONTH.after(start) - _DAY)
        largest, place = max(pieces, key=lambda one: one[0].days)
        rest = _rest(whole, largest)
        if largest == whole:
            _add(plan.months, whole)
        elif rest is not None and rest.days < largest.days:
            _add(plan.months, whole)
            _add(plan.days, rest)
            plan.larger[start] = place
        else:
            for piece, _place in pieces:
                _add(plan.days, piece)
    return plan


def _rest(month: Span, piece: Span) -> Span | None:
    """Return the days of a month that a piece at one end of it leaves, None where those are none or no run."""
    if piece.first == month.first and piece.last < month.last:
        return Span(piece.last + _DAY, month.last)
    if piece.last == month.last and piece.first > month.first:
        return Span(month.first, piece.first - _DAY)
    return None


def _add(spans: list[Span], new: Span) -> None:
    """Add days to runs of days, as one run with the last where they are neighbors."""
    if spans and spans[-1].last + _DAY == new.first:
        new = Span(spans.pop().first, new.last)
    spans.append(new)
