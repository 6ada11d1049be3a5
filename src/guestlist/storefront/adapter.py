"""What allauth asks of us: whether the shop is open, where its mail goes, what a confirmed address sets off."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from allauth.account.adapter import DefaultAccountAdapter
from django.contrib import messages
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from guestlist.invitations import actions, rules
from guestlist.mail import accounts
from guestlist.refusal import Refusal
from guestlist.storefront import errors
from guestlist.storefront.gate import config_of

if TYPE_CHECKING:
    from allauth.account.models import EmailAddress
    from django.http import HttpRequest

    from guestlist.customers.models import User

log = logging.getLogger(__name__)

REGISTERED = "guestlist_registered"
"""Session key of the user who registered in this browser: confirming here also signs in."""

_MAILS = {
    "account/email/email_confirmation": accounts.CONFIRM,
    "account/email/email_confirmation_signup": accounts.CONFIRM,
    "account/email/password_reset_key": accounts.RESET,
}

_SAID = {
    "account/messages/password_changed.txt": _("Your password is changed."),
    "account/messages/password_set.txt": _("Your password is set."),
}


class AccountAdapter(DefaultAccountAdapter):
    """Accounts of shops: one gate, mail through the outbox, customers made when the address is proven."""

    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "account_inactive": _("This account is closed."),
        "email_password_mismatch": _("This address and password do not belong together."),
        "enter_current_password": _("This is not your password until now."),
        "incorrect_password": _("This is not your password."),
        "invalid_login": _("This address and password do not belong together."),
        "invalid_password_reset": _("This link no longer works."),
        "rate_limited": _("That was too often. Wait a little and try again."),
        "too_many_login_attempts": _("Too many tries. Wait five minutes and try again."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Answer for every door of allauth by the one gate of registration."""
        return getattr(request, "store_view", None) is not None and rules.registration_is_open(
            config_of(request)
        )

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:  # noqa: ARG002 - allauth's
        """Queue a mail about an account; its words and secrets are made when it leaves."""
        try:
            accounts.queue(
                _MAILS[template_prefix],
                user=context["user"],
                store_view=self.request.store_view,
                now=timezone.now(),
            )
        except Refusal as refusal:
            # Said to the shop, not to the visitor: only addresses that have an account come this far.
            log.error("Account mail cannot be queued: %s %s", refusal.code, refusal)  # noqa: TRY400 - no mistake of ours

    def confirm_email(self, request: HttpRequest, email_address: EmailAddress) -> bool:
        """Note that the mailbox is proven, and finish the registration that waited for it."""
        user = email_address.user
        # Proven and joined together, or neither; a refusal to join leaves the address proven.
        with transaction.atomic():
            if not super().confirm_email(request, email_address):
                return False
            refusal = self._refused(request, user)
        if refusal is not None:
            messages.error(request, errors.sentence(refusal))
            return True
        if request.user.is_authenticated:
            return True
        if request.session.get(REGISTERED) == user.pk:
            self.login(request, user)
        else:
            messages.success(request, _("Your address is confirmed. You can sign in now."))
        return True

    def _refused(self, request: HttpRequest, user: User) -> Refusal | None:
        # Which makes forms of accounts, and those ask this adapter.
        from guestlist.storefront.registration import landing

        try:
            joined = actions.confirm(
                user=user,
                store_view=request.store_view,  # type: ignore[attr-defined]
                config=config_of(request),
                now=timezone.now(),
            )
        except Refusal as refusal:
            return refusal
        request.guestlist_landing = landing(joined)  # type: ignore[attr-defined]
        return None

    def get_email_verification_redirect_url(self, email_address: EmailAddress) -> str:
        """Land whoever joined by confirming, and is signed in, where the invitation leads."""
        landed: str = getattr(self.request, "guestlist_landing", "")
        if landed and self.request.user == email_address.user:
            return landed
        return str(super().get_email_verification_redirect_url(email_address))

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:  # noqa: ARG002, ANN401 - allauth's
        """Count failed sign-ins by address alone: allauth adds the host, whose port and case are the visitor's to spell."""
        return str(credentials.get("email", "")).lower()

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:  # noqa: ARG002 - allauth's
        """Go back to the account."""
        return reverse("storefront:account")

    def get_logout_redirect_url(self, request: HttpRequest) -> str:  # noqa: ARG002 - allauth's
        """Stay at the store view that was signed out of: its front page, in its language."""
        return reverse("storefront:front")

    def add_message(
        self,
        request: HttpRequest,
        level: int,
        message_template: str | None = None,
        *args: Any,  # noqa: ARG002, ANN401 - allauth's
        **kwargs: Any,  # noqa: ARG002, ANN401 - allauth's
    ) -> None:
        """Say what no page says; allauth would report every sign-in and sign-out too."""
        if message_template in _SAID:
            messages.add_message(request, level, str(_SAID[message_template]))
