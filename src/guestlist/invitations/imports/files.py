"""A file as somebody brings it: whether it is a table at all, in which encoding, and its lines as they are kept."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from guestlist.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

MAX_BYTES = 200 * 1024 * 1024
MAX_ROWS = 2_000_000
MAX_COLUMNS = 100
MAX_BEGINNING = 20_000
"""Rows that are gone through while somebody waits, until enough have something in them."""
UTF_8, WINDOWS = "utf-8", "cp1252"
ENCODINGS = {UTF_8: "UTF-8", WINDOWS: "Windows-1252"}
"""What the lines of a kept file can be in, each with its name; UTF-16 and workbooks are kept as UTF-8."""

_SAMPLE = 64 * 1024
_AT_ONCE = 256 * 1024
_ZIP, _COMPOUND = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_PAGE = re.compile(rb"\s*<(!doctype|html|head|body|table|\?xml|script|svg)\b", re.IGNORECASE)
_BINARY = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_MOST_BINARY = 0.001
_HINT = re.compile(rb"\A\"?sep=.\"?\r?\n", re.IGNORECASE)


class UnusableFile(Refusal):
    """A file that people cannot be imported from, whatever is chosen."""

    code = "unusable_file"
    message = _("This file cannot be read. Save the table as CSV (UTF-8) or as .xlsx, and choose that file.")


class EmptyFile(UnusableFile):
    """No row at all."""

    code = "empty_file"
    message = _("This file is empty. Choose one that has a row for each person.")


class FileTooLarge(UnusableFile):
    """More than is taken at once."""

    code = "file_too_large"
    message = _(
        "This file is larger than %(megabytes)s MB. Split it, and import the parts one after another."
    )


class TooManyRows(UnusableFile):
    """More rows than are taken at once."""

    code = "too_many_rows"
    message = _("This file has more than %(rows)s rows. Split it, and import the parts one after another.")


class TooManyColumns(UnusableFile):
    """More columns than any list of people has."""

    code = "too_many_columns"
    message = _(
        "This file has more than %(columns)s columns. Keep those that an invitation needs, and save it anew."
    )


class ProtectedWorkbook(UnusableFile):
    """Encrypted, or in the format before 2007: both begin alike."""

    code = "protected_workbook"
    message = _(
        "This workbook has a password or is in the old .xls format. Save it as .xlsx without a password, or as CSV."
    )


class WebPage(UnusableFile):
    """A page that was saved under the name of a table."""

    code = "web_page"
    message = _(
        "This is a web page, whatever its name says. Open it in a spreadsheet, and save it as .xlsx or CSV."
    )


class NotText(UnusableFile):
    """A picture, a document, or something else that has no lines."""

    code = "not_text"
    message = _(
        "This is no table, whatever its name says. Save the table as CSV (UTF-8) or as .xlsx, and choose that."
    )


@dataclass(slots=True)
class Lines:
    """The bytes of a file as they are kept, and what was found on the way; read ``bytes`` to the end first."""

    bytes: Iterator[bytes]
    size: int = 0
    lines: int = 0
    encoding: str = UTF_8


def is_workbook(file: BinaryIO) -> bool:
    """Tell whether a file is a zip archive, as workbooks are.

    :raises ProtectedWorkbook: when it is one that cannot be opened.
    """
    file.seek(0)
    beginning = file.read(len(_COMPOUND))
    file.seek(0)
    if beginning == _COMPOUND:
        raise ProtectedWorkbook
    return beginning.startswith(_ZIP)


def opened(file: BinaryIO) -> Lines:
    """Return the lines of a text file, in an ASCII-compatible encoding and with line feeds at their ends.

    :raises UnusableFile: when it is no text, now or while it is read.
    """
    file.seek(0)
    sample = file.read(_SAMPLE)
    file.seek(0)
    if not sample.strip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n"):
        raise EmptyFile
    wide = _wide(sample)
    if wide is None:
        _require_text(sample)
    lines = Lines(iter(()))
    decoded = _transcoded(file, wide) if wide else _read(file)
    lines.bytes = _counted(_with_line_feeds(_without_hint(decoded), wide, sample), lines)
    return lines


def _wide(sample: bytes) -> str | None:
    """Return which kind of UTF-16 it is, if it is: by its mark, or because every other byte is nothing."""
    if sample.startswith(codecs.BOM_UTF16_LE):
        return "utf-16-le"
    if sample.startswith(codecs.BOM_UTF16_BE):
        return "utf-16-be"
    half = len(sample) // 2
    if half and sample[1::2].count(0) > 0.7 * half and not sample[0::2].count(0):
        return "utf-16-le"
    if half and sample[0::2].count(0) > 0.7 * half and not sample[1::2].count(0):
        return "utf-16-be"
    return None


def _require_text(sample: bytes) -> None:
    if _PAGE.match(sample.removeprefix(codecs.BOM_UTF8)):
        raise WebPage
    if len(_BINARY.findall(sample)) > max(len(sample) * _MOST_BINARY, 3) or sample.startswith(b"%PDF-"):
        raise NotText


def _read(file: BinaryIO) -> Iterator[bytes]:
    is_first = True
    while piece := file.read(_AT_ONCE):
        yield piece.removeprefix(codecs.BOM_UTF8) if is_first else piece
        is_first = False


def _transcoded(file: BinaryIO, wide: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(wide)("replace")
    is_first = True
    while piece := file.read(_AT_ONCE):
        text = decoder.decode(piece)
        yield (text.removeprefix("\ufeff") if is_first else text).encode("utf-8", "replace")
        is_first = False


def _without_hint(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Leave out the line by which Excel is told what separates cells; it shows none, so it is no row."""
    is_first = True
    for piece in pieces:
        yield _HINT.sub(b"", piece, count=1) if is_first else piece
        is_first = False


def _with_line_feeds(pieces: Iterator[bytes], wide: str | None, sample: bytes) -> Iterator[bytes]:
    """Put line feeds where an old spreadsheet ended its lines with carriage returns alone."""
    text = sample.decode(wide, "replace").encode("utf-8", "replace") if wide else sample
    if b"\n" in text or b"\r" not in text:
        return pieces
    return (piece.replace(b"\r", b"\n") for piece in pieces)


def _counted(pieces: Iterator[bytes], lines: Lines) -> Iterator[bytes]:
    """Pass on what is read, count it, and find out in which encoding most of what is not ASCII makes sense."""
    valid = broken = 0
    held = b""
    for piece in pieces:
        lines.size += len(piece)
        lines.lines += piece.count(b"\n")
        if lines.size > MAX_BYTES:
            raise FileTooLarge(megabytes=MAX_BYTES // 1024**2)
        if lines.lines > MAX_ROWS:
            raise TooManyRows(rows=f"{MAX_ROWS:,}")
        if not (piece.isascii() and held.isascii()):
            *whole, held = (held + piece).split(b"\n")
            held = held[-_AT_ONCE:]
            for line in whole:
                if not line.isascii():
                    is_valid = _is_utf_8(line)
                    valid, broken = valid + is_valid, broken + (not is_valid)
        else:
            held = b""
        yield piece
    if not held.isascii():
        is_valid = _is_utf_8(held)
        valid, broken = valid + is_valid, broken + (not is_valid)
    # One mangled row does not make a file another one's: it is refused by itself.
    lines.encoding = WINDOWS if broken > valid else UTF_8


def _is_utf_8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True
