"""The tables of websites and store views."""

# ruff: noqa: ANN401, ARG002, FBT001, FBT002 - Django's signatures

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from guestlist.backoffice import access, forms
from guestlist.backoffice.site import site
from guestlist.backoffice.tables import OwnWebsites, Table
from guestlist.stores import actions as stores
from guestlist.stores.actors import Permission
from guestlist.stores.models import StoreView, Website

if TYPE_CHECKING:
    from django.forms import ModelForm
    from django.http import HttpRequest


def _configures_all(request: HttpRequest) -> bool:
    return access.of(request).actor.may(Permission.CONFIGURE, None)


@admin.register(Website, site=site)
class WebsiteTable(Table):
    """Websites."""

    website_path = "id"
    changing = Permission.CONFIGURE
    list_display = ("name", "code", "default_store_view")
    list_select_related = ("default_store_view",)
    search_fields = ("name", "code")
    ordering = ("name", "id")
    fields = ("name", "code", "default_store_view")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Let those add websites who may configure all."""
        return _configures_all(request)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Ask for the default store view once there can be one."""
        return self.fields if obj else ("name", "code")

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """Offer a website its own store views."""
        form = super().get_form(request, obj, change, **kwargs)
        if obj and "default_store_view" in form.base_fields:
            views = StoreView.objects.filter(website=obj).order_by("name", "pk")
            form.base_fields["default_store_view"].queryset = views
        return form

    def save_model(self, request: HttpRequest, obj: Website, form: ModelForm[Website], change: bool) -> None:
        """Open a new website by the action; keep what was changed of an old one."""
        if change:
            super().save_model(request, obj, form, change)
        else:
            made = stores.open_website(code=obj.code, name=obj.name)
            obj.pk, obj.public_id = made.pk, made.public_id


@admin.register(StoreView, site=site)
class StoreViewTable(Table):
    """Store views."""

    website_path = "website_id"
    changing = Permission.CONFIGURE
    form = forms.StoreViewForm
    list_display = ("name", "website", "language", "base_url")
    list_filter = (OwnWebsites,)
    list_select_related = ("website",)
    search_fields = ("name", "code", "base_url")
    ordering = ("website__name", "name", "id")
    fieldsets = (
        (None, {"fields": ("website", "name", "code", "language", "currency", "time_zone", "base_url")}),
        (_("Look"), {"fields": ("logo", "accent_color")}),
        (
            _("What every mail says"),
            {
                "fields": (
                    "legal_name",
                    "postal_address",
                    "registration_number",
                    "privacy_url",
                    "terms_url",
                    "contact_address",
                )
            },
        ),
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Let those add store views who may configure all: a new base URL can lie in the way of another website's."""
        return _configures_all(request)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Keep a store view at its website: invitations and accounts hang on it.

        Its base URL is for those who may configure all. Links for people of every website are made of it, owners' own
        included, and the longest one wins: it could take another website's pages.
        """
        if not obj:
            return ()
        return ("website",) if _configures_all(request) else ("website", "base_url")

    def save_model(
        self,
        request: HttpRequest,
        obj: StoreView,
        form: ModelForm[StoreView],
        change: bool,
    ) -> None:
        """Open a new store view by the action; keep what was changed of an old one."""
        if change:
            super().save_model(request, obj, form, change)
            return
        given = {name: value for name, value in form.cleaned_data.items() if name not in forms.OPENED_BY}
        made = stores.open_store_view(
            website=obj.website,
            code=obj.code,
            name=obj.name,
            language=obj.language,
            base_url=obj.base_url,
            **given,
        )
        obj.pk, obj.public_id = made.pk, made.public_id
