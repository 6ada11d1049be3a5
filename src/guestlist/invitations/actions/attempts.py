"""Counting how often a piece of an import's file was begun and never ended: one that kills its worker is not tried for ever.

A worker that dies leaves no other trace, and the first thing that it does when it is started again is that piece.
"""

from __future__ import annotations

import datetime
import logging

from django.db import transaction

from guestlist.invitations.models import ImportFile, Task, TaskKind, TaskState

log = logging.getLogger(__name__)

AT_MOST = 3
"""How often a piece is begun that never ends."""
KILLED = "killed_its_worker"
"""The problem of a task that was begun that often."""
_LATELY = datetime.timedelta(seconds=10)


def begin(task: Task, *, now: datetime.datetime) -> bool:
    """Count that a piece is begun, before its transaction; False when it was that often already, and the task failed."""
    if not _counts(task):
        return True
    with transaction.atomic():
        # Who does a piece has the row in hand.
        file = ImportFile.objects.select_for_update(skip_locked=True).filter(task=task.pk).first()
        if file is None:
            return True
        # Several workers that count at one moment are none that were killed: pieces end meanwhile.
        if file.begun < AT_MOST or task.touched_at > now - _LATELY:
            ImportFile.objects.filter(pk=file.pk).update(begun=min(file.begun + 1, AT_MOST))
            return True
        ImportFile.objects.filter(pk=file.pk).update(begun=0)
    # Afterwards: a piece has the task in hand first and the file then.
    Task.objects.under_way().filter(pk=task.pk).update(state=TaskState.FAILED, problem=KILLED)
    log.error("task failed id=%s problem=%s", task.pk, KILLED)
    return False


def end(task: Task) -> None:
    """Count from nothing again, if the transaction of the piece comes to its end; until then nobody else counts."""
    if _counts(task):
        ImportFile.objects.filter(task=task.pk).update(begun=0)


def _counts(task: Task) -> bool:
    return task.kind == TaskKind.IMPORT and task.state == TaskState.PREPARING
