"""What the parts of a workbook say (ECMA-376): its links, sheets, styles, shared texts, and the rows of a sheet."""

from __future__ import annotations

import datetime
import posixpath
import re
from array import array
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from guestlist.invitations.imports.files import (
    MAX_COLUMNS,
    MAX_ROWS,
    FileTooLarge,
    TooManyColumns,
    TooManyRows,
    UnusableFile,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_MAX_CELL = 8_000
"""Characters of a cell that are read, far more than any field takes: one text may stand in millions of cells."""
_MAX_DEPTH = 64
"""Elements within each other; a sheet has a dozen."""
_MAX_TEXT = 256 * 1024 * 1024
"""Bytes of all shared texts."""
_MAX_FORMAT = 255
"""Characters of a format of numbers, as Excel has it; a long one of brackets alone takes minutes to look through."""
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_REFERENCE = re.compile(r"([A-Z]{1,3})")
_DATES = {*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)}
"""The built-in formats of numbers that show a day or a time (ECMA-376, part 1, 18.8.30)."""
# What is not closed goes on to the end: else each of 255 brackets is looked for the end of.
_OF_DATES = re.compile(r"(?:\"[^\"]*(?:\"|$)|\\.|\[[^\]]*(?:\]|$)|_.|\*.)|([ymdhs])", re.IGNORECASE)
_SINCE_1900, _SINCE_1904 = datetime.datetime(1899, 12, 30), datetime.datetime(1904, 1, 1)  # noqa: DTZ001 - no zone
_LAST_DAY = 2_958_466
_NO_LEAP_DAY = 60
"""The day that spreadsheets have in 1900 and the calendar has not: those before it are one further."""
_WHOLE = 1e15


class Reading:
    """Hears what a part of the workbook says; the names of elements come without their prefix."""

    depth = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:  # noqa: ARG002 - for those who ask
        """An element begins.

        :raises UnusableFile: when it stands within more of them than a workbook has.
        """
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise UnusableFile

    def end(self, name: str) -> None:  # noqa: ARG002
        """An element ends."""
        self.depth -= 1

    def text(self, data: str) -> None:
        """There are characters."""


@dataclass
class Links(Reading):
    """Which part each id stands for, and of which kind it is."""

    base: str
    targets: dict[str, tuple[str, str]] = field(default_factory=dict)

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Hear of an element."""
        super().start(name, attributes)
        if name == "Relationship":
            target = attributes.get("Target", "")
            path = (
                target.lstrip("/") if target.startswith("/") else posixpath.normpath(f"{self.base}/{target}")
            )
            self.targets[attributes.get("Id", "")] = (
                attributes.get("Type", "").rpartition("/")[2],
                path.lstrip("/"),
            )


@dataclass
class Book(Reading):
    """The sheets in their order, and from which day days are counted."""

    sheets: list[tuple[str, str]] = field(default_factory=list)
    since: datetime.datetime = _SINCE_1900

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Hear of an element."""
        super().start(name, attributes)
        if name == "sheet" and attributes.get("state", "visible") == "visible":
            link = next((value for key, value in attributes.items() if key.rpartition(":")[2] == "id"), "")
            self.sheets.append((attributes.get("name", ""), link))
        elif name == "workbookPr" and attributes.get("date1904") in {"1", "true"}:
            self.since = _SINCE_1904


@dataclass
class Styles(Reading):
    """Which styles of cells show a day or a time."""

    formats: dict[str, bool] = field(default_factory=dict)
    are_dates: list[bool] = field(default_factory=list)
    inside: bool = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Hear of an element."""
        super().start(name, attributes)
        if name == "numFmt":
            code = attributes.get("formatCode", "")[:_MAX_FORMAT]
            self.formats[attributes.get("numFmtId", "")] = any(one[1] for one in _OF_DATES.finditer(code))
        elif name == "cellXfs":
            self.inside = True
        elif name == "xf" and self.inside:
            number = attributes.get("numFmtId", "0")
            self.are_dates.append(self.formats.get(number, number.isdigit() and int(number) in _DATES))

    def end(self, name: str) -> None:
        """Come to the end of one."""
        super().end(name)
        if name == "cellXfs":
            self.inside = False


class Strings(Reading):
    """The texts that cells name by number, one behind the other: a million of them as objects would be 100 MB.

    Read as far as somebody asks: cells name them in the order that they stand in, as a rule.
    """

    def __init__(self) -> None:
        self.packed = bytearray()
        self.ends = array("Q", [0])
        self.pieces: list[str] = []
        self.length = 0
        self.is_text = self.is_reading_aid = False
        self.source: Iterator[None] = iter(())
        """Reads on with each step; they are all there when it ends."""
        self.is_cut = False
        """Whether it ends before all of them are there."""

    def start(self, name: str, attributes: dict[str, str]) -> None:  # noqa: ARG002 - as Reading
        """Hear of an element."""
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise UnusableFile
        if name == "si":
            self.pieces, self.length = [], 0
        elif name == "rPh":
            self.is_reading_aid = True
        elif name == "t":
            self.is_text = not self.is_reading_aid

    def end(self, name: str) -> None:
        """Come to the end of one."""
        self.depth -= 1
        if name == "t":
            self.is_text = False
        elif name == "rPh":
            self.is_reading_aid = False
        elif name == "si":
            self.packed += _cell("".join(self.pieces)).encode("utf-8", "replace")
            self.ends.append(len(self.packed))
            if len(self.packed) > _MAX_TEXT:
                raise FileTooLarge(megabytes=_MAX_TEXT // 1024**2)

    def text(self, data: str) -> None:
        """Keep what stands in one, as far as any cell is read."""
        if self.is_text and self.length <= _MAX_CELL:
            self.length += len(data)
            self.pieces.append(data)

    def at(self, text: str) -> str:
        """Return the text with this number; a sign where only the beginning is read and it stands behind that.

        :raises UnusableFile: when there is none.
        """
        if not text.isdecimal():
            raise UnusableFile
        number = int(text)
        while number >= len(self.ends) - 1:
            try:
                next(self.source)
            except StopIteration:
                if self.is_cut:
                    return "…"
                raise UnusableFile from None
        return self.packed[self.ends[number] : self.ends[number + 1]].decode()


class Sheet(Reading):
    """The rows of a sheet, each with its number."""

    def __init__(self, strings: Strings, are_dates: list[bool], since: datetime.datetime) -> None:
        self.strings, self.are_dates, self.since = strings, are_dates, since
        self.rows: list[tuple[int, list[str]]] = []
        self.number = self.column = self.length = 0
        self.cells: list[str] = []
        self.kind = self.style = ""
        self.pieces: list[str] = []
        self.is_text = self.is_reading_aid = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Hear of an element."""
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise UnusableFile
        if name == "c":
            self.column = _column(attributes["r"]) if "r" in attributes else len(self.cells)
            if self.column >= MAX_COLUMNS:
                raise TooManyColumns(columns=MAX_COLUMNS)
            self.kind, self.style = attributes.get("t", "n"), attributes.get("s", "")
            self.pieces, self.length = [], 0
        elif name == "row":
            said = attributes.get("r", "")
            self.number = max(int(said), self.number + 1) if said.isdigit() else self.number + 1
            self.cells = []
            if self.number > MAX_ROWS:
                raise TooManyRows(rows=f"{MAX_ROWS:,}")
        elif name == "rPh":
            self.is_reading_aid = True
        elif name in {"v", "t"}:
            self.is_text = not self.is_reading_aid

    def end(self, name: str) -> None:
        """Come to the end of one."""
        self.depth -= 1
        if name in {"v", "t"}:
            self.is_text = False
        elif name == "c":
            # An empty one has its place too: where no references stand, those after it are counted from it.
            self.cells += [""] * (self.column - len(self.cells))
            self.cells[self.column :] = [self._value("".join(self.pieces)) if self.pieces else ""]
        elif name == "row":
            self.rows.append((self.number, self.cells))
        elif name == "rPh":
            self.is_reading_aid = False

    def text(self, data: str) -> None:
        """Keep what stands in one, as far as any cell is read."""
        if self.is_text and self.length <= _MAX_CELL:
            self.length += len(data)
            self.pieces.append(data)

    def _value(self, text: str) -> str:
        if self.kind == "s":
            return self.strings.at(text.strip())
        if self.kind in {"str", "inlineStr", "e"}:
            return _cell(text)
        if self.kind == "b":
            return "TRUE" if text.strip() == "1" else "FALSE"
        return self._number(text.strip())

    def _number(self, text: str) -> str:
        try:
            number = float(text)
        except ValueError:
            return _cell(text)  # a day in ISO 8601 is one of its own kind
        style = int(self.style) if self.style.isdigit() else 0
        if style < len(self.are_dates) and self.are_dates[style] and 0 <= number < _LAST_DAY:
            with suppress(OverflowError):
                return self._moment(number)
        return str(int(number)) if abs(number) < _WHOLE and number.is_integer() else repr(number)

    def _moment(self, number: float) -> str:
        if self.since == _SINCE_1900 and 1 <= number < _NO_LEAP_DAY:
            number += 1
        moment = self.since + datetime.timedelta(seconds=round(number * 86_400))
        if number < 1:
            return f"{moment:%H:%M:%S}"
        return f"{moment:%Y-%m-%d}" if number.is_integer() else f"{moment:%Y-%m-%d %H:%M:%S}"


def _column(reference: str) -> int:
    found = _REFERENCE.match(reference)
    if found is None:
        raise UnusableFile
    number = 0
    for letter in found[1]:
        number = number * 26 + ord(letter) - 64
    return number - 1


def _cell(text: str) -> str:
    """Return what a cell shows; of more than any field takes the beginning, and a sign that there is more."""
    text = _unescaped(text)
    return text if len(text) <= _MAX_CELL else f"{text[:_MAX_CELL]}…"


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text) if "_x" in text else text
