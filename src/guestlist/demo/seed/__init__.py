"""The example shop: two websites, their people, and half a year of invitations.

Everything is made by the same actions that the pages call, at times in the past, so that history and figures are
right; what mail servers answered comes from the demo's own transport.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from guestlist.demo.models import Planting
from guestlist.demo.seed import shop, story


@transaction.atomic
def plant(*, base_url: str, now: datetime) -> bool:
    """Make the example shop below ``base_url`` (scheme and host), all or nothing; tells whether it was missing."""
    if Planting.objects.exists():
        return False
    Planting.objects.create(planted_at=now, base_url=base_url)
    views = shop.open_shops(base_url=base_url)
    shop.hire(views)
    shop.send_at_all_hours(now=now)
    story.tell(views, now=now)
    return True


@transaction.atomic
def move(*, base_url: str) -> None:
    """Let the store views answer at another ``base_url``, as the demo's port may differ from the last time."""
    planting = Planting.objects.get()
    if planting.base_url != base_url:
        shop.move(old=planting.base_url, new=base_url)
        planting.base_url = base_url
        planting.save(update_fields=["base_url"])
