"""Doing something else while the database works.

A statement takes PostgreSQL a few milliseconds in a process of its own. The driver hands that time out: each statement is a
generator that says what it waits for. On SQLite, which works in this process, there is no such time.
"""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING, Any

from django.db import connection

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from psycopg import Connection
    from psycopg.waiting import Ready, Wait

    type Statement[T] = Generator[Wait, Ready | int, T]


type Attend = Callable[[int, int], None]
"""Does something else until the file with this descriptor is ready for these events (`selectors.EVENT_READ`, …)."""


@contextlib.contextmanager
def meanwhile(attend: Attend | None) -> Iterator[None]:
    """Let `attend` be called wherever a statement of this thread waits for the database, which it cannot ask itself."""
    if attend is None or connection.vendor != "postgresql":
        yield
        return
    raw = connection.connection
    if raw is None:
        # A statement that must connect first is waited for.
        yield
        return
    vars(raw)["wait"] = partial(_wait, raw, attend)
    try:
        yield
    finally:
        # One that was made meanwhile never had it.
        vars(raw).pop("wait", None)


def _wait[T](
    raw: Connection[Any],
    attend: Attend,
    statement: Statement[T],
    *args: Any,  # noqa: ANN401 - the driver's own
    **kwargs: Any,  # noqa: ANN401
) -> T:
    return type(raw).wait(raw, _attended(raw, statement, attend), *args, **kwargs)


def _attended[T](raw: Connection[Any], statement: Statement[T], attend: Attend) -> Statement[T]:
    """Drive a statement as the driver does, but for its waiting: what it says it waits for are a selector's events."""
    said: Ready | int | None = None
    while True:
        try:
            events = next(statement) if said is None else statement.send(said)
        except StopIteration as done:
            found: T = done.value
            return found
        try:
            with connection.execute_wrapper(_refuse):
                attend(raw.pgconn.socket, events)
        except BaseException:
            raw.close()  # nobody would hear the rest of what it answers
            raise
        said = yield events


class DatabaseBusyError(Exception):
    """Something asked the database while it was waited for."""


def _refuse(*_statement: object) -> None:
    raise DatabaseBusyError
