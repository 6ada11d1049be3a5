"""Getting invitations on their way: into the outbox."""

from __future__ import annotations

import datetime
from itertools import batched
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Case, Value, When
from django.utils.translation import gettext_lazy as _

from guestlist.customers.models import Customer
from guestlist.invitations import lifecycle, rules
from guestlist.invitations.actions import moves
from guestlist.invitations.lifecycle import Reason, Status
from guestlist.invitations.models import (
    MAIL_KIND,
    WAITING,
    Delivery,
    EventKind,
    Invitation,
    InvitationEvent,
)
from guestlist.mail import actions as mail
from guestlist.mail import standing, suppression
from guestlist.refusal import Refusal
from guestlist.stores.actors import Actor, ActorKind, Permission

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from guestlist.invitations.config import Invitations
    from guestlist.mail.models import Send

_CASES = 250
_FRESH_AFTER = datetime.timedelta(days=1)


class AlreadyOnItsWay(Refusal):
    """A mail for this invitation is in the outbox already."""

    code = "already_on_its_way"
    message = _("This invitation is on its way already.")


class NoResendsLeft(Refusal):
    """The inviter has no resend left."""

    code = "no_resends_left"
    message = _("You cannot send this invitation again.")


class NotMailable(Refusal):
    """The address cannot be mailed now; the sentence does not tell why (ASVS 6.3.8)."""

    code = "not_mailable"
    message = _("We can't mail this address now. You can share a link instead.")


class Suppressed(NotMailable):
    """Staff read why the address is not mailed."""

    code = "suppressed"
    message = _(
        "This address is on the list of those that are not mailed: it does not exist, complained or asked so."
    )


class AlreadyCustomer(Refusal):
    """Whoever has this address shops here already."""

    code = "already_customer"
    message = _("This person is already a customer here, so no invitation was sent.")


def queue(
    invitations: Sequence[Invitation],
    *,
    config: Invitations,
    ready_at: datetime.datetime,
    now: datetime.datetime,
    send: Send | None = None,
) -> None:
    """Put the mail of invitations of one store view into the outbox; call it inside the transaction that needs it.

    Those that were mailed before must be locked: their mail of before is kept beside the new one.

    :raises AlreadyOnItsWay: when one of them has a mail on its way; nothing is queued.
    """
    if not invitations:
        return
    messages = mail.queue(
        kind=MAIL_KIND,
        subject_ids=[one.pk for one in invitations],
        store_view=invitations[0].store_view,
        sender=config.sender,
        template=config.template,
        ready_at=ready_at,
        now=now,
        send=send,
    )
    mail_ids = {one.pk: message.pk for one, message in zip(invitations, messages, strict=True)}
    # The database goes through the whole CASE for each row.
    for some in batched(mail_ids.items(), _CASES):
        free = Invitation.objects.filter(pk__in=[pk for pk, _mail_id in some]).exclude(delivery__in=WAITING)
        whens = [When(pk=pk, then=Value(mail_id)) for pk, mail_id in some]
        # The condition decides when two ask at the same moment: the second finds the first mail, and takes its own back.
        if free.update(delivery=Delivery.QUEUED, mail_id=Case(*whens)) != len(some):
            raise AlreadyOnItsWay
    earlier = [one.mail_id for one in invitations if one.mail_id is not None]
    if earlier:
        standing.note_earlier(message_ids=earlier)
    for one in invitations:
        one.delivery, one.mail_id = Delivery.QUEUED, mail_ids[one.pk]


def require_mailable(invitation: Invitation, *, by_staff: bool = False) -> None:
    """Refuse an address that asked never to be mailed, or that does not exist.

    :raises Suppressed: for staff, who read why.
    :raises NotMailable: in the words that customers may read.
    """
    if invitation.address_hash is not None and suppression.suppressed(
        website_id=invitation.website_id, hashes=[bytes(invitation.address_hash)]
    ):
        raise Suppressed if by_staff else NotMailable


def resend(*, invitation: Invitation, actor: Actor, config: Invitations, now: datetime.datetime) -> None:
    """Send an invitation's mail again, or try one that never left once more.

    Staff may for all but accepted ones; the inviter as often as configured, and always when nothing ever left. Where the
    person became a customer meanwhile and is not to be invited to sign in, the invitation is discarded instead.

    :raises NotPermitted: when the staff member may not, at this website.
    :raises MoveNotAllowed: when it is accepted, or for the inviter when it is discarded.
    :raises NoResendsLeft: when the inviter has none left.
    :raises AlreadyOnItsWay: when a mail is in the outbox already.
    :raises Suppressed, NotMailable: when the address must not be mailed, for staff and for the inviter.
    :raises AlreadyCustomer: when the person is a customer by now; the invitation is discarded.
    """
    require_permitted(invitation, actor)
    with transaction.atomic():
        fresh = locked(invitation)
        require_sendable(fresh, actor, config)
        joined = became_customers([fresh], {fresh.store_view_id: config})
        if joined:
            discard_joined(joined, actor=actor, now=now)
        else:
            require_mailable(fresh, by_staff=actor.kind == ActorKind.STAFF)
            needing = release_doubtful([fresh], now=now)
            if needing and fresh.status != Status.NOT_SENT:
                fresh.resends += 1
                fresh.save(update_fields=["resends"])
                note_asked([fresh], actor=actor, now=now)
            queue(needing, config=config, ready_at=now, now=now)
    invitation.refresh_from_db()
    if joined:
        # After the transaction: the discard stays.
        raise AlreadyCustomer


def release_doubtful(invitations: Iterable[Invitation], *, now: datetime.datetime) -> list[Invitation]:
    """Let mails leave that are held because they are in doubt, each under its Message-ID; each must be locked.

    Returns the other invitations: those that need a mail of their own.
    """
    needing = []
    for one in invitations:
        held = one.mail_id if one.delivery == Delivery.IN_DOUBT else None
        if held is not None and mail.release_held(message_id=held, now=now):
            one.delivery = Delivery.QUEUED
            one.save(update_fields=["delivery"])
        else:
            needing.append(one)
    return needing


def note_asked(invitations: Iterable[Invitation], *, actor: Actor, now: datetime.datetime) -> None:
    """Write down who asked that they be sent again: what tells of the mail later does not know them."""
    InvitationEvent.objects.bulk_create(
        moves.event(one, EventKind.RESENT, actor=actor, now=now) for one in invitations
    )


def require_permitted(invitation: Invitation, actor: Actor) -> None:
    """Refuse staff who may not send it at its website, or not again.

    :raises NotPermitted: when they may not.
    """
    if actor.kind == ActorKind.STAFF:
        wanted = Permission.SEND if invitation.status == Status.NOT_SENT else Permission.RESEND
        actor.require(wanted, invitation.website_id)


def require_sendable(invitation: Invitation, actor: Actor, config: Invitations) -> None:
    """Refuse what cannot be sent as it stands now; it must be locked.

    :raises AlreadyOnItsWay, MoveNotAllowed, NotMailable, NoResendsLeft: as :func:`resend`.
    """
    if invitation.delivery in WAITING:
        raise AlreadyOnItsWay
    by_inviter = actor.kind == ActorKind.CUSTOMER
    if invitation.status == Status.ACCEPTED or (by_inviter and invitation.status == Status.DISCARDED):
        status = Status(invitation.status)
        raise lifecycle.MoveNotAllowed(status=status.label, origin=status, target=Status.SENT)
    if not _has_address(invitation):
        raise NotMailable
    if by_inviter and not (rules.can_try_again(invitation) or rules.can_resend(invitation, config)):
        raise NoResendsLeft


def _has_address(invitation: Invitation) -> bool:
    """Tell whether there is an address to mail: a personal link has none, and an old one is erased, its hash kept."""
    return invitation.address_hash is not None and hasattr(invitation, "address")


def became_customers(
    invitations: Sequence[Invitation], configs: Mapping[int, Invitations]
) -> list[Invitation]:
    """Return those whose person is a customer by now and is not to be invited to sign in, in one query.

    ``configs`` has the options of each store view, by its id.
    """
    asked = [
        one
        for one in invitations
        if one.occasion_id is None and configs[one.store_view_id].existing_account != "sign_in"
    ]
    if not asked:
        return []
    known = set(
        Customer.objects.known()
        .filter(
            website__in={one.website_id for one in asked},
            email__in=[one.address.normalized for one in asked],
        )
        .values_list("website_id", "email")
    )
    return [one for one in asked if (one.website_id, one.address.normalized) in known]


def discard_joined(invitations: Iterable[Invitation], *, actor: Actor, now: datetime.datetime) -> None:
    """End those that are open, because their people are customers by now; each must be locked."""
    moves.move(
        [one for one in invitations if one.is_open],
        Status.DISCARDED,
        reason=Reason.ALREADY_CUSTOMER,
        actor=actor,
        now=now,
        kind=EventKind.DISCARDED,
    )


@transaction.atomic
def send_fresh(*, invitation: Invitation, config: Invitations, now: datetime.datetime) -> None:
    """Send a fresh mail to the invited address, for a visitor with an expired link: once a day at most.

    :raises MoveNotAllowed: when it is not expired.
    :raises AlreadyOnItsWay: when one is queued, or left within the last day.
    :raises NotMailable: when the address must not be mailed.
    """
    fresh = locked(invitation)
    if not fresh.is_expired(now) or not _has_address(fresh):
        status = Status(fresh.status)
        raise lifecycle.MoveNotAllowed(status=status.label, origin=status, target=Status.SENT)
    if fresh.delivery in WAITING or (fresh.sent_at is not None and fresh.sent_at > now - _FRESH_AFTER):
        raise AlreadyOnItsWay
    require_mailable(fresh)
    queue([fresh], config=config, ready_at=now, now=now)


def left(invitation: Invitation, *, config: Invitations, now: datetime.datetime) -> dict[str, object]:
    """Return what changes on an invitation when it leaves: when, its cohort's day, and when it expires."""
    lifetime = datetime.timedelta(days=config.lifetime_days)
    return {
        "sent_at": now,
        "sent_day": invitation.sent_day or moves.local_day(invitation.store_view, now),
        "expires_at": now + lifetime if lifetime else None,
    }


def locked(invitation: Invitation) -> Invitation:
    """Return it as it is now, with its store view and address, kept from everybody else until the transaction ends."""
    return (
        Invitation.objects.select_for_update(of=("self",))
        .select_related("store_view", "address")
        .get(pk=invitation.pk)
    )
