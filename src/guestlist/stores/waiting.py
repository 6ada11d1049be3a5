"""Doing something else while the database works.

A statement takes PostgreSQL a few milliseconds in a process of its own. The driver hands that time out: each statement is a
generator that says what it waits for. On SQLite, which works in this process, there is no such time.
"""

from __future__ import annotations

import contextlib
from contextvars import ContextVar
from functools import partial
from itertools import batched
from typing import TYPE_CHECKING, Any, Protocol

from django.db import connection

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    from psycopg import Connection
    from psycopg.waiting import Ready, Wait

    type Statement[T] = Generator[Wait, Ready | int, T]


_ROWS = 100
"""Rows between which :func:`unhurried` breathes: a batch's thousand take several milliseconds."""


class Attendant(Protocol):
    """Has something else to do, which never asks the database."""

    def attend(self, file: int, events: int) -> None:
        """Do it until the file with this descriptor is ready for these events (`selectors.EVENT_READ`, …)."""
        ...

    def breathe(self) -> None:
        """Do what is to be done right now, and come back at once."""
        ...


_attendant: ContextVar[Attendant | None] = ContextVar("guestlist_attendant", default=None)


@contextlib.contextmanager
def meanwhile(attendant: Attendant | None) -> Iterator[None]:
    """Let somebody do something else wherever a statement of this thread waits for the database, and at each `breathe`."""
    if attendant is None:
        yield
        return
    token = _attendant.set(attendant)
    try:
        with _attending(attendant):
            yield
    finally:
        _attendant.reset(token)


@contextlib.contextmanager
def _attending(attendant: Attendant) -> Iterator[None]:
    raw = connection.connection if connection.vendor == "postgresql" else None
    if raw is None:
        # A statement that must connect first is waited for.
        yield
        return
    vars(raw)["wait"] = partial(_wait, raw, attendant)
    try:
        yield
    finally:
        # One that was made meanwhile never had it.
        vars(raw).pop("wait", None)


def breathe() -> None:
    """Let whoever attends do what is to be done right now: to be called in the middle of milliseconds without a statement.

    Costs next to nothing where nobody attends.
    """
    attendant = _attendant.get()
    if attendant is None:
        return
    token = _attendant.set(None)
    try:
        with connection.execute_wrapper(_refuse):
            attendant.breathe()
    finally:
        _attendant.reset(token)


def unhurried[T](rows: Iterable[T]) -> Iterator[T]:
    """Yield rows, and breathe after each hundred of them."""
    for some in batched(rows, _ROWS):
        yield from some
        breathe()


def _wait[T](
    raw: Connection[Any],
    attendant: Attendant,
    statement: Statement[T],
    *args: Any,  # noqa: ANN401 - the driver's own
    **kwargs: Any,  # noqa: ANN401
) -> T:
    return type(raw).wait(raw, _attended(raw, statement, attendant), *args, **kwargs)


def _attended[T](raw: Connection[Any], statement: Statement[T], attendant: Attendant) -> Statement[T]:
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
                attendant.attend(raw.pgconn.socket, events)
        except BaseException:
            raw.close()  # nobody would hear the rest of what it answers
            raise
        said = yield events


class DatabaseBusyError(Exception):
    """Something asked the database while it was waited for."""


def _refuse(*_statement: object) -> None:
    raise DatabaseBusyError
