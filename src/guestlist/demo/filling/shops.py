"""The websites of a filled database, each with its store views, groups, senders and occasions."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from guestlist.customers import actions as customers
from guestlist.customers.models import CustomerGroup
from guestlist.mail import actions as mail
from guestlist.occasions import actions as occasions
from guestlist.occasions.models import OccasionKind
from guestlist.stores import actions as stores

if TYPE_CHECKING:
    from guestlist.stores.models import StoreView, Website

YEARS = datetime.timedelta(days=730)
MOST_WEBSITES = 120
_LARGEST = 0.2
"""The share of the first website; the others share the rest, each less than the one before."""
_FALLING = 1.1
_SECOND = 4
_LANGUAGES = (
    ("nl", "EUR", "Europe/Amsterdam"),
    ("en", "GBP", "Europe/London"),
    ("de", "EUR", "Europe/Berlin"),
)
_GROUPS = (("general", "General", 84), ("wholesale", "Wholesale", 12), ("retailer", "Retailer", 4))
_KINDS = (OccasionKind.EVENT, OccasionKind.PRIVATE_SALE)


@dataclass(frozen=True, slots=True)
class Season:
    """An occasion, and while people are invited to it."""

    occasion_id: int
    opens_at: datetime.datetime
    closes_at: datetime.datetime


@dataclass(slots=True)
class Site:
    """A website with all that an invitation of it refers to."""

    website_id: int
    weight: float
    """Its share of all invitations."""
    views: list[StoreView]
    groups: list[tuple[int, int]]
    """Customer groups with the weight of each."""
    seasons: list[Season] = field(default_factory=list)
    lives_for_ever: bool = False
    """Whether its links have no end."""
    customers: list[int] = field(default_factory=list)
    """Those who invite, as they join."""


def open_shops(*, invitations: int, now: datetime.datetime) -> list[Site]:
    """Open as many websites as so many invitations need, largest first."""
    count = max(2, min(MOST_WEBSITES, invitations // 250))
    groups = [(_group(code, name).pk, weight) for code, name, weight in _GROUPS]
    rest = [1 / (one + _SECOND) ** _FALLING for one in range(count - 1)]
    weights = [_LARGEST, *((1 - _LARGEST) * one / sum(rest) for one in rest)]
    return [_open(number, weight, groups, now) for number, weight in enumerate(weights)]


def _group(code: str, name: str) -> CustomerGroup:
    return CustomerGroup.objects.filter(code=code).first() or customers.create_group(code=code, name=name)


def _open(number: int, weight: float, groups: list[tuple[int, int]], now: datetime.datetime) -> Site:
    website = stores.open_website(code=f"filled{number}", name=f"Shop {number}")
    views = [_view(website, number, which) for which in range(1 + number % 3)]
    default = CustomerGroup.objects.get(pk=groups[0][0])
    for view in views:
        customers.set_default_group(store_view=view, group=default)
    mail.set_sender(website=website, code="general", name=website.name, address=f"shop{number}@example.com")
    return Site(
        website.pk,
        weight,
        views,
        groups,
        seasons=_seasons(website, number, now),
        lives_for_ever=not (number + 7) % 10,
    )


def _view(website: Website, number: int, which: int) -> StoreView:
    language, currency, zone = _LANGUAGES[which]
    return stores.open_store_view(
        website=website,
        code=f"filled{number}_{language}",
        name=website.name,
        language=language,
        base_url=f"https://shop{number}.example/{language}",
        currency=currency,
        time_zone=zone,
        legal_name=f"{website.name} B.V.",
        postal_address="Dorpsstraat 1, 1234 AB Voorbeeld",
        contact_address=f"shop{number}@example.com",
        privacy_url=f"https://shop{number}.example/privacy/",
    )


def _seasons(website: Website, number: int, now: datetime.datetime) -> list[Season]:
    """Return the website's occasions: one after the other over the two years, each open for six weeks."""
    count = 2 + number % 5
    step = YEARS / count
    seasons = []
    for which in range(count):
        opens_at = now - YEARS + step * which
        closes_at = opens_at + datetime.timedelta(days=42)
        occasion = occasions.create(
            website=website,
            kind=_KINDS[which % len(_KINDS)],
            title=f"Evening {which + 1}",
            opens_at=opens_at,
            closes_at=closes_at,
            now=opens_at,
        )
        seasons.append(Season(occasion.pk, opens_at, closes_at))
    return seasons
