"""Keeping the files that people are to be imported from."""

from __future__ import annotations

import copy
import io
import logging
import tempfile
from contextlib import suppress
from datetime import timedelta
from typing import IO, TYPE_CHECKING, BinaryIO, cast

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from guestlist.invitations.actions import tasks
from guestlist.invitations.imports import columns, files, sources, workbooks
from guestlist.invitations.imports.files import EmptyFile, FileTooLarge, UnusableFile
from guestlist.invitations.models import ImportFile, ImportPart, ImportRow, Task, TaskKind, TaskState
from guestlist.invitations.models.imports import PART
from guestlist.stores.actors import SYSTEM, ActorKind, NotPermitted, Permission

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterator

    from guestlist.stores.actors import Actor

log = logging.getLogger(__name__)

KEPT = timedelta(days=14)
"""For how long after its end the file and the rows of an import can be looked at; those have addresses in them."""
RESTING = timedelta(days=30)
"""For how long an import may stand still, paused or failed."""
UNUSED = timedelta(days=2)
"""For how long a file is kept that nobody imports."""
FORGOTTEN_AT_ONCE = 5_000
UNUSED_EACH = 3
"""Files that nobody imports yet which one person can have; another one takes the place of the oldest."""
_IN_MEMORY = 8 * 1024 * 1024
_LOOKED_AT = 12 * 1024 * 1024
"""Bytes of XML of a sheet, and of its texts, that are read while somebody waits."""
_FIRST = 201
"""Rows that a beginning has: as many as columns are guessed by, and the one with their names."""


class NoSheets(UnusableFile):
    """A sheet was named, but it is no workbook."""

    code = "no_sheets"
    message = _("This file is no workbook, so it has no sheets.")


def keep_file(
    *, file: BinaryIO, name: str, size: int, actor: Actor, now: datetime.datetime, sheet: str = ""
) -> ImportFile:
    """Keep a file that people are to be imported from, whole or not at all; of somebody's unused ones the oldest goes.

    Text is kept as lines. Of a workbook the first rows of a sheet are, by its name or the first one, and the workbook
    itself: a worker reads the rest of it once there is a task (`converting`).

    :raises NotPermitted: when the actor may import nowhere.
    :raises UnusableFile: when it is none that people can be imported from, as far as it is read; the subclass says why.
    :raises UnknownSheet: when it has no such sheet.
    """
    allowed = actor.website_ids(Permission.IMPORT)
    if allowed is not None and not allowed:
        raise NotPermitted
    if size > files.MAX_BYTES:
        raise FileTooLarge(megabytes=files.MAX_BYTES // 1024**2)
    if not size:
        raise EmptyFile
    kept = ImportFile(
        name=name.replace("\x00", "")[-200:],
        size=size,
        is_workbook=files.is_workbook(file),
        created_by_id=actor.id if actor.kind == ActorKind.STAFF else None,
        created_at=now,
    )
    if sheet and not kept.is_workbook:
        raise NoSheets
    # Read to the end before the transaction begins: on SQLite that is the only one that may write meanwhile.
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as held:
        lines = _begun(kept, file, sheet) if kept.is_workbook else files.opened(file)
        for piece in lines.bytes:
            held.write(piece)
        held.seek(0)
        with transaction.atomic():
            _write(kept, lines, held)
            if kept.is_workbook:
                file.seek(0)
                for number, data in enumerate(_pieces(file)):
                    ImportPart.objects.create(file=kept, number=-1 - number, data=data)
            columns.guessed(kept)  # or it has no row, or too many columns
            _make_room(kept)
    log.info("import file kept id=%s bytes=%s actor=%s", kept.pk, size, actor)
    return kept


def choose_sheet(*, file: ImportFile, sheet: str) -> None:
    """Read the beginning of another sheet of a workbook that is kept, in the place of the one before.

    :raises UnusableFile: when that has no row, or too many columns; it stays the one before then.
    :raises UnknownSheet: when there is no such sheet.
    """
    chosen = copy.copy(file)
    source = cast("BinaryIO", io.BufferedReader(sources.Kept(file.pk, file.size), sources.AT_ONCE))
    lines = _begun(chosen, source, sheet)
    data = io.BytesIO(b"".join(lines.bytes))
    with transaction.atomic():
        # Whoever gives it to an import at this moment waits, or was faster: its lines are the worker's then.
        if not ImportFile.objects.select_for_update().filter(pk=file.pk, task=None).exists():
            return
        ImportPart.objects.filter(file=file.pk, number__gte=0).delete()
        _write(chosen, lines, data)
        columns.guessed(chosen)
    file.sheet, file.encoding = chosen.sheet, chosen.encoding


def _begun(kept: ImportFile, file: BinaryIO, sheet: str) -> files.Lines:
    """Return the first rows of a workbook's sheet as lines, and note which sheets there are."""
    worksheet = workbooks.opened(file, sheet=sheet, most=_LOOKED_AT)
    kept.sheet, kept.sheets = worksheet.name, worksheet.names
    lines = files.Lines(iter(()))
    lines.bytes = sources.as_lines(sources.beginning(worksheet.rows, most=_FIRST), lines)
    return lines


def _write(kept: ImportFile, lines: files.Lines, held: IO[bytes]) -> None:
    kept.encoding = lines.encoding
    # Of a workbook nobody knows before it is read.
    kept.kept, kept.lines = (0, 0) if kept.is_workbook else (lines.size, lines.lines)
    kept.save()
    for number, data in enumerate(_pieces(held)):
        ImportPart.objects.create(file=kept, number=number, data=data)


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    while piece := file.read(PART):
        yield piece


def _make_room(kept: ImportFile) -> None:
    if kept.created_by_id is not None:
        unused = ImportFile.objects.filter(task=None, created_by=kept.created_by_id).order_by("-pk")
        old = list(unused.values_list("pk", flat=True)[UNUSED_EACH:])
        ImportFile.objects.filter(pk__in=old, task=None).delete()


def forget_old(*, now: datetime.datetime) -> int:
    """Delete what is not needed any more of files and their rows, some at a time; returns how many rows.

    What nobody resumed for a month is given up.
    """
    resting = Task.objects.filter(kind=TaskKind.IMPORT, state__in=(TaskState.PAUSED, TaskState.FAILED))
    for task in resting.filter(touched_at__lt=now - RESTING):
        with suppress(tasks.TaskIsOver):
            tasks.stop(task=task, actor=SYSTEM, now=now)
    # As a list: joined with it, PostgreSQL may go through all rows.
    over = list(
        Task.objects.filter(kind=TaskKind.IMPORT, ended_at__lt=now - KEPT).values_list("pk", flat=True)
    )
    ImportFile.objects.filter(task=None, created_at__lt=now - UNUSED).delete()
    ImportFile.objects.filter(task__in=over).delete()
    rows = ImportRow.objects.filter(task__in=over).order_by("task", "number")
    ids = list(rows.values_list("task", "number")[:FORGOTTEN_AT_ONCE])
    for task_id in sorted({one for one, _number in ids}):
        last = max(number for one, number in ids if one == task_id)
        ImportRow.objects.filter(task=task_id, number__lte=last).delete()
    return len(ids)
