"""Bulk sends: all of them, one of them as it goes, and its switches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.db.models import F
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from guestlist.backoffice import access, paging
from guestlist.mail import sends as bulk
from guestlist.mail.config import Delivery
from guestlist.mail.models import Send, SenderIdentity
from guestlist.refusal import Refusal
from guestlist.stores import config
from guestlist.stores.actors import Permission

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Sequence

    from guestlist.backoffice.access import Staff
    from guestlist.mail.models import SendQuerySet
    from guestlist.mail.sends import Progress

SIZE = 25

_DONE = {
    "pause": gettext_lazy("The send is paused. Nothing more of it leaves until you resume it."),
    "resume": gettext_lazy("The send goes on."),
    "stop": gettext_lazy(
        "The send is stopped: nothing more of it leaves, and what had not left is being withdrawn."
    ),
    "release": gettext_lazy("The send was released and leaves after all."),
}
_ACTIONS: dict[str, Callable[..., bool]] = {
    "pause": bulk.pause,
    "resume": bulk.resume,
    "stop": bulk.stop,
    "release": bulk.release,
}


@require_safe
def listing(request: HttpRequest) -> HttpResponse:
    """Show the sends, page by page, newest first; with ``part`` what changes of those that are named by ``ids``."""
    staff, now = access.of(request), timezone.now()
    staff.require(Permission.VIEW)
    visible = _loaded(Send.objects.visible_to(staff.actor))
    if "part" in request.GET:
        shown = visible.filter(pk__in=paging.numbers(request.GET.get("ids", ""))[:SIZE]).order_by("-pk")
        return render(request, "backoffice/_sends.html", {"rows": progress_of(list(shown), now)})
    page = paging.page(visible, request.GET, size=SIZE)
    context = {
        **access.context(request),
        "title": _("Sends"),
        "rows": progress_of(page.rows, now),
        "following": page.following,
        "preceding": page.preceding,
        "can_add": staff.may(Permission.ADD),
    }
    return render(request, "backoffice/sends.html", context)


@require_safe
def detail(request: HttpRequest, pk: int) -> HttpResponse:
    """Show a send as it goes; with ``part`` only what changes."""
    send = _found(request, pk)
    context = _shown(request, send)
    if "part" in request.GET:
        return render(request, "backoffice/_send.html", context)
    context |= {**access.context(request), "title": _("Send %(id)s") % {"id": send.pk}}
    return render(request, "backoffice/send.html", context)


@require_POST
def switch(request: HttpRequest, pk: int, action: str) -> HttpResponse:
    """Pause, resume or release a send."""
    return _switched(request, _found(request, pk, Permission.SEND), action)


@require_http_methods(["GET", "HEAD", "POST"])
def stop(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask whether to stop a send, with its counts of this moment; with a POST, do so."""
    send = _found(request, pk, Permission.SEND)
    if request.method == "POST":
        return _switched(request, send, "stop")
    context = _shown(request, send)
    if "part" in request.GET:
        return render(request, "backoffice/_stopping.html", context)
    context |= {**access.context(request), "title": _("Stop send %(id)s?") % {"id": send.pk}}
    return render(request, "backoffice/confirm_stop.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def release_sender(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask whether mail of a held sender shall leave again; with a POST, let it."""
    actor = access.of(request).actor
    mine = SenderIdentity.objects.select_related("website")
    allowed = actor.website_ids(Permission.TEMPLATES)
    identity = (mine if allowed is None else mine.filter(website__in=allowed)).filter(pk=pk).first()
    if identity is None:
        raise Http404
    if request.method == "POST":
        if bulk.release_sender(identity=identity, actor=actor, now=timezone.now()):
            messages.success(request, _("The sender is released: its mail leaves again."))
        return HttpResponseRedirect(reverse("admin:index"))
    context = {
        **access.context(request),
        "title": _("Release this sender?"),
        "sender": identity,
    }
    return render(request, "backoffice/confirm_sender.html", context)


def progress_of(sends: Sequence[Send], now: datetime.datetime) -> list[Progress]:
    """Return how far the sends are, in as many queries for many as for one."""
    views = list({one.store_view_id: one.store_view for one in sends}.values())
    return bulk.progress(sends, options=config.resolve_each(Delivery, views), now=now)


def open_ones(staff: Staff, now: datetime.datetime, *, most: int) -> list[Progress]:
    """Return sends that are not over: those that wait for somebody first, then the newest."""
    visible = _loaded(Send.objects.visible_to(staff.actor).filter(finished_at=None))
    ordered = visible.order_by(F("held_at").asc(nulls_last=True), "-pk")
    return progress_of(list(ordered[:most]), now)


def _loaded(sends: SendQuerySet) -> SendQuerySet:
    return sends.select_related("website", "store_view", "sender", "created_by")


def _found(request: HttpRequest, pk: int, needed: Permission = Permission.VIEW) -> Send:
    """Return the send; what may not be seen is not there."""
    actor = access.of(request).actor
    send = _loaded(Send.objects.visible_to(actor)).filter(pk=pk).first()
    if send is None:
        raise Http404
    actor.require(needed, send.website_id)
    return send


def _shown(request: HttpRequest, send: Send) -> dict[str, Any]:
    actor = access.of(request).actor
    (one,) = progress_of([send], timezone.now())
    return {
        "send": send,
        "one": one,
        "can_switch": actor.may(Permission.SEND, send.website_id),
        "can_see_to_sender": actor.may(Permission.TEMPLATES, send.website_id),
    }


def _switched(request: HttpRequest, send: Send, action: str) -> HttpResponse:
    try:
        _ACTIONS[action](send=send, actor=access.of(request).actor, now=timezone.now())
    except Refusal as refusal:
        messages.warning(request, str(refusal))
    else:
        # Also for the second press of a double click: it is so.
        messages.success(request, str(_DONE[action]))
    return HttpResponseRedirect(reverse("admin:send", args=[send.pk]))
