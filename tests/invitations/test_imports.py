"""Files of people: what they are, how they read, and what their columns have."""

import io
import zipfile

import pytest

from guestlist.invitations import spreadsheets
from guestlist.invitations.imports import columns, files, records, workbooks
from guestlist.invitations.imports.columns import Field
from guestlist.invitations.imports.records import Place, Records

ROW = b"noor@example.com;Noor\n"


def read(data: bytes) -> tuple[bytes, files.Lines]:
    lines = files.opened(io.BytesIO(data))
    return b"".join(lines.bytes), lines


@pytest.mark.parametrize(
    ("data", "encoding", "kept"),
    [
        (ROW, "utf-8", ROW),
        (b"\xef\xbb\xbf" + ROW, "utf-8", ROW),
        ("zoë@x.nl\n".encode(), "utf-8", "zoë@x.nl\n".encode()),
        ("zoë@x.nl\n".encode("cp1252"), "cp1252", "zoë@x.nl\n".encode("cp1252")),
        ("zoë@x.nl\n".encode("utf-16"), "utf-8", "zoë@x.nl\n".encode()),
        ("a@x.nl\r\n".encode("utf-16-be"), "utf-8", b"a@x.nl\r\n"),
        (b"\xef\xbb\xbfsep=;\r\n" + ROW, "utf-8", ROW),
        (b"a@x.nl\rb@x.nl\r", "utf-8", b"a@x.nl\nb@x.nl\n"),
        # One mangled row among sound ones does not change the encoding of all.
        ("é\né\n".encode() + b"\xe9\n", "utf-8", "é\né\n".encode() + b"\xe9\n"),
    ],
)
def test_encoding_is_found_when_the_file_is_kept(data, encoding, kept) -> None:
    got, lines = read(data)

    assert (got, lines.encoding, lines.size) == (kept, encoding, len(kept))


@pytest.mark.parametrize(
    ("data", "refusal"),
    [
        (b"", files.EmptyFile),
        (b"\xef\xbb\xbf \r\n\n", files.EmptyFile),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00", files.NotText),
        (b"%PDF-1.7\n%\xe2\xe3", files.NotText),
        (b"\n<!DOCTYPE html><html><table>", files.WebPage),
        (b"\xef\xbb\xbf<table><tr>", files.WebPage),
    ],
)
def test_file_is_refused_when_it_is_no_table(data, refusal) -> None:
    with pytest.raises(refusal):
        read(data)


def test_file_is_refused_when_it_is_too_large(monkeypatch) -> None:
    monkeypatch.setattr(files, "MAX_ROWS", 3)
    with pytest.raises(files.TooManyRows):
        read(b"a@x.nl\n" * 4)
    monkeypatch.setattr(files, "MAX_BYTES", 3)
    with pytest.raises(files.FileTooLarge):
        read(b"a@x.nl\n")
    with pytest.raises(files.ProtectedWorkbook):
        files.is_workbook(io.BytesIO(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 and more"))


def cut(data: bytes, *, width: int = 2, size: int = 7, place: Place | None = None, encoding="utf-8"):
    """Read records from pieces of a few bytes."""
    start = place.byte if place else 0
    pieces = (data[one : one + size] for one in range(start, len(data), size))
    source = Records(pieces, encoding=encoding, delimiter=",", width=width, place=place)
    return [(one.number, one.cells, one.problem) for one in source], source.place


def test_records_are_numbered_as_a_spreadsheet_shows_them() -> None:
    found, place = cut(b'a,b\n\n"c\nd",e\r\nf,"g ""h"""')

    assert found == [
        (1, ["a", "b"], ""),
        (2, [], ""),
        (3, ["c\nd", "e"], ""),
        (4, ["f", 'g "h"'], ""),
    ]
    assert (place.byte, place.number) == (25, 4)


def test_pieces_are_bounded_by_what_is_read_and_not_by_records_alone() -> None:
    long = b"a" * 100_000 + b"\n"
    source = Records(iter([long] * 100), encoding="utf-8", delimiter=",", width=2)
    found = [len(source.some(1_000)) for _piece in range(3)]
    assert found == [42, 42, 16]
    # One quotation mark in each line lets a hundred lines be read anew for every one of them.
    source = Records(iter([b'a"b,"c' + b"d" * 1_000 + b"\n"] * 500), encoding="utf-8", delimiter=",", width=2)
    assert len(source.some(1_000)) < 100


def test_cells_beyond_the_columns_are_kept_as_one() -> None:
    (found,), _place = cut(b"a,b" + b",c" * 60_000, size=4096)

    assert (found[1][:2], len(found[1]), found[2]) == (["a", "b"], 3, "too_many_cells")


def test_reading_goes_on_from_any_record() -> None:
    data = 'ä,1\n"b\nb",2\nc,3\n'.encode()
    everything, _end = cut(data)
    pieces = (data,)
    source = Records(iter(pieces), encoding="utf-8", delimiter=",", width=2)

    for number, _record in enumerate(source, start=1):
        rest, _end = cut(data, place=source.place)
        assert rest == everything[number:]


@pytest.mark.parametrize(
    ("data", "problems"),
    [
        (b'a,"b\nc,d\ne,f\n', ["unclosed_quote", "", ""]),
        (b'a,"b\nc,"d"\ne,f\n', ["unclosed_quote", "", ""]),
        (b"a,b,c\nd,e,\n", ["too_many_cells", ""]),
        (b"\xe9,b\nc,d\n", ["undecodable", ""]),
        (b"a\x00,b\nc,d\n", ["undecodable", ""]),
        (b"a," + b"x" * 300_000 + b"\nc,d\n", ["row_too_long", ""]),
        (b'a,"' + b"x\n" * 300, ["unclosed_quote", *[""] * 299]),
        (b"a,b\rx,y\nc,d\n", ["unclosed_quote", ""]),
    ],
)
def test_one_bad_row_leaves_the_others_as_they_are(data, problems) -> None:
    found, place = cut(data, size=4096)

    assert [problem for _number, _cells, problem in found] == problems
    assert place.byte == len(data)


def test_columns_are_found_by_their_names_in_both_languages() -> None:
    assert columns.by_names(
        ["Naam", "E-mailadres", "Klantgroep", "Taal", "Gelegenheid", "Uitgenodigd door"]
    ) == {
        Field.NAME: 0,
        Field.EMAIL: 1,
        Field.GROUP: 2,
        Field.STORE_VIEW: 3,
        Field.OCCASION: 4,
        Field.INVITER: 5,
    }
    assert columns.by_names(["Address", "First name", "Last name", "E-MAIL", "Message"]) == {
        Field.EMAIL: 3,
        Field.NAME: 1,
        Field.LAST_NAME: 2,
        Field.MESSAGE: 4,
    }
    assert columns.by_names(["Klantnr", "Aanhef", "Voornaam", "Tussenvoegsel", "Achternaam"]) == {
        Field.NAME: 2,
        Field.MIDDLE_NAME: 3,
        Field.LAST_NAME: 4,
    }
    assert [columns.letter(one) for one in (0, 25, 26, 99)] == ["A", "Z", "AA", "CV"]


SHEET = """<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{}</sheetData></worksheet>"""


def workbook(sheet: str, *, strings: str = "", styles: str = "", prefix: str = "") -> io.BytesIO:
    """Return a workbook with a sheet, as Excel lays it out."""
    file = io.BytesIO()
    main, office = "http://schemas.openxmlformats.org/spreadsheetml/2006/main", "http://x/relationships"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "_rels/.rels",
            f'<Relationships><Relationship Id="a" Type="{office}/officeDocument" Target="/xl/workbook.xml"/>'
            "</Relationships>",
        )
        archive.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets><sheet name="old" state="hidden" r:id="r9"/>'
            '<sheet name="Guests" r:id="r1"/></sheets></workbook>',
        )
        archive.writestr(
            "xl/_rels/workbook.xml.rels",
            f'<Relationships><Relationship Id="r1" Type="{office}/worksheet" Target="worksheets/sheet1.xml"/>'
            f'<Relationship Id="r2" Type="{office}/sharedStrings" Target="sharedStrings.xml"/>'
            f'<Relationship Id="r3" Type="{office}/styles" Target="styles.xml"/></Relationships>',
        )
        archive.writestr("xl/worksheets/sheet1.xml", prefix + SHEET.format(sheet))
        archive.writestr("xl/sharedStrings.xml", f'<sst xmlns="{main}">{strings}</sst>')
        archive.writestr("xl/styles.xml", f'<styleSheet xmlns="{main}">{styles}</styleSheet>')
    return file


def rows_of(sheet: workbooks.Worksheet) -> list[tuple[int, list[str]]]:
    return [row for rows in sheet.rows for row in rows]


def test_workbook_reads_as_its_cells_look() -> None:
    styles = (
        '<numFmts><numFmt numFmtId="164" formatCode="[$-413]d mmm yyyy"/>'
        '<numFmt numFmtId="165" formatCode="0&quot;d&quot;"/></numFmts><cellStyleXfs><xf numFmtId="14"/></cellStyleXfs>'
        '<cellXfs><xf numFmtId="0"/><xf numFmtId="164"/><xf numFmtId="165"/></cellXfs>'
    )
    strings = (
        "<si><t>noor@example.com</t></si><si><r><t>Jan</t></r><r><t xml:space='preserve'> Öz</t></r>"
        "<rPh><t>x</t></rPh></si>"
    )
    sheet = (
        '<row r="1"><c r="A1" t="s"><v>0</v></c><c r="C1" t="s"><v>1</v></c></row>'
        '<row r="4"><c t="inlineStr"><is><t>a_x000D_b</t></is></c><c t="b"><v>1</v></c><c><f>1+1</f><v>2</v></c>'
        '<c><v>0.1</v></c><c s="1"><v>46145.75</v></c><c s="2"><v>3</v></c><c t="str"><v>=cmd</v></c>'
        '<c t="e"><v>#N/A</v></c></row>'
    )

    found = workbooks.opened(workbook(sheet, strings=strings, styles=styles))

    assert found.name == "Guests"
    assert rows_of(found) == [
        (1, ["noor@example.com", "", "Jan Öz"]),
        (4, ["a\rb", "TRUE", "2", "0.1", "2026-05-03 18:00:00", "3", "=cmd", "#N/A"]),
    ]


def test_workbook_of_an_export_reads_as_it_was_written() -> None:
    written = io.BytesIO(b"".join(spreadsheets.xlsx_file(["E-mail", "N"], [["a@x.nl", None, 7]], title="G")))

    assert rows_of(workbooks.opened(written)) == [(1, ["E-mail", "N"]), (2, ["a@x.nl", "", "7"])]


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    ("file", "refusal"),
    [
        (workbook("", prefix=BOMB), files.UnusableFile),
        (workbook("<row><c r='ZZZ1'><v>1</v></c></row>"), files.TooManyColumns),
        (workbook("<row r='999999999'><c><v>7</v></c></row>"), files.TooManyRows),
        (workbook("<row><c t='s'><v>7</v></c></row>"), files.UnusableFile),
        (workbook("<row><c>"), files.UnusableFile),
        (io.BytesIO(b"PK\x03\x04 not really"), files.UnusableFile),
    ],
    ids=["bomb", "columns", "rows", "string", "torn", "no-zip"],
)
def test_workbook_is_refused_when_it_is_damaged_or_hostile(file, refusal) -> None:
    with pytest.raises(refusal):
        rows_of(workbooks.opened(file))


def test_workbook_is_refused_when_it_unpacks_to_too_much(monkeypatch) -> None:
    monkeypatch.setattr(workbooks, "MAX_UNPACKED", 10_000)
    with pytest.raises(files.FileTooLarge):
        workbooks.opened(workbook("<row></row>" * 1_000))


def test_problems_of_records_have_words() -> None:
    from guestlist.invitations.imports.verdicts import NAMES, WHAT_TO_DO

    problems = {records.UNREADABLE, records.UNCLOSED, records.TOO_LONG, records.TOO_MANY_CELLS}
    assert problems <= set(WHAT_TO_DO)
    assert set(NAMES) == {"", *WHAT_TO_DO}
