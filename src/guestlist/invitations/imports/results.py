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

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from guestlist.invitations.imports.records import Record
    from guestlist.invitations.models import Task

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


def totals(task: Task) -> list[Total]:
    """Return the verdicts of a task's rows in the order that they are shown in; a query for each that there is."""
    counted = _counted(task)
    return [
        Total(
            verdict,
            str(name),
            str(WHAT_TO_DO.get(verdict, "")),
            counted[verdict],
            list(ImportRow.objects.filter(task=task, verdict=verdict).order_by("number")[:FIRST]),
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


def refused_file(task: Task) -> Iterator[bytes]:
    """Return the pieces of a CSV file with the refused rows: their own columns as they were, then why.

    :raises FileIsGone: when the file is not kept any more.
    """
    file = ImportFile.objects.filter(task=task).first()
    if file is None:
        raise FileIsGone
    plan = Plan.from_settings(task.settings)
    return spreadsheets.csv_file(
        _header(file, plan), _refused(task, file, plan), delimiter=plan.layout.delimiter
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


def _refused(task: Task, file: ImportFile, plan: Plan) -> Iterator[Sequence[Any]]:
    """Yield the rows of the file that have a verdict, both read side by side in the order of their numbers."""
    source: Iterator[Record] = iter(_source(file, plan))
    after = 0
    while verdicts := dict(
        ImportRow.objects.filter(task=task, number__gt=after)
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
