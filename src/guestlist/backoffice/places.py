"""Places in the grid as they stand in an address: from anybody, so what cannot be one of the order's is none."""

from __future__ import annotations

import base64
import binascii
import datetime
import json
from typing import TYPE_CHECKING, Any

from guestlist.invitations.parts import Place, Sort

if TYPE_CHECKING:
    from guestlist.invitations.parts import Order

_TIMES = (Sort.SENT, Sort.REGISTERED)
_MOST = 2_000
"""Characters of a place that are read; an address has 254."""
_BIGGEST = 2**63


def written(place: Place) -> str:
    """Return a place as text that :func:`read` reads."""
    value = place.value.isoformat() if isinstance(place.value, datetime.datetime) else place.value
    packed = json.dumps([place.part, value, place.pk]).encode()
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def read(text: str, order: Order) -> Place | None:
    """Return the place in a list of this order, None for what is none."""
    if not text or len(text) > _MOST:
        return None
    try:
        part, value, pk = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        if not (isinstance(pk, int) and abs(pk) < _BIGGEST):
            return None
        return Place(part, _value(part, value, order), pk)
    except (ValueError, TypeError, RecursionError, binascii.Error):
        return None


def _value(part: Any, value: Any, order: Order) -> datetime.datetime | str | None:  # noqa: ANN401 - whatever somebody sent
    """Return the value as its part of the order has it.

    :raises ValueError: when it is none.
    """
    if isinstance(part, bool) or not isinstance(part, int) or not 0 <= part <= 1:
        raise ValueError(part)
    if order.sort == Sort.ID or (part and order.sort in _TIMES):
        if value is not None or (part and order.sort == Sort.ID):
            raise ValueError(value)
        return None
    if not isinstance(value, str):
        raise ValueError(value)  # noqa: TRY004 - read as mangled, like all others
    if order.sort not in _TIMES:
        value.encode()  # half of a pair is no character that a database takes
        if "\x00" in value:
            raise ValueError(value)
        return value
    at = datetime.datetime.fromisoformat(value)
    # The first and the last year have moments that are none in another time zone.
    if at.tzinfo is None or not datetime.MINYEAR < at.year < datetime.MAXYEAR:
        raise ValueError(value)
    return at
