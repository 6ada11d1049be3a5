"""Writing down what came back for an invitation's mail after it was handed over; inside mail's transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Q

from guestlist.invitations.actions import moves
from guestlist.invitations.lifecycle import Reason, Status
from guestlist.invitations.models import OPEN, WAITING, Delivery, EventKind, Invitation, InvitationEvent
from guestlist.mail.kinds import Verdict
from guestlist.stores.actors import SYSTEM, Actor, ActorKind

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from guestlist.mail.kinds import Outcome

_INVITEE = Actor(ActorKind.INVITEE)
"""Whose complaint the mailbox provider passes on."""


def record_returned(outcomes: Sequence[Outcome], *, now: datetime.datetime) -> None:
    """Write bounces and complaints into the history, and end what they end.

    A bounce ends its open invitation, but not when a newer mail is on its way to an address that exists. A complaint ends
    all that is open for its address at that website, as "never again" does. What was accepted or ended stays as it is.
    """
    for outcome in outcomes:
        if outcome.verdict is Verdict.COMPLAINED:
            _complained(outcome, now)
        else:
            _bounced(outcome, now)


def _bounced(outcome: Outcome, now: datetime.datetime) -> None:
    for invitation in _locked(Q(pk=outcome.message.subject_id)):
        _event(invitation, EventKind.BOUNCED, outcome, SYSTEM, now)
        is_newest = invitation.mail_id == outcome.message.pk
        if is_newest and invitation.status != Status.ACCEPTED:
            invitation.delivery = Delivery.BOUNCED
            invitation.save(update_fields=["delivery"])
        if invitation.status in OPEN and (is_newest or outcome.no_such_address):
            moves.withdraw([invitation], reason=Reason.BOUNCED, now=now)
            _discard([invitation], Reason.BOUNCED, SYSTEM, now)


def _complained(outcome: Outcome, now: datetime.datetime) -> None:
    of_message = Q(pk=outcome.message.subject_id)
    hashed = Invitation.objects.filter(of_message).values_list("website", "address_hash").first()
    if hashed is None:
        return
    website_id, address_hash = hashed
    # With the ended ones that staff queued again.
    others = Q(website=website_id, address_hash=address_hash) & (Q(status__in=OPEN) | Q(delivery__in=WAITING))
    found = _locked(of_message if address_hash is None else of_message | others)
    for invitation in found:
        if invitation.pk == outcome.message.subject_id:
            _event(invitation, EventKind.COMPLAINED, outcome, _INVITEE, now)
    moves.withdraw(found, reason=Reason.NEVER_AGAIN, now=now)
    _discard([one for one in found if one.status in OPEN], Reason.NEVER_AGAIN, _INVITEE, now)


def _locked(wanted: Q) -> list[Invitation]:
    """Return the invitations with their store views, locked in the order of ids so that nobody waits in a circle."""
    return list(
        Invitation.objects.select_for_update(of=("self",))
        .select_related("store_view")
        .filter(wanted)
        .order_by("pk")
    )


def _discard(invitations: list[Invitation], reason: Reason, actor: Actor, now: datetime.datetime) -> None:
    moves.move(invitations, Status.DISCARDED, reason=reason, actor=actor, now=now, kind=EventKind.DISCARDED)


def _event(
    invitation: Invitation, kind: EventKind, outcome: Outcome, actor: Actor, now: datetime.datetime
) -> None:
    detail = {"code": outcome.code, "answer": outcome.answer[:200]}
    InvitationEvent.objects.bulk_create(
        [moves.event(invitation, kind, actor=actor, now=now, reason=outcome.code[:16], detail=detail)]
    )
