"""The form above a report: what it is asked for stands in the address of the page, usable or not."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from guestlist.invitations.models import Basis
from guestlist.reports.periods import Period
from guestlist.reports.tables import Report

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from guestlist.reports.funnel.asking import Asked
    from guestlist.reports.questions import Question, Unanswerable
    from guestlist.stores.models import StoreView

_PROBLEM = {"aria-invalid": "true", "aria-describedby": "report-problem"}


class DaysForm(forms.Form):
    """The fields of a question; switches are drawn by the page."""

    opening: Any = gettext_lazy("The last full week")
    """What the page shows that nothing was asked of."""
    offered: Sequence[tuple[str, str, str]] = ()
    """The tick boxes: name, value and label."""

    def __init__(
        self,
        store_views: Sequence[StoreView],
        query: Mapping[str, str],
        *,
        question: Question | Asked | None,
        problem: Unanswerable | None,
    ) -> None:
        """Show the question, or where it is of no use what was entered; ``store_views`` are those on offer."""
        self.typed = question.as_query() if question else dict(query)
        super().__init__(initial=self.typed, auto_id="report_%s")
        self.problem = problem
        # "from" is no name that a class could have.
        self.fields["from"] = forms.CharField(label=pgettext("days", "From"), required=False)
        self.fields["to"] = forms.CharField(label=pgettext("days", "To"), required=False)
        self.fields["by"] = forms.ChoiceField(label=_("Period"), choices=Period.choices, required=False)
        websites = {one.website_id: one.website.name for one in store_views}
        if len(websites) > 1:
            self.fields["website"] = _choice(_("Website"), list(websites.items()))
        if len(store_views) > 1:
            views = [(one.pk, _view(one, has_others=len(websites) > 1)) for one in store_views]
            self.fields["store_view"] = _choice(_("Store view"), views)
        wrong = str(problem.data.get("field")) if problem else ""
        for name in ("from", "to"):
            # A field for days would hide what is none.
            kind = "date" if _is_day(self.typed.get(name, "")) else "text"
            self.fields[name].widget = forms.TextInput(attrs={"type": kind})
        if wrong in self.fields:
            self.fields[wrong].widget.attrs.update(_PROBLEM)

    @property
    def switches(self) -> list[dict[str, Any]]:
        """The tick boxes of this report: name, value, label and whether it is ticked."""
        return [
            {
                "name": name,
                "value": value,
                "label": label,
                "is_on": self.typed.get(name) == value,
            }
            for name, value, label in self.offered
        ]


def _is_day(text: str) -> bool:
    """Tell whether a field for days shows this: a day, or nothing yet."""
    if not text:
        return True
    try:
        return datetime.date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


class ReportForm(DaysForm):
    """The form of a report whose rows are periods."""

    def __init__(
        self,
        report: Report,
        store_views: Sequence[StoreView],
        query: Mapping[str, str],
        *,
        question: Question | None,
        problem: Unanswerable | None,
    ) -> None:
        """Show the question, or where it is of no use what was entered."""
        super().__init__(store_views, query, question=question, problem=problem)
        if report == Report.INVITATIONS:
            own = ("reasons", "1", _("Show why they were discarded"))
        else:
            own = ("own_view", "1", _("Only orders in the invitation’s own store view"))
        by_event = ("basis", Basis.EVENT.value, _("By date of event"))
        self.offered = (by_event, own, ("empty", "1", _("Show empty periods")))


class PeopleForm(DaysForm):
    """The form of the report on invited customers: only periods with people in them are shown."""

    def __init__(
        self,
        store_views: Sequence[StoreView],
        query: Mapping[str, str],
        *,
        question: Question | None,
        problem: Unanswerable | None,
    ) -> None:
        """Show the question, or where it is of no use what was entered."""
        super().__init__(store_views, query, question=question, problem=problem)
        self.offered = (("invitees", "1", _("List the people invited instead")),)
        if query.get("invitees"):
            self.typed["invitees"] = "1"


class TodayForm(DaysForm):
    """The form of the page on today, which asks for no days."""

    opening = gettext_lazy("All")

    def __init__(
        self,
        store_views: Sequence[StoreView],
        query: Mapping[str, str],
        *,
        question: Question | None,
        problem: Unanswerable | None,
    ) -> None:
        """Show which website and store view are asked for."""
        super().__init__(store_views, query, question=question, problem=problem)
        for name in ("from", "to", "by"):
            del self.fields[name]


def _choice(label: str, offered: Sequence[tuple[int, str]]) -> forms.ChoiceField:
    choices = [("", _("All")), *((str(pk), name) for pk, name in offered)]
    return forms.ChoiceField(label=label, choices=choices, required=False)


def _view(view: StoreView, *, has_others: bool) -> str:
    name = f"{view.name} ({view.get_language_display()})"
    return f"{view.website.name} – {name}" if has_others else name
