"""Amounts as people read them."""

from __future__ import annotations

from django.utils.translation import get_language

from guestlist.orders import money


def shown(minor: int, currency: str) -> str:
    """Return an amount in minor units as the page's language writes it."""
    return money.shown(minor, currency, get_language() or "en")
