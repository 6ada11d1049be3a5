"""How many invitations match: exactly while they are few, and about how many where counting would read too much."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Max, Min, Q

from guestlist.invitations.models import Invitation

if TYPE_CHECKING:
    from collections.abc import Iterable

    from guestlist.invitations.finding import Search

EXACT = 10_000
"""Up to so many are counted."""
_READ = 200_000
"""Rows that are read for that where no index leads to those that match."""
_SAMPLES, _SAMPLE = 40, 200
"""Stretches of ids, all over the table, and how many ids each has."""


@dataclass(frozen=True, slots=True)
class Amount:
    """How many there are, or about how many."""

    number: int
    is_exact: bool = True


def how_many(search: Search) -> Amount:
    """Return how many match; what is not exact is an estimate from a sample of ids, with two digits that mean something."""
    gathered = search.gathered(EXACT, with_email=False)
    if gathered is not None:
        return _among(search, gathered)
    ends = Invitation.objects.aggregate(first=Min("pk"), last=Max("pk"))
    if ends["first"] is None:
        return Amount(0)
    first, last = ends["first"], ends["last"]
    if last - first < _READ or not (search.chosen or search.websites is not None):
        number = search.matching.order_by()[: EXACT + 1].count()
        if number <= EXACT:
            return Amount(number)
    about = _estimated(search, first, last)
    if about < 2 * EXACT and search.chosen.email is not None:
        # To ask for the addresses is dear where many match, and worth it where few do.
        gathered = search.gathered(EXACT)
        if gathered is not None:
            return _among(search, gathered)
    return Amount(_rounded(max(about, EXACT)), is_exact=False)


def _among(search: Search, ids: Iterable[int]) -> Amount:
    return Amount(search.matching.filter(pk__any_of=set(ids)).count())


def _estimated(search: Search, first: int, last: int) -> float:
    span = last - first + 1
    if span <= _SAMPLES * _SAMPLE:
        return search.matching.count()
    sampled = Q()
    for number in range(_SAMPLES):
        start = first + (span - _SAMPLE) * number // (_SAMPLES - 1)
        sampled |= Q(pk__gte=start, pk__lt=start + _SAMPLE)
    return search.matching.filter(sampled).count() * span / (_SAMPLES * _SAMPLE)


def _rounded(number: float) -> int:
    digits = max(int(math.log10(number)) - 1, 0)
    return int(round(number, -digits))
