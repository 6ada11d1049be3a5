"""Which workers run, and what keeps them from delivering: a row each, written every ten seconds or so."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from guestlist.mail.models import Trouble, Worker
from guestlist.mail.moments import told

if TYPE_CHECKING:
    import datetime

LOST_AFTER = timedelta(minutes=1)
"""A worker that was not seen for so long does not run."""
_FORGOTTEN_AFTER = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Fault:
    """What keeps a worker from delivering: its kind, the words that came with it, and since when."""

    trouble: Trouble
    since: datetime.datetime
    words: str = ""


@dataclass(frozen=True, slots=True)
class Standstill:
    """Why no worker delivers; as text, a sentence for people."""

    worker: Worker | None
    """The one that was seen last, or that is in trouble for the longest; None when there was none."""
    is_lost: bool
    """Whether no worker runs, as far as anybody can see."""

    def __str__(self) -> str:
        if self.worker is None:
            return _("No worker has been seen yet: nothing leaves until one runs.")
        if self.is_lost:
            since = told(self.worker.seen_at)
            return _("No worker has been seen since %(since)s: nothing leaves until one runs.") % {
                "since": since
            }
        if self.worker.trouble == Trouble.NOT_SET:
            return _("A worker runs, but no mail server is set, so nothing leaves.")
        details = {"since": told(self.worker.trouble_since), "words": self.worker.words}
        if self.worker.trouble == Trouble.UNREACHABLE:
            return _("The mail server cannot be reached since %(since)s: %(words)s") % details
        return _("Delivery fails since %(since)s; the worker's log says why.") % details


def seen(*, name: str, fault: Fault | None, now: datetime.datetime) -> None:
    """Write down that a worker runs, and what keeps it from delivering; in one statement."""
    changes = {
        "seen_at": now,
        "trouble": fault.trouble if fault else Trouble.NOTHING,
        "words": fault.words[:250] if fault else "",
        "trouble_since": fault.since if fault else None,
    }
    Worker.objects.bulk_create(
        [Worker(name=name[:80], **changes)],
        update_conflicts=True,
        unique_fields=["name"],
        update_fields=list(changes),
    )


def standstill(*, now: datetime.datetime) -> Standstill | None:
    """Return why no worker delivers, in one query; None when one does, as far as workers say."""
    found = list(Worker.objects.order_by("-seen_at", "pk"))
    running = [one for one in found if one.seen_at > now - LOST_AFTER]
    if not running:
        return Standstill(found[0] if found else None, is_lost=True)
    if any(not one.trouble for one in running):
        return None
    return Standstill(min(running, key=lambda one: one.trouble_since or now), is_lost=False)


def forget_old(*, now: datetime.datetime) -> int:
    """Forget workers that were not seen for a day; returns how many."""
    return Worker.objects.filter(seen_at__lt=now - _FORGOTTEN_AFTER).delete()[0]
