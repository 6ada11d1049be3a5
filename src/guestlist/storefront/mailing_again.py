"""The way back: who is not mailed any more, and wants to be, says so by a link that is mailed to them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from allauth.core import ratelimit
from django import forms
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from guestlist.mail import lifting
from guestlist.refusal import Refusal
from guestlist.storefront import errors
from guestlist.storefront.forms import AddressField
from guestlist.storefront.private import private
from guestlist.stores import stale

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

log = logging.getLogger(__name__)


class AddressForm(forms.Form):
    """The address that wants to be mailed again."""

    email = AddressField()


@stale.keeps_form
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def ask(request: HttpRequest) -> HttpResponse:
    """Mail the link to an address; the answer is the same whether anything stands for it or not."""
    form = AddressForm(request.POST or None)
    if request.method == "POST" and stale.is_refused(request):
        form.add_error(None, errors.stale_form())
    if request.method != "POST" or not form.is_valid():
        return _form(request, form)
    limited: HttpResponse | None = ratelimit.consume_or_429(request, action="mail_me_again")
    if limited:
        return limited
    try:
        lifting.request_lift(
            store_view=request.store_view,  # type: ignore[attr-defined]
            address=form.cleaned_data["email"],
            now=timezone.now(),
        )
    except Refusal as refusal:
        form.add_error(None, errors.sentence(refusal))
        return _form(request, form)
    return render(request, "storefront/mail_me_again.html", {"done": True})


def _form(request: HttpRequest, form: AddressForm) -> HttpResponse:
    status = 422 if form.is_bound and form.errors else 200
    return render(request, "storefront/mail_me_again.html", {"form": form}, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@private
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """Show the button behind the mailed link; pressing it lifts, opening the link changes nothing."""
    website = request.store_view.website  # type: ignore[attr-defined]
    now = timezone.now()
    asked = lifting.asked_by(token, website=website, now=now)
    state, status = ("ask", 200) if asked else ("gone", 404)
    if request.method == "POST":
        try:
            lifting.lift_own(token=token, website=website, now=now)
            state, status = "done", 200
        except lifting.LinkUsedUp:
            state, status = "gone", 404
    context = {
        "state": state,
        "address": asked.address if asked else "",
        "action_url": request.path,
        "days": lifting.VALID.days,
    }
    return render(request, "storefront/mail_me_again_link.html", context, status=status)
