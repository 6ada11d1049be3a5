"""What every storefront page knows of its shop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.functional import SimpleLazyObject
from django.utils.translation import get_language_info

from guestlist.customers.models import Customer
from guestlist.invitations import config, rules
from guestlist.stores.models import StoreView

if TYPE_CHECKING:
    from django.http import HttpRequest


@dataclass(frozen=True, slots=True)
class OtherView:
    """A sibling store view, as the language switch links to it."""

    label: str
    language: str
    url: str


def shop(request: HttpRequest) -> dict[str, Any]:
    """Give templates the store view, its siblings and whether "My invitations" exists for this visitor.

    Each is asked for only where a template reads it. On the installation's own pages there is no shop.
    """
    view: StoreView | None = getattr(request, "store_view", None)
    if view is None:
        return {}
    return {
        "store_view": view,
        "other_views": SimpleLazyObject(lambda: _other_views(request, view)),
        "may_see_invitations": SimpleLazyObject(lambda: may_see_invitations(request)),
    }


def options(request: HttpRequest) -> config.Invitations:
    """Give the options that count at the request's store view; asked once a request."""
    if not hasattr(request, "_guestlist_options"):
        request._guestlist_options = config.of(request.store_view)  # type: ignore[attr-defined]  # noqa: SLF001
    return request._guestlist_options  # type: ignore[attr-defined,no-any-return]  # noqa: SLF001


def may_see_invitations(request: HttpRequest) -> bool:
    """Tell whether this visitor's account has "My invitations"."""
    customer: Customer | None = getattr(request, "customer", None)
    return bool(customer and rules.may_invite(customer, options(request)))


def _other_views(request: HttpRequest, view: StoreView) -> list[OtherView]:
    siblings = list(StoreView.objects.filter(website=view.website_id).exclude(pk=view.pk).order_by("pk"))
    languages = [sibling.language for sibling in (view, *siblings)]
    # Only a page that was found is known to exist in the sibling too.
    page = request.path_info if request.resolver_match else "/"
    return [
        OtherView(
            label=_language_name(sibling) if languages.count(sibling.language) == 1 else sibling.name,
            language=sibling.language,
            # Below the same host the host stays as the visitor typed it, and with it the session.
            url=f"{sibling.path}{page}" if sibling.host == view.host else sibling.url(page),
        )
        for sibling in siblings
    ]


def _language_name(view: StoreView) -> str:
    return str(get_language_info(view.language)["name_local"]).capitalize()
