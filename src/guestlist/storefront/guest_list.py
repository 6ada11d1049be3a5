"""My invitations: the guest list, and what its inviter does with a line of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from guestlist.invitations import actions, rules
from guestlist.invitations.models import Invitation
from guestlist.invitations.rules import Deed
from guestlist.refusal import Refusal
from guestlist.storefront import errors, guests
from guestlist.storefront.gate import ShopRequest, config_of, for_inviters
from guestlist.stores.actors import Actor, ActorKind

if TYPE_CHECKING:
    import datetime
    import uuid

    from django.db.models import QuerySet

    from guestlist.invitations.config import Invitations


@require_safe
@never_cache
@for_inviters
def my_invitations(request: ShopRequest) -> HttpResponse:
    """Show the customer's own invitations, newest first."""
    now = timezone.now()
    config = config_of(request)
    own = _own(request)
    pages = Paginator(own.select_related("address", "note", "occasion").order_by("-id"), guests.PER_PAGE)
    page = pages.get_page(request.GET.get("page"))
    return render(
        request,
        "storefront/account/invitations.html",
        {
            "here": "invitations",
            "page": page,
            "rows": [guests.guest(invitation, config=config, now=now) for invitation in page],
            "figures": guests.figures(own, now=now),
        },
    )


@require_POST
@for_inviters
def deed(request: ShopRequest, public_id: uuid.UUID, name: str) -> HttpResponse:
    """Do what the inviter pressed beside an invitation, and say what came of it."""
    invitation = get_object_or_404(
        _own(request).select_related("store_view", "address", "note"), public_id=public_id
    )
    config, now = config_of(request), timezone.now()
    if name == Deed.COPY:
        return _copy(request, invitation, config=config, now=now)
    if name not in {Deed.CANCEL, Deed.UNDO, Deed.TRY_AGAIN, Deed.RESEND}:
        raise Http404
    try:
        said = _done(request, invitation, Deed(name), config=config, now=now)
    except Refusal as refusal:
        messages.error(request, errors.sentence(refusal))
    else:
        messages.success(request, said)
    return redirect("storefront:invitations")


def _done(
    request: ShopRequest, invitation: Invitation, what: Deed, *, config: Invitations, now: datetime.datetime
) -> str:
    who = {"who": guests.who(invitation)}
    if what == Deed.CANCEL:
        actions.cancel(invitation=invitation, inviter=request.customer, now=now)
        return _("The invitation for %(who)s is canceled.") % who
    if what == Deed.UNDO:
        actions.restore(invitation=invitation, inviter=request.customer, config=config, now=now)
        return _("The invitation for %(who)s counts again and is on its way.") % who
    actions.resend(invitation=invitation, actor=_actor(request), config=config, now=now)
    return _("The invitation for %(who)s is on its way.") % who


def _copy(
    request: ShopRequest, invitation: Invitation, *, config: Invitations, now: datetime.datetime
) -> HttpResponse:
    try:
        link = actions.share(invitation=invitation, actor=_actor(request), config=config, now=now)
    except Refusal as refusal:
        messages.error(request, errors.sentence(refusal))
        return redirect("storefront:invitations")
    response = render(
        request,
        "storefront/account/link.html",
        {"here": "invitations", "who": guests.who(invitation), "link": link},
    )
    response["Cache-Control"] = "no-store"
    return response


@require_safe
@for_inviters
def correct(request: ShopRequest, public_id: uuid.UUID) -> HttpResponse:
    """Open the send form with an address that could not be reached, to be corrected and sent anew."""
    invitation = get_object_or_404(
        _own(request).select_related("address", "note", "occasion"), public_id=public_id
    )
    if Deed.CORRECT not in rules.deeds(invitation, config=config_of(request), now=timezone.now()):
        raise Http404
    from guestlist.storefront import sending

    return sending.form_for(request, invitation)


def _own(request: ShopRequest) -> QuerySet[Invitation]:
    return Invitation.objects.visible_to(_actor(request))


def _actor(request: ShopRequest) -> Actor:
    return Actor(ActorKind.CUSTOMER, request.customer.pk)
