"""Amounts as people read them."""

from __future__ import annotations

from babel.numbers import format_currency
from django.utils.translation import get_language


def shown(minor: int, currency: str) -> str:
    """Return an amount in minor units as the page's language writes it: € 18,50 or €18.50."""
    return format_currency(minor / 100, currency, locale=get_language() or "en")
