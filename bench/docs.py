"""Writes what a full run found into docs/benchmarks.md, between marks; the words around them are people's."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from bench.figures import number
from bench.processes import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.figures import Figure, Report

PAGE = ROOT / "docs" / "benchmarks.md"
_VERDICTS = {True: "met", False: "**missed**", None: ""}


def write(report: Report, machine: Sequence[tuple[str, str]], *, mark: str, page: Path = PAGE) -> None:
    """Replace what stands between the marks of this name.

    :raises ValueError: when the page has no such marks.
    """
    text = page.read_text(encoding="utf-8")
    begin, end = f"<!-- {mark}: written by ./guestlist bench {mark} -->", f"<!-- /{mark} -->"
    if begin not in text or end not in text:
        raise ValueError(f"{page} has no place for {mark}: {begin} … {end}")
    before, rest = text.split(begin, 1)
    after = rest.split(end, 1)[1]
    today = datetime.datetime.now(datetime.UTC).date()
    page.write_text(f"{before}{begin}\n{section(report, machine, today)}\n{end}{after}", encoding="utf-8")


def section(report: Report, machine: Sequence[tuple[str, str]], today: datetime.date) -> str:
    """Return a report as Markdown: the machine, the table, and what a reader needs to know besides."""
    words = "; ".join(f"{name}: {value}" for name, value in machine)
    head = "| what | figure | goal | |\n|---|---:|---:|---|"
    lines = [f"Measured on {today:%Y-%m-%d}. {words}.", "", head, *map(_row, report.figures)]
    if report.notes:
        lines += ["", *(f"- {note}" for note in report.notes)]
    return "\n".join(lines)


def _row(figure: Figure) -> str:
    goal = str(figure.goal) if figure.goal is not None else ""
    return f"| {figure.sentence} | {number(figure.value)} {figure.unit} | {goal} | {_VERDICTS[figure.met]} |"
