"""Between which ids the invitations of some days stand: those first sent then, and those made then and never sent."""

from __future__ import annotations

import datetime
from itertools import pairwise
from typing import TYPE_CHECKING

from guestlist.invitations import blocks, parts
from guestlist.invitations.models import BLOCK, Invitation

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from guestlist.reports.periods import Span

type Ids = tuple[int, int]
"""Ids from the first up to the second, which does not belong to them."""

BLOCKS_AT_ONCE = 4
"""So many blocks are counted by one statement: 16,384 ids, of which SQLite takes an eighth of a second."""
FEW = 40_000
"""Up to so many ids in the table all are looked at, in whatever order they were made."""
_SLACK = datetime.timedelta(days=2)
"""A day for the time zones, and one for rows that were written in another order than the one they were made in."""


def pieces(span: Span) -> list[Ids]:
    """Return the ids between which all of them stand, in pieces that a statement counts; most others are left out.

    Ids are given out in the order of time, but for what is written at one moment.
    """
    first, last = parts.ends()
    if not last:
        return []
    if last - first < FEW:
        return _cut(range(first // BLOCK, last // BLOCK + 1))
    noon = datetime.time(12, tzinfo=datetime.UTC)
    since, until = (
        _first_made(datetime.datetime.combine(day, noon) + slack, first, last + 1)
        for day, slack in ((span.first, -_SLACK), (span.last, _SLACK))
    )
    found = set(blocks.sent_on(span.first, span.last))
    found.update(range(since // BLOCK, -(-until // BLOCK)))
    return _cut(sorted(found))


def size(some: Iterable[Ids]) -> int:
    """Return how many ids there are in pieces: as many invitations at most."""
    return sum(end - start for start, end in some)


def _cut(numbers: Sequence[int]) -> list[Ids]:
    """Return blocks as ids, neighbors together as far as a statement counts them."""
    cut, begin = [], 0
    for place, (one, following) in enumerate(pairwise([*numbers, -1]), start=1):
        if following != one + 1 or place - begin == BLOCKS_AT_ONCE:
            cut.append((numbers[begin] * BLOCK, (one + 1) * BLOCK))
            begin = place
    return cut


def _first_made(moment: datetime.datetime, low: int, high: int) -> int:
    """Return the lowest id from which on all were made since then, by halving: the rows have no index by that."""
    while low < high:
        middle = (low + high) // 2
        rows = Invitation.objects.filter(pk__gte=middle, pk__lt=high).order_by("pk")
        row = rows.values_list("pk", "created_at").first()
        if row is None or row[1] >= moment:
            high = middle
        else:
            low = row[0] + 1
    return low
