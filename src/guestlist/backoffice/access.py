"""Who the signed-in staff member is, and what the menu may show them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from django.core.exceptions import PermissionDenied

from guestlist.customers import grants
from guestlist.stores.actors import Permission
from guestlist.stores.models import StoreView, Website

if TYPE_CHECKING:
    from django.http import HttpRequest

    from guestlist.stores.actors import Actor

_UTC = ZoneInfo("UTC")
SEES_PEOPLE = (Permission.REPORTS, Permission.VIEW)
"""What a report needs that names people: figures alone may be seen by whoever may not see addresses."""


@dataclass
class Staff:
    """The staff member of a request, with the websites and store views where they may do something."""

    actor: Actor

    @cached_property
    def _websites(self) -> list[Website]:
        """Those where they may do anything at all, by name."""
        rows = Website.objects.select_related("default_store_view").order_by("name", "pk")
        named = self.actor.grants
        return list(rows if None in named else rows.filter(pk__in=[pk for pk in named if pk is not None]))

    @cached_property
    def _store_views(self) -> list[StoreView]:
        defaults = {website.default_store_view_id for website in self._websites}
        views = StoreView.objects.filter(website__in=self._websites).select_related("website")
        return sorted(
            views, key=lambda view: (view.website.name, view.website_id, view.pk not in defaults, view.pk)
        )

    def websites_for(self, permission: Permission) -> list[Website]:
        """Return the websites where they have the permission, by name."""
        return [one for one in self._websites if self.actor.may(permission, one.pk)]

    def store_views_for(self, permission: Permission) -> list[StoreView]:
        """Return the same websites' store views, website by website, the default one first."""
        return [one for one in self._store_views if self.actor.may(permission, one.website_id)]

    @property
    def websites(self) -> list[Website]:
        """The websites whose invitations they may see, by name."""
        return self.websites_for(Permission.VIEW)

    @property
    def store_views(self) -> list[StoreView]:
        """The same websites' store views, website by website, the default one first."""
        return self.store_views_for(Permission.VIEW)

    @property
    def zone(self) -> ZoneInfo:
        """The time zone that their pages show times in: that of their first website's default store view."""
        places = self.websites or self._websites
        view = next((one.default_store_view for one in places if one.default_store_view), None)
        return ZoneInfo(view.time_zone) if view else _UTC

    def may(self, permission: Permission) -> bool:
        """Tell whether the permission holds at any website."""
        allowed = self.actor.website_ids(permission)
        return allowed is None or bool(allowed)

    def may_together(self, *permissions: Permission) -> bool:
        """Tell whether all of the permissions hold at the same website."""
        found = [self.actor.website_ids(one) for one in permissions]
        some = [one for one in found if one is not None]
        return not some or bool(frozenset.intersection(*some))

    def require(self, permission: Permission) -> None:
        """Refuse whoever has the permission nowhere, with the page that says so."""
        if not self.may(permission):
            raise PermissionDenied


def of(request: HttpRequest) -> Staff:
    """Return the staff member of the request; their rights are read once."""
    kept: Staff | None = getattr(request, "_guestlist_staff", None)
    if kept is None:
        kept = Staff(grants.actor_of(request.user))  # type: ignore[arg-type]  # behind admin_view
        request._guestlist_staff = kept  # type: ignore[attr-defined]  # noqa: SLF001 - ours
    return kept


def may_enter(request: HttpRequest) -> bool:
    """Show the home page to every staff member."""
    return bool(request.user.is_authenticated)


def may_view(request: HttpRequest) -> bool:
    """Show what whoever sees invitations sees."""
    return of(request).may(Permission.VIEW)


def may_import(request: HttpRequest) -> bool:
    """Show where files of people are brought."""
    return of(request).may(Permission.IMPORT)


def may_configure(request: HttpRequest) -> bool:
    """Show the configuration."""
    return of(request).may(Permission.CONFIGURE)


def may_see_templates(request: HttpRequest) -> bool:
    """Show senders and templates."""
    return of(request).may(Permission.TEMPLATES)


def may_suppress(request: HttpRequest) -> bool:
    """Show the addresses that are not mailed."""
    return of(request).may(Permission.SUPPRESSIONS)


def may_report(request: HttpRequest) -> bool:
    """Show the reports."""
    return of(request).may(Permission.REPORTS)


def may_see_people(request: HttpRequest) -> bool:
    """Show the reports that name people."""
    return of(request).may_together(*SEES_PEOPLE)


def is_owner(request: HttpRequest) -> bool:
    """Show staff and their rights."""
    return of(request).actor.is_owner


def context(request: HttpRequest) -> dict[str, Any]:
    """Return what every page of the staff site needs."""
    from guestlist.backoffice.site import site

    values: dict[str, Any] = site.each_context(request)
    return values
