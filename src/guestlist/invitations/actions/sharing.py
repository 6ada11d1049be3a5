"""Links for the customer's own hands, and for staff's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from guestlist.invitations import links, rules
from guestlist.invitations.actions import moves, sending
from guestlist.invitations.lifecycle import Reason, Status
from guestlist.invitations.models import Channel, EventKind, Invitation
from guestlist.stores.actors import Actor, ActorKind

if TYPE_CHECKING:
    import datetime

    from guestlist.invitations.config import Invitations


@transaction.atomic
def share(*, invitation: Invitation, actor: Actor, config: Invitations, now: datetime.datetime) -> str:
    """Return the URL of a link for the inviter to pass on; the first time, that makes a Not Sent invitation Sent.

    :raises NotUsable: when it can not be accepted any more.
    """
    fresh = sending.locked(invitation)
    rules.require_usable(fresh, website_id=fresh.website_id, now=now)
    if fresh.status == Status.NOT_SENT and actor.kind == ActorKind.CUSTOMER:
        moves.move(
            [fresh],
            Status.SENT,
            reason=Reason.SHARED,
            actor=actor,
            now=now,
            kind=EventKind.SENT,
            changes=lambda one: sending.left(one, config=config, now=now),
        )
        invitation.refresh_from_db()
    return link_url(fresh, Channel.SHARED)


def link_url(invitation: Invitation, channel: Channel) -> str:
    """Return the absolute URL of the invitation's link; its base comes from the store view, never from a request."""
    return invitation.store_view.url(f"/invitation/{links.token(invitation, channel)}/")
