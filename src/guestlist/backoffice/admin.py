"""The plain tables of the staff site."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin
from django.contrib.admin import SimpleListFilter, display
from django.db.models import Q
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline

from guestlist.backoffice import access, forms, previews
from guestlist.backoffice.labels import STATES
from guestlist.backoffice.site import site
from guestlist.backoffice.tables import OwnersTable, Table
from guestlist.customers.models import Customer, CustomerGroup, DefaultGroup, Grant, Role, User
from guestlist.mail import actions as mail
from guestlist.mail.models import Attempt, Message, MessageState, SenderIdentity, Template
from guestlist.stores import actions as stores
from guestlist.stores.actors import Permission
from guestlist.stores.models import StoreView, Website

if TYPE_CHECKING:
    from django.db.models import ForeignKey, QuerySet
    from django.forms import ModelChoiceField, ModelForm
    from django.http import HttpRequest

class OwnWebsites(SimpleListFilter):
    """Filters by website, offering those that may be seen."""

    title = _("website")
    parameter_name = "website"
    path: ClassVar[str] = "website"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ANN401, ARG002 - Django's
        """Return the visible websites."""
        return [(str(one.pk), one.name) for one in access.of(request).websites]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002 - Django's
        """Keep the chosen website's rows."""
        value = self.value()
        return queryset.filter(**{self.path: value}) if value and value.isdigit() else queryset


class OwnWebsitesOfView(OwnWebsites):
    """The same where the website is the store view's."""

    path = "store_view__website"


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
        return access.of(request).actor.may(Permission.CONFIGURE, None)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:  # noqa: ARG002 - Django's signature
        """Ask for the default store view once there can be one."""
        return self.fields if obj else ("name", "code")

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:  # noqa: ANN401, FBT001, FBT002 - Django's signature
        """Offer a website its own store views."""
        form = super().get_form(request, obj, change, **kwargs)
        if obj and "default_store_view" in form.base_fields:
            views = StoreView.objects.filter(website=obj).order_by("name", "pk")
            form.base_fields["default_store_view"].queryset = views
        return form

    def save_model(self, request: HttpRequest, obj: Website, form: ModelForm[Website], change: bool) -> None:  # noqa: FBT001 - Django's signature
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

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:  # noqa: ARG002 - Django's signature
        """Keep a store view at its website: invitations and accounts hang on it."""
        return ("website",) if obj else ()

    def save_model(
        self, request: HttpRequest, obj: StoreView, form: ModelForm[StoreView], change: bool  # noqa: FBT001 - Django's signature
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
        "erased_at",
        "their_invitations",
    )
    readonly_fields = ("their_invitations",)

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

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:  # noqa: ARG002 - Django's signature
        """Keep the store view, which is the row's key."""
        return ("store_view",) if obj else ()


@admin.register(SenderIdentity, site=site)
class SenderTable(Table):
    """Whom mail comes from."""

    website_path = "website_id"
    viewing = changing = Permission.TEMPLATES
    list_display = ("name", "address", "website", "code", "stopped_at")
    list_filter = (OwnWebsites, "code")
    list_select_related = ("website",)
    search_fields = ("name", "address")
    ordering = ("website__name", "id")
    fields = ("website", "code", "name", "address", "reply_to", "stopped_at", "stopped_reason")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:  # noqa: ARG002 - Django's signature
        """Show why a sender stopped; saving it starts it again."""
        return ("stopped_at", "stopped_reason", *(("website", "code") if obj else ()))

    def save_model(
        self, request: HttpRequest, obj: SenderIdentity, form: ModelForm[SenderIdentity], change: bool  # noqa: ARG002, FBT001 - Django's signature
    ) -> None:
        """Write the sender down by the action, which also starts a stopped one."""
        made = mail.set_sender(
            website=obj.website, code=obj.code, name=obj.name, address=obj.address, reply_to=obj.reply_to
        )
        obj.pk = made.pk


@admin.register(Template, site=site)
class TemplateTable(Table):
    """Mail templates: their newest words, with a preview by sample values."""

    viewing = Permission.TEMPLATES
    list_display = ("name", "code", "purpose", "is_builtin")
    list_filter = ("purpose",)
    search_fields = ("name", "code")
    ordering = ("-is_builtin", "name", "id")
    fields = ("name", "code", "purpose", "is_builtin")
    change_form_after_template = "backoffice/template_preview.html"

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 - Django's
        """Show the template with previews in each of its languages."""
        version = None
        if object_id.isdigit() and self.has_view_permission(request):
            rows = Template.objects.filter(pk=object_id)
            version = next((mail.current_version(one.code) for one in rows), None)
        shown = []
        if version is not None:
            purpose = version.template.purpose
            shown = [previews.of_template(text, purpose) for text in version.texts.order_by("language")]
        return super().change_view(
            request, object_id, form_url, {**(extra_context or {}), "version": version, "previews": shown}
        )


class AttemptInline(TabularInline):  # type: ignore[misc]  # unfold has no types
    """The mail server's answers other than "accepted"."""

    model = Attempt
    fields = readonly_fields = ("at", "outcome", "code", "answer")
    extra = 0
    can_delete = False
    verbose_name_plural = _("Answers of the mail server")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002 - Django's signature
        """Show them with their mail."""
        return True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002 - Django's signature
        """Leave writing to delivery."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002 - Django's signature
        """Leave writing to delivery."""
        return False


@admin.register(Message, site=site)
class MessageTable(Table):
    """The outbox, as it is."""

    website_path = "store_view__website_id"
    list_display = ("id", "kind", "shown_state", "store_view", "sender", "queued_at", "ready_at", "tries", "code")
    list_display_links = ("id",)
    list_filter = (OwnWebsitesOfView, "kind", "state")
    list_select_related = ("store_view", "sender")
    ordering = ("-id",)
    fields = (
        "kind",
        "subject_id",
        "shown_state",
        "store_view",
        "sender",
        "queued_at",
        "ready_at",
        "tries",
        "code",
    )
    readonly_fields = ("shown_state",)
    inlines = (AttemptInline,)

    @display(description=_("State"), ordering="state")
    def shown_state(self, message: Message) -> Any:  # noqa: ANN401 - a lazy sentence
        """Return the state in words."""
        return STATES.get(MessageState(message.state), message.state)


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
    list_display = ("name", "code")
    search_fields = ("name", "code")
    ordering = ("name", "id")
    fields = ("name", "code", "permissions")


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
    def where(self, grant: Grant) -> Any:  # noqa: ANN401 - a lazy sentence
        """Return the website, or that it is all of them."""
        return grant.website or _("all websites")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002 - Django's signature
        """Let owners take a right away."""
        return access.of(request).is_owner

    def formfield_for_foreignkey(
        self, db_field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> ModelChoiceField[Any] | None:
        """Offer staff as users."""
        if db_field.name == "user":
            kwargs["queryset"] = User.objects.filter(is_staff=True).order_by("email")
        return super().formfield_for_foreignkey(db_field, request, **kwargs)
