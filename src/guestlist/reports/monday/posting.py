"""Puts each Monday's mails into the outbox: one for each reader and week, however many workers look."""

from __future__ import annotations

import datetime
import logging
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Exists, OuterRef

from guestlist.customers import grants
from guestlist.mail import actions as mail
from guestlist.mail.models import SenderIdentity
from guestlist.reports import periods, questions
from guestlist.reports.models import MondayMail, MondayReader
from guestlist.reports.monday import choosing, counting
from guestlist.reports.monday.kind import MONDAY, WORTH

if TYPE_CHECKING:
    from collections.abc import Sequence

    from guestlist.reports.monday.choosing import Sight
    from guestlist.reports.monday.counting import Counted
    from guestlist.reports.periods import Span
    from guestlist.stores.models import StoreView

log = logging.getLogger(__name__)

HOUR = 7
"""By the clock of the store view that it comes from."""
KEPT = datetime.timedelta(days=35)
_DAY = datetime.timedelta(days=1)
_EARLIEST, _LATEST = datetime.timedelta(hours=14), datetime.timedelta(hours=12)
"""How much before UTC and after it a day begins somewhere on earth."""

type _Known = dict[tuple[frozenset[int], frozenset[int], datetime.date], Counted]


def post(*, now: datetime.datetime) -> int:
    """Queue the mails that are due; returns how many."""
    if not _is_due_somewhere(now):
        return 0
    made = MondayMail.objects.filter(user=OuterRef("user"), created_at__gt=now - WORTH - _DAY)
    readers = MondayReader.objects.filter(~Exists(made), user__is_active=True, user__is_staff=True)
    known: _Known = {}
    return sum(_posted(reader, known, now) for reader in readers.select_related("user").order_by("pk"))


def next_at(seen: Sight, *, now: datetime.datetime) -> datetime.datetime | None:
    """Return when the next mail about this is due that is not due yet, None where it cannot be sent."""
    view = seen.sends_from
    if view is None:
        return None
    zone = ZoneInfo(view.time_zone)
    monday = periods.Period.WEEK.start(now.astimezone(zone).date())
    at = _at(monday, zone)
    return at if at > now else _at(monday + 7 * _DAY, zone)


def forget_old(*, now: datetime.datetime) -> int:
    """Delete what was mailed five weeks ago; returns how many."""
    return MondayMail.objects.filter(created_at__lte=now - KEPT).delete()[0]


def _posted(reader: MondayReader, known: _Known, now: datetime.datetime) -> bool:
    seen = choosing.sight(grants.actor_of(reader.user))
    view = seen.sends_from
    week = None if view is None else _due(seen.store_views, view, reader.since, now)
    if view is None or week is None:
        return False
    counted = _counted(seen, week, known, now)
    with transaction.atomic():
        # Whoever posts at the same moment, or takes the reader off, waits here.
        if MondayReader.objects.select_for_update().filter(pk=reader.pk).first() is None:
            return False
        made, is_new = MondayMail.objects.get_or_create(
            user=reader.user,
            week=week.first,
            defaults={
                "websites": [one.pk for one in seen.websites],
                "counted": counted.as_json(),
                "created_at": now,
            },
        )
        if not is_new:
            return False
        mail.queue(
            kind=MONDAY.code,
            subject_ids=[made.pk],
            store_view=view,
            sender=SenderIdentity.Code.GENERAL,
            template=MONDAY.purpose,
            ready_at=now,
            now=now,
        )
    log.info("monday mail: week %s for staff:%s", week.first, reader.pk)
    return True


def _counted(seen: Sight, week: Span, known: _Known, now: datetime.datetime) -> Counted:
    """Count once for all who see the same."""
    with_people = frozenset(one.pk for one in seen.with_people)
    key = (frozenset(one.pk for one in seen.store_views), with_people, week.first)
    if key not in known:
        known[key] = counting.count(seen.store_views, with_people=seen.with_people, week=week, now=now)
    return known[key]


def _due(
    store_views: Sequence[StoreView], view: StoreView, since: datetime.datetime, now: datetime.datetime
) -> Span | None:
    """Return the week that a mail is due about: where it is Monday by the mail's clock, and the week over by everyone's.

    Whoever gets the mail ``since`` later than that waits for the next one.
    """
    zone = ZoneInfo(view.time_zone)
    today = now.astimezone(zone).date()
    begins = _at(periods.Period.WEEK.start(today), zone)
    week = periods.last_full_week(today)
    if not since <= begins <= now < begins + WORTH:
        return None
    return week if questions.today(store_views, now) > week.last else None


def _at(monday: datetime.date, zone: ZoneInfo) -> datetime.datetime:
    return datetime.datetime.combine(monday, datetime.time(HOUR), zone)


def _is_due_somewhere(now: datetime.datetime) -> bool:
    """Tell whether a mail may be due at some store view on earth, so that nothing is asked on other days."""
    utc = now.astimezone(datetime.UTC)
    monday = datetime.datetime.combine(
        periods.Period.WEEK.start((utc + _EARLIEST).date()), datetime.time(HOUR), datetime.UTC
    )
    return monday - _EARLIEST <= utc < monday + WORTH + _LATEST
