"""What runs beside the web pages, and how often."""

from __future__ import annotations

import datetime
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from django.conf import settings
from django.db import connection
from django.utils import timezone

from guestlist.invitations import blocks, figures
from guestlist.invitations import emails as invitation_mail
from guestlist.invitations.actions import converting, import_files, mass, snapshots, tasks, websites
from guestlist.invitations.actions.importing import Importing
from guestlist.invitations.actions.tasks import Handler
from guestlist.invitations.config import Invitations
from guestlist.mail import (
    accounts,
    brake,
    counting,
    dkim,
    ending,
    lifting,
    mailbox,
    pacing,
    purging,
    returned,
    trials,
    workers,
)
from guestlist.mail.delivery import Delivery
from guestlist.mail.journal import Journal
from guestlist.mail.kinds import Kind
from guestlist.mail.models import Message, MessageState
from guestlist.mail.parcels import Transport
from guestlist.reports.funnel import keeping
from guestlist.reports.monday import kind as monday_mail
from guestlist.reports.monday import posting
from guestlist.stores import config
from guestlist.worker.telling import Teller

log = logging.getLogger(__name__)

KINDS: tuple[Kind, ...] = (
    *accounts.KINDS,
    *invitation_mail.KINDS,
    *lifting.KINDS,
    *monday_mail.KINDS,
    *trials.KINDS,
)
"""Every kind of mail that may stand in the outbox."""
HANDLERS: tuple[Handler, ...] = (*mass.HANDLERS, Importing())
"""What is done in the background, by the kinds of tasks."""
DELIVERY = "delivery"
DELIVERY_EVERY = 1.0
_CAUGHT_UP = datetime.timedelta(minutes=90)


@dataclass(frozen=True, slots=True)
class Job:
    """Something that is done again and again."""

    name: str
    every: float
    """Seconds from the end of one run to the next."""
    run: Callable[[Callable[[], bool]], bool]
    """Does one bounded piece of the work, given what tells it to come to an end; true when there is more right now."""
    is_whole: bool = False
    """Whether a piece may take long and begins anew where it is not ended, so that only the worker's own end ends it."""


def all_jobs(*, transport: Transport | None, worker: str, journal: Journal | None = None) -> list[Job]:
    """Return the jobs of a worker; without a transport nothing is delivered and mail waits."""
    delivery = [delivery_job(transport, worker, journal)] if transport is not None else []
    return [*delivery, *upkeep()]


def upkeep() -> list[Job]:
    """Return the jobs that keep what delivery needs in order; it does no harm when several run them.

    :raises ImproperlyConfigured: when GUESTLIST_BOUNCE_MAILBOX cannot be read or is unsafe.
    """
    mailboxes = []
    if url := settings.GUESTLIST_BOUNCE_MAILBOX:
        mailbox.Mailbox.parse(url)  # what is wrong with it shows at the start
        mailboxes.append(Job("bounces", 60, _collect))
    return [
        *mailboxes,
        Job("figures", 5, _fold),
        Job("tasks", 1, work_on_tasks),
        Job("workbooks", 1, read_workbook, is_whole=True),
        Job("funnels", 1, count_funnel, is_whole=True),
        Job("sends", 1, partial(_see_to_sends, Teller())),
        Job("brake", 10, _brake),
        Job("mondays", 60, _post_mondays),
        Job("forgetting", 3600, _forget),
    ]


def delivery_job(transport: Transport, worker: str, journal: Journal | None = None) -> Job:
    """Return the job that hands mail over."""
    delivery = Delivery(
        kinds=KINDS,
        transport=transport,
        worker=worker,
        clock=_now,
        batch_size=batch_size,
        journal=journal,
        journals=settings.GUESTLIST_JOURNAL_DIR,
        signer=dkim.configured(),
    )

    def deliver(stopping: Callable[[], bool]) -> bool:
        tally = delivery.run(stop=stopping)
        if tally.claimed:
            log.info("delivery %s", tally)
        if tally.unreachable:
            raise NoServerError(tally.unreachable)
        return tally.claimed > tally.released

    return Job(DELIVERY, DELIVERY_EVERY, deliver)


def _now() -> datetime.datetime:
    """Return the time; asked twice for each mail, so without Django's look at the settings."""
    return datetime.datetime.now(datetime.UTC)


def batch_size(website_id: int) -> int:
    """Return how many mails the worker takes at a time for a website, as configured."""
    place = config.Place(website_id=website_id)
    return config.resolve(Invitations, place).value.batch_size


def _fold(_stopping: Callable[[], bool]) -> bool:
    return figures.fold() > 0


def work_on_tasks(_stopping: Callable[[], bool]) -> bool:
    """Do a piece of the background's work and let others go first for a moment; true when there may be more."""
    began = time.monotonic()
    more = tasks.work(handlers=HANDLERS, clock=_now)
    if more:
        time.sleep(breath(time.monotonic() - began))
    return more


def read_workbook(stopping: Callable[[], bool]) -> bool:
    """Read a workbook that is to be imported into lines; true when there was one."""
    return converting.work(clock=_now, stopping=stopping)


def count_funnel(stopping: Callable[[], bool]) -> bool:
    """Count a funnel that somebody asked for; true when there was one."""
    return keeping.work(clock=_now, stopping=stopping)


def breath(seconds: float) -> float:
    """Return for how many seconds others go first after a piece of work that took so long, while mail leaves.

    On SQLite, where one alone may write, whoever waits looks again at times only, and would never find the lock free.
    """
    if connection.vendor == "sqlite":
        return max(seconds / 3, 0.1)
    # By an index of the few rows that workers have in hand.
    return seconds / 3 if Message.objects.filter(state=MessageState.LEASED).exists() else 0.0


def _see_to_sends(teller: Teller, _stopping: Callable[[], bool]) -> bool:
    now = timezone.now()
    withdrawn = ending.withdraw_stopped(kinds=KINDS, now=now)
    counting.fold(now=now)
    ending.finish(now=now)
    teller.look(now=now)
    return withdrawn > 0


def _brake(_stopping: Callable[[], bool]) -> bool:
    brake.apply(now=timezone.now())
    return False


def _post_mondays(_stopping: Callable[[], bool]) -> bool:
    posting.post(now=timezone.now())
    return False


def _forget(_stopping: Callable[[], bool]) -> bool:
    now = timezone.now()
    pacing.forget_old(now=now)
    lifting.forget_old(now=now)
    trials.forget_old(now=now)
    returned.forget_old(now=now)
    blocks.catch_up(now - _CAUGHT_UP)
    workers.forget_old(now=now)
    filled = websites.fill_in()
    keeping.forget_old(now=now)
    posting.forget_old(now=now)
    forgotten = snapshots.forget_old(now=now)
    imported = import_files.forget_old(now=now)
    return (
        purging.purge(now=now) == purging.AT_ONCE
        or forgotten == snapshots.FORGOTTEN_AT_ONCE
        or imported == import_files.FORGOTTEN_AT_ONCE
        or filled == websites.AT_ONCE
    )


def _collect(_stopping: Callable[[], bool]) -> bool:
    return mailbox.collect(kinds=KINDS, clock=timezone.now) >= mailbox.LIMIT


class NoServerError(Exception):
    """The mail server cannot be reached; delivery waits and goes on."""
