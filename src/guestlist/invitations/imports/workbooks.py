"""XLSX as rows of text (ECMA-376), read as it comes: a workbook of a million rows needs little more memory than a small one.

Why not a library: docs/decisions/0017.
"""

from __future__ import annotations

import posixpath
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast
from xml.parsers import expat

from django.utils.translation import gettext_lazy as _

from guestlist.invitations.imports.files import EmptyFile, FileTooLarge, ProtectedWorkbook, UnusableFile
from guestlist.invitations.imports.worksheets import Book, Links, Reading, Sheet, Strings, Styles

if TYPE_CHECKING:
    from typing import BinaryIO

MAX_UNPACKED = 700 * 1024 * 1024
"""Bytes of XML that are read; a million rows of eight columns have half of that."""
MAX_PARTS = 5_000
_MAX_DIRECTORY = 2 * 1024 * 1024
"""Bytes of the list of parts, which is read whole before anything in it can be looked at."""
_MAX_LINKS, _MAX_STYLES = 1024 * 1024, 8 * 1024 * 1024
"""Bytes of the parts that are kept whole: the list of sheets and the links; the styles."""
MAX_SHEETS = 200
_MAX_TAG = 1024 * 1024
"""Bytes of XML without an end: a tag or a comment is held whole until it has one."""
_AT_ONCE = 32 * 1024
"""Bytes of XML whose rows are held at a time: in each twenty of them there can be a text of thousands."""
_ENCRYPTED = 0x1
_WAYS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""How parts may be packed: those that Excel knows, and of which no more is unpacked than is asked for."""
_DAMAGED = (
    expat.ExpatError,
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    OSError,
    EOFError,
    LookupError,  # an encoding that there is none of, as well
    ValueError,
    ArithmeticError,
    NotImplementedError,
)


class UnknownSheet(UnusableFile):
    """The workbook has no visible sheet of this name."""

    code = "unknown_sheet"
    message = _("There is no sheet “%(name)s” in this file. It has these: %(sheets)s.")


@dataclass(frozen=True, slots=True)
class Worksheet:
    """A visible sheet of a workbook: its name, those of all, and its rows with their numbers, which rise."""

    name: str
    names: list[str]
    rows: Iterator[list[tuple[int, list[str]]]]
    """Some at a time, at times none."""


def opened(
    file: BinaryIO, *, sheet: str = "", most: int = 0, beat: Callable[[], None] = lambda: None
) -> Worksheet:
    """Return a visible sheet of a workbook, by its name or the first one.

    ``most`` is how many bytes are read of it and of its texts, 0 is all; ``beat`` is called again and again, also while
    there are no rows for long.

    :raises UnusableFile: when it is none, is damaged or unpacks to more than a table has, now or while it is read.
    :raises UnknownSheet: when it has no such sheet.
    """
    archive = _Archive(file, beat)
    top = archive.links("")
    book_path = next((path for kind, path in top.values() if kind == "officeDocument"), "xl/workbook.xml")
    links, book = archive.links(book_path), Book()
    archive.whole(book_path, book, _MAX_LINKS)
    if not book.sheets:
        raise EmptyFile
    names = [_shown(name) for name, _link in book.sheets[:MAX_SHEETS]]
    if sheet and sheet not in names:
        raise UnknownSheet(name=sheet, sheets=", ".join(names))
    name, link = book.sheets[names.index(sheet) if sheet else 0]
    by_kind = dict(links.values())
    path = links.get(link, ("", ""))[1]
    if path not in archive.infos:
        raise UnusableFile
    styles, strings = Styles(), Strings()
    if by_kind.get("styles") in archive.infos:
        archive.whole(by_kind["styles"], styles, _MAX_STYLES)
    texts = by_kind.get("sharedStrings", "")
    # A part is never read beyond the size that the archive says it has.
    archive.require_small([path, texts], MAX_UNPACKED)
    if texts in archive.infos:
        strings.source = archive.read(texts, strings, most)
        strings.is_cut = 0 < most < archive.infos[texts].file_size
    return Worksheet(
        _shown(name), names, _rows(archive, path, Sheet(strings, styles.are_dates, book.since), most)
    )


def _shown(name: str) -> str:
    return " ".join(name.split())[:60]


def _rows(archive: _Archive, path: str, sheet: Sheet, most: int) -> Iterator[list[tuple[int, list[str]]]]:
    for _piece in archive.read(path, sheet, most):
        rows, sheet.rows = sheet.rows, []
        yield rows


class _Modest:
    """A file of which little is read at once, whatever its own directory says that there is."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.seek, self.tell, self.seekable = file.seek, file.tell, lambda: True

    def read(self, size: int = -1) -> bytes:
        if size > _MAX_DIRECTORY:
            raise UnusableFile
        return self.file.read(size)


class _Archive:
    """The parts of a workbook by their names."""

    def __init__(self, file: BinaryIO, beat: Callable[[], None]) -> None:
        """Read which there are.

        :raises UnusableFile: when it is no archive of a workbook.
        """
        self.beat = beat
        try:
            self.archive = zipfile.ZipFile(cast("BinaryIO", _Modest(file)))
        except _DAMAGED as error:
            raise UnusableFile from error
        self.infos = {one.filename: one for one in self.archive.infolist()}
        if len(self.infos) > MAX_PARTS or not {"xl/workbook.xml", "_rels/.rels"} & set(self.infos):
            raise UnusableFile
        if any(one.flag_bits & _ENCRYPTED for one in self.infos.values()):
            raise ProtectedWorkbook

    def links(self, path: str) -> dict[str, tuple[str, str]]:
        """Return which parts the ids in a part stand for, each with its kind."""
        folder, _slash, name = path.rpartition("/")
        links = Links(folder)
        where = posixpath.join(folder, "_rels", f"{name}.rels")
        if where in self.infos:
            self.whole(where, links, _MAX_LINKS)
        return links.targets

    def require_small(self, names: list[str], most: int) -> None:
        """Refuse to read parts that are larger than that together.

        :raises FileTooLarge: when they are.
        """
        if sum(self.infos[one].file_size for one in names if one in self.infos) > most:
            raise FileTooLarge(megabytes=most // 1024**2)

    def whole(self, name: str, reading: Reading, most: int) -> None:
        """Read all of a part, which is to be that small."""
        self.require_small([name], most)
        for _piece in self.read(name, reading):
            pass

    def read(self, name: str, reading: Reading, most: int = 0) -> Iterator[None]:
        """Read a part, or its first bytes, and come back after each piece of it.

        :raises UnusableFile: when it is damaged.
        """
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = lambda tag, found: _begin(parser, reading, tag, found)
        parser.CharacterDataHandler = reading.text
        parser.StartDoctypeDeclHandler = _refuse  # no workbook has one; those that do want entities to grow
        left, given = most, 0
        try:
            if self.archive.getinfo(name).compress_type not in _WAYS:
                raise UnusableFile
            with self.archive.open(name) as part:
                while piece := part.read(_AT_ONCE):
                    parser.Parse(piece, False)  # noqa: FBT003 - expat's own
                    given += len(piece)
                    if given - parser.CurrentByteIndex > _MAX_TAG:
                        raise UnusableFile
                    yield
                    self.beat()
                    left -= len(piece)
                    if most and left <= 0:
                        return
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
