"""Words for codes that only staff read."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from guestlist.invitations.lifecycle import Status
from guestlist.mail.models import MessageState

EXPIRED = pgettext_lazy("invitation", "Expired")
"""What a sent invitation reads whose time is over; no status of its own."""

KINDS = {
    "invitation": _("Invitation"),
    "confirm_address": _("Confirm an address"),
    "reset_password": _("New password"),
    "account_exists": _("There is an account already"),
    "lift_suppression": _("To be mailed again"),
    "monday_report": _("Monday mail"),
    "trial_invitation": _("Test: invitation"),
    "trial_confirm": _("Test: confirm an address"),
    "trial_password": _("Test: new password"),
    "trial_account": _("Test: there is an account already"),
    "trial_lift": _("Test: to be mailed again"),
    "trial_monday": _("Test: Monday mail"),
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

REASONS = {
    Status.NOT_SENT.value: _("not sent yet"),
    Status.ACCEPTED.value: _("already accepted"),
    Status.DISCARDED.value: _("already discarded"),
    "not_found": _("not yours, or gone"),
    "move_not_allowed": _("already accepted"),
    "already_on_its_way": _("already on its way"),
    "already_customer": _("already a customer, and discarded"),
    "not_mailable": _("not to be mailed"),
    "not_permitted": _("not permitted to you"),
    "no_sender": _("without a sender identity"),
    "no_template": _("without a mail template"),
    "same_group": _("with that group already"),
    "group_gone": _("left, because the group is gone"),
    "send_is_over": _("left, because the send was stopped"),
    "not_reached": _("not reached before it was stopped"),
}
"""Why a row was left as it is, by the action's code, as the end of "3 …"."""
