"""A report as a file for spreadsheets, and as data for programs."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any

from django.utils.formats import get_format
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from guestlist.invitations import exports, spreadsheets
from guestlist.reports import wording

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guestlist.reports.columns import Column
    from guestlist.reports.tables import Row, Table

_FOURTH = Decimal("0.0001")


def as_file(table: Table, *, kind: str) -> Iterator[bytes]:
    """Return the pieces of a CSV or XLSX file, in the active language: a row for each period, and the total.

    Shares are numbers of percent, amounts have their currency in the name of the column.

    :raises UnknownFormat: when ``kind`` is neither ``csv`` nor ``xlsx``.
    """
    if kind not in exports.FORMATS:
        raise exports.UnknownFormat
    names = [
        _("Period"),
        pgettext("days", "From"),
        pgettext("days", "To"),
        *(_name(table, one) for one in table.columns),
    ]
    rows = [_cells(table, row, wording.period(table.question.period, row.span)) for row in table.rows]
    rows.append(_cells(table, table.total, _("Total")))
    if kind == "xlsx":
        return spreadsheets.xlsx_file(names, rows, title=str(table.report.label))
    comma = get_format("DECIMAL_SEPARATOR") == ","
    return spreadsheets.csv_file(names, rows, delimiter=";" if comma else ",", comma=comma)


def as_data(table: Table) -> dict[str, Any]:
    """Return it as JSON has it: days by ISO 8601, counts as numbers, shares of 1, amounts as texts by currency."""
    question = table.question
    return {
        "report": table.report.value,
        "from": question.span.first.isoformat(),
        "to": question.span.last.isoformat(),
        "by": question.period.value,
        "basis": question.basis.value,
        "rows": [_data(table, row) for row in table.rows],
        "total": _data(table, table.total),
        "before": _data(table, table.before),
    }


def _data(table: Table, row: Row) -> dict[str, Any]:
    told: dict[str, Any] = {"from": row.span.first.isoformat(), "to": row.span.last.isoformat()}
    for column, value in table.cells(row):
        if column.currency:
            told.setdefault("revenue", {})[column.currency] = str(value)
        else:
            told[column.code] = float(_share(value)) if isinstance(value, Decimal) else value
    return told


def _name(table: Table, column: Column) -> str:
    """Return what a column is called where it stands alone: with what it is a part of, and with its unit."""
    of = next((one.label for one in table.columns if one.code == column.part_of), None)
    name = f"{of}: {column.label}" if of is not None else str(column.label)
    return f"{name} (%)" if column.over else name


def _cells(table: Table, row: Row, name: str) -> list[Any]:
    values = [
        wording.NOTHING
        if value is None
        else _share(value).scaleb(2)
        if isinstance(value, Decimal) and column.over
        else value
        for column, value in table.cells(row)
    ]
    return [name, row.span.first.isoformat(), row.span.last.isoformat(), *values]


def _share(value: Decimal) -> Decimal:
    return value.quantize(_FOURTH, ROUND_HALF_UP)
