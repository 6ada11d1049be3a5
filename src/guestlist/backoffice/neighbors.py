"""The way from one invitation to those beside it, in the filtered and sorted list that its reader came from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import QueryDict
from django.urls import reverse
from django.utils.http import urlencode

from guestlist.backoffice import listing
from guestlist.invitations import filters, parts
from guestlist.invitations.filters import Filter
from guestlist.invitations.finding import Search
from guestlist.stores.actors import Permission

if TYPE_CHECKING:
    import datetime

    from guestlist.backoffice.access import Staff
    from guestlist.invitations.models import Invitation


def address_of(pk: int, back: str) -> str:
    """Return the address of an invitation's page; ``back`` is the query of the list that one came from."""
    address = reverse("admin:invitation", args=[pk])
    return f"{address}?{urlencode({'back': back})}" if back else address


def links(invitation: Invitation, back: str, *, staff: Staff, now: datetime.datetime) -> dict[str, str]:
    """Return the addresses of the invitation ``before`` and ``after`` this one; what the list would not find has none."""
    query = QueryDict(back)
    try:
        chosen = Filter.from_query(query)
    except filters.UnusableFilter:
        return {}
    search = Search(chosen, staff.actor.website_ids(Permission.VIEW), now.astimezone(staff.zone))
    order = listing.order_of(query)
    beside = search.beside(order, parts.place_of(invitation, order))
    return {
        name: address_of(pk, back)
        for name, pk in zip(("before", "after"), beside, strict=True)
        if pk is not None
    }
