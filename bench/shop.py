"""The shop that is measured: its database and settings, how it is filled, its workers, and what its rows say."""

from __future__ import annotations

import contextlib
import sqlite3
import sys
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg

from bench.processes import BUILD, ROOT, call, environment, running, until

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

MESSAGES = "guestlist_mail_message"
_FILL_SECONDS = 3600
_SETTLE_SECONDS = 30


@dataclass(slots=True)
class Shop:
    """A shop with a database of its own."""

    url: str
    """Of its database; empty for SQLite."""
    folder: Path
    """Where its workers keep their journals and logs; made anew for each run."""
    settings: dict[str, str] = field(default_factory=dict)
    """More of the environment, such as a key that signs."""
    _asking: psycopg.Connection[Any] | sqlite3.Connection | None = None

    @property
    def is_on_postgresql(self) -> bool:
        """Whether its database is a server's; else it is a file in its folder."""
        return bool(self.url)

    def environment(self, **more: str) -> dict[str, str]:
        """Return what a process of this shop reads."""
        given = {
            "DATABASE_URL": self.url,
            # On PostgreSQL shared by all shops that are measured, for its secrets; on SQLite the database lies in it.
            "GUESTLIST_DATA": str(BUILD / "data" if self.is_on_postgresql else self.folder / "data"),
            "PYTHONPATH": str(ROOT),
        }
        return environment(given | self.settings | more)

    def migrate(self) -> None:
        """Make its tables, or bring those of an older release up to date."""
        command: list[str | Path] = [ROOT / "guestlist", "migrate", "--verbosity", "0"]
        call(command, seconds=_FILL_SECONDS, env=self.environment())

    def invitations(self) -> int:
        """Return how many invitations it has."""
        return int(self.ask("SELECT count(*) FROM guestlist_invitations_invitation")[0][0])

    def fill(self, mails: int, *, built_in: bool = False) -> None:
        """Put mails into its outbox; they wait until :meth:`release`."""
        command: list[str | Path] = [sys.executable, "-m", "bench.filling", str(mails)]
        if built_in:
            command.append("--built-in")
        call(command, seconds=_FILL_SECONDS, env=self.environment())

    def release(self) -> None:
        """Let the mails leave: one row is all that changes."""
        self.ask("UPDATE guestlist_mail_senderidentity SET stopped_at = NULL, stopped_reason = ''")

    @contextlib.contextmanager
    def worker(self, smtp_url: str, *, name: str = "one") -> Iterator[subprocess.Popen[Any]]:
        """Run a worker with a name of its own until the end of the block."""
        journals = self.folder / "journals"
        journals.mkdir(parents=True, exist_ok=True)
        given = self.environment(
            GUESTLIST_SMTP_URL=smtp_url, GUESTLIST_WORKER=name, GUESTLIST_JOURNAL_DIR=str(journals)
        )
        with (
            self._log(name).open("ab") as log,
            running([ROOT / "guestlist", "worker"], env=given, stdout=log, stderr=log) as child,
        ):
            yield child

    def _log(self, name: str) -> Path:
        return self.folder / f"worker-{name}.log"

    def log(self, name: str) -> str:
        """Return what a worker has written to its log."""
        return self._log(name).read_text(encoding="utf-8", errors="replace")

    def has_started(self, name: str) -> bool:
        """Tell whether a worker is at its work, or has given up."""
        said = self.log(name)
        return "worker started" in said or "Traceback" in said

    def ask(self, statement: str) -> list[tuple[Any, ...]]:
        """Run one statement, committed at once, and return its rows."""
        if self._asking is None:
            self._asking = (
                psycopg.connect(self.url, autocommit=True)
                if self.is_on_postgresql
                else sqlite3.connect(
                    self.folder / "data" / "guestlist.sqlite3", timeout=20, isolation_level=None
                )
            )
        if isinstance(self._asking, sqlite3.Connection):
            return self._asking.execute(statement).fetchall()
        cursor = self._asking.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []

    def close(self) -> None:
        """Let go of the database."""
        if self._asking is not None:
            self._asking.close()
            self._asking = None

    def is_settled(self) -> bool:
        """Tell whether nothing is in a worker's hands and nothing is left that may leave now.

        Asked again and again while something is measured: what is asked first reads an index of a few rows. In one
        statement, so of one moment: between two a mail could go from the one to the other, and be in neither.
        """
        now = "now()" if self.is_on_postgresql else "datetime('now')"
        return not self.ask(
            f"SELECT 1 WHERE EXISTS (SELECT 1 FROM {MESSAGES} WHERE state = 'leased')"
            f" OR EXISTS (SELECT 1 FROM {MESSAGES} WHERE state = 'ready' AND ready_at <= {now})"
        )

    def wait_until_settled(self, *, seconds: float = _SETTLE_SECONDS) -> None:
        """Wait until every mail that may leave now has left and is recorded.

        :raises TooLongError: when that takes longer.
        """
        until(self.is_settled, seconds=seconds, what="every mail is sent and recorded")

    def states(self) -> Counter[str]:
        """Return how many mails of the outbox are in each state."""
        return Counter(dict(self.ask(f"SELECT state, count(*) FROM {MESSAGES} GROUP BY state")))
