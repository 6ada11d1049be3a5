"""How an inviter reads an invitation: a label, a sentence, the steps on the way and what can be done now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Count, Q
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext, pgettext_lazy

from guestlist.invitations import rules
from guestlist.invitations.lifecycle import Reason, Status
from guestlist.invitations.models import WAITING, Channel, Delivery, Invitation
from guestlist.invitations.rules import Deed
from guestlist.storefront.templatetags.storefront import day

if TYPE_CHECKING:
    import datetime

    from django.db.models import QuerySet
    from django.utils.functional import _StrPromise

    from guestlist.invitations.config import Invitations

PER_PAGE = 20

DEED_NAMES: dict[Deed, _StrPromise] = {
    Deed.COPY: gettext_lazy("Copy the link"),
    Deed.TRY_AGAIN: gettext_lazy("Try again"),
    Deed.RESEND: gettext_lazy("Send again"),
    Deed.CORRECT: gettext_lazy("Correct the address"),
    Deed.UNDO: pgettext_lazy("cancellation", "Undo"),
    Deed.CANCEL: pgettext_lazy("invitation", "Cancel"),
}
"""What an inviter can press, in the order of the page: what helps first, what ends it last."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the way: its word and how it looks (done, now, stopped, closed; nothing is still to come)."""

    label: str
    look: str


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that can be done now."""

    label: str
    url: str
    method: str


@dataclass(frozen=True, slots=True)
class Guest:
    """One line of the guest list."""

    who: str
    label: str
    sentence: str
    occasion: str
    sent_at: datetime.datetime | None
    steps: tuple[Step, Step]
    actions: tuple[Action, ...]


@dataclass(frozen=True, slots=True)
class Figure:
    """A count that stands above the list."""

    count: int
    label: str


def guest(invitation: Invitation, *, config: Invitations, now: datetime.datetime) -> Guest:
    """Say an invitation as its inviter reads it; address, note and occasion must be loaded with it."""
    return Guest(
        who=who(invitation),
        label=label(invitation, now=now),
        sentence=sentence(invitation, config=config, now=now),
        occasion=invitation.occasion.title if invitation.occasion else "",
        sent_at=invitation.sent_at,
        steps=_steps(invitation, now=now),
        actions=_actions(invitation, config=config, now=now),
    )


def who(invitation: Invitation) -> str:
    """Name an invitation: the address as it was typed, the private label, or that neither is kept any more."""
    address = getattr(invitation, "address", None)
    if address is not None:
        return str(address.typed)
    note = getattr(invitation, "note", None)
    if note is not None and note.label:
        return str(note.label)
    return _("Address no longer kept")


def label(invitation: Invitation, *, now: datetime.datetime) -> str:
    """Give the status as customers know it."""
    if invitation.is_expired(now):
        return _("Expired")
    if invitation.status == Status.ACCEPTED:
        return pgettext("invitation", "Accepted")
    if invitation.status == Status.DISCARDED:
        return pgettext("invitation", "Canceled")
    if invitation.status == Status.NOT_SENT and invitation.delivery not in (*WAITING, Delivery.HANDED_OVER):
        return _("Not sent")
    return pgettext("invitation", "Sent")


def sentence(invitation: Invitation, *, config: Invitations, now: datetime.datetime) -> str:
    """Give the sentence beside the label; it never tells who declined, was erased or (where asked) has an account."""
    if invitation.is_expired(now):
        return _("Nobody answered before %(day)s") % {"day": day(invitation.expires_at)}
    if invitation.status == Status.ACCEPTED:
        return _("Joined on %(day)s") % {"day": day(invitation.accepted_at)}
    if invitation.status == Status.DISCARDED:
        return _closed(Reason(invitation.reason), config)
    return _underway(invitation)


def _underway(invitation: Invitation) -> str:
    if invitation.delivery == Delivery.DEFERRED:
        return _("Their mail server asked us to wait")
    if invitation.delivery == Delivery.QUEUED:
        return _("On its way")
    if invitation.status == Status.SENT:
        return _("Shared by you") if invitation.channel == Channel.SHARED else _("No answer yet")
    if invitation.channel == Channel.SHARED:
        return _("Link ready")
    if invitation.delivery == Delivery.IN_DOUBT:
        return _("Perhaps not sent – ask your friend, or try again")
    return _("Not sent – try again")


def _closed(reason: Reason, config: Invitations) -> str:
    if reason == Reason.INVITER:
        return _("Canceled by you")
    if reason == Reason.STAFF:
        return _("Canceled by the shop")
    if reason == Reason.BOUNCED:
        return _("Could not be delivered – check the address")
    if reason in {Reason.ALREADY_CUSTOMER, Reason.JOINED_OTHERWISE} and config.existing_account == "skip":
        return _("Already joined")
    return _("No longer open")


def _steps(invitation: Invitation, *, now: datetime.datetime) -> tuple[Step, Step]:
    joined = _("Joined")
    if invitation.status == Status.ACCEPTED:
        return Step(pgettext("invitation", "Sent"), "done through"), Step(joined, "done")
    if invitation.status == Status.DISCARDED:
        return Step(label(invitation, now=now), "stopped"), Step(joined, "closed")
    if invitation.status == Status.SENT and invitation.delivery not in WAITING:
        return Step(pgettext("invitation", "Sent"), "done"), Step(
            joined, "closed" if invitation.is_expired(now) else ""
        )
    if invitation.delivery in WAITING:
        return Step(_("On its way"), "now"), Step(joined, "")
    if invitation.channel == Channel.SHARED:
        return Step(_("Link ready"), "now"), Step(joined, "")
    return Step(_("Not sent"), "stopped"), Step(joined, "")


def _actions(invitation: Invitation, *, config: Invitations, now: datetime.datetime) -> tuple[Action, ...]:
    possible = rules.deeds(invitation, config=config, now=now)
    return tuple(_action(invitation, deed) for deed in DEED_NAMES if deed in possible)


def _action(invitation: Invitation, deed: Deed) -> Action:
    name = str(DEED_NAMES[deed])
    if deed == Deed.CORRECT:
        return Action(name, reverse("storefront:correct", args=[invitation.public_id]), "get")
    return Action(name, reverse("storefront:deed", args=[invitation.public_id, deed.value]), "post")


def figures(invitations: QuerySet[Invitation], *, now: datetime.datetime) -> list[Figure]:
    """Count a customer's invitations by what customers call their status, in one query; a zero is left out."""
    expired = Q(status=Status.SENT, expires_at__lte=now)
    counts = invitations.aggregate(
        underway=Count("pk", filter=Q(status__in=(Status.NOT_SENT, Status.SENT)) & ~expired),
        joined=Count("pk", filter=Q(status=Status.ACCEPTED)),
        expired=Count("pk", filter=expired),
        canceled=Count("pk", filter=Q(status=Status.DISCARDED)),
    )
    named = (
        Figure(counts["underway"], _("waiting for an answer")),
        Figure(counts["joined"], pgettext("figure", "joined")),
        Figure(counts["expired"], _("expired")),
        Figure(counts["canceled"], _("canceled")),
    )
    return [figure for figure in named if figure.count]
