"""Inviting people as staff: the form, the mail as it will look, and what became of each address."""

from __future__ import annotations

import datetime
from collections import Counter
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods

from guestlist import addresses as mailbox
from guestlist.backoffice import access, announcing
from guestlist.customers.models import CustomerGroup
from guestlist.invitations import actions, config, emails
from guestlist.invitations import message as words
from guestlist.mail import sends as bulk
from guestlist.mail.config import Delivery
from guestlist.occasions.models import Occasion
from guestlist.refusal import Refusal
from guestlist.stores import config as options
from guestlist.stores.actors import Permission

if TYPE_CHECKING:
    from collections.abc import Sequence

    from guestlist.backoffice.access import Staff
    from guestlist.mail.models import Send
    from guestlist.mail.previews import Preview
    from guestlist.stores.models import StoreView

AS_CONFIGURED = "configured"
NOW, LATER, KEEP = "now", "later", "keep"

_FIELD_OF = {
    "nobody_invited": "addresses",
    "too_many_addresses": "addresses",
    "message_too_long": "message",
    "message_has_controls": "message",
    "not_permitted": "store_view",
    "no_sender": "store_view",
    "no_template": "store_view",
}

REASONS = {
    "open_invitation": gettext_lazy("already invited"),
    "already_customer": gettext_lazy("already a customer"),
    "suppressed": gettext_lazy("not to be mailed"),
    "malformed_address": gettext_lazy("not an e-mail address"),
    "address_too_long": gettext_lazy("too long for an e-mail address"),
    "repeated": gettext_lazy("entered twice"),
}
"""Why an address was not invited, by the refusal's code, as the end of "1 not sent: …"."""


class AddForm(forms.Form):
    """What staff fill in; the fields stay as they were typed whatever the answer."""

    addresses = forms.CharField(
        label=gettext_lazy("E-mail addresses"),
        help_text=gettext_lazy("One per line, or with commas between them. “Name <address>” works too."),
        widget=forms.Textarea(attrs={"rows": 8, "spellcheck": "false", "autocomplete": "off"}),
    )
    message = forms.CharField(
        label=gettext_lazy("Message"),
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 5, "data-count": words.MAX_LENGTH}),
    )
    store_view = forms.ChoiceField(label=gettext_lazy("Send from"))
    group = forms.ChoiceField(
        label=gettext_lazy("Invitee group"),
        help_text=gettext_lazy("The customer group that they get when they register."),
    )
    occasion = forms.ChoiceField(label=gettext_lazy("Occasion"), required=False)
    when = forms.ChoiceField(label=gettext_lazy("When"), widget=forms.RadioSelect, choices=[], initial=NOW)
    at = forms.DateTimeField(
        label=gettext_lazy("Send at"),
        required=False,
        help_text=gettext_lazy("In the time of the store view it is sent from."),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%d-%m-%Y %H:%M"],
    )

    def __init__(self, staff: Staff, now: datetime.datetime, data: Any = None) -> None:  # noqa: ANN401 - a QueryDict
        """Offer the store views where this staff member may add, and what goes with them."""
        super().__init__(data)
        self.staff, self.now = staff, now
        may = staff.actor.may
        self.views = {
            str(view.pk): view for view in staff.store_views if may(Permission.ADD, view.website_id)
        }
        self.groups = {str(one.pk): one for one in CustomerGroup.objects.order_by("name", "pk")}
        self.occasions = {str(one.pk): one for one in _occasions(staff, now)}
        names = Counter(view.name for view in self.views.values())
        self.has_many_views = len(self.views) > 1
        self.deliveries = options.resolve_each(Delivery, list(self.views.values()))
        self._offer("store_view", [(pk, _view_name(one, names)) for pk, one in self.views.items()])
        self._offer(
            "group",
            [
                ("", _("Choose …")),
                (AS_CONFIGURED, _("As configured")),
                *((pk, one.name) for pk, one in self.groups.items()),
            ],
        )
        several = len({view.website_id for view in self.views.values()}) > 1
        titles = {
            pk: f"{one.title} ({one.website.name})" if several else one.title
            for pk, one in self.occasions.items()
        }
        self._offer("occasion", [("", _("The shop itself")), *titles.items()])
        sending = [(NOW, _("Send now")), (LATER, _("Send later"))] if staff.may(Permission.SEND) else []
        self._offer("when", [*sending, (KEEP, _("Do not send yet: keep as Not Sent"))])
        if not sending:
            self.fields["when"].initial = KEEP
        self.fields["store_view"].initial = min(self.views, key=self._by_age, default="")
        if not self.has_many_views:
            self.fields["store_view"].widget = forms.HiddenInput()
        for name in self.errors if self.is_bound else ():
            self._mark(name)

    def _by_age(self, pk: str) -> tuple[int, bool, int]:
        """Order store views for the first choice: the oldest website's default one, whatever the alphabet says."""
        view = self.views[pk]
        return view.website_id, view.pk != view.website.default_store_view_id, view.pk

    def _offer(self, name: str, choices: list[tuple[str, Any]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = choices

    def _mark(self, name: str) -> None:
        if name in self.fields:
            self.fields[name].widget.attrs["aria-invalid"] = "true"

    def clean(self) -> dict[str, Any]:
        """See to it that occasion and time fit the store view."""
        cleaned = dict(super().clean() or {})
        view = self.views.get(cleaned.get("store_view", ""))
        occasion = self.occasions.get(cleaned.get("occasion", ""))
        if view and occasion and occasion.website_id != view.website_id:
            self.add_error("occasion", _("This occasion belongs to another website. Choose one of its own."))
        if cleaned.get("when") == LATER and view and "at" not in self.errors:
            moment = cleaned.get("at")
            if moment is None:
                self.add_error("at", _("Choose when the mail is sent."))
            else:
                # Read as typed: the field made it a moment of the page's zone, which need not be the store view's.
                moment = moment.replace(tzinfo=ZoneInfo(view.time_zone))
                cleaned["at"] = moment
                if moment <= self.now:
                    self.add_error("at", _("This moment has passed. Choose a later one."))
        return cleaned

    def refuse(self, refusal: Refusal) -> None:
        """Put a refusal on the field that it is about."""
        name = _FIELD_OF.get(refusal.code)
        self.add_error(name, str(refusal))
        if name:
            self._mark(name)

    @property
    def view(self) -> StoreView:
        """The store view that was chosen."""
        return self.views[self.cleaned_data["store_view"]]

    @property
    def note(self) -> str:
        """What staff should know about more addresses than leave one by one: in general, or about those entered."""
        entered = len(mailbox.split(self["addresses"].value() or ""))
        chosen = self.views.get(str(self["store_view"].value() or ""))
        several = self.views.values() if chosen is None or not self.is_bound else [chosen]
        hours = {announcing.said(self.deliveries[one.pk]) for one in several}
        if self.is_bound and entered > actions.SINGLE_UP_TO:
            return announcing.announced(entered, hours)
        return announcing.warned(actions.SINGLE_UP_TO, hours)

    @property
    def ready_at(self) -> datetime.datetime | None:
        """When the mail may leave; None keeps the invitations as Not Sent."""
        when = self.cleaned_data["when"]
        return {NOW: self.now, LATER: self.cleaned_data.get("at"), KEEP: None}[when]


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
    }[form.cleaned_data["when"]] % {"count": invited}
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


def _occasions(staff: Staff, now: datetime.datetime) -> list[Occasion]:
    """Return the shop's own occasions that are not over, where the staff member may add."""
    mine = Occasion.objects.visible_to(staff.actor, Permission.ADD).filter(Q(owner=None))
    return list(mine.open(now).select_related("website").order_by("title", "pk")[:200])


def _view_name(view: StoreView, names: Counter[str]) -> str:
    where = f"{view.website.name}, " if names[view.name] > 1 else ""
    return f"{view.name} ({where}{view.get_language_display()})"
