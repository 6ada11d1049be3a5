"""Reports › Invited customers: who invited in each period and what came of it, or the people who were invited."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from guestlist.backoffice import access, charts, downloads
from guestlist.backoffice.report_form import PeopleForm
from guestlist.invitations import exports
from guestlist.reports import people, wording
from guestlist.reports.customers import Inviter
from guestlist.reports.periods import Span
from guestlist.reports.questions import Question, Unanswerable
from guestlist.stores.actors import Permission
from guestlist.stores.models import StoreView

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.http.response import HttpResponseBase

    from guestlist.backoffice.access import Staff
    from guestlist.reports.customers import Invitee, Page
    from guestlist.reports.people import People

SIZE = 50
_TOP = 10
_WIDTH = 1000
"""How long the longest bar is, in units of the drawing."""


@require_safe
def report(request: HttpRequest) -> HttpResponse:
    """Show a page of who invited, or of whom they invited: of the address' question, else of the last full week."""
    staff = access.of(request)
    views = _store_views(staff, *access.SEES_PEOPLE)
    query, now = request.GET.dict(), timezone.now()
    listed: People | None = None
    question: Question | None = None
    problem: Unanswerable | None = None
    try:
        question = Question.from_query(query, store_views=views, now=now)
        listed = people.asked(
            question, lists_invitees=bool(query.get("invitees")), store_views=views, now=now
        )
    except Unanswerable as refusal:
        problem = refusal
    context: dict[str, Any] = {
        **access.context(request),
        "title": _("Invited customers report"),
        "form": PeopleForm(views, query, question=question, problem=problem),
        "address": reverse("admin:report_customers"),
        "export_address": reverse("admin:report_customers_export"),
        "is_fullwidth": "1",
    }
    if listed is not None:
        taken = _store_views(staff, *access.SEES_PEOPLE, Permission.EXPORT) if _may_export(staff) else []
        shown = listed.question.within(views)
        context |= _shown(listed, query.get("after", ""))
        context |= {
            "may_export": bool(listed.question.within(taken)),
            "exports_less": listed.question.within(taken) != shown,
            "zones": sorted({view.time_zone for view in shown}),
        }
    return render(request, "backoffice/invited_customers.html", context)


@require_safe
def export(request: HttpRequest) -> HttpResponseBase:
    """Give all rows of the address' question as a file: only ever of websites where the reader may export."""
    staff = access.of(request)
    views = _store_views(staff, *access.SEES_PEOPLE, Permission.EXPORT)
    query, now = request.GET.dict(), timezone.now()
    kind = query.pop("format", "")
    back = HttpResponseRedirect(f"{reverse('admin:report_customers')}?{urlencode(query)}")
    try:
        question = Question.from_query(query, store_views=views, now=now)
        listed = people.asked(
            question, lists_invitees=bool(query.get("invitees")), store_views=views, now=now
        )
        pieces = people.as_file(listed, kind=kind, who=str(staff.actor))
    except (Unanswerable, exports.UnknownFormat) as refusal:
        messages.error(request, str(refusal))
        return back
    name = f"{people.TITLE}-{question.span.first}-{question.span.last}.{kind}".lower().replace(" ", "-")
    return downloads.as_file(request, pieces, name=name, media_type=exports.FORMATS[kind])


def _may_export(staff: Staff) -> bool:
    return staff.may_together(*access.SEES_PEOPLE, Permission.EXPORT)


def _store_views(staff: Staff, *needed: Permission) -> list[StoreView]:
    """Return the store views of websites where they have all of these permissions, website by website.

    :raises PermissionDenied: when there is no such website.
    """
    if not staff.may_together(*needed):
        raise PermissionDenied
    views = StoreView.objects.select_related("website")
    for one in needed:
        views = views.visible_to(staff.actor, one)
    return list(views.order_by("website__name", "website", "pk"))


def _shown(listed: People, after: str) -> dict[str, Any]:
    """Return what the page shows of a list, all in words."""
    question = listed.question
    query = question.as_query() | ({"invitees": "1"} if listed.lists_invitees else {})
    place = people.read(after)
    page = listed.page(after=place, size=SIZE)
    names = people.names(lists_invitees=listed.lists_invitees)
    meanings = people.meanings(lists_invitees=listed.lists_invitees)
    return {
        "days": wording.days(question.span),
        "headings": names,
        "meanings": list(zip(names[1:], meanings, strict=True)),
        "lists_invitees": listed.lists_invitees,
        "rows": [_row(listed, row) for row in page.rows],
        "is_whole": place is None and page.after is None,
        "sums": _sums(page),
        "whole": [charts.number(listed.sent), charts.number(listed.accepted)],
        "top": _top(page),
        "exports": {kind: urlencode({**query, "format": kind}) for kind in exports.FORMATS},
        "first": f"?{urlencode(query)}" if place is not None else "",
        "following": f"?{urlencode({**query, 'after': people.written(page.after)})}" if page.after else "",
    }


def _row(listed: People, row: Inviter | Invitee) -> dict[str, Any]:
    """Return the cells of a row, with the addresses of what they are about."""
    values = people.cells(row, listed.now)
    cells = [{"text": charts.number(one) if isinstance(one, int) else one, "url": ""} for one in values]
    # An id is no amount: nobody looks for 1,234.
    cells[0]["text"] = str(values[0])
    if isinstance(row, Inviter):
        # One whose account was erased has no name to press.
        cells[1] = {"text": str(row.customer), "url": _invited_by(row.customer.pk)}
    else:
        one = row.invitation
        cells[0]["url"] = reverse("admin:invitation", args=[one.pk])
        cells[1] = {"text": one.address.typed or _("no address"), "url": cells[0]["url"]}
        cells[3]["text"] = wording.days(Span(one.sent_day, one.sent_day)) if one.sent_day else ""
        cells[2]["url"] = _invited_by(one.inviter_id) if one.inviter_id else ""
    return {"period": wording.period(listed.question.period, row.span), "cells": cells}


def _invited_by(pk: int) -> str:
    return f"{reverse('admin:invitations')}?{urlencode({'inviter': pk})}"


def _sums(page: Page[Inviter] | Page[Invitee]) -> list[str]:
    rows = [one for one in page.rows if isinstance(one, Inviter)]
    return [charts.number(sum(one.sent for one in rows)), charts.number(sum(one.accepted for one in rows))]


def _top(page: Page[Inviter] | Page[Invitee]) -> list[dict[str, Any]]:
    """Return who sent most on the page, each with the length of their bars as texts."""
    rows = [one for one in page.rows if isinstance(one, Inviter)]
    sent: Counter[int] = Counter()
    accepted: Counter[int] = Counter()
    for row in rows:
        sent[row.customer.pk] += row.sent
        accepted[row.customer.pk] += row.accepted
    named = {row.customer.pk: str(row.customer) for row in rows}
    first: Sequence[tuple[int, int]] = sent.most_common(_TOP)
    most = first[0][1] if first else 1
    return [
        {
            "name": named[pk],
            "sent": charts.number(number),
            "accepted": charts.number(accepted[pk]),
            "width": str(_WIDTH * number // most),
            "accepted_width": str(_WIDTH * accepted[pk] // most),
        }
        for pk, number in first
    ]
