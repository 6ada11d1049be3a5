"""How today and the last thirty days went: the figures, charts and table of the home page."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from django.urls import reverse
from django.utils import formats
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy, pgettext, pgettext_lazy

from guestlist.backoffice import charts
from guestlist.backoffice.charts import BAR, STEP, Chart
from guestlist.invitations import figures
from guestlist.invitations.lifecycle import Status
from guestlist.reports import today as of_today

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from guestlist.stores.models import StoreView

DAYS = 30
TODAY = (*of_today.INVITED, *of_today.SENT, *of_today.ACCEPTED, *of_today.UNDELIVERABLE)

_SERIES = (
    # Who was mailed again is listed by that day: the list would show others than are counted.
    (Status.SENT.value, pgettext_lazy("figures", "Sent"), of_today.SENT, ()),
    (
        Status.ACCEPTED.value,
        pgettext_lazy("figures", "Accepted"),
        of_today.ACCEPTED,
        ("registered_from", "registered_to"),
    ),
)


@dataclass(frozen=True, slots=True)
class Tile:
    """A figure and the address of the very rows that it counts, empty where no filter has just these."""

    code: str
    label: Any
    count: str
    url: str


@dataclass(frozen=True, slots=True)
class Row:
    """A day of the table, with a count for each chart and the address of its rows, empty as a tile's."""

    day: datetime.date
    cells: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Recent:
    """What the home page shows; charts and rows are empty where nothing happened."""

    tiles: list[Tile]
    charts: list[Chart]
    rows: list[Row]
    first: datetime.date
    last: datetime.date
    width: str = str(DAYS * STEP)
    bar_width: str = str(BAR)
    step: str = str(STEP)


def recent(store_views: Sequence[StoreView], *, now: datetime.datetime) -> Recent:
    """Return the figures of store views together, each by its own local days, in two queries; ``now`` is the reader's."""
    today = {view.pk: now.astimezone(ZoneInfo(view.time_zone)).date() for view in store_views}
    last = max(today.values(), default=now.date())
    days = [last - datetime.timedelta(days=number) for number in reversed(range(DAYS))]
    by_day = figures.by_day(
        store_view_ids=list(today), measures=(*of_today.SENT, *of_today.ACCEPTED), start=days[0], end=last
    )
    counts = {
        code: [sum(by_day.get((day, one), 0) for one in measures) for day in days]
        for code, _label, measures, _names in _SERIES
    }
    is_empty = not any(any(amounts) for amounts in counts.values())
    # A list has the days of one time zone, its reader's.
    is_one_day = all(view.time_zone == str(now.tzinfo) for view in store_views)
    return Recent(
        tiles=tiles(figures.on_days(today, measures=TODAY), now.date() if is_one_day else None),
        charts=[] if is_empty else [_chart(code, label, days, counts[code]) for code, label, *_ in _SERIES],
        rows=[] if is_empty else _rows(days, counts, is_linked=is_one_day),
        first=days[0],
        last=last,
    )


def tiles(
    amounts: Mapping[str, int],
    today: datetime.date | None,
    *,
    more: Sequence[tuple[str, Any, Sequence[str]]] = (),
    narrowed: Mapping[str, str] | None = None,
) -> list[Tile]:
    """Return the figures of a day, ``more`` by code, label and measures among them; ``today`` is None where no list has it.

    ``narrowed`` are the filters of the list that leave just what is counted.
    """
    wanted: list[tuple[str, Any, Sequence[str], Sequence[str]]] = [
        (Status.NOT_SENT.value, pgettext("figures", "Invited"), of_today.INVITED, ()),
        *_SERIES,
        *((code, label, measures, ()) for code, label, measures in more),
        (
            Status.DISCARDED.value,
            pgettext("figures", "Discarded as undeliverable"),
            of_today.UNDELIVERABLE,
            (),
        ),
    ]
    return [
        Tile(
            code,
            label,
            charts.number(sum(amounts.get(one, 0) for one in measures)),
            _list(names, today, narrowed),
        )
        for code, label, measures, names in wanted
    ]


def _chart(code: str, label: Any, days: Sequence[datetime.date], amounts: Sequence[int]) -> Chart:  # noqa: ANN401 - a lazy sentence
    most = max(amounts)
    bars = charts.bars([formats.date_format(day, "l j F") for day in days], amounts)
    said = str(_SAID if most else _NOTHING)
    values = {"label": label, "total": charts.number(sum(amounts)), "most": charts.number(most)}
    if most:
        values["day"] = formats.date_format(days[amounts.index(most)], "j F")
    return Chart(code, label, values["total"], values["most"], said % values, bars)


_SAID = gettext_lazy("%(label)s in the last 30 days: %(total)s in all, most on %(day)s: %(most)s.")
_NOTHING = gettext_lazy("%(label)s in the last 30 days: none.")


def _rows(
    days: Sequence[datetime.date], counts: Mapping[str, Sequence[int]], *, is_linked: bool
) -> list[Row]:
    rows = [
        Row(
            day,
            [
                (charts.number(amount), _list(names, day if amount and is_linked else None))
                for code, _label, _measures, names in _SERIES
                for amount in (counts[code][place],)
            ],
        )
        for place, day in enumerate(days)
    ]
    return rows[::-1]


def _list(names: Sequence[str], day: datetime.date | None, narrowed: Mapping[str, str] | None = None) -> str:
    if not names or day is None:
        return ""
    query = {**(narrowed or {}), **dict.fromkeys(names, day.isoformat())}
    return f"{reverse('admin:invitations')}?{urlencode(query)}"
