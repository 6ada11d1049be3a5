"""Pages of few invitations: all of them are sorted, and counted on the way."""

from __future__ import annotations

import bisect
from typing import TYPE_CHECKING, Any

from django.db.models import F, Value
from django.db.models.functions import Coalesce, Concat

from guestlist.invitations.models import InvitationAddress
from guestlist.invitations.parts import Order, Place, Sort
from guestlist.invitations.walking import Page

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from guestlist.invitations.finding import Few

_PATHS = {Sort.EMAIL: "address__normalized", Sort.SENT: "sent_at", Sort.REGISTERED: "accepted_at"}
"""Where an invitation has what it is sorted by."""


def page(few: Few, order: Order, start: Place | None, *, backwards: bool, size: int) -> Page:
    """Return the page after a place in the order, or before it when going backwards; the first or last without one."""
    return cut(_all_sorted(few, order), order, start, backwards=backwards, size=size)


def by_address(addresses: QuerySet[InvitationAddress], order: Order, *, most: int) -> list[Place] | None:
    """Return all in the order of their addresses, by one question; None where there are more than so many."""
    by, by_id = Concat(F("normalized"), Value("")), Coalesce("invitation", Value(0))
    sign = "-" if order.descending else ""
    ordered = addresses.annotate(by=by, by_id=by_id).order_by(f"{sign}by", f"{sign}by_id")
    rows = list(ordered.values_list("normalized", "invitation")[: most + 1])
    return None if len(rows) > most else [Place(0, value, pk) for value, pk in rows]


def cut(rows: list[Place], order: Order, start: Place | None, *, backwards: bool, size: int) -> Page:
    """Return the same page of rows that are in order."""
    begin = _position(rows, start, order, backwards=backwards)
    begin, end = (max(begin - size, 0), begin) if backwards else (begin, begin + size)
    shown = rows[begin:end]
    return Page(
        [one.pk for one in shown],
        first=shown[0] if shown else None,
        last=shown[-1] if shown else None,
        has_before=begin > 0,
        has_after=end < len(rows),
        total=len(rows),
    )


def beside(few: Few, order: Order, place: Place) -> tuple[int | None, int | None]:
    """Return the ids before and after a place in the order; None at its ends."""
    rows = _all_sorted(few, order)
    end = _position(rows, place, order, backwards=True)
    begin = _position(rows, place, order, backwards=False)
    before = rows[end - 1].pk if end else None
    return before, rows[begin].pk if begin < len(rows) else None


def _all_sorted(few: Few, order: Order) -> list[Place]:
    """Return all that match in order, by one question for all parts of the list."""
    numbers = sorted(part.number for part in few.search.parts(order))
    if not (numbers and few.ids):
        return []
    path = _PATHS.get(order.sort)
    if path is None:
        return [Place(0, None, pk) for pk in _by_id(few, order)]
    sign = "-" if order.descending else ""
    fenced = _fenced(few)
    if order.sort == Sort.EMAIL and few.all_match:
        # Each has a row there, and nothing else need be looked at.
        path = "normalized"
        addresses = InvitationAddress.objects.filter(invitation__any_of=set(few.ids))
        fenced = addresses.annotate(by_id=Coalesce("invitation", Value(0)))
    by = Concat(F(path), Value("")) if order.sort == Sort.EMAIL else Coalesce(F(path), F(path))
    ordered = fenced.annotate(by=by).order_by(f"{sign}by", f"{sign}by_id").values_list(path, "pk")
    found: tuple[list[Place], list[Place]] = [], []
    for value, pk in ordered:
        found[0 if value else 1].append(Place(0 if value else 1, value, pk))
    return [place for number in numbers for place in found[number]]


def _by_id(few: Few, order: Order) -> list[int]:
    if few.all_match:
        return sorted(set(few.ids), reverse=order.descending)
    sign = "-" if order.descending else ""
    return list(_fenced(few).order_by(f"{sign}by_id").values_list("pk", flat=True))


def _fenced(few: Few) -> Any:  # noqa: ANN401 - rows with one thing more
    # Sorted by expressions that no index has: PostgreSQL would rather go along one and look each row up among the ids.
    return few.matching.annotate(by_id=Coalesce("pk", Value(0)))


def _position(rows: list[Place], start: Place | None, order: Order, *, backwards: bool) -> int:
    """Return before which row a page after this place begins; going backwards, before which one it ends."""
    if start is None:
        return len(rows) if backwards else 0
    for number, one in enumerate(rows):
        if one.pk == start.pk and one.part == start.part:
            return number if backwards else number + 1
    # The row has gone meanwhile.
    beside = [one for one in rows if one.part == start.part]
    before = sum(1 for one in rows if one.part < start.part)
    if order.descending:
        beside.reverse()
    keys: list[Any] = [(one.value, one.pk) if one.value is not None else one.pk for one in beside]
    key: Any = (start.value, start.pk) if start.value is not None else start.pk
    within = bisect.bisect_left(keys, key)
    return before + (len(beside) - within if order.descending else within)
