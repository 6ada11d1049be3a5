"""Periods: where they begin and end, what lies before them, and which week is over."""

import datetime
from datetime import date
from itertools import pairwise

import pytest

from guestlist.reports.periods import Period, Span, last_full_week
from guestlist.reports.questions import today
from guestlist.stores.models import StoreView


@pytest.mark.parametrize(
    ("period", "start", "after"),
    [
        (Period.DAY, date(2026, 5, 14), date(2026, 5, 15)),
        (Period.WEEK, date(2026, 5, 11), date(2026, 5, 18)),
        (Period.MONTH, date(2026, 5, 1), date(2026, 6, 1)),
        (Period.QUARTER, date(2026, 4, 1), date(2026, 7, 1)),
        (Period.YEAR, date(2026, 1, 1), date(2027, 1, 1)),
    ],
)
def test_period_begins_and_ends_where_the_calendar_has_it(period, start, after) -> None:
    assert period.start(date(2026, 5, 14)) == start
    assert period.after(start) == after


def test_week_goes_on_from_one_year_into_the_next() -> None:
    # ISO 8601: the last days of 2025 are of the first week of 2026.
    parts = Span(date(2025, 12, 25), date(2026, 1, 6)).by(Period.WEEK)

    assert parts == [
        Span(date(2025, 12, 25), date(2025, 12, 28)),
        Span(date(2025, 12, 29), date(2026, 1, 4)),
        Span(date(2026, 1, 5), date(2026, 1, 6)),
    ]


@pytest.mark.parametrize("period", Period)
def test_parts_are_all_days_once(period) -> None:
    span = Span(date(2023, 11, 17), date(2025, 3, 2))

    parts = span.by(period)

    assert sum(one.days for one in parts) == span.days
    assert (parts[0].first, parts[-1].last) == (span.first, span.last)
    assert all(one.last + one.last.resolution == other.first for one, other in pairwise(parts))


@pytest.mark.parametrize(
    ("first", "last", "before"),
    [
        ("2026-05-11", "2026-05-17", ("2026-05-04", "2026-05-10")),
        ("2024-01-01", "2024-12-31", ("2023-01-01", "2023-12-31")),
        ("2026-03-01", "2026-03-31", ("2026-02-01", "2026-02-28")),
        ("2026-01-01", "2026-03-31", ("2025-10-01", "2025-12-31")),
        ("2026-01-01", "2026-03-30", ("2025-10-04", "2025-12-31")),
    ],
)
def test_days_before_are_as_many_months_or_as_many_days(first, last, before) -> None:
    span = Span(date.fromisoformat(first), date.fromisoformat(last))

    assert span.before == Span(*map(date.fromisoformat, before))


@pytest.mark.parametrize(
    ("zone", "moment", "monday"),
    [
        # Both nights when clocks change end a week; midnight comes an hour sooner or later by UTC.
        ("Europe/Amsterdam", "2026-03-29T21:59:59", date(2026, 3, 16)),
        ("Europe/Amsterdam", "2026-03-29T22:00:00", date(2026, 3, 23)),
        ("Europe/Amsterdam", "2026-10-25T22:59:59", date(2026, 10, 12)),
        ("Europe/Amsterdam", "2026-10-25T23:00:00", date(2026, 10, 19)),
        ("Pacific/Honolulu", "2026-10-26T09:59:59", date(2026, 10, 12)),
        ("Pacific/Honolulu", "2026-10-26T10:00:00", date(2026, 10, 19)),
    ],
)
def test_week_is_over_by_the_clock_of_the_store_view(zone, moment, monday) -> None:
    now = datetime.datetime.fromisoformat(moment).replace(tzinfo=datetime.UTC)

    week = last_full_week(today([StoreView(time_zone=zone)], now))

    assert week == Span(monday, monday + datetime.timedelta(days=6))


def test_week_is_over_at_all_store_views_when_there_are_several() -> None:
    now = datetime.datetime(2026, 10, 25, 23, 0, tzinfo=datetime.UTC)
    views = [StoreView(time_zone=zone) for zone in ("Asia/Tokyo", "Europe/Amsterdam", "Pacific/Honolulu")]

    assert today(views, now) == date(2026, 10, 25)
    assert today([], now) == date(2026, 10, 25)
