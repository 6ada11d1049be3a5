"""Invitations as a file: all that the grid's filter leaves, or the selected ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.http import HttpRequest, HttpResponseRedirect, QueryDict
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from guestlist.backoffice import access, downloads, listing
from guestlist.backoffice.selected import ids_of
from guestlist.invitations import exports
from guestlist.invitations.exports import Export
from guestlist.invitations.filters import Filter, UnusableFilter
from guestlist.refusal import Refusal
from guestlist.stores.actors import Permission

if TYPE_CHECKING:
    from django.http.response import HttpResponseBase


@require_http_methods(["GET", "POST"])
def export(request: HttpRequest) -> HttpResponseBase:
    """Give the invitations that match the address' filter as a file; with a POST, the selected ones."""
    staff = access.of(request)
    staff.require(Permission.EXPORT)
    now = timezone.now().astimezone(staff.zone)
    kind = request.GET.get("format", "")
    # All that match, ticked in the list, is the filter that the list was shown by.
    is_some = request.method == "POST" and "all" not in request.POST
    ids = ids_of(request.POST.getlist("id")) if is_some else None
    back = request.POST.get("back", "") if request.method == "POST" else _without_format(request)
    if ids is not None and not ids:
        messages.warning(request, _("Select at least one invitation first."))
        return HttpResponseRedirect(listing.address_of(back))
    try:
        chosen = Filter() if ids is not None else Filter.from_query(QueryDict(back))
        pieces = exports.export(what=Export(chosen, staff.actor, now, ids), kind=kind)
    except UnusableFilter:
        return HttpResponseRedirect(listing.address_of(back))  # which says what is wrong with it
    except Refusal as refusal:
        messages.error(request, str(refusal))
        return HttpResponseRedirect(listing.address_of(back))
    name = f"{_('invitations')}-{now:%Y-%m-%d}.{kind}"
    return downloads.as_file(request, pieces, name=name, media_type=exports.FORMATS[kind])


def _without_format(request: HttpRequest) -> str:
    query = request.GET.copy()
    query.pop("format", None)
    return query.urlencode()
