"""Forms of the plain tables that need more than Django makes of the model."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from django import forms
from django.contrib.auth import password_validation
from django.core.validators import FileExtensionValidator, URLValidator
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
)

from guestlist import addresses
from guestlist.customers.models import Role, User
from guestlist.stores import actions as stores
from guestlist.stores.actors import OF_INVITATIONS, Permission
from guestlist.stores.models import StoreView

LOGO_KINDS = ("png", "jpg", "jpeg", "gif", "webp")
"""Not SVG, which may carry a script that would run as the shop's own, and which mail programs do not show."""

_check_url = URLValidator(schemes=["http", "https"])

OPENED_BY = frozenset({"website", "code", "name", "language", "base_url"})
"""What opening a store view takes by name."""


class StoreViewForm(forms.ModelForm):  # type: ignore[type-arg]  # no generic at run time
    """A store view, with its time zone from the tz database and a base URL that links can be made from."""

    time_zone = forms.ChoiceField(label=_("time zone"), widget=UnfoldAdminSelectWidget)

    class Meta:
        model = StoreView
        fields = (
            "website",
            "name",
            "code",
            "language",
            "currency",
            "time_zone",
            "base_url",
            "logo",
            "accent_color",
            "legal_name",
            "postal_address",
            "registration_number",
            "privacy_url",
            "terms_url",
            "contact_address",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - Django's
        """Offer the zones that there are."""
        super().__init__(*args, **kwargs)
        if "time_zone" in self.fields:
            field = self.fields["time_zone"]
            assert isinstance(field, forms.ChoiceField)
            field.choices = [(zone, zone.replace("_", " ")) for zone in sorted(available_timezones())]
            field.initial = "Europe/Amsterdam"
        if "logo" in self.fields:
            # Asked of what is uploaded; a logo that was put there at the command line stays.
            self.fields["logo"].validators.append(FileExtensionValidator(LOGO_KINDS))

    def clean_privacy_url(self) -> str:
        """Take a page of the shop or of the web; anything else is no link that a visitor should follow."""
        return _page(self.cleaned_data["privacy_url"])

    def clean_terms_url(self) -> str:
        """Take a page of the shop or of the web."""
        return _page(self.cleaned_data["terms_url"])

    def clean_base_url(self) -> str:
        """Refuse what links cannot be made from, as opening a store view does."""
        url: str = self.cleaned_data["base_url"].strip().rstrip("/")
        parts = urlsplit(url)
        if (
            parts.scheme not in {"http", "https"}
            or not parts.netloc
            or parts.query
            or parts.fragment
            or "@" in url
        ):
            raise forms.ValidationError(str(stores.BadBaseURL(url=url)))
        return url


def _page(address: str) -> str:
    address = address.strip()
    if address and not address.startswith("/"):
        _check_url(address)
    return address


class UserForm(forms.ModelForm):  # type: ignore[type-arg]  # no generic at run time
    """A user; the password is set anew or left as it is."""

    new_password = forms.CharField(
        label=_("New password"),
        required=False,
        strip=False,
        help_text=_("Leave empty to keep the one there is."),
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
    )

    class Meta:
        model = User
        fields = ("email", "first_name", "last_name", "is_staff", "is_active")

    def clean_email(self) -> str:
        """Keep the address in the form that sign-in compares."""
        try:
            return addresses.normalize(self.cleaned_data["email"])
        except addresses.MalformedAddress as refusal:
            raise forms.ValidationError(str(refusal)) from refusal

    def clean_new_password(self) -> str:
        """Hold a new password to the rules."""
        password: str = self.cleaned_data["new_password"]
        if password:
            password_validation.validate_password(password, self.instance)
        return password

    def save(self, commit: bool = True) -> User:  # noqa: FBT001, FBT002 - Django's signature
        """Hash a new password before the user is kept."""
        if self.cleaned_data["new_password"]:
            self.instance.set_password(self.cleaned_data["new_password"])
        elif self.instance.pk is None:
            self.instance.set_unusable_password()
        user: User = super().save(commit)
        return user


class RoleForm(forms.ModelForm):  # type: ignore[type-arg]  # no generic at run time
    """A role, with its permissions as boxes to tick."""

    permissions = forms.MultipleChoiceField(
        label=_("Permissions"),
        choices=Permission.choices,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        required=False,
    )

    class Meta:
        model = Role
        fields = ("name", "code", "permissions")

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - Django's
        """Show a ready-made role under the name that lists have for it."""
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["name"] = str(self.instance)

    def clean_permissions(self) -> list[str]:
        """Refuse what nobody can do who does not see the invitations that it is done to."""
        chosen: list[str] = self.cleaned_data["permissions"]
        if Permission.VIEW not in chosen and (blind := [one for one in OF_INVITATIONS if one in chosen]):
            raise forms.ValidationError(
                _("Tick “%(view)s” too: without it nobody can use %(others)s."),
                code="blind",
                params={
                    "view": Permission.VIEW.label,
                    "others": ", ".join(f"“{one.label}”" for one in blind),
                },
            )
        return chosen

    def clean_name(self) -> str:
        """Keep the stored name of a ready-made role while nobody gives it another."""
        name: str = self.cleaned_data["name"]
        return self.instance.name if self.instance.pk and name == str(self.instance) else name
