"""The figures of a report: read in one statement, so that all of a page is of one moment."""

from __future__ import annotations

import bisect
import datetime
from collections import Counter
from typing import TYPE_CHECKING

from django.db.models import Q, Sum

from guestlist.invitations.models import FiguresDay, FiguresDelta, FiguresMonth
from guestlist.reports.periods import Span

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from guestlist.invitations.models import Basis

type Amounts = Counter[tuple[str, str]]
"""Measure and currency (empty where there is none) → how many, or how much in minor units."""

_DAY = datetime.timedelta(days=1)
_KEY = ("day", "measure", "currency")


def read(
    spans: Sequence[Span],
    *,
    store_view_ids: Collection[int],
    measures: Collection[str],
    basis: Basis,
) -> list[Amounts]:
    """Return what each span's days come to, all in one statement; spans are in order, and none overlaps another.

    Months that lie in one span with all of their days are read from the figures by month, what is left from those by day,
    and what was not folded yet is added to both. Days are grouped here: SQLite takes long to reckon with dates.
    """
    found: list[Amounts] = [Counter() for _span in spans]
    if not spans or not store_view_ids:
        return found
    months, edges = _cut(spans)
    where = Q(store_view__in=store_view_ids, basis=basis, measure__in=measures)
    parts: list[tuple[type[FiguresDelta | FiguresMonth | FiguresDay], Span]] = [
        *((FiguresDelta, one) for one in _joined(spans)),
        *((FiguresMonth, one) for one in _joined(months)),
        *((FiguresDay, one) for one in _joined(edges)),
    ]
    # Each run of days by itself: asked for as one OR another, PostgreSQL reads all days that there are between.
    first, *others = (
        model.objects.filter(where, day__range=(run.first, run.last))
        .order_by()
        .values_list(*_KEY)
        .annotate(total=Sum("amount"))
        for model, run in parts
    )
    starts = [one.first for one in spans]
    for day, measure, currency, amount in first.union(*others, all=True):
        place = bisect.bisect_right(starts, day) - 1
        found[place][measure, currency] += int(amount)
    return found


def _cut(spans: Sequence[Span]) -> tuple[list[Span], list[Span]]:
    """Return the whole months of the spans, and the days that are left of them, neighbors put together."""
    months: list[Span] = []
    edges: list[Span] = []
    for span in spans:
        whole = span.whole_months
        if whole is None:
            _add(edges, span)
            continue
        if span.first < whole.first:
            _add(edges, Span(span.first, whole.first - _DAY))
        _add(months, whole)
        if whole.last < span.last:
            _add(edges, Span(whole.last + _DAY, span.last))
    return months, edges


def _add(spans: list[Span], new: Span) -> None:
    if spans and spans[-1].last + _DAY == new.first:
        new = Span(spans.pop().first, new.last)
    spans.append(new)


def _joined(spans: Sequence[Span]) -> list[Span]:
    """Return the spans with neighbors put together."""
    joined: list[Span] = []
    for span in spans:
        _add(joined, span)
    return joined
