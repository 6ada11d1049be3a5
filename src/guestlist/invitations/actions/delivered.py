"""Writing down how invitations' mail fared; called inside mail's transaction, so that all of it commits together."""

from __future__ import annotations

import datetime
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from guestlist.invitations.actions import moves, sending
from guestlist.invitations.config import Invitations
from guestlist.invitations.lifecycle import Reason, Status
from guestlist.invitations.models import (
    OPEN,
    WAITING,
    Delivery,
    EventKind,
    Invitation,
    InvitationEvent,
)
from guestlist.mail.kinds import Verdict
from guestlist.stores import config, memory
from guestlist.stores.actors import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from guestlist.mail.kinds import Outcome

_DELIVERY = {
    Verdict.ACCEPTED: Delivery.HANDED_OVER,
    Verdict.DEFERRED: Delivery.DEFERRED,
    Verdict.BOUNCED: Delivery.BOUNCED,
    Verdict.FAILED: Delivery.FAILED,
    Verdict.WITHDRAWN: Delivery.WITHDRAWN,
    Verdict.IN_DOUBT: Delivery.IN_DOUBT,
}


def record(outcomes: Sequence[Outcome], *, now: datetime.datetime) -> None:
    """Move what was handed over or bounced, and write down how the rest fared, in a few statements for all."""
    while outcomes:
        # One that was canceled in a worker's hands and restored has two mails: each is told of, one after the other.
        first = {one.message.subject_id: one for one in reversed(outcomes)}
        _record(list(first.values()), now)
        if len(first) == len(outcomes):
            return
        outcomes = [one for one in outcomes if first[one.message.subject_id] is not one]


def _record(outcomes: Sequence[Outcome], now: datetime.datetime) -> None:
    if len({(one.verdict, one.message.store_view_id) for one in outcomes}) > 1:
        # What follows takes them group by group; staff who end some of them take theirs in the order of ids.
        _lock([one.message.subject_id for one in outcomes])
    left = _first_leaving([one for one in outcomes if one.verdict == Verdict.ACCEPTED], now)
    by_id = {one.message.subject_id: one for one in outcomes if one.message.pk not in left}
    if not by_id:
        return
    locked = (
        Invitation.objects.select_for_update(of=("self",))
        .select_related("store_view")
        .filter(pk__in=by_id)
        .order_by("pk")
    )
    groups: dict[Verdict, list[Invitation]] = defaultdict(list)
    for invitation in locked:
        groups[by_id[invitation.pk].verdict].append(invitation)
    for verdict, invitations in groups.items():
        if verdict == Verdict.ACCEPTED:
            _handed_over(invitations, by_id, now)
        elif verdict == Verdict.BOUNCED:
            _bounced(invitations, by_id, now)
        else:
            _fared(invitations, by_id, verdict, now)


def _lock(ids: Sequence[int]) -> None:
    list(
        Invitation.objects.select_for_update(no_key=True)
        .filter(pk__any_of=set(ids))
        .order_by("pk")
        .values_list("pk", flat=True)
    )


def _first_leaving(outcomes: Sequence[Outcome], now: datetime.datetime) -> set[int]:
    """Move what was mailed for the first time, the great mass, in a few statements; returns the ids of their mails."""
    by_view: dict[int, dict[int, Outcome]] = defaultdict(dict)
    for outcome in outcomes:
        by_view[outcome.message.store_view_id][outcome.message.subject_id] = outcome
    views = memory.store_views(by_view)
    configs = config.resolve_each(Invitations, list(views.values()))
    left: set[int] = set()
    for view_id, by_id in sorted(by_view.items()):
        lifetime = datetime.timedelta(days=configs[view_id].lifetime_days)
        moved = moves.leave_many(
            by_id,
            store_view=views[view_id],
            expires_at=now + lifetime if lifetime else None,
            now=now,
            details={pk: _detail(outcome) for pk, outcome in by_id.items()},
        )
        left |= {by_id[pk].message.pk for pk in moved}
    return left


def _handed_over(invitations: list[Invitation], by_id: Mapping[int, Outcome], now: datetime.datetime) -> None:
    # Whoever discarded or accepted it while a worker had it in hand took the delivery off WAITING; the state stays then.
    moving = [
        one
        for one in invitations
        if one.status in OPEN or (one.status == Status.DISCARDED and one.delivery in WAITING)
    ]
    configs = config.resolve_each(Invitations, list({one.store_view for one in moving}))

    def changes(one: Invitation) -> dict[str, Any]:
        left = sending.left(one, config=configs[one.store_view_id], now=now)
        return {**left, "delivery": Delivery.HANDED_OVER}

    first, again, ended = EventKind.SENT, EventKind.RESENT, EventKind.HANDED_OVER
    for kind, members in (
        (first, [one for one in moving if one.status == Status.NOT_SENT]),
        (again, [one for one in moving if one.status != Status.NOT_SENT]),
    ):
        moves.move(
            members,
            Status.SENT,
            reason=Reason.HANDED_OVER,
            actor=SYSTEM,
            now=now,
            kind=kind,
            changes=changes,
            detail=lambda one: _detail(by_id[one.pk]),
        )
    _note([one for one in invitations if one not in moving], by_id, ended, Delivery.HANDED_OVER, now)


def _bounced(invitations: list[Invitation], by_id: Mapping[int, Outcome], now: datetime.datetime) -> None:
    _note(invitations, by_id, EventKind.BOUNCED, Delivery.BOUNCED, now)
    moves.move(
        [one for one in invitations if one.status in OPEN],
        Status.DISCARDED,
        reason=Reason.BOUNCED,
        actor=SYSTEM,
        now=now,
        kind=EventKind.DISCARDED,
    )


def _fared(
    invitations: list[Invitation], by_id: Mapping[int, Outcome], verdict: Verdict, now: datetime.datetime
) -> None:
    # A mail that was in a worker's hands when the invitation ended may be told of after a newer one was queued.
    waiting = [
        one
        for one in invitations
        if one.delivery in {*WAITING, Delivery.IN_DOUBT} and one.mail_id == by_id[one.pk].message.pk
    ]
    _set_delivery(waiting, _DELIVERY[verdict])
    joined = [one for one in waiting if by_id[one.pk].code == Reason.ALREADY_CUSTOMER and one.status in OPEN]
    moves.move(
        joined,
        Status.DISCARDED,
        reason=Reason.ALREADY_CUSTOMER,
        actor=SYSTEM,
        now=now,
        kind=EventKind.DISCARDED,
    )


def _note(
    invitations: list[Invitation],
    by_id: Mapping[int, Outcome],
    kind: EventKind,
    delivery: Delivery,
    now: datetime.datetime,
) -> None:
    _set_delivery(invitations, delivery)
    InvitationEvent.objects.bulk_create(
        moves.event(
            one, kind, actor=SYSTEM, now=now, reason=by_id[one.pk].code[:16], detail=_detail(by_id[one.pk])
        )
        for one in invitations
    )


def _set_delivery(invitations: list[Invitation], delivery: Delivery) -> None:
    if invitations:
        Invitation.objects.filter(pk__in=[one.pk for one in invitations]).update(delivery=delivery)
    for one in invitations:
        one.delivery = delivery


def _detail(outcome: Outcome) -> dict[str, str]:
    return {"code": outcome.code, "answer": outcome.answer[:200]}
