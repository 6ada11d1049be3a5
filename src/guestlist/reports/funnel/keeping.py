"""Funnels of so many invitations that no page can count them: asked for, counted by a worker, kept for some weeks."""

from __future__ import annotations

import datetime
import hashlib
import json
import logging
from typing import TYPE_CHECKING

from django.db import InterfaceError, OperationalError
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from guestlist.refusal import Refusal
from guestlist.reports.funnel import cohort, tables
from guestlist.reports.funnel.asking import Asked
from guestlist.reports.models import FunnelCount
from guestlist.stores.models import StoreView

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from django.db.models import QuerySet

    from guestlist.reports.funnel.tables import Answer

log = logging.getLogger(__name__)

LEASE = datetime.timedelta(minutes=5)
"""How long nobody else takes what a worker has in hand; far longer than a piece takes."""
KEPT = datetime.timedelta(days=35)
"""How long an answer is kept after it was last asked for: over a month, so that it can be held against the next."""
MOST_WAITING = 20
"""So many may wait at a time; there are few questions that people ask."""
_TRIES = 3


class TooManyWaiting(Refusal):
    """More is asked for than is counted."""

    code = "too_many_waiting"
    status = 429
    message = _("Others are having so many counted that this has to wait. Ask again when theirs are done.")


class _LetGo(Exception):  # noqa: N818 - not an error: the worker ends, or another one has it
    """Somebody else goes on with it."""


def kept(asked: Asked, *, store_views: Sequence[StoreView]) -> FunnelCount | None:
    """Return what is kept of a question about those of the store views that it is about, None where nobody asked."""
    return FunnelCount.objects.filter(digest=_digest(asked, store_views)).first()


def ask(asked: Asked, *, store_views: Sequence[StoreView], now: datetime.datetime) -> bool:
    """Have a question counted, or counted again; returns False where it waits for that already.

    :raises TooManyWaiting: when that has to wait itself.
    """
    digest = _digest(asked, store_views)
    waiting = FunnelCount.objects.filter(waits=True)
    if waiting.filter(digest=digest).exists():
        return False
    if waiting.count() >= MOST_WAITING:
        raise TooManyWaiting
    size = cohort.size(cohort.pieces(asked.question.span))
    begin = {"asked_at": now, "waits": True, "has_failed": False, "begun": 0, "size": size, "reached": 0}
    FunnelCount.objects.update_or_create(
        digest=digest,
        defaults=begin,
        create_defaults={**begin, "question": asked.as_query(), "store_views": _ids(asked, store_views)},
    )
    log.info("funnel asked for digest=%s", digest[:8])
    return True


def work(*, clock: Callable[[], datetime.datetime], stopping: Callable[[], bool]) -> bool:
    """Count the one that waits longest; true when there was one. A worker that is killed leaves it to be begun anew.

    :raises OperationalError, InterfaceError: when the database is away or busy; it is counted another time.
    """
    one = _taken(clock())
    if one is None:
        return False
    if one.begun > _TRIES:
        log.error("funnel failed id=%s: it was begun %s times and never ended", one.pk, _TRIES)
        _end(one, has_failed=True)
        return True
    try:
        answer = _counted(one, clock, stopping)
    except _LetGo:
        _mine(one).update(leased_until=None, begun=F("begun") - 1)
        return False
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        log.exception("funnel failed id=%s", one.pk)
        _end(one, has_failed=True)
        return True
    _end(one, answer=answer.as_data(), counted_at=one.counted_at)
    return True


def forget_old(*, now: datetime.datetime) -> None:
    """Forget what nobody asked for lately."""
    FunnelCount.objects.filter(asked_at__lt=now - KEPT).delete()


def _taken(now: datetime.datetime) -> FunnelCount | None:
    free = FunnelCount.objects.filter(Q(leased_until=None) | Q(leased_until__lt=now), waits=True)
    one = free.order_by("asked_at", "pk").defer("answer").first()
    # The condition decides between two at the same moment; it counts before it begins, should it kill its worker.
    if one is None or not free.filter(pk=one.pk).update(leased_until=now + LEASE, begun=F("begun") + 1):
        return None
    one.leased_until, one.begun, one.counted_at = now + LEASE, one.begun + 1, now
    return one


def _counted(
    one: FunnelCount, clock: Callable[[], datetime.datetime], stopping: Callable[[], bool]
) -> Answer:
    """Count piece by piece, each as it is then: a snapshot of minutes would keep the database from tidying up."""
    views = list(StoreView.objects.filter(pk__in=one.store_views).select_related("website").order_by("pk"))
    asked = Asked.from_query(one.question, store_views=views, now=clock())
    pieces = cohort.pieces(asked.question.span)
    count, size, reached = tables.begun(asked, views), cohort.size(pieces), 0
    for ids in pieces:
        if stopping():
            raise _LetGo
        until = clock() + LEASE
        if not _mine(one).update(leased_until=until, size=size, reached=reached):
            raise _LetGo
        one.leased_until = until
        count.add(ids)
        reached += cohort.size([ids])
    return tables.Answer.of(count)


def _mine(one: FunnelCount) -> QuerySet[FunnelCount]:
    # A worker that was slower than its lease finds it taken, and writes nothing.
    return FunnelCount.objects.filter(pk=one.pk, leased_until=one.leased_until)


def _end(one: FunnelCount, **values: object) -> None:
    _mine(one).update(waits=False, leased_until=None, begun=0, **values)


def _ids(asked: Asked, store_views: Sequence[StoreView]) -> list[int]:
    return sorted(one.pk for one in asked.question.within(store_views))


def _digest(asked: Asked, store_views: Sequence[StoreView]) -> str:
    told = json.dumps([asked.as_query(), _ids(asked, store_views)], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()
