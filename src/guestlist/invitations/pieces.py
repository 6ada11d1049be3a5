"""A piece of an address: about how many have it, and which of its trigrams lead to them soonest.

PostgreSQL asks the trigram index for all trigrams of a piece at once. Most stand in a tenth of all addresses, and to read
where tells next to nothing: two of the rarest leave as few, in a tenth of the time. Which are rare, a sample tells.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import connection
from django.db.models import F, StringAgg, Value
from django.db.models.functions import Concat

from guestlist.invitations import parts
from guestlist.invitations.models import InvitationAddress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.db.models import QuerySet

MANY = 200_000
"""Up to so many invitations no sample is worth its time."""
_READ = 0.005
"""What one place in the index of a trigram takes, of what one address takes that is looked at."""
_WORDS = re.compile("[0-9a-z]+")
"""What the index has whole trigrams of, whatever the database takes for letters."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of an address and how it is looked up."""

    text: str
    about: int | None = None
    """About how many addresses have it; None where nobody looked."""
    share: float | None = None
    """The same, of all."""
    trigrams: tuple[str, ...] = ()
    """By which the index is asked; empty for all."""

    def addresses(self) -> QuerySet[InvitationAddress]:
        """Return the rows that have it."""
        rows = InvitationAddress.objects.order_by()
        if not self.trigrams:
            return rows.filter(normalized__contains=self.text)
        for one in self.trigrams:
            rows = rows.filter(normalized__contains=one)
        # As an expression, which no index has.
        return rows.alias(whole=Concat(F("normalized"), Value(""))).filter(whole__contains=self.text)


def looked_up(text: str) -> Piece:
    """Return how a piece is looked up, by a sample of addresses from all over the table."""
    if connection.vendor != "postgresql":
        return Piece(text)
    first, last = parts.ends()
    if last - first < MANY:
        return Piece(text)
    sampled = InvitationAddress.objects.filter(parts.sample(first, last)).order_by()
    # As one text: to fetch so many rows takes longer than to find them. No address has a line's end in it.
    found = str(sampled.aggregate(all=StringAgg("normalized", Value("\n")))["all"] or "").split("\n")
    share = sum(text in one for one in found) / max(len(found), 1)
    return Piece(text, round(share * (last - first + 1)), share, soonest(text, found))


def soonest(text: str, sampled: Sequence[str]) -> tuple[str, ...]:
    """Return the trigrams that leave few addresses to look at without much to read, given some addresses."""
    trigrams = {word[at : at + 3] for word in _WORDS.findall(text) for at in range(len(word) - 2)}
    having = {one: {number for number, other in enumerate(sampled) if one in other} for one in trigrams}
    chosen: list[str] = []
    left, read, least = set(range(len(sampled))), 0, float("inf")
    # Rarest first; by the letters where that ties, so that the same piece is always looked up the same way.
    for one in sorted(trigrams, key=lambda name: (len(having[name]), name)):
        both = left & having[one]
        cost = len(both) + _READ * (read + len(having[one]))
        if cost >= least:
            continue
        chosen.append(one)
        left, read, least = both, read + len(having[one]), cost
    return tuple(chosen)
