"""The reports: a question becomes a table, with its total and with the days before beside it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from guestlist.invitations import figures
from guestlist.reports import columns, reading

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from decimal import Decimal

    from guestlist.reports.columns import Column
    from guestlist.reports.periods import Span
    from guestlist.reports.questions import Question
    from guestlist.reports.reading import Amounts
    from guestlist.stores.models import StoreView


class Report(models.TextChoices):
    """The reports that there are."""

    INVITATIONS = "invitations", _("Invitations")
    CONVERSIONS = "conversions", _("Conversions")


@dataclass(frozen=True, slots=True)
class Row:
    """The figures of some days, one for each column."""

    span: Span
    values: list[int | Decimal | None]


@dataclass(frozen=True, slots=True)
class Table:
    """The answer to a question: rows by period, oldest first; empty ones only where they are asked for."""

    report: Report
    question: Question
    columns: list[Column]
    rows: list[Row]
    total: Row
    before: Row
    """The days before, as many as are asked about, to hold the total against."""

    def cells(self, row: Row) -> list[tuple[Column, Any]]:
        """Return a row's values with their columns."""
        return list(zip(self.columns, row.values, strict=True))


def made(report: Report, question: Question, *, store_views: Sequence[StoreView]) -> Table:
    """Answer a question about those of the store views that it is about, in one statement.

    Each figure belongs to the local day of its store view, so that rows are of the same days everywhere.
    """
    views = question.within(store_views)
    spans = question.span.by(question.period)
    found = reading.read(
        [question.span.before, *spans],
        store_view_ids=[one.pk for one in views],
        measures=_measures(report),
        basis=question.basis,
    )
    chosen = _columns(report, question, found, views)
    before, *amounts = found
    rows = [_row(span, one, chosen) for span, one in zip(spans, amounts, strict=True)]
    shown = [row for row, one in zip(rows, amounts, strict=True) if question.shows_empty or any(one.values())]
    total: Amounts = Counter()
    for one in amounts:
        # Not with +, which loses what is less than nothing: a refund may be more than a day's orders.
        total.update(one)
    return Table(
        report,
        question,
        chosen,
        shown,
        _row(question.span, total, chosen),
        _row(question.span.before, before, chosen),
    )


def _measures(report: Report) -> frozenset[str]:
    if report == Report.INVITATIONS:
        return _read_by(columns.of_invitations(by_reason=True))
    both = (columns.of_conversions(currencies=("EUR",), in_own_view=one) for one in (False, True))
    return frozenset().union(*map(_read_by, both))


def _read_by(some: Iterable[Column]) -> frozenset[str]:
    return frozenset().union(*(one.reads for one in some))


def _columns(
    report: Report,
    question: Question,
    found: Sequence[Amounts],
    views: Sequence[StoreView],
) -> list[Column]:
    if report == Report.INVITATIONS:
        return columns.of_invitations(by_reason=question.by_reason)
    # Where nothing was sold that is told in the shop's own currency; a zero is no blank.
    currencies = {one.currency for one in views}
    currencies |= {
        currency
        for amounts in found
        for (measure, currency), amount in amounts.items()
        if measure == figures.REVENUE and amount
    }
    return columns.of_conversions(currencies=currencies, in_own_view=question.in_own_view)


def _row(span: Span, amounts: Amounts, chosen: Sequence[Column]) -> Row:
    return Row(span, [one.value(amounts) for one in chosen])
