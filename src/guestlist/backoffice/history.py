"""What happened to an invitation, and what mail servers said about it, with names instead of codes and ids."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _

from guestlist.customers.models import Customer, CustomerGroup, User
from guestlist.invitations.basis import Why
from guestlist.invitations.lifecycle import Reason, Status
from guestlist.invitations.models import MAIL_KIND, Delivery, EventKind, InvitationEvent
from guestlist.mail.models import Attempt
from guestlist.orders import money
from guestlist.orders.models import Order
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
    why: str
    """Why the person may be mailed, where somebody said so."""
    about: str
    """Which order it was and what it came to, where it is about one."""


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
    names, groups, about = _names(events, staff), _groups(events), _orders(events, staff)
    kinds, reasons, statuses = dict(EventKind.choices), dict(Reason.choices), dict(Status.choices)
    return [
        Step(
            event,
            label=_label(event, kinds),
            actor=names.get((event.actor_kind, event.actor_id), str(ActorKind(event.actor_kind).label)),
            reason=str(reasons.get(event.reason, event.reason)) if event.reason != event.kind else "",
            origin=groups.get((event.pk, "from"), str(statuses.get(event.origin or "", ""))),
            target=groups.get((event.pk, "to"), str(statuses.get(event.target or "", ""))),
            why=str(Why(event.detail.get("basis", ""), event.detail.get("words", ""))),
            about=about.get(event.pk, ""),
        )
        for event in events
    ]


def _label(event: InvitationEvent, kinds: Mapping[str, Any]) -> str:
    if event.kind == EventKind.RESENT and event.target is None:
        return gettext("Resend asked for")
    if event.kind == EventKind.ORDER_REVERSED:
        return gettext("Order canceled") if "cancelled" in event.detail else gettext("Order refunded")
    return str(kinds.get(event.kind, event.kind))


def answers(events: Sequence[InvitationEvent], invitation: Invitation) -> list[Answer]:
    """Return what mail servers said to any of its mails, newest first: what they took stands in the history."""
    # Those that an earlier release wrote down are known by the newest mail alone.
    of_newest = Attempt.objects.filter(message=invitation.mail_id or 0, subject_id=None)
    every = Attempt.objects.about(MAIL_KIND, invitation.pk).union(of_newest, all=True)
    attempts = list(every.order_by("-id")[:_EVENTS])
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


def _orders(events: Sequence[InvitationEvent], staff: Staff) -> dict[int, str]:
    """Return which order it was and its amount, in the reader's format, by the event's id."""
    told = [event for event in events if "order" in event.detail]
    if not told:
        return {}
    ids = {event.detail["order"] for event in told}
    seen = Order.objects.visible_to(staff.actor).filter(pk__in=ids)
    numbers = dict(seen.values_list("pk", "number"))
    return {event.pk: _order(event.detail, numbers.get(event.detail["order"], "–")) for event in told}


def _order(detail: Mapping[str, Any], number: str) -> str:
    """Return the number of an order, and what it came to, or what of it went back so far."""

    def shown(amount: int) -> str:
        return money.shown(amount, detail["currency"], get_language() or "en")

    if "total" in detail:
        return f"{number}: {shown(detail['total'])}"
    if "refunded" in detail:
        words = gettext("%(number)s: %(amount)s in all so far")
        return words % {"number": number, "amount": shown(detail["refunded"])}
    if not detail["taken_back"]:
        return number  # all of it was refunded before
    words = gettext("%(number)s: %(amount)s counts no more")
    return words % {"number": number, "amount": shown(detail["taken_back"])}


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
