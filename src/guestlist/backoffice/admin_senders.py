"""The table of senders: whom mail comes from, how fast, whether it leaves at all, and a test mail to try it."""

# ruff: noqa: ANN401, ARG002, FBT001, FBT002 - Django's signatures

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.contrib.admin import display
from django.template.loader import render_to_string
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.views import ChangeList
from unfold.widgets import UnfoldBooleanSwitchWidget

from guestlist import addresses
from guestlist.backoffice import access, trial_mails
from guestlist.backoffice.site import site
from guestlist.backoffice.tables import OwnWebsites, Table
from guestlist.mail import actions as mail
from guestlist.mail import pacing
from guestlist.mail.models import SenderIdentity
from guestlist.stores.actors import Actor, Permission

if TYPE_CHECKING:
    import datetime

    from django.forms import ModelForm
    from django.http import HttpRequest


class SenderForm(forms.ModelForm):  # type: ignore[type-arg]  # no generic at run time
    """A sender whose name and addresses can stand in the headers of a mail."""

    warm_up = forms.BooleanField(
        label=gettext_lazy("Warm up"),
        required=False,
        initial=True,
        widget=UnfoldBooleanSwitchWidget,
        help_text=gettext_lazy(
            "For an address or domain that mail providers do not know yet: bulk mail starts with 200 a day and doubles "
            "every day. After two weeks it no longer matters."
        ),
    )

    actor: Actor

    class Meta:
        model = SenderIdentity
        fields = ("website", "code", "name", "address", "reply_to", "per_second", "per_day")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Show whether a kept one is warming up."""
        super().__init__(*args, **kwargs)
        for name in ("per_second", "per_day"):
            self.fields[name].required = False
        if self.instance.pk:
            self.fields["warm_up"].initial = self.instance.warm_up_from is not None

    def clean_name(self) -> str:
        """Refuse what is more than a line of letters."""
        name: str = self.cleaned_data["name"]
        try:
            mail.check_sender(name=name, address="shop@shop.example")
        except mail.UnusableSenderName as refusal:
            raise forms.ValidationError(str(refusal)) from refusal
        return name

    def clean_address(self) -> str:
        """Refuse what is no address by our own rules, as everywhere."""
        return _address(self.cleaned_data["address"])

    def clean(self) -> dict[str, Any] | None:
        """Refuse a domain of another website, unless whoever asks manages the senders of all."""
        cleaned = super().clean()
        website = self.cleaned_data.get("website") or (self.instance.website if self.instance.pk else None)
        address = self.cleaned_data.get("address")
        if website and address:
            try:
                mail.check_domain(website=website, address=address, actor=self.actor)
            except mail.ForeignDomain as refusal:
                self.add_error("address", str(refusal))
        return cleaned

    def clean_reply_to(self) -> str:
        """Refuse what is no address."""
        given: str = self.cleaned_data["reply_to"]
        return _address(given) if given else ""

    def clean_per_second(self) -> int:
        """Take nothing for no limit."""
        return self.cleaned_data["per_second"] or 0

    def clean_per_day(self) -> int:
        """Take nothing for no limit."""
        return self.cleaned_data["per_day"] or 0

    def warm_up_from(self, today: datetime.date) -> datetime.date | None:
        """Return the day since which it warms up: as it was, else today; None where it does not."""
        if not self.cleaned_data.get("warm_up"):
            return None
        before: datetime.date | None = self.instance.warm_up_from
        return before or today


def _number(amount: int) -> str:
    return formats.number_format(amount, force_grouping=True)


def _address(given: str) -> str:
    try:
        addresses.normalize(given)
    except addresses.MalformedAddress as refusal:
        raise forms.ValidationError(str(refusal)) from refusal
    return given.strip()


class SenderList(ChangeList):
    """The list of senders, each with what it may still send today."""

    def get_results(self, request: HttpRequest) -> None:
        """Ask for all rows of the page at once."""
        super().get_results(request)
        rows: list[Any] = list(self.result_list)  # type: ignore[has-type]  # Django's
        today = pacing.today_of(rows, now=timezone.now())
        for sender in rows:
            sender.today = today.get(sender.pk)
        self.result_list = rows


@admin.register(SenderIdentity, site=site)
class SenderTable(Table):
    """Whom mail comes from."""

    website_path = "website_id"
    viewing = changing = Permission.TEMPLATES
    form = SenderForm
    list_display = ("name", "address", "website", "code", "shown_state", "left_today")
    list_filter = (OwnWebsites, "code")
    list_select_related = ("website",)
    search_fields = ("name", "address")
    ordering = ("website__name", "id")
    fieldsets = (
        (None, {"fields": ("website", "code", "name", "address", "reply_to")}),
        (gettext_lazy("How fast"), {"fields": ("per_second", "per_day", "warm_up")}),
    )
    change_form_outer_before_template = "backoffice/sender_state.html"

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Keep a sender at its website, under its code: options name it."""
        return ("website", "code") if obj else ()

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[SenderList]:
        """Return the list that knows what its senders may still send."""
        return SenderList

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """Let the form know who asks."""
        form = super().get_form(request, obj, change, **kwargs)
        form.actor = access.of(request).actor
        return form

    @display(description=gettext_lazy("State"))
    def shown_state(self, sender: SenderIdentity) -> str:
        """Return whether its mail leaves, as word, shape and color."""
        code, label = state_of(sender)
        return render_to_string("backoffice/_send_status.html", {"code": code, "label": label})

    @display(description=gettext_lazy("Left today"))
    def left_today(self, sender: SenderIdentity) -> str:
        """Return how many mails of bulk sends its limit per day, or its warm-up, still allows today (UTC)."""
        today: pacing.Today | None = getattr(sender, "today", None)
        if today is None:
            return _("No limit")
        said = _("%(left)s of %(most)s, warming up") if today.is_warming_up else _("%(left)s of %(most)s")
        return said % {"left": _number(today.left), "most": _number(today.most)}

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """Show with it whether its mail leaves, and what can be done."""
        context: dict[str, Any] = {"trial": trial_mails.offered_to(request)}
        rows = SenderIdentity.objects.filter(pk=object_id) if object_id.isdecimal() else []
        for sender in rows:
            code, label = state_of(sender)
            context |= {
                "state": {"code": code, "label": label},
                "today": pacing.today_of([sender], now=timezone.now()).get(sender.pk),
                "may_release": access.of(request).actor.may(Permission.TEMPLATES, sender.website_id),
            }
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **context})

    def save_model(
        self,
        request: HttpRequest,
        obj: SenderIdentity,
        form: ModelForm[SenderIdentity],
        change: bool,
    ) -> None:
        """Write the sender down by the action, which also starts a stopped one."""
        assert isinstance(form, SenderForm)
        made = mail.set_sender(
            website=obj.website,
            code=obj.code,
            name=obj.name,
            address=obj.address,
            reply_to=obj.reply_to,
            per_second=obj.per_second,
            per_day=obj.per_day,
            warm_up_from=form.warm_up_from(timezone.now().date()),
            actor=access.of(request).actor,
        )
        obj.pk = made.pk


def state_of(sender: SenderIdentity) -> tuple[str, str]:
    """Return how a sender does, as the code of a look and in a word."""
    if sender.stopped_at:
        return "stopped", _("Stopped")
    if sender.held_at:
        return "held", _("Held")
    if sender.warned_at:
        return "waiting", _("Complaints")
    return "running", _("Sending")
