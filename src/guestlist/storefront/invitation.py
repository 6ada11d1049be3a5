"""The page behind an invitation's link, and what a visitor answers there.

Opening the link changes nothing: its token goes into a signed cookie and the visitor to an address without it. Only what
is pressed there (a POST) is written down.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from allauth.account.adapter import get_adapter
from allauth.core import ratelimit
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.csp import CSP
from django.utils.translation import gettext as _
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.csp import csp_override
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from guestlist import addresses
from guestlist.customers.models import User
from guestlist.invitations import actions, links, rules
from guestlist.invitations.rules import LinkStanding
from guestlist.refusal import Refusal
from guestlist.storefront import errors, link_cookie, registration, visits
from guestlist.storefront.forms import RegisterForm
from guestlist.storefront.gate import config_of
from guestlist.storefront.private import private
from guestlist.stores import stale

if TYPE_CHECKING:
    from guestlist.invitations.config import Invitations
    from guestlist.storefront.visits import Visit

_STATE_PAGES = {
    LinkStanding.USED: ("storefront/invitation/used.html", 410),
    LinkStanding.WITHDRAWN: ("storefront/invitation/withdrawn.html", 410),
    LinkStanding.EXPIRED: ("storefront/invitation/expired.html", 410),
    LinkStanding.OTHER_WEBSITE: ("storefront/invitation/elsewhere.html", 404),
}


@require_safe
@private
def enter(request: HttpRequest, token: str) -> HttpResponse:
    """Take the token out of the address: keep it in a cookie and go on to the invitation."""
    if token == links.PREVIEW:
        return _preview(request)
    visits.require_enabled(request)
    if links.open_token(token, visits.invitations()) is None:
        return _invalid(request)
    response = redirect("storefront:invitation")
    link_cookie.keep(response, token)
    return response


@require_safe
@private
def show(request: HttpRequest) -> HttpResponse:
    """Show the invitation that was opened last, as this visitor may see it."""
    visit = visits.load(request)
    return _invalid(request) if visit is None else _page(request, visit)


@require_POST
@private
def seen(request: HttpRequest) -> HttpResponse:
    """Note that a person looked at the invitation: their browser says so at the first press of a key or a pointer."""
    visit = visits.load(request)
    if visit is not None:
        visit.note()
    return HttpResponse(status=204)


@stale.keeps_form
@require_http_methods(["POST"])
@private
@sensitive_post_parameters("password")
def register(request: HttpRequest) -> HttpResponse:
    """Make an account through the link."""
    visit = visits.load(request)
    if visit is None:
        return _invalid(request)
    if visit.standing != LinkStanding.OPEN or request.user.is_authenticated:
        return _page(request, visit)
    form = visit.form(request.POST)
    if stale.is_refused(request):
        form.add_error(None, errors.stale_form())
        return _register_page(request, visit, form)
    limited: HttpResponse | None = ratelimit.consume_or_429(request, action="signup")
    if limited:
        return limited
    visit.note()
    joined = registration.registered(request, form, link=visit.link)
    if joined is None:
        return _register_page(request, visit, form)
    response = registration.after(request, joined)
    link_cookie.forget(response)
    return response


@require_POST
@private
def accept(request: HttpRequest) -> HttpResponse:
    """Accept as the account that is signed in."""
    visit = visits.load(request)
    if visit is None:
        return _invalid(request)
    if not request.user.is_authenticated:
        return redirect("storefront:invitation")
    visit.note()
    try:
        joined = actions.join(
            user=request.user,
            store_view=request.store_view,  # type: ignore[attr-defined]
            invitation=visit.invitation,
            config=visit.config,
            now=visit.now,
        )
    except Refusal as refusal:
        return _page(request, visit, problem=errors.sentence(refusal))
    response = redirect(registration.landing(joined))
    link_cookie.forget(response)
    return response


@require_POST
@private
def leave(request: HttpRequest) -> HttpResponse:
    """Sign out and come back to the invitation."""
    get_adapter(request).logout(request)
    return redirect("storefront:invitation")


@require_POST
@private
def refresh(request: HttpRequest) -> HttpResponse:
    """Mail a fresh invitation to the address that was invited."""
    visit = visits.load(request)
    if visit is None:
        return _invalid(request)
    if visit.standing != LinkStanding.EXPIRED:
        return redirect("storefront:invitation")
    try:
        actions.send_fresh(invitation=visit.invitation, config=visit.config, now=visit.now)
    except Refusal as refusal:
        return _page(request, visit, problem=errors.sentence(refusal))
    return render(request, "storefront/invitation/refreshed.html", _way_in(visit.config))


@require_http_methods(["GET", "HEAD", "POST"])
@private
def decline(request: HttpRequest) -> HttpResponse:
    """Say no to the invitation; whoever reads the invited mailbox may also ask never to be invited again."""
    visit = visits.load(request)
    if visit is None:
        return _invalid(request)
    context: dict[str, Any] = {
        "inviter": visit.inviter if visit.standing == LinkStanding.OPEN else "",
        "is_open": visit.standing == LinkStanding.OPEN,
        "may_stop": visit.may_stop,
        "action_url": reverse("storefront:decline"),
        "back_url": reverse("storefront:invitation"),
    }
    if request.method == "POST":
        visit.note()
        try:
            context["done"] = _declined(visit, request.POST.get("do", ""))
        except Refusal as refusal:
            context["problem"] = errors.sentence(refusal)
    return render(request, "storefront/invitation/decline.html", context)


def _declined(visit: Visit, what: str) -> str:
    invitation = visit.invitation
    if what == "never" and visit.may_stop:
        actions.never_again(
            website=invitation.website, address_hash=bytes(invitation.address_hash or b""), now=visit.now
        )
        return _("Noted. Nobody can invite you through this shop any more.")
    if what not in {"decline", "unknown"}:
        raise Http404
    # Only whoever reads the invited mailbox can complain of its sender; a link that was passed on says no, and no more.
    unknown = what == "unknown" and visit.link.proves_mailbox
    actions.decline(invitation=invitation, now=visit.now, unknown_person=unknown)
    if what == "unknown":
        return _("Thank you for telling us. The invitation is withdrawn, and the shop knows.")
    return _("The invitation is declined. Thank you for answering.")


def _page(request: HttpRequest, visit: Visit, *, problem: str = "") -> HttpResponse:
    if visit.standing != LinkStanding.OPEN:
        template, status = _STATE_PAGES[visit.standing]
        context: dict[str, Any] = {"problem": problem, **_way_in(visit.config)}
        if visit.standing == LinkStanding.EXPIRED:
            context |= {
                "expired_at": visit.invitation.expires_at,
                "may_refresh": visit.invitation.address_hash is not None,
            }
        return render(request, template, context, status=status)
    if request.user.is_authenticated:
        return _page_of_user(request, visit, request.user, problem=problem)
    if visit.link.proves_mailbox and "other" not in request.GET and visit.has_account():
        return render(
            request,
            "storefront/invitation/account.html",
            visit.card()
            | {"address": visit.address, "may_differ": visit.may_differ, "login_url": _login_url()},
        )
    return _register_page(request, visit, visit.form())


def _page_of_user(request: HttpRequest, visit: Visit, user: User, *, problem: str) -> HttpResponse:
    context = visit.card() | {"problem": problem, "may_differ": visit.may_differ}
    try:
        rules.require_addressee(visit.invitation, user, config=visit.config)
    except rules.YourOwnInvitation:
        return render(request, "storefront/invitation/your_own.html", context)
    except rules.WrongAddress:
        return render(request, "storefront/invitation/someone_else.html", context)
    if rules.is_addressee(visit.invitation, user.email):
        return render(request, "storefront/invitation/accept.html", context)
    return render(request, "storefront/invitation/someone_else.html", context)


def _register_page(request: HttpRequest, visit: Visit, form: RegisterForm) -> HttpResponse:
    shared = not visit.link.proves_mailbox
    context = visit.card() | {
        "form": form,
        "login_url": _login_url(),
        # Whoever got the link from hand to hand is not told the whole address.
        "masked": addresses.masked(visit.address)
        if shared and visit.address and not visit.may_differ
        else "",
    }
    status = 422 if form.is_bound and form.errors else 200
    return render(request, "storefront/invitation/open.html", context, status=status)


def _login_url() -> str:
    return f"{reverse('account_login')}?{urlencode({'next': reverse('storefront:invitation')})}"


def _way_in(config: Invitations) -> dict[str, Any]:
    return {"open_to_all": rules.registration_is_open(config)}


def _invalid(request: HttpRequest) -> HttpResponse:
    return render(request, "storefront/invitation/invalid.html", _way_in(config_of(request)), status=404)


# The mail's preview shows this page in its frame when somebody tries the button there.
@xframe_options_sameorigin
@csp_override({**settings.SECURE_CSP, "frame-ancestors": [CSP.SELF]})
def _preview(request: HttpRequest) -> HttpResponse:
    return render(request, "storefront/invitation/preview_link.html")
