"""How pages of the staff site show work in the background."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import template
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from guestlist.backoffice.labels import REASONS
from guestlist.backoffice.templatetags.sends import number, time_left
from guestlist.invitations.actions.tasks import NOT_REACHED
from guestlist.invitations.imports import results
from guestlist.invitations.models import TaskState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from guestlist.invitations.models import Task

register = template.Library()

_WIDTH = 1000
_STEP = 10
"""Percent from one announcement to the next: a screen reader shall not talk without end."""
_QUICK, _SLOW = 2, 10
"""Seconds between two looks while a worker is at it, and while somebody may press something."""
_MOVING = (TaskState.PREPARING, TaskState.RUNNING)
_LOOKS = {
    TaskState.PREPARING: "scheduled",
    TaskState.READY: "held",
    TaskState.DONE: "finished",
}
"""The states that look like one of a send's."""
_LEADS = {
    TaskState.PREPARING: gettext_lazy(
        "Being counted. You can leave this page: what is found waits here for you to confirm."
    ),
    TaskState.READY: gettext_lazy("Waits for whoever asked for it"),
    TaskState.PAUSED: gettext_lazy("Goes on when it is resumed"),
    TaskState.FAILED: gettext_lazy(
        "It stopped because of a mistake in Guestlist, which is in the log. What was done stays done."
    ),
}


@register.inclusion_tag("backoffice/_send_status.html")
def task_status(task: Task) -> dict[str, Any]:
    """Show the state as word, shape and color."""
    state = TaskState(task.state)
    return {"code": _LOOKS.get(state, state.value), "label": state.label}


@register.inclusion_tag("backoffice/_send_bar.html")
def task_bar(task: Task) -> dict[str, Any]:
    """Show a progress bar: what was done, and what was skipped."""
    done = task.done * _WIDTH / (task.total or 1)
    skipped = _skipped(task) * _WIDTH / (task.total or 1)
    label = _("Task %(id)s: %(counts)s") % {"id": task.pk, "counts": task_counts(task)}
    return {
        "parts": [
            {"code": "handed_over", "x": "0", "width": f"{done:.2f}"},
            {"code": "withdrawn", "x": f"{done:.2f}", "width": f"{skipped:.2f}"},
        ],
        "total": task.total or 1,
        "done": task.done + _skipped(task),
        "percent": _percent(task),
        "label": label,
    }


@register.simple_tag
def task_counts(task: Task) -> str:
    """Say how many are done, skipped and left."""
    if task.state == TaskState.PREPARING:
        return ngettext("%(count)s so far", "%(count)s so far", task.total) % {"count": number(task.total)}
    skipped, rest = _skipped(task), _rest(task)
    said = [
        _("%(done)s of %(total)s done") % {"done": number(task.done), "total": number(task.total)},
        ngettext("%(count)s skipped", "%(count)s skipped", skipped) % {"count": number(skipped)}
        if skipped
        else "",
        _rest_said(task, rest) if rest else "",
    ]
    return " · ".join(filter(None, said))


@register.simple_tag
def task_lead(task: Task) -> str:
    """Say what goes on, or what it waits for; of one that is over, only that it never began."""
    if task.state == TaskState.RUNNING:
        seconds = _seconds_left(task)
        return _("Begins soon") if seconds is None else time_left(seconds)
    if task.state == TaskState.STOPPED and task.confirmed_at is None:
        return _("It was given up before it began. Nothing was changed.")
    return results.problem(task) or str(_LEADS.get(TaskState(task.state), ""))


@register.simple_tag
def task_pace(task: Task) -> SafeString:
    """Return the attributes that tell a script how often to look again, if at all, and what to say aloud."""
    every = _QUICK if task.state in _MOVING else _SLOW
    rate = "" if task.is_over else format_html(' data-every="{}"', every)
    percent = _percent(task) if task.is_over else _percent(task) // _STEP * _STEP
    label = TaskState(task.state).label
    said = _("%(status)s, %(percent)s %%") % {"status": label, "percent": percent}
    return format_html('{} data-said="{}"', rate, said if task.confirmed_at else label)


@register.simple_tag
def tasks_pace(rows: Sequence[Task]) -> SafeString:
    """Return the attribute that tells a script how often to look at several again; none where all are over."""
    if all(task.is_over for task in rows):
        return SafeString()
    moving = any(task.state in _MOVING for task in rows)
    return format_html(' data-every="{}"', _QUICK if moving else _SLOW)


@register.filter
def live_tasks(rows: Sequence[Task]) -> str:
    """Return the address of what changes of these tasks."""
    ids = ",".join(str(task.pk) for task in rows)
    return f"{reverse('admin:tasks')}?part=1&ids={ids}"


def _percent(task: Task) -> int:
    return (task.done + _skipped(task)) * 100 // task.total if task.total else 0


def _rest_said(task: Task, rest: int) -> str:
    if task.is_over:
        return f"{number(rest)} {REASONS[NOT_REACHED]}"
    return ngettext("%(count)s left", "%(count)s left", rest) % {"count": number(rest)}


def _skipped(task: Task) -> int:
    """Return how many were looked at and left as they were."""
    return task.left_out - int(task.skipped.get(NOT_REACHED, 0))


def _rest(task: Task) -> int:
    """Return how many were not looked at: yet, or before it was stopped."""
    return task.left + int(task.skipped.get(NOT_REACHED, 0))


def _seconds_left(task: Task) -> float | None:
    """Return how long the rest takes at the rate since it was begun or resumed; None when nobody can tell."""
    since = task.reached - task.going_from
    if task.going_since is None or since <= 0:
        return None
    return task.left * (task.touched_at - task.going_since).total_seconds() / since
