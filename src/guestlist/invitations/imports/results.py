"""What came of trying a file: how many rows have which verdict, the first of each, and the refused ones as a file again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from guestlist.invitations import spreadsheets
from guestlist.invitations.imports import records
from guestlist.invitations.imports.plans import Plan, Run
from guestlist.invitations.imports.records import Records
from guestlist.invitations.imports.verdicts import NAMES, NEW, NOT_REACHED, WHAT_TO_DO, WHY_FAILED
from guestlist.invitations.models import ImportFile, ImportRow, TaskState
from guestlist.refusal import Refusal
from guestlist.stores.actors import ActorKind, Permission

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from django.db.models import QuerySet

    from guestlist.invitations.imports.records import Record
    from guestlist.invitations.models import Task
    from guestlist.stores.actors import Actor

FIRST = 5
"""Rows that are shown of each verdict."""
_AT_ONCE = 2_000


class FileIsGone(Refusal):
    """The file was deleted some days after its import."""

    code = "file_is_gone"

    @property
    def message(self) -> str:  # type: ignore[override]
        """The sentence."""
        return _(
            "The file of this import was deleted: it has addresses in it and is not kept longer than needed."
        )


@dataclass(frozen=True, slots=True)
class Total:
    """How many rows have a verdict, in words, and the first ones."""

    verdict: str
    name: str
    what_to_do: str
    number: int
    first: list[ImportRow]


def readable_at(task: Task, actor: Actor) -> Collection[int] | None:
    """Return the websites whose rows of an import the actor may read; None is all, and empty is that they may not.

    Those are where they may export; who brought the file reads it also where they may still import.
    """
    is_own = task.actor_kind == ActorKind.STAFF == actor.kind and task.created_by_id == actor.id
    allowed: set[int] = set()
    for permission in (Permission.EXPORT, Permission.IMPORT) if is_own else (Permission.EXPORT,):
        websites = actor.website_ids(permission)
        if websites is None:
            return None
        allowed |= set(websites)
    return allowed if task.website_id is None else allowed & {task.website_id}


def _rows(task: Task, websites: Collection[int] | None) -> QuerySet[ImportRow]:
    rows = ImportRow.objects.filter(task=task)
    return rows if websites is None else rows.filter(website_id__in=websites)


def totals(task: Task, *, websites: Collection[int] | None = None) -> list[Total]:
    """Return the verdicts of a task's rows in the order that they are shown in; a query for each that there is.

    The first rows are those of these websites, as `readable_at` has them.
    """
    counted, rows = _counted(task), _rows(task, websites)
    return [
        Total(
            verdict,
            str(name),
            str(WHAT_TO_DO.get(verdict, "")),
            counted[verdict],
            list(rows.filter(verdict=verdict).order_by("number")[:FIRST]),
        )
        for verdict, name in NAMES.items()
        if counted.get(verdict)
    ]


def _counted(task: Task) -> dict[str, int]:
    """Return how many rows have which verdict: as they were tried, and as they were found when they were imported."""
    counted = dict(Run.of(task.settings).verdicts)
    if task.confirmed_at is not None:
        for verdict, number in task.skipped.items():
            if verdict != NOT_REACHED:
                counted[verdict] = max(counted.get(verdict, 0), number)
        counted[NEW] = max(task.total - sum(n for one, n in counted.items() if one != NEW), 0)
    if task.state == TaskState.STOPPED:
        counted[NOT_REACHED] = max(counted.get(NEW, 0) - task.done, 0)
        counted[NEW] = task.done
    return counted


def problem(task: Task) -> str:
    """Say why trying the file failed, where the file is to blame; nothing where Guestlist is."""
    return str(WHY_FAILED.get(task.problem, "")) if task.state == TaskState.FAILED else ""


def refused_file(task: Task, *, websites: Collection[int] | None = None) -> Iterator[bytes]:
    """Return the pieces of a CSV file with the refused rows: their own columns as they were, then why.

    Only those of these websites, as `readable_at` has them.

    :raises FileIsGone: when the file is not kept any more.
    """
    file = ImportFile.objects.filter(task=task).first()
    if file is None:
        raise FileIsGone
    plan = Plan.from_settings(task.settings)
    return spreadsheets.csv_file(
        _header(file, plan), _refused(_rows(task, websites), file, plan), delimiter=plan.layout.delimiter
    )


def _source(file: ImportFile, plan: Plan) -> Records:
    layout = plan.layout
    return Records(
        records.stored(file.pk), encoding=layout.encoding, delimiter=layout.delimiter, width=plan.width
    )


def _header(file: ImportFile, plan: Plan) -> list[str]:
    names: list[str] = []
    if plan.layout.has_header:
        names = next((one.cells for one in _source(file, plan) if any(map(str.strip, one.cells))), [])
    return [*_widened(names, plan.width), _("Row"), _("Not imported because")]


def _refused(rows: QuerySet[ImportRow], file: ImportFile, plan: Plan) -> Iterator[Sequence[Any]]:
    """Yield the rows of the file that have a verdict, both read side by side in the order of their numbers."""
    source: Iterator[Record] = iter(_source(file, plan))
    after = 0
    while verdicts := dict(
        rows.filter(number__gt=after)
        .exclude(verdict=NEW)
        .order_by("number")
        .values_list("number", "verdict")[:_AT_ONCE]
    ):
        after = max(verdicts)
        for record in source:
            verdict = verdicts.get(record.number)
            if verdict is not None:
                why = str(WHAT_TO_DO.get(verdict, verdict))
                yield [*_widened(record.cells, plan.width), record.number, why]
            if record.number >= after:
                break


def _widened(cells: list[str], width: int) -> list[str]:
    """Return so many cells; what one has too many stands in the last one, so that none is lost."""
    if len(cells) > width:
        return [*cells[: width - 1], " ".join(cells[width - 1 :])]
    return cells + [""] * (width - len(cells))
