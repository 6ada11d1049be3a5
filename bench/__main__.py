"""`./guestlist bench NAME`: measures, prints a table, and tells by its exit status whether every goal was met."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from bench import delivery, discard, grid, importing, kill, reports
from bench.processes import MissingPartError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.figures import Report


class Benchmark(Protocol):
    """A module of this package that measures one thing."""

    SENTENCE: str

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Add what this benchmark takes besides --quick and --json."""
        ...

    def run(self, options: argparse.Namespace) -> Report:
        """Measure."""
        ...


BENCHMARKS: Mapping[str, Benchmark] = {
    "delivery": delivery,
    "discard": discard,
    "grid": grid,
    "import": importing,
    "kill": kill,
    "reports": reports,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a benchmark: 0 when every goal was met, 1 when one was missed, 2 when something it needs is missing."""
    options = _parser().parse_args(arguments)
    # As by Ctrl-C: everything that was started is ended on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        report = options.benchmark.run(options)
    except MissingPartError as missing:
        print(missing, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    print(f"\n{report.table()}")
    if options.json:
        report.write_json(options.json)
    return 1 if report.failed or report.gaps else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="guestlist bench", description=__doc__)
    names = parser.add_subparsers(metavar="NAME", required=True)
    for name, benchmark in BENCHMARKS.items():
        one = names.add_parser(name, help=benchmark.SENTENCE, description=benchmark.SENTENCE)
        one.add_argument(
            "--quick", action="store_true", help="under a minute; judges no goal that needs long"
        )
        one.add_argument(
            "--json", type=_from_where_it_was_called, metavar="FILE", help="write the figures there"
        )
        benchmark.add_options(one)
        one.set_defaults(benchmark=benchmark)
    return parser


def _from_where_it_was_called(name: str) -> Path:
    # The command changes to the repository before this runs; the shell's own folder stays in PWD.
    return Path(os.environ.get("PWD", "."), name)


if __name__ == "__main__":
    sys.exit(main())
