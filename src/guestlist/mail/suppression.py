"""Which addresses must not be mailed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Q

from guestlist.mail.models import Suppression

if TYPE_CHECKING:
    from collections.abc import Collection


def suppressed(*, website_id: int, hashes: Collection[bytes]) -> set[bytes]:
    """Return those of the hashed addresses that this website, or any, must not mail; in one query."""
    found = Suppression.objects.filter(
        Q(website=website_id) | Q(website=None), address_hash__any_of=set(hashes)
    ).values_list("address_hash", flat=True)
    return {bytes(one) for one in found}
