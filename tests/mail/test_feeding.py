"""Which mail is next: single mails first, sends by turns, in their hours, and not long after their time."""

import datetime
from collections import Counter
from zoneinfo import ZoneInfo

import pytest

from guestlist.mail import claiming, feeding, sends
from guestlist.mail.config import Delivery as Options
from guestlist.mail.feeding import Feeder
from guestlist.mail.models import Message, Send, SenderIdentity
from guestlist.stores import actions as stores
from guestlist.stores import config
from guestlist.stores.actors import SYSTEM
from tests.mail.outbox import NOW, Basket, Clock, Friends, make_send, make_shop, queue, worker

pytestmark = pytest.mark.django_db

HOUR = datetime.timedelta(hours=1)


@pytest.fixture
def shop():
    return make_shop()


@pytest.fixture(autouse=True)
def _looks_at_every_claim(monkeypatch):
    """The clock of tests stands still; the quarter of a second between two looks would not."""
    monkeypatch.setattr(feeding, "_LOOK_EVERY", 0)


def option(name, value, place=None):
    stores.override(section=Options, name=name, value=value, place=config.at(place), actor=SYSTEM, now=NOW)


def claimed(feeder, *, now=NOW):
    """Return the send of each batch that is claimed until nothing is left, and how many it has."""
    turns = []
    while batch := feeder.claim(now=now):
        turns.append((batch.rows[0].send_id, len(batch.rows)))
    return turns


def feeder(size=10):
    return Feeder("one", lambda _website: size)


def test_single_mails_come_first_and_sends_take_turns(shop):
    large, small = make_send(shop, range(40)), make_send(shop, range(100, 120))
    queue(shop, range(200, 205))

    turns = claimed(feeder())

    assert turns == [
        (None, 5),
        (large.pk, 10),
        (small.pk, 10),
        (large.pk, 10),
        (small.pk, 10),
        (large.pk, 10),
        (large.pk, 10),
    ]


def test_a_send_that_begins_later_has_its_turn_at_once(shop):
    large = make_send(shop, range(60))
    feeds = feeder()
    first = [feeds.claim(now=NOW) for _ in range(2)]
    small = make_send(shop, range(100, 110))

    turns = [batch.rows[0].send_id for batch in [*first, feeds.claim(now=NOW), feeds.claim(now=NOW)] if batch]

    assert turns == [large.pk, large.pk, small.pk, large.pk]


def test_a_single_mail_passes_a_send_that_is_under_way(shop):
    send = make_send(shop, range(30))
    feeds = feeder()
    first = feeds.claim(now=NOW)
    queue(shop, range(100, 101))
    second = feeds.claim(now=NOW)

    assert first is not None
    assert second is not None
    assert (first.rows[0].send_id, second.rows[0].send_id) == (send.pk, None)
    assert (first.is_bulk, second.is_bulk) == (True, False)


def test_a_lane_is_claimed_from_without_another_look_for_a_moment(shop, monkeypatch):
    monkeypatch.setattr(feeding, "_LOOK_EVERY", 60)
    send = make_send(shop, range(20))
    feeds = feeder()
    feeds.claim(now=NOW)
    sends.pause(send=send, actor=SYSTEM, now=NOW)
    still = feeds.claim(now=NOW)
    feeds.look_again()

    assert still is not None
    assert feeds.claim(now=NOW) is None


@pytest.mark.parametrize(
    "changes", [{"paused_at": NOW}, {"stopped_at": NOW}, {"held_at": NOW}, {"finished_at": NOW}]
)
def test_a_send_that_is_switched_off_is_not_claimed_from(shop, changes):
    make_send(shop, range(5), **changes)

    assert claimed(feeder()) == []


@pytest.mark.parametrize("changes", [{"stopped_at": NOW}, {"held_at": NOW}])
def test_a_sender_that_is_switched_off_has_no_lanes(shop, changes):
    make_send(shop, range(5))
    queue(shop, range(10, 15))
    SenderIdentity.objects.update(**changes)

    assert claiming.lanes(now=NOW) == []


def test_the_first_claim_begins_a_send(shop):
    send = make_send(shop, range(15))
    feeds = feeder()
    feeds.claim(now=NOW)
    feeds.claim(now=NOW + HOUR)
    send.refresh_from_db()

    assert send.started_at == NOW


# --- Hours --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "moment", "leaves"),
    [
        ("UTC", "2026-11-21T07:59:59", False),
        ("UTC", "2026-11-21T08:00:00", True),
        ("UTC", "2026-11-21T19:59:59", True),
        ("UTC", "2026-11-21T20:00:00", False),
        ("America/New_York", "2026-11-21T08:00:00", True),
        ("America/New_York", "2026-11-21T20:00:00", False),
        ("Asia/Kolkata", "2026-11-21T08:00:00", True),
        # The nights in which clocks change: the hours stay those on the wall.
        ("Europe/Amsterdam", "2026-03-29T07:59:00", False),
        ("Europe/Amsterdam", "2026-03-29T08:00:00", True),
        ("Europe/Amsterdam", "2026-10-25T07:59:00", False),
        ("Europe/Amsterdam", "2026-10-25T08:00:00", True),
        ("Europe/Amsterdam", "2026-10-25T20:00:00", False),
    ],
)
def test_bulk_leaves_in_the_hours_of_its_store_view_and_single_mail_at_any(zone, moment, leaves):
    shop = make_shop(time_zone=zone)
    now = datetime.datetime.fromisoformat(moment).replace(tzinfo=ZoneInfo(zone)).astimezone(datetime.UTC)
    send = make_send(shop, range(3), now=now)
    queue(shop, range(10, 12), now=now)

    turns = claimed(feeder(), now=now)

    assert turns == [(None, 2), *([(send.pk, 3)] if leaves else [])]


def test_each_store_view_has_its_own_hours():
    shop, other = make_shop(), make_shop("other", time_zone="Asia/Tokyo")
    make_send(other, range(10, 13))  # 21:00 there
    send = make_send(shop, range(3))

    assert claimed(feeder()) == [(send.pk, 3)]
    option("send_until", 24, other)
    assert len(claimed(feeder())) == 1


# --- Late ---------------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("delivery-when-late")
def test_a_send_whose_turn_comes_too_late_is_held_until_staff_release_it(shop):
    at = NOW - 25 * HOUR
    send = make_send(shop, range(3), ready_at=at, not_after=at + 24 * HOUR)

    assert claimed(feeder()) == []
    send.refresh_from_db()
    assert (send.held_at, send.held_reason, send.started_at) == (NOW, feeding.LATE, None)
    sends.release(send=send, actor=SYSTEM, now=NOW)
    assert claimed(feeder()) == [(send.pk, 3)]


@pytest.mark.requirement("delivery-when-late")
@pytest.mark.parametrize("changes", [{"started_at": NOW - 20 * HOUR}, {"not_after": None}])
def test_a_send_that_had_begun_or_may_be_late_goes_on(shop, changes):
    at = NOW - 25 * HOUR
    send = make_send(shop, range(3), **({"ready_at": at, "not_after": at + 24 * HOUR} | changes))

    assert claimed(feeder()) == [(send.pk, 3)]


@pytest.mark.requirement("delivery-when-late")
def test_waiting_for_the_morning_is_not_late():
    shop = make_shop(time_zone="UTC")
    night = datetime.datetime(2026, 11, 20, 22, tzinfo=datetime.UTC)
    send = make_send(shop, range(3), ready_at=night, not_after=night + HOUR)

    assert claimed(feeder(), now=night + 10 * HOUR + datetime.timedelta(minutes=59)) == [(send.pk, 3)]


@pytest.mark.requirement("delivery-when-late")
def test_a_morning_that_was_slept_through_is_late():
    shop = make_shop(time_zone="UTC")
    night = datetime.datetime(2026, 11, 20, 22, tzinfo=datetime.UTC)
    make_send(shop, range(3), ready_at=night, not_after=night + HOUR)

    assert claimed(feeder(), now=night + 12 * HOUR) == []
    assert Send.objects.get().held_reason == feeding.LATE


# --- Whole runs ---------------------------------------------------------------------------------------------------------


def test_two_sends_end_side_by_side(shop):
    for start in (0, 100):
        make_send(shop, range(start, start + 40))
    basket = Basket()

    worker(Friends(), basket, clock=Clock(), size=10).run()

    half = Counter(int(one[6:].partition("@")[0]) // 100 for one in basket.recipients()[:40])
    assert half == {0: 20, 1: 20}
    assert Message.objects.filter(state="sent").count() == 80
