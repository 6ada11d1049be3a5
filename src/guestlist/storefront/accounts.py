"""The customer's account: its overview, the way in for users of another website, and the shop's colors."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from guestlist.invitations import actions, rules
from guestlist.refusal import Refusal
from guestlist.storefront import errors, theme
from guestlist.storefront.gate import config_of

_A_YEAR = 365 * 24 * 60 * 60


@require_safe
def front(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - every view has it
    """Lead to the account, where there is no shop of our own to show."""
    return redirect("storefront:account")


@require_safe
def colors(request: HttpRequest) -> HttpResponse:
    """Give the store view's colors as a stylesheet; its address changes with the color, so it may be kept for a year."""
    response = HttpResponse(theme.stylesheet(request.store_view.accent_color), content_type="text/css")  # type: ignore[attr-defined]
    response["Cache-Control"] = f"public, max-age={_A_YEAR}, immutable"
    return response


@require_safe
@never_cache
@login_required
def overview(request: HttpRequest) -> HttpResponse:
    """Show the account; to a user who has none at this website, the way to one."""
    customer = request.customer  # type: ignore[attr-defined]
    if customer:
        return render(request, "storefront/account/overview.html", {"here": "account", "customer": customer})
    is_open = rules.registration_is_open(config_of(request))
    return render(request, "storefront/account/stranger.html", {"is_open": is_open})


@require_POST
@login_required
def become_customer(request: HttpRequest) -> HttpResponse:
    """Make the signed-in user a customer of this website too, through the same gate as everybody."""
    try:
        actions.join(
            user=request.user,  # type: ignore[arg-type]  # signed in, says the decorator
            store_view=request.store_view,  # type: ignore[attr-defined]
            invitation=None,
            config=config_of(request),
            now=timezone.now(),
        )
    except Refusal as refusal:
        messages.error(request, errors.sentence(refusal))
    else:
        messages.success(request, _("Welcome! Your account is ready."))
    return redirect("storefront:account")
