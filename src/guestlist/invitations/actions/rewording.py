"""Changing the words of an invitation before it is sent."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from django.db import transaction

from guestlist.invitations import lifecycle
from guestlist.invitations import message as words
from guestlist.invitations.lifecycle import Status
from guestlist.invitations.models import Invitation, InvitationNote
from guestlist.stores.actors import Permission

if TYPE_CHECKING:
    from guestlist.stores.actors import Actor

log = logging.getLogger(__name__)


@transaction.atomic
def save_message(*, invitation: Invitation, message: str, actor: Actor) -> None:
    """Change the words of an invitation that was not sent yet, as staff.

    :raises NotPermitted: when the actor may not, at this website.
    :raises MoveNotAllowed: when it has left already.
    :raises MessageTooLong, MessageHasControls: when the message may not be sent so.
    """
    actor.require(Permission.ADD, invitation.website_id)
    text = words.clean(message, links_allowed=True)
    fresh = Invitation.objects.select_for_update().get(pk=invitation.pk)
    if fresh.status != Status.NOT_SENT:
        status = Status(fresh.status)
        raise lifecycle.MoveNotAllowed(status=status.label, origin=status, target=status)
    if text:
        InvitationNote.objects.update_or_create(invitation=fresh, defaults={"message": text})
    else:
        InvitationNote.objects.filter(invitation=fresh).update(message="")
    # They may be a customer's words, and the history has what happened to an invitation, not to its words.
    log.info("message changed invitation=%s actor=%s", fresh.pk, actor)
