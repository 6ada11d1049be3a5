"""What a filter leaves by each of its conditions that has an index: few rows are sooner sorted than looked for in order."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from guestlist.customers.models import Customer
from guestlist.invitations import filters
from guestlist.invitations.lifecycle import Status
from guestlist.invitations.models import (
    MAIL_KIND,
    WAITING,
    Invitation,
    InvitationEvent,
)
from guestlist.mail.models import Message

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.db.models import QuerySet

    from guestlist.invitations.filters import Filter
    from guestlist.invitations.finding import Search
    from guestlist.invitations.pieces import Piece

    type Ids = QuerySet[Any, int]


_UNSURE = 1.5
"""So many times as many as it found in a sample there may be."""


def candidates(search: Search, most: int, *, with_email: bool) -> Iterator[tuple[Ids, Filter]]:
    """Yield, for each condition with an index, the ids that it leaves: the fewest first, as far as one can tell.

    With each comes the filter without what then holds. Left out are the ids of a piece of an address that many more than
    ``most`` have, and of any without ``with_email``: to ask for them takes longest.
    """
    chosen = search.chosen
    yield from ((ids, chosen) for ids in _few(search))
    if chosen.send is not None:
        # By the outbox alone, along its ids: looked up among the invitations, all mails of a large send would be read for
        # the first few, and in any order the whole outbox may be.
        mails = Message.objects.of_send(chosen.send).filter(kind=MAIL_KIND).order_by("pk")
        yield mails.values_list("subject_id", flat=True), replace(chosen, send=None)
    piece = search.piece if with_email else None
    if piece is not None and are_few(piece, most):
        yield piece.addresses().values_list("invitation", flat=True), replace(chosen, email=None)
    yield from ((ids, chosen) for ids in _many(search))


def are_few(piece: Piece, most: int) -> bool:
    """Tell whether those that have a piece of an address may be so few, as far as a sample tells."""
    return (piece.about or 0) <= _UNSURE * most


def _few(search: Search) -> Iterator[Ids]:
    chosen, ids = search.chosen, _ids()
    if chosen.id is not None:
        yield ids.filter(pk=chosen.id)
    yield from _of_people(search)
    if chosen.delivery in WAITING:
        yield Message.objects.under_way(MAIL_KIND).values_list("subject_id", flat=True)


def _many(search: Search) -> Iterator[Ids]:
    chosen, ids = search.chosen, _ids()
    yield from _of_days(search)
    if isinstance(chosen.occasion, int):
        yield ids.filter(occasion=chosen.occasion)
    websites = search.asked_websites()
    # A send's mails were asked for before: its website has no fewer.
    if websites is not None and chosen.send is None:
        yield ids.filter(website__in=websites)


def _ids() -> Ids:
    return Invitation.objects.order_by().values_list("pk", flat=True)


def _of_people(search: Search) -> Iterator[Ids]:
    invitee, inviter = search.chosen.invitee, search.chosen.inviter
    if invitee is not None and invitee != filters.NONE:
        people = _customers(invitee)
        # With the website, by which the index begins.
        websites = {website for _pk, website in people}
        yield _ids().filter(invitee__in=[pk for pk, _website in people], website__in=websites)
    if inviter is not None and inviter != filters.NONE:
        yield _ids().filter(inviter__in=[pk for pk, _website in _customers(inviter)])


def _of_days(search: Search) -> Iterator[Ids]:
    chosen, now = search.chosen, search.now
    if chosen.has_registered_range:
        days = filters.within("accepted_at", chosen.registered_from, chosen.registered_to, now)
        yield _ids().filter(days)
    if chosen.has_sent_range:
        days = filters.within("at", chosen.sent_from, chosen.sent_to, now)
        sent = InvitationEvent.objects.filter(days, target=Status.SENT).order_by()
        yield sent.values_list("invitation", flat=True)


def _customers(person: int | str) -> list[tuple[int, int]]:
    """Return the ids of the customers who are meant, each with that of the website."""
    known = Customer.objects.order_by("pk").values_list("pk", "website")
    return list(known.filter(pk=person) if isinstance(person, int) else known.filter(email=person))
