"""What the demo's templates can do beyond Django's."""

from __future__ import annotations

from django import template

from guestlist.demo import money

register = template.Library()


@register.simple_tag
def inbox_url() -> str:
    """Return the address of the inbox, which lies below no store view's prefix."""
    return "/demo/inbox/"


@register.filter
def money_in(minor: int, currency: str) -> str:
    """Show an amount in minor units: ``{{ price|money_in:"EUR" }}``."""
    return money.shown(minor, currency)
