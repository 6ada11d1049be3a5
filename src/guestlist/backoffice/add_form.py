"""The form that staff add people with."""

from __future__ import annotations

import datetime
from collections import Counter
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from django import forms
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from guestlist import addresses as mailbox
from guestlist.backoffice import announcing
from guestlist.customers.models import CustomerGroup
from guestlist.invitations import actions
from guestlist.invitations import message as words
from guestlist.invitations.basis import LONGEST, Basis, Why
from guestlist.mail.config import Delivery
from guestlist.occasions.models import Occasion
from guestlist.stores import config as options
from guestlist.stores.actors import Permission

if TYPE_CHECKING:
    from guestlist.backoffice.access import Staff
    from guestlist.refusal import Refusal
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
    "no_basis": "basis",
}


class AddForm(forms.Form):
    """What staff fill in; the fields stay as they were typed whatever the answer."""

    needed = Permission.ADD
    """What one must be permitted at the website of a store view that is offered."""

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

    basis = forms.ChoiceField(label=gettext_lazy("Why may we mail them?"), required=False)
    basis_text = forms.CharField(
        label=gettext_lazy("In words"),
        required=False,
        max_length=LONGEST,
        help_text=gettext_lazy(
            "Where and when they agreed, for example. It is kept, so that you can show it later."
        ),
    )

    def __init__(self, staff: Staff, now: datetime.datetime, data: Any = None) -> None:  # noqa: ANN401 - a QueryDict
        """Offer the store views where this staff member may add, and what goes with them."""
        super().__init__(data)
        self.staff, self.now = staff, now
        self.views = {str(view.pk): view for view in staff.store_views_for(self.needed)}
        self.groups = {str(one.pk): one for one in CustomerGroup.objects.order_by("name", "pk")}
        self.occasions = {str(one.pk): one for one in _occasions(staff, now, self.needed)}
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
        self._offer("basis", [("", _("Choose …")), *Basis.choices])
        self._offer("when", [*sending, (KEEP, _("Do not send yet: keep as Not Sent"))])
        if not sending:
            self.fields["when"].initial = KEEP
        self.fields["store_view"].initial = min(self.views, key=self._by_age, default="")
        if not self.has_many_views:
            self.fields["store_view"].widget = forms.HiddenInput()
        self._offer_more()
        for name in self.errors if self.is_bound else ():
            self._mark(name)

    def _offer_more(self) -> None:
        """Complete the form, before it is looked at."""

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
    def why(self) -> Why:
        """Why these people may be mailed."""
        cleaned = self.cleaned_data
        return Why(cleaned["basis"], " ".join(cleaned["basis_text"].split()))

    @property
    def ready_at(self) -> datetime.datetime | None:
        """When the mail may leave; None keeps the invitations as Not Sent."""
        when = self.cleaned_data["when"]
        return {NOW: self.now, LATER: self.cleaned_data.get("at"), KEEP: None}[when]


def _occasions(staff: Staff, now: datetime.datetime, needed: Permission) -> list[Occasion]:
    """Return the shop's own occasions that are not over, where the staff member has the permission."""
    mine = Occasion.objects.visible_to(staff.actor, needed).filter(Q(owner=None))
    return list(mine.open(now).select_related("website").order_by("title", "pk")[:200])


def _view_name(view: StoreView, names: Counter[str]) -> str:
    where = f"{view.website.name}, " if names[view.name] > 1 else ""
    return f"{view.name} ({where}{view.get_language_display()})"
