"""What a worker has in hand: little, single mails first, and back at once when it may not leave."""

import datetime
import os
import threading

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from guestlist.mail import ahead, feeding, preparing, sends, session, settling, switches
from guestlist.mail.answers import Answer, Result
from guestlist.mail.models import Attempt, Message, Pace, SenderIdentity
from guestlist.mail.parcels import OneByOne, Parcel
from guestlist.stores import waiting
from guestlist.stores.actors import SYSTEM
from tests.mail import scriptedserver
from tests.mail.outbox import NOW, Basket, Friends, make_send, make_shop, queue, worker
from tests.mail.test_load import finished
from tests.mail.test_load import worker as smtp_worker

pytestmark = pytest.mark.django_db(transaction=True)
UNREACHABLE = Answer(Result.UNREACHABLE, "unreachable", "nobody answers")
REFUSED = Answer(Result.REFUSED_US, "5.7.1", "5.7.1 not from you")
_STOP = 'SET "stopped_at"'


@pytest.fixture(autouse=True)
def _looks_each_time(monkeypatch):
    """The clock of tests stands still, and they are quick."""
    monkeypatch.setattr(feeding, "_LOOK_EVERY", 0)
    monkeypatch.setattr(switches, "_EVERY", 0)


def in_hand(send):
    return Message.objects.filter(send=send, state="leased").count()


@pytest.mark.requirement("delivery-when-switched")
def test_mail_of_a_paused_send_is_back_while_another_send_goes_on():
    shop = make_shop()
    paused, other = make_send(shop, range(60)), make_send(shop, range(100, 160))
    held: list[int] = []

    def press(parcel):
        if len(basket.parcels) == 10:
            sends.pause(send=paused, actor=SYSTEM, now=NOW)
        elif len(basket.parcels) > 12 and parcel.row.send_id == other.pk:
            held.append(in_hand(paused))

    basket = Basket(on_deliver=press)
    worker(Friends(), basket, size=30).run()

    assert len(held) > 20
    left = sum(parcel.row.send_id == paused.pk for parcel in basket.parcels)
    assert left < 20
    assert max(held) <= left  # what has left may not be recorded yet
    assert Message.objects.filter(send=other, state="sent").count() == 60
    assert Message.objects.filter(send=paused, state="ready").count() == 60 - left


def test_a_single_mail_goes_before_what_is_in_hand_of_a_send(monkeypatch):
    monkeypatch.setattr(ahead, "_LEAST", 1_000)
    monkeypatch.setattr(session, "_ASK_AGAIN", 0)
    shop = make_shop()
    make_send(shop, range(300))

    def press(_parcel):
        if len(basket.parcels) == 5:
            queue(shop, range(900, 903))

    basket = Basket(on_deliver=press)
    worker(Friends(), basket, size=300).run()

    order = [parcel.row.subject_id for parcel in basket.parcels]
    assert len(order) == 303
    assert order.index(900) < 10
    assert [one for one in order if one >= 900] == [900, 901, 902]


def test_a_mail_that_is_queued_while_the_last_ones_leave_is_not_left_for_the_next_run(monkeypatch):
    monkeypatch.setattr(session, "_ASK_AGAIN", 0)
    shop = make_shop()
    make_send(shop, range(20))

    def press(_parcel):
        if len(basket.parcels) == 15:
            queue(shop, range(900, 901))

    basket = Basket(on_deliver=press)
    tally = worker(Friends(), basket, size=100).run()

    assert tally.claimed == 21
    assert [parcel.row.subject_id for parcel in basket.parcels].index(900) < 18


def test_no_more_is_claimed_than_leaves_in_a_few_seconds(monkeypatch):
    monkeypatch.setattr(ahead, "_MEASURED_AFTER", 0)
    monkeypatch.setattr(ahead, "_MEASURED_EVERY", 0)
    monkeypatch.setattr("guestlist.mail.session.time.monotonic", slow_clock())
    make_send(make_shop(), range(400))
    most = 0

    def press(_parcel):
        nonlocal most
        most = max(most, Message.objects.filter(state="leased").count())

    basket = Basket(on_deliver=press)
    worker(Friends(), basket, size=400).run(stop=lambda: len(basket.parcels) >= 150)

    assert most <= ahead._FIRST + 2 * ahead._LEAST


def slow_clock():
    """Return a clock on which a second goes by each time that it is asked."""
    seconds = iter(range(10**9))
    return lambda: float(next(seconds))


def test_what_is_put_back_uses_up_no_limit():
    shop = make_shop()
    SenderIdentity.objects.update(per_day=50)
    make_send(shop, range(80))

    worker(Friends(), Basket(answers={"*": UNREACHABLE}), size=40).run()
    assert set(Pace.objects.values_list("used", flat=True)) == {0}

    basket = Basket()
    worker(Friends(), basket, size=40).run()
    assert len(basket.parcels) == 50


class ManyLines(OneByOne):
    """A transport on whose connections all mails are under way when the first answer comes, and all are refused."""

    def __init__(self, late=0):
        self.late = late
        """So many answers come while the database stops the sender."""

    def carry(self, supply):
        for _ in range(10):
            supply.work()
        taken = list(iter(supply.take, None))
        first, late = taken[self.late :], taken[: self.late]

        def meanwhile(execute, sql, params, many, context):
            while late and _STOP in sql:
                supply.answered(late.pop(), REFUSED)
            return execute(sql, params, many, context)

        for parcel in first:
            supply.answered(parcel, REFUSED)
        with connection.execute_wrapper(meanwhile):
            supply.work()
        return ""


def stops(asked):
    return [one["sql"] for one in asked if _STOP in one["sql"]]


def test_a_sender_that_many_connections_see_refused_is_stopped_once():
    queue(make_shop(), range(8))
    queue(make_shop("other"), range(8, 16))

    with CaptureQueriesContext(connection) as asked:
        tally = worker(Friends(), ManyLines(), size=8).run()

    assert len(stops(asked)) == 2
    assert tally.released == 16
    assert set(SenderIdentity.objects.values_list("stopped_reason", flat=True)) == {"5.7.1 not from you"}
    assert set(Message.objects.values_list("state", "worker", "code", "tries")) == {("ready", "", "5.7.1", 0)}
    assert Attempt.objects.filter(outcome="refused_us").count() == 2


def test_what_is_refused_while_its_sender_is_being_stopped_is_put_back_too():
    queue(make_shop(), range(8))

    with CaptureQueriesContext(connection) as asked:
        tally = worker(Friends(), ManyLines(late=3), size=8).run()

    assert len(stops(asked)) == 2
    assert tally.released == 8
    assert set(Message.objects.values_list("state", "worker", "code", "tries")) == {("ready", "", "5.7.1", 0)}
    assert Attempt.objects.filter(outcome="refused_us").count() == 1


@pytest.mark.skipif(not os.environ.get("DATABASE_URL"), reason="SQLite works in this process")
def test_nothing_is_begun_when_nobody_could_look_at_the_switches_for_long(tmp_path, monkeypatch):
    monkeypatch.setattr(settling, "_RECORD_AT", 10)
    monkeypatch.setattr(switches, "_GOOD_FOR", 0.2)
    queue(make_shop(), range(400))
    left: list[int] = []

    class Locked(Friends):
        def record(self, outcomes, *, now):
            super().record(outcomes, now=now)
            if not left:
                before = len(server.mails)
                with connection.cursor() as cursor:
                    cursor.execute("SELECT pg_sleep(1.5)")
                left.append(len(server.mails) - before)

    def script(stage, _line, _call):
        if stage == "dot":
            threading.Event().wait(0.01)

    with scriptedserver.running(script) as server:
        finished(smtp_worker(server, tmp_path, kind=Locked(), connections=2))

    # Two connections hand over 200 a second.
    assert left[0] < 100
    assert Message.objects.filter(state="sent").count() == 400


def test_making_a_mail_asks_the_database_nothing():
    shop = make_shop()
    queue(shop, range(3))
    work = worker(Friends(), Basket(), size=3)
    batch = work.feeder.claim(now=NOW)
    assert batch is not None
    found, _lost = preparing.look_up(batch.rows, kinds=work.kinds, now=NOW)

    with connection.execute_wrapper(waiting._refuse):
        made = [preparing.fill(one, signer=None, now=NOW) for one in found]

    assert [one.recipient for one in made if isinstance(one, Parcel)] == [
        f"friend{n}@friend.example" for n in range(3)
    ]


def test_what_asks_the_database_while_it_is_waited_for_blames_no_mail(monkeypatch):
    queue(make_shop(), range(1))
    work = worker(Friends(), Basket(), size=1)
    batch = work.feeder.claim(now=NOW)
    assert batch is not None
    found, _lost = preparing.look_up(batch.rows, kinds=work.kinds, now=NOW)
    monkeypatch.setattr(preparing, "_parcel", lambda *_args: Message.objects.count())

    with connection.execute_wrapper(waiting._refuse), pytest.raises(waiting.DatabaseBusyError):
        preparing.fill(found[0], signer=None, now=NOW + datetime.timedelta(seconds=1))
