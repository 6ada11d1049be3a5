"""A worker's sign of life: that it runs, and what keeps it from delivering."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils import timezone

from guestlist.mail import workers
from guestlist.mail.models import Trouble
from guestlist.mail.workers import Fault
from guestlist.worker.jobs import Job, NoServerError

if TYPE_CHECKING:
    from collections.abc import Callable

EVERY = 10.0
"""Seconds from one sign to the next."""


def job(worker: str, fault: Callable[[], Fault | None]) -> Job:
    """Return the job that gives the sign; `fault` tells what keeps the worker from delivering."""

    def tell(_stopping: Callable[[], bool]) -> bool:
        workers.seen(name=worker, fault=fault(), now=timezone.now())
        return False

    return Job("presence", EVERY, tell)


def after(before: Fault | None, error: Exception) -> Fault:
    """Return what an error tells, since when it is so."""
    is_away = isinstance(error, NoServerError)
    trouble = Trouble.UNREACHABLE if is_away else Trouble.FAILING
    since = before.since if before is not None and before.trouble is trouble else timezone.now()
    return Fault(trouble, since, str(error) if is_away else "")


def without_server() -> Fault:
    """Return the fault of a worker that has nothing to hand mail over to."""
    return Fault(Trouble.NOT_SET, timezone.now())
