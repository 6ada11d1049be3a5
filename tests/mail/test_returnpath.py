"""The return path of each mail: what it says, and that nobody can make one."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestlist.mail import returnpath


@pytest.fixture(autouse=True)
def _configured(settings) -> None:
    settings.GUESTLIST_RETURN_PATH = "bounces@bounces.shop.example"


def address(message_id: int = 7) -> str:
    made = returnpath.address_for(message_id=message_id)
    assert made is not None
    return made


def test_none_when_no_return_path_is_configured(settings):
    settings.GUESTLIST_RETURN_PATH = ""

    assert returnpath.address_for(message_id=7) is None


def test_it_is_an_address_of_our_own_within_the_limits():
    assert re.fullmatch(r"bounces\+[0-9a-f]{38}@bounces\.shop\.example", address())


@pytest.mark.parametrize("local_part", ["b", "a" * 25])
def test_the_local_part_is_never_too_long(settings, local_part):
    settings.GUESTLIST_RETURN_PATH = f"{local_part}@b.example"

    assert len(address((1 << 63) - 1).partition("@")[0]) <= 64


@given(st.integers(min_value=1, max_value=(1 << 63) - 1))
def test_it_says_which_mail_it_was(message_id):
    assert returnpath.opened(address(message_id)) == message_id


@pytest.mark.parametrize(
    "changed",
    [
        str.upper,
        lambda one: f"<{one}>",
        lambda one: f"Shop <{one}>, Other <other@shop.example>",
        lambda one: one.replace("bounces.shop.example", "mx1.internal"),
        lambda one: one.replace("bounces+", "old-name+"),
        lambda one: f"SRS0=ab=cd=bounces.shop.example={one.partition('@')[0]}@forwarder.example",
        lambda one: f"prvs=0123456789={one}",
        lambda one: "bounces+" + "0" * 38 + "@shop.example, " + one,
    ],
    ids=["upper", "brackets", "list", "domain", "name", "srs", "batv", "after-a-forged-one"],
)
def test_it_is_read_as_mail_servers_write_it(changed):
    assert returnpath.opened(changed(address(123_456))) == 123_456


@pytest.mark.requirement("trust-24")
@pytest.mark.parametrize("place", range(38))
def test_it_says_nothing_when_one_digit_was_changed(place):
    tag = address().partition("+")[2].partition("@")[0]
    other = "1" if tag[place] == "0" else "0"
    forged = f"bounces+{tag[:place]}{other}{tag[place + 1 :]}@bounces.shop.example"

    assert returnpath.opened(forged) is None
    assert returnpath.looks_like_one(forged)


@pytest.mark.parametrize(
    "text",
    ["", "bounces@shop.example", "bounces+7@shop.example", "bounces+" + "g" * 38 + "@shop.example", "+@"],
)
def test_other_texts_say_nothing(text):
    assert returnpath.opened(text) is None
    assert not returnpath.looks_like_one(text)


def test_another_shops_says_nothing(settings):
    theirs = address()
    settings.GUESTLIST_ADDRESS_KEY = b"another shop's key"

    assert returnpath.opened(theirs) is None


def test_a_text_full_of_forged_ones_is_given_up_early():
    forged = "bounces+" + "0" * 38 + "@shop.example "

    assert returnpath.opened(forged * 1000 + address()) is None


@given(st.text())
def test_it_never_raises(text):
    assert returnpath.opened(text) is None
