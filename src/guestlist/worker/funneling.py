"""`guestlist report funnel`: the funnel on the command line, counted at once however much there is."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from django.utils import timezone

from guestlist.refusal import Refusal
from guestlist.reports.funnel import tables, wording
from guestlist.reports.funnel.asking import Asked, Grouping
from guestlist.worker.commanding import fail
from guestlist.worker.exporting import by_ids

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from guestlist.reports.funnel.tables import Row, Table
    from guestlist.stores.models import StoreView

_PRINTED = 100
"""Rows of a table for people."""


def main(options: argparse.Namespace, *, store_views: Sequence[StoreView]) -> int:
    """Print the funnel in the active language; returns the exit status."""
    query = {
        "from": options.first,
        "to": options.last,
        "by": options.by,
        "website": options.website,
        "store_view": options.store_view,
    }
    try:
        asked = Asked.from_query(by_ids(query), store_views=store_views, now=timezone.now())
    except Refusal as refusal:
        return fail(str(refusal))
    answer = tables.counted(asked, store_views=store_views)
    most = tables.MOST if options.json or options.csv else _PRINTED
    table = tables.told(asked, answer, store_views=store_views, most=most)
    if options.csv:
        for piece in wording.as_file(table, kind="csv"):
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
    else:
        text = json.dumps(wording.as_data(table)) if options.json else _lines(table)
        sys.stdout.write(f"{text}\n")
    return 0


def _lines(table: Table) -> str:
    """Return it as lines of text: the figures stand below each other, for they are too many for one line."""
    rows = [table.total] if table.asked.grouping == Grouping.ALL else [*table.rows, table.total]
    width = max(len(str(figure.label)) for figure in table.figures)
    return "\n\n".join(_block(table, row, width) for row in rows)


def _block(table: Table, row: Row, width: int) -> str:
    lines = [f"  {str(one.label).ljust(width)}  {wording.cell(one, row)}" for one in table.figures]
    return "\n".join((row.name, *lines))
