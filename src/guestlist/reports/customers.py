"""Invited customers: who invited in each period and what came of it, or the people who were invited, page by page.

No index has the day on which an invitation was sent: every hand-over would write it. What was sent on some days stands
between two ids, though, and along those it is looked, a bounded way for each page.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Count, F, OuterRef, Q, Subquery

from guestlist.customers.models import Customer, CustomerGroup
from guestlist.invitations import blocks
from guestlist.invitations.lifecycle import Status
from guestlist.invitations.models import Invitation
from guestlist.reports.periods import Span

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Collection, Sequence

    from django.db.models import QuerySet

    from guestlist.invitations.blocks import Bounds

    type Narrow = Callable[[QuerySet[Invitation], Bounds], QuerySet[Invitation]]

STEPS = (1_000, 4_000, 20_000)
"""Invitations of a website that the first queries for a page look at, each; PostgreSQL sorts all of them."""
PATIENCE = 400_000
"""Invitations that are looked at for a page at most, where each query counts for a thousand besides."""
_QUERY = 1_000


@dataclass(frozen=True, slots=True)
class Scope:
    """Of which store views; those of one website alone are found by its own index.

    ``store_view_ids`` None is all that there are: whoever may not see some names the others.
    """

    website_id: int | None = None
    store_view_ids: Collection[int] | None = None

    def sent(self, span: Span) -> QuerySet[Invitation]:
        """Return what was sent for the first time in a period."""
        rows = Invitation.objects.filter(sent_day__range=(span.first, span.last))
        return rows if self.store_view_ids is None else rows.filter(store_view__in=self.store_view_ids)

    def along(self) -> Q:
        """Return the condition whose rows an index has in the order of their ids."""
        return Q() if self.website_id is None else Q(website=self.website_id)


@dataclass(frozen=True, slots=True)
class Place:
    """After which row a page ended: the first day of its period, and the id of an invitation (0: at its beginning)."""

    day: datetime.date
    invitation_id: int = 0


@dataclass(frozen=True, slots=True)
class Page[Row]:
    """Some rows in order, and from where to go on; None at the end.

    A page may be short, even empty, and yet not the last one: where hardly anything was sent it is not looked for longer.
    """

    rows: list[Row]
    after: Place | None


@dataclass(frozen=True, slots=True)
class Inviter:
    """What became by now of all that a customer sent in a period."""

    span: Span
    customer: Customer
    """With the group; erased ones have no name and no address."""
    sent: int
    accepted: int


@dataclass(frozen=True, slots=True)
class Invitee:
    """Somebody who was invited, in the period in which that was sent."""

    span: Span
    invitation: Invitation
    """With its address, where it has one, and its inviter, None where staff invited."""
    group: CustomerGroup | None
    """Theirs as a customer, or the one that staff chose for them; None is as configured."""


def inviters(
    *, scope: Scope, spans: Sequence[Span], after: Place | None = None, size: int, now: datetime.datetime
) -> Page[Inviter]:
    """Return a row for each customer and period in which they invited, by period and by their first invitation of it.

    ``spans`` are in order and do not overlap; what was sent in one counts there, whenever it was accepted.
    """
    found, place = _look(scope, spans, after, size, now, _first_ones)
    counted = _counted(scope, found)
    people = Customer.objects.select_related("group").in_bulk({one.invitation.inviter_id for one in found})
    rows = []
    for one in found:
        inviter_id = one.invitation.inviter_id
        if inviter_id is not None:
            rows.append(Inviter(one.span, people[inviter_id], *counted[one.span, inviter_id]))
    return Page(rows, place)


def invitees(
    *, scope: Scope, spans: Sequence[Span], after: Place | None = None, size: int, now: datetime.datetime
) -> Page[Invitee]:
    """Return a row for each invitation that was sent in one of the periods, by period and by its id."""
    found, place = _look(scope, spans, after, size, now, lambda rows, _bounds: rows)
    ids = [one.invitation.pk for one in found]
    whole = Invitation.objects.select_related(
        "address", "inviter", "staff", "invitee__group", "group"
    ).in_bulk(ids)
    rows = []
    for one in found:
        invitation = whole[one.invitation.pk]
        group = invitation.invitee.group if invitation.invitee else invitation.group
        rows.append(Invitee(one.span, invitation, group))
    return Page(rows, place)


@dataclass(frozen=True, slots=True)
class _Found:
    """An invitation, its period, and between which ids all stand that were sent in that."""

    span: Span
    invitation: Invitation
    bounds: Bounds


def _first_ones(rows: QuerySet[Invitation], bounds: Bounds) -> QuerySet[Invitation]:
    """Keep the first invitation of each customer: of those that they sent in that period."""
    theirs = rows.filter(inviter=OuterRef("inviter"), pk__gte=bounds.first).order_by("pk")
    # A subquery with a limit: as a condition that none came before, PostgreSQL would read the whole table for it.
    first = Subquery(theirs.values("pk")[:1])
    return rows.filter(inviter__isnull=False).alias(first=first).filter(first=F("pk"))


def _counted(scope: Scope, found: Sequence[_Found]) -> dict[tuple[Span, int], tuple[int, int]]:
    """Return how many each customer sent in each period, and how many of those were accepted by now, in one query."""
    if not found:
        return {}
    spans = sorted({one.span for one in found})
    rows = scope.sent(Span(spans[0].first, spans[-1].last)).filter(
        inviter__in={one.invitation.inviter_id for one in found},
        pk__gte=min(one.bounds.first for one in found),
        pk__lte=max(one.bounds.last for one in found),
    )
    accepted = Count("pk", filter=Q(status=Status.ACCEPTED))
    counted: defaultdict[tuple[Span, int], tuple[int, int]] = defaultdict(lambda: (0, 0))
    by_day = rows.order_by().values_list("inviter", "sent_day").annotate(sent=Count("pk"), accepted=accepted)
    starts = [span.first for span in spans]
    for inviter_id, day, sent, joined in by_day:
        span = spans[bisect_right(starts, day) - 1]
        if day <= span.last:
            before = counted[span, inviter_id]
            counted[span, inviter_id] = before[0] + sent, before[1] + joined
    return counted


def _look(
    scope: Scope,
    spans: Sequence[Span],
    after: Place | None,
    size: int,
    now: datetime.datetime,
    narrow: Narrow,
) -> tuple[list[_Found], Place | None]:
    """Return some invitations in order, and from where to go on."""
    found: list[_Found] = []
    patience, steps = PATIENCE, list(STEPS)
    for span in spans:
        if after is not None and span.first < after.day:
            continue
        at = after.invitation_id if after is not None and span.first == after.day else 0
        if patience <= 0:
            return found, Place(span.first, at)
        bounds = blocks.bounds(status=None, sent_from=span.first, sent_to=span.last, now=now)
        patience -= _QUERY
        if bounds is None:
            continue
        rows = narrow(scope.sent(span), bounds).only("inviter").order_by("pk")
        at = max(at, bounds.first - 1)
        while at < bounds.last:
            if patience <= 0:
                return found, Place(span.first, at)
            step = steps.pop(0) if len(steps) > 1 else steps[0]
            # Their ids first: asked together, PostgreSQL may go through an index of all that a website has.
            ids = _ids(scope, at, bounds.last, step)
            left = size - len(found)
            some = list(rows.filter(pk__any_of=set(ids))[: left + 1])
            found += [_Found(span, row, bounds) for row in some[:left]]
            if len(some) > left:
                return found, Place(span.first, some[left - 1].pk if left else at)
            patience -= _QUERY + len(ids)
            at = ids[-1] if len(ids) == step else bounds.last
    return found, None


def _ids(scope: Scope, at: int, last: int, most: int) -> list[int]:
    """Return the next ids, up to the last one."""
    rows = Invitation.objects.filter(scope.along(), pk__gt=at, pk__lte=last).order_by("pk")
    return list(rows.values_list("pk", flat=True)[:most])
