"""`guestlist import`: people from a file, on the command line, by the same steps as in the staff site."""

from __future__ import annotations

import datetime
import logging
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone, translation

from guestlist.customers.models import CustomerGroup
from guestlist.invitations import basis as grounds
from guestlist.invitations.actions import import_files, importing, tasks
from guestlist.invitations.imports import columns, results
from guestlist.invitations.imports.columns import Field, Layout
from guestlist.invitations.imports.plans import Plan, Run, When
from guestlist.invitations.imports.verdicts import NEW
from guestlist.invitations.models import ImportFile, Task, TaskState
from guestlist.occasions.models import Occasion
from guestlist.refusal import Refusal
from guestlist.stores.models import StoreView
from guestlist.worker import jobs
from guestlist.worker.commanding import actor, fail
from guestlist.worker.exporting import coded, write

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from pathlib import Path

    from guestlist.stores.actors import Actor

log = logging.getLogger(__name__)

_DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|"}
_BAR = 30
_LOOK_EVERY = 0.2
"""Seconds until the task is looked at again while others work on it."""
SOME_REFUSED = 3


class WrongOption(Refusal):
    """An option that cannot be understood."""

    code = "wrong_option"
    message = "%(what)s"


def main(options: argparse.Namespace) -> int:
    """Try the file, ask, and import it; returns the exit status."""
    with translation.override("en"):
        try:
            return _Import(options).do()
        except Refusal as refusal:
            return fail(str(refusal))
        except OSError as error:
            return fail(f"{error.filename or options.file} cannot be used: {error.strerror or error}")
        except KeyboardInterrupt:
            return fail(
                "Interrupted. What was confirmed goes on in a worker; see Background tasks in the staff site."
            )


@dataclass(slots=True)
class _Import:
    options: argparse.Namespace

    def do(self) -> int:
        """Go through the steps."""
        options, who = self.options, actor()
        view: StoreView = coded(StoreView, options.store_view)
        path: Path = options.file
        with path.open("rb") as opened:
            file = import_files.keep_file(
                file=opened,
                name=path.name,
                size=path.stat().st_size,
                sheet=options.sheet,
                actor=who,
                now=timezone.now(),
            )
        task = importing.open_import(
            file=file, plan=self._plan(file, view), store_view=view, actor=who, now=timezone.now()
        )
        _read(task, file)
        _work(task, TaskState.PREPARING, f"{file.kept:,}", "bytes tried", of=file.kept)
        if task.state == TaskState.FAILED:
            return fail(_why(task, who))
        if not task.total:
            return fail("The file has no row with a person in it.")
        _tell(task)
        if options.refused is not None and any(one.verdict for one in results.totals(task)):
            write(results.refused_file(task), options.refused)
        new = Run.of(task.settings).verdicts.get(NEW, 0)
        if options.dry_run or not new or not self._agreed(new):
            if not task.is_over:
                tasks.stop(task=task, actor=who, now=timezone.now())
            return self._status(task, new) if options.dry_run else fail("Nobody was invited.")
        tasks.confirm(task=task, actor=who, now=timezone.now())
        _work(task, TaskState.RUNNING, f"{task.total:,}", "rows imported", of=task.total)
        if task.state != TaskState.DONE:
            return fail(
                f"The import is {task.get_state_display().lower()}; see Background tasks in the staff site."
            )
        sys.stdout.write(f"{task.done:,} of {task.total:,} rows are invitations now.\n")
        if kept := Run.of(task.settings).kept:
            sys.stdout.write(f"{kept:,} of them are kept as Not Sent: their send was stopped meanwhile.\n")
        if options.refused is not None and task.left_out:
            write(results.refused_file(task), options.refused)
        return self._status(task, task.done)

    def _status(self, task: Task, new: int) -> int:
        return 0 if new == task.total else SOME_REFUSED

    def _agreed(self, new: int) -> bool:
        if self.options.yes:
            return True
        try:
            return input(f"Invite {new:,} people? [y/N] ").strip().lower() in {"y", "yes"}
        except EOFError:
            return False

    def _plan(self, file: ImportFile, view: StoreView) -> Plan:
        options = self.options
        layout = self._layout(file)
        occasion = None
        if options.occasion is not None:
            occasion = Occasion.objects.filter(pk=options.occasion, website=view.website_id).first()
            if occasion is None:
                raise WrongOption(what=f"This website has no occasion {options.occasion}.")
        basis, _colon, text = options.why.partition(":")
        if basis and basis not in grounds.Basis.values:
            raise WrongOption(what=f"--why begins with one of {', '.join(grounds.Basis.values)}.")
        moment = self._moment(view)
        return Plan(
            layout=layout,
            width=columns.sample(file, layout).width,
            store_view=view.pk,
            group=coded(CustomerGroup, options.group).pk if options.group else None,
            occasion=occasion.pk if occasion else None,
            message=options.message,
            when=When.KEEP if not options.send else When.LATER if moment else When.NOW,
            ready_at=moment,
            again=options.again,
            basis=basis,
            basis_text=text.strip()[: grounds.LONGEST],
        )

    def _moment(self, view: StoreView) -> datetime.datetime | None:
        if not self.options.at:
            return None
        if not self.options.send:
            raise WrongOption(what="--at needs --send.")
        try:
            moment = datetime.datetime.fromisoformat(self.options.at)
        except ValueError:
            raise WrongOption(what=f"“{self.options.at}” is no time like 2026-05-03T09:00.") from None
        moment = moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(view.time_zone))
        if moment <= timezone.now():
            raise WrongOption(what="The time of --at has passed.")
        return moment

    def _layout(self, file: ImportFile) -> Layout:
        options, guess = self.options, columns.guessed(file)
        layout = Layout(
            options.encoding or guess.encoding,
            _DELIMITERS.get(options.delimiter, guess.delimiter),
            guess.has_header if options.header is None else options.header,
        )
        found = columns.found(file, layout)
        names = columns.sample(file, layout).names
        said = dict(_mapped(one, names) for one in options.map)
        # What somebody says goes before what is guessed of the same column.
        kept = {field: number for field, number in found.items() if number not in said.values()}
        return Layout(layout.encoding, layout.delimiter, layout.has_header, kept | said)


def _mapped(text: str, names: Sequence[str]) -> tuple[str, int]:
    field, equals, name = text.partition("=")
    if not equals or field not in Field.values:
        raise WrongOption(what=f"--map takes FIELD=COLUMN; the fields are {', '.join(Field.values)}.")
    folded = [one.casefold() for one in names]
    if name.casefold() in folded:
        return field, folded.index(name.casefold())
    letters = [columns.letter(number) for number in range(len(names))]
    if name.upper() in letters:
        return field, letters.index(name.upper())
    raise WrongOption(what=f"There is no column “{name}”. These exist: {', '.join(names)}.")


def _why(task: Task, who: Actor) -> str:
    said = results.problem(task)
    if not said:
        return f"Trying the file failed ({task.problem}); the log says more."
    tasks.stop(task=task, actor=who, now=timezone.now())  # it would fail anew
    return said


def _read(task: Task, file: ImportFile) -> None:
    """Make lines of a workbook, or wait for whoever does; draw how far it is."""
    is_drawn = sys.stderr.isatty()
    file.refresh_from_db()
    while file.is_workbook and task.state == TaskState.PREPARING:
        try:
            if not jobs.read_workbook(lambda: False):
                time.sleep(_LOOK_EVERY)  # a worker was faster
            file.refresh_from_db()
            task.refresh_from_db()
        except (OperationalError, InterfaceError) as fault:
            log.warning("import waits: %s", fault)
            connection.close_if_unusable_or_obsolete()
            time.sleep(_LOOK_EVERY)
        if is_drawn:
            sys.stderr.write(f"\r\033[K{file.lines:,} rows of the workbook read")
    if is_drawn:
        sys.stderr.write("\r\033[K")


def _work(task: Task, state: TaskState, total: str, what: str, *, of: int) -> None:
    """Do the task's pieces, and those of others whose turn it is, until it is past this state; draw how far it is."""
    is_drawn = sys.stderr.isatty()
    task.refresh_from_db()
    while task.state == state:
        try:
            more = jobs.work_on_tasks(lambda: False)
            task.refresh_from_db()
        except (OperationalError, InterfaceError) as fault:
            # Away or busy: nothing is lost, and another piece is done when it answers.
            log.warning("import waits: %s", fault)
            connection.close_if_unusable_or_obsolete()
            more = False
        if not more:
            time.sleep(_LOOK_EVERY)  # a worker was faster with the piece
        reached = task.cursor if state == TaskState.PREPARING else task.reached
        if is_drawn and task.state == state:
            filled = "█" * (_BAR * reached // max(of, 1))
            sys.stderr.write(f"\r{filled:<{_BAR}} {reached:,} of {total} {what}")
    if is_drawn:
        sys.stderr.write("\r\033[K")


def _tell(task: Task) -> None:
    for one in results.totals(task):
        sys.stdout.write(f"{one.number:>12,}  {one.name}\n")
        if one.verdict:
            rows = ", ".join(f"{row.number}: {row.typed or '–'}" for row in one.first[:3])
            sys.stdout.write(f"{'':14}{rows}{' …' if one.number > 3 else ''}\n")  # noqa: PLR2004 - as many as stand there
