"""The colors of a store view's pages, made from its accent: one scheme for light, one for dark."""

from dataclasses import dataclass

from guestlist.stores import colors
from guestlist.stores.colors import SHAPE_RATIO, TEXT_RATIO, WHITE


@dataclass(frozen=True, slots=True)
class Scheme:
    """The colors of one scheme (light or dark), each as `#rrggbb`."""

    ground: str
    paper: str
    tint: str
    button: str
    button_text: str
    link: str


@dataclass(frozen=True, slots=True)
class Palette:
    """What a store view's stylesheet says: one scheme for light, one for dark."""

    light: Scheme
    dark: Scheme


def palette(accent: str) -> Palette:
    """Give the corrected colors for an accent as `#rgb` or `#rrggbb`; anything else reads as the house color."""
    color = colors.read(accent)
    _lightness, chroma, hue = color
    quiet = min(chroma, 0.1) / 0.1
    light_ground = colors.written(0.968, 0.006 * quiet, hue)
    light_tint = colors.written(0.945, 0.022 * quiet, hue)
    dark_ground = colors.written(0.185, 0.010 * quiet, hue)
    dark_paper = colors.written(0.235, 0.012 * quiet, hue)
    dark_tint = colors.written(0.285, 0.028 * quiet, hue)
    light_button = colors.darkened(color, (WHITE, light_ground), SHAPE_RATIO)
    dark_button = colors.lightened(color, (dark_paper, dark_ground), SHAPE_RATIO)
    return Palette(
        light=Scheme(
            ground=light_ground,
            paper=WHITE,
            tint=light_tint,
            button=light_button,
            button_text=colors.readable_on(light_button),
            link=colors.darkened(color, (WHITE, light_ground, light_tint), TEXT_RATIO),
        ),
        dark=Scheme(
            ground=dark_ground,
            paper=dark_paper,
            tint=dark_tint,
            button=dark_button,
            button_text=colors.readable_on(dark_button),
            link=colors.lightened(color, (dark_paper, dark_ground, dark_tint), TEXT_RATIO),
        ),
    )


def stylesheet(accent: str) -> str:
    """Give the stylesheet that sets a store view's colors as custom properties."""
    made = palette(accent)
    return (
        f":root{{{_properties(made.light)}}}\n"
        f"@media (prefers-color-scheme:dark){{:root{{{_properties(made.dark)}}}}}\n"
    )


def _properties(scheme: Scheme) -> str:
    return (
        f"--ground:{scheme.ground};--paper:{scheme.paper};--tint:{scheme.tint};"
        f"--button:{scheme.button};--button-text:{scheme.button_text};--link:{scheme.link}"
    )
