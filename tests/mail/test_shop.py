"""What mails say of their shop; a color that cannot be read is corrected."""

import pytest

from guestlist.mail import shop
from guestlist.stores.models import StoreView


def view(**changes):
    return StoreView(name="Loom", base_url="https://shop.example/nl", **changes)


def test_addresses_are_absolute():
    made = shop.variables(view(logo="logos/loom.png", privacy_url="/privacy/"))

    assert made["store_url"] == "https://shop.example/nl/"
    assert made["logo_url"] == "https://shop.example/media/logos/loom.png"
    assert made["privacy_url"] == "https://shop.example/privacy/"


def test_what_the_shop_lacks_is_empty():
    made = shop.variables(view())

    assert made["logo_url"] == made["privacy_url"] == made["legal_name"] == ""


@pytest.mark.parametrize(
    ("chosen", "accent", "text"),
    [
        ("#7a2e3a", "#7a2e3a", "#ffffff"),
        ("#FFD166", "#b98e0b", "#16181a"),
        ("#ffffff", "#929292", "#16181a"),
        ("#000000", "#000000", "#ffffff"),
        ("red", "#2f5d50", "#ffffff"),
        ("", "#2f5d50", "#ffffff"),
    ],
)
def test_the_button_can_be_seen_and_read_whatever_the_shop_chose(chosen, accent, text):
    made = shop.variables(view(accent_color=chosen))

    assert (made["accent"], made["accent_text"]) == (accent, text)
