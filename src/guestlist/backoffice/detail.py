"""One invitation: what it is, what happened to it, and what staff can do with it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from guestlist.backoffice import access, history, listing, neighbors
from guestlist.invitations import actions, config
from guestlist.invitations import message as words
from guestlist.invitations.lifecycle import MoveNotAllowed, Status
from guestlist.invitations.models import WAITING, Invitation
from guestlist.mail.models import Message
from guestlist.refusal import Refusal
from guestlist.stores.actors import Permission

if TYPE_CHECKING:
    import datetime

    from guestlist.backoffice.access import Staff

log = logging.getLogger(__name__)


@require_safe
def detail(request: HttpRequest, pk: int) -> HttpResponse:
    """Show the invitation."""
    return _shown(request, _found(request, pk))


@require_http_methods(["GET", "HEAD", "POST"])
def discard(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask whether to discard it; with a POST, do so."""
    invitation = _found(request, pk, Permission.DISCARD)
    if request.method != "POST":
        return _asked(
            request,
            invitation,
            title=_("Discard this invitation?"),
            text=_("Its link stops working, and a mail that is still waiting is not sent."),
            button=_("Discard"),
            is_final=True,
            is_possible=invitation.is_open,
        )
    try:
        actions.discard(invitation=invitation, actor=access.of(request).actor, now=timezone.now())
    except Refusal as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, _("The invitation was discarded."))
    return _back_to(request, pk)


@require_http_methods(["GET", "HEAD", "POST"])
def resend(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask whether to send it (again); with a POST, do so."""
    invitation = _found(request, pk)
    first = invitation.status == Status.NOT_SENT
    access.of(request).actor.require(Permission.SEND if first else Permission.RESEND, invitation.website_id)
    if request.method != "POST":
        return _asked(
            request,
            invitation,
            title=_("Send this invitation?") if first else _("Send this invitation again?"),
            text=_("It goes to %(address)s.") % {"address": address_of(invitation)},
            button=_("Send") if first else _("Resend"),
            is_possible=can_send(invitation),
        )
    try:
        actions.resend(
            invitation=invitation,
            actor=access.of(request).actor,
            config=config.of(invitation.store_view),
            now=timezone.now(),
        )
    except Refusal as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, _("The invitation is on its way."))
    return _back_to(request, pk)


@require_POST
def message(request: HttpRequest, pk: int) -> HttpResponse:
    """Save the words of an invitation that was not sent yet; what is refused stays in the form."""
    invitation = _found(request, pk, Permission.ADD)
    text = request.POST.get("message", "")
    try:
        actions.save_message(invitation=invitation, message=text, actor=access.of(request).actor)
    except MoveNotAllowed as refusal:
        messages.error(request, str(refusal))
        return _back_to(request, pk)
    except Refusal as refusal:
        return _shown(request, invitation, draft=text, problem=str(refusal))
    messages.success(request, _("The message was saved."))
    return _back_to(request, pk)


@require_POST
def link(request: HttpRequest, pk: int) -> HttpResponse:
    """Show a link to pass on: made now, stored nowhere."""
    invitation = _found(request, pk, Permission.SEND)
    try:
        url = actions.share(
            invitation=invitation,
            actor=access.of(request).actor,
            config=config.of(invitation.store_view),
            now=timezone.now(),
        )
    except Refusal as refusal:
        messages.error(request, str(refusal))
        return _back_to(request, pk)
    # Whoever has it may join with it, so that it was given out should not be known to its reader alone.
    log.info("link shown invitation=%s actor=%s", invitation.pk, access.of(request).actor)
    return _shown(request, invitation, link=url)


def address_of(invitation: Invitation) -> str:
    """Return the invited address as typed; empty where there is none (any more)."""
    return invitation.address.typed if hasattr(invitation, "address") else ""


def can_send(invitation: Invitation) -> bool:
    """Tell whether a button to send it makes sense; the action has the last word."""
    return not _why_not(invitation)


def _why_not(invitation: Invitation) -> str:
    """Say why it cannot be sent as it is now; nothing where it can."""
    if invitation.status == Status.ACCEPTED:
        return _("It is accepted, so there is nothing left to send.")
    if invitation.address_hash is None:
        return _("It has no address: its link is passed on by hand.")
    if invitation.delivery in WAITING:
        return _("Its mail is on its way already. It can be sent again when that is over.")
    return ""


def _found(request: HttpRequest, pk: int, needed: Permission = Permission.VIEW) -> Invitation:
    """Return the invitation with all that the page shows; what may not be seen is not there."""
    actor = access.of(request).actor
    loaded = Invitation.objects.visible_to(actor).select_related(
        "address",
        "note",
        "website",
        "store_view__website",
        "inviter",
        "staff",
        "invitee__group",
        "group",
        "occasion",
    )
    invitation = loaded.filter(pk=pk).first()
    if invitation is None:
        raise Http404
    actor.require(needed, invitation.website_id)
    return invitation


def _back_to(request: HttpRequest, pk: int) -> HttpResponse:
    return HttpResponseRedirect(neighbors.address_of(pk, request.GET.get("back", "")))


def _shown(
    request: HttpRequest,
    invitation: Invitation,
    *,
    draft: str | None = None,
    problem: str = "",
    link: str = "",
) -> HttpResponse:
    staff, now = access.of(request), timezone.now()
    saved = invitation.note.message if hasattr(invitation, "note") else ""
    back = request.GET.get("back", "")
    mail = Message.objects.select_related("sender").filter(pk=invitation.mail_id or 0).first()
    events = history.events_of(invitation)
    context = {
        **access.context(request),
        "title": _("Invitation %(id)s") % {"id": invitation.pk},
        "invitation": invitation,
        "address": address_of(invitation),
        "message": saved if draft is None else draft,
        "problem": problem,
        "link": link,
        "max_length": words.MAX_LENGTH,
        "now": now,
        "steps": history.steps(events, staff),
        "mail": mail,
        "answers": history.answers(events, invitation),
        "beside": neighbors.links(invitation, back, staff=staff, now=now),
        "may_see_staff": staff.actor.is_owner,
        "may_report": staff.actor.may(Permission.REPORTS, invitation.website_id),
        "query": f"?{urlencode({'back': back})}" if back else "",
        "list_address": listing.address_of(back),
        **_buttons(invitation, staff, now),
    }
    return render(request, "backoffice/invitation.html", context, status=422 if problem else 200)


def _buttons(invitation: Invitation, staff: Staff, now: datetime.datetime) -> dict[str, Any]:
    """Return what this staff member can do with it as it is now, and why it cannot be sent where it cannot."""
    first, website_id, may = invitation.status == Status.NOT_SENT, invitation.website_id, staff.actor.may
    is_usable = invitation.is_open and not invitation.is_expired(now)
    why_not = _why_not(invitation)
    if not why_not and not may(Permission.SEND if first else Permission.RESEND, website_id):
        why_not = _("Your role does not send invitations. Ask a colleague whose role does.")
    return {
        "is_first": first,
        "can_discard": invitation.is_open and may(Permission.DISCARD, website_id),
        "can_send": not why_not,
        "why_not_sent": why_not,
        "can_edit": first and may(Permission.ADD, website_id),
        "can_share": is_usable and may(Permission.SEND, website_id),
    }


def _asked(request: HttpRequest, invitation: Invitation, **said: Any) -> HttpResponse:  # noqa: ANN401 - sentences
    context = {
        **access.context(request),
        **said,
        "invitation": invitation,
        "address": address_of(invitation),
        "now": timezone.now(),
        "cancel": neighbors.address_of(invitation.pk, request.GET.get("back", "")),
    }
    return render(request, "backoffice/confirm_one.html", context)
