"""Many rows at once, as fast as each database takes them: COPY on PostgreSQL, one prepared statement on SQLite."""

from __future__ import annotations

import datetime
import operator
import re
import uuid
from typing import TYPE_CHECKING, Any

from django.db import connection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_ESCAPED = re.compile(r"[\\\t\n\r]")


def insert(table: str, columns: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> None:
    """Insert rows with their values in the order of the columns; call it inside a transaction."""
    names = ", ".join(f'"{one}"' for one in columns)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
                copy.write("".join([_line(row) for row in rows]))
        else:
            marks = ", ".join(["%s"] * len(columns))
            known = _for_sqlite()
            cursor.executemany(
                f"INSERT INTO {table} ({names}) VALUES ({marks})",  # noqa: S608 - names of tables, no input
                [
                    [known[type(value)](value) if type(value) in known else value for value in row]
                    for row in rows
                ],
            )


def _line(row: tuple[Any, ...]) -> str:
    """Return a row in COPY's text format."""
    return "\t".join(map(_text, row)) + "\n"


def _text(value: Any) -> str:  # noqa: ANN401 - any column's
    if value is None:
        return r"\N"
    if isinstance(value, bytes):
        return rf"\\x{value.hex()}"
    text = str(value)
    return _ESCAPED.sub(lambda found: rf"\x{ord(found.group()):02x}", text) if _ESCAPED.search(text) else text


def _for_sqlite() -> dict[type, Callable[[Any], Any]]:
    """Return how each type is written that SQLite does not know, as Django writes it."""
    return {
        datetime.datetime: connection.ops.adapt_datetimefield_value,
        datetime.date: connection.ops.adapt_datefield_value,
        uuid.UUID: operator.attrgetter("hex"),
    }
