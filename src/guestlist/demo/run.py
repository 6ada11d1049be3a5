"""`guestlist demo`: the example shop, its staff site, its inbox and its worker, in one process."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ImproperlyConfigured

from guestlist.demo import folder

if TYPE_CHECKING:
    from types import FrameType

    from guestlist.mail.parcels import Transport

    Work = Callable[[threading.Event, Transport], None]

HOST = "127.0.0.1"
_KEPT = {"GUESTLIST_SMTP_URL", "GUESTLIST_SMTP_URL_FILE", "GUESTLIST_DEBUG", "GUESTLIST_LOG_LEVEL"}
_THREADS = 8
_DRAIN_SECONDS = 10.0
_PATIENCE_SECONDS = 30.0


def main(*, port: int, data: Path | None, reset: bool, work: Work) -> int:
    """Run the demo until it is told to stop; returns the exit status.

    ``work`` does the worker's jobs, handing mail to the transport given, until the event is set.
    """
    where = (data or folder.usual()).expanduser().resolve()
    # Until it serves, both signals end the work at hand, wherever that is; the database forgets what was half-done.
    # A shell starts what runs in its background with Ctrl-C ignored, so that one is set as well.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        with _listener(port) as listener, folder.take(where):
            if reset:
                folder.clear(where)
            _choose_environment(port, where)
            _prepare(port)
            _serve(listener, work, greeting=_greeting(port, where))
    except KeyboardInterrupt:
        _say("\nStopped before the shop was ready. Nothing half-made is left.")
    except (_PortTakenError, folder.UnusableFolderError, ImproperlyConfigured) as error:
        _say(f"guestlist: {error}")
        return 1
    return 0


class _PortTakenError(Exception):
    """Nothing can listen there."""


def _listener(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(128)
    except (OSError, OverflowError) as error:
        listener.close()
        reason = getattr(error, "strerror", None) or str(error)
        raise _PortTakenError(
            f"Port {port} cannot be used: {reason}. Choose another one, like this: ./guestlist demo --port 8010"
        ) from error
    return listener


def _stopped_by_signals() -> threading.Event:
    """Return an event that Ctrl-C or SIGTERM sets; a second one ends the process at once."""
    stop = threading.Event()

    def ask(number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            os._exit(128 + number)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, ask)
    return stop


def _choose_environment(port: int, data: Path) -> None:
    """Let nothing of a real shop's settings reach the demo: its database and secrets are in its own folder.

    GUESTLIST_DEMO_DATABASE_URL names a PostgreSQL database instead of the folder's own, for this one purpose.
    """
    database = os.environ.get("GUESTLIST_DEMO_DATABASE_URL")
    for name in list(os.environ):
        if name.startswith("GUESTLIST_") and name not in _KEPT:
            del os.environ[name]
    for name in ("DATABASE_URL", "DATABASE_URL_FILE"):
        os.environ.pop(name, None)
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "guestlist.settings",
        "GUESTLIST_DATA": str(data),
        "GUESTLIST_DEMO": "1",
        "GUESTLIST_HOST_ALIASES": f"localhost:{port}={HOST}:{port}",
    }
    if database:
        os.environ["DATABASE_URL"] = database
    os.environ.setdefault("GUESTLIST_LOG_LEVEL", "WARNING")
    # Its files come from where they lie; the folder is there so that nobody warns of its absence.
    (data / "static").mkdir(exist_ok=True)


def _prepare(port: int) -> None:
    """Bring the database up to date, plant the example shop if it is missing, and let it answer at this port."""
    import django

    django.setup()

    from django.conf import settings
    from django.core.management import call_command
    from django.utils import timezone

    from guestlist.demo import seed
    from guestlist.demo.models import Planting
    from guestlist.mail.transport import Server

    if settings.GUESTLIST_SMTP_URL:
        Server.parse(settings.GUESTLIST_SMTP_URL)
    call_command("migrate", verbosity=0, interactive=False)
    base_url = f"http://{HOST}:{port}"
    if not Planting.objects.exists():
        _say("Making the example shop (first time only, some seconds) …")
        seed.plant(base_url=base_url, now=timezone.now())
    seed.move(base_url=base_url)


def _serve(listener: socket.socket, work: Work, *, greeting: str) -> None:
    """Answer requests and do the worker's jobs until told to stop; what is under way is finished first."""
    from django.core.wsgi import get_wsgi_application
    from django.db import connections
    from waitress import create_server, wasyncore

    from guestlist.demo.transport import InboxTransport

    # That a request waits for a free thread is no news in a demo.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    # The one that prepared; requests and jobs open their own.
    connections.close_all()
    stop = _stopped_by_signals()
    channels: dict[int, Any] = {}
    server = create_server(
        get_wsgi_application(), map=channels, sockets=[listener], threads=_THREADS, ident="Guestlist"
    )
    worker = threading.Thread(target=work, args=(stop, InboxTransport()), name="worker")
    worker.start()
    _say(greeting)
    try:
        while not stop.is_set():
            wasyncore.loop(timeout=0.5, map=channels, count=1)
        _say("\nStopping …")
        until = time.monotonic() + _DRAIN_SECONDS
        while _is_busy(server) and time.monotonic() < until:
            wasyncore.loop(timeout=0.1, map=channels, count=1)
    finally:
        stop.set()
        server.task_dispatcher.shutdown()
        wasyncore.close_all(channels)
        worker.join(_PATIENCE_SECONDS)
    _say("Stopped. ./guestlist demo goes on where you left off.")


def _is_busy(server: Any) -> bool:  # noqa: ANN401 - waitress has no types
    return any(channel.requests or channel.total_outbufs_len for channel in server.active_channels.values())


def _greeting(port: int, data: Path) -> str:
    from django.conf import settings

    base = f"http://{HOST}:{port}"
    mail = "its mail goes to your mail server" if settings.GUESTLIST_SMTP_URL else "every mail it sends"
    rows = (
        ("Shop", f"{base}/", "in Dutch"),
        ("", f"{base}/en/", "in English"),
        ("", f"{base}/de/", "for Germany"),
        ("", f"{base}/outlet/", "the second website"),
        ("Staff site", f"{base}/staff/", "for the shop's people"),
        ("Inbox", f"{base}/demo/inbox/", mail),
        (),
        ("Sign in as", "customer@example.com", "customer, group General"),
        ("", "wholesale@example.com", "customer, group Wholesale"),
        ("", "staff@example.com", "staff, may do everything"),
        ("", "marketing@example.com", "staff of one website, may send"),
        ("", "support@example.com", "staff of one website, may not send"),
        ("Password", "guestlist-demo", "for all of them"),
        (),
        ("Data", str(data), ""),
    )
    width = max(len(row[1]) for row in rows[:-1] if row) + 3
    table = "\n".join(f"    {row[0]:13}{row[1]:{width}}{row[2]}".rstrip() if row else "" for row in rows)
    return f"\n  Guestlist: an example shop to try everything with. Ctrl-C stops it.\n\n{table}\n"


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
