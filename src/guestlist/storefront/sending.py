"""Inviting friends: the form, the mail as they will see it, and one more press that sends."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.csp import CSP
from django.utils.translation import ngettext
from django.views.decorators.cache import cache_control, never_cache
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.csp import csp_override
from django.views.decorators.http import require_http_methods, require_safe

from guestlist.invitations import actions, emails
from guestlist.invitations.message import MAX_LENGTH
from guestlist.occasions.models import Occasion
from guestlist.refusal import Refusal
from guestlist.storefront import errors
from guestlist.storefront.drafts import Draft, chosen_occasion
from guestlist.storefront.gate import ShopRequest, config_of, for_inviters
from guestlist.stores import stale

if TYPE_CHECKING:
    import datetime

    from guestlist.invitations.actions import Verdict
    from guestlist.invitations.models import Invitation
    from guestlist.mail.previews import Preview

_PREVIEWS = "guestlist_previews"
_SENT = "guestlist_sent"
_MOST_PREVIEWS = 3
_NUMBER = re.compile(r"[0-9]{1,5}")

# A mail styles itself as mails must; the page around it does not let it do anything else.
_MAIL_CSP = {
    "default-src": [CSP.NONE],
    "style-src": [CSP.UNSAFE_INLINE],
    "img-src": [CSP.SELF, "data:"],
    "frame-ancestors": [CSP.SELF],
    "base-uri": [CSP.NONE],
    "form-action": [CSP.NONE],
}


@stale.keeps_form
@require_http_methods(["GET", "HEAD", "POST"])
# Kept by the browser, so that its back button finds what was typed and what was shown; asked for anew otherwise.
@cache_control(private=True, no_cache=True)
@for_inviters
def send(request: ShopRequest) -> HttpResponse:
    """Show the form; take what was typed to the preview; send what was seen there."""
    if request.method != "POST":
        return _form(request, Draft(addresses=("",), occasion=request.GET.get("occasion", "")[:40]))
    draft = Draft.of(request.POST)
    if stale.is_refused(request):
        return _form(request, replace(draft, whole=errors.stale_form()))
    changed = _rearranged(draft, request.POST)
    if changed is not None:
        return _form(request, changed)
    try:
        if request.POST.get("do") == "edit":
            return _form(request, draft.with_verdicts(_examined(request, draft, None)))
        return _sent(request, draft) if request.POST.get("do") == "send" else _preview(request, draft)
    except Refusal as refusal:
        return _form(request, _with_all_problems(request, draft, refusal))


def form_for(request: ShopRequest, invitation: Invitation) -> HttpResponse:
    """Show the form with what an earlier invitation said, its address to be corrected."""
    note = getattr(invitation, "note", None)
    return _form(
        request,
        Draft(
            addresses=(invitation.address.typed,),
            message=note.message if note else "",
            occasion=str(invitation.occasion.public_id) if invitation.occasion else "",
            focus=0,
            suggest=True,
        ),
    )


@require_safe
@never_cache
@xframe_options_sameorigin
@csp_override(_MAIL_CSP)  # type: ignore[arg-type]
@for_inviters
def mail(request: ShopRequest, once: str) -> HttpResponse:
    """Show the mail of a preview alone, for the frame in the preview's page."""
    kept = request.session.get(_PREVIEWS, {}).get(once)
    if kept is None:
        raise Http404
    rendered = _rendered(request, Draft((kept["to"],), message=kept["message"], occasion=kept["occasion"]))
    return HttpResponse(rendered.html)


def _rearranged(draft: Draft, data: QueryDict) -> Draft | None:
    """Give the draft as the buttons beside its fields change it; nothing when none was pressed."""
    if "add" in data:
        return draft.with_another()
    for name, change in (("remove", draft.without), ("use", draft.with_suggestion)):
        if name in data:
            found = _NUMBER.fullmatch(data.get(name, ""))
            return change(int(found[0])) if found else draft
    return None


def _with_all_problems(request: ShopRequest, draft: Draft, refusal: Refusal) -> Draft:
    """Give the draft with the refusal; one of the message comes together with what is wrong with the addresses."""
    refused = draft.with_refusal(refusal)
    if not refused.message_error:
        return refused
    try:
        verdicts = _examined(request, replace(draft, message=""), None)
    except Refusal as other:
        return replace(draft.with_refusal(other), message_error=refused.message_error)
    return refused.with_verdicts(verdicts)


def _examined(request: ShopRequest, draft: Draft, occasion: Occasion | None) -> list[Verdict]:
    return actions.examine(
        inviter=request.customer,
        store_view=request.store_view,
        addresses=draft.filled,
        message=draft.message,
        occasion=occasion,
        config=config_of(request),
        now=timezone.now(),
    )


def _preview(request: ShopRequest, draft: Draft) -> HttpResponse:
    draft, occasion = chosen_occasion(draft, _occasions(request, timezone.now()))
    verdicts = _examined(request, draft, occasion)
    ready = [verdict.address for verdict in verdicts if verdict.refusal is None]
    draft = draft.with_verdicts(verdicts)
    if not ready or draft.occasion_error or draft.is_doubtful:
        return _form(request, draft)
    once = secrets.token_urlsafe(9)
    previews = request.session.get(_PREVIEWS, {})
    kept = list(previews.items())[-(_MOST_PREVIEWS - 1) :]
    seen = {"to": ready[0], "message": draft.message, "occasion": draft.occasion}
    request.session[_PREVIEWS] = {**dict(kept), once: seen}
    return render(
        request,
        "storefront/account/preview.html",
        {
            "here": "invitations",
            "draft": draft,
            "ready": ready,
            "mail": _rendered(request, replace(draft, addresses=tuple(ready))),
            "once": once,
        },
    )


def _sent(request: ShopRequest, draft: Draft) -> HttpResponse:
    once = request.POST.get("once", "")[:20]
    done: dict[str, int] = request.session.get(_SENT, {})
    if once and once in done:
        _say_sent(request, done[once])
        return redirect("storefront:invitations")
    now = timezone.now()
    draft, occasion = chosen_occasion(draft, _occasions(request, now))
    if not draft.is_fine:
        return _form(request, draft)
    verdicts = actions.invite(
        inviter=request.customer,
        store_view=request.store_view,
        addresses=draft.filled,
        message=draft.message,
        occasion=occasion,
        config=config_of(request),
        now=now,
    )
    sent = [verdict.address for verdict in verdicts if verdict.refusal is None]
    request.session[_SENT] = {**dict(list(done.items())[-9:]), once: len(sent)}
    refused = [verdict for verdict in verdicts if verdict.refusal is not None]
    if not refused:
        _say_sent(request, len(sent))
        return redirect("storefront:invitations")
    return _form(request, draft.with_verdicts(refused), sent=sent)


def _say_sent(request: ShopRequest, count: int) -> None:
    said = ngettext("%(n)s invitation is on its way.", "%(n)s invitations are on their way.", count)
    messages.success(request, said % {"n": count})


def _rendered(request: ShopRequest, draft: Draft) -> Preview:
    now = timezone.now()
    _draft, occasion = chosen_occasion(draft, _occasions(request, now))
    config = config_of(request)
    return emails.preview(
        request.store_view,
        config,
        inviter=request.customer,
        message=draft.message if config.custom_message else "",
        occasion=occasion,
        invitee_address=draft.filled[0] if draft.filled else "",
        now=now,
    )


def _occasions(request: ShopRequest, now: datetime.datetime) -> list[Occasion]:
    if not hasattr(request, "_guestlist_occasions"):
        found = Occasion.objects.for_customer(request.customer).open(now).order_by("title", "pk")
        request._guestlist_occasions = list(found)  # type: ignore[attr-defined]  # noqa: SLF001 - ours
    return request._guestlist_occasions  # type: ignore[attr-defined,no-any-return]  # noqa: SLF001


@dataclass(frozen=True, slots=True)
class _Choice:
    """One occasion of the list."""

    value: str
    label: str
    selected: bool


def _form(request: ShopRequest, draft: Draft, *, sent: list[str] | None = None) -> HttpResponse:
    config = config_of(request)
    context: dict[str, Any] = {
        "here": "invitations",
        "draft": draft,
        "rows": draft.rows(),
        "problems": draft.problems(),
        "sent": sent or [],
        "maximum": config.max_at_once,
        "message_allowed": config.custom_message,
        "message_maximum": MAX_LENGTH,
        "links_allowed": config.links_in_message == "allow",
        "message_focus": bool(draft.message_error) and not draft.errors,
        "occasions": [
            _Choice(str(one.public_id), one.title, str(one.public_id) == draft.occasion)
            for one in _occasions(request, timezone.now())
        ],
    }
    status = 200 if draft.is_fine else 422
    return render(request, "storefront/account/send.html", context, status=status)
