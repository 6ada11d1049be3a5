"""Keeping the files that people are to be imported from."""

from __future__ import annotations

import csv
import io
import logging
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, BinaryIO

from django.db import transaction

from guestlist.invitations.actions import tasks
from guestlist.invitations.imports import columns, files, workbooks
from guestlist.invitations.imports.files import EmptyFile, FileTooLarge
from guestlist.invitations.models import ImportFile, ImportPart, ImportRow, Task, TaskKind, TaskState
from guestlist.invitations.models.imports import PART
from guestlist.stores.actors import SYSTEM, ActorKind, NotPermitted, Permission

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable, Iterator

    from guestlist.stores.actors import Actor

log = logging.getLogger(__name__)

KEPT = timedelta(days=14)
"""For how long after its end the file and the rows of an import can be looked at; those have addresses in them."""
RESTING = timedelta(days=30)
"""For how long an import may stand still, paused or failed."""
UNUSED = timedelta(days=2)
"""For how long a file is kept that nobody imports."""
FORGOTTEN_AT_ONCE = 5_000


def keep_file(*, file: BinaryIO, name: str, size: int, actor: Actor, now: datetime.datetime) -> ImportFile:
    """Keep a file that people are to be imported from, as lines of text; whole, or not at all.

    :raises NotPermitted: when the actor may import nowhere.
    :raises UnusableFile: when it is none that people can be imported from; the subclass says why.
    """
    allowed = actor.website_ids(Permission.IMPORT)
    if allowed is not None and not allowed:
        raise NotPermitted
    if size > files.MAX_BYTES:
        raise FileTooLarge(megabytes=files.MAX_BYTES // 1024**2)
    if not size:
        raise EmptyFile
    sheet = ""
    if files.is_workbook(file):
        worksheet = workbooks.opened(file)
        sheet, lines = worksheet.name, files.Lines(iter(()))
        lines.bytes = _as_lines(worksheet.rows, lines)
    else:
        lines = files.opened(file)
    with transaction.atomic():
        kept = ImportFile.objects.create(
            name=name.replace("\x00", "")[-200:],
            size=size,
            kept=0,
            lines=0,
            encoding=files.UTF_8,
            sheet=sheet,
            created_by_id=actor.id if actor.kind == ActorKind.STAFF else None,
            created_at=now,
        )
        for number, data in enumerate(_parts(lines.bytes)):
            ImportPart.objects.create(file=kept, number=number, data=data)
        kept.kept, kept.lines, kept.encoding = lines.size, lines.lines, lines.encoding
        kept.save(update_fields=["kept", "lines", "encoding"])
        columns.guessed(kept)  # or it has no row, or too many columns
    log.info("import file kept id=%s bytes=%s actor=%s", kept.pk, size, actor)
    return kept


def _as_lines(rows: Iterable[tuple[int, list[str]]], lines: files.Lines) -> Iterator[bytes]:
    """Yield a sheet's rows as CSV; a row that is not there is an empty line, so that the numbers stay those of the sheet."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    last = 0
    for number, cells in rows:
        buffer.write("\n" * (number - last - 1))
        last = number
        writer.writerow(cells)
        if buffer.tell() > PART:
            data = _taken(buffer)
            lines.size += len(data)
            if lines.size > files.MAX_BYTES:
                raise FileTooLarge(megabytes=files.MAX_BYTES // 1024**2)
            yield data
    lines.lines = last
    rest = _taken(buffer)
    lines.size += len(rest)
    yield rest


def _taken(buffer: io.StringIO) -> bytes:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text.encode("utf-8", "replace")


def _parts(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Cut bytes into parts of the same size, the last one apart."""
    held = bytearray()
    for piece in pieces:
        held += piece
        while len(held) >= PART:
            yield bytes(held[:PART])
            del held[:PART]
    if held:
        yield bytes(held)


def forget_old(*, now: datetime.datetime) -> int:
    """Delete what is not needed any more of files and their rows, some at a time; returns how many rows.

    What nobody resumed for a month is given up.
    """
    resting = Task.objects.filter(kind=TaskKind.IMPORT, state__in=(TaskState.PAUSED, TaskState.FAILED))
    for task in resting.filter(touched_at__lt=now - RESTING):
        with suppress(tasks.TaskIsOver):
            tasks.stop(task=task, actor=SYSTEM, now=now)
    over = Task.objects.filter(kind=TaskKind.IMPORT, ended_at__lt=now - KEPT)
    ImportFile.objects.filter(task=None, created_at__lt=now - UNUSED).delete()
    ImportFile.objects.filter(task__in=over).delete()
    rows = ImportRow.objects.filter(task__in=over).order_by("task", "number")
    ids = list(rows.values_list("task", "number")[:FORGOTTEN_AT_ONCE])
    for task_id in sorted({one for one, _number in ids}):
        last = max(number for one, number in ids if one == task_id)
        ImportRow.objects.filter(task=task_id, number__lte=last).delete()
    return len(ids)
