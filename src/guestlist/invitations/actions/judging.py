"""Judging addresses before anybody is invited: each gets its own answer, in a handful of queries for all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Max, Q
from django.utils.translation import gettext_lazy as _

from guestlist import addresses as mailbox
from guestlist.customers.models import Customer
from guestlist.invitations.actions.sending import AlreadyCustomer, NotMailable, Suppressed
from guestlist.invitations.basis import UNSAID, Why
from guestlist.invitations.models import OPEN, Invitation
from guestlist.mail import suppression
from guestlist.refusal import Refusal

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable

    from django.db.models import QuerySet

    from guestlist.customers.models import CustomerGroup
    from guestlist.invitations.config import Invitations
    from guestlist.occasions.models import Occasion
    from guestlist.stores.actors import Actor
    from guestlist.stores.models import StoreView


class NobodyInvited(Refusal):
    """No address was given."""

    code = "nobody_invited"
    message = _("Enter the e-mail address of at least one friend.")


class TooManyAddresses(Refusal):
    """More addresses than may be invited at one time; nothing is sent."""

    code = "too_many_addresses"
    message = _(
        "You entered %(count)s addresses; at most %(max)s can be invited at one time. Nothing was sent."
    )


class TooManyByHand(TooManyAddresses):
    """More addresses than the form for staff takes at once; nothing is sent."""

    message = _(
        "You entered %(count)s addresses; this form takes %(max)s at a time. Nothing was sent. Import a file instead: "
        "it may have many more."
    )


class Repeated(Refusal):
    """The same address stands in the form twice."""

    code = "repeated"
    message = _("You entered this address twice.")


class ItIsYou(Refusal):
    """Inviters cannot invite themselves."""

    code = "it_is_you"
    message = _("That is you.")


class AlreadyInvited(Refusal):
    """The inviter has invited this address before, whatever became of it."""

    code = "already_invited"
    message = _("You have already invited this person.")


class OpenInvitation(Refusal):
    """The address has an open invitation at this website; staff may invite it again anyway."""

    code = "open_invitation"
    message = _("This address already has an open invitation.")


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer to one address: the invitation that was made, or the refusal that says why not.

    While examining, before anything is made, an address that would be invited has neither.
    """

    address: str
    invitation: Invitation | None = None
    refusal: Refusal | None = None

    @property
    def code(self) -> str:
        """``invited``, or the refusal's code."""
        return self.refusal.code if self.refusal else "invited"

    @property
    def suggestion(self) -> str | None:
        """The address that was probably meant, where one looks mistyped."""
        return mailbox.suggestion(self.address)


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for: by whom, from where, with which words."""

    store_view: StoreView
    config: Invitations
    actor: Actor
    occasion: Occasion | None
    message: str
    now: datetime.datetime
    inviter: Customer | None = None
    group: CustomerGroup | None = None
    again: frozenset[str] = frozenset()
    """Normalized addresses that staff invite again although they have an open invitation."""
    why: Why = UNSAID
    """Why staff may mail them."""


@dataclass(slots=True)
class Candidate:
    """An address on its way to a verdict."""

    entry: mailbox.Entry
    normal: str = ""
    hash: bytes = b""
    refusal: Refusal | None = None
    repeat: int = 0
    invitation: Invitation | None = None

    @property
    def verdict(self) -> Verdict:
        """The answer, as surfaces read it."""
        return Verdict(self.entry.address, self.invitation, self.refusal)


def entered(
    texts: Iterable[str], *, most: int, refusal: type[Refusal] = TooManyAddresses
) -> list[mailbox.Entry]:
    """Return the addresses that were entered, each with its name if it has one; blank texts do not count.

    :raises NobodyInvited: when there is none.
    :raises TooManyAddresses: or this ``refusal`` of its kind, when there are more than ``most``.
    """
    entries: list[mailbox.Entry] = []
    for text in texts:
        if not text.strip():
            continue
        named = mailbox.split_named(text) if "<" in text else [mailbox.Entry(text.strip())]
        entries += named or [mailbox.Entry(text.strip())]
    if not entries:
        raise NobodyInvited
    if len(entries) > most:
        raise refusal(count=len(entries), max=most)
    return entries


def judged(wish: Wish, entries: list[mailbox.Entry]) -> list[Candidate]:
    """Return the addresses in order, each refused or ready to be invited; nothing is written."""
    candidates = [Candidate(entry) for entry in entries]
    seen: set[str] = set()
    for one in candidates:
        try:
            one.normal = mailbox.normalize(one.entry.address)
        except mailbox.MalformedAddress as refusal:
            one.refusal = refusal
            continue
        one.hash = mailbox.hash_of(one.normal)
        if one.normal in seen:
            one.refusal = Repeated()
        elif wish.inviter is not None and one.normal == wish.inviter.email:
            one.refusal = ItIsYou()
        seen.add(one.normal)
    _refuse_known(wish, [one for one in candidates if one.refusal is None])
    return candidates


def _refuse_known(wish: Wish, candidates: list[Candidate]) -> None:
    website_id = wish.store_view.website_id
    hashes = [one.hash for one in candidates]
    if not hashes:
        return
    blocked = suppression.suppressed(website_id=website_id, hashes=hashes)
    customers: set[str | None] = set()
    if wish.occasion is None and wish.config.existing_account == "skip":
        known = Customer.objects.known().filter(
            website=website_id, email__in=[one.normal for one in candidates]
        )
        customers = set(known.values_list("email", flat=True))
    invited, repeats = _earlier(wish, hashes)
    for one in candidates:
        if one.hash in invited and one.normal not in wish.again:
            one.refusal = AlreadyInvited() if wish.inviter else OpenInvitation()
        elif one.normal in customers:
            one.refusal = AlreadyCustomer()
        elif one.hash in blocked:
            one.refusal = NotMailable() if wish.inviter else Suppressed()
        one.repeat = repeats.get(one.hash, -1) + 1


def _earlier(wish: Wish, hashes: list[bytes]) -> tuple[set[bytes], dict[bytes, int]]:
    """Return the hashes that count as invited, and the highest repeat of staff's earlier invitations."""
    same = Invitation.objects.filter(
        website=wish.store_view.website_id, address_hash__in=hashes, occasion=wish.occasion
    )
    if wish.inviter is not None:
        return _hashes(same.filter(inviter=wish.inviter)), {}
    still_open = Q(status__in=OPEN) & (Q(expires_at=None) | Q(expires_at__gt=wish.now))
    highest = same.filter(inviter=None).values_list("address_hash").annotate(Max("repeat"))
    return _hashes(same.filter(still_open)), {bytes(one or b""): repeat for one, repeat in highest}


def _hashes(invitations: QuerySet[Invitation]) -> set[bytes]:
    return {bytes(one or b"") for one in invitations.values_list("address_hash", flat=True)}
