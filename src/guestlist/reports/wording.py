"""How days and values of a report read, in the active language."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING

from babel.numbers import format_currency, format_percent
from django.utils import formats
from django.utils.translation import get_language, pgettext
from django.utils.translation import gettext as _

from guestlist.reports.periods import Period

if TYPE_CHECKING:
    from guestlist.reports.columns import Column
    from guestlist.reports.periods import Span

NOTHING = "–"
"""A share of nothing."""
_PERCENT = "#,##0.0%"
_THOUSANDTH = Decimal("0.001")


def value(column: Column, found: int | Decimal | None) -> str:
    """Return a value as people read it: 1,234, 33.3%, €18.50, or a dash for a share of nothing."""
    if found is None:
        return NOTHING
    if column.currency:
        return str(format_currency(found, column.currency, locale=_locale()))
    if column.over:
        return _percent(Decimal(found))
    return formats.number_format(found, force_grouping=True)


def share(part: int, whole: int) -> str:
    """Return what share of a whole a part is, or a dash for a share of nothing."""
    return _percent(Decimal(part) / whole) if whole else NOTHING


def days(span: Span) -> str:
    """Return days from the first to the last, as short as they can be told."""
    last = formats.date_format(span.last, pgettext("date format", "j M Y"))
    if span.first == span.last:
        return last
    same_year = span.first.year == span.last.year
    form = pgettext("date format", "j M") if same_year else pgettext("date format", "j M Y")
    return f"{formats.date_format(span.first, form)} – {last}"


def period(of: Period, span: Span) -> str:
    """Return what a row of a report is called; one that lacks days of its period tells which it has."""
    name = named(of, span)
    if of == Period.DAY:
        return name
    start = of.start(span.first)
    is_whole = span.first == start and (of.after(start) - span.last).days == 1
    return name if is_whole and of != Period.WEEK else f"{name} ({days(span)})"


def named(of: Period, span: Span) -> str:
    """Return what the period of some days is called, whether it has all of its days or not."""
    if of == Period.DAY:
        return formats.date_format(span.first, pgettext("date format", "D j M Y"))
    if of == Period.WEEK:
        year, week, _weekday = span.first.isocalendar()
        return _("Week %(week)s of %(year)s") % {"week": week, "year": year}
    if of == Period.MONTH:
        return formats.date_format(span.first, pgettext("date format", "F Y"))
    if of == Period.QUARTER:
        return _("Quarter %(quarter)s of %(year)s") % {
            "quarter": (span.first.month + 2) // 3,
            "year": span.first.year,
        }
    return str(span.first.year)


def _percent(found: Decimal) -> str:
    # Rounded once, as people do: the library rounds halves to even digits.
    rounded = found.quantize(_THOUSANDTH, ROUND_HALF_UP)
    return str(format_percent(rounded, format=_PERCENT, locale=_locale()))


def _locale() -> str:
    return (get_language() or "en").replace("-", "_")
