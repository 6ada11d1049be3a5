"""Pages of invitations in any order, found in bounded time however many there are.

A database can go through rows in the order of an index, or gather those that a filter leaves and sort them. Which is
fast depends on how many match and where they stand, and no planner knows both. So both are tried with a bound: first
a little way along the order, then all that a selective filter leaves, then a longer way. What is still not found by
then is not looked for: whoever asked is told how far it was looked, and can look on from there or narrow the filter.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.db import connection
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce

from guestlist.invitations import blocks, filters, parts, pieces, reach, selective, sorting
from guestlist.invitations.lifecycle import Status
from guestlist.invitations.models import Invitation, InvitationAddress, InvitationEvent
from guestlist.invitations.parts import Order, Part, Place, Sort
from guestlist.invitations.walking import Page, Walk
from guestlist.stores.models import StoreView

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from guestlist.invitations.blocks import Bounds
    from guestlist.invitations.filters import Filter
    from guestlist.invitations.pieces import Piece
    from guestlist.invitations.reach import Reach

GATHERED = 10_000
"""Most rows that a selective filter may leave to be sorted for a page."""


@dataclass(frozen=True)
class Search:
    """What is looked for: a filter, in what somebody may see (the ids of websites; None is all)."""

    chosen: Filter
    websites: Collection[int] | None
    now: datetime.datetime

    @property
    def matching(self) -> QuerySet[Invitation]:
        """All that match."""
        return self.narrow(Invitation.objects.all())

    def narrow(self, rows: QuerySet[Invitation]) -> QuerySet[Invitation]:
        """Keep of some rows those that match."""
        if self.websites is not None:
            rows = rows.filter(website__in=self.websites)
        if self._reach is None:
            return self.chosen.apply(rows, now=self.now)
        return replace(self.chosen, send=None).apply(rows, now=self.now).filter(self._reach.condition)

    @cached_property
    def _reach(self) -> Reach | None:
        return None if self.chosen.send is None else reach.of_send(self.chosen.send)

    def _narrow_on_the_way(self, rows: QuerySet[Invitation]) -> QuerySet[Invitation]:
        """Keep the same, where another index than that of registering is gone along."""
        chosen = self.chosen
        if connection.vendor != "sqlite" or not chosen.has_registered_range:
            return self.narrow(rows)
        # As an expression, which no index has: SQLite does not know how many rows a range has, and would sort them all.
        rows = rows.alias(registered=Coalesce(F("accepted_at"), F("accepted_at"))).filter(
            filters.within("registered", chosen.registered_from, chosen.registered_to, self.now)
        )
        return replace(self, chosen=replace(chosen, registered_from=None, registered_to=None)).narrow(rows)

    def page(self, order: Order, *, start: Place | None = None, backwards: bool = False, size: int) -> Page:
        """Return the page after a place in the order, or before it when going backwards; the first or last without one."""
        walk = self._walk(order, start, backwards=backwards, size=size)
        if not self._is_rare(size):
            walk.go(parts.FIRST_STEP)
        if walk.is_done:
            return walk.page()
        page = self._page_of_piece(order, start, backwards=backwards, size=size)
        if page is not None:
            return page
        few = self.few(GATHERED)
        if few is not None:
            return sorting.page(few, order, start, backwards=backwards, size=size)
        walk.go_on()
        return walk.page()

    def _page_of_piece(self, order: Order, start: Place | None, *, backwards: bool, size: int) -> Page | None:
        """Return the same page where a piece of an address is all that is asked for, and few have it.

        Where no sample tells how many have it, all of them would be sorted to learn that they are too many.
        """
        piece = self.piece
        if piece is None or piece.about is None or piece.about > GATHERED:
            return None
        if replace(self.chosen, email=None) or self.websites is not None:
            return None
        addresses = piece.addresses()
        return sorting.page_of_addresses(
            addresses, order, start, most=GATHERED, backwards=backwards, size=size
        )

    def beside(self, order: Order, place: Place) -> tuple[int | None, int | None]:
        """Return the ids before and after a place in the order; None at its ends, and where a page would not look either."""
        walks = [self._walk(order, place, backwards=one, size=0) for one in (True, False)]
        for walk in walks if not self._is_rare(1) else []:
            walk.go(parts.FIRST_STEP)
        left = [walk for walk in walks if not walk.is_done]
        few = self.few(GATHERED) if left else None
        if few is not None:
            return sorting.beside(few, order, place)
        for walk in left:
            walk.go_on()
        before, after = (walk.found[0].pk if walk.found else None for walk in walks)
        return before, after

    def _walk(self, order: Order, start: Place | None, *, backwards: bool, size: int) -> Walk:
        return Walk(
            self.narrow if order.sort == Sort.REGISTERED else self._narrow_on_the_way,
            self.parts(order),
            start,
            descending=order.descending,
            backwards=backwards,
            size=size,
        )

    def _is_rare(self, size: int) -> bool:
        """Tell whether a page cannot be expected from the first step along an order."""
        share = self.piece.share if self.piece is not None else None
        return share is not None and share * parts.FIRST_STEP < size

    @cached_property
    def piece(self) -> Piece | None:
        """How the piece of an address that is asked for is looked up."""
        return pieces.looked_up(self.chosen.email) if self.chosen.email is not None else None

    def parts(self, order: Order) -> list[Part]:
        """Return the parts that the list has in an order, leaving out those that nothing in the filter can match."""
        if self._asked == () or (self._asks_for_sent and self._bounds is None):
            return []
        if order.sort == Sort.ID:
            return [self._by_id(0, Q())]
        if order.sort == Sort.EMAIL:
            return self._by_email()
        return self._by_sent() if order.sort == Sort.SENT else self._by_registered()

    @property
    def _asks_for_sent(self) -> bool:
        """Whether the filter leaves only what was sent on certain days, or what of that is open or over."""
        return self.chosen.status in {Status.SENT, filters.EXPIRED} or self.chosen.has_sent_range

    @cached_property
    def _bounds(self) -> Bounds | None:
        status = self.chosen.status if self.chosen.status in {Status.SENT, filters.EXPIRED} else None
        return blocks.bounds(
            status=status,
            sent_from=self.chosen.sent_from,
            sent_to=self.chosen.sent_to,
            now=self.now,
            ids=None if self._reach is None else (self._reach.first, self._reach.last),
        )

    @property
    def within(self) -> tuple[int, int] | None:
        """Between which ids all stand that match, both included, where the filter tells; none may be in between."""
        bounds = self._bounds if self._asks_for_sent else None
        ends = [(one.first, one.last) for one in (self._reach, bounds) if one is not None]
        return (max(first for first, _ in ends), min(last for _, last in ends)) if ends else None

    def _by_email(self) -> list[Part]:
        website = self._website_of_addresses
        scope = {} if website is None else {"website": website}
        is_narrowed = self.chosen.website is not None or self.websites is not None
        rest = replace(self.chosen, email=None, website=None)
        is_scattered = bool(rest) or (website is None and is_narrowed)

        def part(number: int, condition: Q, of_invitations: Q) -> Part:
            return Part(
                number,
                InvitationAddress.objects.filter(condition, **scope),
                of_invitations & Q(**{f"address__{name}": value for name, value in scope.items()}),
                key="invitation",
                value="normalized",
                path="address__normalized",
                path_key="address__invitation",
                is_scattered=is_scattered,
            )

        with_address = part(0, Q(normalized__gt=""), Q(address__normalized__gt=""))
        without = part(1, Q(normalized=""), Q(address__normalized=""))
        return [with_address] if self.chosen.email else [with_address, without]

    @cached_property
    def _website_of_addresses(self) -> int | None:
        """The website that is asked for, where its addresses have an order of their own; None else."""
        websites = self.asked_websites()
        if websites is None or len(websites) != 1:
            return None
        # A release that did not know the website of addresses may still be inviting: those rows are not in that order.
        return None if InvitationAddress.objects.filter(website=None).exists() else websites[0]

    def _by_sent(self) -> list[Part]:
        # The event that sent it last: one that was sent again stands in the index more than once.
        last = Q(events__target=Status.SENT, events__at=F("sent_at")) & self._sent_between("events__at")
        with_value = Part(
            0,
            InvitationEvent.objects.filter(self._sent_between("at"), target=Status.SENT),
            last,
            key="invitation",
            value="at",
            path="events__at",
            path_key="events__invitation",
            enters_elsewhere=bool(self._scope()) or self._asked is not None,
        )
        without = self._by_id(1, Q(sent_at=None))
        if self._asks_for_sent:
            return [with_value]
        if self._reach is not None and self._bounds is None:
            return [without]
        return [without] if self.chosen.status == Status.NOT_SENT else [with_value, without]

    def _sent_between(self, path: str) -> Q:
        """Return between which moments of sending all stand that match."""
        between = filters.within(path, self.chosen.sent_from, self.chosen.sent_to, self.now)
        bounds = self._bounds if self._asks_for_sent or self._reach is not None else None
        if bounds is not None:
            in_utc = self.now.astimezone(datetime.UTC)
            between &= filters.within(path, bounds.first_day, bounds.last_day, in_utc)
        return between

    def _by_registered(self) -> list[Part]:
        within = filters.within(
            "accepted_at", self.chosen.registered_from, self.chosen.registered_to, self.now
        )
        with_value = Part(
            0,
            Invitation.objects.filter(within, accepted_at__isnull=False),
            Q(accepted_at__isnull=False),
            value="accepted_at",
            path="accepted_at",
        )
        without = self._by_id(1, Q(accepted_at=None))
        if self.chosen.status == Status.ACCEPTED or self.chosen.has_registered_range:
            return [with_value]
        return [without] if self.chosen.status is not None else [with_value, without]

    def _by_id(self, number: int, rows: Q) -> Part:
        scope = self._scope()
        index, within = Invitation.objects.filter(**scope), self.within
        # A store view's condition does not say of which website it is.
        rows &= Q(**scope)
        if within is not None:
            inside = Q(pk__gte=within[0], pk__lte=within[1])
            index, rows = index.filter(inside), rows & inside
        # By the ids of the table that is looked at first: PostgreSQL does not carry a range over to another table's.
        by_address = self.chosen.email is not None and not scope
        path_key = "address__invitation" if by_address else "pk"
        return Part(
            number,
            index,
            rows,
            path_key=path_key,
            by_id=not scope,
            within=within,
            steps=self._steps_by_id(is_in_scope=bool(scope)),
        )

    def _steps_by_id(self, *, is_in_scope: bool) -> Sequence[int]:
        """Return how far to go along the ids, by what it takes to look at each."""
        if self._reach is not None:
            return parts.FURTHER_STEPS_LOOKED_UP
        has_piece = self.chosen.email is not None
        if is_in_scope:
            return parts.FURTHER_STEPS_LOOKED_UP_IN_SCOPE if has_piece else parts.FURTHER_STEPS_IN_SCOPE
        if has_piece:
            return parts.FURTHER_STEPS_OF_PIECE if self.websites is None else parts.FURTHER_STEPS_LOOKED_UP
        return parts.FURTHER_STEPS

    def _scope(self) -> dict[str, Any]:
        """Return the condition of the filter by which an index leads to the ids of matching rows in order."""
        chosen = self.chosen
        if isinstance(chosen.inviter, int):
            return {"inviter": chosen.inviter}
        if isinstance(chosen.occasion, int):
            return {"occasion": chosen.occasion}
        websites = self.asked_websites()
        return {"website": websites[0]} if websites is not None and len(websites) == 1 else {}

    def asked_websites(self) -> list[int] | None:
        """Return the ids of the websites that are asked for and may be seen; None for all."""
        return None if self._asked is None else list(self._asked)

    @cached_property
    def _asked(self) -> tuple[int, ...] | None:
        chosen, named = self.chosen, self.websites
        if chosen.website is not None:
            named = (chosen.website,)
        elif chosen.store_view is not None:
            named = StoreView.objects.filter(pk=chosen.store_view).values_list("website", flat=True)
        elif self._reach is not None:
            named = (self._reach.website,)
        if named is None:
            return None
        # Nothing is gone along that may not be seen: where that ends, and how long it takes, would tell of it.
        return tuple(one for one in named if self.websites is None or one in self.websites)

    def gathered(self, most: int, *, with_email: bool = True) -> list[int] | None:
        """Return at most so many ids that have all that match among them; None where no condition leaves so few.

        To ask for a piece of an address takes longest; without ``with_email`` that is left out.
        """
        few = self.few(most, with_email=with_email)
        return None if few is None else few.ids

    def few(self, most: int, *, with_email: bool = True) -> Few | None:
        """Return the same with what else must hold of them."""
        for candidates, rest in selective.candidates(self, most, with_email=with_email):
            ids = list(candidates[: most + 1])
            if len(ids) <= most:
                return Few(self, ids, replace(self, chosen=rest))
        return None


@dataclass(frozen=True, slots=True)
class Few:
    """Few ids that have all that a search matches among them, and those that match."""

    search: Search
    ids: list[int]
    rest: Search
    """The search without what is known to hold of them."""

    @property
    def matching(self) -> QuerySet[Invitation]:
        """Those that match."""
        return self.rest.matching.filter(pk__any_of=set(self.ids))

    @property
    def all_match(self) -> bool:
        """Whether nothing else need hold."""
        return not self.rest.chosen and self.rest.websites is None
