"""Reports › Monday mail: who is mailed the last week, chosen by each for themselves and by owners for everybody."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from guestlist.backoffice import access
from guestlist.refusal import Refusal
from guestlist.reports.monday import choosing, posting
from guestlist.stores.actors import Permission

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from guestlist.backoffice.access import Staff
    from guestlist.reports.monday.choosing import Choice


@dataclass(frozen=True, slots=True)
class Row:
    """A person of the page: ``chosen`` is what the field shows, ``was`` what held when the page was made."""

    name: str
    address: str
    field: str
    chosen: str
    was: str
    last_at: datetime.datetime | None
    is_self: bool


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def page(request: HttpRequest) -> HttpResponse:
    """Show who gets the mail, or take in what was chosen: all of it or, with what is wrong, nothing."""
    staff = access.of(request)
    staff.require(Permission.REPORTS)
    found = choosing.choices(actor=staff.actor)
    if request.method != "POST":
        return _page(request, staff, found)
    try:
        with transaction.atomic():
            for one in found:
                language = request.POST.get(_field(one))
                # What somebody else has changed since this page was made stays, unless it is chosen here.
                if language is not None and language != request.POST.get(f"was_{_field(one)}"):
                    choosing.choose(user=one.user, language=language, actor=staff.actor, now=timezone.now())
    except Refusal as refusal:
        return _page(request, staff, found, problem=str(refusal))
    messages.success(request, _("Saved."))
    return HttpResponseRedirect(reverse("admin:report_monday"))


def _page(request: HttpRequest, staff: Staff, found: Sequence[Choice], *, problem: str = "") -> HttpResponse:
    rows = [_row(request, staff, one) for one in found]
    next_at = posting.next_at(choosing.sight(staff.actor), now=timezone.now())
    context: dict[str, Any] = {
        **access.context(request),
        "title": _("Monday mail"),
        "rows": sorted(rows, key=lambda one: not one.is_self),
        "languages": choosing.languages(),
        "next_at": next_at,
        "problem": problem,
    }
    return render(request, "backoffice/monday.html", context, status=422 if problem else 200)


def _row(request: HttpRequest, staff: Staff, one: Choice) -> Row:
    field = _field(one)
    return Row(
        name=one.user.get_full_name(),
        address=one.user.email,
        field=field,
        chosen=request.POST.get(field, one.language),
        was=request.POST.get(f"was_{field}", one.language),
        last_at=one.last_at,
        is_self=one.user.pk == staff.actor.id,
    )


def _field(one: Choice) -> str:
    return f"for_{one.user.pk}"
