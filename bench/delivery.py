"""From the outbox to the mail server: how fast, against a load generator in C and against other projects."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bench import against, alone, database, docs, machine
from bench.figures import Report
from bench.processes import BUILD, TooLongError
from bench.runs import Bench

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

SENTENCE = "from the outbox to the mail server: mails per second, memory, and others on the same work"
_PARTS: dict[str, Callable[[Bench], None]] = {
    "roof": against.generator,
    "peers": against.others,
    "delays": against.delays,
    "workers": alone.workers,
    "signing": alone.signing,
    "memory": alone.memory,
    "rendering": alone.rendering,
    "sqlite": alone.sqlite,
    "built-in": alone.built_in,
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what only this benchmark takes."""
    parser.add_argument(
        "--memory",
        type=int,
        metavar="MAILS",
        help=f"mails over which a worker's memory is watched ({alone.MILLION:,}; with --quick none)",
    )
    parser.add_argument(
        "--only", choices=_PARTS, action="append", metavar="PART", help=f"a part alone: {', '.join(_PARTS)}"
    )


def run(options: argparse.Namespace) -> Report:
    """Measure; a full run writes the documentation too."""
    report = Report("Delivery", quick=options.quick)
    memory = options.memory if options.memory is not None else 0 if options.quick else alone.MILLION
    BUILD.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="delivery-", dir=BUILD))
    try:
        with database.postgresql() as server:
            bench = Bench(
                report,
                server,
                folder,
                mails=2_000 if options.quick else 120_000,
                repeats=1 if options.quick else 5,
                memory=memory,
            )
            for name in options.only or _PARTS:
                _measure(name, bench)
            if not (options.quick or options.only or report.gaps):
                docs.write(report, machine.described(postgresql=server.version()), mark="delivery")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return report


def _measure(name: str, bench: Bench) -> None:
    """Measure a part; when that fails, the others are measured all the same."""
    print(f"{name} …", file=sys.stderr, flush=True)
    try:
        _PARTS[name](bench)
    except (TooLongError, RuntimeError, subprocess.SubprocessError) as error:
        details = "\n".join([str(error), *getattr(error, "__notes__", ())])
        print(details, file=sys.stderr)
        bench.report.gaps.append(f"“{name}” could not be measured: {error}")
