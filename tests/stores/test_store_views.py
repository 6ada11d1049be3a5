"""Websites and store views: what may be opened, and where their pages live."""

from typing import Any

import pytest

from guestlist.stores import actions as stores
from guestlist.stores import ids
from guestlist.stores.actors import Actor, ActorKind, Permission
from guestlist.stores.models import StoreView, Website
from tests import make

pytestmark = pytest.mark.django_db


def opened(**values: Any) -> StoreView:
    return stores.open_store_view(
        website=make.website(),
        **({"code": "nl", "name": "Shop", "language": "nl", "base_url": "https://shop.example"} | values),
    )


@pytest.mark.parametrize(
    "url",
    [
        "",
        "shop.example",
        "//shop.example",
        "ftp://shop.example",
        "javascript://shop.example",
        "https://",
        "https:///nl",
        "https://shop.example/?a=1",
        "https://shop.example/#top",
        "https://me:secret@shop.example",
    ],
)
def test_store_view_is_refused_when_its_base_url_cannot_be_one(url: str) -> None:
    with pytest.raises(stores.BadBaseURL, match="base URL"):
        opened(base_url=url)

    assert not StoreView.objects.exists()


@pytest.mark.parametrize("zone", ["", "Amsterdam", "Europe/Nowhere", "../etc/passwd", "/etc/passwd"])
def test_store_view_is_refused_when_its_time_zone_is_unknown(zone: str) -> None:
    with pytest.raises(stores.UnknownTimeZone):
        opened(time_zone=zone)


@pytest.mark.parametrize(
    ("base_url", "host", "path", "url"),
    [
        ("https://shop.example/", "shop.example", "", "https://shop.example/account/"),
        (
            "https://shop.example:8443/nl/",
            "shop.example:8443",
            "/nl",
            "https://shop.example:8443/nl/account/",
        ),
        ("http://127.0.0.1:8000/a/b", "127.0.0.1:8000", "/a/b", "http://127.0.0.1:8000/a/b/account/"),
    ],
)
@pytest.mark.requirement("trust-6")
def test_address_is_made_from_the_base_url_when_a_page_is_linked(
    base_url: str, host: str, path: str, url: str
) -> None:
    view = opened(base_url=base_url)

    assert (view.host, view.path) == (host, path)
    assert view.url("/account/") == view.url("account/") == url


def test_first_store_view_becomes_the_default_when_a_website_has_none() -> None:
    site = make.website()
    first, second = make.store_view(site), make.store_view(site)
    site.refresh_from_db()

    assert site.default_store_view == first
    assert (str(site), str(second)) == (site.name, second.name)


@pytest.mark.requirement("trust-16")
def test_staff_see_their_own_websites_when_they_have_rights_for_some() -> None:
    here, there = make.store_view(), make.store_view()
    cases = [
        (make.actor(), {here, there}),
        (make.actor(here.website), {here}),
        (make.actor(here.website, role="support"), {here}),
        (Actor(ActorKind.STAFF, 1), set()),
        (make.by(make.customer(here)), set()),
        (Actor(ActorKind.SYSTEM), {here, there}),
    ]

    for actor, views in cases:
        assert set(StoreView.objects.visible_to(actor)) == views
        assert set(Website.objects.visible_to(actor)) == {view.website for view in views}
    helper = make.actor(here.website, role="support")
    assert not StoreView.objects.visible_to(helper, Permission.CONFIGURE).exists()


def test_public_ids_are_in_the_order_of_time_when_they_are_made() -> None:
    made = [ids.uuid7() for _ in range(200)]

    assert len(set(made)) == 200
    assert {one.version for one in made} == {7}
    assert {one.variant for one in made} == {"specified in RFC 4122"}
    assert [one.int >> 80 for one in made] == sorted(one.int >> 80 for one in made)
