"""Forms of accounts: our labels, one spelling of an address, no placeholders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from allauth.account import forms as allauth
from django import forms
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from guestlist import addresses
from guestlist.customers.models import User

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django_stubs_ext import StrOrPromise

MAX_NAME = 60
_PASSWORD_HINT = _("At least 8 characters, not an obvious word.")


class AddressField(forms.CharField):
    """An email address, given back in the form in which addresses are compared."""

    default_error_messages: ClassVar[dict[str, Any]] = {"required": _("Fill in your email address.")}

    def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401 - Django's
        widget = forms.EmailInput(
            attrs={"autocomplete": "email", "autocapitalize": "none", "spellcheck": "false"}
        )
        super().__init__(label=_("Email"), widget=widget, max_length=1000, **kwargs)

    def clean(self, value: Any) -> str:  # noqa: ANN401 - Django's
        """Return the normalized address, or say what is wrong with it."""
        text = super().clean(value)
        try:
            return addresses.normalize(text)
        except addresses.MalformedAddress as refusal:
            raise ValidationError(str(refusal), code=refusal.code) from refusal


class NewPasswordField(forms.CharField):
    """A password that is chosen, not remembered."""

    default_error_messages: ClassVar[dict[str, Any]] = {"required": _("Choose a password.")}

    def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401 - Django's
        widget = forms.PasswordInput(attrs={"autocomplete": "new-password"})
        super().__init__(
            label=_("Password"),
            widget=widget,
            strip=False,
            max_length=1000,
            help_text=_PASSWORD_HINT,
            **kwargs,
        )


class RegisterForm(forms.Form):
    """A new account, with or without an invitation."""

    first_name = forms.CharField(
        label=_("First name"),
        max_length=MAX_NAME,
        widget=forms.TextInput(attrs={"autocomplete": "given-name"}),
        error_messages={"required": _("Fill in your first name.")},
    )
    last_name = forms.CharField(
        label=_("Last name"),
        max_length=MAX_NAME,
        widget=forms.TextInput(attrs={"autocomplete": "family-name"}),
        error_messages={"required": _("Fill in your last name.")},
    )
    email = AddressField()
    password = NewPasswordField()
    newsletter = forms.BooleanField(label=_("Yes, mail me the shop's newsletter."), required=False)

    def __init__(
        self,
        *args: Any,  # noqa: ANN401 - Django's
        address: str = "",
        is_fixed: bool = False,
        **kwargs: Any,  # noqa: ANN401 - Django's
    ) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"].initial = address
        if is_fixed:
            self.fields["email"].widget.attrs["readonly"] = True
        _focus_on_first_problem(self)

    def clean(self) -> dict[str, Any]:
        """Check the password against the rest, as Django's validators ask."""
        data = super().clean() or self.cleaned_data
        password = data.get("password")
        if password:
            person = User(
                email=data.get("email", ""),
                first_name=data.get("first_name", ""),
                last_name=data.get("last_name", ""),
            )
            try:
                validate_password(password, person)
            except ValidationError as error:
                self.add_error("password", error)
        return data


class _OurWords(forms.Form):
    """allauth's form with our labels and without its placeholders and hints."""

    labels: ClassVar[Mapping[str, StrOrPromise]] = {}

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - Django's
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            field.widget.attrs.pop("placeholder", None)
            field.help_text = _PASSWORD_HINT if name == "password1" else ""
            if name in self.labels:
                field.label = self.labels[name]
        _focus_on_first_problem(self)


class LoginForm(_OurWords, allauth.LoginForm):
    """Signing in, by any spelling of the address."""

    labels: ClassVar[Mapping[str, StrOrPromise]] = {
        "login": _("Email"),
        "password": _("Password"),
        "remember": _("Keep me signed in"),
    }

    def clean_login(self) -> str:
        """Give the address as accounts have it; one that is none is simply unknown."""
        return _spelled(self.cleaned_data["login"])


class ResetPasswordForm(_OurWords, allauth.ResetPasswordForm):
    """Asking for a link to choose a new password."""

    labels: ClassVar[Mapping[str, StrOrPromise]] = {"email": _("Email")}

    def clean_email(self) -> str:
        """Give the address as accounts have it."""
        self.cleaned_data["email"] = _spelled(self.cleaned_data["email"])
        return str(super().clean_email())


class ResetPasswordKeyForm(_OurWords, allauth.ResetPasswordKeyForm):
    """Choosing a new password through the link."""

    labels: ClassVar[Mapping[str, StrOrPromise]] = {
        "password1": _("New password"),
        "password2": _("New password, once more"),
    }


class ChangePasswordForm(_OurWords, allauth.ChangePasswordForm):
    """Choosing another password while signed in."""

    labels: ClassVar[Mapping[str, StrOrPromise]] = {
        "oldpassword": _("Password until now"),
        "password1": _("New password"),
        "password2": _("New password, once more"),
    }


class SetPasswordForm(_OurWords, allauth.SetPasswordForm):
    """Choosing a first password."""

    labels: ClassVar[Mapping[str, StrOrPromise]] = {
        "password1": _("Password"),
        "password2": _("Password, once more"),
    }


class ReauthenticateForm(_OurWords, allauth.ReauthenticateForm):
    """The password once more, before a change that matters."""

    labels: ClassVar[Mapping[str, StrOrPromise]] = {"password": _("Password")}


def _spelled(text: str) -> str:
    try:
        return addresses.normalize(text)
    except addresses.MalformedAddress:
        return text.strip().lower()


def _focus_on_first_problem(form: forms.Form) -> None:
    """Let the browser put the cursor into the first field that has to be looked at again."""
    for name in form.errors if form.is_bound else ():
        if name in form.fields:
            form.fields[name].widget.attrs["autofocus"] = True
            return
