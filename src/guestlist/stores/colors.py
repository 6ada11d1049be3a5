"""Colors that can be read: a shop's bad choice is corrected, not obeyed.

Lightness is moved in OKLCH (https://www.w3.org/TR/css-color-4/#ok-lab), so that the hue a shop chose stays
the hue that people see. Ratios are those of WCAG 2.2 (1.4.3 and 1.4.11).
"""

import math
import re
from functools import lru_cache

FALLBACK = "#2f5d50"
TEXT_RATIO = 4.5
SHAPE_RATIO = 3.0
INK = "#16181a"
WHITE = "#ffffff"

_HEX = re.compile(r"#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})\Z")

_GRAY, _LESS, _HAIR = 0.001, 0.004, 0.0005  # where chroma ends, its step, what rounding forgives

type Rgb = tuple[float, float, float]
type Oklch = tuple[float, float, float]


def contrast(one: str, other: str) -> float:
    """Give the WCAG contrast ratio of two colors, from 1 to 21."""
    light, dark = sorted((_luminance(_parse(one)), _luminance(_parse(other))), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def readable_on(background: str) -> str:
    """Give white or ink, whichever can be read on the background; white where both can."""
    if contrast(WHITE, background) >= TEXT_RATIO:
        return WHITE
    return INK if contrast(INK, background) >= TEXT_RATIO else "#000000"


def darkened(color: Oklch, backgrounds: tuple[str, ...], ratio: float) -> str:
    """Give the color as `#rrggbb`, no darker than its ratio to all the backgrounds asks for."""
    return _moved(color, 0.0, backgrounds, ratio)


def lightened(color: Oklch, backgrounds: tuple[str, ...], ratio: float) -> str:
    """Give the color as `#rrggbb`, no lighter than its ratio to all the backgrounds asks for."""
    return _moved(color, 1.0, backgrounds, ratio)


def read(text: str) -> Oklch:
    """Give lightness, chroma and hue of a color as `#rgb` or `#rrggbb`; anything else reads as the house color."""
    return _to_oklch(_parse(text))


def written(lightness: float, chroma: float, hue: float) -> str:
    """Give the nearest color that a screen can show, as `#rrggbb`: chroma yields before lightness and hue do."""
    while chroma > _GRAY and not all(
        -_HAIR <= channel <= 1 + _HAIR for channel in _to_rgb(lightness, chroma, hue)
    ):
        chroma -= _LESS
    channels = _to_rgb(lightness, max(chroma, 0.0), hue)
    whole = (round(_encoded(min(max(channel, 0.0), 1.0)) * 255) for channel in channels)
    return "#" + "".join(f"{channel:02x}" for channel in whole)


# Every mail asks for its shop's.
@lru_cache(maxsize=256)
def _moved(color: Oklch, end: float, backgrounds: tuple[str, ...], ratio: float) -> str:
    """Move the lightness toward its end, no further than the ratio asks for."""
    start, chroma, hue = color
    steps = 100
    candidate = written(*color)
    for step in range(steps + 1):
        candidate = written(start + (end - start) * step / steps, chroma, hue)
        if all(contrast(candidate, background) >= ratio for background in backgrounds):
            return candidate
    return candidate


def _parse(text: str) -> Rgb:
    found = _HEX.match(text.strip())
    digits = found.group(1) if found else FALLBACK[1:]
    if len(digits) == len("rgb"):
        digits = "".join(digit * 2 for digit in digits)
    red, green, blue = (int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4))
    return red, green, blue


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4  # noqa: PLR2004 - sRGB's own


def _encoded(channel: float) -> float:
    return channel * 12.92 if channel <= 0.0031308 else 1.055 * channel ** (1 / 2.4) - 0.055  # noqa: PLR2004


def _luminance(color: Rgb) -> float:
    red, green, blue = (_linear(channel) for channel in color)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _to_oklch(color: Rgb) -> Oklch:
    red, green, blue = (_linear(channel) for channel in color)
    long = math.cbrt(0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue)
    medium = math.cbrt(0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue)
    short = math.cbrt(0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue)
    lightness = 0.2104542553 * long + 0.7936177850 * medium - 0.0040720468 * short
    a = 1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short
    b = 0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short
    return lightness, math.hypot(a, b), math.atan2(b, a)


def _to_rgb(lightness: float, chroma: float, hue: float) -> Rgb:
    a, b = chroma * math.cos(hue), chroma * math.sin(hue)
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )
