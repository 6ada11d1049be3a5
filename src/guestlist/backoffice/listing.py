"""The grid of invitations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from guestlist.backoffice import access, columns, places
from guestlist.backoffice.filtering import FilterForm
from guestlist.invitations import estimates, exports, filters
from guestlist.invitations.estimates import Amount
from guestlist.invitations.filters import Filter
from guestlist.invitations.finding import Search
from guestlist.invitations.models import Invitation, SavedFilter
from guestlist.invitations.parts import Order, Sort
from guestlist.invitations.walking import Page
from guestlist.stores.actors import Permission

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from guestlist.backoffice.access import Staff

SIZE = 50
_SAVED = 100
"""Most saved filters that are offered beside the list; the page of saved filters has all."""
_LAST = "last"

_DESCENDING = {Sort.ID: True, Sort.EMAIL: False, Sort.SENT: True, Sort.REGISTERED: True}
"""Which way a column is sorted when its head is pressed."""


@dataclass(frozen=True, slots=True)
class Heading:
    """One column's head: where its link leads, and which way it is sorted now."""

    label: Any
    query: str = ""
    direction: str = "none"


@require_safe
def listing(request: HttpRequest) -> HttpResponse:
    """Show the invitations that match, page by page, newest first."""
    staff = access.of(request)
    staff.require(Permission.VIEW)
    now = timezone.now().astimezone(staff.zone)
    order = order_of(request.GET)
    problem: filters.UnusableFilter | None = None
    chosen = Filter()
    try:
        chosen = Filter.from_query(request.GET)
    except filters.UnusableFilter as refusal:
        problem = refusal
    search = Search(chosen, staff.actor.website_ids(Permission.VIEW), now)
    shown = Page([]) if problem else _page(search, order, request.GET)
    rows = loaded(shown.ids)
    form = FilterForm(staff, request.GET, problem)
    shown_columns = columns.of(staff.actor.id)
    context = {
        **access.context(request),
        "title": _("Invitations"),
        "form": form,
        "chips": form.chips(chosen),
        "rows": rows,
        "headings": [_heading(one.sort, one.label, order, request.GET) for one in shown_columns],
        "columns": {one.code for one in shown_columns},
        "optional": columns.OPTIONAL,
        "saved": SavedFilter.objects.visible_to(staff.actor).order_by("name", "pk")[:_SAVED],
        "amount": _amount(search, shown),
        "look_on": _look_on(shown, order, request.GET),
        "is_empty": not (rows or chosen or problem or shown.looked_until)
        and not Invitation.objects.visible_to(staff.actor).exists(),
        "now": now,
        "links": _links(shown, order, request.GET),
        "back": request.GET.urlencode(),
        **_buttons(staff),
        "export": _export_query(chosen) if staff.may(Permission.EXPORT) else None,
        "is_fullwidth": "1",
    }
    return render(request, "backoffice/invitations.html", context)


def _buttons(staff: Staff) -> dict[str, bool]:
    """Return what this staff member may do with rows somewhere."""
    return {
        "can_add": staff.may(Permission.ADD),
        "can_import": staff.may(Permission.IMPORT),
        "can_discard": staff.may(Permission.DISCARD),
        "can_send": staff.may(Permission.SEND) or staff.may(Permission.RESEND),
    }


def loaded(ids: Sequence[int]) -> list[Invitation]:
    """Return the invitations with all that a row shows, in the order of the ids."""
    found = Invitation.objects.select_related(
        "address", "website", "store_view", "inviter", "staff", "invitee__group", "group", "occasion"
    ).in_bulk(ids)
    return [found[one] for one in ids if one in found]


def address_of(query: str) -> str:
    """Return the address of the grid with a query that was carried along; only ever the grid's own."""
    address = reverse("admin:invitations")
    return f"{address}?{query}" if query else address


def _export_query(chosen: Filter) -> dict[str, str]:
    """Return the queries of the addresses that give what is shown as a file, by the kind of file."""
    return {kind: urlencode({**chosen.as_query(), "format": kind}) for kind in exports.FORMATS}


def order_of(query: Mapping[str, Any]) -> Order:
    """Return the order that the parameters of an address ask for; the newest first where they ask for none."""
    text = str(query.get("sort") or "")
    try:
        return Order(Sort(text.removeprefix("-")), descending=text.startswith("-"))
    except ValueError:
        return Order()


def _page(search: Search, order: Order, query: Mapping[str, Any]) -> Page:
    """Return the page that the parameters ``after``, ``before`` or ``last`` ask for; else the first."""
    for name in ("after", "before"):
        place = places.read(str(query.get(name) or ""), order)
        if place is not None:
            return search.page(order, start=place, backwards=name == "before", size=SIZE)
    return search.page(order, backwards=_LAST in query, size=SIZE)


def _amount(search: Search, shown: Page) -> Amount | None:
    """Return how many match, as far as that is worth knowing: beside rows."""
    if not shown.ids:
        return None
    return Amount(shown.total) if shown.total is not None else estimates.how_many(search)


def _named(order: Order) -> str:
    return f"-{order.sort}" if order.descending else order.sort.value


def _heading(column: Sort | None, label: Any, order: Order, query: Any) -> Heading:  # noqa: ANN401 - a lazy sentence, a QueryDict
    if column is None:
        return Heading(label)
    is_this = column == order.sort
    turned = Order(column, descending=not order.descending if is_this else _DESCENDING[column])
    direction = ("descending" if order.descending else "ascending") if is_this else "none"
    return Heading(label, _query(query, sort=_named(turned)), direction)


def _links(shown: Page, order: Order, query: Any) -> dict[str, str | None]:  # noqa: ANN401 - a QueryDict
    last = shown.last if shown.has_after else None
    first = shown.first if shown.has_before else None
    following = _query(query, after=places.written(last, order)) if last else None
    preceding = _query(query, before=places.written(first, order)) if first else None
    return {
        "first": _query(query) if preceding else None,
        "preceding": preceding,
        "following": following,
        "last": _query(query, last="1") if following else None,
    }


def _look_on(shown: Page, order: Order, query: Any) -> str | None:  # noqa: ANN401 - a QueryDict
    """Return the address of what was not looked through yet, None where all was."""
    if shown.looked_until is None:
        return None
    way = "before" if _LAST in query or "before" in query else "after"
    return _query(query, **{way: places.written(shown.looked_until, order)})


def _query(query: Any, **changes: str | None) -> str:  # noqa: ANN401 - a QueryDict
    changed = query.copy()
    for name in ("after", "before", _LAST):
        changed.pop(name, None)
    for name, value in changes.items():
        changed[name] = value
    return f"?{changed.urlencode()}"
