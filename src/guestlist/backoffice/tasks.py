"""Work in the background: all of it, one task as it goes, its switches, and what became of each row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from guestlist.backoffice import access, paging
from guestlist.backoffice.labels import REASONS
from guestlist.backoffice.task_pages import PAGES
from guestlist.invitations.actions import tasks
from guestlist.invitations.models import Invitation, Task, TaskKind, TaskRow, TaskState
from guestlist.refusal import Refusal
from guestlist.stores.actors import Permission

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.db.models import QuerySet
    from django.http import QueryDict

    from guestlist.backoffice.access import Staff

SIZE = 25
SWITCHES: dict[str, Callable[..., bool]] = {
    "confirm": tasks.confirm,
    "pause": tasks.pause,
    "resume": tasks.resume,
    "stop": tasks.stop,
}
"""What can be pressed on the page of a task."""
_DONE = {
    "confirm": gettext_lazy("The task is under way. You can leave this page; it goes on by itself."),
    "pause": gettext_lazy("The task is paused. Nothing more is done until you resume it."),
    "resume": gettext_lazy("The task goes on."),
    "stop": gettext_lazy("The task is stopped. What was done stays done."),
}


@dataclass(frozen=True, slots=True)
class Row:
    """An invitation that was skipped: as it is now, where it may be seen."""

    pk: int
    invitation: Invitation | None


@dataclass(frozen=True, slots=True)
class Skipped:
    """Some of the rows that were skipped for one reason, and where the others are."""

    rows: list[Row]
    tabs: list[dict[str, Any]]
    following: str
    preceding: str


@require_safe
def listing(request: HttpRequest) -> HttpResponse:
    """Show the tasks, page by page, newest first; with ``part`` what changes of those that are named by ``ids``."""
    staff = access.of(request)
    staff.require(Permission.VIEW)
    if "part" in request.GET:
        asked = paging.numbers(request.GET.get("ids", ""))[:SIZE]
        rows = _visible(staff).filter(pk__in=asked).order_by("-pk")
        return render(request, "backoffice/_tasks.html", {"rows": rows})
    page = paging.page(_visible(staff), request.GET, size=SIZE)
    context = {
        **access.context(request),
        "title": _("Background tasks"),
        "rows": page.rows,
        "following": page.following,
        "preceding": page.preceding,
    }
    return render(request, "backoffice/tasks.html", context)


@require_safe
def detail(request: HttpRequest, pk: int) -> HttpResponse:
    """Show a task as it goes; with ``part`` only what changes."""
    staff = access.of(request)
    task = _found(staff, pk)
    context = _shown(staff, task, request.GET)
    if "part" in request.GET:
        return render(request, "backoffice/_task.html", context)
    kept = {name: request.GET[name] for name in ("reason", "after", "before") if name in request.GET}
    context |= {
        **access.context(request),
        "title": _("Task %(id)s") % {"id": task.pk},
        "live": urlencode({**kept, "part": "1"}),
    }
    return render(request, "backoffice/task.html", context)


@require_POST
def switch(request: HttpRequest, pk: int, action: str) -> HttpResponse:
    """Confirm, pause, resume or stop a task."""
    staff = access.of(request)
    task = _found(staff, pk)
    try:
        SWITCHES[action](task=task, actor=staff.actor, now=timezone.now())
    except Refusal as refusal:
        messages.warning(request, str(refusal))
    else:
        # Also for the second press of a double click: it is so.
        is_given_up = action == "stop" and task.confirmed_at is None
        messages.success(request, _("Nothing was changed.") if is_given_up else str(_DONE[action]))
    return HttpResponseRedirect(reverse("admin:task", args=[pk]))


def needing(staff: Staff, *, most: int) -> list[Task]:
    """Return the newest tasks that somebody has to see to: those that failed, and their own that wait for a yes."""
    failed = Q(state=TaskState.FAILED)
    waiting = Q(state=TaskState.READY, created_by=staff.actor.id, created_by__isnull=False)
    return list(_visible(staff).filter(failed | waiting).order_by("-pk")[:most])


def _visible(staff: Staff) -> QuerySet[Task]:
    mine = Task.objects.visible_to(staff.actor).filter(kind__in=list(PAGES))
    return mine.select_related("created_by", "website")


def _found(staff: Staff, pk: int) -> Task:
    """Return the task; what may not be seen is not there."""
    staff.require(Permission.VIEW)
    task = _visible(staff).filter(pk=pk).first()
    if task is None:
        raise Http404
    return task


def _shown(staff: Staff, task: Task, query: QueryDict) -> dict[str, Any]:
    page = PAGES[TaskKind(task.kind)]
    return {
        "task": task,
        "page": page,
        "question": page.question(task) if task.state == TaskState.READY else "",
        "button": page.button(task),
        "outcome": page.outcome(task),
        "can_switch": tasks.may_switch(task, staff.actor),
        "can_set_going": tasks.may_set_going(task, staff.actor),
        "skipped": _skipped(staff, task, query),
        "now": timezone.now(),
        **page.context(staff, task, query),
    }


def _skipped(staff: Staff, task: Task, query: QueryDict) -> Skipped | None:
    """Return a page of what was skipped for one of the reasons; None where nothing was, or nobody confirmed it."""
    counts = {code: count for code, count in sorted(task.skipped.items()) if count}
    if not counts or task.confirmed_at is None or not task.rows.exists():
        return None
    asked = query.get("reason", "")
    reason = asked if asked in counts else next(iter(counts))
    rows = task.rows.all()
    rows = (
        rows.filter(reason="", invitation__gt=task.cursor)
        if reason == tasks.NOT_REACHED
        else rows.filter(reason=reason)
    )
    ids, following, preceding = _page(rows, query)
    known = Invitation.objects.visible_to(staff.actor).select_related("address").filter(pk__in=ids).in_bulk()
    tabs = [
        {"count": count, "label": REASONS.get(code, code), "reason": code, "is_shown": code == reason}
        for code, count in counts.items()
    ]
    link = {"reason": reason}
    return Skipped(
        [Row(one, known.get(one)) for one in ids],
        tabs,
        urlencode({**link, "after": following}) if following is not None else "",
        urlencode({**link, "before": preceding}) if preceding is not None else "",
    )


def _page(rows: QuerySet[TaskRow], query: QueryDict) -> tuple[list[int], int | None, int | None]:
    """Return the ids of a page, and those that the pages beside it go on from."""
    after, before = paging.number(query.get("after")), paging.number(query.get("before"))
    backwards = after is None and before is not None
    if after is not None:
        rows = rows.filter(invitation__gt=after)
    elif before is not None:
        rows = rows.filter(invitation__lt=before)
    ordered = rows.order_by("-invitation" if backwards else "invitation")
    found = list(ordered.values_list("invitation", flat=True)[: SIZE + 1])
    more, ids = len(found) > SIZE, found[:SIZE]
    if backwards:
        ids.reverse()
    if not ids:
        return [], None, None
    has_following, has_preceding = (True, more) if backwards else (more, after is not None)
    return ids, ids[-1] if has_following else None, ids[0] if has_preceding else None
