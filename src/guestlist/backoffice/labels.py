"""Words for codes that only staff read."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from guestlist.mail.models import MessageState

EXPIRED = pgettext_lazy("invitation", "Expired")
"""What a sent invitation reads whose time is over; no status of its own."""

STATES = {
    MessageState.READY: _("Waiting"),
    MessageState.LEASED: _("Being sent"),
    MessageState.SENT: _("Handed over"),
    MessageState.WITHDRAWN: _("Withdrawn"),
    MessageState.BOUNCED: _("Bounced"),
    MessageState.FAILED: _("Failed"),
    MessageState.HELD: _("Held"),
}
