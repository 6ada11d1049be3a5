"""Reports › Funnel: how far invitations came, step by step, and what brought them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.http import require_POST, require_safe

from guestlist.backoffice import access, charts, downloads
from guestlist.backoffice.report_form import DaysForm
from guestlist.backoffice.reports import store_views
from guestlist.invitations import exports
from guestlist.reports import wording
from guestlist.reports.funnel import cohort, keeping, tables
from guestlist.reports.funnel import wording as funnel_wording
from guestlist.reports.funnel.asking import Asked, Grouping
from guestlist.reports.funnel.figures import STEPS
from guestlist.reports.funnel.tables import Answer
from guestlist.reports.models import FunnelCount
from guestlist.reports.questions import Unanswerable
from guestlist.stores.actors import Permission

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from django.http.response import HttpResponseBase

    from guestlist.backoffice.access import Staff
    from guestlist.reports.funnel.tables import Table
    from guestlist.stores.models import StoreView

AT_ONCE = 65_536
"""Up to so many ids to go through a page counts by itself: half a second, on SQLite about one."""
_ASKED = ("from", "to", "by", "website", "store_view")
SHOWN = 100
"""Rows of a page; a file has more."""


class FunnelForm(DaysForm):
    """The fields of a question to the funnel."""

    def __init__(
        self,
        store_views: Sequence[StoreView],
        query: Mapping[str, str],
        *,
        question: Asked | None,
        problem: Unanswerable | None,
    ) -> None:
        """Show it with what tells the rows apart in the place of a period."""
        super().__init__(store_views, query, question=question, problem=problem)
        self.fields["by"] = forms.ChoiceField(
            label=pgettext("rows", "By"), choices=Grouping.choices, required=False
        )
        self.order_fields(["from", "to", "by"])


@require_safe
def funnel(request: HttpRequest) -> HttpResponse:
    """Show the funnel: that of the address' question, else of the last full week."""
    staff = access.of(request)
    staff.require(Permission.REPORTS)
    views = store_views(staff)
    asked: Asked | None = None
    problem: Unanswerable | None = None
    try:
        asked = Asked.from_query(request.GET.dict(), store_views=views, now=timezone.now())
    except Unanswerable as refusal:
        problem = refusal
    context: dict[str, Any] = {
        **access.context(request),
        "title": _("Funnel report"),
        "form": FunnelForm(views, request.GET.dict(), question=asked, problem=problem),
        "address": reverse("admin:report_funnel"),
        "is_opening": not request.GET,
        "is_fullwidth": "1",
    }
    if asked is not None:
        context |= _shown(asked, views, seen=_websites(staff, views, *access.SEES_PEOPLE))
    return render(request, "backoffice/report_funnel.html", context)


@require_safe
def export(request: HttpRequest) -> HttpResponseBase:
    """Give the funnel of the address' question as a file."""
    staff = access.of(request)
    staff.require(Permission.REPORTS)
    query = request.GET.dict()
    form = query.pop("format", "")
    back = HttpResponseRedirect(f"{reverse('admin:report_funnel')}?{urlencode(query)}")
    views = store_views(staff)
    try:
        asked = Asked.from_query(query, store_views=views, now=timezone.now())
    except Unanswerable:
        return back  # which says what is wrong with it
    answer, _kept = _found(asked, views)
    if answer is None:
        return back  # which says how it is counted
    try:
        seen = _websites(staff, views, *access.SEES_PEOPLE, Permission.EXPORT)
        told = tables.told(asked, answer, store_views=views, addresses_of=seen)
        pieces = funnel_wording.as_file(told, kind=form)
    except exports.UnknownFormat as refusal:
        messages.error(request, str(refusal))
        return back
    span = asked.question.span
    name = f"{_('Funnel')}-{asked.grouping}-{span.first}-{span.last}.{form}".lower()
    return downloads.as_file(request, pieces, name=name, media_type=exports.FORMATS[form])


@require_POST
def count(request: HttpRequest) -> HttpResponse:
    """Have the funnel of the form's question counted in the background, and lead back to it."""
    staff = access.of(request)
    staff.require(Permission.REPORTS)
    query = {name: request.POST.get(name, "") for name in _ASKED}
    views = store_views(staff)
    try:
        asked = Asked.from_query(query, store_views=views, now=timezone.now())
        query = asked.as_query()
        keeping.ask(asked, store_views=views, now=timezone.now())
    except Unanswerable:
        pass  # the page says what is wrong with it
    except keeping.TooManyWaiting as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, _("It is counted in the background."))
    return HttpResponseRedirect(f"{reverse('admin:report_funnel')}?{urlencode(query)}")


def _found(asked: Asked, views: Sequence[StoreView]) -> tuple[Answer | None, FunnelCount | None]:
    """Return the answer, counted at once where that is soon done, else what is kept of it, if anything."""
    pieces = cohort.pieces(asked.question.span)
    if cohort.size(pieces) <= AT_ONCE:
        return tables.counted(asked, store_views=views, pieces=pieces), None
    kept = keeping.kept(asked, store_views=views)
    if kept is None:
        # Nothing of it is written down: only the button asks.
        return None, FunnelCount(waits=False, size=cohort.size(pieces))
    return Answer.from_data(kept.answer) if kept.answer else None, kept


def _websites(staff: Staff, views: Sequence[StoreView], *needed: Permission) -> set[int]:
    """Return the ids of the store views' websites where they have all of these permissions."""
    websites = {one.website_id for one in views}
    return {one for one in websites if all(staff.actor.may(each, one) for each in needed)}


def _shown(asked: Asked, views: Sequence[StoreView], *, seen: Collection[int]) -> dict[str, Any]:
    """Return what the page shows, all in words."""
    query = asked.as_query()
    within = asked.question.within(views)
    context: dict[str, Any] = {
        "days": wording.days(asked.question.span),
        "zones": sorted({view.time_zone for view in within}),
        "query": query,
        "query_text": urlencode(query),
    }
    answer, kept = _found(asked, views)
    if kept is not None:
        context |= {"kept": kept, "size": charts.number(kept.size), "reached": charts.number(kept.reached)}
    if answer is None:
        return context
    table = tables.told(asked, answer, store_views=views, most=SHOWN, addresses_of=seen)
    return context | _table(table)


def _table(table: Table) -> dict[str, Any]:
    query = table.asked.as_query()
    # Where nothing tells rows apart the total says it all.
    rows = [] if table.asked.grouping == Grouping.ALL else table.rows
    return {
        "grouping": table.asked.grouping.label,
        "figures": table.figures,
        "rows": [_row(table, one) for one in rows],
        "is_empty": not table.total.value(STEPS[0]),
        "is_by_inviter": table.asked.grouping == Grouping.INVITER,
        "has_rows": table.asked.grouping != Grouping.ALL,
        "total": _row(table, table.total),
        "tiles": [
            (one.label, *funnel_wording.headline(one, table.total)) for one in table.figures[len(STEPS) :]
        ],
        "left_out": table.left_out,
        "steps": _steps(table),
        "exports": {kind: urlencode({**query, "format": kind}) for kind in exports.FORMATS},
    }


def _row(table: Table, row: tables.Row) -> dict[str, Any]:
    cells = [{"figure": one, "text": funnel_wording.cell(one, row)} for one in table.figures]
    return {"name": row.name, "cells": cells}


def _steps(table: Table) -> list[dict[str, Any]]:
    """Return the steps with their shares of all that were made, and how wide each is drawn."""
    counts = [int(table.total.value(one) or 0) for one in STEPS]
    whole = counts[0]
    return [
        {
            "code": one.code,
            "label": one.label,
            "count": charts.number(count),
            "share": wording.share(count, whole),
            "width": str(round(charts.HEIGHT * count / whole)) if whole else "0",
        }
        for one, count in zip(STEPS, counts, strict=True)
    ]
