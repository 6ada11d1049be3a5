"""What happened to an invitation, and what mail servers said about it, with names instead of codes and ids."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from guestlist.customers.models import Customer, CustomerGroup, User
from guestlist.invitations.lifecycle import Reason, Status
from guestlist.invitations.models import Delivery, EventKind, InvitationEvent
from guestlist.mail.models import Attempt
from guestlist.stores.actors import ActorKind

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping, Sequence

    from guestlist.backoffice.access import Staff
    from guestlist.invitations.models import Invitation

_EVENTS = 200
_TAKEN = frozenset({EventKind.SENT, EventKind.RESENT, EventKind.HANDED_OVER})
_SAID = {
    **{one.value: one.label for one in Delivery},
    "refused_us": _("their mail server refused our sender"),
    "complained": _("the reader called it spam"),
}
"""What an answer meant, by the outcome of the attempt."""
_TONES = {"handed_over": "good", "deferred": "slow"}
_EVENT_ANSWER = 200
"""So many characters of an answer stand in the history."""


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the history."""

    event: InvitationEvent
    label: str
    actor: str
    reason: str
    origin: str
    target: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What a mail server said when a mail was handed over, or sent back later."""

    at: datetime.datetime
    label: Any
    tone: str
    text: str


def events_of(invitation: Invitation) -> list[InvitationEvent]:
    """Return the newest events, newest first."""
    return list(InvitationEvent.objects.filter(invitation=invitation).order_by("-pk")[:_EVENTS])


def steps(events: Sequence[InvitationEvent], staff: Staff) -> list[Step]:
    """Return the history in words, in as many queries for many events as for one."""
    names, groups = _names(events, staff), _groups(events)
    kinds, reasons, statuses = dict(EventKind.choices), dict(Reason.choices), dict(Status.choices)
    return [
        Step(
            event,
            label=_label(event, kinds),
            actor=names.get((event.actor_kind, event.actor_id), str(ActorKind(event.actor_kind).label)),
            reason=str(reasons.get(event.reason, event.reason)) if event.reason != event.kind else "",
            origin=groups.get((event.pk, "from"), str(statuses.get(event.origin or "", ""))),
            target=groups.get((event.pk, "to"), str(statuses.get(event.target or "", ""))),
        )
        for event in events
    ]


def _label(event: InvitationEvent, kinds: Mapping[str, Any]) -> str:
    if event.kind == EventKind.RESENT and event.target is None:
        return gettext("Resend asked for")
    return str(kinds.get(event.kind, event.kind))


def answers(events: Sequence[InvitationEvent], mail_id: int | None) -> list[Answer]:
    """Return what mail servers said, newest first: what they took stands in the history, all else beside the newest mail."""
    attempts = list(Attempt.objects.filter(message=mail_id).order_by("-pk")) if mail_id else []
    found = [_answer(one.at, one.outcome, one.code, one.answer) for one in attempts]
    known = {(one.code[:40], one.answer[:_EVENT_ANSWER]) for one in attempts}
    for event in events:
        code, text = str(event.detail.get("code", "")), str(event.detail.get("answer", ""))
        if not (code or text):
            continue
        if event.kind in _TAKEN:
            found.append(_answer(event.at, Delivery.HANDED_OVER, code, text))
        elif event.kind in {EventKind.BOUNCED, EventKind.COMPLAINED} and (code[:40], text) not in known:
            found.append(_answer(event.at, event.kind, code, text))
    return sorted(found, key=lambda one: one.at, reverse=True)


def _answer(at: datetime.datetime, outcome: str, code: str, text: str) -> Answer:
    said = text if text.startswith(code) else f"{code} {text}".strip()
    return Answer(at, _SAID.get(outcome, outcome), _TONES.get(outcome, "bad"), said)


def _groups(events: Sequence[InvitationEvent]) -> dict[tuple[int, str], str]:
    """Return from and to which group it was changed, by the event's id."""
    changed = [event for event in events if event.kind == EventKind.GROUP_CHANGED]
    ends = {(event.pk, end): event.detail.get(end) for event in changed for end in ("from", "to")}
    known = CustomerGroup.objects.in_bulk({pk for pk in ends.values() if pk}) if ends else {}
    return {
        key: str(known.get(pk, gettext("deleted group"))) if pk else gettext("As configured")
        for key, pk in ends.items()
    }


def _names(events: Sequence[InvitationEvent], staff: Staff) -> dict[tuple[str, int | None], str]:
    ids: dict[str, set[int]] = {}
    for event in events:
        if event.actor_id is not None:
            ids.setdefault(event.actor_kind, set()).add(event.actor_id)
    names: dict[tuple[str, int | None], str] = {}
    for user in User.objects.filter(pk__in=ids.get(ActorKind.STAFF, ())):
        names[ActorKind.STAFF, user.pk] = user.get_full_name() or user.email
    for customer in Customer.objects.visible_to(staff.actor).filter(pk__in=ids.get(ActorKind.CUSTOMER, ())):
        names[ActorKind.CUSTOMER, customer.pk] = str(customer)
    return names
