"""What every mail says of the shop it comes from: the variables of a store view."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urljoin

if TYPE_CHECKING:
    from guestlist.stores.models import StoreView

_HOUSE_COLOR = "#2f5d50"
_INK = "#16181a"
_WHITE = "#ffffff"
_COLOR = re.compile(r"#[0-9a-fA-F]{6}")
_TEXT_RATIO = 4.5
_SHAPE_RATIO = 3.0


def variables(store_view: StoreView) -> dict[str, str]:
    """Return the variables that mail fills in itself, for a mail from this store view."""
    accent = readable_accent(store_view.accent_color)
    privacy_url = store_view.privacy_url.strip()
    if privacy_url.startswith("/"):
        privacy_url = urljoin(store_view.base_url, privacy_url)
    return {
        "store_name": store_view.name,
        "store_url": store_view.url("/"),
        "logo_url": urljoin(store_view.base_url, store_view.logo.url) if store_view.logo else "",
        "accent": accent,
        "accent_text": _WHITE if _contrast(_WHITE, accent) >= _TEXT_RATIO else _INK,
        "legal_name": store_view.legal_name,
        "postal_address": store_view.postal_address,
        "registration_number": store_view.registration_number,
        "privacy_url": privacy_url,
        "contact_address": store_view.contact_address,
    }


def readable_accent(color: str) -> str:
    """Return the color for the button: the shop's own, darkened until it stands out on the card (WCAG 2.2, 1.4.11)."""
    if not _COLOR.fullmatch(color):
        return _HOUSE_COLOR
    channels = [int(color[at : at + 2], 16) for at in (1, 3, 5)]
    while _contrast(_hex(channels), _WHITE) < _SHAPE_RATIO:
        channels = [channel * 19 // 20 for channel in channels]
    return _hex(channels)


def _hex(channels: list[int]) -> str:
    return "#" + "".join(f"{channel:02x}" for channel in channels)


def _contrast(one: str, other: str) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(color: str) -> float:
    channels = (int(color[at : at + 2], 16) / 255 for at in (1, 3, 5))
    # The constants are those of WCAG's definition of relative luminance.
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)  # noqa: PLR2004
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
