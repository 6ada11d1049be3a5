"""What the page of a task says by its kind: what is asked before it begins, what came of it, what else there is to see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import ngettext_lazy

from guestlist.backoffice import announcing
from guestlist.backoffice.filtering import FilterForm
from guestlist.backoffice.import_page import ImportPage
from guestlist.backoffice.labels import REASONS
from guestlist.backoffice.templatetags.sends import number
from guestlist.customers.models import CustomerGroup
from guestlist.invitations.actions import SINGLE_UP_TO, mass, snapshots
from guestlist.invitations.filters import Filter, UnusableFilter
from guestlist.invitations.models import Task, TaskKind
from guestlist.mail.models import Send

if TYPE_CHECKING:
    from collections.abc import Mapping

    from guestlist.backoffice.access import Staff


class TaskPage(Protocol):
    """What a kind of task shows of itself; every text is for a page, in the language of its reader."""

    @property
    def template(self) -> str:
        """What is included in the part of the page that is brought up to date, with `context`."""
        ...

    @property
    def nothing(self) -> str:
        """Say that there was nothing that it could be done to."""
        ...

    def question(self, task: Task) -> str:
        """Say what happens once it is confirmed."""
        ...

    def button(self, task: Task) -> str:
        """Say what whoever presses the button wants, with the number."""
        ...

    def outcome(self, task: Task) -> str:
        """Say what came of it so far, or in the end."""
        ...

    def context(self, staff: Staff, task: Task, query: QueryDict) -> dict[str, Any]:
        """Return what the template needs."""
        ...


@dataclass(frozen=True, slots=True)
class MassPage:
    """A mass action: on which invitations, and what became of them."""

    questions: Any
    buttons: Any
    outcomes: Any
    template: str = "backoffice/_task_mass.html"

    @property
    def nothing(self) -> str:
        """Say that nothing matched."""
        return _("Nothing matched, so there was nothing to do.")

    def question(self, task: Task) -> str:
        """Say what happens to how many."""
        return str(self.questions % self._numbers(task))

    def button(self, task: Task) -> str:
        """Say what is pressed."""
        return str(self.buttons % self._numbers(task))

    def outcome(self, task: Task) -> str:
        """Say how many were done, and how many were left for which reasons."""
        return str(self.outcomes % {**self._numbers(task), "rest": rest_said(task.skipped)})

    def _numbers(self, task: Task) -> dict[str, Any]:
        # The number decides between singular and plural, its text is what is read.
        return {
            "n": task.total,
            "count": number(task.total),
            "done": number(task.done),
            "group": group_of(task),
        }

    def context(self, staff: Staff, task: Task, query: QueryDict) -> dict[str, Any]:  # noqa: ARG002 - as the protocol has it
        """Return the filter as it was, and the sends that it became."""
        sends = Send.objects.filter(pk__in=task.settings.get(mass.SENDS, {}).values()).order_by("pk")
        note = ""
        if task.kind == TaskKind.SEND and task.total > SINGLE_UP_TO and task.confirmed_at is None:
            note = announcing.announced(task.total, announcing.hours_of(staff.store_views))
        return {
            "chips": _chips(staff, task),
            "is_by_hand": snapshots.FILTER not in task.settings,
            "is_forgotten": bool(task.settings.get(snapshots.FORGOTTEN)),
            "sends": list(sends) if task.kind == TaskKind.SEND else [],
            "note": note,
        }


def rest_said(skipped: Mapping[str, int]) -> str:
    """Return how many were left for each reason, as the end of a sentence."""
    return "".join(f", {number(count)} {REASONS.get(code, code)}" for code, count in sorted(skipped.items()))


def group_of(task: Task) -> str:
    """Return the group that a task gives, as it is called now."""
    if task.kind != TaskKind.CHANGE_GROUP:
        return ""
    pk = task.settings.get(mass.GROUP)
    if pk is None:
        return _("As configured")
    return str(CustomerGroup.objects.filter(pk=pk).first() or _("deleted group"))


def _chips(staff: Staff, task: Task) -> list[dict[str, Any]]:
    try:
        chosen = Filter.from_query(task.settings.get(snapshots.FILTER, {}))
    except UnusableFilter:
        # What an earlier release could filter by.
        return []
    return FilterForm(staff, QueryDict(), None).chips(chosen)


PAGES: dict[TaskKind, TaskPage] = {
    TaskKind.DISCARD: MassPage(
        ngettext_lazy(
            "%(count)s invitation will be discarded if it is still open. Its link stops working, and a mail that is still "
            "waiting is not sent.",
            "%(count)s invitations will be discarded as far as they are still open. Their links stop working, and mails "
            "that are still waiting are not sent.",
            "n",
        ),
        ngettext_lazy("Discard %(count)s invitation", "Discard %(count)s invitations", "n"),
        ngettext_lazy(
            "%(done)s of %(count)s invitation discarded%(rest)s.",
            "%(done)s of %(count)s invitations discarded%(rest)s.",
            "n",
        ),
    ),
    TaskKind.SEND: MassPage(
        ngettext_lazy(
            "%(count)s invitation will be sent, as far as it may be mailed.",
            "%(count)s invitations will be sent, as far as they may be mailed.",
            "n",
        ),
        ngettext_lazy("Send %(count)s invitation", "Send %(count)s invitations", "n"),
        ngettext_lazy(
            "%(done)s of %(count)s invitation on its way%(rest)s.",
            "%(done)s of %(count)s invitations on their way%(rest)s.",
            "n",
        ),
    ),
    TaskKind.IMPORT: ImportPage(),
    TaskKind.CHANGE_GROUP: MassPage(
        ngettext_lazy(
            "Whoever accepts this %(count)s invitation gets the group “%(group)s”, if nobody has yet.",
            "Whoever accepts these %(count)s invitations gets the group “%(group)s”, as far as nobody has yet.",
            "n",
        ),
        ngettext_lazy(
            "Change the group of %(count)s invitation", "Change the group of %(count)s invitations", "n"
        ),
        ngettext_lazy(
            "%(done)s of %(count)s invitation now has the group “%(group)s”%(rest)s.",
            "%(done)s of %(count)s invitations now have the group “%(group)s”%(rest)s.",
            "n",
        ),
    ),
}
"""The page of each kind."""
