"""Work in the background, piece by piece: opening it, its switches, and what a worker does of it at a time.

Each piece is one transaction in which the task's row is locked, its rows are changed and it is written down how far it is:
a worker that is killed loses nothing and does nothing twice, and any number of them may work.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from django.db import DatabaseError, InterfaceError, OperationalError, transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from guestlist.customers import grants
from guestlist.invitations.actions import attempts
from guestlist.invitations.models import NEEDED, Invitation, Task, TaskKind, TaskRow, TaskState
from guestlist.refusal import Refusal
from guestlist.stores.actors import SYSTEM, Actor, ActorKind, NotPermitted

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Collection, Mapping

    from guestlist.stores.models import Website

log = logging.getLogger(__name__)

NOT_REACHED = "not_reached"
"""Why a row was skipped: the task was stopped before it came to it."""
_LONGEST = 0.125
"""Seconds that a piece is to take: a quarter of what a transaction may, for a machine that is busy."""


class TaskIsOver(Refusal):
    """The task was stopped or done before."""

    code = "task_is_over"
    message = _("This task is over already, so nothing was changed.")


class NotReady(Refusal):
    """There is nothing to confirm: the task is still being prepared, or failed."""

    code = "task_not_ready"
    message = _("This task cannot be confirmed yet: it is not known how many it is about.")


class NotTheMaker(Refusal):
    """What a task does is done with the rights of whoever asked for it, so nobody else sets it going."""

    code = "not_the_maker"
    message = _(
        "Only whoever asked for this can let it go on: it is done with their rights and in their name."
    )


class Handler(Protocol):
    """What a kind of task does. Both change the task's total, cursor, done, skipped and settings; the caller saves it."""

    kind: TaskKind

    def prepare(self, task: Task, *, now: datetime.datetime) -> bool:
        """Write a piece down of what the task is about; true when there is more."""
        ...

    def run(self, task: Task, *, actor: Actor, now: datetime.datetime) -> bool:
        """Do a piece, with the rights that the actor has now; true when there is more."""
        ...


@dataclass(slots=True)
class Pace:
    """How much is done at a time: as much as an eighth of a second takes, as far as the last piece tells."""

    least: int
    most: int
    size: int = field(init=False)
    _began: float = 0.0

    def __post_init__(self) -> None:
        self.size = self.least

    def __enter__(self) -> int:
        """Begin a piece; returns how many it may have."""
        self._began = time.monotonic()
        return self.size

    def __exit__(self, *_failure: object) -> None:
        """Set the size of the next piece: twice as much at most."""
        took = max(time.monotonic() - self._began, 0.001)
        self.size = max(self.least, min(self.most, 2 * self.size, int(self.size * _LONGEST / took)))


def open_task(
    *,
    kind: TaskKind,
    settings: Mapping[str, Any],
    actor: Actor,
    now: datetime.datetime,
    website: Website | None = None,
) -> Task:
    """Open a task that a worker prepares; ``website`` is None where it is about several.

    :raises NotPermitted: when the actor has none of the permissions that this kind needs, there or anywhere.
    """
    _require(kind, website.pk if website else None, actor)
    task = Task.objects.create(
        kind=kind,
        website=website,
        actor_kind=actor.kind,
        created_by_id=actor.id if actor.kind == ActorKind.STAFF else None,
        created_at=now,
        touched_at=now,
        settings=dict(settings),
    )
    log.info("task opened id=%s kind=%s actor=%s", task.pk, kind, actor)
    return task


def confirm(*, task: Task, actor: Actor, now: datetime.datetime) -> bool:
    """Let a prepared task begin; returns False when somebody did before.

    :raises NotPermitted: when the actor may not.
    :raises NotTheMaker: when somebody else asked for it.
    :raises NotReady: when it is still being prepared, or failed.
    :raises TaskIsOver: when it was given up.
    """
    _require_maker(task, actor)
    changes = {"state": TaskState.RUNNING, "confirmed_at": now, "touched_at": now, "going_since": now}
    if _switched(task, "confirmed", actor, Q(state=TaskState.READY), **changes):
        return True
    if task.confirmed_at is None:
        raise NotReady
    return False


def pause(*, task: Task, actor: Actor, now: datetime.datetime) -> bool:  # noqa: ARG001 - as its sisters
    """Let no worker do more of a running task until it is resumed; returns False when it is not running.

    :raises NotPermitted: when the actor may not.
    :raises TaskIsOver: when it is over.
    """
    return _switched(task, "paused", actor, Q(state=TaskState.RUNNING), state=TaskState.PAUSED)


def resume(*, task: Task, actor: Actor, now: datetime.datetime) -> bool:
    """Let a paused task go on, and try a failed one again; returns False when it is neither.

    :raises NotPermitted: when the actor may not.
    :raises NotTheMaker: when somebody else asked for it.
    :raises TaskIsOver: when it is over.
    """
    _require_maker(task, actor)
    going = {"problem": "", "touched_at": now, "going_since": now, "going_from": task.reached}
    can_go_on = Q(state__in=(TaskState.PAUSED, TaskState.FAILED))
    if _switched(task, "resumed", actor, can_go_on & ~Q(confirmed_at=None), state=TaskState.RUNNING, **going):
        return True
    return _switched(
        task, "resumed", actor, can_go_on & Q(confirmed_at=None), state=TaskState.PREPARING, **going
    )


@transaction.atomic
def stop(*, task: Task, actor: Actor, now: datetime.datetime) -> bool:
    """End a task for good, also one that nobody confirmed: what was done stays; returns False when it was stopped before.

    :raises NotPermitted: when the actor may not.
    :raises TaskIsOver: when it was done before.
    """
    # A worker that is at it comes to the end of its piece first.
    fresh = Task.objects.select_for_update().get(pk=task.pk)
    _require_switchable(fresh, actor)
    if fresh.state == TaskState.STOPPED:
        task.refresh_from_db()
        return False
    if fresh.is_over:
        raise TaskIsOver
    if fresh.left:
        fresh.skipped = {**fresh.skipped, NOT_REACHED: fresh.left}
    fresh.state, fresh.ended_at = TaskState.STOPPED, now
    fresh.save(update_fields=["state", "ended_at", "skipped"])
    log.info("task stopped id=%s actor=%s", fresh.pk, actor)
    task.refresh_from_db()
    return True


def work(*, handlers: Collection[Handler], clock: Callable[[], datetime.datetime]) -> bool:
    """Do one piece of the task that waits longest; true when there may be more to do.

    :raises OperationalError, InterfaceError: when the database is away or busy; the piece is done again another time.
    """
    by_kind = {one.kind: one for one in handlers}
    waiting = Task.objects.under_way().filter(kind__in=list(by_kind)).order_by("touched_at", "pk")
    waiting = waiting.exclude(file__is_workbook=True)  # `converting` makes lines of it first
    # Asked first without a lock: on SQLite each transaction that may write waits for its turn.
    first = waiting.first()
    if first is None:
        return False
    if not attempts.begin(first, now=clock()):
        return True
    task: Task | None = None
    try:
        with transaction.atomic():
            task = waiting.select_for_update(skip_locked=True, of=("self",)).first()
            if task is None:
                return False  # others have them all in hand
            attempts.end(task)
            _do_piece(task, by_kind[TaskKind(task.kind)], clock)
    except (OperationalError, InterfaceError):
        if task is not None:
            with suppress(DatabaseError):
                # So that others have their turn, should it be this one's fault.
                Task.objects.filter(pk=task.pk).update(touched_at=clock())
        raise
    except Exception as mistake:
        if task is None:
            raise
        log.exception("task failed id=%s kind=%s", task.pk, task.kind)
        Task.objects.under_way().filter(pk=task.pk).update(
            state=TaskState.FAILED, problem=type(mistake).__name__[:40]
        )
    return True


def _do_piece(task: Task, handler: Handler, clock: Callable[[], datetime.datetime]) -> None:
    now = clock()
    if task.state == TaskState.PREPARING:
        if not handler.prepare(task, now=now):
            # Nothing is to be confirmed where there is nothing left to do.
            task.state = TaskState.READY if task.left else TaskState.DONE
            task.cursor = 0
    elif not handler.run(task, actor=actor_of(task), now=now):
        task.state = TaskState.DONE
    task.touched_at = clock()
    if task.state == TaskState.DONE:
        task.ended_at = task.touched_at
        log.info("task done id=%s done=%s skipped=%s", task.pk, task.done, task.skipped)
    task.save(
        update_fields=[
            "state",
            "settings",
            "total",
            "done",
            "skipped",
            "cursor",
            "touched_at",
            "ended_at",
            "website",
        ]
    )


def actor_of(task: Task) -> Actor:
    """Return whoever made the task, with the rights of now; who is gone has none."""
    if task.actor_kind == ActorKind.SYSTEM:
        return SYSTEM
    return grants.actor_of(task.created_by) if task.created_by else Actor(ActorKind.STAFF)


def skip(task: Task, reasons: Mapping[int, str]) -> None:
    """Count invitations as skipped, and write down why, by their ids; in as many statements as there are reasons."""
    by_reason: dict[str, list[int]] = {}
    for pk, reason in reasons.items():
        by_reason.setdefault(reason, []).append(pk)
    for reason, ids in by_reason.items():
        TaskRow.objects.filter(task=task, invitation__any_of=set(ids)).update(reason=reason)
        task.skipped[reason] = task.skipped.get(reason, 0) + len(ids)


def keep(
    task: Task, ids: Collection[int], *, done: int, left: Mapping[int, str], now: datetime.datetime
) -> None:
    """Write down what became of each of a task that was done at once; ``left`` says by id why those were not done.

    It is of a website where all are of that one, so that whoever may do the same there sees it.
    """
    TaskRow.objects.bulk_create(
        TaskRow(task=task, invitation_id=pk, reason=left.get(pk, "")) for pk in sorted(ids)
    )
    websites = list(
        Invitation.objects.filter(pk__any_of=ids).values_list("website", flat=True).distinct()[:2]
    )
    task.website_id = websites[0] if len(websites) == 1 else None
    task.state, task.cursor = TaskState.DONE, max(ids, default=0)
    task.total, task.done, task.skipped = len(ids), done, dict(Counter(left.values()))
    task.confirmed_at = task.going_since = task.touched_at = task.ended_at = now
    task.save()
    log.info("task done id=%s done=%s skipped=%s", task.pk, task.done, task.skipped)


def may_switch(task: Task, actor: Actor) -> bool:
    """Tell whether the actor may pause and stop the task, which they can see."""
    try:
        _require(TaskKind(task.kind), task.website_id, actor)
    except NotPermitted:
        return False
    return True


def may_set_going(task: Task, actor: Actor) -> bool:
    """Tell whether the actor may confirm and resume the task: it is done with the rights of whoever asked for it."""
    if actor.kind == ActorKind.SYSTEM:
        return True
    is_own = task.actor_kind == ActorKind.STAFF == actor.kind and task.created_by_id == actor.id
    return is_own and may_switch(task, actor)


def _require_maker(task: Task, actor: Actor) -> None:
    _require_switchable(task, actor)
    if not may_set_going(task, actor):
        raise NotTheMaker


def _require(kind: TaskKind, website_id: int | None, actor: Actor) -> None:
    if actor.kind == ActorKind.SYSTEM:
        return
    for permission in NEEDED[kind]:
        allowed = actor.website_ids(permission)
        if allowed is None or (website_id in allowed if website_id is not None else allowed):
            return
    raise NotPermitted


def _require_switchable(task: Task, actor: Actor) -> None:
    _require(TaskKind(task.kind), task.website_id, actor)
    if not Task.objects.visible_to(actor).filter(pk=task.pk).exists():
        raise NotPermitted


def _switched(task: Task, verb: str, actor: Actor, where: Q, **changes: object) -> bool:
    _require_switchable(task, actor)
    # The condition decides between two at the same moment; the other one finds it done, or over.
    changed = Task.objects.filter(where, pk=task.pk).update(**changes)
    task.refresh_from_db()
    if changed:
        log.info("task %s id=%s actor=%s", verb, task.pk, actor)
    elif task.is_over:
        raise TaskIsOver
    return bool(changed)
