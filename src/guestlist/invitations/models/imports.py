"""What an import is made from: the file as it was brought, and its rows on their way to invitations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import Q

from guestlist.customers.models import User
from guestlist.invitations.models.tasks import Task
from guestlist.stores.actors import ActorKind

if TYPE_CHECKING:
    from guestlist.stores.actors import Actor

PART = 256 * 1024
"""Bytes of a part of a file; the last one is shorter."""


class ImportFileQuerySet(models.QuerySet["ImportFile"]):
    """Files, narrowed."""

    def visible_to(self, actor: Actor) -> Self:
        """Keep what somebody brought; it has addresses in it, so it is nobody else's."""
        if actor.kind == ActorKind.SYSTEM:
            return self
        return self.filter(created_by=actor.id, created_by__isnull=False)


class ImportFile(models.Model):
    """A file that staff brought, as lines of text in a known or guessed encoding; gone some days after its import is over.

    In the database, because the worker that reads it may run on another machine.
    """

    id = models.BigAutoField(primary_key=True)
    name = models.CharField(max_length=200)
    # As it was brought, and as it is kept: a workbook or UTF-16 is kept as CSV in UTF-8.
    size = models.BigIntegerField()
    kept = models.BigIntegerField()
    lines = models.BigIntegerField()
    encoding = models.CharField(max_length=12)
    # The worksheet that is read, where it is a workbook, and all that can be chosen.
    sheet = models.CharField(max_length=60, blank=True)
    sheets = models.JSONField(default=list, db_default=[])
    # Its lines are only the beginning as yet: a worker makes them from the workbook that is kept beside them.
    is_workbook = models.BooleanField(default=False, db_default=False)
    # Until when a worker has it in hand, if none is killed.
    leased_until = models.DateTimeField(null=True)
    # How often a worker began with it and never came to the end of it, or of a piece of its rows.
    begun = models.PositiveSmallIntegerField(default=0, db_default=0)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField()
    task = models.OneToOneField(Task, models.SET_NULL, null=True, related_name="file")

    objects = ImportFileQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name


class ImportPart(models.Model):
    """A part of a file, so that no more than that is ever in memory.

    Of its lines from number 0 on; of the workbook that they are still to be made from, from -1 down.
    """

    pk = models.CompositePrimaryKey("file", "number")
    file = models.ForeignKey(ImportFile, models.CASCADE, related_name="parts", db_index=False)
    number = models.IntegerField()
    data = models.BinaryField()

    def __str__(self) -> str:
        return f"{self.file_id}: {self.number}"


class ImportRow(models.Model):
    """A row of a file that is imported, by the number that a spreadsheet shows beside it, and what is to become of it.

    Plain numbers in the place of foreign keys: a million rows are written at once, and what they name is looked up again
    when they are imported. ``verdict`` is why it is not imported; empty is that it is.
    """

    pk = models.CompositePrimaryKey("task", "number")
    task = models.ForeignKey(
        Task, models.CASCADE, related_name="import_rows", db_index=False, db_constraint=False
    )
    number = models.BigIntegerField()
    public_id = models.UUIDField(null=True)
    website_id = models.BigIntegerField(null=True)
    store_view_id = models.BigIntegerField(null=True)
    inviter_id = models.BigIntegerField(null=True)
    occasion_id = models.BigIntegerField(null=True)
    group_id = models.BigIntegerField(null=True)
    # Of rows that are sound in themselves alone: only those can make another one the second of its kind.
    address_hash = models.BinaryField(max_length=16, null=True)
    repeat = models.PositiveSmallIntegerField(default=0)
    verdict = models.CharField(max_length=20, blank=True)
    typed = models.CharField(max_length=254, blank=True)
    normalized = models.CharField(max_length=254, blank=True)
    name = models.CharField(max_length=60, blank=True)
    message = models.TextField(blank=True)

    class Meta:
        indexes = (
            models.Index(
                fields=["task", "address_hash"],
                condition=Q(address_hash__isnull=False),
                name="guestlist_import_row_address",
            ),
            models.Index(
                fields=["task", "verdict", "number"],
                condition=Q(verdict__gt=""),
                name="guestlist_import_row_refused",
            ),
        )

    def __str__(self) -> str:
        return f"{self.task_id}: {self.number}"
