"""Reports › Private sales: what came of the invitations, as table, chart and file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from guestlist.backoffice import access, charts, downloads
from guestlist.backoffice.report_form import ReportForm
from guestlist.invitations import exports
from guestlist.invitations.models import Basis
from guestlist.reports import files, tables, wording
from guestlist.reports.questions import Question, Unanswerable
from guestlist.reports.tables import Report
from guestlist.stores.actors import Permission
from guestlist.stores.models import StoreView

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.http.response import HttpResponseBase

    from guestlist.backoffice.access import Staff
    from guestlist.backoffice.charts import Chart
    from guestlist.reports.columns import Column
    from guestlist.reports.tables import Row, Table

KINDS = tuple(Report.values)
_TITLES = {
    Report.INVITATIONS: gettext_lazy("Invitations report"),
    Report.CONVERSIONS: gettext_lazy("Conversions report"),
}
_DRAWN = frozenset({"sent", "accepted", "discarded", "purchased"})
"""Columns that have a chart."""


@require_safe
def report(request: HttpRequest, kind: str) -> HttpResponse:
    """Show a report: that of the address' question, else of the last full week."""
    staff = access.of(request)
    staff.require(Permission.REPORTS)
    which = Report(kind)
    views = store_views(staff)
    question: Question | None = None
    problem: Unanswerable | None = None
    try:
        question = Question.from_query(request.GET.dict(), store_views=views, now=timezone.now())
    except Unanswerable as refusal:
        problem = refusal
    context: dict[str, Any] = {
        **access.context(request),
        "title": _TITLES[which],
        "form": ReportForm(which, views, request.GET.dict(), question=question, problem=problem),
        "address": reverse(f"admin:report_{which}"),
        "export_address": reverse(f"admin:report_{which}_export"),
        "is_opening": not request.GET,
        "is_fullwidth": "1",
    }
    if question is not None:
        context |= _shown(tables.made(which, question, store_views=views), staff, question.within(views))
    return render(request, "backoffice/report.html", context)


@require_safe
def export(request: HttpRequest, kind: str) -> HttpResponseBase:
    """Give the report of the address' question as a file."""
    staff = access.of(request)
    staff.require(Permission.REPORTS)
    which = Report(kind)
    query = request.GET.dict()
    form = query.pop("format", "")
    back = HttpResponseRedirect(f"{reverse(f'admin:report_{which}')}?{urlencode(query)}")
    views = store_views(staff)
    try:
        question = Question.from_query(query, store_views=views, now=timezone.now())
        pieces = files.as_file(tables.made(which, question, store_views=views), kind=form)
    except Unanswerable:
        return back  # which says what is wrong with it
    except exports.UnknownFormat as refusal:
        messages.error(request, str(refusal))
        return back
    name = f"{which.label}-{question.span.first}-{question.span.last}.{form}".lower()
    return downloads.as_file(request, pieces, name=name, media_type=exports.FORMATS[form])


def store_views(staff: Staff) -> list[StoreView]:
    """Return the store views whose reports they may see, website by website."""
    views = StoreView.objects.visible_to(staff.actor, Permission.REPORTS).select_related("website")
    return list(views.order_by("website__name", "website", "pk"))


def _shown(table: Table, staff: Staff, views: Sequence[StoreView]) -> dict[str, Any]:
    """Return what the page shows of a table, all in words."""
    question = table.question
    query = question.as_query()
    is_linked = _is_listed(table, staff, views)
    listed = {name: value for name, value in query.items() if name in {"website", "store_view"}}
    whole = {one.code: one.label for one in table.columns}
    return {
        "headings": [{"column": one, "of": whole.get(one.part_of)} for one in table.columns],
        "days": wording.days(question.span),
        "before_days": wording.days(table.before.span),
        "rows": [
            {
                "label": wording.period(question.period, row.span),
                "short": wording.named(question.period, row.span),
                "cells": _cells(table, row, listed if is_linked else None),
            }
            for row in table.rows
        ],
        "total": _cells(table, table.total, listed if is_linked else None),
        "before": _cells(table, table.before, listed if is_linked else None),
        "tiles": _tiles(table),
        "charts": _charts(table),
        "width": str(max(len(table.rows), 1) * charts.STEP),
        "bar_width": str(charts.BAR),
        "is_by_event": question.basis == Basis.EVENT,
        "exports": {kind: urlencode({**query, "format": kind}) for kind in exports.FORMATS},
        "zones": sorted({view.time_zone for view in views}),
    }


def _cells(table: Table, row: Row, listed: dict[str, str] | None) -> list[dict[str, Any]]:
    """Return the cells of a row, with the address of the very rows that each counts where the list has just these."""
    return [
        {
            "column": column,
            "text": wording.value(column, value),
            "url": _url(row, listed) if listed is not None and value and column.code == "accepted" else "",
        }
        for column, value in table.cells(row)
    ]


def _url(row: Row, listed: dict[str, str]) -> str:
    first, last = (day.isoformat() for day in row.span)
    query = {**listed, "registered_from": first, "registered_to": last}
    return f"{reverse('admin:invitations')}?{urlencode(query)}"


def _is_listed(table: Table, staff: Staff, views: Sequence[StoreView]) -> bool:
    """Tell whether the list of invitations can show what was accepted on a day.

    It has the days of one time zone, its reader's; it knows no days of first sending, and lists by the last.
    """
    return table.question.basis == Basis.EVENT and has_days(staff, views, table.question)


def has_days(staff: Staff, views: Sequence[StoreView], question: Question) -> bool:
    """Tell whether the list of invitations can show a local day of just these store views to the reader."""
    websites = {view.website_id for view in views}
    seen = {one.website_id for one in staff.store_views}
    return (
        websites <= seen
        and (len(question.as_query().keys() & {"website", "store_view"}) > 0 or websites == seen)
        and all(view.time_zone == str(staff.zone) for view in views)
    )


def _tiles(table: Table) -> list[dict[str, Any]]:
    """Return the figures of the whole beside those of the days before, but for parts of others."""
    pairs = zip(table.cells(table.total), table.before.values, strict=True)
    return [
        {
            "label": column.label,
            "now": wording.value(column, value),
            "before": wording.value(column, earlier),
        }
        for (column, value), earlier in pairs
        if not column.part_of
    ]


def _charts(table: Table) -> list[Chart]:
    """Return a chart for each count that is drawn; none where there is nothing to draw."""
    names = [wording.period(table.question.period, row.span) for row in table.rows]
    drawn = []
    for place, column in enumerate(table.columns):
        amounts = [_count(row.values[place]) for row in table.rows]
        if column.code in _DRAWN and any(amounts):
            drawn.append(_chart(column, names, amounts))
    return drawn


def _count(value: object) -> int:
    return value if isinstance(value, int) else 0


def _chart(column: Column, names: Sequence[str], amounts: Sequence[int]) -> Chart:
    most = max(amounts)
    values = {
        "label": column.label,
        "total": charts.number(sum(amounts)),
        "most": charts.number(most),
        "period": names[amounts.index(most)],
    }
    said = _("%(label)s: %(total)s in all, most in %(period)s: %(most)s.") % values
    return charts.Chart(
        column.code, column.label, values["total"], values["most"], said, charts.bars(names, amounts)
    )
