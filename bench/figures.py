"""What a benchmark found: figures with their goals, as a table for people and as JSON for programs."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Goal:
    """A bound that a figure must keep; one of the two."""

    at_least: float | None = None
    at_most: float | None = None

    def __str__(self) -> str:
        if self.at_least is not None:
            return f"≥ {number(self.at_least)}"
        return f"≤ {number(self.at_most)}" if self.at_most is not None else ""

    def holds(self, value: float) -> bool:
        """Tell whether a value keeps it."""
        return (self.at_least is None or value >= self.at_least) and (
            self.at_most is None or value <= self.at_most
        )


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure: a name for programs, a sentence for people, and what it should be where there is a goal."""

    name: str
    sentence: str
    value: float
    unit: str
    goal: Goal | None = None
    judged: bool = True
    """A short run shows the goal and judges nothing."""

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None where there is none, or where this run is too short to tell."""
        return self.goal.holds(self.value) if self.goal is not None and self.judged else None


@dataclass(slots=True)
class Report:
    """The figures of one benchmark, in the order in which they were found."""

    title: str
    quick: bool = False
    figures: list[Figure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)
    """What could not be measured, and why."""

    def add(
        self,
        name: str,
        sentence: str,
        value: float,
        unit: str,
        *,
        goal: Goal | None = None,
        long: bool = False,
    ) -> Figure:
        """Add a figure, and show it at once to whoever waits; ``long`` ones are judged by a full run alone."""
        figure = Figure(name, sentence, value, unit, goal, judged=not (long and self.quick))
        self.figures.append(figure)
        print(f"  {row(figure)}", file=sys.stderr, flush=True)
        return figure

    def note(self, sentence: str) -> None:
        """Add a sentence that a reader of the figures needs."""
        self.notes.append(sentence)

    @property
    def failed(self) -> list[Figure]:
        """The figures that miss their goals."""
        return [figure for figure in self.figures if figure.met is False]

    def write_json(self, path: Path) -> None:
        """Write each figure under its name: value, unit, goal and whether it is met (null where nothing is judged)."""
        content = {
            figure.name: {
                "value": round(figure.value, 4),
                "unit": figure.unit,
                "goal": str(figure.goal) if figure.goal is not None else None,
                "met": figure.met,
            }
            for figure in self.figures
        }
        path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")

    def table(self) -> str:
        """Return all figures as lines of text."""
        lines = [self.title, "=" * len(self.title), *(row(figure) for figure in self.figures)]
        return "\n".join([*lines, *self.notes, *self.gaps])


def row(figure: Figure) -> str:
    """Return a figure as one line."""
    goal = f"{figure.goal}" if figure.goal is not None else ""
    return f"{figure.sentence:<66} {number(figure.value):>9} {figure.unit:<11} {goal:<8} {verdict(figure)}".rstrip()


def verdict(figure: Figure) -> str:
    """Return in a word whether the goal is met."""
    if figure.goal is None:
        return ""
    return {True: "met", False: "MISSED", None: "not judged"}[figure.met]


def number(value: float) -> str:
    """Return a number with as many digits as anybody reads."""
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
