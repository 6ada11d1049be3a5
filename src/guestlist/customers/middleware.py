"""Who the signed-in user is at the website of the request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.functional import SimpleLazyObject

from guestlist.customers.models import Customer

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponseBase


class CustomerMiddleware:
    """Set ``request.customer``: the user's customer at this website, falsy for a stranger; asked for when first read."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        """Keep the next layer."""
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Attach the customer, lazily."""
        request.customer = SimpleLazyObject(lambda: _customer(request))  # type: ignore[attr-defined]
        return self.get_response(request)


def _customer(request: HttpRequest) -> Customer | None:
    if not request.user.is_authenticated or request.store_view is None:  # type: ignore[attr-defined]
        return None
    return (
        Customer.objects.known()
        .select_related("group", "website", "store_view")
        .filter(user=request.user, website=request.store_view.website_id)  # type: ignore[attr-defined]
        .first()
    )
