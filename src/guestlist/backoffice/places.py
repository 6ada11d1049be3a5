"""Places in the grid as they stand in an address: sealed, so that nobody reads them, and only what was given out is one.

A list goes along the addresses of all websites where its reader sees some of them: where it stops, to be looked on from
there, may be an address of another one.
"""

from __future__ import annotations

import base64
import datetime
import hmac
import json
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from django.conf import settings

from guestlist.invitations.parts import Place, Sort

if TYPE_CHECKING:
    from guestlist.invitations.parts import Order

_TIMES = (Sort.SENT, Sort.REGISTERED)
_MOST = 2_000
"""Characters of a place that are read; an address has 254."""


def written(place: Place, order: Order) -> str:
    """Return a place in a list of this order as text that :func:`read` reads."""
    value = place.value.isoformat() if isinstance(place.value, datetime.datetime) else place.value
    packed = json.dumps([place.part, value, place.pk]).encode()
    return base64.urlsafe_b64encode(_cipher().encrypt(packed, _about(order))).decode().rstrip("=")


def read(text: str, order: Order) -> Place | None:
    """Return the place in a list of this order, None for what was not given out as one."""
    if not text or len(text) > _MOST:
        return None
    try:
        sealed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        part, value, pk = json.loads(_cipher().decrypt(sealed, _about(order)))
    except (InvalidTag, ValueError):
        return None
    is_time = value is not None and order.sort in _TIMES
    return Place(part, datetime.datetime.fromisoformat(value) if is_time else value, pk)


def _cipher() -> AESSIV:
    """Return what seals (RFC 5297): the same place always reads the same, so that a page keeps its address."""
    return AESSIV(hmac.digest(settings.SECRET_KEY.encode(), b"guestlist.backoffice.places", "sha512"))


def _about(order: Order) -> list[bytes]:
    return [order.sort.value.encode()]
