"""How fast mail may leave: of all of it, of a sender identity, to a recipient domain; kept in the database.

A limit per second is a bucket of one second's mails that fills as time goes by; a limit per day counts days of UTC. What is
taken is taken before the mail leaves, so that a worker that dies makes mail slower, never faster. Days bind bulk sends
alone: a password reset or a customer's own invitation counts, but does not wait until tomorrow.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import transaction

from guestlist.mail.models import Pace, SenderIdentity

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from guestlist.mail.config import Delivery

WARM_UP_START = 200
WARM_UP_DAYS = 15
"""200, doubled every day: over six millions on the last; a sender that is this old is known."""
ALL = "all"
"""The key of what all mail is under."""
_FORGOTTEN_AFTER = datetime.timedelta(days=2)
_SHORTEST_WAIT = datetime.timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Limit:
    """What may leave by one key; 0 is no limit."""

    key: str
    per_second: int = 0
    per_day: int = 0

    @property
    def counts(self) -> bool:
        """Whether there is anything to keep."""
        return bool(self.per_second or self.per_day)


def limits_of(sender: SenderIdentity, delivery: Delivery, *, today: datetime.date) -> list[Limit]:
    """Return the limits that a sender's mails are under, recipient domains apart; none in most shops."""
    wanted = (
        Limit(ALL, delivery.all_per_second, delivery.all_per_day),
        Limit(_key(sender), sender.per_second, _per_day(sender, today)),
    )
    return [limit for limit in wanted if limit.counts]


def limits_domains(delivery: Delivery) -> bool:
    """Tell whether the shop limits what one recipient domain gets."""
    return bool(delivery.domain_per_second or delivery.domain_per_day)


def domain_limits(domains: Sequence[str], delivery: Delivery) -> list[Limit]:
    """Return the limits of recipient domains, in the order given."""
    return [
        Limit(f"domain:{domain}"[:260], delivery.domain_per_second, delivery.domain_per_day)
        for domain in domains
    ]


def take(limits: Sequence[Limit], *, wanted: int, is_bulk: bool, now: datetime.datetime) -> int:
    """Take as many mails as all limits allow, at most `wanted`, and return how many that is."""
    if not limits or wanted < 1:
        return wanted
    with transaction.atomic():
        paces = _locked(limits, now)
        granted = min([wanted, *(_left(paces[one.key], one, is_bulk=is_bulk) for one in limits)])
        _spend(paces.values(), dict.fromkeys(paces, granted))
    return granted


@dataclass(frozen=True, slots=True)
class Grant:
    """How many mails may leave now, and when the others may be tried: from `again` on, `apart` from each other."""

    count: int
    again: datetime.datetime
    apart: datetime.timedelta

    def turn(self, position: int) -> datetime.datetime:
        """Return when the mail at this position among the others comes again; all at once would find no room again."""
        return self.again + position * self.apart


def take_each(wanted: Mapping[Limit, int], *, is_bulk: bool, now: datetime.datetime) -> dict[Limit, Grant]:
    """Take what each limit allows by itself."""
    if not wanted:
        return {}
    with transaction.atomic():
        paces = _locked(list(wanted), now)
        counts = {
            one.key: min(count, _left(paces[one.key], one, is_bulk=is_bulk)) for one, count in wanted.items()
        }
        _spend(paces.values(), counts)
        return {
            one: Grant(counts[one.key], *_again(paces[one.key], one, is_bulk=is_bulk, now=now))
            for one in wanted
        }


def day_limits(sender: SenderIdentity, delivery: Delivery, *, today: datetime.date) -> list[Limit]:
    """Return the limits per day that a sender's bulk mail is under, its own first."""
    limits = limits_of(sender, delivery, today=today)
    return [limit for limit in reversed(limits) if limit.per_day]


def used_today(limits: Iterable[Limit], *, now: datetime.datetime) -> dict[str, int]:
    """Return how many mails were taken of each limit today, by its key; in one query."""
    keys = {limit.key for limit in limits}
    found = Pace.objects.filter(key__in=keys, day=_day(now)) if keys else Pace.objects.none()
    return dict.fromkeys(keys, 0) | dict(found.values_list("key", "used"))


def is_warming_up(sender: SenderIdentity, *, today: datetime.date) -> bool:
    """Tell whether the warm-up is what limits a sender today."""
    return _per_day(sender, today) not in {0, sender.per_day}


@dataclass(frozen=True, slots=True)
class Today:
    """What a sender's own limit per day, or its warm-up, allows today (UTC)."""

    most: int
    used: int
    is_warming_up: bool

    @property
    def left(self) -> int:
        """How many mails of bulk sends may still leave."""
        return max(self.most - self.used, 0)


def today_of(senders: Iterable[SenderIdentity], *, now: datetime.datetime) -> dict[int, Today]:
    """Return what senders may send today, by their id, in one query; without those that have no limit per day."""
    limited = {one: _per_day(one, _day(now)) for one in senders}
    limits = {one: Limit(_key(one), per_day=most) for one, most in limited.items() if most}
    used = used_today(limits.values(), now=now)
    return {
        one.pk: Today(limit.per_day, used[limit.key], is_warming_up(one, today=_day(now)))
        for one, limit in limits.items()
    }


def next_day(now: datetime.datetime) -> datetime.datetime:
    """Return when limits per day begin anew."""
    midnight = datetime.datetime.combine(_day(now), datetime.time(), tzinfo=datetime.UTC)
    return midnight + datetime.timedelta(days=1)


def give_back(amounts: Mapping[Limit, int], *, now: datetime.datetime) -> None:
    """Give back what was taken of each limit for mails that did not leave after all."""
    some = {limit: amount for limit, amount in amounts.items() if amount > 0}
    if not some:
        return
    with transaction.atomic():
        paces = _locked(list(some), now)
        _spend(paces.values(), {limit.key: -amount for limit, amount in some.items()})


def forget_old(*, now: datetime.datetime) -> int:
    """Delete what limits kept of keys that nothing was sent under for two days; returns how many."""
    return Pace.objects.filter(day__lt=(now - _FORGOTTEN_AFTER).date()).delete()[0]


def _key(sender: SenderIdentity) -> str:
    return f"sender:{sender.pk}"


def _day(now: datetime.datetime) -> datetime.date:
    return now.astimezone(datetime.UTC).date()


def _per_day(sender: SenderIdentity, today: datetime.date) -> int:
    """Return the sender's limit, or what its warm-up allows today where that is less."""
    if sender.warm_up_from is None:
        return sender.per_day
    age = max((today - sender.warm_up_from).days, 0)
    if age > WARM_UP_DAYS:
        return sender.per_day
    warm = WARM_UP_START << age
    return min(sender.per_day, warm) if sender.per_day else warm


def _locked(limits: Sequence[Limit], now: datetime.datetime) -> dict[str, Pace]:
    """Return the state of each limit, filled up to now and locked in the order of keys, so that none wait in a circle."""
    by_key = {one.key: one for one in limits}
    today = _day(now)
    Pace.objects.bulk_create(
        [
            Pace(key=key, tokens=one.per_second, filled_at=now, day=today)
            for key, one in sorted(by_key.items())
        ],
        ignore_conflicts=True,
    )
    found = Pace.objects.select_for_update().filter(key__in=by_key).order_by("key")
    paces = {pace.key: pace for pace in found}
    for key, pace in paces.items():
        rate = by_key[key].per_second
        passed = max((now - pace.filled_at).total_seconds(), 0.0)
        pace.tokens = min(float(rate), pace.tokens + passed * rate)
        pace.filled_at = max(now, pace.filled_at)
        if pace.day < today:
            pace.day, pace.used = today, 0
    return paces


def _left(pace: Pace, limit: Limit, *, is_bulk: bool) -> int:
    amounts = []
    if limit.per_second:
        amounts.append(int(pace.tokens))
    if limit.per_day and is_bulk:
        amounts.append(limit.per_day - pace.used)
    return max(0, min(amounts)) if amounts else 1 << 31


def _again(
    pace: Pace, limit: Limit, *, is_bulk: bool, now: datetime.datetime
) -> tuple[datetime.datetime, datetime.timedelta]:
    apart = datetime.timedelta(seconds=1 / limit.per_second) if limit.per_second else datetime.timedelta()
    if limit.per_day and is_bulk and pace.used >= limit.per_day:
        midnight = datetime.datetime.combine(pace.day, datetime.time(), tzinfo=datetime.UTC)
        return midnight + datetime.timedelta(days=1), apart
    return now + max(_SHORTEST_WAIT, apart), apart


def _spend(paces: Iterable[Pace], amounts: Mapping[str, int]) -> None:
    changed = list(paces)
    for pace in changed:
        pace.tokens -= amounts[pace.key]
        pace.used = max(0, pace.used + amounts[pace.key])
    Pace.objects.bulk_update(changed, ["tokens", "filled_at", "day", "used"])
