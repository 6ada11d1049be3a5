"""The one door for the state: nothing else changes a status.

Check the table, update where the status is still the one that was seen, insert the history, insert the figures' deltas:
together, in the caller's transaction. For many it is the same in a few statements.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self
from zoneinfo import ZoneInfo

from guestlist.invitations import blocks, figures, lifecycle
from guestlist.invitations.actions import statements
from guestlist.invitations.lifecycle import Reason, Status
from guestlist.invitations.models import OPEN, WAITING, Delivery, EventKind, Invitation, InvitationEvent
from guestlist.mail import actions as mail
from guestlist.stores.actors import SYSTEM, NotPermitted
from guestlist.stores.models import StoreView

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from guestlist.customers.models import CustomerGroup
    from guestlist.stores.actors import Actor

_AT_ONCE = 500
NOT_FOUND = "not_found"
"""Why a row was skipped: there is no such invitation, or none that may be seen."""


@dataclass(slots=True)
class Tally:
    """What became of each of many: done + the sum of skipped = how many there were."""

    done: int = 0
    left: dict[int, str] = field(default_factory=dict)
    """By id, why it was left as it is: its status, or a refusal's code."""

    @property
    def skipped(self) -> Counter[str]:
        """By status or code, how many were left."""
        return Counter(self.left.values())

    def hide(self, actor: Actor) -> Self:
        """Say of those that the actor may not even see that they are not there."""
        refused = {pk for pk, code in self.left.items() if code == NotPermitted.code}
        if refused:
            seen = Invitation.objects.visible_to(actor).filter(pk__any_of=refused)
            self.left |= dict.fromkeys(refused - set(seen.values_list("pk", flat=True)), NOT_FOUND)
        return self

    @classmethod
    def of(cls, ids: Collection[int], changed: statements.Changed) -> Self:
        """Return what a statement did, with those that it did not find."""
        if changed.done + len(changed.left) == len(set(ids)):
            return cls(changed.done, changed.left)
        known = set(Invitation.objects.filter(pk__any_of=set(ids)).values_list("pk", flat=True))
        return cls(changed.done, changed.left | dict.fromkeys(set(ids) - known, NOT_FOUND))


def local_day(store_view: StoreView, now: datetime.datetime) -> datetime.date:
    """Return the day that a moment falls on where the store view is."""
    return now.astimezone(ZoneInfo(store_view.time_zone)).date()


def local_days(websites: Collection[int] | None, now: datetime.datetime) -> dict[int, datetime.date]:
    """Return the day that a moment falls on at each store view of these websites (None: all), by its id."""
    views = StoreView.objects.all() if websites is None else StoreView.objects.filter(website__in=websites)
    return {view.pk: local_day(view, now) for view in views.only("time_zone")}


def event(
    invitation: Invitation,
    kind: EventKind,
    *,
    actor: Actor,
    now: datetime.datetime,
    reason: str = "",
    detail: Mapping[str, Any] | None = None,
) -> InvitationEvent:
    """Return a history event that is no move, to be inserted by the caller; the invitation's ``store_view`` is loaded."""
    return InvitationEvent(
        invitation=invitation,
        kind=kind,
        at=now,
        day=local_day(invitation.store_view, now),
        actor_kind=actor.kind,
        actor_id=actor.id,
        reason=reason,
        detail=dict(detail or {}),
    )


def move(
    invitations: Sequence[Invitation],
    target: Status,
    *,
    reason: Reason,
    actor: Actor,
    now: datetime.datetime,
    kind: EventKind,
    changes: Callable[[Invitation], dict[str, Any]] | None = None,
    detail: Callable[[Invitation], dict[str, Any]] | None = None,
) -> None:
    """Move invitations to a state, with all that goes with it; call it inside a transaction.

    Each needs its ``store_view`` loaded. More than one must have been locked by the caller (``select_for_update`` in the
    order of ids), so that none can be overtaken; a single one may be as old as a page: whoever is overtaken is told so.

    :raises MoveNotAllowed: when one of them is (by now) in a state that this move does not start from; nothing is moved.
    """
    for invitation in invitations:
        lifecycle.check(Status(invitation.status), target, reason)
    groups: dict[tuple[str, tuple[tuple[str, Any], ...]], list[Invitation]] = defaultdict(list)
    for invitation in invitations:
        own = changes(invitation) if changes else {}
        groups[invitation.status, tuple(sorted(own.items(), key=lambda item: item[0]))].append(invitation)
    earlier = {
        one.pk: _Earlier(Status(one.status), one.reason, one.sent_day is not None) for one in invitations
    }
    for (origin, shared), members in groups.items():
        _update(members, Status(origin), {"status": target, "reason": reason, **dict(shared)})
    days = {one.pk: local_day(one.store_view, now) for one in invitations}
    _count(invitations, earlier, target, reason, days)
    if target == Status.SENT:
        for expires_at in {one.expires_at for one in invitations}:
            ids = [one.pk for one in invitations if one.expires_at == expires_at]
            blocks.note(ids, sent_at=now, expires_at=expires_at)
    InvitationEvent.objects.bulk_create(
        [
            InvitationEvent(
                invitation=invitation,
                kind=kind,
                origin=earlier[invitation.pk].status,
                target=target,
                at=now,
                day=days[invitation.pk],
                actor_kind=actor.kind,
                actor_id=actor.id,
                reason=reason,
                detail=detail(invitation) if detail else {},
            )
            for invitation in invitations
        ],
        batch_size=_AT_ONCE,
    )


def leave_many(
    ids: Collection[int],
    *,
    store_view: StoreView,
    expires_at: datetime.datetime | None,
    now: datetime.datetime,
    details: Mapping[int, Mapping[str, Any]],
) -> set[int]:
    """Move invitations of one store view that were mailed for the first time: `move` for a great many, in three statements.

    Returns the ids of those that were Not Sent with a mail on its way; the others are left for `move`, one by one.
    """
    lifecycle.check(Status.NOT_SENT, Status.SENT, Reason.HANDED_OVER)
    day = local_day(store_view, now)
    moved, made_on = statements.leave(sorted(ids), sent_at=now, sent_day=day, expires_at=expires_at)
    blocks.note(moved, sent_at=now, expires_at=expires_at)
    ledger = figures.Ledger()
    ledger.add_many(store_view.pk, figures.SENT_MAILED, event_day=day, sent_day=day, amount=len(moved))
    for made_day, amount in made_on.items():
        ledger.not_sent(store_view.pk, day=made_day, amount=-amount)
    ledger.write()
    statements.insert_events(
        moved,
        kind=EventKind.SENT,
        origin=Status.NOT_SENT,
        target=Status.SENT,
        reason=Reason.HANDED_OVER,
        actor=SYSTEM,
        at=now,
        day=day,
        details=details,
    )
    return set(moved)


def end_many(
    ids: Collection[int],
    *,
    reason: Reason,
    websites: Collection[int] | None,
    actor: Actor,
    now: datetime.datetime,
) -> Tally:
    """Discard those of these websites (None: all) that are open: `move` for a great many, in a few statements.

    Their queued mail is withdrawn. Call it inside a transaction.
    """
    days = local_days(websites, now)
    changed = statements.end(
        ids,
        origins=lifecycle.origins(Status.DISCARDED, reason),
        reason=reason,
        websites=websites,
        actor=actor,
        at=now,
        days=days,
    )
    # The invitations are locked first and the mails after them, as everybody does.
    if changed.mails:
        mail.withdraw(message_ids=changed.mails, reason=reason, now=now)
    ledger = figures.Ledger()
    for (view_id, sent_day), amount in changed.groups.items():
        ledger.add_many(
            view_id,
            f"{Status.DISCARDED}.{reason}",
            event_day=days[view_id],
            sent_day=sent_day,
            amount=amount,
        )
    ledger.write()
    return Tally.of(ids, changed)


def regroup_many(
    ids: Collection[int],
    *,
    group: CustomerGroup | None,
    websites: Collection[int] | None,
    actor: Actor,
    now: datetime.datetime,
) -> Tally:
    """Give those of these websites (None: all) that are open another group (None: as configured), in one statement."""
    changed = statements.regroup(
        ids,
        origins=OPEN,
        group_id=group.pk if group else None,
        websites=websites,
        actor=actor,
        at=now,
        days=local_days(websites, now),
    )
    return Tally.of(ids, changed)


def _update(members: list[Invitation], origin: Status, values: dict[str, Any]) -> None:
    for start in range(0, len(members), _AT_ONCE):
        part = members[start : start + _AT_ONCE]
        seen = Invitation.objects.filter(pk__in=[one.pk for one in part], status=origin)
        if seen.update(**values) != len(part):
            # Somebody was faster. The caller's transaction takes back what this one did.
            now_is = Invitation.objects.filter(pk__in=[one.pk for one in part]).exclude(status=origin).first()
            status = Status(now_is.status) if now_is else origin
            raise lifecycle.MoveNotAllowed(status=status.label, origin=status, target=values["status"])
        for one in part:
            for name, value in values.items():
                setattr(one, name, value)


@dataclass(frozen=True, slots=True)
class _Earlier:
    """What an invitation was before it moved."""

    status: Status
    reason: str
    was_sent: bool


def _count(
    invitations: Iterable[Invitation],
    earlier: Mapping[int, _Earlier],
    target: Status,
    reason: Reason,
    days: Mapping[int, datetime.date],
) -> None:
    ledger = figures.Ledger()
    for invitation in invitations:
        before, day = earlier[invitation.pk], days[invitation.pk]
        # What ended before it was ever sent was not counted for a day of sending.
        if before.status == Status.DISCARDED and before.was_sent:
            ledger.correct(invitation, f"{figures.DISCARDED}.{before.reason}", amount=-1)
        if target == Status.SENT and not before.was_sent:
            first = figures.SENT_SHARED if reason == Reason.SHARED else figures.SENT_MAILED
            ledger.add(invitation, first, day=day)
            ledger.not_sent(invitation.store_view_id, day=invitation.created_day, amount=-1)
        elif target in {Status.ACCEPTED, Status.DISCARDED}:
            ledger.add(invitation, f"{target}.{reason}", day=day)
    ledger.write()


def withdraw(invitations: Iterable[Invitation], *, reason: Reason, now: datetime.datetime) -> None:
    """Take back the mail that is on its way for these, as far as no worker holds it; call it before moving them."""
    waiting = [one for one in invitations if one.delivery in {*WAITING, Delivery.IN_DOUBT}]
    if not waiting:
        return
    mail.withdraw(message_ids=[one.mail_id for one in waiting if one.mail_id], reason=reason, now=now)
    Invitation.objects.filter(pk__in=[one.pk for one in waiting]).update(delivery=Delivery.WITHDRAWN)
    for one in waiting:
        one.delivery = Delivery.WITHDRAWN
