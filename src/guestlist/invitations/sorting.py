"""Pages of few invitations: all of them are sorted, and counted on the way."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Coalesce, Concat

from guestlist.invitations.models import Invitation, InvitationAddress
from guestlist.invitations.parts import Order, Place, Sort
from guestlist.invitations.walking import Page

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from guestlist.invitations.finding import Few

_PATHS = {Sort.EMAIL: "address__normalized", Sort.SENT: "sent_at", Sort.REGISTERED: "accepted_at"}
"""Where an invitation has what it is sorted by."""


def page(few: Few, order: Order, start: Place | None, *, backwards: bool, size: int) -> Page:
    """Return the page after a place in the order, or before it when going backwards; the first or last without one."""
    return _cut(_sorted(few, order), order, start, backwards=backwards, size=size)


def page_of_addresses(
    addresses: QuerySet[InvitationAddress],
    order: Order,
    start: Place | None,
    *,
    most: int,
    backwards: bool,
    size: int,
) -> Page | None:
    """Return the same page of all that some addresses are of, by one question; None where they are more than so many."""
    if order.sort in {Sort.ID, Sort.EMAIL}:
        path = "normalized" if order.sort == Sort.EMAIL else None
        rows = _in_order(addresses, order, path, "invitation", most + 1)
    else:
        found = Invitation.objects.filter(pk__any_of=addresses.values("invitation")[: most + 1])
        rows = _in_order(found, order, _PATHS[order.sort])
    return None if len(rows) > most else _cut(rows, order, start, backwards=backwards, size=size)


def beside(few: Few, order: Order, place: Place) -> tuple[int | None, int | None]:
    """Return the ids before and after a place in the order; None at its ends."""
    rows = _sorted(few, order)
    end = _position(rows, place, order, backwards=True)
    begin = _position(rows, place, order, backwards=False)
    before = rows[end - 1].pk if end else None
    return before, rows[begin].pk if begin < len(rows) else None


def _sorted(few: Few, order: Order) -> list[Place]:
    """Return all that match in order, by one question for all parts of the list."""
    numbers = {part.number for part in few.search.parts(order)}
    if not (numbers and few.ids):
        return []
    if order.sort == Sort.ID and few.all_match:
        return [Place(0, None, pk) for pk in sorted(set(few.ids), reverse=order.descending)]
    if order.sort == Sort.EMAIL and few.all_match:
        # Each has a row there, and nothing else need be looked at.
        addresses = InvitationAddress.objects.filter(invitation__any_of=set(few.ids))
        rows = _in_order(addresses, order, "normalized", "invitation")
    else:
        rows = _in_order(few.matching, order, _PATHS.get(order.sort))
    return [place for place in rows if place.part in numbers]


def _in_order(
    rows: QuerySet[Any], order: Order, path: str | None, key: str = "pk", most: int | None = None
) -> list[Place]:
    """Return rows in order, those without a value last; those that have one without it.

    To send and to read thousands of values takes as long as to find them, and a page tells two of them.
    """
    sign = "-" if order.descending else ""
    # By expressions that no index has: PostgreSQL would rather go along one and look each row up among the ids.
    fenced = rows.annotate(by_id=Coalesce(key, Value(0)))
    if path is None:
        return [
            Place(0, None, pk) for pk in fenced.order_by(f"{sign}by_id").values_list(key, flat=True)[:most]
        ]
    is_text = order.sort == Sort.EMAIL
    by = Concat(F(path), Value("")) if is_text else Coalesce(F(path), F(path))
    has_value = Q(**{f"{path}__gt": ""}) if is_text else Q(**{f"{path}__isnull": False})
    part = Case(When(has_value, then=Value(0)), default=Value(1))
    ordered = fenced.annotate(by=by, part=part).order_by(f"{sign}by", f"{sign}by_id")
    found: tuple[list[Place], list[Place]] = [], []
    for number, pk in ordered.values_list("part", key)[:most]:
        found[number].append(Place(number, "" if number and is_text else None, pk))
    return found[0] + found[1]


def _valued(places: list[Place], order: Order) -> list[Place | None]:
    """Return the same places with their values; None for one that has lost its value meanwhile."""
    asked = {place.pk for place in places if place.part == 0}
    if order.sort == Sort.ID or not asked:
        return [*places]
    rows: QuerySet[Any]
    key, path = "pk", _PATHS[order.sort]
    if order.sort == Sort.EMAIL:
        key, path = "invitation", "normalized"
        rows = InvitationAddress.objects.filter(invitation__any_of=asked)
    else:
        rows = Invitation.objects.filter(pk__any_of=asked)
    known = {pk: value for pk, value in rows.order_by().values_list(key, path) if value}
    return [
        (replace(one, value=known[one.pk]) if one.pk in known else None) if one.part == 0 else one
        for one in places
    ]


def _cut(rows: list[Place], order: Order, start: Place | None, *, backwards: bool, size: int) -> Page:
    begin = _position(rows, start, order, backwards=backwards)
    begin, end = (max(begin - size, 0), begin) if backwards else (begin, begin + size)
    shown = rows[begin:end]
    first, last = _valued([shown[0], shown[-1]], order) if shown else (None, None)
    return Page(
        [one.pk for one in shown],
        first=first,
        last=last,
        has_before=begin > 0,
        has_after=end < len(rows),
        total=len(rows),
    )


def _position(rows: list[Place], start: Place | None, order: Order, *, backwards: bool) -> int:
    """Return before which row a page after this place begins; going backwards, before which one it ends."""
    if start is None:
        return len(rows) if backwards else 0
    has_value = start.part == 0 and order.sort != Sort.ID
    for number, one in enumerate(rows):
        is_it = one.pk == start.pk and one.part == start.part
        if is_it and (not has_value or _valued([one], order) == [start]):
            return number if backwards else number + 1
    # The row has gone meanwhile, or stands elsewhere.
    beside = _valued([one for one in rows if one.part == start.part], order)
    values = {one.pk: one.value for one in beside if one is not None}
    key: Any = (start.value, start.pk) if has_value else start.pk
    for number, one in enumerate(rows):
        if one.part == start.part and one.pk in values:
            other: Any = (values[one.pk], one.pk) if has_value else one.pk
            if (other < key) if order.descending else (other > key):
                return number
        if one.part > start.part:
            return number
    return len(rows)
