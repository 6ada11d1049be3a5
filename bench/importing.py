"""An import of a file against the fastest way into the same tables, and against Django's own for many objects."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import database, docs, machine
from bench.figures import Goal, Report
from bench.processes import BUILD, call
from bench.shop import Shop

if TYPE_CHECKING:
    import argparse

SENTENCE = "an import of a million rows, beside COPY and bulk_create into the same tables"
_FULL, _QUICK = 1_000_000, 5_000
_SECONDS = 7_200
_DATABASE = "bench_import"
_MOST_GROWTH = 64.0


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what only this benchmark takes."""
    parser.add_argument("--rows", type=int, help=f"of the file ({_FULL:,}; with --quick {_QUICK:,})")


def run(options: argparse.Namespace) -> Report:
    """Import, and judge; a full run writes the documentation too."""
    report = Report("Import", quick=options.quick)
    rows = options.rows or (_QUICK if options.quick else _FULL)
    BUILD.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="import-", dir=BUILD))
    try:
        with database.postgresql() as server:
            _measure(report, Shop(server.create(_DATABASE), folder), rows, "PostgreSQL")
            version = server.version()
            server.drop(_DATABASE)
        (folder / "data").mkdir()
        _measure(report, Shop("", folder), rows, "SQLite")
        if not options.quick and rows >= _FULL:
            docs.write(report, machine.described(postgresql=version), mark="import")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return report


def _measure(report: Report, shop: Shop, rows: int, where: str) -> None:
    shop.migrate()
    taken: dict[str, Any] = json.loads(
        call([sys.executable, "-m", "bench.taking", str(rows)], seconds=_SECONDS, env=shop.environment())
    )
    name = where.lower()
    report.add(f"{name}_rows", f"{where}: rows of the file", rows, "")
    report.add(f"{name}_new", "… of them new", taken["new"], "")
    report.add(f"{name}_keep_s", "keeping the file", taken["keep_s"], "s")
    report.add(f"{name}_verdict_rate", "reading and judging: verdicts", rows / taken["try_s"], "rows/s")
    rate = taken["new"] / taken["import_s"]
    report.add(f"{name}_import_rate", "importing, mail queued", rate, "rows/s")
    if taken.get("copy_s"):
        copied = taken["new"] / taken["copy_s"]
        report.add(f"{name}_copy_rate", "plain COPY of the same rows into the same tables", copied, "rows/s")
        report.add(
            f"{name}_against_copy",
            "the import against that",
            rate / copied,
            "×",
            goal=Goal(at_least=0.5),
            long=True,
        )
    report.add(
        f"{name}_bulk_rate", "bulk_create(ignore_conflicts=True) of the same", taken["bulk_rate"], "rows/s"
    )
    report.add(
        f"{name}_against_bulk",
        "the import against that",
        rate / taken["bulk_rate"],
        "×",
        goal=Goal(at_least=3),
        long=True,
    )
    report.add(
        f"{name}_growth_mb",
        "more memory at the end than after the first piece",
        taken["growth_mb"],
        "MB",
        goal=Goal(at_most=_MOST_GROWTH),
        long=True,
    )
    report.add(f"{name}_longest_s", "longest transaction", taken["longest_s"], "s")
