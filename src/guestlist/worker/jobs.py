"""What runs beside the web pages, and how often."""

from __future__ import annotations

import logging
import os
import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass

from django.utils import timezone

from guestlist.invitations import emails as invitation_mail
from guestlist.invitations import figures
from guestlist.invitations.config import Invitations
from guestlist.mail import accounts, delivery, lifting, trials
from guestlist.mail.transport import Transport
from guestlist.stores import config

log = logging.getLogger(__name__)

KINDS = (*accounts.KINDS, *lifting.KINDS, *trials.KINDS, *invitation_mail.KINDS)
"""Every kind of mail that may stand in the outbox."""


@dataclass(frozen=True, slots=True)
class Job:
    """Something that is done again and again."""

    name: str
    every: float
    """Seconds from the end of one run to the next."""
    run: Callable[[Callable[[], bool]], bool]
    """Does one bounded piece of the work, given what tells it to come to an end; true when there is more right now."""


def all_jobs(*, transport: Transport | None, worker: str) -> list[Job]:
    """Return the jobs of a worker; without a transport nothing is delivered and mail waits."""
    jobs = [Job("figures", 5, _fold)]
    if transport is not None:
        jobs.insert(0, Job("delivery", 1, _delivery(transport, worker)))
    return jobs


def worker_name() -> str:
    """Return a name for this worker that no other has."""
    return f"{socket.gethostname()[:20]}-{os.getpid()}-{secrets.token_hex(3)}"


def batch_size(website_id: int) -> int:
    """Return how many mails the worker takes at a time for a website, as configured."""
    place = config.Place(website_id=website_id)
    return config.resolve(Invitations, place).value.batch_size


def _delivery(transport: Transport, worker: str) -> Callable[[Callable[[], bool]], bool]:
    def deliver(stopping: Callable[[], bool]) -> bool:
        tally = delivery.run(
            kinds=KINDS,
            transport=transport,
            worker=worker,
            clock=timezone.now,
            batch_size=batch_size,
            stop=stopping,
        )
        if tally.claimed:
            counts = " ".join(f"{verdict}={count}" for verdict, count in sorted(tally.verdicts.items()))
            log.info("delivery claimed=%s released=%s %s", tally.claimed, tally.released, counts)
        if tally.unreachable:
            raise NoServerError(tally.unreachable)
        return tally.claimed > tally.released

    return deliver


def _fold(_stopping: Callable[[], bool]) -> bool:
    return figures.fold() > 0


class NoServerError(Exception):
    """The mail server cannot be reached; delivery waits and goes on."""
