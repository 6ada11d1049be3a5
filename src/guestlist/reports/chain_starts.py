"""Where a chain of who brought whom begins: with those whom nobody brought, or with one customer and the way up."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.db.models import OuterRef, Subquery
from django.utils.translation import gettext_lazy as _

from guestlist import addresses
from guestlist.customers.models import Customer
from guestlist.invitations.models import Credit, Invitation
from guestlist.refusal import Refusal
from guestlist.reports import chain
from guestlist.stores.actors import Permission
from guestlist.stores.models import Website

if TYPE_CHECKING:
    import datetime
    from collections.abc import Collection

    from guestlist.reports.chain import Node
    from guestlist.stores.actors import Actor

WINDOW, _WINDOW_LOOKED = 2_000, 20_000
"""Of how many who joined a page of beginnings is made, and among how many those of the websites are looked for."""
_HIGHEST = 25
"""Steps that are gone upwards."""
_LONGEST = 18
"""Most digits of a number that surely is one of the database's."""


class NoSuchCustomer(Refusal):
    """Nobody has this address or number at the websites that may be seen."""

    code = "no_such_customer"
    message = _(
        "There is no customer “%(value)s”. Enter a customer’s whole address, or the number in the address of their page."
    )


@dataclass(frozen=True, slots=True)
class Beginnings:
    """Customers who brought others, and whom no customer brought."""

    nodes: list[Node]
    first: datetime.datetime | None = None
    """Where not all were gone through: when the first and the last of those joined who were."""
    last: datetime.datetime | None = None
    skip: int = 0
    """How many of these stand before this page's."""
    has_more: bool = False
    """Whether more stand after it."""
    following: int | None = None
    """The credit before which others can be looked for."""


@dataclass(frozen=True, slots=True)
class Origin:
    """How somebody came: those who brought them, from the top down, and who began."""

    path: list[Customer] = field(default_factory=list)
    others: list[Customer] = field(default_factory=list)
    """Who has a part of the credit beside the last of them."""
    is_invited: bool = False
    """Whether the first of all was invited by staff."""
    is_cut: bool = False
    """Whether there are more above."""


def websites(actor: Actor, website_id: int | None = None) -> frozenset[int] | None:
    """Return the websites whose chains an actor sees, only the one that is asked for; None means all."""
    seen = actor.website_ids(Permission.REPORTS)
    if website_id is None:
        return seen
    return frozenset({website_id}) if seen is None or website_id in seen else frozenset()


def find(text: str, *, actor: Actor, website_id: int | None = None) -> list[Customer]:
    """Return the customers with this number or address, one at each website; by address where addresses are seen.

    :raises NoSuchCustomer: when there is none.
    """
    text = text.strip().replace("\x00", "")
    known = Customer.objects.visible_to(actor, Permission.REPORTS)
    if website_id is not None:
        known = known.filter(website=website_id)
    if text.isascii() and text.isdigit() and len(text) <= _LONGEST:
        known = known.filter(pk=int(text))
    else:
        try:
            # The index of addresses is by website. And who sees no addresses shall not learn by trying whether one is
            # a customer's.
            places = list(Website.objects.visible_to(actor).values_list("pk", flat=True))
            known = known.filter(website__in=places, email=addresses.normalize(text))
        except addresses.MalformedAddress:
            raise NoSuchCustomer(value=text[:60]) from None
    found = list(known.select_related("website").order_by("website__name", "pk"))
    if not found:
        raise NoSuchCustomer(value=text[:60])
    return found


def beginnings(
    *, within: frozenset[int] | None, before: int | None = None, skip: int = 0, size: int = chain.LEVEL
) -> Beginnings:
    """Return who began a chain, those first who brought most.

    Looked through are those who joined last, or before the credit ``before``: so many at a time, however many there are.
    """
    rows, following = _credits(within, before)
    brought = Counter(inviter for _credit, _invitee, inviter in rows if inviter is not None)
    for one in _brought_themselves(brought):
        del brought[one]
    ranked = sorted(brought, key=lambda pk: (-brought[pk], pk))
    shown = ranked[skip : skip + size]
    is_whole = before is None and following is None
    first, last = (None, None) if is_whole or not rows else _joined_between(rows[-1][1], rows[0][1])
    return Beginnings(
        chain.nodes(shown),
        first,
        last,
        skip=skip,
        has_more=len(ranked) > skip + size,
        following=following,
    )


def origin(customer: Customer) -> Origin:
    """Return who brought a customer, and who those, one statement for each step."""
    path: list[Customer] = []
    others: list[Customer] = []
    seen, at = {customer.pk}, customer.pk
    while True:
        given = list(
            Credit.objects.filter(invitee=at).select_related("invitation__inviter").order_by("invitation")
        )
        # First who is credited for sure: their invitation is the one that was accepted.
        given.sort(key=lambda one: one.invitation.invitee_id != at)
        by = [one.invitation.inviter for one in given if one.invitation.inviter is not None]
        if not path:
            others = by[1:]
        if not by or by[0].pk in seen:
            return Origin(path[::-1], others, is_invited=bool(given) and not by)
        if len(path) == _HIGHEST:
            return Origin(path[::-1], others, is_cut=True)
        path.append(by[0])
        at = by[0].pk
        seen.add(at)


def _credits(
    within: frozenset[int] | None, before: int | None
) -> tuple[list[tuple[int, int, int | None]], int | None]:
    """Return credits of those who joined last: id, invitee and inviter; and the id before which there may be more."""
    given = Credit.objects.order_by("-pk")
    if before is not None:
        given = given.filter(pk__lt=before)
    chosen, lowest = given, None
    invitation = Invitation.objects.filter(pk=OuterRef("invitation"))
    if within is not None:
        # Of a small website there may be few among very many.
        ids = given.values_list("pk", flat=True)[_WINDOW_LOOKED - 1 : _WINDOW_LOOKED]
        lowest = next(iter(ids), None)
        chosen = given.filter(pk__gte=lowest) if lowest is not None else given
        chosen = chosen.annotate(website=Subquery(invitation.values("website"))).filter(website__in=within)
    by = Subquery(invitation.values("inviter"))
    rows = list(chosen.annotate(by=by).values_list("pk", "invitee", "by")[: WINDOW + 1])
    if len(rows) > WINDOW:
        rows = rows[:WINDOW]
        return rows, rows[-1][0]
    return rows, lowest


def _brought_themselves(ids: Collection[int]) -> set[int]:
    """Return those of the customers whom a customer brought."""
    by = Subquery(Invitation.objects.filter(pk=OuterRef("invitation")).values("inviter"))
    given = Credit.objects.filter(invitee__in=ids).annotate(by=by).filter(by__isnull=False)
    return set(given.values_list("invitee", flat=True))


def _joined_between(first: int, last: int) -> tuple[datetime.datetime | None, datetime.datetime | None]:
    """Return when two customers joined."""
    at = dict(Customer.objects.filter(pk__in={first, last}).values_list("pk", "created_at"))
    return at.get(first), at.get(last)
