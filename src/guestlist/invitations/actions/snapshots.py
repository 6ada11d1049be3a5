"""Which invitations a task is about: their ids are written down first, so that who confirms knows how many they are.

What is made after somebody asked does not join, what changes stays: each row gets its verdict when its turn comes.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import Max, Value

from guestlist.invitations import finding, parts
from guestlist.invitations.actions import tasks
from guestlist.invitations.filters import Filter
from guestlist.invitations.finding import Search
from guestlist.invitations.models import Invitation, Task, TaskRow, TaskState
from guestlist.stores.actors import SYSTEM, Permission

if TYPE_CHECKING:
    import datetime
    from collections.abc import Collection

    from django.db.models import QuerySet


FILTER, ZONE, UNTIL = "filter", "zone", "until"
"""In a task's settings: the filter as a query, in whose time zone its days are, and the highest id of that moment."""
AT_ONCE = 10_000
"""Most ids that are written down in one piece."""
KEPT = timedelta(days=90)
"""For how long after its end it can be looked up what became of each row of a task."""
FORGOTTEN_AT_ONCE = 5_000
FORGOTTEN = "forgotten"
"""In a task's settings, once its rows are gone: the names of those that were taken out because they may tell of people."""
_PERSONAL = ("email", "inviter", "invitee")
_OF_IMPORTS = ("file", "message", "basis_text")
_RESTING = timedelta(days=30)
_INSERT = f"INSERT INTO {TaskRow._meta.db_table} (task_id, invitation_id, reason) "
_ONCE = " ON CONFLICT DO NOTHING"


def settings_of(chosen: Filter, *, now: datetime.datetime) -> dict[str, Any]:
    """Return what a task must know to write down all that match now; days are those of ``now``'s time zone."""
    return {FILTER: chosen.as_query(), ZONE: str(now.tzinfo), UNTIL: parts.ends()[1]}


class Snapshot:
    """Writes down what a filter finds, along the ids, in pieces that are bounded by how many are read and written."""

    def __init__(self) -> None:
        """Begin with as many ids as are read in no time."""
        self._pace = tasks.Pace(least=2_000, most=500_000)

    def take(self, task: Task) -> bool:
        """Write a piece down; true when there is more."""
        search, until = self._search(task), int(task.settings[UNTIL])
        begin = task.cursor
        if search.within is not None:
            begin, until = max(begin, search.within[0] - 1), min(until, search.within[1])
        matching = search.matching.filter(pk__lte=until)
        if task.cursor == 0:
            few = search.gathered(finding.GATHERED)
            if few is not None:
                task.total += _write(task, matching.filter(pk__any_of=set(few)))
                return False
        with self._pace as size:
            end = max(begin, min(begin + size, until))
            rows = matching.filter(pk__gt=begin, pk__lte=end).order_by("pk")
            written = _write(task, rows[:AT_ONCE])
        task.total += written
        task.cursor = _last(task) if written == AT_ONCE else end
        return task.cursor < until

    def _search(self, task: Task) -> Search:
        websites = tasks.actor_of(task).website_ids(Permission.VIEW)
        at = task.created_at.astimezone(ZoneInfo(task.settings[ZONE]))
        return Search(Filter.from_query(task.settings[FILTER]), websites, at)


def write_ids(task: Task, ids: Collection[int]) -> None:
    """Write down what somebody selected by hand, as far as they may see it."""
    visible = Invitation.objects.visible_to(tasks.actor_of(task))
    task.total += _write(task, visible.filter(pk__any_of=set(ids)))


def _write(task: Task, rows: QuerySet[Invitation]) -> int:
    """Write the ids of rows down in one statement; returns how many."""
    query = rows.annotate(task=Value(task.pk), why=Value("")).values_list("task", "pk", "why").query
    try:
        sql, parameters = query.sql_with_params()
    except EmptyResultSet:
        return 0  # nothing can match, which Django knows without asking
    with connection.cursor() as cursor:
        cursor.execute(_INSERT + sql + _ONCE, parameters)
        return int(cursor.rowcount)


def _last(task: Task) -> int:
    found = TaskRow.objects.filter(task=task).aggregate(last=Max("invitation"))["last"]
    return int(found or 0)


def forget_old(*, now: datetime.datetime) -> int:
    """Give up what nobody confirmed or resumed for a month, and forget whom tasks were about that were over for three.

    Returns how many rows were deleted. How many were done and skipped stays.
    """
    resting = (TaskState.READY, TaskState.PAUSED, TaskState.FAILED)
    for task in Task.objects.filter(state__in=resting, touched_at__lt=now - _RESTING):
        with suppress(tasks.TaskIsOver):
            tasks.stop(task=task, actor=SYSTEM, now=now)
    # As a list: joined with it, PostgreSQL may go through all rows.
    known = list(Task.objects.filter(ended_at__lt=now - KEPT).exclude(settings__has_key=FORGOTTEN))
    over = [task.pk for task in known]
    rows = TaskRow.objects.filter(task__in=over).order_by("task", "invitation")
    ids = list(rows.values_list("task", "invitation")[:FORGOTTEN_AT_ONCE])
    for task_id in sorted({one for one, _invitation in ids}):
        last = max(invitation for one, invitation in ids if one == task_id)
        TaskRow.objects.filter(task=task_id, invitation__lte=last).delete()
    if len(ids) < FORGOTTEN_AT_ONCE:
        for task in known:
            _take_people_out(task)
    return len(ids)


def _take_people_out(task: Task) -> None:
    """Leave of the settings what tells of nobody."""
    kept = dict(task.settings)
    names = [name for name in _OF_IMPORTS if kept.get(name)]
    kept |= dict.fromkeys(names, "")
    if FILTER in kept:
        names += [name for name in _PERSONAL if name in kept[FILTER]]
        kept[FILTER] = {name: value for name, value in kept[FILTER].items() if name not in _PERSONAL}
    task.settings = kept | {FORGOTTEN: names}
    task.save(update_fields=["settings"])
