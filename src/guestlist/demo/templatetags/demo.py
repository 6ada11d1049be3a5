"""What the demo's templates can do beyond Django's."""

from __future__ import annotations

from typing import Any

from django import template

from guestlist.demo import money, visit
from guestlist.occasions.models import OccasionKind

register = template.Library()


@register.inclusion_tag("demo/nav.html", takes_context=True)
def shop_nav(context: template.Context) -> dict[str, Any]:
    """Show the shop's own links in the header: what is on, and the cart."""
    request = context.get("request")
    if request is None or getattr(request, "store_view", None) is None:
        return {}
    return {
        "cart": visit.cart(request),
        "has_event": visit.occasion(request, OccasionKind.EVENT) is not None,
        "has_sale": visit.occasion(request, OccasionKind.PRIVATE_SALE) is not None,
    }


@register.simple_tag
def inbox_url() -> str:
    """Return the address of the inbox, which lies below no store view's prefix."""
    return "/demo/inbox/"


@register.filter
def money_in(minor: int, currency: str) -> str:
    """Show an amount in minor units: ``{{ price|money_in:"EUR" }}``."""
    return money.shown(minor, currency)
