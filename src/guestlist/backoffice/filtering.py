"""The form and the chips of the grid's filter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from guestlist.backoffice.labels import EXPIRED
from guestlist.customers.models import Customer, CustomerGroup
from guestlist.invitations import filters
from guestlist.invitations.lifecycle import Status
from guestlist.invitations.models import Delivery
from guestlist.mail.models import Send
from guestlist.occasions.models import Occasion

if TYPE_CHECKING:
    from django.http import QueryDict

    from guestlist.backoffice.access import Staff

_OCCASIONS = 100
"""Most occasions that the form offers: the newest of the shop's own. Others are reached from an invitation of theirs."""

STATUSES = [*((status.value, status.label) for status in Status), (filters.EXPIRED, EXPIRED)]
DELIVERIES = [(code or filters.NO_MAIL, label) for code, label in Delivery.choices]


class FilterForm(forms.Form):
    """A field for each column; what it shows is what stands in the address, usable or not."""

    email = forms.CharField(label=gettext_lazy("Email contains"), required=False)
    status = forms.ChoiceField(label=gettext_lazy("Status"), required=False)
    delivery = forms.ChoiceField(label=gettext_lazy("Delivery"), required=False)
    website = forms.ChoiceField(label=gettext_lazy("Valid website"), required=False)
    store_view = forms.ChoiceField(label=gettext_lazy("Store view"), required=False)
    group = forms.ChoiceField(label=gettext_lazy("Invitee group"), required=False)
    occasion = forms.ChoiceField(label=gettext_lazy("Occasion"), required=False)
    inviter = forms.CharField(label=gettext_lazy("Inviter"), required=False)
    invitee = forms.CharField(label=gettext_lazy("Invitee"), required=False)
    id = forms.IntegerField(label=gettext_lazy("ID"), required=False)
    send = forms.IntegerField(label=gettext_lazy("Send (ID)"), required=False)
    sent_from = forms.DateField(label=gettext_lazy("Sent from"), required=False)
    sent_to = forms.DateField(label=gettext_lazy("Sent until"), required=False)
    registered_from = forms.DateField(label=gettext_lazy("Registered from"), required=False)
    registered_to = forms.DateField(label=gettext_lazy("Registered until"), required=False)

    def __init__(self, staff: Staff, query: QueryDict, problem: filters.UnusableFilter | None) -> None:
        """Offer what this staff member may see."""
        super().__init__(initial=query.dict(), auto_id="filter_%s")
        self.problem = problem
        self.staff = staff
        self.sort = query.get("sort", "")
        choices: dict[str, list[tuple[str, Any]]] = {
            "status": STATUSES,
            "delivery": DELIVERIES,
            "website": [(str(one.pk), one.name) for one in staff.websites],
            "store_view": [(str(one.pk), str(one)) for one in staff.store_views],
            "group": [(filters.NONE, _("As configured")), *_groups()],
            "occasion": [(filters.NONE, _("No occasion")), *_occasions(staff)],
        }
        for name, offered in choices.items():
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)
            field.choices = [("", _("All")), *offered]
        for name in ("sent_from", "sent_to", "registered_from", "registered_to"):
            self.fields[name].widget = forms.DateInput(attrs={"type": "date"})
        for name in ("inviter", "invitee"):
            self.fields[name].widget.attrs["placeholder"] = _("E-mail address or ID")
        self.fields["email"].widget.attrs["minlength"] = filters.MIN_EMAIL
        if problem is not None and (name := str(problem.data.get("field"))) in self.fields:
            attributes = {"aria-invalid": "true", "aria-describedby": "filter-problem"}
            self.fields[name].widget.attrs.update(attributes)

    def chips(self, chosen: filters.Filter) -> list[dict[str, Any]]:
        """Return what is filtered by, each with the address of the same list without it."""
        query = chosen.as_query()
        chips = []
        for name, value in query.items():
            rest = {key: kept for key, kept in query.items() if key != name}
            if self.sort:
                rest["sort"] = self.sort
            label = self.fields[name].label
            said = self._said(name, value)
            chips.append({"label": label, "value": said or value, "without": rest, "is_gone": said is None})
        return chips

    def _said(self, name: str, value: str) -> str | None:
        """Return how a value reads; None where it stands for something that is gone, or not theirs to see."""
        field = self.fields[name]
        if isinstance(field, forms.ChoiceField):
            label = dict(field.choices).get(value)  # type: ignore[arg-type]
            if label is None and name == "occasion":
                return self._occasion(value)
            return None if label is None else str(label)
        if isinstance(field, forms.DateField):
            return formats.date_format(field.to_python(value), pgettext("date format", "j M Y"))  # type: ignore[arg-type]
        if value == filters.NONE:
            return _("Staff") if name == "inviter" else _("nobody yet")
        return self._found(name, value)

    def _found(self, name: str, value: str) -> str | None:
        """Return how a customer or a send reads by its id; other values as they are."""
        if name in {"inviter", "invitee"} and value.isdigit():
            known = Customer.objects.visible_to(self.staff.actor).filter(pk=value).first()
            return str(known) if known else None
        if name == "send" and not Send.objects.visible_to(self.staff.actor).filter(pk=value).exists():
            return None
        return value

    def _occasion(self, value: str) -> str | None:
        """Return the title of an occasion that the form does not offer: of a customer, or an old one."""
        found = Occasion.objects.visible_to(self.staff.actor).filter(pk=value).first()
        return str(found) if found else None


def _groups() -> list[tuple[str, str]]:
    return [
        (str(pk), name) for pk, name in CustomerGroup.objects.order_by("name", "pk").values_list("pk", "name")
    ]


def _occasions(staff: Staff) -> list[tuple[str, str]]:
    own = Occasion.objects.visible_to(staff.actor).filter(owner=None).order_by("-pk")
    return [(str(pk), title) for pk, title in own.values_list("pk", "title")[:_OCCASIONS]]
