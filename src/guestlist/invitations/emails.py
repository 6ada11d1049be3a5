"""The mail of an invitation: what is checked before it goes, and what fills it."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from django.utils import formats, translation

from guestlist.customers.models import Customer
from guestlist.invitations import links
from guestlist.invitations.actions import delivered, returned
from guestlist.invitations.config import Invitations
from guestlist.invitations.lifecycle import Reason
from guestlist.invitations.models import MAIL_KIND, WAITING, Channel, Delivery, Invitation
from guestlist.mail import previews
from guestlist.mail.kinds import Outcome, Values
from guestlist.mail.previews import Preview
from guestlist.stores import config

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from guestlist.occasions.models import Occasion
    from guestlist.stores.models import StoreView


class InvitationKind:
    """Mail that invites; ``subject_id`` is the invitation's id."""

    code = MAIL_KIND
    purpose = "invitation"

    def check(self, ids: Sequence[int], *, now: datetime.datetime) -> Mapping[int, str]:  # noqa: ARG002 - the protocol's
        """Withdraw what ended meanwhile, and where existing customers are skipped, whoever has become one."""
        rows = {
            one.pk: one
            for one in Invitation.objects.select_related("store_view", "address").filter(pk__in=ids)
        }
        reasons = {one: _reason_to_withdraw(rows.get(one)) for one in ids}
        withdrawn = {one: reason for one, reason in reasons.items() if reason}
        joined = _customers_by_now([one for one in rows.values() if one.pk not in withdrawn])
        return withdrawn | dict.fromkeys(joined, Reason.ALREADY_CUSTOMER.value)

    def shape(self, values: Values) -> frozenset[str]:
        """Return the variables that are present."""
        return frozenset(name for name, value in values.variables.items() if value)

    def values(self, ids: Sequence[int], *, now: datetime.datetime) -> Mapping[int, Values]:
        """Return address and variables of each invitation; its link is made here."""
        rows = Invitation.objects.select_related(
            "store_view", "address", "note", "inviter", "occasion"
        ).filter(pk__in=ids)
        invitations = list(rows)
        configs = config.resolve_each(Invitations, list({one.store_view for one in invitations}))
        return {one.pk: _values(one, configs[one.store_view_id], now) for one in invitations}

    def record(self, outcomes: Sequence[Outcome], *, now: datetime.datetime) -> None:
        """Move what was handed over or bounced, and write down how the rest fared."""
        delivered.record(outcomes, now=now)

    def returned(self, outcomes: Sequence[Outcome], *, now: datetime.datetime) -> None:
        """End what came back as undeliverable or as a complaint, and write it down."""
        returned.record_returned(outcomes, now=now)


KINDS = (InvitationKind(),)


def _reason_to_withdraw(invitation: Invitation | None) -> str:
    # Ending an invitation takes its mail back, and staff's resend of an ended one queues it again: delivery tells.
    if invitation is None or invitation.delivery not in {*WAITING, Delivery.IN_DOUBT}:
        return "not_open"
    return "" if hasattr(invitation, "address") else "no_address"


def _customers_by_now(invitations: list[Invitation]) -> list[int]:
    """Return the ids of those whose addressee is a customer by now, and is not to be invited to sign in."""
    configs = config.resolve_each(Invitations, list({one.store_view for one in invitations}))
    skipping = [
        one
        for one in invitations
        if one.occasion_id is None and configs[one.store_view_id].existing_account == "skip"
    ]
    known = set(
        Customer.objects.known()
        .filter(
            website__in={one.website_id for one in skipping},
            email__in=[one.address.normalized for one in skipping],
        )
        .values_list("website_id", "email")
    )
    return [one.pk for one in skipping if (one.website_id, one.address.normalized) in known]


def _values(invitation: Invitation, options: Invitations, now: datetime.datetime) -> Values:
    view = invitation.store_view
    opt_out_url = view.url(f"/never-again/{links.opt_out_token(invitation)}/")
    variables = variables_of(
        view,
        options,
        inviter=invitation.inviter,
        message=invitation.note.message if hasattr(invitation, "note") else "",
        occasion=invitation.occasion,
        now=now,
    ) | {
        "invitation_url": view.url(f"/invitation/{links.token(invitation, Channel.MAIL)}/"),
        "decline_url": opt_out_url,
        "opt_out_url": opt_out_url,
        "invitee_address": invitation.address.typed,
    }
    return Values(
        invitation.address.typed,
        invitation.address.name,
        variables,
        address_hash=bytes(invitation.address_hash or b""),
    )


def variables_of(
    store_view: StoreView,
    options: Invitations,
    *,
    inviter: Customer | None,
    message: str,
    occasion: Occasion | None,
    now: datetime.datetime,
) -> dict[str, str]:
    """Return what an invitation's mail says, its links apart: for the mail itself and for its preview."""
    expires = ""
    if options.lifetime_days:
        local = (now + datetime.timedelta(days=options.lifetime_days)).astimezone(
            ZoneInfo(store_view.time_zone)
        )
        with translation.override(store_view.language):
            expires = formats.date_format(local, "j F Y")
    return {
        "message": message,
        "inviter_name": inviter.name if inviter else "",
        "inviter_address": (inviter.email or "") if inviter else "",
        "occasion": occasion.title if occasion else "",
        "expires": expires,
    }


def preview_variables(
    store_view: StoreView,
    options: Invitations,
    *,
    inviter: Customer | None,
    message: str,
    occasion: Occasion | None,
    invitee_address: str,
    now: datetime.datetime,
) -> dict[str, str]:
    """Return what the mail will say, with links that say themselves that they do not work."""
    dead = store_view.url(f"/invitation/{links.PREVIEW}/")
    return variables_of(store_view, options, inviter=inviter, message=message, occasion=occasion, now=now) | {
        "invitation_url": dead,
        "decline_url": dead,
        "opt_out_url": dead,
        "invitee_address": invitee_address,
    }


def preview(
    store_view: StoreView,
    options: Invitations,
    *,
    inviter: Customer | None,
    message: str,
    occasion: Occasion | None,
    invitee_address: str,
    now: datetime.datetime,
) -> Preview:
    """Return the mail as its reader will get it, with dead links.

    :raises NoTemplate: when the configured template is gone.
    :raises UnusableValue: when something in it cannot stand in a mail.
    """
    values = preview_variables(
        store_view,
        options,
        inviter=inviter,
        message=message,
        occasion=occasion,
        invitee_address=invitee_address,
        now=now,
    )
    return previews.of(
        store_view,
        template=options.template,
        sender=options.sender,
        purpose=InvitationKind.purpose,
        values=values,
    )
