"""Inviting people as staff: the mail as it will look, and what became of each address."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods

from guestlist import addresses as mailbox
from guestlist.backoffice import access, announcing
from guestlist.backoffice.add_form import KEEP, LATER, NOW, AddForm
from guestlist.invitations import actions, config, emails
from guestlist.invitations import message as words
from guestlist.mail import sends as bulk
from guestlist.refusal import Refusal
from guestlist.stores.actors import Permission

if TYPE_CHECKING:
    from collections.abc import Sequence

    from guestlist.mail.models import Send
    from guestlist.mail.previews import Preview

REASONS = {
    "open_invitation": gettext_lazy("already invited"),
    "already_customer": gettext_lazy("already a customer"),
    "suppressed": gettext_lazy("not to be mailed"),
    "malformed_address": gettext_lazy("not an e-mail address"),
    "address_too_long": gettext_lazy("too long for an e-mail address"),
    "repeated": gettext_lazy("entered twice"),
}
"""Why an address was not invited, by the refusal's code, as the end of "1 not sent: …"."""


@require_http_methods(["GET", "HEAD", "POST"])
def add(request: HttpRequest) -> HttpResponse:
    """Show the form; show the mail as it will look; or invite, and keep in the form what was not invited."""
    staff, now = access.of(request), timezone.now()
    staff.require(Permission.ADD)
    if request.method != "POST":
        return _shown(request, AddForm(staff, now))
    form = AddForm(staff, now, request.POST)
    if not form.is_valid():
        return _shown(request, form, status=422)
    try:
        if request.POST.get("do") == "preview":
            return _shown(request, form, preview=_preview(form), again=request.POST.getlist("again"))
        verdicts = _invite(form, request.POST.getlist("again"))
    except Refusal as refusal:
        form.refuse(refusal)
        return _shown(request, form, status=422)
    send = _send_of(verdicts)
    _tell(request, form, verdicts, send)
    refused = [one for one in verdicts if one.refusal is not None]
    if not refused:
        address = reverse("admin:send", args=[send.pk]) if send else reverse("admin:invitations")
        return HttpResponseRedirect(address)
    return _shown(request, _kept(form, refused), verdicts=refused)


def _invite(form: AddForm, again: Sequence[str]) -> list[actions.Verdict]:
    view, cleaned = form.view, form.cleaned_data
    return actions.invite_as_staff(
        actor=form.staff.actor,
        store_view=view,
        addresses=_entered(cleaned["addresses"]),
        message=cleaned["message"],
        group=form.groups.get(cleaned["group"]),
        occasion=form.occasions.get(cleaned["occasion"]),
        ready_at=form.ready_at,
        why=form.why,
        again=_normalized(again),
        config=config.of(view),
        delivery=form.deliveries[view.pk],
        now=form.now,
    )


def _send_of(verdicts: Sequence[actions.Verdict]) -> Send | None:
    """Return the send that the mails leave in, where they are that many."""
    mails = (one.invitation.mail_id for one in verdicts if one.invitation is not None)
    return bulk.of_mail(message_id=next(mails, None))


def _preview(form: AddForm) -> Preview:
    cleaned = form.cleaned_data
    return emails.preview(
        form.view,
        config.of(form.view),
        inviter=None,
        message=words.clean(cleaned["message"], links_allowed=True),
        occasion=form.occasions.get(cleaned["occasion"]),
        invitee_address=next(iter(mailbox.split(cleaned["addresses"])), ""),
        now=form.now,
    )


def _entered(text: str) -> list[str]:
    """Return the addresses, one a text; those with a name keep it."""
    return [
        f'"{name}" <{one.address}>' if (name := one.name.replace('"', "").replace("\\", "")) else one.address
        for one in mailbox.split_named(text)
    ]


def _normalized(texts: Sequence[str]) -> set[str]:
    found = set()
    for text in texts:
        try:
            found.add(mailbox.normalize(text))
        except mailbox.MalformedAddress:
            continue  # a row that was edited away
    return found


def _kept(form: AddForm, refused: Sequence[actions.Verdict]) -> AddForm:
    """Return the form with only the addresses that were not invited, so that they can be put right."""
    names = {one.address: one.name for one in mailbox.split_named(form.cleaned_data["addresses"])}
    lines = dict.fromkeys(
        f"{names[one.address]} <{one.address}>" if names.get(one.address) else one.address for one in refused
    )
    data: Any = form.data.copy()  # type: ignore[attr-defined]  # a QueryDict
    data["addresses"] = "\n".join(lines)
    return AddForm(form.staff, form.now, data)


def _tell(
    request: HttpRequest, form: AddForm, verdicts: Sequence[actions.Verdict], send: Send | None
) -> None:
    counted = Counter(one.code for one in verdicts)
    invited = counted.pop("invited", 0)
    said = {
        NOW: ngettext("%(count)s queued", "%(count)s queued", invited)
        if send
        else ngettext("%(count)s sent", "%(count)s sent", invited),
        LATER: ngettext("%(count)s scheduled", "%(count)s scheduled", invited),
        KEEP: ngettext("%(count)s kept as Not Sent", "%(count)s kept as Not Sent", invited),
    }[form.cleaned_data["when"]] % {"count": number_format(invited, force_grouping=True)}
    refused = [
        _("%(count)s not sent: %(reason)s") % {"count": count, "reason": REASONS.get(code, code)}
        for code, count in sorted(counted.items())
    ]
    level = messages.WARNING if refused else messages.SUCCESS
    text = ", ".join([said, *refused]) + "."
    # Without refusals the send's own page comes next.
    messages.add_message(request, level, announcing.linked(text, [send] if send and refused else []))


def _shown(
    request: HttpRequest,
    form: AddForm,
    *,
    verdicts: Sequence[actions.Verdict] = (),
    preview: Preview | None = None,
    again: Sequence[str] = (),
    status: int = 200,
) -> HttpResponse:
    context = {
        **access.context(request),
        "title": _("Add invitations"),
        "form": form,
        "verdicts": verdicts,
        "preview": preview,
        "again": again,
        "max_length": words.MAX_LENGTH,
        "later": LATER,
    }
    return render(request, "backoffice/add.html", context, status=status)
