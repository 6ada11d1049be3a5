"""Bars of the charts that pages draw by themselves; beside each stands a table with the same numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils import formats
from django.utils.translation import gettext as _

if TYPE_CHECKING:
    from collections.abc import Sequence

STEP, BAR, HEIGHT = 10, 8, 1000
"""How far bars stand apart, how wide and how high they are at most, in units of the drawing."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A day or period of a chart; the places are texts, for numbers would be written as people read them."""

    left: str
    top: str
    height: str
    said: str


@dataclass(frozen=True, slots=True)
class Chart:
    """One kind of figure over time: the bars and, in words, what they come to."""

    code: str
    label: Any
    total: str
    most: str
    said: str
    bars: list[Bar]


def bars(named: Sequence[str], amounts: Sequence[int]) -> list[Bar]:
    """Return a bar for each amount, the largest as high as the drawing; ``named`` says what each is of."""
    most = max(amounts, default=0)
    drawn = []
    for place, (name, amount) in enumerate(zip(named, amounts, strict=True)):
        # Whatever happened is seen, however little it is beside the largest.
        height = max(round(HEIGHT * amount / most), HEIGHT // 50) if amount > 0 else 0
        said = _("%(day)s: %(count)s") % {"day": name, "count": number(amount)}
        drawn.append(Bar(str(place * STEP + (STEP - BAR) // 2), str(HEIGHT - height), str(height), said))
    return drawn


def number(amount: int) -> str:
    """Return a number as people read large ones."""
    return formats.number_format(amount, force_grouping=True)
