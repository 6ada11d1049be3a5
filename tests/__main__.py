"""`./guestlist test`: the tests on SQLite, then those that touch the database once more on PostgreSQL.

Anything else on the line goes to pytest: `./guestlist test -k discard`, `./guestlist test tests/mail -n 0`.
"""

import argparse
import os
import signal
import subprocess
import sys

from tests import postgres

_MEASURED = ("invitations", "mail", "customers")
_LEAST = 95
_NOTHING_COLLECTED = 5


def main() -> int:
    """Run what the arguments ask for and give the exit status of the first run that failed."""
    parser = argparse.ArgumentParser(prog="guestlist test", description=__doc__, allow_abbrev=False)
    one = parser.add_mutually_exclusive_group()
    one.add_argument("--sqlite", action="store_true", help="on SQLite only")
    one.add_argument("--postgresql", action="store_true", help="all tests on PostgreSQL only")
    parser.add_argument(
        "--coverage", action="store_true", help=f"and demand {_LEAST} %% of {', '.join(_MEASURED)}"
    )
    options, rest = parser.parse_known_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the database server is stopped
    try:
        return _run(options, rest)
    except KeyboardInterrupt:
        return 130


def _run(options: argparse.Namespace, rest: list[str]) -> int:
    status = 0
    if not options.postgresql:
        status = _pytest("SQLite", "", _measure(options, again=False) + rest)
    if not options.sqlite and status in {0, _NOTHING_COLLECTED}:
        part = [] if options.postgresql else ["--database-only"]
        with postgres.running() as url:
            second = _pytest("PostgreSQL", url, part + _measure(options, again=not options.postgresql) + rest)
        # A selection of the tests may have none that touch the database.
        status = status if second == _NOTHING_COLLECTED and not options.postgresql else second
    if options.coverage and status == 0:
        status = _coverage()
    return status


def _pytest(database: str, url: str, arguments: list[str]) -> int:
    print(f"\n=== Tests on {database} ===", flush=True)
    command = [sys.executable, "-m", "pytest", "-n", "logical", "--ignore=tests/e2e", *arguments]
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    if url:
        environment["DATABASE_URL"] = url
    with subprocess.Popen(command, env=environment) as running:
        while True:
            try:
                return running.wait()
            except KeyboardInterrupt:
                continue  # pytest got the signal too, and sums up what it has done
            except SystemExit:
                running.terminate()
                raise


def _measure(options: argparse.Namespace, *, again: bool) -> list[str]:
    if not options.coverage:
        return []
    return ["--cov=guestlist", "--cov-report=", *(["--cov-append"] if again else [])]


def _coverage() -> int:
    command = [sys.executable, "-m", "coverage", "report"]
    print("\n=== Branch coverage ===", flush=True)
    subprocess.call([*command, "--format=total"])
    measured = ",".join(f"src/guestlist/{package}/*" for package in _MEASURED)
    return subprocess.call([*command, f"--include={measured}", f"--fail-under={_LEAST}"])


if __name__ == "__main__":
    sys.exit(main())
