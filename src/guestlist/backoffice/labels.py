"""Words for codes that only staff read."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from guestlist.mail.models import MessageState

EXPIRED = pgettext_lazy("invitation", "Expired")
"""What a sent invitation reads whose time is over; no status of its own."""

KINDS = {
    "invitation": _("Invitation"),
    "confirm_address": _("Confirm an address"),
    "reset_password": _("New password"),
    "account_exists": _("There is an account already"),
    "lift_suppression": _("To be mailed again"),
    "trial_invitation": _("Test: invitation"),
    "trial_confirm": _("Test: confirm an address"),
    "trial_password": _("Test: new password"),
    "trial_account": _("Test: there is an account already"),
    "trial_lift": _("Test: to be mailed again"),
}
"""What mails in the outbox are, by the code of their kind."""

STATES = {
    MessageState.READY: _("Waiting"),
    MessageState.LEASED: _("Being sent"),
    MessageState.SENT: _("Handed over"),
    MessageState.WITHDRAWN: _("Withdrawn"),
    MessageState.BOUNCED: _("Bounced"),
    MessageState.FAILED: _("Failed"),
    MessageState.HELD: _("Held"),
}
