"""How staff sign in: with an address and a password, and not by trying thousands of them."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import get_adapter
from unfold.forms import AuthenticationForm


class SignInForm(AuthenticationForm):
    """Staff's sign-in, counted together with the storefront's: trying at both doors gives no second chance (trust-14)."""

    def clean(self) -> dict[str, Any]:
        """Find whom address and password belong to; too many failures, by client or by address, have to wait."""
        address, password = self.cleaned_data.get("username"), self.cleaned_data.get("password")
        if address is not None and password:
            adapter = get_adapter(self.request)
            # Here the failures are counted; Django's own way to ask leaves that out.
            self.user_cache = adapter.authenticate(self.request, email=address, password=password)
            if self.user_cache is None:
                raise self.get_invalid_login_error()
            self.confirm_login_allowed(self.user_cache)
        cleaned: dict[str, Any] = self.cleaned_data
        return cleaned
