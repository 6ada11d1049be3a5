"""The reports over millions of invitations: a year by month, beside the raw GROUP BY over the invitations."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import database, docs, filled, machine
from bench.figures import Goal, Report
from bench.processes import BUILD, call
from bench.shop import Shop

if TYPE_CHECKING:
    import argparse

SENTENCE = "a year by month of the reports, beside the raw GROUP BY over ten million invitations"
_ON_POSTGRESQL, _QUICK = 10_000_000, 5_000
_DATABASE = "bench_reports"
_SLOWEST, _RATIO = 50, 50
"""Milliseconds that a report may take, and how many times the raw statement must take at least."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what only this benchmark takes."""
    parser.add_argument(
        "--invitations",
        type=int,
        help=f"on PostgreSQL ({_ON_POSTGRESQL:,}; with --quick {_QUICK:,}); SQLite gets a tenth",
    )
    parser.add_argument(
        "--database",
        metavar="URL",
        help="a PostgreSQL database that was filled before, in place of one that is made; it is migrated first, and kept",
    )


def run(options: argparse.Namespace) -> Report:
    """Fill, make the reports, and judge; a full run writes the documentation too."""
    report = Report("Reports", quick=options.quick)
    number = options.invitations or (_QUICK if options.quick else _ON_POSTGRESQL)
    BUILD.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="reports-", dir=BUILD))
    try:
        number, version = _on_postgresql(report, options.database, folder, number)
        (folder / "data").mkdir()
        shop = Shop("", folder)
        filled.fill(report, shop, max(number // 10, 1_000), "SQLite")
        _look(report, shop, "SQLite", is_large=number >= _ON_POSTGRESQL)
        if not options.quick and number >= _ON_POSTGRESQL:
            docs.write(report, machine.described(postgresql=version), mark="reports")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return report


def _on_postgresql(report: Report, url: str | None, folder: Path, number: int) -> tuple[int, str]:
    """Fill a database, or take one that was filled before; returns how many it has, and the server's version."""
    if url:
        shop = Shop(url, folder)
        shop.migrate()
        number = shop.invitations()
        report.add("postgresql_invitations", "PostgreSQL: invitations", number, "")
        _look(report, shop, "PostgreSQL", is_large=number >= _ON_POSTGRESQL)
        return number, database.PostgreSQL(url).version()
    with database.postgresql(filled.SIZES) as server:
        shop = Shop(server.create(_DATABASE), folder)
        filled.fill(report, shop, number, "PostgreSQL")
        _look(report, shop, "PostgreSQL", is_large=number >= _ON_POSTGRESQL)
        version = server.version()
        server.drop(_DATABASE)
    return number, version


def _look(report: Report, shop: Shop, where: str, *, is_large: bool) -> None:
    command = [sys.executable, "-m", "bench.reporting", *["--quick"] * report.quick]
    found = json.loads(call(command, seconds=filled.SECONDS, env=shop.environment()))
    report.add(f"{where.lower()}_folded", "… figures that waited to be folded", found["folded"], "")
    judge(report, found["reports"], where.lower(), is_large=is_large)
    report.add(
        f"{where.lower()}_recount_s", "counting every figure from the history", found["recount_s"], "s"
    )
    report.add(
        f"{where.lower()}_differing",
        "figures that differ from the history",
        found["differing"],
        "figures",
        goal=Goal(at_most=0),
    )


def judge(report: Report, found: list[dict[str, Any]], name: str, *, is_large: bool) -> None:
    """Add what was found at a database; with few invitations the raw statement is quick too, and only equality is judged."""
    slowest = max(one["ms"] for one in found)
    report.add(
        f"{name}_ms",
        "a year by month, slowest scope",
        slowest,
        "ms",
        goal=Goal(at_most=_SLOWEST),
        long=True,
    )
    for number, one in enumerate(found):
        report.add(f"{name}_{number}_ms", f"… {one['name']}", one["ms"], "ms")
        report.add(f"{name}_{number}_raw_ms", "    the raw GROUP BY", one["raw_ms"], "ms")
    # Of few rows even the raw statement is quick: the bound is about what a shop cannot wait for.
    whole = [one["ratio"] for one in found if one["name"].startswith("all")]
    report.add(
        f"{name}_ratio",
        "raw GROUP BY against the report, all store views",
        min(whole),
        "×",
        goal=Goal(at_least=_RATIO) if is_large else None,
        long=True,
    )
    unequal = [one["name"] for one in found if not one["is_equal"]]
    report.add(
        f"{name}_unequal",
        "reports that differ from the raw rows",
        len(unequal),
        "reports",
        goal=Goal(at_most=0),
    )
    if unequal:
        report.note(f"Different from the invitations: {'; '.join(unequal)}.")
