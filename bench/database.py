"""Databases to measure on: PostgreSQL as durable as it comes, and SQLite."""

from __future__ import annotations

import contextlib
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from bench.processes import BUILD
from tests import postgres

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

# Every setting that makes a commit durable is PostgreSQL's own default. Only sizes are set, for all who are measured.
SIZES = ("shared_buffers=512MB", "max_wal_size=8GB")
_LONGEST_SOCKET_FOLDER = 60


@dataclass(frozen=True, slots=True)
class PostgreSQL:
    """A running server."""

    _url: str

    def url(self, name: str) -> str:
        """Return the URL of one of its databases."""
        parts = urlsplit(self._url)
        return urlunsplit(parts._replace(path=f"/{name}", netloc=parts.netloc or "localhost"))

    def connect(self, name: str = "postgres") -> psycopg.Connection[tuple[object, ...]]:
        """Return a connection that commits each statement by itself."""
        return psycopg.connect(self.url(name), autocommit=True)

    def create(self, name: str, *, copy_of: str = "template1") -> str:
        """Make a database anew, as a copy of another one, and return its URL."""
        with self.connect() as connection:
            connection.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
            )
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(
                    sql.Identifier(name), sql.Identifier(copy_of)
                )
            )
        return self.url(name)

    def drop(self, name: str) -> None:
        """Drop a database."""
        with self.connect() as connection:
            connection.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
            )

    def settle(self, name: str) -> None:
        """Leave nothing of the filling to be done while something is measured."""
        with self.connect(name) as connection:
            connection.execute("VACUUM (ANALYZE)")
            connection.execute("CHECKPOINT")

    def setting(self, name: str) -> str:
        """Return one of its settings."""
        with self.connect() as connection:
            row = connection.execute(sql.SQL("SHOW {}").format(sql.Identifier(name))).fetchone()
        return str(row[0]) if row else ""

    def version(self) -> str:
        """Return the server's version.

        :raises RuntimeError: when the server would forget what it said is committed: nothing is measured on such a one.
        """
        with self.connect() as connection:
            for name in ("fsync", "synchronous_commit", "full_page_writes"):
                row = connection.execute(sql.SQL("SHOW {}").format(sql.Identifier(name))).fetchone()
                if row is None or row[0] != "on":
                    raise RuntimeError(f"{name} is {row and row[0]}: commits on this server are not durable.")
            row = connection.execute("SHOW server_version").fetchone()
        return str(row[0]).split()[0] if row else ""


@contextlib.contextmanager
def postgresql(sizes: Sequence[str] = SIZES) -> Iterator[PostgreSQL]:
    """Run a server until the end of the block, or use the one that DATABASE_URL names."""
    with postgres.running(sizes, _parent()) as url:
        server = PostgreSQL(url)
        server.version()
        yield server


def _parent() -> Path | None:
    """Return the folder that is on the disk of the repository, where the server's user can reach it, else None."""
    BUILD.mkdir(parents=True, exist_ok=True)
    open_to_all = all(one.stat().st_mode & stat.S_IXOTH for one in (BUILD, *BUILD.parents))
    # The server's socket lies in its data folder, and the path of a socket is short.
    return BUILD if open_to_all and len(str(BUILD)) <= _LONGEST_SOCKET_FOLDER else None
