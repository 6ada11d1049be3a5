"""Amounts: whole numbers of a currency's smallest unit, and how people read them."""

from __future__ import annotations

from decimal import Decimal

from babel.numbers import format_currency, get_currency_precision, is_currency

MOST = 10**12
"""No order comes to more than this: sums of millions of such still fit the database's numbers."""
_NO_MONEY = frozenset({"XXX", "XTS"})
"""Codes of ISO 4217 for "no currency" and for tests."""


def is_known(currency: str) -> bool:
    """Tell whether these are the three capitals of a currency of ISO 4217."""
    return is_currency(currency) and currency not in _NO_MONEY


def shown(minor: int, currency: str, language: str) -> str:
    """Return an amount in minor units as a language writes it: € 18,50 or €18.50, and ¥1,850, which has no cents."""
    amount = Decimal(minor).scaleb(-get_currency_precision(currency))
    return format_currency(amount, currency, locale=language)
