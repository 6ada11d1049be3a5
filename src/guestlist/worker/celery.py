"""The same jobs on Celery, over any number of machines.

Beat says when, by a message that holds the name of a job and nothing else; a process that gets one does that job for a
while. What there is to do stands in the database alone: a broker that is lost, emptied or slow loses nothing, and a
message that comes twice does no harm. Each job has a queue of its own, in which at most one message waits, so that nothing
piles up while workers are busy or away and no job keeps another waiting.
"""

from __future__ import annotations

import datetime
import logging
import math
import mmap
import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import django
from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import InterfaceError, OperationalError, connections

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "guestlist.settings")
if not apps.ready:
    django.setup()  # `celery -A guestlist.worker.celery` begins here

from celery import Celery, beat, signals
from kombu import Exchange, Producer, Queue

from guestlist.mail.journal import Journal, JournalInUseError
from guestlist.mail.parcels import Transport
from guestlist.stores import schema
from guestlist.worker import jobs, loop, presence
from guestlist.worker.loop import Turn

log = logging.getLogger(__name__)

SESSION = 20.0
"""Seconds after which a job lets go of its process: there may be fewer processes than jobs with something to do."""

EVERY: dict[str, float] = {
    jobs.DELIVERY: jobs.DELIVERY_EVERY,
    **{job.name: job.every for job in jobs.all_jobs(transport=None, worker="")},
}
"""The seconds from one message to the next, by job."""

_LONG_AGO = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)
_stopping = mmap.mmap(-1, 1)
"""Shared with the processes that the pool forks: they are not told themselves when the node is told to stop."""


class Station:
    """What one process works with."""

    def __init__(self) -> None:
        self.turns = {job.name: Turn(job) for job in jobs.all_jobs(transport=None, worker="")}
        self.locks = {name: threading.Lock() for name in EVERY}
        self.transport: Transport | None = None
        self.journal: Journal | None = None
        self.sign: Turn | None = None

    def do(self, name: str) -> None:
        """Do a job until there is no more of it, its time is over, or the node is to stop.

        Over at once where another thread of this process is at it, or where it failed just now and is to wait.
        """
        if not self.locks[name].acquire(blocking=False):
            return
        try:
            turn = self.turns.get(name) or self._take_up_delivery()
            if turn is not None and not (turn.failures and time.monotonic() < turn.due):
                until = time.monotonic() + SESSION
                end = math.inf if turn.job.is_whole else until
                while loop.do(turn, lambda: is_over(end)) and not is_over(until):
                    pass
            if name == jobs.DELIVERY:
                self._give_sign()
        finally:
            self.locks[name].release()

    def _give_sign(self) -> None:
        """Write down every ten seconds that this process runs, by the name that it delivers under."""
        if self.sign is None:
            name = self.journal.name if self.journal else settings.GUESTLIST_WORKER or socket.gethostname()
            self.sign = Turn(presence.job(name, lambda: loop.fault_of(list(self.turns.values()))))
        if time.monotonic() >= self.sign.due:
            loop.do(self.sign, lambda: False)

    def close(self) -> None:
        """Let go of the journal and the mail server, unless a thread still delivers."""
        lock = self.locks[jobs.DELIVERY]
        if not lock.acquire(blocking=False):
            return
        try:
            self.turns.pop(jobs.DELIVERY, None)
            if self.transport is not None:
                self.transport.close()
            if self.journal is not None:
                self.journal.close()
            self.transport = self.journal = self.sign = None
        finally:
            lock.release()

    def _take_up_delivery(self) -> Turn | None:
        """Take a name with its journal, at the first mail and not before.

        Nobody else may decide what a name left behind while somebody holds it, so whoever holds one must deliver.
        """
        self.transport = loop.configured_transport()
        if self.transport is None:
            return None
        self.journal = loop.taken_journal()
        name = self.journal.name
        log.info("worker name=%s", name)
        turn = Turn(jobs.delivery_job(self.transport, name, self.journal))
        self.turns[jobs.DELIVERY] = turn
        return turn


def is_over(until: float) -> bool:
    """Tell whether a job is to come to an end: at a time of the monotonic clock, or because the node is to stop."""
    return _stopping[0] == 1 or time.monotonic() > until


class Scheduler(beat.Scheduler):
    """Says when, but not again while the last word is still waiting to be heard."""

    def apply_entry(self, entry: beat.ScheduleEntry, producer: Producer | None = None) -> None:
        """Send what is due; a broker that is away then is tried again at the next turn."""
        try:
            if not self._waits(entry.options["queue"]):
                self.apply_async(entry, producer=producer, advance=False)
        except Exception as error:  # noqa: BLE001 - each kind of broker has errors of its own
            log.warning("The broker does not take %s: %s", entry.name, error)
            self._begin_anew()

    def _waits(self, queue: str) -> bool:
        bound = self.app.amqp.queues[queue](self.connection.default_channel)
        return bool(bound.queue_declare().message_count)

    def _begin_anew(self) -> None:
        with suppress(Exception):
            self.connection.close()
        # Made again when they are asked for.
        self.__dict__.pop("producer", None)
        self.__dict__.pop("connection", None)


def made(broker: str) -> Celery:
    """Return the Celery app with a task, a queue and a place in the schedule for each job.

    :raises ImproperlyConfigured: without a broker.
    """
    if not broker:
        raise ImproperlyConfigured(
            "GUESTLIST_BROKER_URL is not set. Name the broker that tells workers when: "
            "redis://127.0.0.1:6379/0 or amqp://user:password@127.0.0.1:5672/name."
        )
    celery = Celery("guestlist", broker=broker)
    celery.conf.update(
        accept_content=["json"],
        task_serializer="json",
        task_ignore_result=True,
        result_expires=None,
        # Acknowledged when it is done: what a killed process had begun is begun once more, which does no harm.
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        # A mail in hand has nothing to do with the broker.
        worker_cancel_long_running_tasks_on_connection_loss=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        task_default_queue="guestlist",
        task_queues=[Queue(_name(job), Exchange("guestlist"), routing_key=_name(job)) for job in EVERY],
        task_routes={_name(job): {"queue": _name(job)} for job in EVERY},
        beat_scheduler=Scheduler,
        beat_schedule={job: _entry(job, every) for job, every in EVERY.items()},
    )
    for job in EVERY:
        celery.task(_task(job), name=_name(job))
    return celery


def _name(job: str) -> str:
    """Return what a job is called at the broker, which others may use too."""
    return f"guestlist.{job}"


def _entry(job: str, every: float) -> dict[str, object]:
    """Return a job's place in the schedule."""
    return {
        "task": _name(job),
        "schedule": every,
        "options": {"queue": _name(job)},
        "last_run_at": _LONG_AGO,  # due at the start, as everything is in a worker without Celery
    }


def _task(job: str) -> Callable[[], None]:
    def do() -> None:
        STATION.do(job)

    return do


def begin(**_signal: object) -> None:
    """Refuse to start without sound settings and tables, and decide what killed processes of this node held.

    :raises SystemExit: with what is set wrong.
    """
    try:
        _decide_left_behind()
    except ImproperlyConfigured as error:
        raise SystemExit(str(error)) from error
    except (OperationalError, InterfaceError) as error:
        log.warning("What was left behind is decided when its leases run out: %s", error)
    finally:
        connections.close_all()  # the processes of the pool must not inherit them


def _decide_left_behind() -> None:
    schema.require()
    transport = loop.configured_transport()
    if transport is None:
        log.warning("No mail server is set: this node delivers nothing.")
        return
    loop.taken_journal().close()  # or it cannot be kept, which is better known now
    root = settings.GUESTLIST_JOURNAL_DIR
    for name in sorted(folder.name for folder in root.iterdir() if folder.is_dir()):
        with suppress(JournalInUseError):
            held = Journal.take(root, name)
            try:
                # Delivery begins with what its name left behind; told to stop at once, it goes no further.
                jobs.delivery_job(transport, name, held).run(lambda: True)
            finally:
                held.close()
    transport.close()


def stop(**_signal: object) -> None:
    """Tell the jobs of all processes of this node to come to an end."""
    _stopping[0] = 1


def end(**_signal: object) -> None:
    """Let go of what this process holds."""
    STATION.close()


def keep_log(**_signal: object) -> None:
    """Leave the log as the settings made it, without a line for each message that comes and goes."""
    for name in ("celery.worker.strategy", "celery.app.trace"):
        logging.getLogger(name).setLevel(logging.WARNING)


STATION = Station()
app = made(settings.GUESTLIST_BROKER_URL)

signals.setup_logging.connect(keep_log)
signals.worker_init.connect(begin)
signals.worker_shutting_down.connect(stop)
signals.worker_process_shutdown.connect(end)
signals.worker_shutdown.connect(end)
