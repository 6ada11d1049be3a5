"""Imports a file into the database that the environment names, then writes the same rows in other ways; prints JSON.

python -m bench.taking ROWS
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
from typing import TYPE_CHECKING, Any, BinaryIO

from bench import filling

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.db.models import Model

    from guestlist.invitations.models import Task

_DOMAINS = 5_000
_REPEATED = 50
"""Every so many rows one stands twice."""
_BY_BULK = 5
"""bulk_create gets one row of so many, and a rate."""
_AT_ONCE = 2_000


def main() -> None:
    """Measure, and print."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "guestlist.settings")
    import django

    django.setup()
    json.dump(measured(int(sys.argv[1])), sys.stdout)


def measured(rows: int) -> dict[str, Any]:
    """Import so many rows; returns seconds, and how much memory it took."""
    from django.db import connection
    from django.utils import timezone

    from guestlist.invitations.actions import tasks

    view = filling.store_view(built_in=True, now=timezone.now())
    with tempfile.TemporaryFile() as file:
        _write(file, rows)
        task, keep_s = _timed(lambda: _opened(file, view.pk))
    memory: list[float] = []
    longest: list[float] = []
    begun = time.monotonic()
    _work(task, longest, memory)
    try_s = time.monotonic() - begun
    tasks.confirm(task=task, actor=_system(), now=timezone.now())
    begun = time.monotonic()
    _work(task, longest, memory)
    import_s = time.monotonic() - begun
    found: dict[str, Any] = {
        "new": task.done,
        "keep_s": keep_s,
        "try_s": try_s,
        "import_s": import_s,
        "growth_mb": memory[-1] - memory[min(3, len(memory) - 1)],
        "longest_s": max(longest),
    }
    if connection.vendor == "postgresql":
        found["copy_s"] = _copied()
    found["bulk_rate"] = _by_bulk(view.pk, max(rows // _BY_BULK, 1_000))
    return found


def _system() -> Any:  # noqa: ANN401 - known once Django is
    from guestlist.stores.actors import SYSTEM

    return SYSTEM


def _write(file: BinaryIO, rows: int) -> None:
    file.write(b"E-mail;Name;Message\r\n")
    for number in range(rows):
        who = number - 1 if number % _REPEATED == 1 else number
        line = f"guest.{who}@shop{who * 7919 % _DOMAINS}.example;Zoë van den Berg {who};Come and see the new wool\r\n"
        file.write(line.encode())


def _timed[T](do: Callable[[], T]) -> tuple[T, float]:
    begun = time.monotonic()
    done = do()
    return done, time.monotonic() - begun


def _opened(file: BinaryIO, view_id: int) -> Task:
    from django.utils import timezone

    from guestlist.invitations.actions import import_files, importing
    from guestlist.invitations.imports import columns
    from guestlist.invitations.imports.plans import Plan
    from guestlist.stores.models import StoreView

    now, size = timezone.now(), file.tell()
    kept = import_files.keep_file(file=file, name="guests.csv", size=size, actor=_system(), now=now)
    layout = columns.guessed(kept)
    plan = Plan(layout, columns.sample(kept, layout).width, view_id, when="now", basis="consent")
    view = StoreView.objects.select_related("website").get(pk=view_id)
    return importing.open_import(file=kept, plan=plan, store_view=view, actor=_system(), now=now)


def _work(task: Task, longest: list[float], memory: list[float]) -> None:
    from django.utils import timezone

    from guestlist.invitations.actions import tasks
    from guestlist.worker.jobs import HANDLERS

    task.refresh_from_db()
    state = task.state
    while task.state == state:
        _more, took = _timed(lambda: tasks.work(handlers=HANDLERS, clock=timezone.now))
        longest.append(took)
        memory.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        task.refresh_from_db()


def _tables() -> list[type[Model]]:
    from guestlist.invitations.models import Invitation, InvitationAddress, InvitationEvent, InvitationNote
    from guestlist.mail.models import Message

    return [Invitation, InvitationAddress, InvitationNote, InvitationEvent, Message]


def _copied() -> float:
    """Take the rows out, empty the tables, and COPY them in again as they were, in one transaction; returns seconds."""
    from django.db import connection, transaction

    connection.ensure_connection()
    names = [model._meta.db_table for model in _tables()]
    with tempfile.TemporaryDirectory() as folder, connection.cursor() as cursor:
        for name in names:
            with open(f"{folder}/{name}", "wb") as file, cursor.copy(f"COPY {name} TO STDOUT") as copy:  # noqa: PTH123 - a name
                file.writelines(copy)
        _empty()
        cursor.execute("CHECKPOINT")
        begun = time.monotonic()
        with transaction.atomic():
            for name in names:
                with open(f"{folder}/{name}", "rb") as file, cursor.copy(f"COPY {name} FROM STDIN") as copy:  # noqa: PTH123
                    while data := file.read(256 * 1024):
                        copy.write(data)
        return time.monotonic() - begun


def _empty() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"TRUNCATE {', '.join(model._meta.db_table for model in _tables())} CASCADE")
        else:
            for model in reversed(_tables()):
                cursor.execute(f"DELETE FROM {model._meta.db_table}")


def _by_bulk(view_id: int, rows: int) -> float:
    """Write so many of the same rows as objects, ignoring conflicts; returns how many a second."""
    from django.db import transaction
    from django.utils import timezone

    from guestlist.mail.actions import current_version
    from guestlist.mail.models import SenderIdentity
    from guestlist.stores.models import StoreView

    _empty()
    view = StoreView.objects.get(pk=view_id)
    sender, version = SenderIdentity.objects.get(website=view.website_id), current_version("invitation")
    now = timezone.now()
    begun = time.monotonic()
    for start in range(0, rows, _AT_ONCE):
        with transaction.atomic():
            for model, made in _objects(
                range(start, min(start + _AT_ONCE, rows)), view, sender, version, now
            ):
                model.objects.bulk_create(made, ignore_conflicts=True)
    return rows / (time.monotonic() - begun)


def _objects(numbers: range, view: Any, sender: Any, version: Any, now: Any) -> list[tuple[Any, list[Any]]]:  # noqa: ANN401
    from guestlist import addresses
    from guestlist.invitations.models import Invitation, InvitationAddress, InvitationEvent, InvitationNote
    from guestlist.mail.models import Message

    texts = {one + 1: f"guest.{one}@shop{one * 7919 % _DOMAINS}.example" for one in numbers}
    hashes = {pk: addresses.hash_of(text) for pk, text in texts.items()}
    return [
        (
            Invitation,
            [
                Invitation(
                    pk=pk,
                    website_id=view.website_id,
                    store_view=view,
                    address_hash=hashed,
                    delivery="queued",
                    mail_id=pk,
                    created_at=now,
                )
                for pk, hashed in hashes.items()
            ],
        ),
        (
            InvitationAddress,
            [
                InvitationAddress(
                    invitation_id=pk,
                    website_id=view.website_id,
                    typed=text,
                    normalized=text,
                    name=f"Zoë van den Berg {pk}",
                )
                for pk, text in texts.items()
            ],
        ),
        (
            InvitationNote,
            [InvitationNote(invitation_id=pk, message="Come and see the new wool") for pk in texts],
        ),
        (
            InvitationEvent,
            [
                InvitationEvent(
                    invitation_id=pk,
                    kind="created",
                    target="not_sent",
                    at=now,
                    day=now.date(),
                    actor_kind="system",
                    reason="created",
                )
                for pk in texts
            ],
        ),
        (
            Message,
            [
                Message(
                    pk=pk,
                    kind="invitation",
                    subject_id=pk,
                    store_view=view,
                    sender=sender,
                    template_version=version,
                    ready_at=now,
                    queued_at=now,
                )
                for pk in texts
            ],
        ),
    ]


if __name__ == "__main__":
    main()
