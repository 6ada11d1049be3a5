"""Workbooks as they are kept until a worker reads them, and how their sheets become lines of text."""

from __future__ import annotations

import csv
import io
from collections import OrderedDict
from itertools import chain
from typing import TYPE_CHECKING

from guestlist.invitations.imports import files
from guestlist.invitations.imports.files import FileTooLarge
from guestlist.invitations.imports.records import EFFORT
from guestlist.invitations.models import ImportPart
from guestlist.invitations.models.imports import PART

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    type Rows = list[tuple[int, list[str]]]

AT_ONCE = 32 * 1024
"""Bytes of a workbook that are read at a time."""
_HELD = 4
"""Parts in memory: the sheet and its texts are read side by side."""


class Kept(io.RawIOBase):
    """The bytes of a workbook that is kept, read where somebody looks; its parts have the numbers from -1 down."""

    def __init__(self, file_id: int, size: int) -> None:
        """Begin at the first byte."""
        self.file_id, self.size, self.place = file_id, size, 0
        self._parts: OrderedDict[int, bytes] = OrderedDict()

    def readable(self) -> bool:
        """Whether it can be read."""
        return True

    def seekable(self) -> bool:
        """Whether any byte can be gone to."""
        return True

    def tell(self) -> int:
        """Return the next byte's number."""
        return self.place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a byte.

        :raises ValueError: when it would be before the first one.
        """
        place = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self.place, io.SEEK_END: self.size}[whence]
        if place < 0:
            raise ValueError
        self.place = place
        return place

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Read on into a buffer, to the end of a part at most."""
        number, within = divmod(self.place, PART)
        data = self._part(number)[within : within + len(buffer)]
        buffer[: len(data)] = data
        self.place += len(data)
        return len(data)

    def _part(self, number: int) -> bytes:
        if number not in self._parts:
            parts = ImportPart.objects.filter(file=self.file_id, number=-1 - number)
            self._parts[number] = bytes(parts.values_list("data", flat=True).first() or b"")
            if len(self._parts) > _HELD:
                self._parts.popitem(last=False)
        self._parts.move_to_end(number)
        return self._parts[number]


def as_lines(pieces: Iterable[Rows], lines: files.Lines) -> Iterator[bytes]:
    """Yield a sheet's rows as CSV; a row that is not there is an empty line, so that the numbers stay those of the sheet.

    :raises FileTooLarge: when it comes to more than a file may have.
    """
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    for rows in pieces:
        for number, cells in rows:
            buffer.write("\n" * (number - lines.lines - 1))
            lines.lines = number
            writer.writerow(cells)
            if buffer.tell() > PART:
                yield _taken(buffer, lines)
    yield _taken(buffer, lines)


def _taken(buffer: io.StringIO, lines: files.Lines) -> bytes:
    data = buffer.getvalue().encode("utf-8", "replace")
    buffer.seek(0)
    buffer.truncate()
    lines.size += len(data)
    if lines.size > files.MAX_BYTES:
        raise FileTooLarge(megabytes=files.MAX_BYTES // 1024**2)
    return data


def beginning(pieces: Iterable[Rows], *, most: int) -> Iterator[Rows]:
    """Yield the first rows, until so many have something in them, or they come to more than anybody looks at."""
    filled = length = 0
    for looked_at, row in enumerate(chain.from_iterable(pieces), start=1):
        yield [row]
        filled += any(cell.strip() for cell in row[1])
        length += sum(map(len, row[1]))
        if filled >= most or looked_at >= files.MAX_BEGINNING or length > EFFORT:
            return


def parts(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Cut bytes into parts of the same size, the last one apart."""
    held = bytearray()
    for piece in pieces:
        held += piece
        while len(held) >= PART:
            yield bytes(held[:PART])
            del held[:PART]
    if held:
        yield bytes(held)
