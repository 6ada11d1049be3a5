"""Workbooks as other programs write and read them, and those that are made to do harm."""

import datetime
import io
import struct
import zipfile
from typing import Any

import openpyxl
import pytest
import xlsxwriter
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from guestlist.invitations import spreadsheets
from guestlist.invitations.imports import files, sources, workbooks, worksheets
from tests.invitations.test_imports import rows_of, workbook

DAY, MOMENT = datetime.date(2026, 5, 3), datetime.datetime(2026, 5, 3, 18, 30, 7)  # noqa: DTZ001 - as cells have them
CELLS: list[list[Any]] = [
    ["E-mail", "Name", "Since", "N", "Yes", "Again"],
    ["a@x.nl", 'Zoë <&> "van" Öz 😀', DAY, 7, True, "a@x.nl"],
    [],
    ["b@x.nl", "two\nlines", MOMENT, 0.1, False, "never"],
    [None, "  spaces  ", datetime.date(9999, 12, 31), -12345678901, None, ""],
    ["c@x.nl", None, datetime.time(8, 15), 1e-7, True, "007"],
]


def shown(value: Any) -> str:
    """Return what our reader makes of a cell that openpyxl reads so."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, datetime.datetime):
        is_day = value.time() == datetime.time(0)
        return f"{value:%Y-%m-%d}" if is_day else f"{value:%Y-%m-%d %H:%M:%S}"
    return f"{value:%H:%M:%S}" if isinstance(value, datetime.time) else str(value)


def as_openpyxl_reads(file: io.BytesIO, sheet: str) -> dict[int, list[str]]:
    read = openpyxl.load_workbook(file, data_only=True)[sheet]
    return filled((row[0].row, [shown(cell.value) for cell in row]) for row in read.iter_rows())


def filled(rows: Any) -> dict[int, list[str]]:
    """Return the rows by number without their empty ends."""
    found = {}
    for number, row in rows:
        cells = list(row)
        while cells and not cells[-1]:
            cells.pop()
        if cells:
            found[number] = cells
    return found


def by_openpyxl(*, epoch: Any = None) -> io.BytesIO:
    file, book = io.BytesIO(), openpyxl.Workbook()
    if epoch is not None:
        book.epoch = epoch
    book.active.title = "Gone"
    book.active.sheet_state = "hidden"
    first, second = book.create_sheet("Guests & co"), book.create_sheet("Others")
    for row in CELLS:
        first.append(row)
    second["B3"] = "only@x.nl"
    book.active = 1
    book.save(file)
    return file


def by_xlsxwriter(**options: Any) -> io.BytesIO:
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"default_date_format": "dd/mm/yy hh:mm", **options}) as book:
        first, second = book.add_worksheet("Guests & co"), book.add_worksheet("Others")
        bold = book.add_format({"bold": True})
        for number, row in enumerate(CELLS):
            for column, value in enumerate(row):
                if isinstance(value, datetime.date | datetime.time):
                    first.write_datetime(number, column, value)
                elif value is not None:
                    first.write(number, column, value)
        first.write_formula(7, 0, '="d" & "@x.nl"', None, "d@x.nl")
        first.write_formula(7, 1, "=2 * 21", None, 42)
        first.write_formula(7, 2, "=TRUE", None, True)
        first.write_formula(7, 3, "=1/0", None, "#DIV/0!")
        if not options.get("constant_memory"):
            first.write_rich_string(8, 1, "Jan ", bold, "Öz")
        second.write(2, 1, "only@x.nl")
    return file


@pytest.mark.parametrize(
    "file",
    [
        by_openpyxl(),
        by_openpyxl(epoch=CALENDAR_MAC_1904),
        by_xlsxwriter(),
        by_xlsxwriter(date_1904=True),
        by_xlsxwriter(constant_memory=True),
    ],
    ids=["openpyxl", "openpyxl-1904", "xlsxwriter", "xlsxwriter-1904", "xlsxwriter-inline"],
)
def test_workbook_reads_as_another_reader_reads_it(file) -> None:
    sheet = workbooks.opened(file)

    assert (sheet.name, sheet.names) == ("Guests & co", ["Guests & co", "Others"])
    found = filled(rows_of(sheet))
    assert found == as_openpyxl_reads(file, "Guests & co")
    assert found[2][:3] == ["a@x.nl", 'Zoë <&> "van" Öz 😀', "2026-05-03"]
    assert rows_of(workbooks.opened(file, sheet="Others")) == [(3, ["", "only@x.nl"])]
    with pytest.raises(workbooks.UnknownSheet, match=r"It has these: Guests & co, Others\."):
        workbooks.opened(file, sheet="Gone")


def test_days_of_early_1900_read_as_spreadsheets_show_them() -> None:
    styles = '<cellXfs><xf numFmtId="14"/></cellXfs>'
    cells = "".join(f"<c s='0'><v>{number}</v></c>" for number in (1, 59, 61, 2958465, 2958466, -1))
    file = workbook(f"<row>{cells}</row>", styles=styles)

    ((_number, found),) = rows_of(workbooks.opened(file))

    assert found == ["1900-01-01", "1900-02-28", "1900-03-01", "9999-12-31", "2958466", "-1"]


def test_export_reads_in_another_reader_as_it_was_written() -> None:
    names = ["E-mail", "=1+1", "Sent"]
    rows: list[list[Any]] = [
        ["a@x.nl", "Zoë <&> “Öz” 😀\nand more", MOMENT.replace(tzinfo=datetime.UTC)],
        [None, 12_345_678_901, "  spaced  "],
    ]
    file = io.BytesIO(b"".join(spreadsheets.xlsx_file(names, rows, title="Guests [1]")))

    read = openpyxl.load_workbook(file).active

    assert [[cell.value for cell in row] for row in read.iter_rows()] == [
        ["E-mail", "'=1+1", "Sent"],
        ["a@x.nl", "Zoë <&> “Öz” 😀\nand more", MOMENT],
        [None, 12_345_678_901, "  spaced  "],
    ]


def changed(file: io.BytesIO, parts: dict[str, bytes] | None = None, **values: Any) -> io.BytesIO:
    """Return a workbook with other parts, or with parts that say other things of themselves."""
    made = io.BytesIO()
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for one in old.infolist():
            info = zipfile.ZipInfo(one.filename)
            info.compress_type = zipfile.ZIP_DEFLATED
            for name, value in values.items():
                setattr(info, name, value)
            new.writestr(info, (parts or {}).get(one.filename, old.read(one.filename)))
    return made


ROW = "<row><c t='inlineStr'><is><t>a@x.nl</t></is></c></row>"


@pytest.mark.parametrize(
    ("file", "refusal"),
    [
        (changed(workbook(ROW), compress_type=zipfile.ZIP_BZIP2), files.UnusableFile),
        (changed(workbook(ROW), compress_type=zipfile.ZIP_LZMA), files.UnusableFile),
        (changed(workbook(ROW), comment=b"x" * 40_000), None),
        (changed(workbook(ROW), {"xl/workbook.xml": b"<workbook>" + b" " * 2**21}), files.FileTooLarge),
        (changed(workbook(ROW), {"xl/styles.xml": b"<styleSheet>" + b" " * 2**24}), files.FileTooLarge),
        (workbook("<row><c t='inlineStr'>" + "<is>" * 5_000), files.UnusableFile),
        (workbook(ROW, strings="<si>" * 5_000), None),
        (workbook("<row><c t='s'><v>0</v></c></row>", strings="<si>" * 5_000), files.UnusableFile),
        (workbook("<row><c t='s'><v>²</v></c></row>"), files.UnusableFile),
        (workbook(f"<row r='{'9' * 5_000}'><c/></row>"), files.UnusableFile),
        (workbook(ROW, prefix='<?xml version="1.0" encoding="rot13"?>'), files.UnusableFile),
        (workbook(ROW, prefix=f"<!--{'x' * 3_000_000}-->"), files.UnusableFile),
        (workbook(f"<row><c t='inlineStr'><is><t>{'x' * 3_000_000}</t></is></c></row>"), None),
    ],
    ids=[
        *("bzip2", "lzma", "wordy", "sheets", "styles", "deep", "unread", "deep-strings", "digit", "digits"),
        *("encoding", "endless", "long"),
    ],
)
def test_workbook_is_refused_when_it_is_made_to_do_harm(file, refusal) -> None:
    if refusal is None:
        assert len(rows_of(workbooks.opened(file))) == 1
        return
    with pytest.raises(refusal) as raised:
        rows_of(workbooks.opened(file))
    assert raised.type is refusal


def test_workbook_is_refused_before_a_long_list_of_parts_is_read() -> None:
    file = workbook(ROW)
    data = bytearray(file.getvalue())
    end = data.rindex(b"PK\x05\x06")
    start, size = struct.unpack_from("<L", data, end + 16)[0], 3 * 1024 * 1024
    entry = bytes(data[start:end])
    many = entry * (size // len(entry) + 1)
    struct.pack_into("<L", data, end + 12, len(many))
    made = io.BytesIO(data[:start] + many + data[end:])

    with pytest.raises(files.UnusableFile):
        workbooks.opened(made)


def test_long_texts_are_cut_and_say_so() -> None:
    long = "x" * 20_000
    file = workbook(
        f"<row><c t='s'><v>0</v></c><c t='inlineStr'><is><t>{long}</t></is></c><c><v>3</v></c></row>",
        strings=f"<si><t>{long}</t></si>",
    )

    ((_number, cells),) = rows_of(workbooks.opened(file))

    assert [len(one) for one in cells] == [8_001, 8_001, 1]
    assert all(one.endswith("…") for one in cells[:2])


def test_few_rows_are_held_however_much_their_texts_come_to(monkeypatch) -> None:
    monkeypatch.setattr(files, "MAX_BYTES", 20_000_000)
    text = "<si><t>" + "x" * 7_000 + "</t></si>"
    file = workbook("<row><c t='s'><v>0</v></c></row>" * 20_000, strings=text)
    sheet = workbooks.opened(file)

    held = max(len(rows) for rows in sheet.rows)

    assert held < 1_200
    with pytest.raises(files.FileTooLarge):
        list(sources.as_lines(workbooks.opened(file).rows, files.Lines(iter(()))))


def test_shared_texts_are_bounded_together(monkeypatch) -> None:
    monkeypatch.setattr(worksheets, "_MAX_TEXT", 10_000)
    file = workbook("<row><c t='s'><v>9</v></c></row>", strings=("<si><t>" + "x" * 5_000 + "</t></si>") * 9)

    with pytest.raises(files.FileTooLarge):
        rows_of(workbooks.opened(file))


def test_beginning_is_read_without_all_of_the_texts() -> None:
    strings = "".join(f"<si><t>text {number} {'x' * 500}</t></si>" for number in range(2_000))
    rows = "<row><c t='s'><v>3</v></c><c t='s'><v>1999</v></c></row>" * 5_000

    sheet = workbooks.opened(workbook(rows, strings=strings), most=40_000)

    found = rows_of(sheet)
    assert 0 < len(found) < 5_000
    assert {row[0][:7] for _number, row in found} == {"text 3 "}
    assert {row[1] for _number, row in found} == {"…"}


def test_beginning_ends_when_nothing_stands_in_it_for_long(monkeypatch) -> None:
    monkeypatch.setattr(files, "MAX_BEGINNING", 100)

    rows = [
        row
        for some in sources.beginning(workbooks.opened(workbook("<row/>" * 900 + ROW)).rows, most=5)
        for row in some
    ]

    assert rows == [(number, []) for number in range(1, 101)]


def test_beginning_of_wide_rows_is_no_longer_than_what_is_looked_at() -> None:
    """One text in each of a hundred columns, a few bytes of the file, is 800 KB of lines in each row."""
    cells = "<c t='s'><v>0</v></c>" * 100
    file = workbook(f"<row>{cells}</row>" * 300, strings=f"<si><t>{'x' * 8_000}</t></si>")

    rows = [row for some in sources.beginning(workbooks.opened(file).rows, most=201) for row in some]

    assert len(rows) == 6


def test_size_of_lines_is_counted_in_bytes() -> None:
    lines = files.Lines(iter(()))

    data = b"".join(sources.as_lines([[(1, ["Ж" * 300_000])], [(3, ["a", "b"])]], lines))

    assert (lines.size, lines.lines) == (len(data), 3)
    assert data == ("Ж" * 300_000).encode() + b"\n\na,b\n"
