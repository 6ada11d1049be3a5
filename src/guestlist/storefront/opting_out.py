"""The page behind every mail: no to this invitation, or never again from this shop. It works for ever.

Mail programs send the one-click POST of RFC 8058 here, without cookies: it acts at once. People get a page with buttons.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods

from guestlist.invitations import actions, links
from guestlist.invitations.models import Invitation
from guestlist.refusal import Refusal
from guestlist.storefront import errors
from guestlist.storefront.private import private
from guestlist.stores.models import Website

if TYPE_CHECKING:
    import datetime

    from guestlist.invitations.links import OptOut

_ONE_CLICK = ("List-Unsubscribe", "One-Click")


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@private
def opt_out(request: HttpRequest, token: str) -> HttpResponse:
    """Never again at one click; otherwise the page."""
    name, value = _ONE_CLICK
    if request.method == "POST" and request.POST.get(name) == value:
        return _one_click(token)
    return _page(request, token)


def _one_click(token: str) -> HttpResponse:
    wish = links.open_opt_out(token)
    if wish is None:
        return HttpResponse(status=404)
    actions.never_again(website=_website(wish), address_hash=wish.address_hash, now=timezone.now())
    return HttpResponse(status=200, content_type="text/plain")


@csrf_protect
def _page(request: HttpRequest, token: str) -> HttpResponse:
    wish = links.open_opt_out(token)
    if wish is None:
        return render(request, "storefront/invitation/invalid.html", status=404)
    now = timezone.now()
    invitation = (
        Invitation.objects.select_related("inviter", "store_view", "website")
        .filter(pk=wish.invitation_id)
        .first()
    )
    context = {"may_stop": True, "action_url": request.path, "website": _website(wish)}
    if request.method == "POST":
        try:
            context["done"] = _done(wish, invitation, request.POST.get("do", ""), now)
        except Refusal as refusal:
            context["problem"] = errors.sentence(refusal)
    is_open = invitation is not None and invitation.is_open and not invitation.is_expired(now)
    inviter = invitation.inviter if invitation and is_open else None
    return render(
        request,
        "storefront/invitation/decline.html",
        context | {"is_open": is_open, "inviter": inviter.name if inviter else ""},
    )


def _done(wish: OptOut, invitation: Invitation | None, what: str, now: datetime.datetime) -> str:
    if what == "never":
        actions.never_again(website=_website(wish), address_hash=wish.address_hash, now=now)
        return _("Noted. Nobody can invite you through this shop any more.")
    if what not in {"decline", "unknown"} or invitation is None:
        raise Http404
    actions.decline(invitation=invitation, now=now, unknown_person=what == "unknown")
    if what == "unknown":
        return _("Thank you for telling us. The invitation is withdrawn, and the shop knows.")
    return _("The invitation is declined. Thank you for answering.")


def _website(wish: OptOut) -> Website:
    website = Website.objects.filter(pk=wish.website_id).first()
    if website is None:
        raise Http404
    return website
