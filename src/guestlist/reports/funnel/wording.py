"""How the figures of the funnel read, in the active language, as files and as data for programs."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any

from babel.numbers import format_currency, format_decimal
from django.utils import formats
from django.utils.formats import get_format
from django.utils.translation import get_language, pgettext
from django.utils.translation import gettext as _

from guestlist.invitations import exports, spreadsheets
from guestlist.reports.funnel.figures import Form
from guestlist.reports.wording import NOTHING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guestlist.reports.funnel.figures import Figure
    from guestlist.reports.funnel.tables import Row, Table

_HUNDREDTH = Decimal("0.01")
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def cell(figure: Figure, row: Row) -> str:
    """Return a figure as people read it: 1,234, €18.50, 0.42, or 2 d 3 h of how many; a dash for an average of nothing."""
    value = row.value(figure)
    if value is None:
        return NOTHING
    locale = (get_language() or "en").replace("-", "_")
    if figure.form == Form.MONEY:
        return str(format_currency(value, figure.currency, locale=locale))
    if figure.form == Form.EACH:
        return str(format_decimal(_rounded(Decimal(value)), format="#,##0.00", locale=locale))
    if figure.form == Form.TIME:
        values = {"time": duration(int(value)), "count": _number(figure.whole(row.amounts))}
        return pgettext("average", "%(time)s (of %(count)s)") % values
    return _number(value)


def headline(figure: Figure, row: Row) -> tuple[str, str]:
    """Return the same in two: the figure, and of a time how many it is the average of."""
    value = row.value(figure)
    if figure.form != Form.TIME or value is None:
        return cell(figure, row), ""
    count = _number(figure.whole(row.amounts))
    return duration(int(value)), _("average of %(count)s") % {"count": count}


def duration(seconds: int) -> str:
    """Return whole seconds in its two largest units."""
    if seconds < _MINUTE:
        return _("%(seconds)s s") % {"seconds": seconds}
    if seconds < _HOUR:
        return _("%(minutes)s min") % {"minutes": seconds // _MINUTE}
    if seconds < _DAY:
        values = {"hours": seconds // _HOUR, "minutes": seconds % _HOUR // _MINUTE}
        return _("%(hours)s h %(minutes)s min") % values
    days, hours = _number(seconds // _DAY), seconds % _DAY // _HOUR
    return _("%(days)s d %(hours)s h") % {"days": days, "hours": hours}


def as_file(table: Table, *, kind: str) -> Iterator[bytes]:
    """Return the pieces of a CSV or XLSX file, in the active language: a row for each, and the total.

    Times are hours on average, with a column beside them of how many that is; amounts have their currency in the name.

    :raises UnknownFormat: when ``kind`` is neither ``csv`` nor ``xlsx``.
    """
    if kind not in exports.FORMATS:
        raise exports.UnknownFormat
    names = [str(table.asked.grouping.label)]
    for figure in table.figures:
        names += _names(figure)
    rows = [[row.name, *_cells(table, row)] for row in (*table.rows, table.total)]
    if kind == "xlsx":
        return spreadsheets.xlsx_file(names, rows, title=_("Funnel"))
    comma = get_format("DECIMAL_SEPARATOR") == ","
    return spreadsheets.csv_file(names, rows, delimiter=";" if comma else ",", comma=comma)


def as_data(table: Table) -> dict[str, Any]:
    """Return it as JSON has it: times as whole seconds with their counts, amounts as texts by currency."""
    span = table.asked.question.span
    return {
        "report": "funnel",
        "from": span.first.isoformat(),
        "to": span.last.isoformat(),
        "by": table.asked.grouping.value,
        "rows": [{"id": row.key, "name": row.name, **_data(table, row)} for row in table.rows],
        "left_out": table.left_out,
        "total": _data(table, table.total),
    }


def _data(table: Table, row: Row) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for figure in table.figures:
        value = row.value(figure)
        if figure.form == Form.MONEY:
            told.setdefault("revenue", {})[figure.currency] = str(value)
        elif figure.form == Form.TIME:
            seconds = None if value is None else int(value)
            told[figure.code] = {"seconds": seconds, "of": figure.whole(row.amounts)}
        elif figure.form == Form.EACH:
            told[figure.code] = None if value is None else float(_rounded(Decimal(value)))
        else:
            told[figure.code] = value
    return told


def _names(figure: Figure) -> list[str]:
    if figure.form != Form.TIME:
        return [str(figure.label)]
    return [
        _("%(figure)s (hours)") % {"figure": figure.label},
        _("%(figure)s: average of") % {"figure": figure.label},
    ]


def _cells(table: Table, row: Row) -> Iterator[Any]:
    for figure in table.figures:
        value = row.value(figure)
        if value is None:
            yield NOTHING
        elif figure.form == Form.TIME:
            yield _rounded(Decimal(value) / _HOUR)
        else:
            yield _rounded(Decimal(value)) if figure.form == Form.EACH else value
        if figure.form == Form.TIME:
            yield figure.whole(row.amounts)


def _rounded(value: Decimal) -> Decimal:
    return value.quantize(_HUNDREDTH, ROUND_HALF_UP)


def _number(value: int | Decimal) -> str:
    return str(formats.number_format(value, force_grouping=True))
