"""A shop's accent color is corrected until everybody can read it."""

import re

import pytest

from guestlist.storefront import theme
from guestlist.stores.colors import FALLBACK, contrast

ACCENTS = [
    "#ffe600",
    "#2f5d50",
    "#b3261e",
    "#000000",
    "#ffffff",
    "#7c3aed",
    "#00e5ff",
    "#777777",
    "#fff",
    "#7a2e3a",
]


@pytest.mark.parametrize("accent", ACCENTS)
def test_button_when_any_accent_is_chosen_reads_in_both_schemes(accent: str) -> None:
    colors = theme.palette(accent)

    for scheme in (colors.light, colors.dark):
        assert contrast(scheme.button, scheme.button_text) >= 4.5
        assert contrast(scheme.button, scheme.paper) >= 3
        assert contrast(scheme.button, scheme.ground) >= 3


@pytest.mark.parametrize("accent", ACCENTS)
def test_links_when_any_accent_is_chosen_read_on_every_background(accent: str) -> None:
    colors = theme.palette(accent)

    for scheme in (colors.light, colors.dark):
        for background in (scheme.paper, scheme.ground, scheme.tint):
            assert contrast(scheme.link, background) >= 4.5


@pytest.mark.parametrize("accent", ACCENTS)
def test_plain_text_when_any_accent_is_chosen_reads_on_every_background(accent: str) -> None:
    colors = theme.palette(accent)

    for scheme, texts in (
        (colors.light, ("#16181a", "#565c61", "#a5231b")),
        (colors.dark, ("#f0f1ef", "#b0b5b3", "#ff9b8f")),
    ):
        for background in (scheme.paper, scheme.ground):
            assert all(contrast(text, background) >= 4.5 for text in texts)


def test_palette_when_the_accent_is_good_obeys_it() -> None:
    colors = theme.palette("#2f5d50")

    assert colors.light.button == "#2f5d50"
    assert colors.light.link == "#2f5d50"


@pytest.mark.parametrize("accent", ["", "red", "#12", "url(x)", "#12345g", "}body{display:none"])
def test_stylesheet_when_the_accent_is_no_color_is_the_house_color(accent: str) -> None:
    assert theme.stylesheet(accent) == theme.stylesheet(FALLBACK)


def test_stylesheet_when_made_sets_custom_properties_for_both_schemes() -> None:
    sheet = theme.stylesheet("#7a2e3a")

    assert len(re.findall(r"--button:#[0-9a-f]{6};", sheet)) == 2
    assert "@media (prefers-color-scheme:dark)" in sheet


def test_contrast_when_black_on_white_is_twenty_one() -> None:
    assert round(contrast("#000000", "#ffffff"), 2) == 21.0
