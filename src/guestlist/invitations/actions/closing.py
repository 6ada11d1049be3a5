"""Ending invitations, and taking that back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Q

from guestlist.invitations import lifecycle, rules
from guestlist.invitations.actions import moves, sending
from guestlist.invitations.actions.moves import Tally
from guestlist.invitations.lifecycle import Reason, Status
from guestlist.invitations.models import OPEN, WAITING, Channel, EventKind, Invitation, InvitationEvent
from guestlist.mail import actions as mail
from guestlist.mail.models import SuppressionReason
from guestlist.stores.actors import Actor, ActorKind, Permission

if TYPE_CHECKING:
    import datetime
    from collections.abc import Collection

    from guestlist.customers.models import Customer
    from guestlist.invitations.config import Invitations
    from guestlist.stores.models import Website

INVITEE = Actor(ActorKind.INVITEE)
"""Whoever holds the link; nothing else is known of them."""


@transaction.atomic
def discard(*, invitation: Invitation, actor: Actor, now: datetime.datetime) -> None:
    """End an open invitation, as staff; its queued mail is withdrawn.

    :raises NotPermitted: when the actor may not, at this website.
    :raises MoveNotAllowed: when it is not open any more.
    """
    actor.require(Permission.DISCARD, invitation.website_id)
    _discard(invitation, reason=Reason.STAFF, actor=actor, now=now)


@transaction.atomic
def cancel(*, invitation: Invitation, inviter: Customer, now: datetime.datetime) -> None:
    """End an open invitation, as its inviter; its queued mail is withdrawn.

    :raises MoveNotAllowed: when it is not open any more.
    """
    _discard(invitation, reason=Reason.INVITER, actor=Actor(ActorKind.CUSTOMER, inviter.pk), now=now)


@transaction.atomic
def decline(*, invitation: Invitation, now: datetime.datetime, unknown_person: bool = False) -> None:
    """End an open invitation, as the invited person; "I don't know this person" is written down as a complaint too.

    :raises MoveNotAllowed: when it is not open any more.
    """
    _discard(invitation, reason=Reason.DECLINED, actor=INVITEE, now=now)
    if unknown_person:
        moves.event(invitation, EventKind.COMPLAINED, actor=INVITEE, now=now, reason="unknown_person").save()


@transaction.atomic
def never_again(*, website: Website, address_hash: bytes, now: datetime.datetime) -> None:
    """Never mail this address again for this website, and end what is open for it. Doing it again changes nothing."""
    mail.suppress(website=website, address_hash=address_hash, reason=SuppressionReason.WISH, now=now)
    # With the ended ones: staff may have queued one again.
    found = _locked(
        Invitation.objects.for_address(website_id=website.pk, address_hash=address_hash)
        .filter(Q(status__in=OPEN) | Q(delivery__in=WAITING))
        .values_list("pk", flat=True)
    )
    moves.withdraw(found, reason=Reason.NEVER_AGAIN, now=now)
    moves.move(
        [one for one in found if one.is_open],
        Status.DISCARDED,
        reason=Reason.NEVER_AGAIN,
        actor=INVITEE,
        now=now,
        kind=EventKind.DISCARDED,
    )


@transaction.atomic
def discard_many(*, ids: Collection[int], actor: Actor, now: datetime.datetime) -> Tally:
    """End those of the invitations that are open and that the actor may discard, in a few statements."""
    websites = actor.website_ids(Permission.DISCARD)
    return moves.end_many(ids, reason=Reason.STAFF, websites=websites, actor=actor, now=now).hide(actor)


@transaction.atomic
def restore(
    *, invitation: Invitation, inviter: Customer, config: Invitations, now: datetime.datetime
) -> None:
    """Take the inviter's own cancellation back, if nothing was ever handed over or shared; its mail is queued again.

    :raises MoveNotAllowed: when it was not the inviter who ended it, or something had left already.
    :raises NotMailable: when the address cannot be mailed any more.
    """
    (fresh,) = _locked([invitation.pk])
    if not rules.can_undo(fresh):
        status = Status(fresh.status)
        raise lifecycle.MoveNotAllowed(status=status.label, origin=status, target=Status.NOT_SENT)
    actor = Actor(ActorKind.CUSTOMER, inviter.pk)
    moves.move([fresh], Status.NOT_SENT, reason=Reason.UNDONE, actor=actor, now=now, kind=EventKind.RESTORED)
    if fresh.channel == Channel.MAIL:
        sending.require_mailable(fresh)
        sending.queue([fresh], config=config, ready_at=now, now=now)
    invitation.refresh_from_db()


@transaction.atomic
def saw(*, invitation: Invitation, now: datetime.datetime) -> None:
    """Write down, once, that somebody looked at the invitation: asked for by a person's own doing, never by a page view."""
    (fresh,) = _locked([invitation.pk])
    if fresh.is_open and not InvitationEvent.objects.filter(invitation=fresh, kind=EventKind.VIEWED).exists():
        moves.event(fresh, EventKind.VIEWED, actor=INVITEE, now=now).save()


def _discard(invitation: Invitation, *, reason: Reason, actor: Actor, now: datetime.datetime) -> None:
    (fresh,) = _locked([invitation.pk])
    moves.withdraw([fresh] if fresh.status in OPEN else [], reason=reason, now=now)
    moves.move([fresh], Status.DISCARDED, reason=reason, actor=actor, now=now, kind=EventKind.DISCARDED)
    invitation.refresh_from_db(fields=["status", "reason", "delivery"])


def _locked(ids: Collection[int]) -> list[Invitation]:
    """Return the invitations with their store views, locked in the order of ids so that nobody waits in a circle."""
    return list(
        Invitation.objects.select_for_update(of=("self",))
        .select_related("store_view")
        .filter(pk__in=list(ids))
        .order_by("pk")
    )
