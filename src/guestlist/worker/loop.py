"""Runs all jobs in one process, each in a thread of its own, until it is told to stop."""

from __future__ import annotations

import gc
import logging
import signal
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import Error, InterfaceError, OperationalError, close_old_connections, connections

from guestlist.mail import journal, providers
from guestlist.mail.journal import Journal, JournalInUseError
from guestlist.mail.parcels import Transport
from guestlist.mail.transport import Server, SmtpTransport
from guestlist.mail.workers import Fault
from guestlist.stores import schema
from guestlist.worker import jobs, presence
from guestlist.worker.jobs import Job, NoServerError

log = logging.getLogger(__name__)

IDLE = 1.0
"""Seconds between looks when nothing is due."""
LONGEST_PAUSE = 60.0
"""Seconds that a job waits at most after failing again and again."""


@dataclass(slots=True)
class Turn:
    """When a job's turn is, by the monotonic clock, and how often in a row it failed."""

    job: Job
    due: float = 0.0
    failures: int = 0
    fault: Fault | None = None
    """What it failed of when it ran last."""


def run(*, stop: threading.Event, work: Sequence[Job], idle: float = IDLE, worker: str = "") -> None:
    """Do the jobs again and again until `stop` is set; what is in hand then is finished or put back first.

    A worker with a name is written down as seen all the time, with what keeps it from delivering.

    A job that fails, because the database or the mail server is away or because of a mistake in it, is tried again after a
    growing pause and stops no other.
    """
    log.info("worker started jobs=%s", ",".join(job.name for job in work))
    turns = [Turn(job) for job in work]
    if worker:
        turns.append(Turn(presence.job(worker, partial(fault_of, turns[:]))))
    threads = [
        threading.Thread(target=_keep_doing, args=(turn, stop, idle), name=turn.job.name) for turn in turns
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.info("worker stopped")


def main() -> int:
    """Run the worker of this installation until it is told to stop by SIGTERM or Ctrl-C; returns its exit status.

    :raises ImproperlyConfigured: when its settings do not work, or the database has no tables.
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    transport = configured_transport()
    if transport is None:
        log.warning("Neither GUESTLIST_SMTP_URL nor GUESTLIST_MAIL_API is set: mail waits in the outbox.")
    held = taken_journal()
    log.info("worker name=%s", held.name)
    # What is loaded by now stays: the collector need not go through it again and again.
    gc.collect()
    gc.freeze()
    try:
        work = jobs.all_jobs(transport=transport, worker=held.name, journal=held)
        with suppress(Error):  # a database that is away is waited for
            schema.require()
        connections.close_all()
        run(stop=stop, work=work, worker=held.name)
    finally:
        held.close()
        if transport is not None:
            transport.close()
    return 0


def configured_transport() -> Transport | None:
    """Return the way to the mail server or the provider's API that the environment names, or None.

    :raises ImproperlyConfigured: when GUESTLIST_SMTP_URL cannot be read or is unsafe, or the API cannot be used.
    """
    provider = providers.configured()
    if provider is not None:
        # Here, because what it is built on need not be installed.
        from guestlist.mail.api import ApiTransport

        return ApiTransport(provider, connections=settings.GUESTLIST_MAIL_API_CONNECTIONS)
    url = settings.GUESTLIST_SMTP_URL
    return SmtpTransport(Server.parse(url)) if url else None


def taken_journal() -> Journal:
    """Return a journal of this machine's that no other worker holds; its name is the worker's, the same after each start.

    :raises ImproperlyConfigured: when it cannot be kept.
    """
    root = settings.GUESTLIST_JOURNAL_DIR
    try:
        return journal.take_first(root, settings.GUESTLIST_WORKER)
    except OSError as error:
        raise ImproperlyConfigured(
            f"GUESTLIST_JOURNAL_DIR cannot be written to: {error}. Name a folder on a disk of this machine."
        ) from error
    except JournalInUseError as error:
        raise ImproperlyConfigured("256 workers run on this machine already; no journal is left.") from error


def fault_of(turns: Sequence[Turn]) -> Fault | None:
    """Return what keeps a worker with these jobs from delivering."""
    delivery = next((turn for turn in turns if turn.job.name == jobs.DELIVERY), None)
    return presence.without_server() if delivery is None else delivery.fault


def _keep_doing(turn: Turn, stop: threading.Event, idle: float) -> None:
    try:
        while not stop.is_set():
            if time.monotonic() < turn.due or not do(turn, stop.is_set):
                stop.wait(min(idle, max(turn.due - time.monotonic(), 0.01)))
    finally:
        connections.close_all()


def do(turn: Turn, stopping: Callable[[], bool]) -> bool:
    """Run one job once and set its next turn, the later the more often it failed; returns whether it has more right now."""
    close_old_connections()
    more = False
    pause = turn.job.every
    try:
        more = turn.job.run(stopping)
        turn.failures = 0
        turn.fault = None
    except (OperationalError, InterfaceError, NoServerError) as fault:
        pause = _pause(turn)
        turn.fault = presence.after(turn.fault, fault)
        log.warning("%s waits %.0f s: %s", turn.job.name, pause, fault)
    except Exception as fault:
        pause = _pause(turn)
        turn.fault = presence.after(turn.fault, fault)
        log.exception("%s failed and waits %.0f s", turn.job.name, pause)
    finally:
        close_old_connections()
    turn.due = time.monotonic() + (0 if more else pause)
    return more


def _pause(turn: Turn) -> float:
    turn.failures += 1
    return min(2.0 ** min(turn.failures, 10), LONGEST_PAUSE)
