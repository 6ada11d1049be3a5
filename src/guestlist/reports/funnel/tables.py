"""The funnel's answer: rows with their figures, those who brought most first, and what all of it comes to."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from guestlist.reports.funnel import cohort, counting, figures, naming
from guestlist.stores import snapshots

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from decimal import Decimal

    from guestlist.reports.funnel.asking import Asked
    from guestlist.reports.funnel.cohort import Ids
    from guestlist.reports.funnel.counting import Count
    from guestlist.reports.funnel.figures import Figure
    from guestlist.reports.reading import Amounts
    from guestlist.stores.models import StoreView

MOST = 1_000
"""Most rows that are kept: those after them are one together."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was counted, by the keys of the rows, in order; ``others`` are so many more, together."""

    rows: list[tuple[int, Amounts]]
    total: Amounts
    others: Amounts
    left_out: int = 0

    @classmethod
    def of(cls, count: Count) -> Self:
        """Return what a count came to, which is over."""
        total = count.finish()
        return cls(sorted(count.groups.items(), key=_order), total, Counter()).shortened(MOST)

    def shortened(self, most: int) -> Self:
        """Return the same with so many rows at most, and those of what belongs to nothing, which are a few."""
        named = [row for row in self.rows if row[0] > 0]
        others: Amounts = Counter(self.others)
        for _key, amounts in named[most:]:
            # Not with +, which loses what is less than nothing.
            others.update(amounts)
        rows = [*named[:most], *(row for row in self.rows if row[0] <= 0)]
        return type(self)(rows, self.total, others, self.left_out + len(named[most:]))

    def as_data(self) -> dict[str, Any]:
        """Return it as JSON keeps it."""
        return {
            "rows": [[key, _packed(amounts)] for key, amounts in self.rows],
            "total": _packed(self.total),
            "others": _packed(self.others),
            "left_out": self.left_out,
        }

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> Self:
        """Return what :meth:`as_data` gave."""
        rows = [(key, _unpacked(amounts)) for key, amounts in data["rows"]]
        return cls(rows, _unpacked(data["total"]), _unpacked(data["others"]), data["left_out"])


@dataclass(frozen=True, slots=True)
class Row:
    """A row with its name; ``key`` is None of the total and of the others."""

    key: int | None
    name: str
    amounts: Amounts

    def value(self, figure: Figure) -> int | Decimal | None:
        """Return one of its figures."""
        return figure.value(self.amounts)


@dataclass(frozen=True, slots=True)
class Table:
    """An answer in words: where rows are told apart by nothing there is the total alone."""

    asked: Asked
    figures: list[Figure]
    rows: list[Row]
    total: Row
    left_out: int
    """How many more there are than rows, all of them in the last."""


def counted(asked: Asked, *, store_views: Sequence[StoreView], pieces: Iterable[Ids] | None = None) -> Answer:
    """Count, all of it as it is at one moment; ``pieces`` are those of the days where they are known already.

    Reads every invitation of the days: where there are many that takes minutes.
    """
    with snapshots.reading():
        count = begun(asked, store_views)
        for ids in cohort.pieces(asked.question.span) if pieces is None else pieces:
            count.add(ids)
        return Answer.of(count)


def begun(asked: Asked, store_views: Sequence[StoreView]) -> Count:
    """Return a count of those of the store views that are asked about, which has counted nothing yet."""
    ids = [one.pk for one in asked.question.within(store_views)]
    return counting.Count(asked.grouping, asked.question.span, ids)


def told(
    asked: Asked,
    answer: Answer,
    *,
    store_views: Sequence[StoreView],
    most: int = MOST,
    addresses_of: Collection[int] | None = None,
) -> Table:
    """Name the rows of an answer, so many at most, in the active language; in one query.

    ``addresses_of`` are the ids of the websites whose customers' addresses may be told, None for all.
    """
    views = asked.question.within(store_views)
    answer = answer.shortened(most)
    keys = [key for key, _amounts in answer.rows]
    names = naming.named(asked.grouping, keys, views, addresses_of=addresses_of)
    rows = [Row(key, names[key], amounts) for key, amounts in answer.rows]
    if answer.left_out:
        rows.append(Row(None, naming.others(answer.left_out), answer.others))
    # Where nothing was sold that is told in the shop's own currency; a zero is no blank.
    currencies = {one.currency for one in views} | {
        currency for _measure, currency in answer.total if currency
    }
    total = Row(None, naming.total(), answer.total)
    return Table(asked, figures.of(currencies), rows, total, answer.left_out)


def _order(group: tuple[int, Amounts]) -> tuple[bool, int, int, int, int]:
    """Those who brought most come first; what belongs to nothing, such as what staff invited, after all of them."""
    key, amounts = group
    most = (amounts[name, ""] for name in (counting.REGISTERED, counting.SENT, counting.CREATED))
    registered, sent, created = most
    return key <= 0, -registered, -sent, -created, key


def _packed(amounts: Amounts) -> dict[str, int]:
    return {f"{measure} {currency}".strip(): amount for (measure, currency), amount in amounts.items()}


def _unpacked(data: dict[str, int]) -> Amounts:
    amounts: Amounts = Counter()
    for name, amount in data.items():
        measure, _space, currency = name.partition(" ")
        amounts[measure, currency] = amount
    return amounts
