"""Tables as files that spreadsheets open, written as they come: CSV and XLSX, in little memory however long they are."""

from __future__ import annotations

import csv
import datetime
import io
import re
import zipfile
from decimal import Decimal
from itertools import batched, islice
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Sequence

    type Row = Sequence[Any]

AT_ONCE = 1_000
"""Rows that are written between two pieces of the file."""
SHEET_ROWS = 1_048_576
"""Rows that a worksheet has (ECMA-376; Excel's limit), the one with the names included."""
CSV_TYPE = "text/csv; charset=utf-8"
XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

# At the beginning, and after what a spreadsheet may split a cell at: where lists have semicolons, Excel does so in a file
# with commas, and the other way round. A pair of quotation marks there is an empty text to it, and what follows is read on.
# The full-width signs are formulas in Japanese.
_SIGNS = "=+\\-@\t\r\0\uff1d\uff0b\uff0d\uff20"
_BEFORE_SIGN = f'(?=[ "]*[{_SIGNS}])'
_FORMULA = re.compile(rf"(^|[,;\t|\r\n]){_BEFORE_SIGN}")
_MADE_HARMLESS = re.compile(rf"(^|[,;\t|\r\n])'{_BEFORE_SIGN}")
# Characters that XML 1.0 has no way to write.
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_ESCAPED = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_EPOCH = datetime.datetime(1899, 12, 30)  # noqa: DTZ001 - a spreadsheet's days have no zone
_DAY = 86_400
_WIDTH = 20
"""Characters that a column shows at least."""


def harmless(value: Any) -> Any:  # noqa: ANN401 - any cell's
    """Return a cell so that no spreadsheet takes it for a formula: with an apostrophe before it (ASVS 1.2.10)."""
    return _FORMULA.sub(r"\1'", value) if isinstance(value, str) else value


def plain(text: str) -> str:
    """Return what stood in a cell before :func:`harmless` made it so."""
    return _MADE_HARMLESS.sub(r"\1", text)


def csv_file(
    names: Row, rows: Iterable[Row], *, delimiter: str = ",", comma: bool = False
) -> Iterator[bytes]:
    """Yield a CSV file piece by piece, in UTF-8 with the mark that tells Excel so; moments are ``2026-05-03 14:02:11``.

    With ``comma`` numbers that are not whole have one, as whoever separates cells by semicolons writes them.
    """
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, delimiter=delimiter, lineterminator="\r\n")
    buffer.write("\ufeff")
    writer.writerow([harmless(one) for one in names])
    # At once: who went away is noticed by what cannot be sent to them.
    yield _taken(buffer)
    for some in batched(rows, AT_ONCE):
        writer.writerows([[_text(one, comma=comma) for one in row] for row in some])
        yield _taken(buffer)
    if rest := _taken(buffer):
        yield rest


def xlsx_file(names: Row, rows: Iterable[Row], *, title: str) -> Iterator[bytes]:
    """Yield a workbook piece by piece; what a sheet cannot take goes on in another one.

    Moments are days that a spreadsheet can reckon with.
    """
    out = _Passing()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        left, sheets, is_over = iter(rows), 0, False
        while not is_over:
            sheets += 1
            # Without zip64, which Excel does not read here: two gigabytes are more than a million rows have.
            with archive.open(f"xl/worksheets/sheet{sheets}.xml", "w") as sheet:
                sheet.write(f"{_SHEET_HEAD}{_widths(names)}<sheetData>{_row(names)}".encode())
                yield out.taken()
                is_over = yield from _written(sheet, left, out)
                sheet.write(b"</sheetData></worksheet>")
        for name, content in _parts(title, sheets).items():
            archive.writestr(name, content)
    yield out.taken()


def _widths(names: Row) -> str:
    """Return how wide the columns are: enough for their names and a moment, which is a row of # where it does not fit."""
    columns = (
        f'<col min="{number}" max="{number}" width="{max(len(str(name)) + 2, _WIDTH)}" customWidth="1"/>'
        for number, name in enumerate(names, 1)
    )
    return f"<cols>{''.join(columns)}</cols>"


def _written(sheet: IO[bytes], rows: Iterator[Row], out: _Passing) -> Generator[bytes, None, bool]:
    """Write as many rows as a sheet takes; returns whether that was all."""
    fitting = (SHEET_ROWS - 1) // AT_ONCE
    for _number in range(fitting):
        some = list(islice(rows, AT_ONCE))
        sheet.write("".join(map(_row, some)).encode())
        yield out.taken()
        if len(some) < AT_ONCE:
            return True
    return False


class _Passing(io.RawIOBase):
    """A file that cannot be gone back in: what is written is taken away at once."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, piece: Any) -> int:  # noqa: ANN401 - any buffer
        self._pieces.append(bytes(piece))
        return len(piece)

    def taken(self) -> bytes:
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)


def _taken(buffer: io.StringIO) -> bytes:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text.encode("utf-8", "replace")


def _text(value: Any, *, comma: bool = False) -> Any:  # noqa: ANN401 - any cell's
    if isinstance(value, Decimal):
        # A number, so no formula, also where it is less than nothing.
        return f"{value:f}".replace(".", ",") if comma else f"{value:f}"
    if isinstance(value, datetime.datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    return harmless(value)


def _row(row: Row) -> str:
    return f"<row>{''.join(map(_cell, row))}</row>"


def _cell(value: Any) -> str:  # noqa: ANN401 - any cell's
    if value is None or value == "":
        return "<c/>"
    if isinstance(value, int):
        return f"<c><v>{value}</v></c>"
    if isinstance(value, Decimal):
        return f"<c><v>{value:f}</v></c>"
    if isinstance(value, datetime.datetime):
        since = value.replace(tzinfo=None, microsecond=0) - _EPOCH
        return f'<c s="1"><v>{since.total_seconds() / _DAY:.10f}</v></c>'
    text = _NOT_XML.sub("", str(harmless(value))).translate(_ESCAPED)
    return f'<c t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'


_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_KIND = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
_SHEET_HEAD = (
    f'{_XML}<worksheet xmlns="{_MAIN}"><sheetViews><sheetView workbookViewId="0">'
    '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews>'
)
_STYLES = (
    f'{_XML}<styleSheet xmlns="{_MAIN}">'
    '<numFmts count="1"><numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd hh:mm:ss"/></numFmts>'
    '<fonts count="1"><font><sz val="11"/><name val="Calibri"/></font></fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill>'
    '<fill><patternFill patternType="gray125"/></fill></fills>'
    '<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
    '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
    '<cellXfs count="2"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>'
    '<xf numFmtId="164" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/></cellXfs>'
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
)


def _parts(title: str, sheets: int) -> dict[str, str]:
    """Return what a workbook has besides its sheets (ECMA-376, part 2 and part 1, 12)."""
    numbers = range(1, sheets + 1)
    name = re.sub(r"[\[\]:*?/\\]", " ", title).translate(_ESCAPED)[:25]
    listed = "".join(
        f'<sheet name="{name if one == 1 else f"{name} {one}"}" sheetId="{one}" r:id="rId{one}"/>'
        for one in numbers
    )
    related = "".join(
        f'<Relationship Id="rId{one}" Type="{_OFFICE}/worksheet" Target="worksheets/sheet{one}.xml"/>'
        for one in numbers
    )
    kinds = "".join(
        f'<Override PartName="/xl/worksheets/sheet{one}.xml" ContentType="{_KIND}.worksheet+xml"/>'
        for one in numbers
    )
    return {
        "[Content_Types].xml": (
            f'{_XML}<Types xmlns="{_PACKAGE}/content-types">'
            '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            f'<Override PartName="/xl/workbook.xml" ContentType="{_KIND}.sheet.main+xml"/>'
            f'<Override PartName="/xl/styles.xml" ContentType="{_KIND}.styles+xml"/>{kinds}</Types>'
        ),
        "_rels/.rels": (
            f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships">'
            f'<Relationship Id="rId1" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>'
        ),
        "xl/workbook.xml": (
            f'{_XML}<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>{listed}</sheets></workbook>'
        ),
        "xl/_rels/workbook.xml.rels": (
            f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships">{related}'
            f'<Relationship Id="rId{sheets + 1}" Type="{_OFFICE}/styles" Target="styles.xml"/></Relationships>'
        ),
        "xl/styles.xml": _STYLES,
    }
