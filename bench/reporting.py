"""Makes reports in a shop that the environment names, beside the raw GROUP BY over its invitations; prints JSON.

What waits to be folded is folded first, as a worker does all the time: a migration leaves a great deal, a shop hardly any.

    python -m bench.reporting        needs a database filled by `guestlist fill`

A report is timed whole, with all that happens in Python; of the raw statement the time until its rows are there.
"""

from __future__ import annotations

import datetime
import json
import os
import statistics
import sys
import time
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from guestlist.reports.periods import Span
    from guestlist.reports.questions import Question
    from guestlist.reports.tables import Table
    from guestlist.stores.models import StoreView

_TIMES, _RAW_TIMES = 9, 3
_MONTH = {"postgresql": "date_trunc('month', sent_day)::date", "sqlite": "date(sent_day, 'start of month')"}
_RAW = """
    SELECT {month}, status, COUNT(*) FROM guestlist_invitations_invitation
    WHERE sent_day BETWEEN %s AND %s AND store_view_id IN ({views})
    GROUP BY {month}, status
"""


def main() -> None:
    """Make each report, and print what that took."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "guestlist.settings")
    import django

    django.setup()
    from django.utils import timezone

    from guestlist.stores.models import StoreView

    views = list(StoreView.objects.select_related("website").order_by("pk"))
    quick = "--quick" in sys.argv
    folded = fold_all()
    found = [_measured(name, one, views, quick=quick) for name, one in questions(views, timezone.now())]
    json.dump({"folded": folded, "reports": found, **_recounted()}, sys.stdout)


def fold_all() -> int:
    """Fold all deltas into days and months, and let the database see what it has; returns how many there were."""
    from guestlist.demo.filling import tables
    from guestlist.invitations import figures

    folded = 0
    while count := figures.fold():
        folded += count
    if folded:
        tables.settle()
    return folded


def _recounted() -> dict[str, Any]:
    """Count every figure once more from the history, as `guestlist recount` and `guestlist check --totals` do."""
    from guestlist.invitations import recounting

    begun = time.monotonic()
    found = recounting.audit()
    return {"recount_s": time.monotonic() - begun, "differing": len(found.differences)}


def questions(views: Sequence[StoreView], now: datetime.datetime) -> Iterator[tuple[str, Question]]:
    """Yield a year by month of all, of the largest website and of the smallest store view, with and without edges."""
    from guestlist.reports.periods import Period, Span
    from guestlist.reports.questions import Question

    # The first website is the largest, the last store view the smallest.
    scopes: dict[str, tuple[int | None, int | None]] = {
        "all store views": (None, None),
        "the largest website": (views[0].website_id, None),
        "the smallest store view": (None, views[-1].pk),
    }
    last = now.date().replace(day=1) - datetime.timedelta(days=1)
    year = Span((last - datetime.timedelta(days=360)).replace(day=1), last)
    shifted = Span(*(day - datetime.timedelta(days=17) for day in year))
    for name, (website, view) in scopes.items():
        for days, span in (("twelve months", year), ("with edges", shifted)):
            asked = Question(span, period=Period.MONTH, website=website, store_view=view)
            yield f"{name}, {days}", asked


def _measured(name: str, question: Question, views: Sequence[StoreView], *, quick: bool) -> dict[str, Any]:
    from guestlist.reports import tables
    from guestlist.reports.tables import Report

    def made(report: Report) -> Table:
        return tables.made(report, question, store_views=views)

    those = [view.pk for view in question.within(views)]
    times = {report.value: _timed(partial(made, report), times=_TIMES) for report in Report}
    raw = _timed(lambda: _raw(question.span, those), times=1 if quick else _RAW_TIMES)
    return {
        "name": name,
        "ms": max(times.values()),
        "raw_ms": raw,
        "ratio": raw / max(times.values()),
        "is_equal": _by_rows(made(Report.INVITATIONS)) == _by_raw(question, those),
    }


def _raw(span: Span, views: Sequence[int]) -> list[tuple[datetime.date, str, int]]:
    from django.db import connection

    month = _MONTH[connection.vendor]
    sql = _RAW.format(month=month, views=", ".join(map(str, views)))
    with connection.cursor() as cursor:
        cursor.execute(sql, [str(span.first), str(span.last)])
        rows = cursor.fetchall()
    return [(datetime.date.fromisoformat(str(day)), status, number) for day, status, number in rows]


def _by_raw(question: Question, views: Sequence[int]) -> list[list[int]]:
    """Return sent, accepted and discarded of each month from the invitations themselves."""
    found: Counter[tuple[datetime.date, str]] = Counter()
    for month, status, number in _raw(question.span, views):
        found[month, status] += number
        found[month, ""] += number
    months = [question.period.start(span.first) for span in question.span.by(question.period)]
    return [[found[month, one] for one in ("", "accepted", "discarded")] for month in months]


def _by_rows(table: Table) -> list[list[int]]:
    wanted = ("sent", "accepted", "discarded")
    places = [[one.code for one in table.columns].index(code) for code in wanted]
    return [[int(row.values[place] or 0) for place in places] for row in table.rows]


def _timed(do: Callable[[], object], *, times: int) -> float:
    """Return what something takes in milliseconds: the median of several times, after a first."""
    do()
    spent = []
    for _one in range(times):
        begun = time.perf_counter()
        do()
        spent.append(time.perf_counter() - begun)
    return statistics.median(spent) * 1000


if __name__ == "__main__":
    main()
