"""Staff send to many and watch it: how it goes without reloading, paused, resumed, stopped."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.shop import Shop
from tests.e2e.ways import STAFF

_VIEW = "Klei & Kamille International (English)"
_COUNT = 30
_LONG_MS = 60_000


@pytest.fixture
def slow_shop(own_shop: Shop, signed_in) -> Shop:
    """A shop whose bulk mail leaves slowly enough to watch."""
    staff = signed_in(own_shop, STAFF)
    staff.goto(own_shop.url("/staff/guestlist_mail/senderidentity/1/change/"))
    staff.get_by_label("Most per second").fill("6")
    staff.get_by_role("button", name="Save", exact=True).click()
    staff.wait_for_url("**/senderidentity/")
    return own_shop


def add(staff: Page, shop: Shop, addresses: list[str]) -> None:
    """Add people, and come to the page of the send that they are."""
    staff.goto(shop.url("/staff/invitations/add/"))
    staff.get_by_label("E-mail addresses").fill("\n".join(addresses))
    staff.get_by_label("Send from").select_option(_VIEW)
    staff.get_by_label("Invitee group").select_option("As configured")
    staff.get_by_label("Why may we mail them?").select_option("They agreed to it")
    staff.get_by_role("button", name="Invite", exact=True).click()
    staff.wait_for_url(re.compile(r"/staff/sends/\d+/$"))


def counts(staff: Page) -> dict[str, int]:
    """Read how many stand in each measure."""
    tiles = staff.locator(".gl-counts li").all_inner_texts()
    return {tile.split("\n")[1]: int(tile.split("\n")[0]) for tile in tiles}


def test_staff_watch_a_send_pause_it_and_stop_another(slow_shop, signed_in, someone):
    shop, staff = slow_shop, signed_in(slow_shop, STAFF)
    friends = [someone() for _ in range(_COUNT)]

    add(staff, shop, friends)
    lead, progress = staff.locator("[data-part=lead]"), staff.locator("[data-part=counts]")
    expect(lead).to_contain_text("Being sent")
    staff.evaluate("window.isTheSamePage = true")
    expect(progress).to_have_text(re.compile(rf"^[1-9]\d* of {_COUNT} done"))
    assert staff.evaluate("window.isTheSamePage")
    expect(staff.get_by_role("progressbar")).to_have_accessible_name(re.compile(r"\d+ of 30 done"))

    staff.get_by_role("button", name="Pause").press("Enter")
    expect(staff.get_by_text("The send is paused.")).to_be_visible()
    staff.wait_for_timeout(1_500)  # what a worker had in hand is out by now
    staff.reload()
    paused = counts(staff)
    assert sum(paused.values()) == _COUNT
    assert 0 < paused["Handed over"] < _COUNT
    staff.wait_for_timeout(3_000)
    staff.reload()
    assert counts(staff) == paused

    staff.get_by_role("button", name="Resume").click()
    expect(staff.get_by_text("The send goes on.")).to_be_visible()
    staff.evaluate("window.isTheSamePage = true")
    expect(lead).to_contain_text("Finished", timeout=_LONG_MS)
    expect(progress).to_have_text("30 of 30 done (100 %)")
    assert staff.evaluate("window.isTheSamePage")
    assert [len(shop.mails(friend)) for friend in friends] == [1] * _COUNT

    add(staff, shop, [someone() for _ in range(_COUNT)])
    expect(progress).to_have_text(re.compile(rf"^[1-9]\d* of {_COUNT} done"))
    staff.get_by_role("link", name="Stop").click()
    expect(staff.get_by_text("cannot be taken back")).to_be_visible()
    staff.get_by_role("button", name="Stop for good").click()
    expect(staff.get_by_text("The send is stopped: nothing more of it leaves")).to_be_visible()
    expect(lead).to_contain_text("Stopped", timeout=_LONG_MS)
    stopped = counts(staff)
    assert stopped["Handed over"] + stopped["Withdrawn"] == _COUNT
    assert min(stopped["Handed over"], stopped["Withdrawn"]) > 0

    staff.goto(shop.url("/staff/sends/"))
    expect(staff.locator(".gl-send .gl-status")).to_have_text(
        ["Stopped", "Finished", "Paused", "Finished"]  # the last two are of the example shop's past
    )
