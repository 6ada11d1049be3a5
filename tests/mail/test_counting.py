"""Counts of sends: they add up to the rows at any moment, whatever happens to the mails."""

import datetime
import random
from collections import Counter

import pytest
from django.db.models import Count

from guestlist.mail import actions, counting, ending, sends
from guestlist.mail.answers import Answer, Result
from guestlist.mail.config import Delivery as Options
from guestlist.mail.models import Delta, Measure, Message, MessageState, Send, SenderMinute, SendTotal
from guestlist.stores import actions as stores
from guestlist.stores import config
from guestlist.stores.actors import SYSTEM
from tests import races
from tests.mail.outbox import ACCEPTED, NOW, Basket, Clock, Friends, make_send, make_shop, queue, worker

pytestmark = pytest.mark.django_db


def totals(send):
    return {name: amount for name, amount in counting.totals(send_ids=[send.pk])[send.pk].items() if amount}


def from_rows(send):
    counted: Counter[Measure] = Counter()
    rows = Message.objects.filter(send=send).values_list("state", "tries").annotate(Count("pk"))
    for state, tries, amount in rows:
        counted[counting.of_row(state, tries)] += amount
    return dict(counted)


class World:
    """A send to which random things happen."""

    def __init__(self, chance):
        self.chance = chance
        self.shop = make_shop()
        stores.override(
            section=Options, name="in_doubt", value="hold", place=config.DEFAULT, actor=SYSTEM, now=NOW
        )
        self.send = make_send(self.shop, range(60))
        self.clock = Clock()
        self.queued = 60

    def queue(self):
        count = self.chance.randint(1, 9)
        queue(self.shop, range(self.queued, self.queued + count), send=self.send, now=self.clock.now)
        self.queued += count

    def deliver(self):
        answers = [
            ACCEPTED,
            Answer(Result.DEFERRED, "4.2.1", "busy"),
            Answer(Result.BOUNCED, "5.1.1", "unknown", no_such_address=True),
            Answer(Result.FAILED, "smtputf8", ""),
            Answer(Result.REFUSED_US, "5.7.8", "not you"),
            Answer(Result.UNREACHABLE, "unreachable", "gone"),
        ]
        weights = [6, 4, 2, 2, 0.2, 0.2]
        numbers = range(self.queued)
        basket = Basket(
            {f"friend{n}@friend.example": self.chance.choices(answers, weights)[0] for n in numbers}
        )
        withdrawn = {n: "not_open" for n in numbers if self.chance.random() < 0.05}
        kind = Friends(withdrawn=withdrawn, broken={n for n in numbers if self.chance.random() < 0.01})
        worker(kind, basket, clock=self.clock, size=self.chance.randint(1, 20)).run(
            most_batches=self.chance.randint(1, 2)
        )
        actions.set_sender(
            website=self.shop.website, code="general", name="Loom", address="shop@shop.example"
        )

    def lose(self):
        """A worker dies with some in its hands, and nobody finds its journal."""
        ready = list(Message.objects.waiting().values_list("pk", flat=True))
        some = self.chance.sample(ready, min(3, len(ready)))
        Message.objects.filter(pk__in=some).update(
            state=MessageState.LEASED,
            worker="dead",
            lease_until=self.clock.now - datetime.timedelta(minutes=1),
        )

    def withdraw(self):
        some = self.chance.sample(range(self.queued), 3)
        rows = Message.objects.filter(subject_id__in=some)
        actions.withdraw(message_ids=[row.pk for row in rows], reason="canceled", now=self.clock.now)

    def release(self):
        for row in Message.objects.filter(state=MessageState.HELD)[: self.chance.randint(0, 3)]:
            actions.release_held(message_id=row.pk, now=self.clock.now)

    def forward(self):
        self.clock.forward(minutes=self.chance.choice([1, 5, 60, 600]))

    def fold(self):
        counting.fold(now=self.clock.now)

    def stop(self):
        if self.chance.random() < 0.1:
            Send.objects.filter(stopped_at=None).update(stopped_at=self.clock.now)
        ending.withdraw_stopped(kinds=[Friends()], now=self.clock.now)
        ending.finish(now=self.clock.now)


@pytest.mark.requirement("delivery-when-switched")
@pytest.mark.parametrize("seed", range(6))
def test_totals_add_up_to_the_rows_whatever_happens(seed):
    chance = random.Random(seed)
    world = World(chance)
    deeds = ("queue", "deliver", "deliver", "lose", "withdraw", "release", "forward", "fold", "stop")

    for _ in range(40):
        getattr(world, chance.choice(deeds))()

        assert totals(world.send) == from_rows(world.send)
        assert sum(totals(world.send).values()) == world.queued


def test_folding_changes_no_sum():
    send = make_send(make_shop(), range(20))
    worker(Friends(withdrawn={1: "not_open"}), Basket()).run()
    before = totals(send)
    sender = counting.of_sender(sender_id=send.sender_id or 0, since=NOW - datetime.timedelta(hours=1))

    later = NOW + counting.FRESH + datetime.timedelta(seconds=1)
    folded = counting.fold(now=later)

    assert folded > 0
    assert not Delta.objects.exists()
    assert counting.fold(now=later) == 0
    assert totals(send) == before == {Measure.HANDED_OVER: 19, Measure.WITHDRAWN: 1}
    assert (
        counting.of_sender(sender_id=send.sender_id or 0, since=NOW - datetime.timedelta(hours=1)) == sender
    )


def test_what_is_fresh_is_not_folded():
    make_send(make_shop(), range(3))

    assert counting.fold(now=NOW + counting.FRESH) == 0
    assert Delta.objects.exists()


def test_minutes_are_forgotten_after_a_day():
    send = make_send(make_shop(), range(3))
    worker(Friends(), Basket()).run()
    counting.fold(now=NOW + datetime.timedelta(hours=1))
    kept = SenderMinute.objects.count()
    queue(send.store_view, range(3, 4), send=send, now=NOW + datetime.timedelta(hours=2))
    counting.fold(now=NOW + counting.KEPT + datetime.timedelta(minutes=1))

    assert (kept, SenderMinute.objects.count()) == (1, 0)
    assert totals(send) == {Measure.HANDED_OVER: 3, Measure.QUEUED: 1}


def test_single_mails_count_for_the_brake_alone():
    queue(make_shop(), range(3))
    worker(Friends(), Basket()).run()

    assert Delta.objects.filter(send=None).values_list("measure", "amount").get() == ("handed_over", 3)


@pytest.mark.django_db(transaction=True)
def test_folding_at_the_same_moment_counts_everything_once():
    shop = make_shop()
    send = make_send(shop, range(5))
    for number in range(40):
        queue(shop, range(10 + number, 11 + number), send=send)
    later = NOW + datetime.timedelta(minutes=5)

    folded = races.together(*[lambda: counting.fold(now=later)] * 4)

    assert sum(one for one in folded if isinstance(one, int)) == 41
    assert dict(SendTotal.objects.values_list("measure", "amount")) == {"queued": 45}
    assert totals(send) == {Measure.QUEUED: 45}


@pytest.mark.django_db(transaction=True)
def test_totals_are_exact_while_they_are_folded():
    shop = make_shop()
    send = make_send(shop, range(5))
    for number in range(200):
        queue(shop, range(10 + number, 11 + number), send=send)
    later = NOW + datetime.timedelta(minutes=5)

    def read():
        return {sum(totals(send).values()) for _ in range(30)}

    seen = races.together(lambda: counting.fold(now=later), read, read)

    assert seen[1:] == [{205}, {205}]


# --- Ends ---------------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("delivery-when-switched")
def test_what_is_left_of_a_stopped_send_is_withdrawn_in_batches(monkeypatch):
    monkeypatch.setattr(ending, "_AT_ONCE", 20)
    shop = make_shop()
    send, other = make_send(shop, range(50)), make_send(shop, range(100, 110))
    held = Message.objects.filter(send=send)[:3]
    Message.objects.filter(pk__in=[one.pk for one in held]).update(state=MessageState.HELD)
    ledger = counting.Ledger()
    ledger.moved(
        sender_id=send.sender_id or 0, send_id=send.pk, origin=Measure.QUEUED, target=Measure.HELD, amount=3
    )
    ledger.write(now=NOW)
    leased = Message.objects.filter(send=send, state=MessageState.READY)[:2]
    Message.objects.filter(pk__in=[one.pk for one in leased]).update(state=MessageState.LEASED, worker="two")
    sends.stop(send=send, actor=SYSTEM, now=NOW)
    kind = Friends()

    counts = []
    while count := ending.withdraw_stopped(kinds=[kind], now=NOW):
        counts.append(count)
        ending.finish(now=NOW)
    send.refresh_from_db()
    unfinished = send.finished_at
    Message.objects.filter(state=MessageState.LEASED).update(state=MessageState.READY, worker="")
    ending.withdraw_stopped(kinds=[kind], now=NOW)
    ending.finish(now=NOW)
    send.refresh_from_db()
    other.refresh_from_db()

    assert counts == [20, 20, 5, 3]
    assert unfinished is None  # a worker had two in hand
    assert send.finished_at == NOW
    assert other.finished_at is None
    assert set(Message.objects.filter(send=send).values_list("state", "code")) == {
        ("withdrawn", ending.STOPPED)
    }
    assert Message.objects.filter(send=other, state=MessageState.READY).count() == 10
    assert kind.verdicts() == dict.fromkeys(range(50), "withdrawn stopped")


def test_a_send_is_finished_when_nothing_is_on_its_way():
    shop = make_shop()
    send, empty = make_send(shop, range(2)), make_send(shop, range(0))
    clock = Clock()
    busy = Basket({"friend1@friend.example": Answer(Result.DEFERRED, "4.2.1", "busy")})
    worker(Friends(), busy, clock=clock).run()
    early = ending.finish(now=NOW)
    clock.forward(minutes=1)
    worker(Friends(), Basket(), clock=clock).run()

    assert early == 0
    assert ending.finish(now=clock.now) == 1
    assert ending.finish(now=clock.now) == 0
    send.refresh_from_db()
    empty.refresh_from_db()
    assert (send.finished_at, empty.finished_at) == (clock.now, None)


def test_what_waits_is_told_in_as_many_queries_for_many_mails_as_for_few(django_assert_num_queries):
    shop = make_shop()
    later, over = NOW + datetime.timedelta(hours=1), make_send(shop, range(700, 705))
    other = make_shop("other")
    for start, size in ((0, 1), (100, 50)):
        queue(shop, range(start, start + size))
        queue(shop, range(start + 200, start + 200 + size), ready_at=later)
        make_send(shop, range(start + 400, start + 400 + 2 * size))
        make_send(shop, range(start + 600, start + 600 + 2 * size), ready_at=later)
        queue(other, range(start, start + size))
        if size > 1:
            sends.stop(send=over, actor=SYSTEM, now=NOW)

        with django_assert_num_queries(5):
            told = counting.waiting(website_ids=[shop.website_id], now=NOW, most=40)

        assert told == ((3 + 5, 3) if size == 1 else (40 + 102, 40 + 102))
