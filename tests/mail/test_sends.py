"""Bulk sends: opened, switched, watched; and what the worker makes of their switches."""

import datetime
import logging
import time
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from guestlist.mail import counting, delivery, ending, hours, sends
from guestlist.mail.answers import Answer, Result
from guestlist.mail.config import Delivery
from guestlist.mail.counting import Ledger
from guestlist.mail.models import Measure, Message, Send, SenderIdentity, SendOrigin
from guestlist.mail.sends import SendIsOver, Status
from guestlist.mail.waits import Reason
from guestlist.stores.actors import SYSTEM, NotPermitted
from tests import make, races
from tests.mail.outbox import NOW, Basket, Clock, Friends, make_shop, queue

HOUR = datetime.timedelta(hours=1)


@pytest.fixture
def shop(db):
    return make_shop()


def opened(shop, *, mails: int = 0, ready_at: datetime.datetime = NOW, **changes) -> Send:
    send = sends.open_send(
        store_view=shop,
        sender=SenderIdentity.objects.get(website=shop.website, code="general"),
        origin=SendOrigin.STAFF,
        created_by_id=None,
        ready_at=ready_at,
        late_after_hours=24,
        now=NOW,
    )
    if mails:
        queue(shop, range(mails), send=send, ready_at=ready_at)
    for name, value in changes.items():
        setattr(send, name, value)
    send.save()
    return send


def counted(send: Send, **amounts: int) -> Send:
    """Let this many mails of a send stand in each measure."""
    ledger = Ledger()
    for measure, amount in amounts.items():
        ledger.add(sender_id=send.sender_id or 0, send_id=send.pk, measure=Measure(measure), amount=amount)
    ledger.write(now=NOW - HOUR)
    return send


def progress(send: Send, *, now: datetime.datetime = NOW, **options: Any) -> sends.Progress:
    (one,) = sends.progress(
        [Send.objects.select_related("store_view", "sender").get(pk=send.pk)],
        options={send.store_view_id: Delivery(**options)},
        now=now,
    )
    return one


def switch(verb, send, actor=SYSTEM, now=NOW) -> bool:
    changed: bool = verb(send=send, actor=actor, now=now)
    return changed


# --- Switches -----------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("trust-13")
def test_send_is_paused_and_resumed_and_stopped(shop):
    send = opened(shop, mails=2)

    def times() -> list[datetime.datetime | None]:
        return [send.paused_at, send.stopped_at]

    assert switch(sends.pause, send)
    assert times() == [NOW, None]
    assert switch(sends.resume, send)
    assert times() == [None, None]
    assert switch(sends.stop, send)
    assert times() == [None, NOW]


@pytest.mark.parametrize("verb", [sends.pause, sends.stop])
def test_second_press_changes_nothing_when_it_was_pressed_twice(shop, verb):
    send = opened(shop, mails=2)

    assert switch(verb, send)
    assert not switch(verb, send, now=NOW + HOUR)

    assert NOW in {send.paused_at, send.stopped_at}


def test_switching_back_changes_nothing_when_it_was_never_switched(shop):
    send = opened(shop, mails=2)

    assert not switch(sends.resume, send)
    assert not switch(sends.release, send)


@pytest.mark.parametrize("verb", [sends.pause, sends.resume, sends.release])
def test_switches_are_refused_when_the_send_was_stopped(shop, verb):
    with pytest.raises(SendIsOver):
        switch(verb, opened(shop, stopped_at=NOW))


@pytest.mark.parametrize("verb", [sends.pause, sends.resume, sends.release, sends.stop])
def test_switches_are_refused_when_the_send_is_finished(shop, verb):
    send = opened(shop, finished_at=NOW)

    with pytest.raises(SendIsOver):
        switch(verb, send)

    assert (send.paused_at, send.stopped_at) == (None, None)


@pytest.mark.requirement("trust-16")
@pytest.mark.parametrize("verb", [sends.pause, sends.resume, sends.release, sends.stop])
def test_switches_are_refused_without_the_permission(shop, verb):
    other = make.actor(make_shop("other").website)

    for actor in (make.actor(shop.website, role="support"), other):
        with pytest.raises(NotPermitted):
            switch(verb, opened(shop), actor)


def test_switches_leave_a_line_each(shop, caplog):
    caplog.set_level(logging.INFO, "guestlist.mail.sends")
    actor = make.actor(shop.website)
    send = opened(shop, held_at=NOW)

    for verb in (sends.release, sends.pause, sends.pause, sends.resume, sends.stop):
        switch(verb, send, actor)

    said = f"id={send.pk} website={shop.website_id} actor=staff:{actor.id}"
    assert [record.getMessage() for record in caplog.records] == [
        f"send released {said}",
        f"send paused {said}",
        f"send resumed {said}",
        f"send stopped {said}",
    ]


def test_release_and_resume_forget_how_late_it_is(shop):
    held, paused = opened(shop, held_at=NOW, held_reason="late"), opened(shop, paused_at=NOW)

    switch(sends.release, held)
    switch(sends.resume, paused)

    assert (held.held_at, held.held_reason) == (None, "")
    assert [held.not_after, paused.not_after, opened(shop).not_after] == [None, None, NOW + 24 * HOUR]


@pytest.mark.django_db(transaction=True)
def test_one_stops_it_when_several_do_at_once():
    send = opened(make_shop(), mails=1)

    results = races.together(*[lambda: switch(sends.stop, Send.objects.get(pk=send.pk))] * 6)

    assert sorted(map(str, results)) == ["False"] * 5 + ["True"]


@pytest.mark.django_db(transaction=True)
def test_stopped_stays_stopped_when_somebody_resumes_at_the_same_moment():
    send = opened(make_shop(), mails=1, paused_at=NOW)

    def pressed(verb):
        return lambda: switch(verb, Send.objects.get(pk=send.pk))

    results = races.together(*[pressed(sends.resume), pressed(sends.stop)] * 3)

    send.refresh_from_db()
    assert send.stopped_at == NOW
    assert all(isinstance(one, bool | SendIsOver) for one in results)
    assert [one for one in results[1::2] if one is True] == [True]


# --- Progress -----------------------------------------------------------------------------------------------------------


def test_counts_add_up_to_the_total(shop):
    one = progress(
        counted(opened(shop), queued=40, deferred=3, held=1, handed_over=50, bounced=4, failed=1, withdrawn=2)
    )

    assert (one.total, one.done, one.left) == (101, 57, 44)
    assert one.percent == 56
    assert sum(one.counts.values()) == one.total == one.done + one.left


def test_nothing_is_done_when_there_is_nothing(shop):
    one = progress(opened(shop))

    assert (one.total, one.share, one.percent, one.seconds_left) == (0, 0.0, 0, None)


def test_percent_is_a_hundred_only_when_all_is_done(shop):
    assert progress(counted(opened(shop), queued=1, handed_over=9_999)).percent == 99
    assert progress(counted(opened(shop), handed_over=10_000)).percent == 100


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, Status.RUNNING),
        ({"ready_at": NOW + HOUR}, Status.SCHEDULED),
        ({"ready_at": NOW + HOUR, "paused_at": NOW}, Status.PAUSED),
        ({"paused_at": NOW}, Status.PAUSED),
        ({"paused_at": NOW, "held_at": NOW}, Status.HELD),
        ({"held_at": NOW, "stopped_at": NOW}, Status.STOPPING),
        ({"stopped_at": NOW, "finished_at": NOW}, Status.STOPPED),
        ({"finished_at": NOW, "paused_at": NOW}, Status.FINISHED),
    ],
)
def test_status_is_what_the_switches_say(shop, changes, status):
    assert progress(opened(shop, **changes)).status is status


def test_send_waits_when_its_hours_are_over_or_its_sender_stands_still(shop):
    send = opened(shop)
    night = datetime.datetime(2026, 11, 21, 23, tzinfo=datetime.UTC)

    waiting = progress(send, now=night)
    assert waiting.status is Status.WAITING
    assert waiting.wait is not None
    assert waiting.wait.until == datetime.datetime(2026, 11, 22, 7, tzinfo=datetime.UTC)  # 8:00 in Amsterdam

    for change in ({"stopped_at": NOW}, {"stopped_at": None, "held_at": NOW}):
        SenderIdentity.objects.update(**change)
        one = progress(send, now=NOW)
        assert one.status is Status.WAITING
        assert one.wait is not None
        assert (one.wait.reason, one.wait.until) == (Reason.SENDER, None)


def test_rate_and_time_left_are_of_the_last_minute(shop):
    send = counted(opened(shop), queued=900, handed_over=100)
    ledger = Ledger()
    ledger.moved(
        sender_id=send.sender_id or 0,
        send_id=send.pk,
        origin=Measure.QUEUED,
        target=Measure.HANDED_OVER,
        amount=300,
    )
    ledger.write(now=NOW - datetime.timedelta(seconds=30))

    one = progress(send)
    assert (one.per_second, one.seconds_left) == (10.0, 60.0)

    switch(sends.pause, send)
    assert progress(send).seconds_left is None


def test_rate_and_time_left_are_unknown_when_only_deferred_ones_are_left(shop):
    send = counted(opened(shop), deferred=5)
    ledger = Ledger()
    ledger.add(sender_id=send.sender_id or 0, send_id=send.pk, measure=Measure.HANDED_OVER, amount=300)
    ledger.write(now=NOW)

    one = progress(send)
    assert (one.per_second, one.seconds_left) == (0, None)


def test_stopped_send_is_told_by_what_it_came_to(shop):
    send = counted(opened(shop, stopped_at=NOW), queued=100, deferred=24, handed_over=876, withdrawn=1000)

    one = progress(send)
    assert [(count, str(words)) for count, words in one.outcome] == [
        (876, "handed over"),
        (1000, "withdrawn"),
        (124, "being withdrawn"),
    ]
    assert (one.done, one.reached, one.percent) == (1876, 876, 43)


def test_queries_are_as_many_for_fifty_sends_as_for_one(shop):
    def queries(count: int) -> int:
        long_ago = NOW - HOUR
        made = [counted(opened(shop, created_at=long_ago, ready_at=long_ago), queued=2) for _ in range(count)]
        found = list(
            Send.objects.filter(pk__in=[one.pk for one in made]).select_related("store_view", "sender")
        )
        with CaptureQueriesContext(
            connection,
        ) as captured:
            shown = sends.progress(found, options={shop.pk: Delivery()}, now=NOW)
        assert len(shown) == count
        return len(captured)

    SenderIdentity.objects.update(per_day=100)

    assert queries(1) == queries(50) == 5


# --- Through the worker -------------------------------------------------------------------------------------------------


def deliver(basket: Basket, *, kind: Friends | None = None, now: datetime.datetime = NOW) -> None:
    delivery.run(
        kinds=[kind or Friends()],
        transport=basket,
        worker="one",
        clock=Clock(now),
        batch_size=lambda _website: 4,
        jitter=lambda: 0.5,
    )


def from_rows(send: Send) -> dict[Measure, int]:
    """Count the rows of a send anew."""
    found = dict.fromkeys(sends.SHOWN, 0)
    for state, tries in Message.objects.filter(send=send).values_list("state", "tries"):
        found[counting.of_row(state, tries)] += 1
    return found


@pytest.mark.requirement("trust-13")
def test_nothing_leaves_while_paused_and_the_rest_after_it_is_resumed(shop):
    send, basket = opened(shop, mails=10), Basket()
    deliver(basket)
    assert len(basket.parcels) == 4

    switch(sends.pause, send)
    deliver(basket)
    assert len(basket.parcels) == 4
    assert (progress(send).status, progress(send).done, progress(send).left) == (Status.PAUSED, 4, 6)

    switch(sends.resume, send)
    deliver(basket)
    deliver(basket)
    assert len(basket.parcels) == 10
    ending.finish(now=NOW)
    assert progress(send).status is Status.FINISHED
    assert sorted(basket.recipients()) == sorted({f"friend{one}@friend.example" for one in range(10)})


@pytest.mark.requirement("trust-13")
def test_what_has_not_left_is_withdrawn_when_stopped_and_counts_are_exact(shop):
    send = opened(shop, mails=10)
    basket = Basket(
        {
            "friend1@friend.example": Answer(Result.BOUNCED, "5.1.1", "no such mailbox"),
            "friend2@friend.example": Answer(Result.DEFERRED, "4.2.1", "busy"),
        }
    )
    deliver(basket)

    switch(sends.stop, send)
    stopping = progress(send)
    assert (stopping.status, stopping.left, stopping.total) == (Status.STOPPING, 7, 10)
    assert stopping.counts == from_rows(send)

    deliver(basket)
    while ending.withdraw_stopped(kinds=[Friends()], now=NOW):
        pass
    ending.finish(now=NOW)

    over = progress(send)
    assert over.status is Status.STOPPED
    assert over.counts == from_rows(send)
    assert {measure: count for measure, count in over.counts.items() if count} == {
        Measure.HANDED_OVER: 2,
        Measure.BOUNCED: 1,
        Measure.WITHDRAWN: 7,
    }


@pytest.mark.requirement("trust-13")
@pytest.mark.parametrize("verb", [sends.pause, sends.stop])
def test_batch_under_way_ends_early_when_somebody_switches(shop, verb):
    send, sent = opened(shop, mails=300), 0

    def press(_parcel):
        nonlocal sent
        sent += 1
        time.sleep(0.01)
        if sent == 10:
            switch(verb, send)

    basket = Basket(on_deliver=press)
    delivery.run(
        kinds=[Friends()],
        transport=basket,
        worker="one",
        clock=Clock(),
        batch_size=lambda _website: 300,
        jitter=lambda: 0.5,
    )

    assert 10 <= len(basket.parcels) < 300
    one = progress(send)
    assert one.counts == from_rows(send)
    assert (one.counts[Measure.HANDED_OVER], one.total) == (len(basket.parcels), 300)
    assert not Message.objects.filter(state="leased").exists()


def test_send_is_held_when_its_turn_comes_long_after_its_time(shop):
    send, basket = opened(shop, mails=3), Basket()
    late = NOW + 25 * HOUR

    deliver(basket, now=late)
    assert basket.parcels == []
    assert progress(send, now=late).status is Status.HELD

    switch(sends.release, send, now=late)
    deliver(basket, now=late)
    assert len(basket.parcels) == 3


def test_totals_still_add_up_when_they_were_folded(shop):
    send, basket = opened(shop, mails=6), Basket()
    deliver(basket)
    before = progress(send).counts

    counting.fold(now=NOW + HOUR)

    assert progress(send, now=NOW + HOUR, send_until=24).counts == before == from_rows(send)


def test_send_of_a_mail_is_found(shop):
    send = opened(shop, mails=1)
    (single,) = queue(shop, range(7, 8))

    assert sends.of_mail(message_id=Message.objects.get(send=send).pk) == send
    assert sends.of_mail(message_id=single.pk) is None
    assert sends.of_mail(message_id=None) is None


# --- A held sender ------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("trust-30")
def test_held_sender_is_released_and_counted_anew(shop):
    identity = SenderIdentity.objects.get()
    SenderIdentity.objects.update(held_at=NOW, held_reason="bounces 30/500", warned_at=NOW)

    assert sends.release_sender(identity=identity, actor=make.actor(shop.website), now=NOW + HOUR)

    assert (identity.held_at, identity.held_reason, identity.warned_at) == (None, "", None)
    assert identity.counted_from == NOW + HOUR
    assert not sends.release_sender(identity=identity, actor=SYSTEM, now=NOW + 2 * HOUR)
    assert identity.counted_from == NOW + HOUR


def test_held_sender_is_not_released_without_the_permission(shop):
    identity = SenderIdentity.objects.get()

    for actor in (make.actor(shop.website, role="support"), make.actor(make_shop("other").website)):
        with pytest.raises(NotPermitted):
            sends.release_sender(identity=identity, actor=actor, now=NOW)


# --- Hours --------------------------------------------------------------------------------------------------------------

ZONE = "Europe/Amsterdam"


def at(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    ("begin", "end", "now", "opens"),
    [
        (8, 20, "2026-11-21T07:00", None),
        (8, 20, "2026-11-21T06:59", "2026-11-21T07:00"),
        (8, 20, "2026-11-21T18:59", None),
        (8, 20, "2026-11-21T19:00", "2026-11-22T07:00"),
        (0, 24, "2026-11-21T03:00", None),
        (9, 9, "2026-11-21T03:00", None),
        (20, 8, "2026-11-21T23:00", None),
        (20, 8, "2026-11-21T10:00", "2026-11-21T19:00"),
        # Clocks go forward in the night before 29 March 2026, back before 25 October.
        (8, 20, "2026-03-28T21:00", "2026-03-29T06:00"),
        (8, 20, "2026-10-24T21:00", "2026-10-25T07:00"),
    ],
)
def test_bulk_mail_leaves_in_its_hours(begin, end, now, opens):
    options = Delivery(send_from=begin, send_until=end)

    assert hours.is_open(options, time_zone=ZONE, now=at(now)) == (opens is None)
    assert hours.opens_at(options, time_zone=ZONE, now=at(now)) == at(opens or now)
