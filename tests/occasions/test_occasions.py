"""Occasions: where they lead, who may invite to them, when they are over."""

import datetime

import pytest
from django.db import IntegrityError, transaction

from guestlist.occasions import actions as occasions
from guestlist.occasions.models import Occasion, OccasionKind
from tests import make

HOUR = datetime.timedelta(hours=1)


@pytest.mark.parametrize("page", ["", "/", "/sale/", "/sale/?color=red#top", "/uitverkoop/é"])
@pytest.mark.requirement("trust-8")
def test_page_is_kept_when_it_is_a_path_of_the_shop(page: str) -> None:
    assert occasions.check_page(page) == page


@pytest.mark.parametrize(
    "page",
    [
        "sale",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "https://evil.example",
        "javascript:alert(1)",
        "//user@evil.example",
        "/sale\n",
        "/\t/evil.example",
        "/\x00",
        "/a b",
        "/\u2028",
        "/\u202e",
        " /sale",
    ],
)
@pytest.mark.requirement("trust-8")
def test_page_is_refused_when_it_leaves_the_shop(page: str) -> None:
    with pytest.raises(occasions.UnsafePage, match="not a page of this shop"):
        occasions.check_page(page)


@pytest.mark.django_db
@pytest.mark.requirement("trust-8")
def test_occasion_is_not_made_when_its_page_leaves_the_shop() -> None:
    site = make.website()

    with pytest.raises(occasions.UnsafePage):
        make.occasion(site, page="//evil.example")

    assert not Occasion.objects.exists()


@pytest.mark.django_db
def test_occasion_opens_before_it_closes_when_it_is_made() -> None:
    site = make.website()

    with pytest.raises(IntegrityError), transaction.atomic():
        make.occasion(site, opens_at=make.NOW, closes_at=make.NOW)

    assert str(make.occasion(site, opens_at=make.NOW, closes_at=make.NOW + HOUR)) == "Autumn preview"


@pytest.mark.django_db
def test_occasion_is_over_when_it_has_closed() -> None:
    site = make.website()
    endless, over = make.occasion(site), make.occasion(site, closes_at=make.NOW)
    on = make.occasion(site, closes_at=make.NOW + HOUR)

    assert set(Occasion.objects.open(make.NOW)) == {endless, on}
    assert set(Occasion.objects.open(make.NOW - HOUR)) == {endless, over, on}


@pytest.mark.django_db
@pytest.mark.requirement("trust-16")
def test_customer_invites_to_the_shops_and_own_occasions_when_there_are_others() -> None:
    here, there = make.store_view(), make.store_view()
    emma, noor = make.customer(here), make.customer(here)
    shops = make.occasion(here.website)
    own = make.occasion(here.website, owner=emma, kind=OccasionKind.WISH_LIST)
    foreign = make.occasion(there.website)

    assert set(Occasion.objects.for_customer(emma)) == {shops, own}
    assert set(Occasion.objects.for_customer(noor)) == {shops}
    assert set(Occasion.objects.visible_to(make.actor(there.website))) == {foreign}
    assert set(Occasion.objects.visible_to(make.actor())) == {shops, own, foreign}
    assert not Occasion.objects.visible_to(make.by(emma)).exists()
