"""What bulk sends wait for, and until when: one answer for every page, the command line and the log.

Read from the database in a few queries, for one send as for many.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from django.db.models import OuterRef, Subquery
from django.utils import formats
from django.utils.translation import gettext as _

from guestlist.mail import hours, pacing, workers
from guestlist.mail.models import Message, Send, SenderIdentity
from guestlist.mail.moments import told

if TYPE_CHECKING:
    import datetime
    from collections.abc import Collection, Mapping, Sequence

    from guestlist.mail.config import Delivery
    from guestlist.mail.pacing import Limit
    from guestlist.mail.workers import Standstill

_SOON = timedelta(seconds=10)
"""What comes within this is no wait: limits per second put mails off for as long."""
_PATIENCE = timedelta(minutes=1)
"""For so long nothing need happen before somebody is told why."""


class Reason(enum.Enum):
    """The kinds of what a send waits for."""

    SENDER = enum.auto()
    HOURS = enum.auto()
    LIMIT = enum.auto()
    """A limit per day of its sender or of all mail."""
    DOMAINS = enum.auto()
    """The limit per day of the domains that its last mails go to."""
    AGAIN = enum.auto()
    """All that is left was tried, and its time comes again."""
    WORKERS = enum.auto()


@dataclass(frozen=True, slots=True)
class Wait:
    """What a send waits for; as text, a sentence for people."""

    reason: Reason
    until: datetime.datetime | None = None
    zone: ZoneInfo | None = None
    """Where ``until`` is told; where its reader is, if there is none."""
    sender: SenderIdentity | None = None
    used: int = 0
    most: int = 0
    is_warming_up: bool = False
    standstill: Standstill | None = None
    open_hours: tuple[int, int] = (0, 24)

    def __str__(self) -> str:
        if self.standstill is not None:
            return str(self.standstill)
        said = {
            "until": told(self.until, self.zone),
            "used": _number(self.used),
            "most": _number(self.most),
            "begin": f"{self.open_hours[0]}:00",
            "end": f"{self.open_hours[1]}:00",
        }
        if self.sender is not None:
            said |= {"name": self.sender.name, "address": self.sender.address}
        return self._sentence() % said

    def _sentence(self) -> str:
        if self.reason is Reason.LIMIT:
            return self._of_limit()
        return {
            Reason.HOURS: _("Waits until %(until)s: bulk mail leaves between %(begin)s and %(end)s."),
            Reason.DOMAINS: _(
                "Waits until %(until)s: the domains that the rest goes to have got what one domain may get in a day."
            ),
            Reason.AGAIN: _("All that is left was tried and goes out again, the first of it on %(until)s."),
        }.get(self.reason, _("Waits for its sender"))

    def _of_limit(self) -> str:
        if self.sender is None:
            return _("Waits until %(until)s: %(used)s of %(most)s mails of all senders together left today.")
        if self.is_warming_up:
            return _(
                "Waits until %(until)s: “%(name)s” <%(address)s> has sent %(used)s of %(most)s mails today (warming up)."
            )
        return _("Waits until %(until)s: “%(name)s” <%(address)s> has sent %(used)s of %(most)s mails today.")


def of_sends(
    sends: Sequence[Send],
    *,
    options: Mapping[int, Delivery],
    queued: Collection[int],
    moving: Collection[int],
    now: datetime.datetime,
) -> dict[int, Wait]:
    """Return what each of these sends waits for, by its id: those that wait for nothing are left out.

    ``sends`` are running or being stopped; their ``store_view`` and ``sender`` are loaded.
    ``options`` has those of delivery by store view. ``queued`` are the ids of sends with mails that nobody tried yet,
    ``moving`` of those of which some came to an end lately.
    """
    found: dict[int, Wait] = {}
    running = [one for one in sends if one.stopped_at is None]
    for one in running:
        wait = _switched_off(one, options[one.store_view_id], now)
        if wait is not None:
            found[one.pk] = wait
    left = [one for one in running if one.pk not in found]
    found |= _of_limits(left, options, queued, now)
    idle = [
        one for one in sends if one.pk not in found and one.pk not in moving and _begun(one) < now - _PATIENCE
    ]
    standstill = workers.standstill(now=now) if idle else None
    if standstill is not None:
        wait = Wait(Reason.WORKERS, standstill=standstill)
        # What is left of a stopped send is withdrawn without a mail server.
        found |= {one.pk: wait for one in idle if one.stopped_at is None or standstill.is_lost}
    return found


def _switched_off(send: Send, delivery: Delivery, now: datetime.datetime) -> Wait | None:
    if send.sender is not None and (send.sender.stopped_at or send.sender.held_at):
        return Wait(Reason.SENDER, sender=send.sender)
    opens = hours.opens_at(delivery, time_zone=send.store_view.time_zone, now=now)
    if opens > now:
        zone = ZoneInfo(send.store_view.time_zone)
        return Wait(Reason.HOURS, opens, zone, open_hours=(delivery.send_from, delivery.send_until))
    return None


def _of_limits(
    sends: Sequence[Send], options: Mapping[int, Delivery], queued: Collection[int], now: datetime.datetime
) -> dict[int, Wait]:
    """Return what limits and earlier tries keep back, in two queries."""
    if not sends:
        return {}
    turns = _turns(sends, now)
    limits = {
        one.pk: pacing.day_limits(one.sender, options[one.store_view_id], today=now.date())
        for one in sends
        if one.sender is not None
    }
    used = pacing.used_today([limit for some in limits.values() for limit in some], now=now)
    found: dict[int, Wait] = {}
    for one in sends:
        first, untried = turns[one.pk]
        if first is None:
            continue  # workers have all of it in hand
        if first <= now + _SOON:
            full = next((each for each in limits.get(one.pk, []) if used[each.key] >= each.per_day), None)
            if full is not None:
                found[one.pk] = _full(one, full, used[full.key], options[one.store_view_id], now)
        elif untried is not None:
            found[one.pk] = Wait(Reason.DOMAINS, *_open_again(one, options[one.store_view_id], untried))
        elif one.pk not in queued:
            found[one.pk] = Wait(Reason.AGAIN, first)
    return found


def _full(send: Send, limit: Limit, used: int, delivery: Delivery, now: datetime.datetime) -> Wait:
    """Return the wait for a day on which the limit begins anew."""
    until, zone = _open_again(send, delivery, pacing.next_day(now))
    own = send.sender if limit.key != pacing.ALL else None
    warm = own is not None and pacing.is_warming_up(own, today=now.date())
    # Single mails count, but leave all the same: more than the limit may have left.
    used = min(used, limit.per_day)
    return Wait(Reason.LIMIT, until, zone, own, used, limit.per_day, is_warming_up=warm)


def _turns(
    sends: Sequence[Send], now: datetime.datetime
) -> dict[int, tuple[datetime.datetime | None, datetime.datetime | None]]:
    """Return when the next mail of each send is due, and the next that nobody tried and that waits for tomorrow."""
    ready = (
        Message.objects.waiting()
        .filter(sender=OuterRef("sender"), send=OuterRef("pk"))
        .order_by("ready_at", "pk")
        .values("ready_at")
    )
    # From midnight on alone: before it there may be many that were tried.
    tomorrow = ready.filter(ready_at__gte=pacing.next_day(now), tries=0)
    rows = (
        Send.objects.filter(pk__in=[one.pk for one in sends])
        .annotate(first=Subquery(ready[:1]), untried=Subquery(tomorrow[:1]))
        .values_list("pk", "first", "untried")
    )
    found: dict[int, tuple[datetime.datetime | None, datetime.datetime | None]]
    found = {one.pk: (None, None) for one in sends}
    return found | {pk: (first, untried) for pk, first, untried in rows}


def _open_again(
    send: Send, delivery: Delivery, moment: datetime.datetime
) -> tuple[datetime.datetime, ZoneInfo]:
    """Return when mails of a send leave whose limit ends at a moment, by its hours, and where that is told."""
    zone = send.store_view.time_zone
    opens = hours.opens_at(delivery, time_zone=zone, now=moment)
    return (opens, ZoneInfo(zone)) if opens > moment else (moment, ZoneInfo("UTC"))


def _begun(send: Send) -> datetime.datetime:
    """Return since when something should happen with a send."""
    return send.stopped_at or max(send.created_at, send.ready_at or send.created_at)


def _number(count: int) -> str:
    return formats.number_format(count, force_grouping=True)
