"""What the page of an import says: what each row is to become, what came of it, and where the refused ones are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from guestlist.customers.models import CustomerGroup
from guestlist.invitations.actions import SINGLE_UP_TO
from guestlist.invitations.imports import results
from guestlist.invitations.imports.plans import Plan, Run, When
from guestlist.invitations.imports.verdicts import NAMES, NEW
from guestlist.invitations.models import ImportFile, Task, TaskState
from guestlist.mail.models import Send
from guestlist.occasions.models import Occasion
from guestlist.stores.models import StoreView

if TYPE_CHECKING:
    from django.http import QueryDict

    from guestlist.backoffice.access import Staff


class ImportPage:
    """A file of people: tried, confirmed, imported."""

    template = "backoffice/_task_import.html"

    @property
    def nothing(self) -> str:
        """Say that the file has no row."""
        return _("This file has no row with a person in it, so there was nobody to invite.")

    def question(self, task: Task) -> str:
        """Say how many will be invited, and when they are mailed."""
        new, rest = _new(task), task.total - _new(task)
        said = ngettext("%(new)s person will be invited.", "%(new)s people will be invited.", new) % {
            "new": _number(new)
        }
        if rest:
            refused = ngettext("%(rest)s row is refused.", "%(rest)s rows are refused.", rest)
            said = f"{said} {refused % {'rest': _number(rest)}}"
        return f"{said} {_mailed(task, new)}"

    def button(self, task: Task) -> str:
        """Say what is pressed."""
        new = _new(task)
        return ngettext("Invite %(new)s person", "Invite %(new)s people", new) % {"new": _number(new)}

    def outcome(self, task: Task) -> str:
        """Say how many were invited, and why the others were not."""
        rest = "".join(
            f", {_number(task.skipped[code])} {name}"
            for code, name in NAMES.items()
            if task.skipped.get(code)
        )
        said = ngettext(
            "%(done)s of %(count)s row invited%(rest)s.",
            "%(done)s of %(count)s rows invited%(rest)s.",
            task.total,
        ) % {"done": _number(task.done), "count": _number(task.total), "rest": rest}
        kept = Run.of(task.settings).kept
        if kept:
            stopped = ngettext(
                "%(kept)s of them is kept as Not Sent: the send was stopped before its mail was queued.",
                "%(kept)s of them are kept as Not Sent: the send was stopped before their mail was queued.",
                kept,
            )
            said = f"{said} {stopped % {'kept': _number(kept)}}"
        return said

    def context(self, staff: Staff, task: Task, query: QueryDict) -> dict[str, Any]:  # noqa: ARG002 - as its sisters
        """Return the verdicts with their first rows, and what was chosen for all rows."""
        file = ImportFile.objects.filter(task=task).first()
        websites = results.readable_at(task, staff.actor)
        totals = results.totals(task, websites=websites)
        kept = file.kept if file else 0
        sends = [one["send"] for one in Run.of(task.settings).sends.values() if one["send"]]
        return {
            "totals": totals,
            "has_refused": any(one.verdict != NEW for one in totals),
            "has_file": file is not None and (websites is None or bool(websites)),
            "rows_read": file.lines if file and file.is_workbook else None,
            "percent": 100 * task.cursor // kept if kept and task.state == TaskState.PREPARING else 100,
            "fixed": _fixed(Plan.from_settings(task.settings)),
            "sends": list(Send.objects.filter(pk__in=sends).order_by("pk")),
        }


def _new(task: Task) -> int:
    return Run.of(task.settings).verdicts.get(NEW, 0)


def _number(number: int) -> str:
    return number_format(number, force_grouping=True)


def _mailed(task: Task, new: int) -> str:
    plan = Plan.from_settings(task.settings)
    if not plan.is_sent:
        return _("They are kept as Not Sent: no mail leaves.")
    if plan.ready_at is not None:
        moment = date_format(timezone.localtime(plan.ready_at), "DATETIME_FORMAT")
        return _("Their mail leaves at %(moment)s.") % {"moment": moment}
    if new > SINGLE_UP_TO:
        return _("Their mail leaves as a send, which you can watch, pause and stop.")
    return _("Their mail leaves at once.")


def _fixed(plan: Plan) -> list[tuple[str, Any]]:
    group = CustomerGroup.objects.filter(pk=plan.group).first() if plan.group else None
    occasion = Occasion.objects.filter(pk=plan.occasion).first() if plan.occasion else None
    rows: list[tuple[str, Any]] = [
        (_("Send from"), StoreView.objects.filter(pk=plan.store_view).first()),
        (_("Invitee group"), group or _("As configured")),
        (_("Occasion"), occasion or _("The shop itself")),
        (_("When"), When(plan.when).label),
    ]
    if plan.message:
        rows.append((_("Message"), plan.message))
    if plan.basis:
        rows.append((_("Why may we mail them?"), str(plan.why)))
    return rows
