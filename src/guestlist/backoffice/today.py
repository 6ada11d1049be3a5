"""Reports › Today: what waits and went wrong, what happened since the shop's midnight, and who invited most."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.http import require_safe

from guestlist.backoffice import access, charts, mail_now, recent, reports
from guestlist.backoffice.recent import Tile
from guestlist.backoffice.report_form import TodayForm
from guestlist.invitations import estimates
from guestlist.reports import standing
from guestlist.reports import today as of_today
from guestlist.reports.questions import Question, Unanswerable
from guestlist.stores.actors import Permission

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from guestlist.backoffice.access import Staff
    from guestlist.stores.models import StoreView

_TOP = 10
_NARROWING = ("website", "store_view")


@require_safe
def today(request: HttpRequest) -> HttpResponse:
    """Show today at the website or store view that the address asks for, else at all that the reader may see."""
    staff = access.of(request)
    staff.require(Permission.REPORTS)
    views = reports.store_views(staff)
    query = {name: value for name, value in request.GET.dict().items() if name in _NARROWING}
    now = timezone.now().astimezone(staff.zone)
    question: Question | None = None
    problem: Unanswerable | None = None
    try:
        question = Question.from_query(query, store_views=views, now=now)
    except Unanswerable as refusal:
        problem = refusal
    context: dict[str, Any] = {
        **access.context(request),
        "title": _("Today"),
        "form": TodayForm(views, query, question=question, problem=problem),
        "address": reverse("admin:report_today"),
        "has_choice": len(views) > 1,
        "now": now,
    }
    if question is not None:
        context |= _shown(staff, question, question.within(views), now)
    return render(request, "backoffice/today.html", context)


def _shown(
    staff: Staff, question: Question, views: Sequence[StoreView], now: datetime.datetime
) -> dict[str, Any]:
    people = [
        one for one in views if all(staff.actor.may(need, one.website_id) for need in access.SEES_PEOPLE)
    ]
    top = of_today.top_inviters(people, most=_TOP, now=now)
    websites = list({one.website_id: one.website for one in views}.values())
    mail = mail_now.of(staff, websites, now=now)
    return {
        "zones": sorted({one.time_zone for one in views}),
        "tiles": _happened(staff, question, views, now),
        "mail": mail,
        "standing": _standing(staff, question, mail, {one.pk for one in websites}),
        "of_whole_websites": question.store_view is not None,
        "sees_people": bool(people),
        "top": [
            {
                "name": str(one.customer),
                "url": f"{reverse('admin:invitations')}?{urlencode({'inviter': one.customer.pk})}",
                "sent": charts.number(one.sent),
                "accepted": charts.number(one.accepted),
            }
            for one in top.inviters
        ],
        "newest_known": charts.number(estimates.NEWEST),
        "newest": "" if top.is_whole else charts.number(of_today.NEWEST),
    }


def _happened(
    staff: Staff, question: Question, views: Sequence[StoreView], now: datetime.datetime
) -> list[Tile]:
    """Return what happened today; what the list of invitations has just so leads there."""
    day = now.date() if reports.has_days(staff, views, question) else None
    complaints = charts.number(of_today.complaints(views, now=now))
    return [
        *recent.tiles(
            of_today.happened(views, measures=recent.TODAY, now=now),
            day,
            more=(
                ("accepted", pgettext("figures", "Joined"), of_today.JOINED),
                ("accepted", _("First orders"), of_today.FIRST_ORDERS),
            ),
            narrowed=_narrowed(question),
        ),
        Tile("discarded", _("Complaints"), complaints, ""),
    ]


def _standing(staff: Staff, question: Question, mail: dict[str, Any], websites: set[int]) -> list[Tile]:
    """Return how mail stands now; where a page has just these rows its figure leads there."""
    mine = {one.pk for one in staff.websites}
    is_all = websites == mine
    outbox = reverse("admin:guestlist_mail_message_changelist")
    # Of a store view alone the list has fewer, and of ten millions it has old ones too.
    is_listed = websites <= mine and (is_all or question.website is not None)
    is_listed = is_listed and question.store_view is None and estimates.are_all_new()
    # The outbox lists what is due and what is for later together.
    is_due = is_all and not mail["scheduled"]
    return [
        Tile("not_sent", _("Waiting"), mail["waiting"], f"{outbox}?state__exact=ready" if is_due else ""),
        Tile(
            "not_sent", _("For later"), mail["scheduled"] or "0", f"{outbox}?leaves=later" if is_all else ""
        ),
        *(
            Tile(
                "discarded",
                str(one["label"]).capitalize(),
                one["count"],
                _delivered(question, one["code"], is_listed=is_listed),
            )
            for one in mail["failed"]
        ),
        *(
            # What is as it should be is no warning.
            Tile("expired" if count else "not_sent", label, charts.number(count), "")
            for label, count in (
                (_("Sends held"), standing.held_sends(websites)),
                (_("Senders at rest"), len(mail["stopped"]) + len(mail["held"])),
                (_("Limits hit"), len(mail["exhausted"])),
            )
        ),
    ]


def _delivered(question: Question, code: str, *, is_listed: bool) -> str:
    if not is_listed:
        return ""
    return f"{reverse('admin:invitations')}?{urlencode({**_narrowed(question), 'delivery': code})}"


def _narrowed(question: Question) -> dict[str, str]:
    return {name: value for name, value in question.as_query().items() if name in _NARROWING}
