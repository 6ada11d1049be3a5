"""Reading much as it was at one moment, while others go on writing."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from django.db import connection, transaction

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def reading() -> Iterator[None]:
    """Let all queries within see the database as it is at the first of them; nothing is written within.

    In a transaction that has begun before, they see what that one sees.
    """
    if connection.in_atomic_block:
        yield
    elif connection.vendor == "postgresql":
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield
    else:
        # Django's own transactions begin as a writer's: everybody else would wait for the end of this one.
        with connection.cursor() as cursor:
            cursor.execute("BEGIN DEFERRED")
            try:
                yield
            finally:
                cursor.execute("ROLLBACK")
