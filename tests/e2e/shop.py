"""The demo as a process of its own, the way `./guestlist demo` starts it, and what a journey asks of it."""

import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PASSWORD = "guestlist-demo"
_START_SECONDS = 120
_STOP_SECONDS = 40
_MAIL_SECONDS = 20
_PAUSE = 0.1


@dataclass(frozen=True)
class Shop:
    """A running demo."""

    base: str
    process: "subprocess.Popen[bytes] | None" = field(default=None, compare=False, repr=False)

    def kill(self) -> None:
        """End the shop at once, its worker with it, as a machine that loses its power would."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def url(self, path: str) -> str:
        """Give the whole address of a path."""
        return f"{self.base}{path}"

    def mails(self, to: str) -> list[dict[str, Any]]:
        """Give what came in for an address, the newest first."""
        query = urllib.parse.urlencode({"to": to})
        with urllib.request.urlopen(self.url(f"/demo/inbox.json?{query}"), timeout=10) as answer:
            found: list[dict[str, Any]] = json.load(answer)
        return found

    def mail(self, to: str, subject: str = "", *, number: int = 1) -> dict[str, Any]:
        """Give the newest mail for an address, as soon as ``number`` of them with these words in the subject are there."""
        deadline = time.monotonic() + _MAIL_SECONDS
        while True:
            found = [mail for mail in self.mails(to) if subject in mail["subject"]]
            if len(found) >= number:
                return found[0]
            assert time.monotonic() < deadline, f"no mail {number} “{subject}” for {to}: {self.mails(to)}"
            time.sleep(_PAUSE)


@contextlib.contextmanager
def running(data: Path, *, database: str = "") -> Iterator[Shop]:
    """Run the demo on data of its own until the end of the block; a database URL takes SQLite's place."""
    port = _free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GUESTLIST_")}
    environment |= {"PYTHONPATH": str(ROOT / "src"), "GUESTLIST_DEMO_DATABASE_URL": database}
    command = [sys.executable, "-m", "guestlist", "demo", "--port", str(port), "--data", str(data)]
    log = data.with_suffix(".log")
    with log.open("wb") as output:
        demo = subprocess.Popen(command, stdout=output, stderr=output, env=environment, cwd=data.parent)
    try:
        shop = Shop(f"http://127.0.0.1:{port}", demo)
        _wait(demo, shop, log)
        yield shop
    finally:
        # What Ctrl-C sends; one that was killed has ended.
        demo.send_signal(signal.SIGINT)
        try:
            demo.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            demo.kill()
            demo.wait()
    if demo.returncode == -signal.SIGKILL:
        return
    assert demo.returncode == 0, log.read_text(errors="replace")
    assert "Traceback" not in (said := log.read_text(errors="replace")), said


def seeded(folder: Path) -> Path:
    """Give data with the example shop in it; the first process of a run that asks makes it, the others wait for it."""
    folder.mkdir(parents=True, exist_ok=True)
    made = folder / "made"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            with running(folder / "first"):
                pass
            (folder / "first").rename(made)
    return made


def copied(data: Path, folder: Path) -> Path:
    """Give a copy of seeded data, to be changed at will."""
    return Path(shutil.copytree(data, folder))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait(demo: "subprocess.Popen[bytes]", shop: Shop, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            urllib.request.urlopen(shop.url("/health/ready"), timeout=5).close()
        except OSError:
            if demo.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"The demo did not start:\n{log.read_text(errors='replace')}") from None
            time.sleep(_PAUSE)
        else:
            return
