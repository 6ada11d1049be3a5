"""The first page: how today went, how invitations stand, and what needs somebody's eye."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from guestlist.backoffice import access, mail_now, recent, sends, tasks
from guestlist.backoffice.labels import EXPIRED
from guestlist.customers.models import DefaultGroup
from guestlist.invitations import estimates, filters
from guestlist.invitations.estimates import Amount
from guestlist.invitations.lifecycle import Status
from guestlist.invitations.models import Invitation
from guestlist.mail.models import SenderIdentity
from guestlist.stores.actors import Permission

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from guestlist.backoffice.access import Staff

_NEWEST = 5
_SENDS = 5
_TASKS = 5
_SHORTCUTS = (
    ("invitations_add", gettext_lazy("Add invitations"), Permission.ADD),
    ("imports", gettext_lazy("Import invitations"), Permission.IMPORT),
    ("invitations", gettext_lazy("All invitations"), Permission.VIEW),
    ("sends", gettext_lazy("All sends"), Permission.VIEW),
    ("configuration", gettext_lazy("Configuration"), Permission.CONFIGURE),
)


def home(request: HttpRequest) -> HttpResponse:
    """Show today's and the last days' figures, counts by status, what waits and what failed, each linked to its rows."""
    staff = access.of(request)
    now = timezone.now().astimezone(staff.zone)
    context: dict[str, Any] = {
        **access.context(request),
        "title": _("Home"),
        "may_view": staff.may(Permission.VIEW),
        "shortcuts": [
            {"url": reverse(f"admin:{name}"), "label": label}
            for name, label, needed in _SHORTCUTS
            if staff.may(needed)
        ],
        "now": now,
    }
    if staff.may(Permission.CONFIGURE):
        context["missing"] = _missing(staff)
    if context["may_view"]:
        visible = Invitation.objects.visible_to(staff.actor)
        newest = visible.select_related("address", "inviter", "staff", "website").order_by("-pk")
        context |= {
            "recent": recent.recent(staff.store_views, now=now),
            "statuses": _statuses(staff, now),
            "mail": mail_now.of(staff, staff.websites, now=now),
            "tasks": tasks.needing(staff, most=_TASKS),
            "sends": sends.open_ones(staff, now, most=_SENDS),
            "newest": list(newest[:_NEWEST]),
        }
    return render(request, "backoffice/home.html", context)


def _missing(staff: Staff) -> list[dict[str, str]]:
    """Return what the shops still lack before they can be used, each with the page that makes it."""
    mine, views = staff.websites_for(Permission.CONFIGURE), staff.store_views_for(Permission.CONFIGURE)
    general = SenderIdentity.objects.filter(website__in=mine, code=SenderIdentity.Code.GENERAL)
    mailing = set(general.values_list("website", flat=True))
    grouped = set(DefaultGroup.objects.filter(store_view__in=views).values_list("store_view", flat=True))
    answering = {view.website_id for view in views}
    wanted = [] if mine else [("stores_website", _("There is no website yet."), "")]
    wanted += [
        ("stores_storeview", _("“%(name)s” has no store view yet, so it has no pages."), one.name)
        for one in mine
        # Who may not say where a website answers cannot make one either.
        if one.pk not in answering and staff.actor.may(Permission.CONFIGURE, None)
    ]
    wanted += [
        ("customers_defaultgroup", _("“%(name)s” has no default group yet for new customers."), one.name)
        for one in views
        if one.pk not in grouped
    ]
    wanted += [
        (
            "mail_senderidentity",
            _("“%(name)s” has no sender identity “General” yet, so it mails nobody."),
            one.name,
        )
        for one in mine
        if one.pk not in mailing
    ]
    return [
        {"url": reverse(f"admin:guestlist_{table}_add"), "text": text % {"name": name}}
        for table, text, name in wanted
    ]


def _statuses(staff: Staff, now: datetime.datetime) -> list[recent.Tile]:
    amounts = estimates.by_status(staff.actor.website_ids(Permission.VIEW), now=now)
    address = reverse("admin:invitations")
    labels: dict[str, Any] = {}
    for status in Status:
        labels[status.value] = status.label
        if status == Status.SENT:
            labels[filters.EXPIRED] = EXPIRED
    return [
        recent.Tile(code, label, mail_now.said(amounts.get(code, Amount(0))), f"{address}?status={code}")
        for code, label in labels.items()
    ]
