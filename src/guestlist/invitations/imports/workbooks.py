"""XLSX as rows of text (ECMA-376), read as it comes: a workbook of a million rows needs little more memory than a small one.

Why not a library: docs/decisions/0017.
"""

from __future__ import annotations

import posixpath
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.parsers import expat

from guestlist.invitations.imports.files import EmptyFile, FileTooLarge, ProtectedWorkbook, UnusableFile
from guestlist.invitations.imports.worksheets import Book, Links, Reading, Sheet, Strings, Styles

if TYPE_CHECKING:
    from typing import BinaryIO

MAX_UNPACKED = 700 * 1024 * 1024
"""Bytes of XML that are read; a million rows of eight columns have half of that."""
MAX_PARTS = 5_000
_AT_ONCE = 256 * 1024
_ENCRYPTED = 0x1
_DAMAGED = (
    expat.ExpatError,
    zipfile.BadZipFile,
    zlib.error,
    OSError,
    EOFError,
    KeyError,
    ValueError,
    NotImplementedError,
)


@dataclass(frozen=True, slots=True)
class Worksheet:
    """The first visible sheet of a workbook: its name, and its rows with their numbers, which rise."""

    name: str
    rows: Iterator[tuple[int, list[str]]]


def opened(file: BinaryIO) -> Worksheet:
    """Return the first visible sheet of a workbook.

    :raises UnusableFile: when it is none, is damaged or unpacks to more than a table has, now or while it is read.
    """
    try:
        archive = zipfile.ZipFile(file)
    except _DAMAGED as error:
        raise UnusableFile from error
    infos = {one.filename: one for one in archive.infolist()}
    if len(infos) > MAX_PARTS or ("xl/workbook.xml" not in infos and "_rels/.rels" not in infos):
        raise UnusableFile
    if any(one.flag_bits & _ENCRYPTED for one in infos.values()):
        raise ProtectedWorkbook
    top = _links(archive, infos, "")
    book_path = next((path for kind, path in top.values() if kind == "officeDocument"), "xl/workbook.xml")
    links = _links(archive, infos, book_path)
    book, styles, strings = Book(), Styles(), Strings()
    _require_small(infos, [book_path])
    _whole(archive, book_path, book)
    if not book.sheets:
        raise EmptyFile
    name, link = book.sheets[0]
    sheet_path = links.get(link, ("", ""))[1]
    by_kind = dict(links.values())
    used = [
        path for path in (sheet_path, by_kind.get("styles"), by_kind.get("sharedStrings")) if path in infos
    ]
    if sheet_path not in infos:
        raise UnusableFile
    # A part is never read beyond the size that the archive says it has.
    _require_small(infos, used)
    readings: list[tuple[str, Reading]] = [("styles", styles), ("sharedStrings", strings)]
    for kind, reading in readings:
        if by_kind.get(kind) in infos:
            _whole(archive, by_kind[kind], reading)
    return Worksheet(name[:60], _rows(archive, sheet_path, Sheet(strings, styles.are_dates, book.since)))


def _rows(archive: zipfile.ZipFile, path: str, sheet: Sheet) -> Iterator[tuple[int, list[str]]]:
    for _piece in _read(archive, path, sheet):
        rows, sheet.rows = sheet.rows, []
        yield from rows


def _links(
    archive: zipfile.ZipFile, infos: dict[str, zipfile.ZipInfo], path: str
) -> dict[str, tuple[str, str]]:
    folder, _slash, name = path.rpartition("/")
    links = Links(folder)
    where = posixpath.join(folder, "_rels", f"{name}.rels")
    if where in infos:
        _require_small(infos, [where])
        _whole(archive, where, links)
    return links.targets


def _require_small(infos: dict[str, zipfile.ZipInfo], names: list[str]) -> None:
    if sum(infos[one].file_size for one in names if one in infos) > MAX_UNPACKED:
        raise FileTooLarge(megabytes=MAX_UNPACKED // 1024**2)


def _read(archive: zipfile.ZipFile, name: str, reading: Reading) -> Iterator[None]:
    """Read a part, and come back after each piece of it.

    :raises UnusableFile: when it is damaged.
    """
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = lambda tag, found: _begin(parser, reading, tag, found)
    parser.CharacterDataHandler = reading.text
    parser.StartDoctypeDeclHandler = _refuse  # no workbook has one; those that do want entities to grow
    try:
        with archive.open(name) as part:
            while piece := part.read(_AT_ONCE):
                parser.Parse(piece, False)  # noqa: FBT003 - expat's own
                yield
            parser.Parse(b"", True)  # noqa: FBT003
            yield
    except _DAMAGED as error:
        raise UnusableFile from error


def _begin(parser: expat.XMLParserType, reading: Reading, tag: str, found: dict[str, str]) -> None:
    """Hear of the first element: few workbooks have prefixes, so the others need not look for one at each."""
    if ":" in tag:
        parser.StartElementHandler = lambda tag, found: reading.start(tag.rpartition(":")[2], found)
        parser.EndElementHandler = lambda tag: reading.end(tag.rpartition(":")[2])
    else:
        parser.StartElementHandler, parser.EndElementHandler = reading.start, reading.end
    reading.start(tag.rpartition(":")[2], found)


def _refuse(*_declaration: object) -> None:
    raise UnusableFile


def _whole(archive: zipfile.ZipFile, name: str, reading: Reading) -> None:
    for _piece in _read(archive, name, reading):
        pass
