"""What a report is asked for: which days, by what period and which day, of which store views; read once for all surfaces."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self
from zoneinfo import ZoneInfo

from django.utils import formats
from django.utils.translation import gettext_lazy as _

from guestlist.invitations.models import Basis
from guestlist.refusal import Refusal
from guestlist.reports import periods
from guestlist.reports.periods import Period, Span

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from guestlist.stores.models import StoreView

EARLIEST, LATEST = datetime.date(2000, 1, 1), datetime.date(2099, 12, 31)
"""Nobody invited before or will after: other days are slips of the keyboard."""
MOST_ROWS = 1_100
"""Most periods of a table: three years by day."""
_LONGEST = 12


class Unanswerable(Refusal):
    """A report cannot be made so; ``field`` in the data names what is wrong."""

    code = "unanswerable"
    message = _("This report cannot be made. Check From and To.")


class NoDay(Unanswerable):
    """What was entered is no day."""

    code = "no_day"
    message = _("“%(value)s” is not a day. Write it like 2026-05-03.")


class FromAfterTo(Unanswerable):
    """The days end before they begin."""

    code = "from_after_to"
    message = _("From is after To. Choose a From that is on or before To.")


class OutOfTime(Unanswerable):
    """A day that is centuries away."""

    code = "out_of_time"
    message = _("Reports know the years 2000 to 2099. Choose a day in them.")


class TooManyRows(Unanswerable):
    """More periods than anybody reads."""

    code = "too_many_rows"
    message = _("That would be %(rows)s rows. Choose a longer period, or fewer days.")


class UnknownPeriod(Unanswerable):
    """None of the periods."""

    code = "unknown_period"
    message = _("“%(value)s” is not a period. Choose day, week, month, quarter or year.")


class UnknownStoreView(Unanswerable):
    """A website or store view that is not there, or not theirs to see."""

    code = "unknown_store_view"
    message = _("This website or store view is not there, or its reports are not yours to see. Choose one.")


class OtherWebsite(Unanswerable):
    """A store view of one website, asked for at another."""

    code = "other_website"
    message = _("This store view is not of that website. Choose one of the two.")


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: ``website`` and ``store_view`` are ids, None for all that may be seen."""

    span: Span
    period: Period = Period.DAY
    basis: Basis = Basis.SENT
    shows_empty: bool = True
    in_own_view: bool = False
    """Whether only orders in the invitation's own store view make somebody a buyer."""
    by_reason: bool = False
    """Whether discards are told apart by their reasons."""
    website: int | None = None
    store_view: int | None = None

    @classmethod
    def from_query(
        cls, query: Mapping[str, str], *, store_views: Sequence[StoreView], now: datetime.datetime
    ) -> Self:
        """Read it from the parameters of an address: ``from``, ``to``, ``by``, ``website``, ``store_view`` and the switches.

        ``store_views`` are those that may be seen. Without days it is the last week that is over by the clocks of all
        that are asked for. Without any parameter empty periods are shown; a form that is sent says whether.

        :raises Unanswerable: when a value is of no use, ``field`` in its data tells which.
        """
        texts = {name: str(value).strip() for name, value in query.items()}
        website = _id(texts, "website", {one.website_id for one in store_views})
        store_view = _id(texts, "store_view", {one.pk for one in store_views})
        views = _chosen(store_views, website, store_view)
        if not views and (website or store_view):
            raise OtherWebsite(field="store_view")
        period = _period(texts.get("by", ""))
        span = _span(texts, periods.last_full_week(today(views, now)))
        rows = len(span.by(period))
        if rows > MOST_ROWS:
            number = formats.number_format(rows, force_grouping=True)
            raise TooManyRows(field="by", rows=number)
        return cls(
            span=span,
            period=period,
            basis=Basis.EVENT if texts.get("basis") == Basis.EVENT else Basis.SENT,
            shows_empty=bool(texts.get("empty")) or not texts,
            in_own_view=bool(texts.get("own_view")),
            by_reason=bool(texts.get("reasons")),
            website=website,
            store_view=store_view,
        )

    def as_query(self) -> dict[str, str]:
        """Return the parameters of an address that :meth:`from_query` reads this question from."""
        query = {
            "from": self.span.first.isoformat(),
            "to": self.span.last.isoformat(),
            "by": self.period.value,
        }
        for name, value in (("website", self.website), ("store_view", self.store_view)):
            if value is not None:
                query[name] = str(value)
        switches = {
            "basis": Basis.EVENT.value if self.basis == Basis.EVENT else "",
            "empty": "1" if self.shows_empty else "",
            "own_view": "1" if self.in_own_view else "",
            "reasons": "1" if self.by_reason else "",
        }
        return query | {name: value for name, value in switches.items() if value}

    def within(self, store_views: Sequence[StoreView]) -> list[StoreView]:
        """Return those of the store views that are asked for."""
        return _chosen(store_views, self.website, self.store_view)


def today(store_views: Sequence[StoreView], now: datetime.datetime) -> datetime.date:
    """Return the day by the clock of the store view where it is earliest: what is over there is over at all of them."""
    zones = {view.time_zone for view in store_views}
    return min((now.astimezone(ZoneInfo(zone)).date() for zone in zones), default=now.date())


def _chosen(store_views: Sequence[StoreView], website: int | None, store_view: int | None) -> list[StoreView]:
    return [one for one in store_views if website in {None, one.website_id} and store_view in {None, one.pk}]


def _id(texts: Mapping[str, str], name: str, known: set[int]) -> int | None:
    text = texts.get(name, "")
    if not text:
        return None
    # By length first: a number of thousands of digits is slow to read, and Python refuses to.
    pk = int(text) if text.isascii() and text.isdigit() and len(text) <= _LONGEST else None
    if pk not in known:
        raise UnknownStoreView(field=name)
    return pk


def _period(text: str) -> Period:
    try:
        return Period(text) if text else Period.DAY
    except ValueError:
        raise UnknownPeriod(field="by", value=text[:60]) from None


def _span(texts: Mapping[str, str], week: Span) -> Span:
    """Return the days that are asked for; where only one end is, the other is that of the last full week."""
    first, last = _day(texts, "from"), _day(texts, "to")
    if first is None:
        first = min(week.first, Period.WEEK.start(last or week.last))
    if last is None:
        last = max(week.last, first)
    if first > last:
        raise FromAfterTo(field="from")
    return Span(first, last)


def _day(texts: Mapping[str, str], name: str) -> datetime.date | None:
    text = texts.get(name, "")
    if not text:
        return None
    try:
        day = datetime.date.fromisoformat(text)
    except ValueError:
        raise NoDay(field=name, value=text[:60]) from None
    if not EARLIEST <= day <= LATEST:
        raise OutOfTime(field=name)
    return day
