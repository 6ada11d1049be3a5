"""Becoming a customer: by an invitation, without one, or with an account that exists already. All or nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.contrib.auth.hashers import make_password
from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from guestlist import addresses
from guestlist.customers import actions as customers
from guestlist.customers.models import Customer, User
from guestlist.invitations import rules
from guestlist.invitations.actions import moves, ordering
from guestlist.invitations.lifecycle import Reason, Status
from guestlist.invitations.models import Credit, EventKind, Invitation, PendingJoin
from guestlist.mail import accounts
from guestlist.refusal import Refusal
from guestlist.stores.actors import Actor, ActorKind

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from guestlist.invitations.config import Invitations
    from guestlist.invitations.links import Link
    from guestlist.stores.models import StoreView


class AddressTaken(Refusal):
    """There is an account with this address; only told to those who proved that the mailbox is theirs."""

    code = "address_taken"
    message = _("There is already an account for this address. Sign in with it.")


class AlreadyAccepted(Refusal):
    """A customer accepts one invitation of a website, and one more for each occasion."""

    code = "already_accepted"
    message = _("You have accepted an invitation before, so there is nothing left to accept.")


@dataclass(frozen=True, slots=True)
class Joined:
    """What came of joining: the customer, the invitation that was accepted if any, and whether the account is new.

    ``customer`` is None while the address waits to be confirmed by mail.
    """

    user: User | None
    customer: Customer | None = None
    invitation: Invitation | None = None
    is_new: bool = False


def register(
    *,
    store_view: StoreView,
    link: Link | None,
    email: str,
    password: str | None,
    first_name: str,
    last_name: str,
    newsletter: bool = False,
    config: Invitations,
    now: datetime.datetime,
) -> Joined:
    """Make an account, with or without an invitation's link.

    Through a mailed link and with the invited address the mailbox is proven: account, customer, group and acceptance are
    made at once. In all other cases the address is confirmed by mail first; until then there is an account that cannot
    sign in, and no customer. Whether an unproven address has an account already is not told: its owner gets a mail.

    :raises ByInvitationOnly: when there is no link and one is needed.
    :raises NotUsable: when the link's invitation cannot be accepted (any more).
    :raises WrongAddress: when the address must be the invited one and is not.
    :raises MalformedAddress: when the address is none.
    :raises AddressTaken: when the mailbox is proven and its address has an account.
    """
    # Hashed whatever comes of it: how long it takes must not tell who has an account. And before any lock is taken.
    person = _Person(addresses.normalize(email), make_password(password), first_name, last_name, newsletter)
    try:
        return _register(person, store_view, link, config, now)
    except IntegrityError:
        # Somebody registered this address between our look and our insert: now we find them.
        return _register(person, store_view, link, config, now)


@dataclass(frozen=True, slots=True)
class _Person:
    """Who registers; ``email`` is normalized."""

    email: str
    hashed: str | None = field(repr=False)
    first_name: str
    last_name: str
    newsletter: bool


@transaction.atomic
def _register(
    person: _Person, store_view: StoreView, link: Link | None, config: Invitations, now: datetime.datetime
) -> Joined:
    invitation = link.invitation if link else None
    rules.require_admission(invitation, config=config, website_id=store_view.website_id, now=now)
    invited = invitation is not None and rules.is_addressee(invitation, person.email)
    if invitation is not None and config.registration_address == "same" and not invited:
        raise rules.WrongAddress
    proven = bool(
        link and link.proves_mailbox and invitation and invitation.address_hash is not None and invited
    )
    # Locked, so that it is not confirmed just while it is taken for nobody's.
    existing = User.objects.select_for_update().filter(email=person.email).first()
    if existing is not None and _is_somebodys(existing):
        if proven:
            raise AddressTaken
        accounts.queue(accounts.EXISTS, user=existing, store_view=store_view, now=now)
        return Joined(None)
    if existing is not None:
        # Nobody ever confirmed this one: it may have been made to lie in wait for the owner. Its password must not stay.
        existing.delete()
    user = customers.create_user(
        email=person.email,
        hashed=person.hashed,
        first_name=person.first_name,
        last_name=person.last_name,
        verified=proven,
    )
    if proven:
        return join(
            user=user,
            store_view=store_view,
            invitation=invitation,
            newsletter=person.newsletter,
            config=config,
            now=now,
        )
    _ask_to_confirm(user, store_view, invitation, newsletter=person.newsletter, now=now)
    return Joined(user)


def _ask_to_confirm(
    user: User,
    store_view: StoreView,
    invitation: Invitation | None,
    *,
    newsletter: bool,
    now: datetime.datetime,
) -> None:
    """Mail the address, and keep what the registration asked for until it is confirmed."""
    PendingJoin.objects.create(
        user=user,
        website_id=store_view.website_id,
        store_view=store_view,
        invitation=invitation,
        newsletter=newsletter,
        created_at=now,
    )
    accounts.queue(accounts.CONFIRM, user=user, store_view=store_view, now=now)


def _is_somebodys(user: User) -> bool:
    return (
        user.is_staff
        or Customer.objects.filter(user=user).exists()
        or user.emailaddress_set.filter(verified=True).exists()  # type: ignore[attr-defined]
    )


@transaction.atomic
def confirm(*, user: User, store_view: StoreView, config: Invitations, now: datetime.datetime) -> Joined:
    """Finish a registration whose address was just confirmed: the customer is made, the invitation accepted.

    Where the invitation was used up meanwhile and registration is open, the person becomes a customer without it.

    :raises NotUsable: when the invitation cannot be accepted any more and one is needed.
    :raises ByInvitationOnly: when none was there and one is needed by now.
    """
    # The user first, as everywhere: whoever registers the address anew at this moment waits.
    User.objects.select_for_update().filter(pk=user.pk).first()
    waiting = (
        PendingJoin.objects.select_for_update(of=("self",))
        .select_related(
            "invitation__inviter__group", "invitation__store_view", "invitation__group", "store_view"
        )
        .filter(user=user, website=store_view.website_id)
        .first()
    )
    if waiting is None:
        customer = Customer.objects.filter(user=user, website=store_view.website_id).first()
        return Joined(user, customer)
    invitation = waiting.invitation
    if invitation is not None and rules.registration_is_open(config):
        standing = rules.link_standing(invitation, website_id=store_view.website_id, now=now)
        invitation = invitation if standing == rules.LinkStanding.OPEN else None
    joined = join(
        user=user,
        store_view=waiting.store_view,
        invitation=invitation,
        newsletter=waiting.newsletter,
        config=config,
        now=now,
    )
    waiting.delete()
    return joined


@transaction.atomic
def join(
    *,
    user: User,
    store_view: StoreView,
    invitation: Invitation | None,
    newsletter: bool = False,
    config: Invitations,
    now: datetime.datetime,
) -> Joined:
    """Make a user with a proven address a customer of the website, or let an existing customer accept an invitation.

    A new customer gets the group that the invitation gives; an existing one keeps theirs. Without a link, an open
    invitation of the address is accepted all the same, and other open ones end. One of many at the same moment wins.

    :raises ByInvitationOnly: when there is no invitation and one is needed.
    :raises NotUsable: when the invitation cannot be accepted (any more).
    :raises WrongAddress: when it is for another address and that must be the one.
    :raises YourOwnInvitation: when the user is its inviter.
    :raises AlreadyAccepted: when the customer has accepted one already, for the same occasion.
    """
    # Two presses at the same moment: the second waits for the first one's customer.
    User.objects.select_for_update().get(pk=user.pk)
    customer = _existing_customer(user, store_view)
    if invitation is not None:
        rules.require_usable(invitation, website_id=store_view.website_id, now=now)
        rules.require_addressee(invitation, user, config=config)
    if customer is None:
        return _become_customer(user, store_view, invitation, newsletter=newsletter, config=config, now=now)
    if invitation is not None:
        invitation = _accept_as_customer(invitation, customer, now)
    return Joined(user, customer, invitation)


def _become_customer(
    user: User,
    store_view: StoreView,
    invitation: Invitation | None,
    *,
    newsletter: bool,
    config: Invitations,
    now: datetime.datetime,
) -> Joined:
    """Make a customer, with the group and the credit that the open invitations give."""
    rules.require_admission(invitation, config=config, website_id=store_view.website_id, now=now)
    open_ones = _open_invitations(user, store_view, invitation, now)
    credited = _credited(open_ones, invitation, config)
    group = rules.group_for(
        credited, store_view=credited.store_view if credited else store_view, config=config
    )
    customer = customers.create_customer(
        store_view=store_view,
        group=group,
        email=user.email,
        first_name=user.first_name,
        last_name=user.last_name,
        user=user,
        newsletter=newsletter,
        now=now,
    )
    if credited is not None:
        reason = Reason.REGISTERED if invitation is not None else Reason.WITHOUT_LINK
        _accept(open_ones, credited, customer, reason=reason, now=now)
        _share_credit(open_ones, credited, customer, config)
    return Joined(user, customer, credited, is_new=True)


def _existing_customer(user: User, store_view: StoreView) -> Customer | None:
    """Return the user's customer at the website; one that the shop told us of by the same address becomes theirs."""
    found = (
        Customer.objects.known()
        .filter(Q(user=user) | Q(user=None, email=user.email), website=store_view.website_id)
        .order_by(F("user").asc(nulls_last=True))
        .first()
    )
    if found is not None and found.user_id is None:
        found.user = user
        found.save(update_fields=["user"])
    return found


def _accept_as_customer(invitation: Invitation, customer: Customer, now: datetime.datetime) -> Invitation:
    # Before the invitation, as orders have it: one that is told at this moment meets the acceptance or is met by it.
    Customer.objects.select_for_update(no_key=True).get(pk=customer.pk)
    fresh = (
        Invitation.objects.select_for_update(of=("self",)).select_related("store_view").get(pk=invitation.pk)
    )
    rules.require_usable(fresh, website_id=customer.website_id, now=now)
    accepted = Invitation.objects.filter(
        website=customer.website_id, invitee=customer, occasion=fresh.occasion_id, status=Status.ACCEPTED
    )
    if accepted.exists():
        raise AlreadyAccepted
    _accept([fresh], fresh, customer, reason=Reason.SIGNED_IN, now=now)
    ordering.attribute_waiting(fresh, customer, now=now)
    return fresh


def _open_invitations(
    user: User, store_view: StoreView, invitation: Invitation | None, now: datetime.datetime
) -> list[Invitation]:
    """Return the open invitations that this person's joining decides, oldest first, locked in that order."""
    hashes = {addresses.hash_of(user.email)}
    if invitation is not None and invitation.address_hash is not None:
        hashes.add(bytes(invitation.address_hash))
    which = Q(address_hash__in=hashes)
    if invitation is not None:
        which |= Q(pk=invitation.pk)
    found = (
        Invitation.objects.select_for_update(of=("self",))
        .select_related("store_view", "inviter__group", "group")
        .open()
        .filter(which, website=store_view.website_id)
        .exclude(inviter__user=user)
        .order_by("pk")
    )
    return [one for one in found if not one.is_expired(now)]


def _credited(
    open_ones: Sequence[Invitation], used: Invitation | None, config: Invitations
) -> Invitation | None:
    """Return the invitation that becomes Accepted: without a link, "link used" means the earliest open one."""
    if used is not None:
        if used.pk not in {one.pk for one in open_ones}:
            raise rules.NotUsable(standing=rules.LinkStanding.USED)
        if config.credit in {"link", "all"}:
            return next(one for one in open_ones if one.pk == used.pk)
    if not open_ones:
        return None
    return open_ones[-1] if config.credit == "last" else open_ones[0]


def _accept(
    open_ones: Sequence[Invitation],
    credited: Invitation,
    customer: Customer,
    *,
    reason: Reason,
    now: datetime.datetime,
) -> None:
    actor = Actor(ActorKind.CUSTOMER, customer.pk)
    others = [one for one in open_ones if one.pk != credited.pk]
    moves.withdraw([credited, *others], reason=reason, now=now)
    moves.move(
        [credited],
        Status.ACCEPTED,
        reason=reason,
        actor=actor,
        now=now,
        kind=EventKind.ACCEPTED,
        changes=lambda _one: {"invitee_id": customer.pk, "accepted_at": now},
    )
    moves.move(
        others,
        Status.DISCARDED,
        reason=Reason.JOINED_OTHERWISE,
        actor=actor,
        now=now,
        kind=EventKind.DISCARDED,
    )


_WHOLE = 1000


def _share_credit(
    open_ones: Sequence[Invitation], credited: Invitation, customer: Customer, config: Invitations
) -> None:
    """Write down who gets the credit: the accepted one, or all who invited, in equal shares of thousandths."""
    sharing = list(open_ones) if config.credit == "all" else [credited]
    share, rest = divmod(_WHOLE, len(sharing))
    Credit.objects.bulk_create(
        [
            Credit(invitation=one, invitee=customer, share=share + (rest if one.pk == credited.pk else 0))
            for one in sharing
        ]
    )
