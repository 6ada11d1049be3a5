"""What is done to many invitations: to all that match a filter, or to those selected; as a task that tells of each row.

More than a request takes, and all that match, are done in the background.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from guestlist.customers.models import CustomerGroup, User
from guestlist.invitations import finding, parts
from guestlist.invitations.actions import batches, closing, moves, snapshots, tasks
from guestlist.invitations.actions.batches import Sent
from guestlist.invitations.actions.moves import Tally
from guestlist.invitations.actions.snapshots import Snapshot
from guestlist.invitations.config import Invitations
from guestlist.invitations.filters import Filter
from guestlist.invitations.finding import Search
from guestlist.invitations.lifecycle import Reason
from guestlist.invitations.models import Invitation, Task, TaskKind, TaskRow, TaskState
from guestlist.mail.config import Delivery
from guestlist.mail.models import Send
from guestlist.refusal import Refusal
from guestlist.stores import config
from guestlist.stores.actors import ActorKind, NotPermitted, Permission
from guestlist.stores.models import StoreView, Website

if TYPE_CHECKING:
    import datetime
    from collections.abc import Collection, Mapping, Sequence

    from guestlist.stores.actors import Actor

GROUP, SENDS = "group", "sends"
"""In a task's settings: the id of the group to give (None: as configured); the ids of its sends, by store view."""
GROUP_GONE = "group_gone"
"""Why a row was skipped: the group to give is there no more."""
IDS = "ids"
"""In a task's settings: what tells one selection by hand from another."""
_PRESSED_TWICE = timedelta(minutes=1)


class NothingSelected(Refusal):
    """There is nothing that the task could be about."""

    code = "nothing_selected"
    message = _("No invitation matches any more, so there is nothing to do.")


@transaction.atomic
def change_group(
    *, ids: Collection[int], group: CustomerGroup | None, actor: Actor, now: datetime.datetime
) -> Tally:
    """Give those that are open, and that the actor may add to, the group that their people get (None: as configured)."""
    websites = actor.website_ids(Permission.ADD)
    return moves.regroup_many(ids, group=group, websites=websites, actor=actor, now=now).hide(actor)


@transaction.atomic
def open_for(
    *,
    kind: TaskKind,
    chosen: Filter | None = None,
    ids: Collection[int] = (),
    group: CustomerGroup | None = None,
    actor: Actor,
    now: datetime.datetime,
) -> Task:
    """Open a task for all that match a filter, or for ids; ready to be confirmed at once where they are few.

    Who asks for the same again within a minute, and confirmed nothing yet, gets the task that there is. Days of the filter
    are those of ``now``'s time zone. ``group`` is what `TaskKind.CHANGE_GROUP` gives.

    :raises NotPermitted: when the actor may do this nowhere.
    :raises NothingSelected: when it is known at once that there are none.
    """
    handler = next(one for one in HANDLERS if one.kind == kind)
    extra: dict[str, Any] = {GROUP: group.pk if group else None} if kind == TaskKind.CHANGE_GROUP else {}
    if chosen is not None:
        extra |= snapshots.settings_of(chosen, now=now)
    else:
        extra[IDS] = _told_apart(ids)
    if (same := _asked_before(kind, extra, actor, now)) is not None:
        return same
    task = tasks.open_task(
        kind=kind,
        settings=extra,
        actor=actor,
        now=now,
        website=_website(chosen, actor) if chosen is not None else None,
    )
    if chosen is None:
        snapshots.write_ids(task, ids)
    elif _are_few(chosen, actor, now):
        while handler.prepare(task, now=now):
            if not parts.are_few():
                # More than a request goes through, they came in between: a worker writes the others down.
                task.save()
                return task
    else:
        return task
    if not task.total:
        raise NothingSelected
    task.state, task.cursor = TaskState.READY, 0
    task.save()
    return task


@transaction.atomic
def at_once(
    *,
    kind: TaskKind,
    ids: Collection[int],
    group: CustomerGroup | None = None,
    actor: Actor,
    now: datetime.datetime,
) -> Task:
    """Do it to as few as a request takes, and keep what became of each as a task that is over.

    :raises NotPermitted: when the actor may do this nowhere.
    :raises NothingSelected: when none of them is there any more, or may be seen.
    """
    if not Invitation.objects.visible_to(actor).filter(pk__any_of=set(ids)).exists():
        raise NothingSelected
    task = tasks.open_task(kind=kind, settings={IDS: _told_apart(ids)}, actor=actor, now=now)
    tally: Tally | Sent
    if kind == TaskKind.DISCARD:
        tally = closing.discard_many(ids=ids, actor=actor, now=now)
    elif kind == TaskKind.CHANGE_GROUP:
        tally = change_group(ids=ids, group=group, actor=actor, now=now)
        task.settings[GROUP] = group.pk if group else None
    else:
        tally = sent = _send(ids, actor, now)
        task.settings[SENDS] = {str(one.store_view_id): one.pk for one in sent.sends}
    tasks.keep(task, set(ids), done=tally.done, left=tally.left, now=now)
    return task


def _send(ids: Collection[int], actor: Actor, now: datetime.datetime) -> Sent:
    views = _store_views(ids)
    return batches.send_many(
        ids=ids,
        actor=actor,
        configs=config.resolve_each(Invitations, views),
        deliveries=config.resolve_each(Delivery, views),
        now=now,
    )


def _store_views(ids: Collection[int]) -> list[StoreView]:
    of_these = Invitation.objects.filter(pk__any_of=set(ids)).values("store_view")
    return list(StoreView.objects.select_related("website").filter(pk__in=of_these))


def _told_apart(ids: Collection[int]) -> str:
    return hashlib.sha256(repr(sorted(set(ids))).encode()).hexdigest()


def _asked_before(
    kind: TaskKind, settings: Mapping[str, Any], actor: Actor, now: datetime.datetime
) -> Task | None:
    """Return the task of a button that is pressed twice: what was made in between is no difference."""
    if actor.kind != ActorKind.STAFF or actor.id is None:
        return None
    # The second press waits for the first one's transaction.
    User.objects.select_for_update(no_key=True).filter(pk=actor.id).first()
    tried = Task.objects.filter(
        kind=kind,
        created_by=actor.id,
        created_at__gt=now - _PRESSED_TWICE,
        state__in=(TaskState.PREPARING, TaskState.READY),
    )
    wanted = {name: value for name, value in settings.items() if name != snapshots.UNTIL}
    return next((one for one in tried.order_by("-pk") if wanted.items() <= one.settings.items()), None)


def _website(chosen: Filter, actor: Actor) -> Website | None:
    """Return the website that a filter is about; one that may not be seen is as good as none."""
    visible = Website.objects.visible_to(actor)
    if chosen.website is not None:
        return visible.filter(pk=chosen.website).first()
    return visible.filter(store_views=chosen.store_view).first() if chosen.store_view else None


def _are_few(chosen: Filter, actor: Actor, now: datetime.datetime) -> bool:
    """Tell whether they are written down as soon as they are asked for."""
    search = Search(chosen, actor.website_ids(Permission.VIEW), now)
    return parts.are_few() or search.gathered(finding.GATHERED, with_email=False) is not None


class _OfRows:
    """What all kinds of mass actions have in common: the snapshot, and going through its rows."""

    kind: TaskKind

    def __init__(self, *, least: int, most: int) -> None:
        """Take so many at a time."""
        self._snapshot = Snapshot()
        self._pace = tasks.Pace(least=least, most=most)

    def prepare(self, task: Task, *, now: datetime.datetime) -> bool:  # noqa: ARG002 - as the protocol has it
        """Write down what the task is about."""
        return self._snapshot.take(task)

    def run(self, task: Task, *, actor: Actor, now: datetime.datetime) -> bool:
        """Do the next ones, each with a verdict of this moment."""
        with self._pace as size:
            rows = TaskRow.objects.filter(task=task, invitation__gt=task.cursor).order_by("invitation")
            ids = list(rows.values_list("invitation", flat=True)[:size])
            if not ids:
                return False
            done, left = self._do(task, ids, actor, now)
            tasks.skip(task, left)
        task.done += done
        task.cursor = ids[-1]
        return len(ids) == size

    def _do(
        self, task: Task, ids: Sequence[int], actor: Actor, now: datetime.datetime
    ) -> tuple[int, dict[int, str]]:
        """Do these; returns how many were done, and why each of the others was not."""
        raise NotImplementedError


class Discarding(_OfRows):
    """Discards what is still open."""

    kind = TaskKind.DISCARD

    def _do(
        self,
        task: Task,  # noqa: ARG002
        ids: Sequence[int],
        actor: Actor,
        now: datetime.datetime,
    ) -> tuple[int, dict[int, str]]:
        websites = actor.website_ids(Permission.DISCARD)
        tally = moves.end_many(ids, reason=Reason.STAFF, websites=websites, actor=actor, now=now)
        return tally.done, tally.left


class Regrouping(_OfRows):
    """Gives what is still open another group."""

    kind = TaskKind.CHANGE_GROUP

    def _do(
        self, task: Task, ids: Sequence[int], actor: Actor, now: datetime.datetime
    ) -> tuple[int, dict[int, str]]:
        group = CustomerGroup.objects.filter(pk=task.settings[GROUP]).first()
        if group is None and task.settings[GROUP] is not None:
            return 0, dict.fromkeys(ids, GROUP_GONE)
        websites = actor.website_ids(Permission.ADD)
        tally = moves.regroup_many(ids, group=group, websites=websites, actor=actor, now=now)
        return tally.done, tally.left


class Sending(_OfRows):
    """Sends, or sends again, in one send for each store view: its id is kept, so that the next piece joins it."""

    kind = TaskKind.SEND

    def _do(
        self, task: Task, ids: Sequence[int], actor: Actor, now: datetime.datetime
    ) -> tuple[int, dict[int, str]]:
        views = _store_views(ids)
        begun: dict[str, int] = task.settings.get(SENDS, {})
        sends = Send.objects.in_bulk(begun.values())
        sent = batches.send_many(
            ids=ids,
            actor=actor,
            configs=config.resolve_each(Invitations, views),
            deliveries=config.resolve_each(Delivery, views) if task.total > batches.SINGLE_UP_TO else None,
            joined={int(view): sends[pk] for view, pk in begun.items() if pk in sends},
            now=now,
        )
        task.settings[SENDS] = begun | {str(one.store_view_id): one.pk for one in sent.sends}
        # Those of websites where the right is gone were there when somebody asked.
        gone = (pk for pk, code in sent.left.items() if code == moves.NOT_FOUND)
        hidden = Invitation.objects.filter(pk__any_of=set(gone)).values_list("pk", flat=True)
        return sent.done, sent.left | dict.fromkeys(hidden, NotPermitted.code)


HANDLERS: tuple[_OfRows, ...] = (
    Discarding(least=200, most=5_000),
    Sending(least=50, most=1_000),
    Regrouping(least=200, most=5_000),
)
"""What is done to rows of a snapshot."""
