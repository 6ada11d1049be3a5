"""Who brought whom: below a customer stand those who became one by their invitations, level by level.

What counts is who has the credit: that is written down when somebody new joins, so an existing customer who accepts was
brought by nobody. Whoever invites is a customer already, so nobody stands below themselves.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import batched
from typing import TYPE_CHECKING, Any

from django.db.models import IntegerField, OuterRef, Subquery

from guestlist.customers.models import Customer
from guestlist.invitations.models import Credit, Invitation

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from django.db.models import QuerySet

LEVEL = 50
"""Most people that a page shows below one customer, and most that it begins with."""
LOOKED = 1_000
"""How many invitations of a customer are looked through at once, newest first: a few customers make a great many."""
MOST_OPEN = 30
"""Most customers whose level is shown on one page."""
WHOLE = 1_000
"""All of the credit for somebody, in thousandths."""
_AT_ONCE = 30
"""Levels in one statement."""


@dataclass(slots=True)
class Node:
    """A customer in the chain, with their group and website, and what came of their invitations."""

    customer: Customer
    invited: int
    """How many they invited; :attr:`has_more` where there are more than were counted."""
    joined: int
    """How many have joined of those."""
    has_more: bool
    invitation_id: int | None = None
    """The invitation that brought them below the customer above."""
    occasion: str = ""
    share: int = WHOLE
    """The part of the credit that the customer above has for them, in thousandths."""
    level: list[Node] | None = None
    """Those whom they brought, newest first; None where it is not open."""
    following: int | None = None
    """The invitation before which the level goes on, where it does."""
    is_elsewhere: bool = False
    """Whether it is open at another place: whose credit is shared stands below each who has a part."""

    @property
    def can_open(self) -> bool:
        """Whether somebody may stand below."""
        return self.joined > 0 or self.has_more


def nodes(customer_ids: Sequence[int]) -> list[Node]:
    """Return customers with what came of their invitations, in the same order, in one statement."""
    found = _people(customer_ids)
    return [found[pk] for pk in customer_ids]


def grow(
    start: Sequence[Node],
    *,
    opened: Collection[int] | None = None,
    depth: int | None = None,
    most: int = MOST_OPEN,
    before: int | None = None,
) -> set[int]:
    """Open the levels below some nodes, and return the ids of the customers whose are open.

    Open are those of ``opened``, or without it all, ``depth`` levels deep and at most ``most`` customers'. Each customer's
    opens once. ``before`` goes on with the first level before an invitation. It takes as many statements for a level
    whether it has one or many.
    """
    seen: set[int] = set()
    level = list(start)
    while level and depth != 0:
        opening: dict[int, Node] = {}
        for node in level:
            pk = node.customer.pk
            if not node.can_open or (opened is not None and pk not in opened):
                continue
            if pk in seen or pk in opening:
                node.is_elsewhere = True
            elif len(seen) + len(opening) < most:
                opening[pk] = node
        _open(opening, before)
        seen |= opening.keys()
        level = [child for node in opening.values() for child in node.level or ()]
        before, depth = None, None if depth is None else depth - 1
    return seen


def _came() -> Subquery:
    """Return who came by an invitation.

    A subquery of its own and no join: PostgreSQL then looks each up in the index, and never reads all credits beside.
    """
    return Subquery(Credit.objects.filter(invitation=OuterRef("pk")).values("invitee")[:1])


def _counted(rows: QuerySet[Any, Any], what: str) -> Subquery:
    template = f"(SELECT COUNT({what}) FROM (%(subquery)s) counted)"  # noqa: S608 - own words
    return Subquery(rows, output_field=IntegerField(), template=template)


def _people(ids: Collection[int]) -> dict[int, Node]:
    """Return a node for each customer, in one statement; of each only so many invitations are looked through."""
    if not ids:
        return {}
    newest = Invitation.objects.filter(inviter=OuterRef("pk")).order_by("-pk")
    invited = _counted(newest.values("pk")[: LOOKED + 1], "*")
    joined = _counted(newest.annotate(came=_came()).values("came")[:LOOKED], "came")
    customers = Customer.objects.filter(pk__in=ids).select_related("group", "website")
    found: dict[int, Node] = {}
    for one in customers.annotate(invited=invited, joined=joined):
        made: Any = one
        found[one.pk] = Node(one, min(made.invited, LOOKED), made.joined, has_more=made.invited > LOOKED)
    return found


def _open(opening: Mapping[int, Node], before: int | None) -> None:
    """Give nodes those whom they brought: two statements, and one more where somebody has a great many invitations."""
    if not opening:
        return
    rows: list[tuple[Any, ...]] = []
    floors: dict[int, int] = {}
    for some in batched(opening, _AT_ONCE):
        many = [pk for pk in some if opening[pk].has_more]
        if many:
            lowest = slice(LOOKED - 1, LOOKED)
            floors |= dict(_union([_by(pk, before)[lowest] for pk in many]))
        theirs = [_by(pk, before, floors.get(pk)).annotate(came=_came()) for pk in some]
        parts = [one.filter(came__isnull=False)[: LEVEL + 1] for one in theirs]
        share = Subquery(Credit.objects.filter(invitation=OuterRef("pk")).values("share")[:1])
        rows += _union(parts, came=_came(), share=share)
    rows.sort(key=lambda row: -row[1])
    found = _people({row[2] for row in rows})
    below: dict[int, list[Node]] = {pk: [] for pk in opening}
    for inviter, invitation, came, share, occasion in rows:
        placed = {"invitation_id": invitation, "share": share, "occasion": occasion or ""}
        # A node for each place: whose credit is shared stands in more than one.
        below[inviter].append(replace(found[came], **placed))
    for pk, node in opening.items():
        node.level = below[pk][:LEVEL]
        has_more = len(below[pk]) > LEVEL
        node.following = node.level[-1].invitation_id if has_more else floors.get(pk)


def _by(inviter: int, before: int | None, floor: int | None = None) -> QuerySet[Invitation]:
    """Return a customer's invitations, newest first."""
    theirs = Invitation.objects.filter(inviter=inviter)
    if before is not None:
        theirs = theirs.filter(pk__lt=before)
    if floor is not None:
        theirs = theirs.filter(pk__gte=floor)
    return theirs.order_by("-pk")


def _union(parts: Sequence[QuerySet[Invitation]], **columns: Subquery) -> list[tuple[Any, ...]]:
    """Return the rows of several lists in one statement: inviter, id, and these columns.

    SQLite takes no limit within a union, so that the ids of each part are asked for by themselves.
    """
    names = ("inviter", "pk", *columns, *(("occasion__title",) if columns else ()))
    first, *others = (
        Invitation.objects.filter(pk__in=part.values("pk")).order_by().annotate(**columns).values_list(*names)
        for part in parts
    )
    return list(first.union(*others, all=True))
