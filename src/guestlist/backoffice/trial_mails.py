"""Test mails as staff ask for them: of a template in a language, or from a sender; always to themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from guestlist.backoffice import access
from guestlist.invitations.config import Invitations
from guestlist.mail import actions as mail
from guestlist.mail import trials
from guestlist.mail.models import SenderIdentity, Template
from guestlist.refusal import Refusal
from guestlist.stores import config
from guestlist.stores.actors import Permission

if TYPE_CHECKING:
    from guestlist.stores.models import StoreView


@dataclass(frozen=True, slots=True)
class Offer:
    """What a form for a test mail says: where it goes, and from which store views it can."""

    address: str
    views: list[StoreView]


def offered_to(request: HttpRequest) -> Offer:
    """Return what the signed-in staff member may send themselves."""
    staff = access.of(request)
    return Offer(getattr(request.user, "email", ""), staff.store_views_for(Permission.TEMPLATES))


@require_POST
def of_template(request: HttpRequest, pk: int) -> HttpResponse:
    """Send the template's newest words, in the language and from the store view of the form."""
    template = _template(pk)
    view = _view(request, request.POST.get("store_view", ""))
    languages = {text.language for text in mail.current_version(template.code).texts.all()}
    language = request.POST.get("language", "")
    if language not in languages:
        raise Http404
    sender = SenderIdentity.Code.GENERAL.value
    if template.purpose == "invitation":
        sender = config.resolve(Invitations, config.at(view)).value.sender
    _send(request, template=template, view=view, sender=sender, language=language)
    return HttpResponseRedirect(reverse("admin:guestlist_mail_template_change", args=[pk]))


@require_POST
def of_sender(request: HttpRequest, pk: int) -> HttpResponse:
    """Send the invitation that the sender's website uses, from that sender, in the language of the default store view."""
    allowed = access.of(request).actor.website_ids(Permission.TEMPLATES)
    rows = SenderIdentity.objects.select_related("website__default_store_view").filter(pk=pk)
    found = (rows if allowed is None else rows.filter(website__in=allowed)).first()
    view = found.website.default_store_view if found else None
    if found is None or view is None:
        raise Http404
    code = config.resolve(Invitations, config.at(view)).value.template
    template = Template.objects.filter(code=code).first()
    if template is None:
        raise Http404
    _send(request, template=template, view=view, sender=found.code, language=view.language)
    return HttpResponseRedirect(reverse("admin:guestlist_mail_senderidentity_change", args=[pk]))


def _send(request: HttpRequest, *, template: Template, view: StoreView, sender: str, language: str) -> None:
    actor = access.of(request).actor
    try:
        message = trials.send_trial(
            template=template,
            store_view=view,
            sender=sender,
            language=language,
            actor=actor,
            now=timezone.now(),
        )
    except Refusal as refusal:
        messages.error(request, str(refusal))
        return
    said = _("A test mail is on its way to %(address)s.") % {"address": getattr(request.user, "email", "")}
    if actor.may(Permission.VIEW, view.website_id):
        row = reverse("admin:guestlist_mail_message_change", args=[message.pk])
        link = format_html(' <a class="gl-link" href="{}">{}</a>', row, _("What becomes of it"))
        messages.success(request, format_html("{}{}", said, link))
    else:
        messages.success(request, said)


def _template(pk: int) -> Template:
    found = Template.objects.filter(pk=pk).first()
    if found is None:
        raise Http404
    return found


def _view(request: HttpRequest, pk: str) -> StoreView:
    """Return the store view that the form names.

    :raises Http404: when it is none where this staff member sees to templates.
    """
    for view in offered_to(request).views:
        if str(view.pk) == pk:
            return view
    raise Http404
