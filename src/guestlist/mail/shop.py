"""What every mail says of the shop it comes from: the variables of a store view."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urljoin

from guestlist.stores import colors

if TYPE_CHECKING:
    from guestlist.stores.models import StoreView


def variables(store_view: StoreView) -> dict[str, str]:
    """Return the variables that mail fills in itself, for a mail from this store view."""
    # A mail's card is white in every program that leaves its colors alone.
    accent = colors.darkened(colors.read(store_view.accent_color), (colors.WHITE,), colors.SHAPE_RATIO)
    privacy_url = store_view.privacy_url.strip()
    if privacy_url.startswith("/"):
        privacy_url = urljoin(store_view.base_url, privacy_url)
    return {
        "store_name": store_view.name,
        "store_url": store_view.url("/"),
        "logo_url": urljoin(store_view.base_url, store_view.logo.url) if store_view.logo else "",
        "accent": accent,
        "accent_text": colors.readable_on(accent),
        "legal_name": store_view.legal_name,
        "postal_address": store_view.postal_address,
        "registration_number": store_view.registration_number,
        "privacy_url": privacy_url,
        "contact_address": store_view.contact_address,
    }
