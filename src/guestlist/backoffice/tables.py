"""What every plain table of the staff site shares: rows narrowed by rights, nothing deleted."""

# ruff: noqa: ANN401, ARG002 - Django's signatures

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib.admin import ShowFacets, SimpleListFilter
from django.db.models.constants import LOOKUP_SEP
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from guestlist.backoffice import access
from guestlist.customers.models import Customer
from guestlist.stores.actors import Permission
from guestlist.stores.models import StoreView, Website

if TYPE_CHECKING:
    from django.db.models import ForeignKey, Model, QuerySet
    from django.forms import ModelChoiceField
    from django.http import HttpRequest


_MOST_SEARCHED, _MOST_WORDS = 200, 8
"""Characters of a search that count, and words: each is looked for in every column of every row."""

_LOOKUPS = frozenset({"exact", "in", "isnull", "gt", "gte", "lt", "lte"})
"""How an address may narrow a table: what filters and links ask for. Others read all rows, and a pattern like ``(a+)+$``
keeps a database, or on SQLite this whole process, busy for hours with a single one."""

_NARROWED: tuple[type[Model], ...] = (Website, StoreView, Customer)


class Table(ModelAdmin):
    """A table of the staff site.

    ``website_path`` leads from a row to its website's id; None means that rows belong to the whole installation.
    ``viewing`` is needed to see rows, ``changing`` to change and add them; without it nobody does.
    """

    website_path: ClassVar[str | None] = None
    viewing: ClassVar[Permission] = Permission.VIEW
    changing: ClassVar[Permission | None] = None

    show_full_result_count = False
    show_facets = ShowFacets.NEVER  # it counts all rows, once for each choice of each filter
    list_per_page = 50
    actions = None
    warn_unsaved_form = True
    compressed_fields = False
    list_filter_submit = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Keep the rows of websites that this staff member may see."""
        rows: QuerySet[Any] = super().get_queryset(request)
        if self.website_path is None:
            return rows
        allowed = access.of(request).actor.website_ids(self.viewing)
        return rows if allowed is None else rows.filter(**{f"{self.website_path}__in": allowed})

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Let an address narrow the table as its filters do, and in no other way."""
        _field, *rest = lookup.split(LOOKUP_SEP)
        if (rest and rest[-1] not in _LOOKUPS) or "\x00" in value:  # which PostgreSQL has no text with
            return False
        allowed: bool = super().lookup_allowed(lookup, value, request)
        return allowed

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Search for the first words that somebody types."""
        words = search_term[:_MOST_SEARCHED].split()[:_MOST_WORDS]
        found: tuple[QuerySet[Any], bool] = super().get_search_results(request, queryset, " ".join(words))
        return found

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Tell whether the table shows at all."""
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Tell whether the row, or any, may be seen."""
        staff = access.of(request)
        if obj is None or self.website_path is None:
            return staff.may(self.viewing)
        return staff.actor.may(self.viewing, self._website_id(obj))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Tell whether the row, or any, may be changed; what belongs to all websites needs the right for all."""
        if self.changing is None:
            return False
        actor = access.of(request).actor
        if self.website_path is None:
            return actor.may(self.changing, None)
        if obj is None:
            return access.of(request).may(self.changing)
        return actor.may(self.changing, self._website_id(obj))

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Tell whether rows may be added."""
        return self.has_change_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Keep every row: history, invitations and mail refer to them."""
        return False

    def formfield_for_foreignkey(
        self, db_field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> ModelChoiceField[Any] | None:
        """Offer, and take, only what this staff member may change."""
        if db_field.remote_field.model in _NARROWED and "queryset" not in kwargs:
            manager: Any = db_field.remote_field.model._default_manager  # noqa: SLF001 - Django's documented name
            permission = self.changing or self.viewing
            kwargs["queryset"] = manager.visible_to(access.of(request).actor, permission).order_by(
                "name", "pk"
            )
        field: ModelChoiceField[Any] | None = super().formfield_for_foreignkey(db_field, request, **kwargs)
        return field

    def _website_id(self, row: Any) -> int | None:
        assert self.website_path is not None
        for part in self.website_path.split("__"):
            row = getattr(row, part)
        website_id: int | None = row
        return website_id


class OwnersTable(Table):
    """A table that only those see who may do everything everywhere."""

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Show it to owners."""
        return access.of(request).actor.is_owner

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let owners change it."""
        return access.of(request).actor.is_owner


class OwnWebsites(SimpleListFilter):
    """Filters by website, offering those that may be seen."""

    title = _("website")
    parameter_name = "website"
    path: ClassVar[str] = "website"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the visible websites."""
        return [(str(one.pk), one.name) for one in access.of(request).websites]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Keep the chosen website's rows."""
        chosen = [one.pk for one in access.of(request).websites if str(one.pk) == self.value()]
        return queryset.filter(**{self.path: chosen[0]}) if chosen else queryset


class OwnWebsitesOfView(OwnWebsites):
    """The same where the website is the store view's."""

    path = "store_view__website"
