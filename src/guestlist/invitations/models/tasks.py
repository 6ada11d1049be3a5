"""Work on many invitations that goes on in the background: what it is, how far it is, and on which rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import Q
from django.utils.translation import pgettext_lazy

from guestlist.customers.models import User
from guestlist.invitations.models.invitations import Invitation
from guestlist.stores.actors import ActorKind, Permission
from guestlist.stores.models import Website

if TYPE_CHECKING:
    from guestlist.stores.actors import Actor


class TaskKind(models.TextChoices):
    """What is done to many."""

    DISCARD = "discard", pgettext_lazy("task", "Discard invitations")
    SEND = "send", pgettext_lazy("task", "Send invitations")
    CHANGE_GROUP = "change_group", pgettext_lazy("task", "Change the group of invitations")
    IMPORT = "import", pgettext_lazy("task", "Import invitations")


NEEDED: dict[TaskKind, tuple[Permission, ...]] = {
    TaskKind.DISCARD: (Permission.DISCARD,),
    TaskKind.SEND: (Permission.SEND, Permission.RESEND),
    TaskKind.CHANGE_GROUP: (Permission.ADD,),
    TaskKind.IMPORT: (Permission.IMPORT,),
}
"""The permissions of which each kind needs at least one."""


class TaskState(models.TextChoices):
    """Where a task is; the comments give the moves."""

    PREPARING = "preparing", pgettext_lazy("task", "Being prepared")
    """What it is about is being written down. → Ready, Done (about nothing), Stopped, Failed."""
    READY = "ready", pgettext_lazy("task", "To be confirmed")
    """→ Running, Stopped."""
    RUNNING = "running", pgettext_lazy("task", "Running")
    """→ Paused, Stopped, Done, Failed."""
    PAUSED = "paused", pgettext_lazy("task", "Paused")
    """→ Running, Stopped."""
    STOPPED = "stopped", pgettext_lazy("task", "Stopped")
    """By somebody; final."""
    DONE = "done", pgettext_lazy("task", "Done")
    """Final."""
    FAILED = "failed", pgettext_lazy("task", "Failed")
    """By a mistake of ours. → Preparing or Running (tried again), Stopped."""


class TaskQuerySet(models.QuerySet["Task"]):
    """Tasks, narrowed."""

    def visible_to(self, actor: Actor) -> Self:
        """Keep those of websites where a staff member may do the same, and their own as long as they see the website.

        Those of several websites are seen by whoever may do the same everywhere, and by who asked for it.
        """
        if actor.kind == ActorKind.SYSTEM:
            return self
        if actor.kind != ActorKind.STAFF:
            return self.none()
        seen = actor.website_ids(Permission.VIEW)
        visible = Q(created_by=actor.id, created_by__isnull=False)
        if seen is not None:
            visible &= Q(website=None) | Q(website__in=seen)
        for kind, permissions in NEEDED.items():
            for permission in permissions:
                allowed = actor.website_ids(permission)
                visible |= Q(kind=kind) if allowed is None else Q(kind=kind, website__in=allowed)
        return self.filter(visible)

    def under_way(self) -> Self:
        """Keep those that a worker has something to do for."""
        return self.filter(state__in=(TaskState.PREPARING, TaskState.RUNNING))


class Task(models.Model):
    """Something that is done to many invitations, piece by piece: done + the sum of skipped = total when it is over.

    ``cursor`` is the key up to which it is prepared, and then done; ``settings`` say what it is about and what to do.
    ``touched_at`` is when a worker did its last piece: the one that waits longest is next. ``going_since`` and
    ``going_from`` tell how fast it is.
    """

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=12, choices=TaskKind)
    state = models.CharField(max_length=9, choices=TaskState, default=TaskState.PREPARING)
    # None of several websites.
    website = models.ForeignKey(Website, models.CASCADE, null=True, related_name="+", db_index=False)
    actor_kind = models.CharField(max_length=8, choices=ActorKind, default=ActorKind.STAFF)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField()
    confirmed_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    touched_at = models.DateTimeField()
    going_since = models.DateTimeField(null=True)
    going_from = models.BigIntegerField(default=0)
    settings = models.JSONField(default=dict)
    total = models.BigIntegerField(default=0)
    done = models.BigIntegerField(default=0)
    skipped = models.JSONField(default=dict)
    cursor = models.BigIntegerField(default=0)
    # Why it failed.
    problem = models.CharField(max_length=40, blank=True)

    objects = TaskQuerySet.as_manager()

    class Meta:
        indexes = (
            # A handful at any time.
            models.Index(
                fields=["touched_at", "id"],
                condition=Q(state__in=("preparing", "running")),
                name="guestlist_task_under_way",
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"

    @property
    def is_over(self) -> bool:
        """Whether nothing of it changes any more."""
        return self.state in {TaskState.STOPPED, TaskState.DONE}

    @property
    def left_out(self) -> int:
        """How many were skipped."""
        return sum(self.skipped.values())

    @property
    def reached(self) -> int:
        """How many were done or skipped so far."""
        return self.done + self.left_out

    @property
    def left(self) -> int:
        """How many it has still to do."""
        return max(self.total - self.reached, 0)


class TaskRow(models.Model):
    """One of the invitations that a task is about, as they were when somebody asked for it.

    The invitation without a constraint: a million of them are written down at once. ``reason`` is why it was skipped; empty
    is done, or not yet.
    """

    pk = models.CompositePrimaryKey("task", "invitation")
    task = models.ForeignKey(Task, models.CASCADE, related_name="rows", db_index=False, db_constraint=False)
    invitation = models.ForeignKey(
        Invitation, models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )
    reason = models.CharField(max_length=20, blank=True)

    class Meta:
        indexes = (
            models.Index(
                fields=["task", "reason", "invitation"],
                condition=Q(reason__gt=""),
                name="guestlist_task_row_skipped",
            ),
        )

    def __str__(self) -> str:
        return f"{self.task_id}: {self.invitation_id}"
