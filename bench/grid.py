"""The grid of the staff site over millions of invitations: every page, filter and order that it offers."""

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

SENTENCE = "the staff site's grid over ten million invitations, beside Django's own admin"
_ON_POSTGRESQL, _ON_SQLITE, _QUICK = 10_000_000, 1_000_000, 5_000
_DATABASE = "bench_grid"
_SHOWN = 5
"""Pages that are named among those that stopped."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what only this benchmark takes."""
    parser.add_argument(
        "--invitations",
        type=int,
        help=f"on PostgreSQL ({_ON_POSTGRESQL:,}; with --quick {_QUICK:,}); SQLite gets a tenth",
    )
    kept = parser.add_mutually_exclusive_group()
    kept.add_argument(
        "--database",
        metavar="URL",
        help="a PostgreSQL database that was filled before, in place of one that is made; it is migrated first, and kept",
    )
    kept.add_argument(
        "--fill",
        metavar="URL",
        help="only migrate this empty PostgreSQL database and fill it, for --database to look at again and again",
    )


def run(options: argparse.Namespace) -> Report:
    """Fill, look, and judge; a full run writes the documentation too."""
    report = Report("Grid", quick=options.quick)
    number = options.invitations or (_QUICK if options.quick else _ON_POSTGRESQL)
    BUILD.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="grid-", dir=BUILD))
    try:
        if options.fill:
            filled.fill(report, Shop(options.fill, folder), number, "PostgreSQL")
            return report
        number, version = _on_postgresql(report, options.database, folder, number)
        (folder / "data").mkdir()
        shop, few = Shop("", folder), max(number // 10, 1_000)
        filled.fill(report, shop, few, "SQLite")
        _look(report, shop, "SQLite")
        if not options.quick and number >= _ON_POSTGRESQL:
            docs.write(report, machine.described(postgresql=version), mark="grid")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return report


def _on_postgresql(report: Report, url: str | None, folder: Path, number: int) -> tuple[int, str]:
    """Fill a database and look, or look at one that was filled before; returns how many it has, and the server's version."""
    if url:
        shop = Shop(url, folder)
        shop.migrate()
        number = shop.invitations()
        report.add("postgresql_invitations", "PostgreSQL: invitations", number, "")
        _look(report, shop, "PostgreSQL")
        return number, _described(database.PostgreSQL(url), report)
    with database.postgresql(filled.SIZES) as server:
        shop = Shop(server.create(_DATABASE), folder)
        filled.fill(report, shop, number, "PostgreSQL")
        _look(report, shop, "PostgreSQL")
        version = _described(server, report)
        server.drop(_DATABASE)
    return number, version


def _described(server: database.PostgreSQL, report: Report) -> str:
    report.note(f"PostgreSQL's shared_buffers: {server.setting('shared_buffers')}.")
    return server.version()


def _look(report: Report, shop: Shop, where: str) -> None:
    looked = json.loads(
        call(
            [sys.executable, "-m", "bench.looking", *["--quick"] * report.quick],
            seconds=filled.SECONDS,
            env=shop.environment(),
        )
    )
    _judge(report, looked, where.lower())


def _judge(report: Report, looked: dict[str, Any], name: str) -> None:
    pages = [one for one in looked["pages"] if one["page"] != "number"]
    numbers = [one["ms"] for one in looked["pages"] if one["page"] == "number"]
    stopped = [one for one in pages if one["stopped"]]
    report.add(f"{name}_pages", "pages looked at: filters, orders, first, next and last", len(pages), "pages")
    for where in ("first", "next", "last"):
        times = sorted(one["ms"] for one in pages if one["page"] == where and not one["search"])
        report.add(f"{name}_{where}_median_ms", f"{where} page, median", times[len(times) // 2], "ms")
        report.add(
            f"{name}_{where}_ms", f"{where} page, slowest", times[-1], "ms", goal=Goal(at_most=50), long=True
        )
    searches = sorted(one["ms"] for one in pages if one["search"])
    report.add(f"{name}_search_median_ms", "search in addresses, median", searches[len(searches) // 2], "ms")
    report.add(
        f"{name}_search_ms",
        "search in addresses, slowest",
        searches[-1],
        "ms",
        # Only PostgreSQL has an index of pieces; SQLite goes through all addresses.
        goal=Goal(at_most=50) if name == "postgresql" else None,
        long=True,
    )
    report.add(f"{name}_number_ms", "how many there are, slowest", max(numbers), "ms")
    report.add(
        f"{name}_stopped",
        "pages that say “narrow by date or website, or keep looking”",
        len(stopped),
        "pages",
    )
    report.add(
        f"{name}_deep",
        "half way through against the first page",
        looked["deep"],
        "×",
        goal=Goal(at_most=2),
        long=True,
    )
    report.add(
        f"{name}_admin_ms", "last page of Django's own admin (count and OFFSET)", looked["admin"], "ms"
    )
    report.add(
        f"{name}_against_admin",
        "the grid's last page against that",
        looked["admin"] / looked["ours"],
        "×",
        goal=Goal(at_least=20),
        long=True,
    )
    slowest = sorted(pages, key=lambda one: -one["ms"])[:_SHOWN]
    report.note("Slowest: " + "; ".join(f"{_named(one)} {one['ms']:.0f} ms" for one in slowest) + ".")
    if stopped:
        kinds = sorted({one["filter"] for one in stopped if " for staff" not in one["filter"]})
        report.note(f"Stopped before a page was full, for the owner and in some order: {'; '.join(kinds)}.")


def _named(page: dict[str, Any]) -> str:
    return f"{page['filter']} sorted by {page['sort']}, {page['page']} page"
