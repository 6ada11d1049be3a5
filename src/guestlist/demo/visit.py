"""What a visitor of the example shop sees on every page: their cart, and what is on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils import timezone

from guestlist.demo import cart as carts
from guestlist.occasions.models import Occasion, OccasionKind

if TYPE_CHECKING:
    from django.http import HttpRequest

    from guestlist.customers.models import Customer
    from guestlist.stores.middleware import StoreRequest


def customer(request: HttpRequest) -> Customer | None:
    """Return the customer whom the visitor is signed in as, at this website."""
    # An error page may be made before anybody looked who it is for.
    return getattr(request, "customer", None) or None


def occasion(request: StoreRequest, kind: OccasionKind) -> Occasion | None:
    """Return the website's own occasion of a kind that is not over; asked once a request."""
    if not hasattr(request, "demo_occasions"):
        website = request.store_view.website_id
        current = Occasion.objects.open(timezone.now()).filter(website=website, owner=None).order_by("-pk")
        request.demo_occasions = {one.kind: one for one in current}  # type: ignore[attr-defined]
    found: Occasion | None = request.demo_occasions.get(kind)  # type: ignore[attr-defined]
    return found


def in_sale(request: StoreRequest) -> bool:
    """Tell whether the prices of the private sale count: for customers, while it is on."""
    return customer(request) is not None and occasion(request, OccasionKind.PRIVATE_SALE) is not None


def cart(request: StoreRequest) -> carts.Cart:
    """Return the visitor's cart at this website."""
    return carts.read(request.session, request.store_view, customer(request), in_sale=in_sale(request))
