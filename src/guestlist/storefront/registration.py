"""Making an account: the ordinary door, and what all doors share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allauth.account import views as allauth
from allauth.account.adapter import get_adapter
from allauth.core import ratelimit
from allauth.decorators import rate_limit
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from guestlist import addresses
from guestlist.invitations import actions, rules
from guestlist.occasions import actions as occasions
from guestlist.refusal import Refusal
from guestlist.storefront import errors
from guestlist.storefront.adapter import REGISTERED
from guestlist.storefront.forms import (
    ChangePasswordForm,
    LoginForm,
    ReauthenticateForm,
    RegisterForm,
    ResetPasswordForm,
    ResetPasswordKeyForm,
    SetPasswordForm,
)
from guestlist.storefront.gate import config_of
from guestlist.storefront.private import private
from guestlist.stores import stale

if TYPE_CHECKING:
    from typing import Any

    from guestlist.invitations.links import Link


@stale.keeps_form
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@sensitive_post_parameters("password")
def signup(request: HttpRequest) -> HttpResponse:
    """Make an account without an invitation, where registration is open; elsewhere say whom to ask."""
    if request.user.is_authenticated:
        return redirect("storefront:account")
    if not rules.registration_is_open(config_of(request)):
        return render(request, "account/signup_closed.html", status=403 if request.method == "POST" else 200)
    if request.method != "POST":
        return _page(request, RegisterForm())
    form = RegisterForm(request.POST)
    if stale.is_refused(request):
        form.add_error(None, errors.stale_form())
        return _page(request, form)
    limited: HttpResponse | None = ratelimit.consume_or_429(request, action="signup")
    if limited:
        return limited
    joined = registered(request, form, link=None)
    return _page(request, form) if joined is None else after(request, joined)


def registered(request: HttpRequest, form: RegisterForm, *, link: Link | None) -> actions.Joined | None:
    """Register what the form says; nothing is given back, and the form has the reason, when it cannot be."""
    if not form.is_valid():
        return None
    data = form.cleaned_data
    if not _reads_mailbox(link, data["email"]) and not ratelimit.consume(
        request, action="signup_address", key=data["email"]
    ):
        form.add_error(None, get_adapter(request).error_messages["rate_limited"])
        return None
    try:
        return actions.register(
            store_view=request.store_view,  # type: ignore[attr-defined]
            link=link,
            email=data["email"],
            password=data["password"],
            first_name=data["first_name"],
            last_name=data["last_name"],
            newsletter=data["newsletter"],
            config=config_of(request),
            now=timezone.now(),
        )
    except (addresses.MalformedAddress, actions.AddressTaken, rules.WrongAddress) as refusal:
        form.add_error("email", str(refusal))
    except Refusal as refusal:
        form.add_error(None, errors.sentence(refusal))
    return None


def _reads_mailbox(link: Link | None, address: str) -> bool:
    """Tell whose tries are not counted: everybody else's mail the address, the owner's must not wait for theirs."""
    if link is None or not link.proves_mailbox or link.invitation.address_hash is None:
        return False
    return rules.is_addressee(link.invitation, address)


def after(request: HttpRequest, joined: actions.Joined) -> HttpResponse:
    """Sign a new customer in and land them; whoever has to confirm an address first is told to look in their mail."""
    if joined.customer is None:
        # The same page and the same session, whether or not the address was known already.
        request.session[REGISTERED] = joined.user.pk if joined.user else 0
        return redirect("account_email_verification_sent")
    get_adapter(request).login(request, joined.user)
    return redirect(landing(joined))


def landing(joined: actions.Joined) -> str:
    """Give the page to land on: the occasion's own, below the store view's prefix, or the account."""
    occasion = joined.invitation.occasion if joined.invitation else None
    try:
        page = occasions.check_page(occasion.page) if occasion else ""
    except occasions.UnsafePage:
        page = ""
    return reverse("storefront:front") + page.removeprefix("/") if page else reverse("storefront:account")


def _page(request: HttpRequest, form: RegisterForm) -> HttpResponse:
    status = 422 if form.is_bound and form.errors else 200
    return render(
        request, "account/signup.html", {"form": form, "login_url": reverse("account_login")}, status=status
    )


@method_decorator(private, name="dispatch")
class ConfirmAddressView(allauth.ConfirmEmailView):
    """The page behind the link that confirms an address: opening it changes nothing."""

    def logout_other_user(self, confirmation: Any) -> None:  # noqa: ANN401 - allauth's
        """Sign somebody else out when the button was pressed, not when a link was opened."""
        if self.request.method == "POST":
            super().logout_other_user(confirmation)


confirm_address = ConfirmAddressView.as_view()


@method_decorator(private, name="dispatch")
@method_decorator(rate_limit(action="reset_password_from_key"), name="dispatch")
class NewPasswordView(allauth.PasswordResetFromKeyView):
    """The page behind the link to choose a new password: opening it changes nothing, not even the session."""

    form_class = ResetPasswordKeyForm

    def dispatch(self, request: HttpRequest, uidb36: str, key: str, **kwargs: Any) -> HttpResponseBase:  # noqa: ANN401
        """Check the link's key at each request; allauth would write it into the session when the link is opened."""
        self.key = key
        token = allauth.UserTokenForm(data={"uidb36": uidb36, "key": key})
        self.reset_user = token.reset_user if token.is_valid() else None
        if self.reset_user is None:
            failed: HttpResponse = self.render_to_response(self.get_context_data(token_fail=True), status=404)
            return failed
        if (
            request.method == "POST"
            and request.user.is_authenticated
            and request.user.pk != self.reset_user.pk
        ):
            self.logout()
        # Past allauth's own dispatch, which is what is replaced here.
        answer: HttpResponseBase = super(allauth.PasswordResetFromKeyView, self).dispatch(
            request, uidb36, key, **kwargs
        )
        return answer


new_password = NewPasswordView.as_view()
login = allauth.LoginView.as_view(form_class=LoginForm)
password_reset = allauth.PasswordResetView.as_view(form_class=ResetPasswordForm)
password_change = allauth.PasswordChangeView.as_view(form_class=ChangePasswordForm)
password_set = allauth.PasswordSetView.as_view(form_class=SetPasswordForm)
reauthenticate = allauth.ReauthenticateView.as_view(form_class=ReauthenticateForm)
