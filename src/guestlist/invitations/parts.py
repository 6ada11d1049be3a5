"""Ordered lists of invitations as an index has them: in which order, from which place, and how far to go along."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from django.db import connection
from django.db.models import Q, QuerySet

from guestlist.invitations.models import Invitation

if TYPE_CHECKING:
    from collections.abc import Sequence

FIRST_STEP = 2_000
"""Rows that are gone through at first: enough wherever one row in forty matches."""
FURTHER_STEPS = (20_000, 150_000)
"""Rows that are gone through after that by their ids, of which PostgreSQL takes 0.2 µs for a row."""
FURTHER_STEPS_IN_SCOPE = (8_000, 14_000)
"""The same where the ids are those of one website, inviter or occasion: four times as much for a row, or five."""
FURTHER_STEPS_LOOKED_UP = (20_000, 30_000)
"""The same where many are looked up in another table: in the outbox, or for a piece of an address of some websites."""
FURTHER_STEPS_OF_PIECE = (20_000, 90_000)
"""The same where each has an address to look up for a piece of it."""
FURTHER_STEPS_LOOKED_UP_IN_SCOPE = (4_000, 7_000)
"""The same for a piece of an address of one website, inviter or occasion: each of these has an address to look up."""
FURTHER_STEPS_ELSEWHERE = (12_000,)
"""The same by other orders: rows that stand near each other there are all over the table."""
FURTHER_STEPS_SCATTERED = (2_250,)
"""The same where each has to be looked at among the invitations besides, all over whose table they are."""
FEW = 60_000
"""Up to so many invitations all are gone through, in any order."""
SAMPLES, SAMPLE = 40, 200
"""Stretches of ids, all over the table, and how many ids each has."""


class Sort(StrEnum):
    """What a list of invitations can be sorted by; where that ties, by the id. Rows without a value come last."""

    ID = "id"
    EMAIL = "email"
    SENT = "sent"
    REGISTERED = "registered"


@dataclass(frozen=True, slots=True)
class Order:
    """A sort and its direction."""

    sort: Sort = Sort.ID
    descending: bool = True


@dataclass(frozen=True, slots=True)
class Place:
    """A place in an ordered list, between two rows or on one: the part of the list, the value there, and the id."""

    part: int
    value: datetime.datetime | str | None
    pk: int


def place_of(invitation: Invitation, order: Order) -> Place:
    """Return where an invitation stands in an order, whether or not a filter has it."""
    if order.sort == Sort.EMAIL:
        email = invitation.address.normalized if hasattr(invitation, "address") else ""
        return Place(0 if email else 1, email, invitation.pk)
    at = {Sort.SENT: invitation.sent_at, Sort.REGISTERED: invitation.accepted_at}.get(order.sort)
    return Place(0 if at or order.sort == Sort.ID else 1, at, invitation.pk)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of an ordered list: the rows with a value in its order, or those without by their ids.

    ``index`` has the rows that are gone through, in an index; ``value`` and ``key`` are its columns, None where the key is
    all. ``path`` leads from an invitation to that value.
    """

    number: int
    index: QuerySet[Any]
    rows: Q
    key: str = "pk"
    value: str | None = None
    path: str | None = None
    path_key: str = "pk"
    by_id: bool = False
    """Whether the index is the primary key, so that steps need not be counted."""
    within: tuple[int, int] | None = None
    """Between which ids rows of a part by ids can stand, both included."""

    is_scattered: bool = False
    """Whether rows that stand near each other are all over the table of invitations, and have to be looked at there."""
    enters_elsewhere: bool = False
    """Whether SQLite would enter by an index of what is asked for, unless it is told the ids of a step."""

    steps: Sequence[int] | None = None
    """How far to go along it, step by step, after the first; None is as far as its kind goes."""

    @property
    def further_steps(self) -> Sequence[int]:
        """How far to go along it, step by step, after the first."""
        if self.steps is not None:
            return self.steps
        if self.value is None:
            return FURTHER_STEPS
        return FURTHER_STEPS_SCATTERED if self.is_scattered else FURTHER_STEPS_ELSEWHERE

    def order(self, *, down: bool) -> list[str]:
        """Return the order of the index's own rows."""
        return _order(self.value, self.key, down=down)

    def order_of_invitations(self, *, down: bool) -> list[str]:
        """Return the same order, of invitations."""
        return _order(self.path, self.path_key, down=down)

    def beyond(self, place: Place, *, down: bool, of_index: bool = False) -> Q:
        """Return what comes after a place."""
        value, key = (self.value, self.key) if of_index else (self.path, self.path_key)
        way = "lt" if down else "gt"
        if value is None:
            return Q(**{f"{key}__{way}": place.pk})
        # The first condition is what an index can be entered by; the second is exact.
        return Q(**{f"{value}__{way}e": place.value}) & (
            Q(**{f"{value}__{way}": place.value}) | Q(**{f"{key}__{way}": place.pk})
        )

    def until(self, place: Place, *, down: bool) -> Q:
        """Return what comes up to a place, the row there included."""
        way = "gt" if down else "lt"
        if self.path is None:
            return Q(**{f"{self.path_key}__{way}e": place.pk})
        return Q(**{f"{self.path}__{way}e": place.value}) & (
            Q(**{f"{self.path}__{way}": place.value}) | Q(**{f"{self.path_key}__{way}e": place.pk})
        )

    def step(self, place: Place | None, count: int, *, down: bool) -> Place | None:
        """Return the place so many rows further on; None where the part ends before."""
        if self.by_id:
            return self._step_by_id(place, count, down=down)
        columns = [self.value or self.key, self.key]
        found = self._further(place, down=down).values_list(*columns)[count : count + 1]
        for value, key in found:
            return Place(self.number, value if self.value else None, key)
        return None

    def ids(self, place: Place | None, count: int, *, down: bool) -> QuerySet[Any]:
        """Return the ids of the next rows, as many as a step of ``count`` has and its last one."""
        return self._further(place, down=down).values(self.key)[: count + 1]

    def _further(self, place: Place | None, *, down: bool) -> QuerySet[Any]:
        index = self.index
        if place is not None:
            # The place first: of several bounds on one side SQLite enters an index by the one that is named first.
            index = index.model.objects.filter(self.beyond(place, down=down, of_index=True)) & index
        return index.order_by(*self.order(down=down))

    def _step_by_id(self, place: Place | None, count: int, *, down: bool) -> Place | None:
        first, last = self.within or ends()
        if down:
            start = min(place.pk, last + 1) if place is not None else last + 1
            return Place(self.number, None, start - count) if start - count > first else None
        start = max(place.pk, first - 1) if place is not None else first - 1
        return Place(self.number, None, start + count) if start + count < last else None


def are_few() -> bool:
    """Tell whether there are so few invitations that none need be left out of a search."""
    first, last = ends()
    return last - first < FEW


_TABLE = Invitation._meta.db_table
# Asked together in the usual way, SQLite goes through the whole index for them.
_ENDS = f"SELECT (SELECT MIN(id) FROM {_TABLE}), (SELECT MAX(id) FROM {_TABLE})"  # noqa: S608 - a table's name


def ends() -> tuple[int, int]:
    """Return the lowest and the highest id."""
    with connection.cursor() as cursor:
        cursor.execute(_ENDS)
        first, last = cursor.fetchone()
    return first or 0, last or 0


def sample(first: int, last: int, *, key: str = "pk") -> Q:
    """Return a few stretches of ids between the first and the last, all over the table; ``key`` is the column of ids."""
    sampled = Q()
    for number in range(SAMPLES):
        start = first + (last - first + 1 - SAMPLE) * number // (SAMPLES - 1)
        sampled |= Q(**{f"{key}__gte": start, f"{key}__lt": start + SAMPLE})
    return sampled


def _order(value: str | None, key: str, *, down: bool) -> list[str]:
    sign = "-" if down else ""
    return [f"{sign}{one}" for one in (value, key) if one is not None]
