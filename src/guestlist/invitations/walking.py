"""Going along an ordered list until a page is full, and no further than is done for one page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import connection
from django.db.models import Q

from guestlist.invitations import parts
from guestlist.invitations.models import Invitation
from guestlist.invitations.parts import Place

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.db.models import QuerySet

    from guestlist.invitations.parts import Part


@dataclass(frozen=True, slots=True)
class Page:
    """The ids of some rows in order, and what is beside them."""

    ids: list[int]
    first: Place | None = None
    last: Place | None = None
    has_before: bool = False
    has_after: bool = False
    looked_until: Place | None = None
    """Where looking ended before the page was full or the list was at its end."""
    total: int | None = None
    """How many match, where that was found on the way."""


class Walk:
    """Going along the parts of an order, step by step, until a page is full."""

    def __init__(
        self,
        narrow: Callable[[QuerySet[Invitation]], QuerySet[Invitation]],
        left: list[Part],
        start: Place | None,
        *,
        descending: bool,
        backwards: bool,
        size: int,
    ) -> None:
        """Begin at a place among what `narrow` leaves, or at an end of the list without one."""
        if backwards:
            left.reverse()
        if start is not None:
            left = [
                one for one in left if (one.number <= start.part if backwards else one.number >= start.part)
            ]
        self.narrow, self.parts, self.start, self.size = narrow, left, start, size
        self.descending, self.backwards = descending, backwards
        self.place = start
        self.found: list[Place] = []

    @property
    def is_done(self) -> bool:
        """Whether the page is full, or nothing is left to go along."""
        return len(self.found) > self.size or not self.parts

    def go(self, most: int, *, is_bounded: bool = False) -> None:
        """Go on by so many rows; ``is_bounded`` by no more than a part allows, where to look at each takes longer."""
        while not self.is_done:
            part = self.parts[0]
            # The step may be meant for the part before this one, of which ten times as many rows can be gone through.
            count = min(most, part.further_steps[-1]) if is_bounded else most
            down = self.descending != self.backwards
            place = self.place if self.place is not None and self.place.part == part.number else None
            until = part.step(place, count, down=down)
            # The place first: of several bounds on one side SQLite enters an index by the one that is named first.
            near = Invitation.objects.filter(self._between(part, place, until, down=down) & part.rows)
            if part.enters_elsewhere and connection.vendor == "sqlite":
                # It would go through all that a website has, and look for each in the step.
                near = near.filter(pk__in=part.ids(place, count, down=down))
            rows = self.narrow(near)
            columns = [part.path or part.path_key, "pk"]
            ordered = rows.order_by(*part.order_of_invitations(down=down)).values_list(*columns)
            for value, pk in ordered[: self.size + 1 - len(self.found)]:
                self.found.append(Place(part.number, value if part.path else None, pk))
            if len(self.found) > self.size:
                return
            if until is None:
                self.parts.pop(0)
                continue
            self.place = until
            return

    def go_on(self) -> None:
        """Go on as far as is done for one page: to the end where there are few."""
        if parts.are_few():
            self.go(2 * parts.FEW)
            return
        for count in self.parts[0].further_steps:
            self.go(count, is_bounded=True)

    def _between(self, part: Part, place: Place | None, until: Place | None, *, down: bool) -> Q:
        between = Q()
        if place is not None:
            between &= part.beyond(place, down=down)
        if until is not None:
            between &= part.until(until, down=down)
        return between

    def page(self) -> Page:
        """Return what was found."""
        rows = self.found[: self.size]
        # A full page is one, whether or not it is known what follows.
        more = len(self.found) > self.size or (len(rows) == self.size and bool(self.parts))
        looked_until = self.place if not more and self.parts else None
        is_whole = not more and looked_until is None and self.start is None
        if self.backwards:
            rows.reverse()
        beside = self.start is not None
        before, after = (more, beside) if self.backwards else (beside, more)
        if looked_until is not None and self.backwards:
            before = False
        return Page(
            [one.pk for one in rows],
            first=rows[0] if rows else None,
            last=rows[-1] if rows else None,
            has_before=before,
            has_after=after,
            looked_until=looked_until,
            total=len(rows) if is_whole else None,
        )
