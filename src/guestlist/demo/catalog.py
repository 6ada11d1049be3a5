"""What the demo's shops sell, and for how much to whom."""

from __future__ import annotations

import functools
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.utils.translation import get_language

if TYPE_CHECKING:
    from collections.abc import Mapping

    from guestlist.customers.models import Customer
    from guestlist.stores.models import StoreView

_LANGUAGE_FOR_OTHERS = "en"
_REDUCTIONS = {"wholesale": 30, "retailer": 20, "vip": 10}
"""What customer groups pay less, in percent: the reason why it matters which group a friend lands in."""


@dataclass(frozen=True, slots=True)
class Product:
    """Something to buy; money in minor units by currency, words by language: name, one line, description."""

    slug: str
    website: str
    price: Mapping[str, int]
    was: Mapping[str, int]
    sale: Mapping[str, int]
    words: Mapping[str, tuple[str, str, str]]

    @property
    def name(self) -> str:
        """The name, in the language of this page."""
        return self._words[0]

    @property
    def line(self) -> str:
        """What it is, in a few words."""
        return self._words[1]

    @property
    def description(self) -> str:
        """What there is to say about it."""
        return self._words[2]

    @property
    def picture(self) -> str:
        """The path of its picture among the static files."""
        return f"demo/products/{self.slug}.svg"

    @property
    def _words(self) -> tuple[str, str, str]:
        return self.words.get((get_language() or "")[:2]) or self.words[_LANGUAGE_FOR_OTHERS]


@dataclass(frozen=True, slots=True)
class Offer:
    """A product as one visitor sees it: what it costs them and, when that is less, what it costs others."""

    product: Product
    price: int
    instead_of: int | None


@functools.cache
def _all() -> Mapping[str, Product]:
    text = (Path(__file__).parent / "catalog.toml").read_text(encoding="utf-8")
    return {row["slug"]: _product(row) for row in tomllib.loads(text)["product"]}


def _product(row: Mapping[str, Any]) -> Product:
    return Product(
        slug=row["slug"],
        website=row["website"],
        price=row["price"],
        was=row.get("was", {}),
        sale=row.get("sale", {}),
        words={language: tuple(row[language]) for language in ("nl", "en")},
    )


def products(store_view: StoreView) -> list[Product]:
    """Return what the website of the view sells, in the shop's order."""
    return [product for product in _all().values() if product.website == store_view.website.code]


def find(store_view: StoreView, slug: str) -> Product | None:
    """Return a product of the view's website."""
    product = _all().get(slug)
    return product if product and product.website == store_view.website.code else None


def offer(product: Product, store_view: StoreView, customer: Customer | None, *, in_sale: bool) -> Offer:
    """Return what the product costs this customer: the lowest of the price of their group and that of the sale."""
    usual = product.price[store_view.currency]
    percent = _REDUCTIONS.get(customer.group.code, 0) if customer else 0
    prices = [usual * (100 - percent) // 100]
    if in_sale and store_view.currency in product.sale:
        prices.append(product.sale[store_view.currency])
    before = max(usual, product.was.get(store_view.currency, 0))
    return Offer(product, min(prices), before if before > min(prices) else None)
