"""Who may do what: the one gate of registration, who may invite, which group friends get, what an inviter can still do.

Nothing here writes.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from guestlist import addresses
from guestlist.customers import actions as customers
from guestlist.invitations.lifecycle import Reason, Status
from guestlist.invitations.models import WAITING, Channel, Delivery, Invitation
from guestlist.refusal import Refusal

if TYPE_CHECKING:
    import datetime

    from guestlist.customers.models import Customer, CustomerGroup, User
    from guestlist.invitations.config import Invitations
    from guestlist.stores.models import StoreView


class ByInvitationOnly(Refusal):
    """An account is made here by an invitation's link alone."""

    code = "by_invitation_only"
    message = _("New accounts are by invitation only here. Use the link in your invitation.")


class MayNotInvite(Refusal):
    """This customer may not invite here."""

    code = "may_not_invite"
    message = _("You cannot invite friends here.")


class NotUsable(Refusal):
    """The link is real, but what it stands for cannot be accepted (any more)."""

    code = "invitation_not_usable"
    message = _("This invitation cannot be used any more.")


class WrongAddress(Refusal):
    """The invitation is for another address, and must be accepted with that one."""

    code = "wrong_address"
    message = _(
        "This invitation is for another e-mail address. Sign out, and register with the invited address."
    )


class YourOwnInvitation(Refusal):
    """Inviters cannot accept their own invitation."""

    code = "your_own_invitation"
    message = _("This is an invitation that you sent yourself. Your friend can use it.")


class LinkStanding(enum.StrEnum):
    """What a visitor with a real link may read: usable, or why not."""

    OPEN = "open"
    USED = "used"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    OTHER_WEBSITE = "other_website"


def link_standing(invitation: Invitation, *, website_id: int, now: datetime.datetime) -> LinkStanding:
    """Tell whether the invitation can be accepted at this website now, and if not, why."""
    if invitation.website_id != website_id:
        return LinkStanding.OTHER_WEBSITE
    if invitation.status == Status.ACCEPTED:
        return LinkStanding.USED
    if invitation.status == Status.DISCARDED:
        return LinkStanding.WITHDRAWN
    return LinkStanding.EXPIRED if invitation.is_expired(now) else LinkStanding.OPEN


def require_usable(invitation: Invitation, *, website_id: int, now: datetime.datetime) -> None:
    """Refuse an invitation that cannot be accepted at this website now; asked on every route that accepts.

    :raises NotUsable: with the standing in its data.
    """
    standing = link_standing(invitation, website_id=website_id, now=now)
    if standing != LinkStanding.OPEN:
        raise NotUsable(standing=standing)


def registration_is_open(config: Invitations) -> bool:
    """Tell whether an account can be made here without an invitation: the one gate behind every door.

    With the feature or its storefront switch off, the shop is open.
    """
    return not config.on_storefront or config.registration == "open"


def require_admission(
    invitation: Invitation | None, *, config: Invitations, website_id: int, now: datetime.datetime
) -> None:
    """Let a new account pass: with an invitation that can be used, or because registration is open.

    :raises NotUsable: when there is an invitation that cannot be used.
    :raises ByInvitationOnly: when there is none and one is needed.
    """
    if invitation is not None:
        require_usable(invitation, website_id=website_id, now=now)
    elif not registration_is_open(config):
        raise ByInvitationOnly


def require_addressee(invitation: Invitation, user: User, *, config: Invitations) -> None:
    """Refuse a user whom the invitation is not for.

    :raises WrongAddress: when it is for another address and that must be the one.
    :raises YourOwnInvitation: when the user is the inviter.
    """
    inviter = invitation.inviter
    if inviter is not None and inviter.user_id is not None and inviter.user_id == user.pk:
        raise YourOwnInvitation
    if config.registration_address == "same" and not is_addressee(invitation, user.email):
        raise WrongAddress


def is_addressee(invitation: Invitation, address: str) -> bool:
    """Tell whether a normalized address is the invited one; an invitation without an address is for anybody."""
    if invitation.address_hash is None:
        return True
    return bytes(invitation.address_hash) == addresses.hash_of(address)


def may_invite(customer: Customer, config: Invitations) -> bool:
    """Tell whether the customer may invite: both switches on, and one of those who may."""
    if not config.on_storefront or config.who_may_invite == "nobody":
        return False
    return config.who_may_invite == "all" or customer.group_id in config.inviting_groups


def group_for(invitation: Invitation | None, *, store_view: StoreView, config: Invitations) -> CustomerGroup:
    """Return the group of a new customer.

    The group that staff chose for it, whoever invited. Else for a customer's: the inviter's group now, where the option
    says so and friends may get it. Otherwise the store view's default.
    """
    if invitation is not None and invitation.group is not None:
        return invitation.group
    if invitation is not None and invitation.inviter is not None and config.referred_group == "inviter":
        group = invitation.inviter.group
        if group.may_be_given:
            return group
    return customers.default_group(store_view)


class Deed(enum.StrEnum):
    """What an inviter can do with an invitation now."""

    CANCEL = "cancel"
    UNDO = "undo"
    COPY = "copy"
    TRY_AGAIN = "try_again"
    RESEND = "resend"
    CORRECT = "correct"


def deeds(invitation: Invitation, *, config: Invitations, now: datetime.datetime) -> frozenset[Deed]:
    """Return what the inviter can do with the invitation now."""
    possible: set[Deed] = set()
    waiting = invitation.delivery in WAITING
    if invitation.is_open:
        possible.add(Deed.CANCEL)
        if not invitation.is_expired(now):
            possible.add(Deed.COPY)
    if can_try_again(invitation):
        possible.add(Deed.TRY_AGAIN)
    elif can_resend(invitation, config) and not waiting:
        possible.add(Deed.RESEND)
    if can_undo(invitation):
        possible.add(Deed.UNDO)
    if invitation.status == Status.DISCARDED and invitation.reason == Reason.BOUNCED:
        possible.add(Deed.CORRECT)
    return frozenset(possible)


def can_undo(invitation: Invitation) -> bool:
    """Tell whether the inviter can take the cancellation back: it was theirs, and nothing ever left."""
    return (
        invitation.status == Status.DISCARDED
        and invitation.reason == Reason.INVITER
        and invitation.sent_at is None
        and invitation.delivery != Delivery.HANDED_OVER
    )


def can_try_again(invitation: Invitation) -> bool:
    """Tell whether its mail never left and none is on its way: that may always be tried again."""
    return (
        invitation.channel == Channel.MAIL
        and invitation.status == Status.NOT_SENT
        and invitation.delivery not in WAITING
    )


def can_resend(invitation: Invitation, config: Invitations) -> bool:
    """Tell whether the inviter has a resend left."""
    return (
        invitation.channel == Channel.MAIL
        and invitation.status == Status.SENT
        and invitation.resends < config.customer_resends
    )
