"""Reading the figures: whole months, edges and what is not folded yet, all in one statement, to the unit."""

import random
from collections import Counter
from datetime import date, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from guestlist.invitations import figures
from guestlist.invitations.models import Basis, FiguresDay, FiguresDelta, FiguresMonth
from guestlist.reports import reading
from guestlist.reports.periods import Period, Span
from tests import make

pytestmark = pytest.mark.django_db

BEGIN = date(2025, 11, 20)
MEASURES = ("sent_mailed", "accepted.registered", "revenue")


@pytest.fixture
def views() -> list[int]:
    return [make.store_view().pk for _ in range(3)]


def filled(views: list[int], seed: int, *, rows: int = 400) -> Counter[tuple[int, str, date, str, str]]:
    """Write figures of some months, most of them folded, and return what they come to."""
    chance, ledger = random.Random(seed), figures.Ledger()
    written: Counter[tuple[int, str, date, str, str]] = Counter()
    for number in range(rows):
        measure = chance.choice(MEASURES)
        key = (
            *(
                chance.choice(views),
                chance.choice(list(Basis)).value,
                BEGIN + timedelta(chance.randrange(200)),
            ),
            *(measure, chance.choice(["EUR", "GBP"]) if measure == "revenue" else ""),
        )
        amount = chance.choice([-2, 1, 3])
        written[key] += amount
        ledger.amounts[key] += amount
        if number == rows * 3 // 4:
            ledger.write()
            while figures.fold():
                pass
    ledger.write()
    assert all(model.objects.exists() for model in (FiguresDay, FiguresMonth, FiguresDelta))
    return written


def counted(written, span, views, basis, measures) -> dict[tuple[str, str], int]:
    """Add up what lies in a span, the slow way."""
    found: Counter[tuple[str, str]] = Counter()
    for (view, kept_by, day, measure, currency), amount in written.items():
        if view in views and kept_by == basis and day in span and measure in measures:
            found[measure, currency] += amount
    return {key: amount for key, amount in found.items() if amount}


@pytest.mark.parametrize("period", Period)
@pytest.mark.parametrize("seed", range(3))
def test_rows_are_what_their_days_come_to(views, period, seed) -> None:
    written, chance = filled(views, seed), random.Random(seed)
    for _ in range(10):
        first = BEGIN + timedelta(chance.randrange(-20, 180))
        span = Span(first, first + timedelta(chance.randrange(150)))
        some, basis = chance.sample(views, 2), chance.choice(list(Basis))
        spans = [span.before, *span.by(period)]

        with CaptureQueriesContext(connection) as queries:
            found = reading.read(spans, store_view_ids=some, measures=MEASURES[1:], basis=basis)

        assert [one["sql"].count("UNION ALL") > 0 for one in queries if "SUM(" in one["sql"]] == [True]
        told = [{key: amount for key, amount in one.items() if amount} for one in found]
        assert told == [counted(written, one, some, basis, MEASURES[1:]) for one in spans]


def test_days_are_left_alone_where_months_are_whole(views) -> None:
    filled(views, 1)
    FiguresDay.objects.all().delete()
    year = Span(date(2026, 1, 1), date(2026, 12, 31))

    by_month = reading.read(year.by(Period.MONTH), store_view_ids=views, measures=MEASURES, basis=Basis.EVENT)
    FiguresMonth.objects.all().delete()
    without = reading.read(year.by(Period.MONTH), store_view_ids=views, measures=MEASURES, basis=Basis.EVENT)

    assert by_month != without


@pytest.mark.parametrize(
    ("first", "last", "left_alone"),
    [
        (date(2026, 1, 10), date(2026, 2, 28), (date(2026, 1, 10), date(2026, 2, 28))),
        (date(2026, 1, 1), date(2026, 2, 20), (date(2026, 1, 1), date(2026, 2, 20))),
        (date(2026, 1, 25), date(2026, 2, 5), (date(2026, 2, 6), date(2026, 2, 28))),
    ],
)
def test_smaller_part_of_a_month_is_read_by_day(views, first, last, left_alone) -> None:
    """What is left alone can be gone, and nothing is missed."""
    written = filled(views, 2)
    span = Span(first, last)
    assert counted(written, span, views, Basis.EVENT, MEASURES)
    FiguresDay.objects.filter(day__range=left_alone).delete()

    (found,) = reading.read([span], store_view_ids=views, measures=MEASURES, basis=Basis.EVENT)

    told = {key: amount for key, amount in found.items() if amount}
    assert told == counted(written, span, views, Basis.EVENT, MEASURES)


def test_nothing_is_asked_for_no_store_view() -> None:
    with CaptureQueriesContext(connection) as queries:
        found = reading.read([Span(BEGIN, BEGIN)], store_view_ids=[], measures=MEASURES, basis=Basis.SENT)

    assert found == [Counter()]
    assert not queries


@pytest.mark.parametrize("model", [FiguresDay, FiguresMonth])
def test_sqlite_has_the_figures_in_the_order_of_a_report(views, model) -> None:
    """The model does not know this index, so a migration that makes its table anew has to make that too."""
    table = model._meta.db_table
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, table)

    across = [one for one in found if one.endswith("_across")]
    assert bool(across) == (connection.vendor == "sqlite")


def test_many_store_views_are_read_alike(views, monkeypatch) -> None:
    written, span = filled(views, 3), Span(BEGIN, BEGIN + timedelta(120))
    monkeypatch.setattr(reading, "_MANY", 1)

    with CaptureQueriesContext(connection) as queries:
        (found,) = reading.read([span], store_view_ids=views, measures=MEASURES, basis=Basis.SENT)

    told = {key: amount for key, amount in found.items() if amount}
    assert told == counted(written, span, views, Basis.SENT, MEASURES)
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN QUERY PLAN {queries[-1]['sql']}")
            plan = " ".join(str(row[-1]) for row in cursor.fetchall())
        assert "USING COVERING INDEX guestlist_figures_month_across" in plan
        assert "USING COVERING INDEX guestlist_figures_day_across" in plan
