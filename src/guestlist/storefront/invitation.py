"""The page behind an invitation's link, and what a visitor answers there.

Opening the link changes nothing: its token goes into a signed cookie and the visitor to an address without it. Only what
is pressed there (a POST) is written down.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from allauth.account.adapter import get_adapter
from allauth.core import ratelimit
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.csp import CSP
from django.utils.translation import gettext as _
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.csp import csp_override
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from guestlist import addresses
from guestlist.customers.models import User
from guestlist.invitations import actions, links, rules
from guestlist.invitations.models import Invitation
from guestlist.invitations.rules import LinkStanding
from guestlist.refusal import Refusal
from guestlist.storefront import errors, link_cookie, registration
from guestlist.storefront.forms import RegisterForm
from guestlist.storefront.gate import config_of
from guestlist.storefront.private import private

if TYPE_CHECKING:
    import datetime

    from guestlist.invitations.config import Invitations
    from guestlist.invitations.links import Link

_STATE_PAGES = {
    LinkStanding.USED: ("storefront/invitation/used.html", 410),
    LinkStanding.WITHDRAWN: ("storefront/invitation/withdrawn.html", 410),
    LinkStanding.EXPIRED: ("storefront/invitation/expired.html", 410),
    LinkStanding.OTHER_WEBSITE: ("storefront/invitation/elsewhere.html", 404),
}


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody with a real link, here and now."""

    link: Link
    config: Invitations
    now: datetime.datetime

    @property
    def invitation(self) -> Invitation:
        """The invitation of the link."""
        return self.link.invitation

    @property
    def address(self) -> str:
        """The invited address as it was typed; empty where none is kept."""
        kept = getattr(self.invitation, "address", None)
        return str(kept.typed) if kept else ""

    @property
    def may_differ(self) -> bool:
        """Whether somebody with another address may accept."""
        return self.config.registration_address == "any" or self.invitation.address_hash is None


@require_safe
@private
def enter(request: HttpRequest, token: str) -> HttpResponse:
    """Take the token out of the address: keep it in a cookie and go on to the invitation."""
    if token == links.PREVIEW:
        return _preview(request)
    _require_enabled(request)
    if links.open_token(token, _invitations()) is None:
        return _invalid(request)
    response = redirect("storefront:invitation")
    link_cookie.keep(response, token)
    return response


@require_safe
@private
def show(request: HttpRequest) -> HttpResponse:
    """Show the invitation that was opened last, as this visitor may see it."""
    visit = _visit(request)
    return _invalid(request) if visit is None else _page(request, visit)


@errors.keeps_form
@require_http_methods(["POST"])
@private
@sensitive_post_parameters("password")
def register(request: HttpRequest) -> HttpResponse:
    """Make an account through the link."""
    visit = _visit(request)
    if visit is None:
        return _invalid(request)
    if _standing(request, visit) != LinkStanding.OPEN or request.user.is_authenticated:
        return _page(request, visit)
    form = _form(visit, request.POST)
    if errors.is_refused(request):
        form.add_error(None, errors.stale_form())
        return _register_page(request, visit, form)
    limited: HttpResponse | None = ratelimit.consume_or_429(request, action="signup")
    if limited:
        return limited
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
    visit = _visit(request)
    if visit is None:
        return _invalid(request)
    if not request.user.is_authenticated:
        return redirect("storefront:invitation")
    try:
        joined = actions.join(
            user=request.user,
            store_view=request.store_view,  # type: ignore[attr-defined]
            invitation=visit.invitation,
            config=visit.config,
            now=visit.now,
        )
    except Refusal as refusal:
        return _page(request, visit, problem=str(refusal))
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
    visit = _visit(request)
    if visit is None:
        return _invalid(request)
    if _standing(request, visit) != LinkStanding.EXPIRED:
        return redirect("storefront:invitation")
    try:
        actions.send_fresh(invitation=visit.invitation, config=visit.config, now=visit.now)
    except Refusal as refusal:
        return _page(request, visit, problem=str(refusal))
    return render(request, "storefront/invitation/refreshed.html", _way_in(visit.config))


@require_http_methods(["GET", "HEAD", "POST"])
@private
def decline(request: HttpRequest) -> HttpResponse:
    """Say no to the invitation; whoever reads the invited mailbox may also ask never to be invited again."""
    visit = _visit(request)
    if visit is None:
        return _invalid(request)
    context: dict[str, Any] = {
        "inviter": _inviter(visit) if _standing(request, visit) == LinkStanding.OPEN else "",
        "is_open": _standing(request, visit) == LinkStanding.OPEN,
        "may_stop": visit.link.proves_mailbox and visit.invitation.address_hash is not None,
        "action_url": reverse("storefront:decline"),
        "back_url": reverse("storefront:invitation"),
    }
    if request.method == "POST":
        try:
            context["done"] = _declined(visit, request.POST.get("do", ""), may_stop=context["may_stop"])
        except Refusal as refusal:
            context["problem"] = str(refusal)
    return render(request, "storefront/invitation/decline.html", context)


def _declined(visit: Visit, what: str, *, may_stop: bool) -> str:
    invitation = visit.invitation
    if what == "never" and may_stop:
        actions.never_again(
            website=invitation.website, address_hash=bytes(invitation.address_hash or b""), now=visit.now
        )
        return _("Noted. Nobody can invite you through this shop any more.")
    if what not in {"decline", "unknown"}:
        raise Http404
    actions.decline(invitation=invitation, now=visit.now, unknown_person=what == "unknown")
    if what == "unknown":
        return _("Thank you for telling us. The invitation is withdrawn, and the shop knows.")
    return _("The invitation is declined. Thank you for answering.")


def _invitations() -> Any:  # noqa: ANN401 - a queryset with its relations
    return Invitation.objects.select_related("inviter__group", "store_view", "website", "occasion", "address", "note", "group")


def _require_enabled(request: HttpRequest) -> None:
    if not config_of(request).enabled:
        raise Http404


def _visit(request: HttpRequest) -> Visit | None:
    _require_enabled(request)
    link = links.open_token(link_cookie.read(request), _invitations())
    return Visit(link, config_of(request), timezone.now()) if link else None


def _standing(request: HttpRequest, visit: Visit) -> LinkStanding:
    website_id = request.store_view.website_id  # type: ignore[attr-defined]
    return rules.link_standing(visit.invitation, website_id=website_id, now=visit.now)


def _page(request: HttpRequest, visit: Visit, *, problem: str = "") -> HttpResponse:
    standing = _standing(request, visit)
    if standing != LinkStanding.OPEN:
        template, status = _STATE_PAGES[standing]
        context: dict[str, Any] = {"problem": problem, **_way_in(visit.config)}
        if standing == LinkStanding.EXPIRED:
            context |= {
                "expired_at": visit.invitation.expires_at,
                "may_refresh": visit.invitation.address_hash is not None,
            }
        return render(request, template, context, status=status)
    if request.user.is_authenticated:
        return _page_of_user(request, visit, request.user, problem=problem)
    if visit.link.proves_mailbox and "other" not in request.GET and _has_account(visit):
        return render(
            request,
            "storefront/invitation/account.html",
            _card(visit) | {"address": visit.address, "may_differ": visit.may_differ, "login_url": _login_url()},
        )
    return _register_page(request, visit, _form(visit))


def _page_of_user(request: HttpRequest, visit: Visit, user: User, *, problem: str) -> HttpResponse:
    context = _card(visit) | {"problem": problem, "may_differ": visit.may_differ}
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
    context = _card(visit) | {
        "form": form,
        "login_url": _login_url(),
        # Whoever got the link from hand to hand is not told the whole address.
        "masked": addresses.masked(visit.address) if shared and visit.address and not visit.may_differ else "",
    }
    status = 422 if form.is_bound and form.errors else 200
    return render(request, "storefront/invitation/open.html", context, status=status)


def _card(visit: Visit) -> dict[str, Any]:
    invitation = visit.invitation
    note = getattr(invitation, "note", None)
    return {
        "inviter": _inviter(visit),
        "occasion": invitation.occasion.title if invitation.occasion else "",
        "message": note.message if note else "",
        "expires_at": invitation.expires_at,
    }


def _inviter(visit: Visit) -> str:
    return visit.invitation.inviter.name if visit.invitation.inviter else ""


def _form(visit: Visit, data: QueryDict | None = None) -> RegisterForm:
    """Give the form with the invited address filled in; only a reader of that mailbox gets to see it."""
    proven = visit.link.proves_mailbox and bool(visit.address)
    return RegisterForm(data, address=visit.address if proven else "", is_fixed=proven and not visit.may_differ)


def _has_account(visit: Visit) -> bool:
    kept = getattr(visit.invitation, "address", None)
    return kept is not None and User.objects.filter(email=kept.normalized, customers__isnull=False).exists()


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
