"""The figures counted once more from history and rows, the slow way, to hold against what the ledger says."""

import datetime
from collections import Counter
from collections.abc import Iterable
from typing import Any

from django.db.models import Sum

from guestlist.invitations.actions import moves
from guestlist.invitations.lifecycle import Reason, Status
from guestlist.invitations.models import (
    Basis,
    EventKind,
    FiguresDay,
    FiguresDelta,
    FiguresMonth,
    Invitation,
    InvitationEvent,
)
from guestlist.orders.models import Order

NEVER = datetime.datetime.max.replace(tzinfo=datetime.UTC)

type Figures = Counter[tuple[int, str, datetime.date, str, str]]


def from_history() -> Figures:
    """Count by the day of the event, from the events alone, and by the day of sending, from rows and events."""
    counted: Figures = Counter()
    rows = Invitation.objects.select_related("store_view").in_bulk()
    kept: dict[int, Counter[tuple[str, str]]] = {pk: Counter() for pk in rows}
    seen_sent: set[int] = set()
    for event in InvitationEvent.objects.order_by("pk"):
        one = rows[event.invitation_id]
        day = moves.local_day(one.store_view, event.at)
        assert event.day == day, event
        for measure, amount, currency in _of(event, one.pk in seen_sent):
            counted[one.store_view_id, Basis.EVENT, day, measure, currency] += amount
            if measure.startswith("sent_"):
                kept[one.pk][measure, currency] += amount
        if event.target == Status.SENT:
            seen_sent.add(one.pk)
    counted.update(not_sent(rows.values()))
    for one in rows.values():
        if one.sent_day is not None:
            # Ends are taken back by a later move: what counts by the day of sending is how it stands.
            if one.status in {Status.ACCEPTED, Status.DISCARDED}:
                kept[one.pk][f"{one.status}.{one.reason}", ""] += 1
            for (measure, currency), amount in kept[one.pk].items():
                counted[one.store_view_id, Basis.SENT, one.sent_day, measure, currency] += amount
    counted.update(of_orders(rows.values()))
    return _told(counted)


def not_sent(invitations: Iterable[Invitation]) -> Figures:
    """Count those that never left on the day that they were made, by either basis."""
    waiting = [one for one in invitations if one.sent_day is None and one.created_day is not None]
    keys = [(one.store_view_id, one.created_day) for one in waiting]
    return Counter((view, basis, day, "not_sent", "") for view, day in keys if day for basis in Basis)


def of_orders(invitations: Iterable[Invitation]) -> Figures:
    """Count orders as they stand now, each for the first invitation that its customer accepted, if that was before."""
    counted: Figures = Counter()
    accepted: dict[int | None, Invitation] = {}
    for one in sorted(invitations, key=lambda one: (one.accepted_at or NEVER, one.pk), reverse=True):
        if one.status == Status.ACCEPTED:
            accepted[one.invitee_id] = one
    seen: set[tuple[int, str]] = set()
    for order in Order.objects.select_related("attribution").order_by("placed_at", "pk"):
        invitation = accepted.get(order.customer_id)
        if invitation is None or order.placed_at < (invitation.accepted_at or NEVER):
            continue
        view = invitation.store_view_id
        if order.cancelled_at is not None:
            # One that was over before it could count never did.
            figures = [("orders_cancelled", "", int(hasattr(order, "attribution")))]
        else:
            figures = [("orders", "", 1), ("revenue", order.currency, order.total - order.refunded)]
            for measure in ["purchased"] + ["purchased_in_view"] * (order.store_view_id == view):
                if (invitation.pk, measure) not in seen:
                    seen.add((invitation.pk, measure))
                    figures.append((f"{measure}.{invitation.reason}", "", 1))
        for measure, currency, amount in figures:
            day = moves.local_day(invitation.store_view, order.placed_at)
            counted[view, Basis.EVENT, day, measure, currency] += amount
            if invitation.sent_day is not None:
                counted[view, Basis.SENT, invitation.sent_day, measure, currency] += amount
    return counted


def _of(event: InvitationEvent, sent_before: bool) -> list[tuple[str, int, str]]:
    if event.kind == EventKind.CREATED:
        return [("created", 1, "")]
    if event.target == Status.SENT and not sent_before:
        return [("sent_shared" if event.reason == Reason.SHARED else "sent_mailed", 1, "")]
    if event.target in {Status.ACCEPTED, Status.DISCARDED}:
        return [(f"{event.target}.{event.reason}", 1, "")]
    return []


def from_days() -> Figures:
    """Add up folded days and what is not folded yet."""
    counted = _sums(FiguresDay)
    counted.update(_sums(FiguresDelta))
    return _told(counted)


def from_months() -> Figures:
    """Add up folded months and what is not folded yet, by month."""
    counted = _sums(FiguresMonth)
    counted.update(by_month(_sums(FiguresDelta)))
    return _told(counted)


def by_month(figures: Figures) -> Figures:
    """Bring the days together by month."""
    counted: Figures = Counter()
    for (view, basis, day, measure, currency), amount in figures.items():
        counted[view, basis, day.replace(day=1), measure, currency] += amount
    return counted


def _told(figures: Figures) -> Figures:
    """Leave out what adds up to nothing, but nothing that is less: Counter's own sums would hide it."""
    return Counter({key: amount for key, amount in figures.items() if amount})


def _sums(model: Any) -> Figures:
    rows = model.objects.values_list("store_view_id", "basis", "day", "measure", "currency")
    counted: Figures = Counter()
    for *key, amount in rows.annotate(total=Sum("amount")):
        counted[tuple(key)] += amount
    return counted
