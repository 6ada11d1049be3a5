"""The records of a CSV file, each by itself whatever is wrong with the one before, and from any place on."""

from __future__ import annotations

import csv
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from guestlist.invitations.models import ImportPart
from guestlist.invitations.models.imports import PART

if TYPE_CHECKING:
    from collections.abc import Iterator

    type _Line = tuple[bytes, int]
    """The beginning of a line, and how many bytes all of it has."""

UNREADABLE, UNCLOSED, TOO_LONG, TOO_MANY_CELLS = (
    "undecodable",
    "unclosed_quote",
    "row_too_long",
    "too_many_cells",
)
"""What is wrong with a record that cannot be used, by the verdict that it gets."""
_LONGEST = 128 * 1024
"""Characters of a record that are read; longer ones are refused."""
EFFORT = 4 * 1024 * 1024
"""Bytes that are read for a piece of records: as many as some ten thousand people have."""
_LINE = 64
"""Bytes that a line counts for besides its own: to go on to the next one takes as long as to read so many."""
_MOST_LINES = 100
"""Lines of a record: more are a quotation mark that nobody closed."""


@dataclass(frozen=True, slots=True)
class Record:
    """A row as a spreadsheet shows it: its number, its cells, and why it cannot be used, if so."""

    number: int
    cells: list[str]
    problem: str = ""


@dataclass(slots=True)
class Place:
    """Where a record begins: the byte, and the number of the record before it."""

    byte: int = 0
    number: int = 0


class _TooMuchError(Exception):
    """A record has no end within what is read of one."""


class Records:
    """Goes through the records of the kept bytes of a file, and knows where the next one begins."""

    def __init__(
        self,
        pieces: Iterator[bytes],
        *,
        encoding: str,
        delimiter: str,
        width: int = 0,
        place: Place | None = None,
    ) -> None:
        """Begin at a place; ``width`` is how many columns the file has, 0 while nobody knows."""
        begin = place or Place()
        self.number, self.byte, self.width = begin.number, begin.byte, width
        self.effort = 0
        """Bytes that were read, those that were read anew each time that they were."""
        self._encoding, self._delimiter = encoding, delimiter
        self._source = _lines(pieces)
        self._again: deque[_Line] = deque()
        self._taken: list[_Line] = []
        self._length = 0
        self._is_broken = False
        self._reader = self._begun()

    @property
    def place(self) -> Place:
        """Where the next record begins."""
        return Place(self.byte, self.number)

    def __iter__(self) -> Iterator[Record]:
        while (record := self._next()) is not None:
            yield record

    def some(self, most: int) -> list[Record]:
        """Return the next records: so many, or fewer where they take more reading than records do."""
        end, found = self.effort + EFFORT, []
        for record in self:
            found.append(record)
            if len(found) >= most or self.effort > end:
                break
        return found

    def _begun(self) -> Iterator[list[str]]:
        return csv.reader(self._texts(), delimiter=self._delimiter)

    def _texts(self) -> Iterator[str]:
        """Yield the lines of the record that is read, decoded."""
        while True:
            line = self._again.popleft() if self._again else next(self._source, None)
            if line is None:
                return
            self._taken.append(line)
            self._length += len(line[0])
            self.effort += len(line[0]) + _LINE
            if self._length > _LONGEST or len(self._taken) > _MOST_LINES:
                raise _TooMuchError
            try:
                text = line[0].decode(self._encoding)
            except UnicodeDecodeError:
                self._is_broken = True
                text = line[0].decode(self._encoding, "replace")
            if "\x00" in text:
                self._is_broken = True
            yield text

    def _next(self) -> Record | None:
        self._taken, self._length, self._is_broken = [], 0, False
        try:
            cells = next(self._reader, None)
        except (csv.Error, _TooMuchError):
            return self._given_up()
        if cells is None:
            return None
        if len(self._taken) > 1 and self._is_doubtful(cells):
            return self._given_up()
        self.number += 1
        self.byte += sum([length for _line, length in self._taken])
        if self.width and len(cells) > self.width + 1:
            # A hundred thousand of them would be ten times as large as their text.
            cells[self.width :] = [" ".join(cells[self.width :])]
        if self._is_broken:
            return Record(self.number, cells, UNREADABLE)
        if self.width and len(cells) > self.width and any(one.strip() for one in cells[self.width :]):
            return Record(self.number, cells, TOO_MANY_CELLS)
        return Record(self.number, cells)

    def _is_doubtful(self, cells: list[str]) -> bool:
        """Tell whether a record of several lines is none: its quotation mark is closed nowhere, or in another row."""
        if sum(line.count(b'"') for line, _length in self._taken) % 2:
            return True
        return bool(self.width) and len(cells) != self.width

    def _given_up(self) -> Record:
        """Refuse the first line of what was read, and read the others anew."""
        (first, length), *rest = self._taken
        self._again.extendleft(reversed(rest))
        self._reader = self._begun()
        self.number += 1
        self.byte += length
        problem = TOO_LONG if len(first) > _LONGEST else UNCLOSED
        text = first[:_LONGEST].decode(self._encoding, "replace").strip("\r\n")
        # A carriage return within a line is what the reader stops at, too.
        text = text.replace('"', "").replace("\r", " ")
        cells = next(csv.reader([text], delimiter=self._delimiter), [])
        return Record(self.number, cells, problem)


def _lines(pieces: Iterator[bytes]) -> Iterator[_Line]:
    """Yield the lines of a file with their line feeds, each with its length; of an endless one only the beginning."""
    held, lost = b"", 0
    for piece in pieces:
        *whole, held = (held + piece).split(b"\n")
        for one in whole:
            yield one[: _LONGEST + 1] + b"\n", len(one) + 1 + lost
            lost = 0
        if len(held) > _LONGEST + 1:
            lost += len(held) - _LONGEST - 1
            held = held[: _LONGEST + 1]
    if held:
        yield held, len(held) + lost


def stored(file_id: int, start: int = 0) -> Iterator[bytes]:
    """Yield the kept bytes of a file from a place on, part by part."""
    number, within = divmod(start, PART)
    while True:
        part = ImportPart.objects.filter(file=file_id, number=number).values_list("data", flat=True).first()
        if part is None:
            return
        yield bytes(part[within:])
        number, within = number + 1, 0
