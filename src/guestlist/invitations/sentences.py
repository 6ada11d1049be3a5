"""What an inviter reads of an invitation: a label and a sentence, and how far it has come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from guestlist.invitations.lifecycle import Reason, Status
from guestlist.invitations.models import Channel, Delivery, Invitation
from guestlist.mail.models import Message

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable

_SOON = 60
"""A mail that leaves within so many seconds is on its way, not scheduled."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an invitation is, in the customer's words: ``code`` for the page's drawing, label and sentence to read."""

    code: str
    label: str
    sentence: str


def ready_times(invitations: Iterable[Invitation]) -> dict[int, datetime.datetime]:
    """Return when the mail of those that wait may leave, by invitation's id; one query for a page of them."""
    mails = {one.mail_id: one.pk for one in invitations if one.delivery == Delivery.QUEUED and one.mail_id}
    if not mails:
        return {}
    rows = Message.objects.filter(pk__in=mails).values_list("pk", "ready_at")
    return {mails[pk]: ready_at for pk, ready_at in rows}


def for_inviter(
    invitation: Invitation, *, now: datetime.datetime, ready_at: datetime.datetime | None = None
) -> Standing:
    """Return what the inviter reads. Declined, never again and erased alike are "no longer open": never told apart."""
    if invitation.status == Status.ACCEPTED:
        day = _day(invitation, invitation.accepted_at)
        return Standing("accepted", pgettext("invitation", "Accepted"), _("Joined on %(day)s") % {"day": day})
    if invitation.status == Status.DISCARDED:
        return _ended(invitation)
    if invitation.is_expired(now):
        day = _day(invitation, invitation.expires_at)
        return Standing("expired", _("Expired"), _("The link ended on %(day)s") % {"day": day})
    if invitation.status == Status.SENT:
        return _sent(invitation)
    return _not_sent(invitation, now, ready_at)


def _ended(invitation: Invitation) -> Standing:
    sentence = {
        Reason.INVITER.value: _("Canceled by you"),
        Reason.STAFF.value: _("Canceled by the shop"),
        Reason.BOUNCED.value: _("Could not be delivered – check the address"),
        Reason.JOINED_OTHERWISE.value: _("Already joined"),
        Reason.ALREADY_CUSTOMER.value: _("Already joined"),
    }.get(invitation.reason, _("No longer open"))
    return Standing("canceled", _("Canceled"), sentence)


def _sent(invitation: Invitation) -> Standing:
    label = pgettext("invitation", "Sent")
    day = _day(invitation, invitation.sent_at)
    if invitation.delivery == Delivery.QUEUED:
        return Standing("sent", label, _("Another mail is on its way"))
    if invitation.delivery == Delivery.HANDED_OVER:
        return Standing("sent", label, _("Mailed on %(day)s") % {"day": day})
    if invitation.reason == Reason.SHARED or invitation.channel == Channel.SHARED:
        return Standing("sent", label, _("Shared by you"))
    return Standing("sent", label, _("Mailed on %(day)s") % {"day": day})


def _not_sent(invitation: Invitation, now: datetime.datetime, ready_at: datetime.datetime | None) -> Standing:
    label = _("Not Sent")
    if invitation.channel == Channel.SHARED:
        return Standing("ready", label, _("Link ready"))
    if invitation.delivery == Delivery.DEFERRED:
        return Standing("waiting", label, _("Their mail server asked us to wait"))
    if invitation.delivery == Delivery.QUEUED:
        if ready_at is not None and (ready_at - now).total_seconds() > _SOON:
            return Standing("waiting", label, _("Goes out on %(day)s") % {"day": _day(invitation, ready_at)})
        return Standing("waiting", label, _("On its way"))
    return Standing("failed", label, _("Not sent – try again"))


def _day(invitation: Invitation, moment: datetime.datetime | None) -> str:
    if moment is None:
        return "–"
    return formats.date_format(moment.astimezone(ZoneInfo(invitation.store_view.time_zone)), "j F Y")
