"""Addresses that are not mailed: looked up, entered and lifted by typing them, for only a code of each is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from guestlist import addresses
from guestlist.backoffice import access
from guestlist.mail import lifting
from guestlist.stores.actors import Permission

if TYPE_CHECKING:
    from guestlist.backoffice.access import Staff
    from guestlist.mail.models import Lift, Suppression
    from guestlist.stores.models import StoreView, Website

ALL = "all"
_MOST_TYPED = 1000


class AddressForm(forms.Form):
    """One address, typed."""

    address = forms.CharField(
        label=gettext_lazy("Address"),
        max_length=_MOST_TYPED,
        widget=forms.TextInput(
            attrs={
                "inputmode": "email",
                "autocomplete": "off",
                "autocapitalize": "none",
                "spellcheck": "false",
            }
        ),
    )

    def clean_address(self) -> str:
        """Refuse what is no address; it stays as it was typed."""
        typed: str = self.cleaned_data["address"]
        try:
            addresses.normalize(typed)
        except addresses.MalformedAddress as refusal:
            raise forms.ValidationError(str(refusal)) from refusal
        return typed


class EnterForm(AddressForm):
    """An address and where it is not to be mailed."""

    where = forms.ChoiceField(label=gettext_lazy("Not to be mailed by"))

    def __init__(self, staff: Staff, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - Django's
        """Offer the websites where this staff member sees to it."""
        super().__init__(*args, **kwargs)
        field = self.fields["where"]
        assert isinstance(field, forms.ChoiceField)
        choices = [(str(one.pk), one.name) for one in _websites(staff)]
        if staff.actor.may(Permission.SUPPRESSIONS, None):
            choices.append((ALL, _("All websites, also later ones")))
        # Where there is something to choose, nothing is chosen for anybody.
        field.choices = choices if len(choices) == 1 else [("", _("Choose …")), *choices]


class LiftForm(forms.Form):
    """Why staff lift something."""

    why = forms.CharField(
        label=gettext_lazy("Why may it be mailed again?"),
        max_length=lifting.MAX_WHY,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        error_messages={"required": gettext_lazy("Say why; it is kept with your name.")},
    )


@dataclass(frozen=True, slots=True)
class OwnPage:
    """Where a person has an address mailed again, in the language of a store view."""

    store_view: StoreView
    url: str


@dataclass(frozen=True, slots=True)
class Row:
    """What stands for an address: whether staff may lift it, or where the person does."""

    suppression: Suppression
    where: str
    name: str
    form: LiftForm | None
    own_pages: list[OwnPage]
    is_elsewhere: bool


@dataclass(frozen=True, slots=True)
class Found:
    """What there is about an address."""

    address: str
    rows: list[Row]
    lifted: list[Lift]


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def suppressions(request: HttpRequest) -> HttpResponse:
    """Look an address up, enter one, or lift what stands for one; addresses travel in the body, never in the URL."""
    staff = access.of(request)
    staff.require(Permission.SUPPRESSIONS)
    what = request.POST.get("do", "") if request.method == "POST" else ""
    if what == "enter":
        return _entered(request, staff)
    if what in {"look", "lift"}:
        form = AddressForm(request.POST)
        if not form.is_valid():
            return _page(request, staff, look=form)
        if what == "lift":
            return _lifted(request, staff, form)
        return _page(request, staff, look=form, found=_found(staff, form.cleaned_data["address"]))
    if what:
        raise Http404
    return _page(request, staff)


def _entered(request: HttpRequest, staff: Staff) -> HttpResponse:
    form = EnterForm(staff, request.POST, auto_id="enter_%s")
    if not form.is_valid():
        return _page(request, staff, enter=form)
    website = _website(staff, form.cleaned_data["where"])
    lifting.enter(
        website=website, address=form.cleaned_data["address"], actor=staff.actor, now=timezone.now()
    )
    said = _("%(address)s is not mailed any more by %(where)s.")
    where = website.name if website else _("any website")
    messages.success(request, said % {"address": form.cleaned_data["address"], "where": where})
    return HttpResponseRedirect(reverse("admin:suppressions"))


def _lifted(request: HttpRequest, staff: Staff, look: AddressForm) -> HttpResponse:
    where, address = request.POST.get("where", ""), look.cleaned_data["address"]
    form = LiftForm(request.POST, auto_id=f"lift_{where}_%s")
    if form.is_valid():
        website = _website(staff, where)
        try:
            lifting.lift_bounce(
                website=website,
                address=address,
                why=form.cleaned_data["why"],
                actor=staff.actor,
                now=timezone.now(),
            )
        except (lifting.NoReason, lifting.NotForStaff, lifting.NotSuppressed) as refusal:
            # Somebody else lifted it, or the person spoke, while this page was open.
            form.add_error(None, str(refusal))
        else:
            said = _("%(address)s may be mailed again by %(where)s.")
            name = website.name if website else _("all websites")
            messages.success(request, said % {"address": address, "where": name})
            return HttpResponseRedirect(reverse("admin:suppressions"))
    return _page(request, staff, look=look, found=_found(staff, address, where, form), problem=form)


def _found(staff: Staff, address: str, where: str = "", form: LiftForm | None = None) -> Found:
    rows = []
    for one in lifting.standing(address=address, actor=staff.actor):
        here = str(one.website_id) if one.website_id else ALL
        is_elsewhere = not staff.actor.may(Permission.SUPPRESSIONS, one.website_id)
        liftable = one.reason in lifting.BY_STAFF and not is_elsewhere
        own = form if form is not None and here == where else LiftForm(auto_id=f"lift_{here}_%s")
        name = one.website.name if one.website else _("All websites")
        rows.append(Row(one, here, name, own if liftable else None, _own_pages(staff, one), is_elsewhere))
    return Found(address, rows, lifting.lifted(address=address, actor=staff.actor))


def _own_pages(staff: Staff, suppression: Suppression) -> list[OwnPage]:
    """Return the pages where the person lifts it, in each language: at the website, or where this staff member may."""
    return [
        OwnPage(view, view.url("/mail-me-again/"))
        for view in staff.store_views_for(Permission.SUPPRESSIONS)
        if suppression.website_id in {None, view.website_id}
    ]


def _website(staff: Staff, where: str) -> Website | None:
    """Return the website that a form names, None for all of them.

    :raises Http404: when it is none where this staff member sees to it.
    """
    if where == ALL and staff.actor.may(Permission.SUPPRESSIONS, None):
        return None
    found = [one for one in _websites(staff) if str(one.pk) == where]
    if not found:
        raise Http404
    return found[0]


def _websites(staff: Staff) -> list[Website]:
    return staff.websites_for(Permission.SUPPRESSIONS)


def _page(
    request: HttpRequest,
    staff: Staff,
    *,
    look: AddressForm | None = None,
    enter: EnterForm | None = None,
    found: Found | None = None,
    problem: forms.Form | None = None,
) -> HttpResponse:
    context = {
        **access.context(request),
        "title": _("Suppressed addresses"),
        "look": look or AddressForm(),
        "enter": enter
        or EnterForm(staff, auto_id="enter_%s", initial={"address": found.address if found else ""}),
        "found": found,
        "problem": problem,
    }
    refused = any(form is not None and form.errors for form in (look, enter, problem))
    return render(request, "backoffice/suppressions.html", context, status=422 if refused else 200)
