"""Suppressed addresses: who enters them by hand, and how each is mailed again (the person's own word, or staff's).

A person lifts what stands for their address by a link that is mailed to it. Staff lift what staff or a mail server
entered, never a wish or a complaint: those are the person's to take back.
"""

from __future__ import annotations

import datetime
import logging
from typing import TYPE_CHECKING

from django.core import signing
from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext_lazy as _

from guestlist import addresses
from guestlist.mail import actions as mail
from guestlist.mail.kinds import Values
from guestlist.mail.models import Lift, LiftRequest, SenderIdentity, Suppression, SuppressionReason
from guestlist.refusal import Refusal
from guestlist.stores.actors import Actor, ActorKind, Permission
from guestlist.stores.models import Website

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from guestlist.mail.kinds import Outcome
    from guestlist.stores.models import StoreView

log = logging.getLogger(__name__)

VALID = datetime.timedelta(days=3)
"""How long the mailed link works, and how long a request is kept."""
PAUSE = datetime.timedelta(days=1)
"""An address is mailed because of this once in so long, whoever asks."""
BY_STAFF = frozenset({SuppressionReason.BOUNCE, SuppressionReason.STAFF})
"""What staff may lift; the rest is for the person alone to take back."""
MAX_WHY = 300

_INVITEE = Actor(ActorKind.INVITEE)


class LinkUsedUp(Refusal):
    """The link to be mailed again was used, is too old, or is none of ours."""

    code = "link_used_up"
    message = _("This link no longer works.")


class NotSuppressed(Refusal):
    """The address is mailed as any other."""

    code = "not_suppressed"
    message = _("This address is not suppressed there.")


class NotForStaff(Refusal):
    """The person asked for it or complained: only they take it back."""

    code = "not_for_staff"
    message = _("Staff cannot lift this: it is the person's own word, and only they can take it back.")


class NoReason(Refusal):
    """Staff lift nothing without saying why."""

    code = "no_reason"
    message = _("Say in one line of at most %(most)s characters why this address may be mailed again.")


class LiftKind:
    """The mail with the link to be mailed again, for those alone who are suppressed; ``subject_id`` is the request's id."""

    code = "lift_suppression"
    purpose = "lift_suppression"

    def look_up(self, ids: Sequence[int], *, now: datetime.datetime) -> Mapping[int, Values | str]:
        """Return address and link of each request; the link is made here.

        Withdrawn is what is too old, and what is about addresses that are mailed anyway.
        """
        found: dict[int, Values | str] = dict.fromkeys(ids, "not_needed")
        standing = Suppression.objects.filter(
            Q(website=OuterRef("website")) | Q(website=None), address_hash=OuterRef("address_hash")
        )
        for asked in LiftRequest.objects.filter(Exists(standing), pk__in=ids, created_at__gt=now - VALID):
            found[asked.pk] = Values(
                asked.address,
                variables={"action_path": path(asked), "valid_days": str(VALID.days)},
                not_after=asked.created_at + VALID,
            )
        return found

    def hashes(self, ids: Collection[int]) -> Mapping[int, bytes]:  # noqa: ARG002 - the protocol's
        """Return none: an address is not suppressed for not getting this one."""
        return {}

    def record(self, outcomes: Sequence[Outcome], *, now: datetime.datetime) -> None:
        """Write nothing: the outbox row says it all."""

    def returned(self, outcomes: Sequence[Outcome], *, now: datetime.datetime) -> None:
        """Write nothing: the outbox row says it all."""


LIFT = LiftKind()
KINDS = (LIFT,)


def path(asked: LiftRequest) -> str:
    """Return the path of the link that lifts, below the store view's prefix: signed, and stored nowhere."""
    return f"/mail-me-again/{_signer().sign(str(asked.pk))}/"


@transaction.atomic
def request_lift(*, store_view: StoreView, address: str, now: datetime.datetime) -> LiftRequest | None:
    """Queue the mail by which the reader of an address lifts what stands for it; None within a day of the last one.

    The same rows are written whether or not the address is suppressed.

    :raises MalformedAddress: when it is no address.
    :raises NoSender: when the website has no general sender identity.
    """
    normal = addresses.normalize(address)
    hashed = addresses.hash_of(normal)
    # Who asks for the same address at the same moment waits here, so that one mail goes out.
    Website.objects.select_for_update(no_key=True).get(pk=store_view.website_id)
    earlier = LiftRequest.objects.filter(
        website=store_view.website_id, address_hash=hashed, created_at__gt=now - PAUSE
    )
    if earlier.exists():
        return None
    asked = LiftRequest.objects.create(
        website_id=store_view.website_id,
        store_view=store_view,
        address=normal,
        address_hash=hashed,
        created_at=now,
    )
    mail.queue(
        kind=LIFT.code,
        subject_ids=[asked.pk],
        store_view=store_view,
        sender=SenderIdentity.Code.GENERAL,
        template=LIFT.purpose,
        ready_at=now,
        now=now,
    )
    return asked


def asked_by(token: str, *, website: Website, now: datetime.datetime) -> LiftRequest | None:
    """Return the request that a link stands for, or None: mangled, too old, used, or of another website."""
    try:
        pk = int(_signer().unsign(token))
    except (signing.BadSignature, ValueError):
        return None
    return LiftRequest.objects.filter(pk=pk, website=website, created_at__gt=now - VALID).first()


@transaction.atomic
def lift_own(*, token: str, website: Website, now: datetime.datetime) -> None:
    """Mail the address of a link's reader again, for this website, whatever it was suppressed for.

    What stood for all websites goes on for the others.

    :raises LinkUsedUp: when the link no longer works.
    """
    asked = asked_by(token, website=website, now=now)
    # Whoever deletes the row has used the link; nobody else finds it.
    if asked is None or not LiftRequest.objects.filter(pk=asked.pk).delete()[0]:
        raise LinkUsedUp
    hashed = bytes(asked.address_hash)
    for row in _standing(hashed, Q(website=website) | Q(website=None)):
        if row.website_id is None:
            _keep_elsewhere(row, website)
        _lift(row, website=website, actor=_INVITEE, why="", now=now)
    LiftRequest.objects.filter(website=website, address_hash=hashed).delete()


@transaction.atomic
def lift_bounce(
    *, website: Website | None, address: str, why: str, actor: Actor, now: datetime.datetime
) -> None:
    """Mail an address again that a bounce or staff suppressed, at a website or (None) where it stood for all.

    :raises MalformedAddress: when it is no address.
    :raises NotPermitted: when the actor may not, at this website or at all of them.
    :raises NoReason: when staff do not say why.
    :raises NotSuppressed: when nothing stands for it there.
    :raises NotForStaff: when it was the person's wish or complaint.
    """
    actor.require(Permission.SUPPRESSIONS, website.pk if website else None)
    hashed = addresses.hash_of(addresses.normalize(address))
    said = " ".join(why.split())
    if not said or len(said) > MAX_WHY:
        raise NoReason(most=MAX_WHY)
    found = _standing(hashed, Q(website=website))
    if not found:
        raise NotSuppressed
    (row,) = found
    if row.reason not in BY_STAFF:
        raise NotForStaff
    _lift(row, website=website, actor=actor, why=said, now=now)


def enter(*, website: Website | None, address: str, actor: Actor, now: datetime.datetime) -> None:
    """Suppress an address as staff, for a website or (None) for all; what is queued for it is not handed over.

    :raises MalformedAddress: when it is no address.
    :raises NotPermitted: when the actor may not, at this website or at all of them.
    """
    actor.require(Permission.SUPPRESSIONS, website.pk if website else None)
    hashed = addresses.hash_of(addresses.normalize(address))
    mail.suppress(website=website, address_hash=hashed, reason=SuppressionReason.STAFF, now=now)
    log.info("suppression entered: reason=staff website=%s by %s %s", _place(website), actor.kind, actor.id)


def standing(*, address: str, actor: Actor) -> list[Suppression]:
    """Return what stands for an address at the websites that the actor sees to, and for all websites.

    :raises MalformedAddress: when it is no address.
    """
    found = Suppression.objects.filter(_visible(address, actor)).select_related("website")
    return list(found.order_by("created_at", "pk"))


def lifted(*, address: str, actor: Actor) -> list[Lift]:
    """Return what was lifted for an address before, the newest first, at the websites that the actor sees to.

    :raises MalformedAddress: when it is no address.
    """
    found = Lift.objects.filter(_visible(address, actor)).select_related("website", "lifted_by")
    return list(found.order_by("-at", "-pk"))


def forget_old(*, now: datetime.datetime) -> int:
    """Delete the requests whose link works no more; returns how many."""
    return LiftRequest.objects.filter(created_at__lte=now - VALID).delete()[0]


def _visible(address: str, actor: Actor) -> Q:
    of_address = Q(address_hash=addresses.hash_of(addresses.normalize(address)))
    allowed = actor.website_ids(Permission.SUPPRESSIONS)
    return of_address if allowed is None else of_address & (Q(website__in=allowed) | Q(website=None))


def _standing(hashed: bytes, where: Q) -> list[Suppression]:
    return list(Suppression.objects.select_for_update().filter(where, address_hash=hashed).order_by("pk"))


def _keep_elsewhere(row: Suppression, website: Website) -> None:
    """Let what stood for all websites go on for each of the others."""
    Suppression.objects.bulk_create(
        (
            Suppression(
                website=other, address_hash=row.address_hash, reason=row.reason, created_at=row.created_at
            )
            for other in Website.objects.exclude(pk=website.pk).order_by("pk")
        ),
        ignore_conflicts=True,
    )


def _lift(
    row: Suppression, *, website: Website | None, actor: Actor, why: str, now: datetime.datetime
) -> None:
    lift = Lift.objects.create(
        website=website,
        address_hash=row.address_hash,
        reason=row.reason,
        lifted_by_id=actor.id,
        why=why,
        at=now,
    )
    row.delete()
    log.info(
        "suppression lifted: reason=%s website=%s lift=%s by %s %s",
        lift.reason,
        _place(website),
        lift.pk,
        actor.kind,
        actor.id,
    )


def _place(website: Website | None) -> str:
    return website.code if website else "all"


def _signer() -> signing.Signer:
    return signing.Signer(salt="guestlist.mail.lift")
