"""Days and the periods that they lie in: weeks begin on Monday (ISO 8601), all others with the calendar."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from django.db import models
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from collections.abc import Iterator

_DAY = datetime.timedelta(days=1)
_WEEK = datetime.timedelta(days=7)
_MONTHS = 12


class Period(models.TextChoices):
    """What a row of a report is about."""

    DAY = "day", _("Day")
    WEEK = "week", _("Week")
    MONTH = "month", _("Month")
    QUARTER = "quarter", _("Quarter")
    YEAR = "year", _("Year")

    @property
    def has_whole_months(self) -> bool:
        """Whether it is made of months."""
        return self in _LENGTHS

    def start(self, day: datetime.date) -> datetime.date:
        """Return the first day of the period that a day lies in."""
        if self == Period.DAY:
            return day
        if self == Period.WEEK:
            return day - day.weekday() * _DAY
        return day.replace(month=(day.month - 1) // _LENGTHS[self] * _LENGTHS[self] + 1, day=1)

    def after(self, start: datetime.date) -> datetime.date:
        """Return the first day of the period that follows the one that starts on this day."""
        if not self.has_whole_months:
            return start + (_DAY if self == Period.DAY else _WEEK)
        return _shifted(start, _LENGTHS[self])


_LENGTHS = {Period.MONTH: 1, Period.QUARTER: 3, Period.YEAR: _MONTHS}
"""Months of a period."""


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Days from the first to the last, both included."""

    first: datetime.date
    last: datetime.date

    def __contains__(self, day: datetime.date) -> bool:
        return self.first <= day <= self.last

    def __iter__(self) -> Iterator[datetime.date]:
        """Give both ends."""
        yield from (self.first, self.last)

    @property
    def days(self) -> int:
        """How many days it has."""
        return (self.last - self.first).days + 1

    @property
    def before(self) -> Self:
        """The days before it: as many months where it is of whole months, else as many days."""
        last = self.first - _DAY
        if self.first.day == 1 and (self.last + _DAY).day == 1:
            after = self.last + _DAY
            months = (after.year - self.first.year) * _MONTHS + after.month - self.first.month
            return type(self)(_shifted(self.first, -months), last)
        return type(self)(self.first - self.days * _DAY, last)

    def by(self, period: Period) -> list[Span]:
        """Return its parts, oldest first; the first and the last may be shorter than their periods."""
        parts, start = [], period.start(self.first)
        while start <= self.last:
            after = period.after(start)
            parts.append(Span(max(start, self.first), min(after - _DAY, self.last)))
            start = after
        return parts


def last_full_week(today: datetime.date) -> Span:
    """Return the newest week that is over by a day, Monday to Sunday."""
    return week_of(today - _WEEK)


def week_of(day: datetime.date) -> Span:
    """Return the week that a day lies in, Monday to Sunday."""
    monday = Period.WEEK.start(day)
    return Span(monday, monday + _WEEK - _DAY)


def _shifted(first: datetime.date, months: int) -> datetime.date:
    """Return the first of a month so many months later."""
    number = first.year * _MONTHS + first.month - 1 + months
    return datetime.date(number // _MONTHS, number % _MONTHS + 1, 1)
