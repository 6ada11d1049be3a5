"""`guestlist report`: the reports on the command line, as a table for people, as JSON or CSV for programs."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from django.utils import timezone, translation

from guestlist.refusal import Refusal
from guestlist.reports import files, people, tables, wording
from guestlist.reports.questions import Question
from guestlist.reports.tables import Report
from guestlist.stores.models import StoreView
from guestlist.worker import funneling
from guestlist.worker.commanding import actor, fail
from guestlist.worker.exporting import by_ids

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from guestlist.reports.people import People
    from guestlist.reports.tables import Row, Table


def main(options: argparse.Namespace) -> int:
    """Print a report; returns the exit status."""
    with translation.override("en"):
        views = list(StoreView.objects.select_related("website").order_by("website__name", "website", "pk"))
        now = timezone.now()
        if options.report == "funnel":
            return funneling.main(options, store_views=views)
        try:
            question = Question.from_query(by_ids(_query(options)), store_views=views, now=now)
            if options.report == people.NAME:
                _list(
                    people.asked(question, lists_invitees=options.people, store_views=views, now=now), options
                )
                return 0
            table = tables.made(Report(options.report), question, store_views=views)
        except Refusal as refusal:
            return fail(str(refusal))
        if options.csv:
            _pass_on(files.as_file(table, kind="csv"))
        else:
            text = json.dumps(files.as_data(table)) if options.json else _table(table)
            sys.stdout.write(f"{text}\n")
    return 0


def _list(listed: People, options: argparse.Namespace) -> None:
    """Print people as they are found: there may be more than memory has room for."""
    if options.csv:
        _pass_on(people.as_file(listed, kind="csv", who=str(actor())))
    elif options.json:
        for piece in people.as_json(listed):
            sys.stdout.write(piece)
        sys.stdout.write("\n")
    else:
        for line in people.as_text(listed):
            sys.stdout.write(f"{line}\n")


def _pass_on(pieces: Iterator[bytes]) -> None:
    for piece in pieces:
        sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()


def _query(options: argparse.Namespace) -> dict[str, str]:
    switches = {
        "basis": "event" if options.by_event else "",
        "reasons": "1" if options.reasons else "",
        "own_view": "1" if options.own_view else "",
        "empty": "" if options.skip_empty else "1",
    }
    return {
        "from": options.first,
        "to": options.last,
        "by": options.by,
        "website": options.website,
        "store_view": options.store_view,
        **switches,
    }


def _table(table: Table) -> str:
    """Return it as lines of text: numbers stand below the names of their columns."""
    period = table.question.period
    names = [str(period.label), *(str(one.label) for one in table.columns)]
    rows = [_line(wording.period(period, row.span), table, row) for row in table.rows]
    ends = [
        _line("Total", table, table.total),
        _line(f"Before: {wording.days(table.before.span)}", table, table.before),
    ]
    widths = [max(map(len, column)) for column in zip(names, *rows, *ends, strict=True)]
    rule = ["-" * width for width in widths]
    return "\n".join(_aligned(line, widths) for line in (names, rule, *rows, rule, *ends))


def _line(name: str, table: Table, row: Row) -> list[str]:
    return [name, *(wording.value(column, value) for column, value in table.cells(row))]


def _aligned(line: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = line
    cells = [first.ljust(widths[0])]
    cells += [one.rjust(width) for one, width in zip(others, widths[1:], strict=True)]
    return "  ".join(cells).rstrip()
