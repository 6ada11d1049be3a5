"""Turning the workbooks that were brought into lines of text: by a worker, and outside of any transaction.

A workbook is read from its beginning to its end, so this cannot be done piece by piece like the rest of an import. One
worker has it in hand by a lease, which it prolongs all the time; of one that is killed another takes it over a minute later.
"""

from __future__ import annotations

import datetime
import io
import logging
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, cast

from django.db import DatabaseError, InterfaceError, OperationalError, transaction
from django.db.models import F, Q

from guestlist.invitations.actions import attempts
from guestlist.invitations.imports import files, sources, workbooks
from guestlist.invitations.imports.files import UnusableFile
from guestlist.invitations.models import ImportFile, ImportPart, Task, TaskState

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)

LEASE = datetime.timedelta(minutes=1)
_EVERY = 1.0
"""Seconds after which the lease is prolonged, and it is told how far it is."""


class _LetGo(Exception):  # noqa: N818 - no error
    """It is not to go on: the worker stops, the task was stopped, or another worker has it."""


def work(*, clock: Callable[[], datetime.datetime], stopping: Callable[[], bool]) -> bool:
    """Read the workbook whose task waits longest into lines; true when there was one.

    :raises OperationalError, InterfaceError: when the database is away or busy; it is begun anew another time.
    """
    file = _taken(clock())
    if file is None:
        return False
    if file.begun > attempts.AT_MOST:
        _fail(file, attempts.KILLED)
        return True
    try:
        _convert(file, clock, stopping)
    except _LetGo:
        _put_back(file)
    except UnusableFile as refusal:
        _fail(file, refusal.code)
    except (OperationalError, InterfaceError):
        with suppress(DatabaseError):
            _put_back(file)
        raise
    except Exception as mistake:
        log.exception("workbook failed id=%s", file.pk)
        _fail(file, type(mistake).__name__[:40])
    return True


def _taken(now: datetime.datetime) -> ImportFile | None:
    free = ImportFile.objects.filter(Q(leased_until=None) | Q(leased_until__lt=now), is_workbook=True)
    file = free.filter(task__state=TaskState.PREPARING).order_by("task__touched_at", "pk").first()
    if file is None:
        return None
    # The condition decides between two at the same moment; it counts before it begins, should it kill its worker.
    file.leased_until = now + LEASE
    if not free.filter(pk=file.pk).update(leased_until=file.leased_until, begun=F("begun") + 1):
        return None
    file.begun += 1
    return file


def _convert(file: ImportFile, clock: Callable[[], datetime.datetime], stopping: Callable[[], bool]) -> None:
    lines = files.Lines(iter(()))
    beat = _Beat(file, lines, clock, stopping)
    source = cast("BinaryIO", io.BufferedReader(sources.Kept(file.pk, file.size), sources.AT_ONCE))
    sheet = workbooks.opened(source, sheet=file.sheet, beat=beat)
    # The beginning that was shown, or what somebody left who was killed.
    ImportPart.objects.filter(file=file, number__gte=0).delete()
    for number, data in enumerate(sources.parts(sources.as_lines(sheet.rows, lines))):
        ImportPart.objects.create(file=file, number=number, data=data)
    with transaction.atomic():
        beat.prolong()
        ImportFile.objects.filter(pk=file.pk).update(
            kept=lines.size, lines=lines.lines, is_workbook=False, leased_until=None, begun=0
        )
        ImportPart.objects.filter(file=file, number__lt=0).delete()
    log.info("workbook read id=%s task=%s rows=%s", file.pk, file.task_id, lines.lines)


@dataclass(slots=True)
class _Beat:
    """Prolongs the lease every second while a workbook is read, and ends the reading where it is not to go on."""

    file: ImportFile
    lines: files.Lines
    clock: Callable[[], datetime.datetime]
    stopping: Callable[[], bool]
    due: float = field(default_factory=lambda: time.monotonic() + _EVERY)

    def __call__(self) -> None:
        if self.stopping():
            raise _LetGo
        if time.monotonic() >= self.due:
            self.prolong()
            self.due = time.monotonic() + _EVERY

    def prolong(self) -> None:
        """Prolong it and tell how far it is.

        :raises _LetGo: when it is another worker's by now, or the task was stopped.
        """
        until = self.clock() + LEASE
        if not Task.objects.filter(file=self.file.pk, state=TaskState.PREPARING).exists() or not (
            ImportFile.objects.filter(pk=self.file.pk, leased_until=self.file.leased_until).update(
                leased_until=until, lines=self.lines.lines
            )
        ):
            raise _LetGo
        self.file.leased_until = until


def _put_back(file: ImportFile) -> None:
    mine = ImportFile.objects.filter(pk=file.pk, leased_until=file.leased_until)
    mine.update(leased_until=None, begun=F("begun") - 1)


def _fail(file: ImportFile, problem: str) -> None:
    with transaction.atomic():
        ImportFile.objects.filter(pk=file.pk).update(leased_until=None, begun=0)
        Task.objects.filter(file=file.pk, state=TaskState.PREPARING).update(
            state=TaskState.FAILED, problem=problem
        )
    log.warning("workbook cannot be read id=%s task=%s problem=%s", file.pk, file.task_id, problem)
