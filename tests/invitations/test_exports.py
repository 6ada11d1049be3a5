"""Invitations as files."""

import csv
import datetime
import io
import itertools
import logging
import zipfile
from zoneinfo import ZoneInfo

import pytest
from django.utils import translation

from guestlist.invitations import exports, spreadsheets
from guestlist.invitations.exports import Export
from guestlist.invitations.filters import Filter
from guestlist.stores.actors import SYSTEM, NotPermitted
from tests import make

ZONE = ZoneInfo("Europe/Amsterdam")


def exported(what: Export, kind: str = "csv") -> bytes:
    return b"".join(exports.export(what=what, kind=kind))


def rows(what: Export) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(exported(what).decode("utf-8-sig"), newline="")))


@pytest.mark.parametrize(
    ("text", "harmless"),
    [
        *((text, f"'{text}") for text in ("=1+1", "+31", "-1", "@SUM(A1)", "\uff1d1", "  =1")),
        ("\t=1", "'\t'=1"),
        ("\r=1", "'\r'=1"),
        ("\n=1", "\n'=1"),
        ("Jan;=cmd|'/C calc'!A0;", "Jan;'=cmd|'/C calc'!A0;"),
        ("Jan,@SUM(A1)|-1", "Jan,'@SUM(A1)|'-1"),
        ('Jan;"=1+1;x', "Jan;'\"=1+1;x"),
        ("a - b; c", "a - b; c"),
    ],
)
def test_cell_is_no_formula_when_it_or_a_part_of_it_begins_like_one(text, harmless) -> None:
    piece = b"".join(spreadsheets.csv_file(["n"], [[text]]))
    (_names, (cell,)) = csv.reader(io.StringIO(piece.decode("utf-8-sig"), newline=""))

    assert cell == harmless
    assert spreadsheets.plain(cell) == text


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_no_text_is_a_formula_wherever_a_spreadsheet_splits_the_file(delimiter) -> None:
    texts = ["".join(some) for size in range(1, 6) for some in itertools.product('x";=,', repeat=size)]
    file = b"".join(
        spreadsheets.csv_file(["a", "b"], [[one, one] for one in texts], delimiter=delimiter)
    ).decode("utf-8-sig")

    for other in ",;\t|":
        read = csv.reader(io.StringIO(file, newline=""), delimiter=other)
        assert [row for row in read if any(cell.startswith("=") for cell in row)] == []
    assert all(spreadsheets.plain(spreadsheets.harmless(one)) == one for one in texts)


def test_workbook_has_text_numbers_and_moments_as_they_are(monkeypatch) -> None:
    monkeypatch.setattr(spreadsheets, "SHEET_ROWS", 2_001)
    moment = datetime.datetime(2026, 5, 3, 18, 0, tzinfo=ZONE)
    many = [["=cmd|' /C calc'!A0 & <b>\x00", 7, moment, None]] * 2_500

    book = zipfile.ZipFile(io.BytesIO(b"".join(spreadsheets.xlsx_file(["A"], many, title="Guests: all"))))

    first = book.read("xl/worksheets/sheet1.xml").decode()
    assert ">'=cmd|' /C calc'!A0 &amp; &lt;b&gt;</t>" in first
    assert '<v>7</v></c><c s="1"><v>46145.7500000000</v></c><c/>' in first
    assert first.count("<row>") == 2_001
    assert '<cols><col min="1" max="1" width="20" customWidth="1"/></cols><sheetData>' in first
    assert book.read("xl/worksheets/sheet2.xml").count(b"<row>") == 501
    assert b'name="Guests  all 2"' in book.read("xl/workbook.xml")


@pytest.mark.django_db
def test_cells_are_separated_as_a_spreadsheet_in_that_language_expects() -> None:
    with translation.override("nl"):
        dutch = exported(Export(Filter(), SYSTEM, make.NOW))

    assert dutch.decode("utf-8-sig").startswith("ID;")
    assert exported(Export(Filter(), SYSTEM, make.NOW)).decode("utf-8-sig").startswith("ID,")


@pytest.mark.django_db
def test_export_has_what_the_grid_shows_and_the_names() -> None:
    emma = make.customer(email="emma@example.com")
    made = make.sent_invitation(emma, address="=Noor@example.com")
    boss = make.actor()
    make.staff_invitation(emma.store_view, address="Zoë <zoe@example.com>", keep=True, actor=boss)

    staffs, friends = rows(Export(Filter(), SYSTEM, make.NOW.astimezone(ZONE)))

    assert friends["ID"] == str(made.pk)
    assert friends["Email"] == "'=Noor@example.com"
    assert (friends["Inviter"], friends["Inviter's email"]) == ("Emma Clarke", "emma@example.com")
    assert friends["Sent (Europe/Amsterdam)"] == f"{make.NOW.astimezone(ZONE):%Y-%m-%d %H:%M:%S}"
    assert (staffs["Name"], staffs["Status"], staffs["Inviter"]) == ("Zoë", "Not Sent", "Emma Clarke")


@pytest.mark.django_db
def test_export_has_only_websites_where_one_may_export_when_ids_are_of_others(caplog) -> None:
    here, there = make.store_view(), make.store_view(make.website("attic"))
    mine, foreign = make.staff_invitation(here), make.staff_invitation(there)
    actor = make.actor(here.website, role="marketing")

    with caplog.at_level(logging.INFO, "guestlist.invitations.exports"):
        found = rows(Export(Filter(), actor, make.NOW, [mine.pk, foreign.pk]))

    assert [one["ID"] for one in found] == [str(mine.pk)]
    assert f"actor={actor} rows=1 format=csv filter: selected=2" in caplog.text
    caplog.clear()
    with caplog.at_level(logging.INFO, "guestlist.invitations.exports"):
        rows(Export(Filter(email="jan.jansen", inviter=12), actor, make.NOW))
    assert "filter: email=… inviter=…" in caplog.text
    with pytest.raises(NotPermitted):
        exports.export(what=Export(Filter(), make.actor(here.website, role="support"), make.NOW), kind="csv")


@pytest.mark.django_db
def test_export_goes_through_all_when_they_are_many(monkeypatch, django_assert_max_num_queries) -> None:
    monkeypatch.setattr(exports, "_AT_ONCE", 3)
    monkeypatch.setattr(exports, "_STEP", 4)
    monkeypatch.setattr(exports, "GATHERED", 2)
    view = make.store_view()
    made = [make.staff_invitation(view, keep=bool(number % 3)).pk for number in range(11)]
    what = Export(Filter(status="not_sent"), make.actor(view.website), make.NOW)

    assert [one["ID"] for one in rows(what)] == [str(pk) for pk in reversed(made)]
    with django_assert_max_num_queries(30):
        assert exported(Export(Filter(delivery="queued"), SYSTEM, make.NOW)).count(b"\r\n") == 5


def test_names_are_given_before_the_first_row_is_found() -> None:
    def looked_for(number):
        yield [1 // number]

    for pieces in (
        spreadsheets.csv_file(["ID"], looked_for(0)),
        spreadsheets.xlsx_file(["ID"], looked_for(0), title="Invitations"),
    ):
        assert next(pieces)
        with pytest.raises(ZeroDivisionError):
            next(pieces)


@pytest.mark.django_db
def test_workbook_is_refused_when_a_sheet_cannot_have_all(monkeypatch) -> None:
    monkeypatch.setattr(spreadsheets, "SHEET_ROWS", 2)
    view = make.store_view()
    make.staff_invitation(view), make.staff_invitation(view)

    with pytest.raises(exports.TooManyForWorkbook):
        exports.export(what=Export(Filter(), SYSTEM, make.NOW), kind="xlsx")
