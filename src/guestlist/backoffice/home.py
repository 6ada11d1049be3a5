"""The first page: how invitations stand, and what needs somebody's eye."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

from django.db.models import Count, Q
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from guestlist.backoffice import access
from guestlist.backoffice.labels import EXPIRED
from guestlist.customers.models import DefaultGroup
from guestlist.invitations import filters
from guestlist.invitations.lifecycle import Status
from guestlist.invitations.models import Delivery, Invitation
from guestlist.mail.models import Message, SenderIdentity
from guestlist.stores.actors import Permission

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from guestlist.backoffice.access import Staff

_NEWEST = 5


def home(request: HttpRequest) -> HttpResponse:
    """Show counts by status, what waits and what failed, each linked to its rows."""
    staff, now = access.of(request), timezone.now()
    context: dict[str, Any] = {
        **access.context(request),
        "title": _("Home"),
        "may_view": staff.may(Permission.VIEW),
        "may_add": staff.may(Permission.ADD),
        "may_configure": staff.may(Permission.CONFIGURE),
        "now": now,
    }
    if context["may_configure"]:
        context["missing"] = _missing(staff)
    if context["may_view"]:
        visible = Invitation.objects.visible_to(staff.actor)
        newest = visible.select_related("address", "inviter", "staff", "website").order_by("-pk")
        context |= {
            "statuses": _statuses(staff, now),
            "mail": _mail(staff, now),
            "newest": list(newest[:_NEWEST]),
        }
    return render(request, "backoffice/home.html", context)


def _missing(staff: Staff) -> list[dict[str, str]]:
    """Return what the shops still lack before they can be used, each with the page that makes it."""
    mine = [one for one in staff.websites if staff.actor.may(Permission.CONFIGURE, one.pk)]
    views = [one for one in staff.store_views if one.website in mine]
    general = SenderIdentity.objects.filter(website__in=mine, code=SenderIdentity.Code.GENERAL)
    mailing = set(general.values_list("website", flat=True))
    grouped = set(DefaultGroup.objects.filter(store_view__in=views).values_list("store_view", flat=True))
    answering = {view.website_id for view in views}
    wanted = [] if staff.websites else [("stores_website", _("There is no website yet."), "")]
    wanted += [
        ("stores_storeview", _("“%(name)s” has no store view yet, so it has no pages."), one.name)
        for one in mine
        if one.pk not in answering
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


def _statuses(staff: Staff, now: datetime.datetime) -> list[dict[str, Any]]:
    visible = Invitation.objects.visible_to(staff.actor)
    counted = dict(visible.order_by().values_list("status").annotate(Count("pk")))
    expired = visible.expired(now).count()
    counted[Status.SENT] = counted.get(Status.SENT, 0) - expired
    rows = [(status.value, status.label, counted.get(status.value, 0)) for status in Status]
    rows.insert(2, (filters.EXPIRED, EXPIRED, expired))
    return [{"code": code, "label": label, "count": count} for code, label, count in rows]


def _mail(staff: Staff, now: datetime.datetime) -> dict[str, Any]:
    allowed = staff.actor.website_ids(Permission.VIEW)
    here = Q() if allowed is None else Q(store_view__website__in=allowed)
    waiting = Message.objects.waiting().filter(here)
    trouble = Invitation.objects.visible_to(staff.actor).filter(
        delivery__in=(Delivery.FAILED, Delivery.BOUNCED, Delivery.IN_DOUBT)
    )
    failed = dict(trouble.order_by().values_list("delivery").annotate(Count("pk")))
    stopped = SenderIdentity.objects.exclude(stopped_at=None).filter(website__in=staff.websites)
    return {
        "waiting": waiting.filter(ready_at__lte=now).count(),
        "scheduled": waiting.filter(ready_at__gt=now).count(),
        "failed": [
            {"code": delivery.value, "label": delivery.label, "count": failed[delivery.value]}
            for delivery in (Delivery.FAILED, Delivery.BOUNCED, Delivery.IN_DOUBT)
            if failed.get(delivery.value)
        ],
        "stopped": list(stopped.select_related("website").order_by("pk")),
    }
