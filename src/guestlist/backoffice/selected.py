"""What is done to the selected rows of the grid: asked first, then counted."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from guestlist.backoffice import access, announcing, detail, listing
from guestlist.invitations import actions
from guestlist.invitations.config import Invitations
from guestlist.invitations.lifecycle import Status
from guestlist.invitations.models import WAITING, Invitation
from guestlist.mail.config import Delivery
from guestlist.stores import config
from guestlist.stores.actors import Permission

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable

    from guestlist.backoffice.access import Staff
    from guestlist.mail.models import Send

MOST = 1000
_DIGITS = 18
"""Most digits of an id that surely fit into the database's."""
_PERMISSIONS = {"discard": (Permission.DISCARD,), "send": (Permission.SEND, Permission.RESEND)}

REASONS = {
    Status.NOT_SENT.value: gettext_lazy("not sent yet"),
    Status.ACCEPTED.value: gettext_lazy("already accepted"),
    Status.DISCARDED.value: gettext_lazy("already discarded"),
    "not_found": gettext_lazy("not yours, or gone"),
    "move_not_allowed": gettext_lazy("already accepted"),
    "already_on_its_way": gettext_lazy("already on its way"),
    "already_customer": gettext_lazy("already a customer, and discarded"),
    "not_mailable": gettext_lazy("not to be mailed"),
    "not_permitted": gettext_lazy("not permitted to you"),
    "no_sender": gettext_lazy("without a sender identity"),
    "no_template": gettext_lazy("without a mail template"),
}
"""Why a row was left as it is, by the action's code, as the end of "3 …"."""


@require_POST
def selected(request: HttpRequest) -> HttpResponse:
    """Say what would happen to the selected invitations; once confirmed, do it and say what happened."""
    staff = access.of(request)
    staff.require(Permission.VIEW)
    action = request.POST.get("action", "")
    back = request.POST.get("back", "")
    ids = _ids(request.POST.getlist("id"))
    if action not in _PERMISSIONS or not any(staff.may(one) for one in _PERMISSIONS[action]):
        messages.error(request, _("You have no permission for this."))
        return HttpResponseRedirect(listing.address_of(back))
    if not ids:
        messages.warning(request, _("Select at least one invitation first."))
        return HttpResponseRedirect(listing.address_of(back))
    if len(ids) > MOST:
        said = _("Select at most %(max)s invitations at a time; these were %(count)s.")
        messages.error(request, said % {"max": MOST, "count": len(ids)})
        return HttpResponseRedirect(listing.address_of(back))
    if "confirmed" not in request.POST:
        return _asked(request, staff, action, ids, back)
    _do(request, staff, action, ids)
    return HttpResponseRedirect(listing.address_of(back))


def _ids(texts: Iterable[str]) -> list[int]:
    """Return the ids of the fields, each of which may have several with commas between them."""
    parts = (part for text in texts for part in text.split(","))
    fitting = (text for text in parts if text.isascii() and text.isdigit() and len(text) <= _DIGITS)
    return list(dict.fromkeys(int(text) for text in fitting))


def _asked(request: HttpRequest, staff: Staff, action: str, ids: list[int], back: str) -> HttpResponse:
    now = timezone.now()
    found = list(
        Invitation.objects.visible_to(staff.actor)
        .filter(pk__in=ids)
        .select_related("address")
        .order_by("-pk")
    )
    left = Counter({"not_found": len(ids) - len(found)})
    ready: list[Invitation] = []
    for one in found:
        code = _why_not(one, staff, action)
        if code:
            left[code] += 1
        else:
            ready.append(one)
    titles = {"discard": _("Discard the selected invitations?"), "send": _("Send the selected invitations?")}
    context = {
        **access.context(request),
        "title": titles[action],
        "action": action,
        "ids": ids,
        "back": back,
        "ready": ready,
        "left": _said(left),
        "now": now,
        "cancel": listing.address_of(back),
    }
    if action == "send" and len(ready) > actions.SINGLE_UP_TO:
        chosen = {one.store_view_id for one in ready}
        hours = announcing.hours_of(view for view in staff.store_views if view.pk in chosen)
        context["note"] = announcing.announced(len(ready), hours)
    return render(request, "backoffice/confirm_selected.html", context)


def _why_not(invitation: Invitation, staff: Staff, action: str) -> str:
    """Return why the action will leave this row, as far as the page can tell; the action itself decides."""
    if action == "discard":
        if not staff.actor.may(Permission.DISCARD, invitation.website_id):
            return "not_permitted"
        return "" if invitation.is_open else str(invitation.status)
    needed = Permission.SEND if invitation.status == Status.NOT_SENT else Permission.RESEND
    if not staff.actor.may(needed, invitation.website_id):
        return "not_permitted"
    if invitation.status == Status.ACCEPTED:
        return Status.ACCEPTED.value
    if invitation.delivery in WAITING:
        return "already_on_its_way"
    return "" if detail.can_send(invitation) else "not_mailable"


def _do(request: HttpRequest, staff: Staff, action: str, ids: list[int]) -> None:
    now = timezone.now()
    sends: list[Send] = []
    if action == "discard":
        tally = actions.discard_many(ids=ids, actor=staff.actor, now=now)
        done, skipped = tally.done, tally.skipped
        said = ngettext(
            "%(done)s of %(count)s invitation discarded%(rest)s.",
            "%(done)s of %(count)s invitations discarded%(rest)s.",
            len(ids),
        )
    else:
        sent = _send(staff, ids, now)
        done, skipped, sends = sent.done, sent.skipped, sent.sends
        said = ngettext(
            "%(done)s of %(count)s invitation on its way%(rest)s.",
            "%(done)s of %(count)s invitations on their way%(rest)s.",
            len(ids),
        )
    rest = "".join(f", {one}" for one in _said(skipped))
    level = messages.SUCCESS if done == len(ids) else messages.WARNING
    text = said % {"done": done, "count": len(ids), "rest": rest}
    messages.add_message(request, level, announcing.linked(text, sends))


def _send(staff: Staff, ids: list[int], now: datetime.datetime) -> actions.Sent:
    return actions.send_many(
        ids=ids,
        actor=staff.actor,
        configs=config.resolve_each(Invitations, staff.store_views),
        deliveries=config.resolve_each(Delivery, staff.store_views),
        now=now,
    )


def _said(left: Counter[str]) -> list[str]:
    return [f"{count} {REASONS.get(code, code)}" for code, count in sorted(left.items()) if count]
