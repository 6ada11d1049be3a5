"""The grid of invitations."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from django.views.decorators.http import require_safe

from guestlist.backoffice import access, paging
from guestlist.backoffice.filtering import FilterForm
from guestlist.invitations import filters
from guestlist.invitations.filters import Filter
from guestlist.invitations.models import Invitation
from guestlist.stores.actors import Permission

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.db.models import QuerySet

SIZE = 50
COUNTED = 10_000
"""Up to so many rows the count is exact; more would read too much for a number that nobody needs exactly."""

_SORTS = {
    "id": paging.Order("id", "pk", descending=True),
    "email": paging.Order("email", "address__normalized", descending=False),
    "sent": paging.Order("sent", "sent_at", descending=True, is_time=True),
    "registered": paging.Order("registered", "accepted_at", descending=True, is_time=True),
}
_COLUMNS = (
    ("id", gettext_lazy("ID")),
    ("email", gettext_lazy("Email")),
    ("", gettext_lazy("Invitee")),
    ("", gettext_lazy("Inviter")),
    ("sent", pgettext_lazy("column", "Sent")),
    ("registered", pgettext_lazy("column", "Registered")),
    ("", gettext_lazy("Status")),
    ("", gettext_lazy("Delivery")),
    ("", gettext_lazy("Valid website")),
    ("", gettext_lazy("Invitee group")),
    ("", gettext_lazy("Occasion")),
)


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
    order = _order(request.GET)
    problem: filters.UnusableFilter | None = None
    chosen = Filter()
    try:
        chosen = Filter.from_query(request.GET)
    except filters.UnusableFilter as refusal:
        problem = refusal
    visible = Invitation.objects.visible_to(staff.actor)
    found = visible.none() if problem else chosen.apply(visible, now=now)
    shown = paging.page(_loaded(found), order, request.GET, size=SIZE)
    form = FilterForm(staff, request.GET, problem)
    context = {
        **access.context(request),
        "title": _("Invitations"),
        "form": form,
        "chips": form.chips(chosen),
        "page": shown,
        "headings": [_heading(column, label, order, request.GET) for column, label in _COLUMNS],
        "count": _count(found) if shown.rows else 0,
        "counted": COUNTED,
        "is_empty": not (shown.rows or chosen or problem) and not visible.exists(),
        "now": now,
        "links": _links(shown, request.GET),
        "back": request.GET.urlencode(),
        "can_add": staff.may(Permission.ADD),
        "can_discard": staff.may(Permission.DISCARD),
        "can_send": staff.may(Permission.SEND) or staff.may(Permission.RESEND),
        "is_fullwidth": "1",
    }
    return render(request, "backoffice/invitations.html", context)


def address_of(query: str) -> str:
    """Return the address of the grid with a query that was carried along; only ever the grid's own."""
    address = reverse("admin:invitations")
    return f"{address}?{query}" if query else address


def _loaded(found: QuerySet[Invitation]) -> QuerySet[Invitation]:
    return found.select_related(
        "address", "website", "store_view", "inviter", "staff", "invitee__group", "group", "occasion"
    )


def _count(found: QuerySet[Invitation]) -> int:
    return found.order_by()[: COUNTED + 1].count()


def _order(query: Mapping[str, Any]) -> paging.Order:
    text = str(query.get("sort") or "")
    order = _SORTS.get(text.removeprefix("-"))
    return replace(order, descending=text.startswith("-")) if order else _SORTS["id"]


def _heading(column: str, label: Any, order: paging.Order, query: Any) -> Heading:  # noqa: ANN401 - a lazy sentence, a QueryDict
    if not column:
        return Heading(label)
    turned = replace(_SORTS[column])
    if column == order.column:
        turned = replace(order, descending=not order.descending)
    direction = ("descending" if order.descending else "ascending") if column == order.column else "none"
    return Heading(label, _query(query, sort=turned.name), direction)


def _links(shown: paging.Page[Invitation], query: Any) -> dict[str, str | None]:  # noqa: ANN401 - a QueryDict
    following = _query(query, after=shown.following) if shown.following else None
    preceding = _query(query, before=shown.preceding) if shown.preceding else None
    return {
        "first": _query(query) if preceding else None,
        "preceding": preceding,
        "following": following,
        "last": _query(query, last="1") if following else None,
    }


def _query(query: Any, **changes: str | None) -> str:  # noqa: ANN401 - a QueryDict
    changed = query.copy()
    for name in ("after", "before", paging.LAST):
        changed.pop(name, None)
    for name, value in changes.items():
        changed[name] = value
    return f"?{changed.urlencode()}"
