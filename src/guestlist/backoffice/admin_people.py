"""The tables of customers, their groups, and staff with their rights."""

# ruff: noqa: ANN401, ARG002 - Django's signatures

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin import display
from django.db.models import Q
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from guestlist.backoffice import access, forms
from guestlist.backoffice.site import site
from guestlist.backoffice.tables import OwnersTable, OwnWebsites, Table
from guestlist.customers.models import Customer, CustomerGroup, DefaultGroup, Grant, Role, User
from guestlist.stores.actors import Permission

if TYPE_CHECKING:
    from django.db.models import ForeignKey, QuerySet
    from django.forms import ModelChoiceField
    from django.http import HttpRequest


@admin.register(Customer, site=site)
class CustomerTable(Table):
    """Customers: seen here, changed by themselves and the shop, erased and never deleted."""

    website_path = "website_id"
    list_display = ("shown_name", "email", "website", "group", "created_at")
    list_filter = (OwnWebsites, "group")
    list_select_related = ("website", "group")
    search_fields = ("email", "first_name", "last_name")
    ordering = ("-id",)
    fields = (
        "website",
        "store_view",
        "group",
        "email",
        "first_name",
        "last_name",
        "external_id",
        "created_at",
        "newsletter_at",
        "erased_at",
        "their_invitations",
        "their_chain",
    )
    readonly_fields = ("their_invitations", "their_chain")

    def get_fields(self, request: HttpRequest, obj: Customer | None = None) -> list[str]:
        """Leave out the way to a report that is not theirs to see."""
        may_report = obj is not None and access.of(request).actor.may(Permission.REPORTS, obj.website_id)
        return [one for one in self.fields if may_report or one != "their_chain"]

    @display(description=_("Name"))
    def shown_name(self, customer: Customer) -> str:
        """Return the name, or that the customer was erased."""
        return str(customer)

    @display(description=_("Invitations"))
    def their_invitations(self, customer: Customer) -> str:
        """Link to what the customer sent."""
        return format_html(
            '<a class="gl-link" href="{}?inviter={}">{}</a>',
            reverse("admin:invitations"),
            customer.pk,
            _("Invitations that this customer sent"),
        )

    @display(description=_("Who brought whom"))
    def their_chain(self, customer: Customer) -> str:
        """Link to who brought the customer, and whom they brought."""
        return format_html(
            '<a class="gl-link" href="{}?customer={}">{}</a>',
            reverse("admin:report_chain"),
            customer.pk,
            _("Who brought this customer, and whom they brought"),
        )


@admin.register(CustomerGroup, site=site)
class CustomerGroupTable(Table):
    """Customer groups, for all websites together."""

    changing = Permission.CONFIGURE
    list_display = ("name", "code", "may_be_given")
    search_fields = ("name", "code")
    ordering = ("name", "id")
    fields = ("name", "code", "may_be_given")


@admin.register(DefaultGroup, site=site)
class DefaultGroupTable(Table):
    """The group that new customers of each store view get."""

    website_path = "store_view__website_id"
    changing = Permission.CONFIGURE
    list_display = ("store_view", "group")
    list_select_related = ("store_view", "group")
    ordering = ("store_view",)
    fields = ("store_view", "group")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Keep the store view, which is the row's key."""
        return ("store_view",) if obj else ()


@admin.register(User, site=site)
class UserTable(OwnersTable):
    """Who signs in; staff first. What a superuser may do is set at the command line alone."""

    form = forms.UserForm
    list_display = ("email", "first_name", "last_name", "is_staff", "is_active")
    list_filter = ("is_staff", "is_active")
    search_fields = ("email", "first_name", "last_name")
    ordering = ("-is_staff", "email")
    fields = ("email", "first_name", "last_name", "new_password", "is_staff", "is_active")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Leave superusers to superusers."""
        is_superuser = bool(getattr(request.user, "is_superuser", False))
        if obj is not None and obj.is_superuser and not is_superuser:
            return False
        return super().has_change_permission(request, obj)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Let nobody spell a stored password by filtering for its beginning."""
        return not lookup.startswith("password") and super().lookup_allowed(lookup, value, request)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Keep staff and whoever has rights; customers are found by searching their address."""
        users = super().get_queryset(request)
        if request.GET.get("q") or getattr(request.resolver_match, "kwargs", {}).get("object_id"):
            return users
        return users.filter(Q(is_staff=True) | Q(pk__in=Grant.objects.values("user")))


@admin.register(Role, site=site)
class RoleTable(OwnersTable):
    """Named sets of permissions."""

    form = forms.RoleForm
    list_display = ("shown_name", "code")
    search_fields = ("name", "code")
    ordering = ("name", "id")
    fields = ("name", "code", "permissions")

    @display(description=_("Name"), ordering="name")
    def shown_name(self, role: Role) -> str:
        """Return the name, of a ready-made role in the reader's language."""
        return str(role)


@admin.register(Grant, site=site)
class GrantTable(OwnersTable):
    """Who has which role where; the only rows that are taken away again."""

    list_display = ("user", "role", "where")
    list_filter = ("role",)
    list_select_related = ("user", "role", "website")
    search_fields = ("user__email",)
    ordering = ("user__email", "id")
    fields = ("user", "role", "website")
    changing = Permission.CONFIGURE

    @display(description=_("Website"), ordering="website__name")
    def where(self, grant: Grant) -> Any:
        """Return the website, or that it is all of them."""
        return grant.website or _("all websites")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let owners take a right away."""
        return access.of(request).actor.is_owner

    def formfield_for_foreignkey(
        self, db_field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> ModelChoiceField[Any] | None:
        """Offer staff as users."""
        if db_field.name == "user":
            kwargs["queryset"] = User.objects.filter(is_staff=True).order_by("email")
        return super().formfield_for_foreignkey(db_field, request, **kwargs)
