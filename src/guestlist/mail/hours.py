"""The hours in which bulk sends leave."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from guestlist.mail.config import Delivery


def always(delivery: Delivery) -> bool:
    """Tell whether bulk sends leave all day: 0 to 24, or from an hour until the same one."""
    return delivery.send_until - delivery.send_from in {0, 24}


def is_open(delivery: Delivery, *, time_zone: str, now: datetime.datetime) -> bool:
    """Tell whether bulk sends leave now where the store view is; from 20 until 8 is over midnight."""
    hour = now.astimezone(ZoneInfo(time_zone)).hour
    begin, end = delivery.send_from, delivery.send_until
    if always(delivery):
        return True
    return begin <= hour < end if begin < end else hour >= begin or hour < end


def opens_at(delivery: Delivery, *, time_zone: str, now: datetime.datetime) -> datetime.datetime:
    """Return the next moment at which bulk sends leave: now, or when the hours begin."""
    if is_open(delivery, time_zone=time_zone, now=now):
        return now
    zone = ZoneInfo(time_zone)
    local = now.astimezone(zone)
    day = local.date() + datetime.timedelta(days=local.hour >= delivery.send_from)
    return datetime.datetime.combine(day, datetime.time(delivery.send_from), tzinfo=zone)
