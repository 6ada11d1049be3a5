"""The cart: quantities by product, kept in the session, one cart per website."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from guestlist.demo import catalog

if TYPE_CHECKING:
    from django.contrib.sessions.backends.base import SessionBase

    from guestlist.customers.models import Customer
    from guestlist.stores.models import StoreView

_KEY = "demo_cart"
MOST = 20
"""Pieces of one product in a cart."""


@dataclass(frozen=True, slots=True)
class Line:
    """A product in the cart."""

    offer: catalog.Offer
    quantity: int

    @property
    def total(self) -> int:
        """What the pieces cost together, in minor units."""
        return self.offer.price * self.quantity


@dataclass(frozen=True, slots=True)
class Cart:
    """What a visitor is about to buy, at the prices that count for them."""

    lines: list[Line]

    @property
    def total(self) -> int:
        """What everything costs, in minor units."""
        return sum(line.total for line in self.lines)

    @property
    def pieces(self) -> int:
        """How many pieces are in it."""
        return sum(line.quantity for line in self.lines)


def read(session: SessionBase, store_view: StoreView, customer: Customer | None, *, in_sale: bool) -> Cart:
    """Return the cart of the view's website; what the shop no longer sells is left out."""
    lines = []
    for slug, quantity in _quantities(session, store_view).items():
        product = catalog.find(store_view, slug)
        if product is not None:
            lines.append(Line(catalog.offer(product, store_view, customer, in_sale=in_sale), quantity))
    return Cart(lines)


def put(session: SessionBase, store_view: StoreView, slug: str, quantity: int) -> None:
    """Set how many pieces of a product are in the cart, at most :data:`MOST`; none takes it out."""
    quantities = _quantities(session, store_view)
    if quantity > 0:
        quantities[slug] = min(quantity, MOST)
    else:
        quantities.pop(slug, None)
    session[_KEY] = {**session.get(_KEY, {}), store_view.website.code: quantities}


def add(session: SessionBase, store_view: StoreView, slug: str, quantity: int) -> None:
    """Put more pieces of a product into the cart."""
    put(session, store_view, slug, _quantities(session, store_view).get(slug, 0) + quantity)


def empty(session: SessionBase, store_view: StoreView) -> None:
    """Take everything out."""
    session[_KEY] = {**session.get(_KEY, {}), store_view.website.code: {}}


def _quantities(session: SessionBase, store_view: StoreView) -> dict[str, int]:
    kept: dict[str, int] = session.get(_KEY, {}).get(store_view.website.code, {})
    return dict(kept)
