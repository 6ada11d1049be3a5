"""Making invitations: each address gets its own answer, and what is good goes into the outbox together."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from guestlist import addresses as mailbox
from guestlist.customers.actions import clean_name
from guestlist.customers.models import Customer
from guestlist.invitations import figures, lifecycle, rules
from guestlist.invitations import message as words
from guestlist.invitations.actions import batches, judging, moves
from guestlist.invitations.actions.judging import Candidate, Verdict, Wish
from guestlist.invitations.basis import UNSAID, Why
from guestlist.invitations.lifecycle import Reason, Status
from guestlist.invitations.models import (
    EventKind,
    Invitation,
    InvitationAddress,
    InvitationEvent,
    InvitationNote,
)
from guestlist.mail.models import SendOrigin
from guestlist.refusal import Refusal
from guestlist.stores.actors import Actor, ActorKind, Permission
from guestlist.stores.models import Website

if TYPE_CHECKING:
    import datetime
    from collections.abc import Collection, Sequence

    from guestlist.customers.models import CustomerGroup
    from guestlist.invitations.config import Invitations
    from guestlist.mail.config import Delivery
    from guestlist.occasions.models import Occasion
    from guestlist.stores.models import StoreView

MAX_BY_STAFF = 2000
"""Most addresses that the staff form takes at once; more come as a file."""


class MessagesNotAllowed(Refusal):
    """The shop does not take messages."""

    code = "messages_not_allowed"
    message = _("You cannot add a message of your own here.")


def invite(
    *,
    inviter: Customer,
    store_view: StoreView,
    addresses: Sequence[str],
    message: str = "",
    occasion: Occasion | None = None,
    config: Invitations,
    now: datetime.datetime,
) -> list[Verdict]:
    """Invite friends by their addresses, as a customer; those that can be invited are queued, each of the others told why.

    Blank addresses do not count.

    :raises MayNotInvite: when this customer may not invite here.
    :raises NobodyInvited: when no address was given.
    :raises TooManyAddresses: when there are more than may be invited at one time; nothing is sent.
    :raises MessagesNotAllowed: when there is a message and the shop takes none.
    :raises MessageTooLong, MessageHasControls, MessageHasLink: when the message may not be sent so.
    """
    wish = _customers_wish(inviter, store_view, message, occasion, config, now)
    entries = judging.entered(addresses, most=config.max_at_once)
    return [one.verdict for one in _make(wish, entries, ready_at=now)]


def examine(
    *,
    inviter: Customer,
    store_view: StoreView,
    addresses: Sequence[str],
    message: str = "",
    occasion: Occasion | None = None,
    config: Invitations,
    now: datetime.datetime,
) -> list[Verdict]:
    """Tell what :func:`invite` would answer, and make nothing; raises the same."""
    wish = _customers_wish(inviter, store_view, message, occasion, config, now)
    return [one.verdict for one in judging.judged(wish, judging.entered(addresses, most=config.max_at_once))]


def invite_as_staff(  # noqa: PLR0913 - an invitation is exactly this
    *,
    actor: Actor,
    store_view: StoreView,
    addresses: Sequence[str],
    message: str = "",
    group: CustomerGroup | None = None,
    occasion: Occasion | None = None,
    ready_at: datetime.datetime | None,
    why: Why = UNSAID,
    again: Collection[str] = (),
    config: Invitations,
    delivery: Delivery | None = None,
    now: datetime.datetime,
) -> list[Verdict]:
    """Invite people as staff; ``ready_at`` is when their mail may leave, None keeps them as Not Sent; ``why`` it may.

    More than 20 mails become a send by the options of ``delivery``; without those they leave one by one.

    ``addresses`` may be ``Name <address>``; ``group`` None is "as configured"; ``again`` has the normalized addresses to
    be invited although they have an open invitation.

    :raises NotPermitted: when the actor may not add (and send) invitations at this website.
    :raises NoBasis: when mail is to leave and nobody said why it may.
    :raises NobodyInvited: when no address was given.
    :raises TooManyByHand: over 2,000.
    :raises MessageTooLong, MessageHasControls: when the message may not be sent so.
    """
    wish = _staffs_wish(actor, store_view, message, group, occasion, again, why, config, now)
    if ready_at is not None:
        actor.require(Permission.SEND, store_view.website_id)
        why.require()
    entries = judging.entered(addresses, most=MAX_BY_STAFF, refusal=judging.TooManyByHand)
    return [one.verdict for one in _make(wish, entries, ready_at=ready_at, delivery=delivery)]


def _customers_wish(
    inviter: Customer,
    store_view: StoreView,
    message: str,
    occasion: Occasion | None,
    config: Invitations,
    now: datetime.datetime,
) -> Wish:
    if not rules.may_invite(inviter, config) or inviter.website_id != store_view.website_id:
        raise rules.MayNotInvite
    if message.strip() and not config.custom_message:
        raise MessagesNotAllowed
    text = words.clean(message, links_allowed=config.links_in_message == "allow")
    return Wish(
        store_view, config, Actor(ActorKind.CUSTOMER, inviter.pk), occasion, text, now, inviter=inviter
    )


def _staffs_wish(
    actor: Actor,
    store_view: StoreView,
    message: str,
    group: CustomerGroup | None,
    occasion: Occasion | None,
    again: Collection[str],
    why: Why,
    config: Invitations,
    now: datetime.datetime,
) -> Wish:
    actor.require(Permission.ADD, store_view.website_id)
    text = words.clean(message, links_allowed=True)
    return Wish(store_view, config, actor, occasion, text, now, group=group, again=frozenset(again), why=why)


def _make(
    wish: Wish,
    entries: list[mailbox.Entry],
    *,
    ready_at: datetime.datetime | None,
    delivery: Delivery | None = None,
) -> list[Candidate]:
    with transaction.atomic():
        _take_turn(wish)
        candidates = judging.judged(wish, entries)
        ready = [one for one in candidates if one.refusal is None]
        if ready_at is None or len(ready) <= batches.SINGLE_UP_TO:
            delivery = None
        made = _insert(wish, ready, has_send=delivery is not None)
        if ready_at is not None:
            batches.queue(
                made,
                origin=SendOrigin.STAFF,
                actor=wish.actor,
                config=wish.config,
                delivery=delivery,
                ready_at=ready_at,
                now=wish.now,
                why=wish.why,
            )
    return candidates


def _take_turn(wish: Wish) -> None:
    """Wait for whoever invites the same way just now: what is looked at next must still hold when it is written.

    Without it two forms with the same addresses in another order would wait for each other in a circle.
    """
    if wish.inviter is not None:
        Customer.objects.select_for_update(no_key=True).get(pk=wish.inviter.pk)
    else:
        Website.objects.select_for_update(no_key=True).get(pk=wish.store_view.website_id)


def _insert(wish: Wish, candidates: list[Candidate], *, has_send: bool) -> list[Invitation]:
    if not candidates:
        return []
    lifecycle.check(None, Status.NOT_SENT, Reason.CREATED)
    made = Invitation.objects.bulk_create([_row(wish, one) for one in candidates], batch_size=500)
    for one, invitation in zip(candidates, made, strict=True):
        one.invitation = invitation
    InvitationAddress.objects.bulk_create(
        [
            InvitationAddress(
                invitation=one.invitation,
                website_id=wish.store_view.website_id,
                typed=unicodedata.normalize("NFC", one.entry.address),
                normalized=one.normal,
                name=clean_name(one.entry.name),
            )
            for one in candidates
        ],
        batch_size=500,
    )
    if wish.message:
        InvitationNote.objects.bulk_create(
            [InvitationNote(invitation=one, message=wish.message) for one in made], batch_size=500
        )
    # A send keeps it for all of its mails.
    _write_down(wish, made, {} if has_send else wish.why.as_detail())
    return made


def _row(wish: Wish, one: Candidate) -> Invitation:
    return Invitation(
        website_id=wish.store_view.website_id,
        store_view=wish.store_view,
        inviter=wish.inviter,
        staff_id=wish.actor.id if wish.actor.kind == ActorKind.STAFF else None,
        occasion=wish.occasion,
        group=wish.group,
        address_hash=one.hash,
        repeat=one.repeat,
        created_at=wish.now,
        created_day=moves.local_day(wish.store_view, wish.now),
    )


def _write_down(wish: Wish, made: list[Invitation], detail: dict[str, str]) -> None:
    day = moves.local_day(wish.store_view, wish.now)
    InvitationEvent.objects.bulk_create(
        [
            InvitationEvent(
                invitation=one,
                kind=EventKind.CREATED,
                target=Status.NOT_SENT,
                at=wish.now,
                day=day,
                actor_kind=wish.actor.kind,
                actor_id=wish.actor.id,
                reason=Reason.CREATED,
                detail=detail,
            )
            for one in made
        ],
        batch_size=500,
    )
    ledger = figures.Ledger()
    for one in made:
        ledger.add(one, figures.CREATED, day=day)
    ledger.not_sent(wish.store_view.pk, day=day, amount=len(made))
    ledger.write()
