"""Discarding a million invitations in the background, against one bare UPDATE, and beside a send."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import database, docs, machine, sinks
from bench.delivering import RUN_DATABASE, Copied, Setting, deliver
from bench.figures import Goal, Report
from bench.processes import BUILD, call
from bench.runs import Bench
from bench.shop import Shop

if TYPE_CHECKING:
    import argparse

    from bench.database import PostgreSQL

SENTENCE = "discarding a million invitations in the background, against one bare UPDATE, and beside a send"
_ROWS, _QUICK = 1_000_000, 20_000
_BESIDE = 10
"""One in so many of the rows is a mail to be sent, where a send goes on beside."""
_SECONDS = 3_600
_LEAST_RATIO = 0.15
_LONGEST = 0.5
_INVITATION = "guestlist_invitations_invitation"
_OPEN = "('not_sent', 'sent')"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what only this benchmark takes."""
    parser.add_argument(
        "--invitations", type=int, help=f"how many are discarded ({_ROWS:,}; with --quick {_QUICK:,})"
    )


def run(options: argparse.Namespace) -> Report:
    """Fill, discard, and judge; a full run writes the documentation too."""
    report = Report("Discard", quick=options.quick)
    rows = options.invitations or (_QUICK if options.quick else _ROWS)
    BUILD.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="discard-", dir=BUILD))
    try:
        with database.postgresql() as server:
            bench = Bench(report, server, folder, rows, 1, 0)
            filled = bench.filled()
            _alone(bench, filled)
            _beside_a_send(bench, filled)
            version = server.version()
            bench.drop(filled)
        if not options.quick and rows >= _ROWS:
            docs.write(report, machine.described(postgresql=version), mark="discard")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return report


def _alone(bench: Bench, filled: Copied) -> None:
    """Measure with and without mail that waits in the outbox."""
    report = bench.report
    report.add("rows", "invitations, all of them open", filled.mails, "")
    for name, words, has_mail in (
        ("plain", "without mail on its way", False),
        ("queued", "each with a mail in the outbox", True),
    ):
        shop = _copied(bench, filled)
        if not has_mail:
            _without_mail(bench.server, keep_up_to=0)
        bare = _bare_update(bench.server)
        found = _discarded(shop)
        seconds = found["snapshot_s"] + found["discard_s"]
        report.add(f"{name}_bare_s", f"one bare UPDATE, {words}", bare, "s")
        report.add(f"{name}_snapshot_s", "ours: ids written down", found["snapshot_s"], "s")
        report.add(
            f"{name}_discard_s", "… discarded, with history, figures and outbox", found["discard_s"], "s"
        )
        report.add(
            f"{name}_ratio",
            "ours, both together, against the bare UPDATE",
            bare / seconds,
            "×",
            goal=Goal(at_least=_LEAST_RATIO),
            long=True,
        )
        report.add(f"{name}_rate", "… a second", found["rows"] / seconds, "rows/s")
        report.add(
            f"{name}_longest_s",
            "… longest transaction of both",
            found["longest_s"],
            "s",
            goal=Goal(at_most=_LONGEST),
        )
        report.add(f"{name}_most_s", "… 99 of 100 transactions, at most", found["most_s"], "s")
        report.add(f"{name}_pieces", "… pieces", found["pieces"], "")
        report.add(f"{name}_memory_mb", "… memory of the process, at most", found["memory_mb"], "MB")
        report.add(
            f"{name}_grown_mb",
            "… more at the end than after a fifth",
            max(found["grown_mb"], 0.0),
            "MB",
            goal=Goal(at_most=20),
            long=True,
        )


def _beside_a_send(bench: Bench, filled: Copied) -> None:
    """Let one worker send a tenth of the mails by itself, and then while it discards all the others."""
    mails = filled.mails // _BESIDE
    rates = {}
    for name in ("alone", "beside"):
        shop = _copied(bench, filled)
        last = _without_mail(bench.server, keep_up_to=mails)
        if name == "beside":
            call(
                [sys.executable, "-c", f"{_SET_UP}confirmed('delivery=no_mail')"],
                seconds=_SECONDS,
                env=shop.environment(),
            )
        with sinks.sink(bench.folder) as sink:
            rates[name] = deliver(shop, Setting(), sink, mails=last).rate
        shop.close()
    report = bench.report
    report.add("send_alone", f"a send of {mails:,} by one worker", rates["alone"], "mails/s")
    report.add("send_beside", "the same while that worker discards the others", rates["beside"], "mails/s")
    report.add(
        "send_ratio",
        "… against by itself",
        rates["beside"] / rates["alone"],
        "×",
        goal=Goal(at_least=0.5),
        long=True,
    )


_SET_UP = (
    "import os, django; os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'guestlist.settings');"
    "django.setup(); from bench.discarding import confirmed; "
)


def _copied(bench: Bench, filled: Copied) -> Shop:
    folder = bench.folder / "shop"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    url = bench.server.create(RUN_DATABASE, copy_of=filled.original)
    return Shop(url, folder, settings=dict(Setting().settings))


def _without_mail(server: PostgreSQL, *, keep_up_to: int) -> int:
    """Leave so many mails in the outbox; the other invitations have none. Returns how many there are."""
    with server.connect(RUN_DATABASE) as connection:
        row = connection.execute(
            f"SELECT max(id) FROM (SELECT id FROM guestlist_mail_message ORDER BY id LIMIT {keep_up_to}) AS kept"
        ).fetchone()
        last = (row and row[0]) or 0
        connection.execute(f"DELETE FROM guestlist_mail_message WHERE id > {last}")
        connection.execute(f"UPDATE {_INVITATION} SET delivery = '', mail_id = NULL WHERE mail_id > {last}")
        # As wide apart on their pages as they are in a table that was vacuumed in time.
        connection.execute(f"VACUUM (FULL, ANALYZE) {_INVITATION}")
        connection.execute("VACUUM (FULL, ANALYZE) guestlist_mail_message")
    server.settle(RUN_DATABASE)
    return keep_up_to


def _bare_update(server: PostgreSQL) -> float:
    """Change all rows of a copy of the table, with its indexes and its room on each page, at once; returns seconds."""
    with server.connect(RUN_DATABASE) as connection:
        connection.execute(f"CREATE TABLE bare (LIKE {_INVITATION} INCLUDING ALL) WITH (fillfactor = 70)")
        connection.execute(f"INSERT INTO bare SELECT * FROM {_INVITATION} ORDER BY id")
        connection.execute("VACUUM (ANALYZE) bare")
        connection.execute("CHECKPOINT")
        begun = time.monotonic()
        connection.execute(f"UPDATE bare SET status = 'discarded', reason = 'staff' WHERE status IN {_OPEN}")
        took = time.monotonic() - begun
        connection.execute("DROP TABLE bare")
        connection.execute("CHECKPOINT")
    return took


def _discarded(shop: Shop) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        call([sys.executable, "-m", "bench.discarding"], seconds=_SECONDS, env=shop.environment())
    )
    return found
