"""Sending many at once: by the same rules as one, in a few statements, as something that staff can watch."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import F

from guestlist.invitations.actions import moves, sending
from guestlist.invitations.basis import UNSAID, Why
from guestlist.invitations.lifecycle import Status
from guestlist.invitations.models import Invitation
from guestlist.mail import sends as bulk
from guestlist.mail import suppression
from guestlist.mail.models import SenderIdentity, SendOrigin
from guestlist.refusal import Refusal
from guestlist.stores.actors import Actor, ActorKind

if TYPE_CHECKING:
    import datetime
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from guestlist.invitations.config import Invitations
    from guestlist.mail.config import Delivery
    from guestlist.mail.models import Send

SINGLE_UP_TO = 20
"""Up to so many mails at once leave by themselves, at any hour: who types a handful of addresses expects them to go now,
and there is nothing to watch. More are a send: it keeps its hours and has a page where it can be paused and stopped."""


@dataclass(slots=True)
class Sent:
    """What became of each of many: done + the sum of skipped = how many there were."""

    done: int = 0
    left: dict[int, str] = field(default_factory=dict)
    """By id, the refusal's code of those that were not sent."""
    sends: list[Send] = field(default_factory=list)
    """The sends that they leave in, one for each store view; none where they leave by themselves."""

    @property
    def skipped(self) -> Counter[str]:
        """By refusal's code, how many were not sent."""
        return Counter(self.left.values())

    def leave(self, ones: Iterable[Invitation], code: str) -> None:
        """Write down that these are not sent."""
        self.left |= dict.fromkeys((one.pk for one in ones), code)


def queue(
    invitations: Sequence[Invitation],
    *,
    origin: SendOrigin,
    actor: Actor,
    config: Invitations,
    delivery: Delivery | None,
    ready_at: datetime.datetime,
    now: datetime.datetime,
    send: Send | None = None,
    why: Why = UNSAID,
) -> Send | None:
    """Put the mail of invitations of one store view into the outbox, as a send where there are options for it.

    They join ``send`` where there is one already; a new one keeps ``why`` they may be mailed.

    :raises AlreadyOnItsWay, NoSender, NoTemplate: then nothing is queued; call it inside the transaction that needs it.
    :raises SendIsOver: when the send that they are to join was stopped.
    """
    if send is not None and invitations:
        bulk.go_on(send_id=send.pk)
    elif delivery is not None and invitations:
        view = invitations[0].store_view
        send = bulk.open_send(
            store_view=view,
            sender=SenderIdentity.objects.filter(website=view.website_id, code=config.sender).first(),
            origin=origin,
            created_by_id=actor.id if actor.kind == ActorKind.STAFF else None,
            ready_at=ready_at,
            late_after_hours=delivery.late_after_hours,
            basis=why.basis,
            basis_text=why.words,
            now=now,
        )
    sending.queue(invitations, config=config, ready_at=ready_at, now=now, send=send)
    return send


@transaction.atomic
def send_many(
    *,
    ids: Collection[int],
    actor: Actor,
    configs: Mapping[int, Invitations],
    deliveries: Mapping[int, Delivery] | None = None,
    joined: Mapping[int, Send] | None = None,
    now: datetime.datetime,
) -> Sent:
    """Send, or send again, each of the invitations, by the rules of :func:`resend`, in a few statements.

    ``configs`` and ``deliveries`` have the options of each store view, by its id. More than 20 become a send for each
    store view; without ``deliveries`` none does. With ``joined`` all do, and go on with those sends, by store view.
    """
    sent = Sent()
    found = list(
        # In the order of ids, so that nobody waits in a circle.
        Invitation.objects.visible_to(actor)
        .filter(pk__in=ids)
        .select_for_update(of=("self",))
        .select_related("store_view", "address")
        .order_by("pk")
    )
    sent.left |= dict.fromkeys(set(ids) - {one.pk for one in found}, moves.NOT_FOUND)
    ready = _mailable(_sendable(found, actor, configs, sent), actor, configs, sent, now)
    watched = joined is not None or len(ready) > SINGLE_UP_TO
    by_view: dict[int, list[Invitation]] = defaultdict(list)
    for one in ready:
        by_view[one.store_view_id].append(one)
    for view_id, members in by_view.items():
        delivery = deliveries[view_id] if deliveries is not None and watched else None
        try:
            begun = (joined or {}).get(view_id)
            send = _sent_again(members, actor, configs[view_id], delivery, begun, now)
        except Refusal as refusal:
            sent.leave(members, refusal.code)
        else:
            sent.done += len(members)
            sent.sends += [send] if send else []
    return sent


def _sendable(
    found: Sequence[Invitation], actor: Actor, configs: Mapping[int, Invitations], sent: Sent
) -> list[Invitation]:
    sendable = []
    for one in found:
        try:
            sending.require_permitted(one, actor)
            sending.require_sendable(one, actor, configs[one.store_view_id])
        except Refusal as refusal:
            sent.leave([one], refusal.code)
        else:
            sendable.append(one)
    return sendable


def _mailable(
    sendable: list[Invitation],
    actor: Actor,
    configs: Mapping[int, Invitations],
    sent: Sent,
    now: datetime.datetime,
) -> list[Invitation]:
    """Return those whose people are no customers and may be mailed; invitations of customers end."""
    joined = sending.became_customers(sendable, configs)
    sending.discard_joined(joined, actor=actor, now=now)
    sent.leave(joined, sending.AlreadyCustomer.code)
    ended = {one.pk for one in joined}
    blocked = {
        (website_id, one)
        for website_id in {one.website_id for one in sendable}
        for one in suppression.suppressed(
            website_id=website_id,
            hashes=[bytes(one.address_hash or b"") for one in sendable if one.website_id == website_id],
        )
    }
    rest = [one for one in sendable if one.pk not in ended]
    mailable = [one for one in rest if (one.website_id, bytes(one.address_hash or b"")) not in blocked]
    sent.leave(set(rest) - set(mailable), sending.NotMailable.code)
    return mailable


@transaction.atomic
def _sent_again(
    members: Sequence[Invitation],
    actor: Actor,
    config: Invitations,
    delivery: Delivery | None,
    begun: Send | None,
    now: datetime.datetime,
) -> Send | None:
    members = sending.release_doubtful(members, now=now)
    again = [one for one in members if one.status != Status.NOT_SENT]
    Invitation.objects.filter(pk__in=[one.pk for one in again]).update(resends=F("resends") + 1)
    sending.note_asked(again, actor=actor, now=now)
    return queue(
        members,
        origin=SendOrigin.SELECTED,
        actor=actor,
        config=config,
        delivery=delivery,
        ready_at=now,
        now=now,
        send=begun,
    )
