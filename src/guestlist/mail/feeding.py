"""Which mail is next: lane by lane, as hours, limits and the size of a batch allow."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from guestlist.mail import claiming, hours, pacing
from guestlist.mail.config import Delivery
from guestlist.mail.models import Send
from guestlist.stores import config

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Mapping, Sequence

    from guestlist.mail.claiming import Lane
    from guestlist.mail.kinds import Row
    from guestlist.mail.pacing import Limit
    from guestlist.mail.preparing import Found

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=5)
_LOOK_EVERY = 0.5
"""Seconds from one look at all lanes and their switches to the next, while one of them has mail."""
LATE = "late"
"""Why a send is held: its turn came long after its time."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows that were claimed together."""

    rows: list[Row]
    lease_until: datetime.datetime
    is_bulk: bool
    limits: list[Limit]
    """What they were taken under."""


@dataclass(slots=True)
class _Open:
    """The lane that is claimed from, for half a second: looking for the next costs as much as claiming from it."""

    lane: Lane
    limits: list[Limit]
    size: int
    until: float


@dataclass(slots=True)
class Feeder:
    """Claims for one worker; remembers whose turn it was, so that one large send does not stand before another."""

    worker: str
    batch_size: Callable[[int], int]
    _turns: dict[int, int] = field(default_factory=dict)
    _turn: int = 0
    _open: _Open | None = None

    def claim(self, *, now: datetime.datetime, most: int | None = None) -> Batch | None:
        """Lease the next batch, of its configured size or `most`, or return None when nothing may leave now."""
        if self._open is not None and time.monotonic() < self._open.until:
            batch = self._claim_from(self._open, most, now)
            if batch is not None:
                return batch
        everywhere = config.resolve(Delivery, config.DEFAULT).value
        for lane in self._in_order(claiming.lanes(now=now)):
            if lane.send is not None and not _may_start(lane.send, now):
                continue
            limits = pacing.limits_of(lane.sender, everywhere, today=now.date())
            size = self.batch_size(lane.sender.website_id)
            self._open = _Open(lane, limits, size, time.monotonic() + _LOOK_EVERY)
            batch = self._claim_from(self._open, most, now)
            if batch is not None:
                return batch
        self._open = None
        return None

    def look_again(self) -> None:
        """Look at all lanes and their switches before the next claim."""
        self._open = None

    def _in_order(self, lanes: Sequence[Lane]) -> list[Lane]:
        """Single mails first, then sends: whose last turn is longest ago."""
        return sorted(lanes, key=lambda lane: self._turns.get(lane.send.pk, 0) if lane.send else -1)

    def _claim_from(self, opened: _Open, most: int | None, now: datetime.datetime) -> Batch | None:
        lane, size = opened.lane, opened.size if most is None else min(opened.size, most)
        granted = pacing.take(opened.limits, wanted=size, is_bulk=lane.send is not None, now=now)
        lease_until = now + LEASE
        rows = claiming.claim(lane, limit=granted, worker=self.worker, now=now, lease_until=lease_until)
        pacing.give_back(dict.fromkeys(opened.limits, granted - len(rows)), now=now)
        if not rows:
            return None
        if lane.send is not None:
            self._turn += 1
            self._turns[lane.send.pk] = self._turn
            if lane.send.started_at is None:
                lane.send.started_at = now
                Send.objects.filter(pk=lane.send.pk, started_at=None).update(started_at=now)
        return Batch(rows, lease_until, lane.send is not None, opened.limits)


class Shares(NamedTuple):
    """What recipients' domains may get of a batch."""

    allowed: Sequence[Found]
    later: Mapping[datetime.datetime, list[int]]
    """The ids of the others, by when their turn comes."""
    limits: Mapping[int, Sequence[Limit]]
    """What the allowed ones were taken under, by id; empty where domains have no limits."""


def within_domains(found: Sequence[Found], *, is_bulk: bool, now: datetime.datetime) -> Shares:
    """Share what the recipients' domains may get now among the mails to them, in their order."""
    everywhere = config.resolve(Delivery, config.DEFAULT).value
    if not pacing.limits_domains(everywhere):
        return Shares(found, {}, {})
    by_domain: dict[str, list[Found]] = {}
    for one in found:
        by_domain.setdefault(one.domain, []).append(one)
    domains = sorted(by_domain)
    limits = dict(zip(pacing.domain_limits(domains, everywhere), domains, strict=True))
    grants = pacing.take_each(
        {limit: len(by_domain[domain]) for limit, domain in limits.items()}, is_bulk=is_bulk, now=now
    )
    later: dict[datetime.datetime, list[int]] = {}
    taken: dict[int, Sequence[Limit]] = {}
    for limit, grant in grants.items():
        mails = by_domain[limits[limit]]
        taken |= dict.fromkeys([one.row.pk for one in mails[: grant.count]], (limit,))
        for position, one in enumerate(mails[grant.count :]):
            later.setdefault(grant.turn(position), []).append(one.row.pk)
    return Shares([one for one in found if one.row.pk in taken], later, taken)


def _may_start(send: Send, now: datetime.datetime) -> bool:
    """Tell whether a bulk send may go on now; one whose time passed long ago is held until staff say so."""
    options = config.resolve(Delivery, config.at(send.store_view)).value
    if not hours.is_open(options, time_zone=send.store_view.time_zone, now=now):
        return False
    if send.started_at is None and _is_late(send, options, now):
        held = Send.objects.running().filter(pk=send.pk, started_at=None)
        if held.update(held_at=now, held_reason=LATE):
            log.warning("Send %s is held: it was due before %s.", send.pk, send.not_after)
        return False
    return True


def _is_late(send: Send, options: Delivery, now: datetime.datetime) -> bool:
    if send.not_after is None:
        return False
    if send.ready_at is None:
        return send.not_after < now
    # One that is due at night is not late because it waits for the morning.
    opens_at = hours.opens_at(options, time_zone=send.store_view.time_zone, now=send.ready_at)
    return send.not_after + (opens_at - send.ready_at) < now
