"""Invitations as a file: all that the grid's filter leaves, or the selected ones."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponseRedirect, QueryDict, StreamingHttpResponse
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from guestlist.backoffice import access, listing
from guestlist.backoffice.selected import ids_of
from guestlist.invitations import exports
from guestlist.invitations.exports import Export
from guestlist.invitations.filters import Filter, UnusableFilter
from guestlist.refusal import Refusal
from guestlist.stores.actors import Permission

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

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
    return as_file(pieces, name=f"{_('invitations')}-{now:%Y-%m-%d}.{kind}", media_type=exports.FORMATS[kind])


def as_file(pieces: Iterator[bytes], *, name: str, media_type: str) -> StreamingHttpResponse:
    """Return a file to be saved, sent while it is made; nothing on the way keeps it."""
    return StreamingHttpResponse(
        _in_language(pieces, translation.get_language()),
        content_type=media_type,
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "no-store",
            "X-Accel-Buffering": "no",
            "X-Content-Type-Options": "nosniff",
        },
    )


def _in_language(pieces: Iterator[bytes], language: str | None) -> Iterator[bytes]:
    """Make each piece in the reader's language: a file is sent when the request's own is over."""
    with contextlib.closing(cast("Generator[bytes]", pieces)):
        while True:
            with translation.override(language):
                piece = next(pieces, None)
            if piece is None:
                return
            yield piece


def _without_format(request: HttpRequest) -> str:
    query = request.GET.copy()
    query.pop("format", None)
    return query.urlencode()
