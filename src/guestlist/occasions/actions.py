"""The only place that writes occasions."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from guestlist.occasions.models import Occasion, OccasionKind
from guestlist.refusal import Refusal

if TYPE_CHECKING:
    import datetime

    from guestlist.customers.models import Customer
    from guestlist.stores.models import Website


class UnsafePage(Refusal):
    """A landing page is not a path of the shop itself."""

    code = "unsafe_page"
    message = _("“%(page)s” is not a page of this shop. It should be a path like /sale/.")


def check_page(page: str) -> str:
    """Return the path of one of the shop's own pages as it may be redirected to.

    ``//host``, backslashes, control characters and anything with a scheme leave the shop and are refused (ASVS 3.7.2).

    :raises UnsafePage: when it is not a path of the shop.
    """
    bad = any(character == "\\" or unicodedata.category(character)[0] in "CZ" for character in page)
    if page and (bad or not page.startswith("/") or page.startswith("//")):
        raise UnsafePage(page=page[:80])
    return page


def create(
    *,
    website: Website,
    kind: OccasionKind,
    title: str,
    now: datetime.datetime,
    owner: Customer | None = None,
    page: str = "",
    place: str = "",
    opens_at: datetime.datetime | None = None,
    closes_at: datetime.datetime | None = None,
) -> Occasion:
    """Create an occasion.

    :raises UnsafePage: when the page is not a path of the shop itself.
    """
    return Occasion.objects.create(
        website=website,
        kind=kind,
        title=title,
        owner=owner,
        page=check_page(page),
        place=place,
        opens_at=opens_at,
        closes_at=closes_at,
        created_at=now,
    )
