"""How many invitations match: exactly while they are few, and about how many where counting would read too much."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from django.db.models import Case, Count, F, Q, Value, When

from guestlist.invitations import parts
from guestlist.invitations.filters import EXPIRED, Filter
from guestlist.invitations.finding import Search
from guestlist.invitations.lifecycle import Status
from guestlist.invitations.models import MAIL_KIND, Invitation
from guestlist.mail.models import Message, Send

if TYPE_CHECKING:
    import datetime
    from collections.abc import Collection

    from django.db.models import QuerySet

    from guestlist.invitations.finding import Few

EXACT = 10_000
"""Up to so many are counted."""
_READ = 200_000
"""Rows that are read for that where no index leads to those that match."""
NEWEST = 100_000
"""Invitations that count as new."""


@dataclass(frozen=True, slots=True)
class Amount:
    """How many there are, or about how many."""

    number: int
    is_exact: bool = True


def how_many(search: Search) -> Amount:
    """Return how many match; what is not exact is an estimate from a sample of ids, with two digits that mean something."""
    few = search.few(EXACT, with_email=False)
    if few is not None:
        return _among(few)
    first, last = parts.ends()
    if last - first < _READ or not (search.chosen or search.websites is not None):
        number = _inside(search).order_by()[: EXACT + 1].count()
        if number <= EXACT:
            return Amount(number)
    about = _estimated(search, first, last)
    if about < 2 * EXACT and search.chosen.email is not None:
        # To ask for the addresses is dear where many match, and worth it where few do.
        few = search.few(EXACT)
        if few is not None:
            return _among(few)
    return Amount(_rounded(max(about, EXACT)), is_exact=False)


def by_status(websites: Collection[int] | None, *, now: datetime.datetime) -> dict[str, Amount]:
    """Return how many of what may be seen are in each status, expired ones apart; one sample for all where they are many."""
    search = Search(Filter(), websites, now)
    gathered = search.gathered(EXACT)
    first, last = parts.ends()
    among, each = Q(), 1.0
    if gathered is not None:
        among = Q(pk__any_of=set(gathered))
    elif last - first >= _READ:
        among, each = parts.sample(first, last), _each(first, last)
    is_expired = Q(status=Status.SENT, expires_at__lte=now)
    read_as = Case(When(is_expired, then=Value(EXPIRED)), default=F("status"))
    rows = search.matching.filter(among).annotate(read_as=read_as).order_by().values_list("read_as")
    counts: dict[str, int] = dict(rows.annotate(Count("pk")))
    if each == 1:
        return {code: Amount(number) for code, number in counts.items()}
    return {code: Amount(_rounded(number * each), is_exact=False) for code, number in counts.items()}


def lately(websites: Collection[int] | None, deliveries: Collection[str]) -> dict[str, int]:
    """Return how many of the newest invitations that may be seen have each of these deliveries."""
    visible = Invitation.objects.filter(pk__gt=parts.ends()[1] - NEWEST, delivery__in=deliveries).order_by()
    if websites is not None:
        visible = visible.filter(website__in=websites)
    return dict(visible.values_list("delivery").annotate(Count("pk")))


def _inside(search: Search) -> QuerySet[Invitation]:
    """Return what matches, looked for where it can stand."""
    if search.within is None:
        return search.matching
    first, last = search.within
    return search.matching.filter(pk__gte=first, pk__lte=last)


def are_all_new() -> bool:
    """Tell whether every invitation counts as new: then a list of all shows just what `lately` counts."""
    first, last = parts.ends()
    return first > last - NEWEST


def _among(few: Few) -> Amount:
    return Amount(len(set(few.ids)) if few.all_match else few.matching.count())


def _estimated(search: Search, first: int, last: int) -> float:
    if search.chosen.send is not None:
        return _estimated_by_mails(search, search.chosen.send)
    # By the ids of the table that is looked at first: PostgreSQL does not carry a range over to another table's.
    key = "address__invitation" if search.chosen.email is not None else "pk"
    return search.matching.filter(parts.sample(first, last, key=key)).count() * _each(first, last)


def _estimated_by_mails(search: Search, send: int) -> float:
    """Return the same by a sample of a bulk send's mails: among invitations, all mails would be read to tell its own."""
    ends = Send.objects.filter(pk=send).values_list("first_mail", "last_mail").first()
    first, last = ends or (None, None)
    if first is None or last is None:
        return 0.0
    mails = Message.objects.filter(parts.sample(first, last), send=send, kind=MAIL_KIND).order_by()
    rest = replace(search, chosen=replace(search.chosen, send=None))
    sampled = rest.matching.filter(pk__any_of=set(mails.values_list("subject_id", flat=True)))
    return sampled.count() * _each(first, last)


def _each(first: int, last: int) -> float:
    """Return for how many each of a sample stands."""
    return (last - first + 1) / (parts.SAMPLES * parts.SAMPLE)


def _rounded(number: float) -> int:
    digits = max(int(math.log10(number)) - 1, 0)
    return int(round(number, -digits))
