"""Saved filters and chosen columns: kept from the grid, and looked after on a page of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from guestlist.backoffice import access, columns, listing
from guestlist.invitations.actions import saved as actions
from guestlist.invitations.filters import Filter
from guestlist.invitations.models import SavedFilter
from guestlist.invitations.parts import Sort
from guestlist.refusal import Refusal
from guestlist.stores.actors import Permission

if TYPE_CHECKING:
    from guestlist.customers.models import User


@require_http_methods(["GET", "HEAD", "POST"])
def filters(request: HttpRequest) -> HttpResponse:
    """Show the saved filters, to rename, share and delete one's own; with a POST, save the one that is looked at."""
    staff = access.of(request)
    staff.require(Permission.VIEW)
    if request.method != "POST":
        return _shown(request)
    back = request.POST.get("back", "")
    looked_at = QueryDict(back)
    name = request.POST.get("name", "")
    try:
        kept = actions.save_filter(
            user=_user(request),
            actor=staff.actor,
            name=name,
            chosen=Filter.from_query(looked_at),
            sort=_sort(looked_at.get("sort", "")),
            is_shared="is_shared" in request.POST,
        )
    except Refusal as refusal:
        # Nothing typed is lost: the form is shown again with it.
        return _shown(request, _typed(request, refusal, back=back), status=422)
    messages.success(request, _("The filter is saved as “%(name)s”.") % {"name": kept.name})
    return HttpResponseRedirect(listing.address_of(back))


@require_POST
def change(request: HttpRequest, pk: int) -> HttpResponse:
    """Rename, share or delete one's own saved filter."""
    staff = access.of(request)
    staff.require(Permission.VIEW)
    kept = SavedFilter.objects.filter(user=_user(request), pk=pk).first()
    if kept is None:
        raise Http404
    name = request.POST.get("name", "")
    try:
        if "delete" in request.POST:
            actions.delete_filter(saved=kept)
            messages.success(request, _("The filter “%(name)s” is deleted.") % {"name": kept.name})
        else:
            actions.change_filter(
                saved=kept, actor=staff.actor, name=name, is_shared="is_shared" in request.POST
            )
            messages.success(request, _("The filter “%(name)s” is saved.") % {"name": kept.name})
    except Refusal as refusal:
        return _shown(request, _typed(request, refusal, changed=pk), status=422)
    return HttpResponseRedirect(reverse("admin:saved_filters"))


@require_POST
def choose_columns(request: HttpRequest) -> HttpResponse:
    """Remember which columns somebody wants to see."""
    access.of(request).require(Permission.VIEW)
    wanted = None if "all" in request.POST else columns.chosen(request.POST.getlist("column"))
    actions.choose_columns(user=_user(request), columns=wanted)
    return HttpResponseRedirect(listing.address_of(request.POST.get("back", "")))


def _user(request: HttpRequest) -> User:
    user: User = request.user  # type: ignore[assignment]  # behind admin_view
    return user


def _typed(request: HttpRequest, refusal: Refusal, **which: Any) -> dict[str, Any]:  # noqa: ANN401 - an id, a query
    """Return what was entered, to be shown with why it was refused."""
    entered = {"name": request.POST.get("name", ""), "is_shared": "is_shared" in request.POST}
    return {"problem": refusal, **entered, **which}


def _shown(request: HttpRequest, extra: dict[str, Any] | None = None, *, status: int = 200) -> HttpResponse:
    staff = access.of(request)
    rows = list(SavedFilter.objects.visible_to(staff.actor).select_related("user").order_by("name", "pk"))
    context = {
        **access.context(request),
        "title": _("Saved filters"),
        "mine": [one for one in rows if one.user_id == staff.actor.id],
        "theirs": [one for one in rows if one.user_id != staff.actor.id],
        **(extra or {}),
    }
    return render(request, "backoffice/saved_filters.html", context, status=status)


def _sort(text: str) -> str:
    """Return the order that an address asks for; what is none is the usual one."""
    return text if text.removeprefix("-") in set(Sort) else ""
