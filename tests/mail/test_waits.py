"""What sends wait for, as it is told: limits per day, domains, later tries, workers that are away."""

import datetime

import pytest
from django.utils import translation

from guestlist.mail import pacing, sends, workers
from guestlist.mail.answers import Answer, Result
from guestlist.mail.config import Delivery
from guestlist.mail.models import Message, Send, SenderIdentity, Trouble
from guestlist.mail.sends import Status
from guestlist.mail.waits import Reason
from guestlist.mail.workers import Fault
from guestlist.stores import actions as stores
from guestlist.stores import config
from guestlist.stores.actors import SYSTEM
from tests.mail.outbox import NOW, Basket, Clock, Friends, make_send, make_shop, queue, worker

pytestmark = pytest.mark.django_db

MINUTE = datetime.timedelta(minutes=1)
MIDNIGHT = datetime.datetime(2026, 11, 22, tzinfo=datetime.UTC)
SHOP = "“Loom” <shop@shop.example>"


@pytest.fixture
def shop():
    for name, value in (("send_from", 0), ("send_until", 24)):
        option(name, value)
    return make_shop()


def option(name, value):
    stores.override(section=Delivery, name=name, value=value, place=config.DEFAULT, actor=SYSTEM, now=NOW)


def seen(send: Send, *, now: datetime.datetime = NOW) -> sends.Progress:
    found = Send.objects.select_related("store_view", "sender").get(pk=send.pk)
    options = config.resolve_each(Delivery, [found.store_view])
    (one,) = sends.progress([found], options=options, now=now)
    return one


def running(name: str = "one", *, fault: Fault | None = None, now: datetime.datetime = NOW) -> None:
    workers.seen(name=name, fault=fault, now=now)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"per_day": 10}, f"{SHOP} has sent 10 of 10 mails today."),
        (
            {"warm_up_from": NOW.date() - datetime.timedelta(days=1), "per_day": 1000},
            f"{SHOP} has sent 400 of 400 mails today (warming up).",
        ),
    ],
)
def test_send_waits_for_tomorrow_when_its_sender_sent_what_it_may(shop, changes, said):
    SenderIdentity.objects.update(**changes)
    send = make_send(shop, range(450))
    worker(Friends(), Basket()).run()
    queue(shop, range(1000, 1003))  # count, but leave all the same
    worker(Friends(), Basket()).run()

    one = seen(send)

    assert one.status is Status.WAITING
    assert one.wait is not None
    assert one.wait.until == MIDNIGHT
    assert str(one.wait) == f"Waits until 22 Nov 2026, 00:00 UTC: {said}"
    assert one.per_second == 0
    tomorrow = seen(send, now=MIDNIGHT)
    assert tomorrow.wait is None or tomorrow.wait.reason is Reason.WORKERS


def test_send_waits_when_all_mail_has_its_limit(shop):
    option("all_per_day", 10)
    send = make_send(shop, range(30))
    worker(Friends(), Basket()).run()

    wait = seen(send).wait

    assert str(wait) == (
        "Waits until 22 Nov 2026, 00:00 UTC: 10 of 10 mails of all senders together left today."
    )


def test_wait_is_until_the_hours_of_tomorrow_when_midnight_is_not_in_them(shop):
    option("send_from", 8)
    option("send_until", 20)
    SenderIdentity.objects.update(per_day=10)
    send = make_send(shop, range(30))
    worker(Friends(), Basket()).run()

    assert str(seen(send).wait).startswith("Waits until 22 Nov 2026, 08:00 (Europe/Amsterdam): ")
    at_night = NOW + datetime.timedelta(hours=9)
    assert str(seen(send, now=at_night).wait) == (
        "Waits until 22 Nov 2026, 08:00 (Europe/Amsterdam): bulk mail leaves between 8:00 and 20:00."
    )


def test_nothing_is_waited_for_when_the_limit_is_not_reached(shop):
    SenderIdentity.objects.update(per_day=40, warm_up_from=NOW.date())
    send = make_send(shop, range(30))
    worker(Friends(), Basket()).run(most_batches=0)

    one = seen(send)
    assert (one.status, one.wait) == (Status.RUNNING, None)


def test_send_waits_for_tomorrow_when_only_full_domains_are_left(shop):
    option("domain_per_day", 3)
    send = make_send(shop, range(20))
    addresses = {n: f"friend{n}@{'small' if n < 2 else 'big'}.example" for n in range(20)}
    again = Answer(Result.DEFERRED, "4.2.1", "later")
    basket = Basket({"friend0@small.example": again})
    worker(Friends(addresses=addresses), basket).run()

    one = seen(send)

    # What its server wants to be tried again in a minute hides nothing.
    assert len(basket.parcels) == 4
    assert one.status is Status.WAITING
    assert str(one.wait) == (
        "Waits until 22 Nov 2026, 00:00 UTC: "
        "the domains that the rest goes to have got what one domain may get in a day."
    )


def test_send_says_when_the_rest_is_tried_again(shop):
    send = make_send(shop, range(3))
    worker(Friends(), Basket({"*": Answer(Result.DEFERRED, "4.2.1", "later")})).run()
    turn = Message.objects.order_by("ready_at")[0].ready_at

    one = seen(send)

    assert one.status is Status.RUNNING
    assert one.wait is not None
    assert (one.wait.reason, one.wait.until) == (Reason.AGAIN, turn)
    assert "All that is left was tried and goes out again, the first of it on 21 Nov" in str(one.wait)


def test_send_says_that_no_worker_runs_after_a_minute(shop):
    send = make_send(shop, range(3))
    assert seen(send, now=NOW + MINUTE).wait is None

    one = seen(send, now=NOW + 2 * MINUTE)
    assert one.status is Status.WAITING
    assert str(one.wait) == "No worker has been seen yet: nothing leaves until one runs."

    running()
    assert seen(send, now=NOW + MINUTE / 2).wait is None
    assert str(seen(send, now=NOW + 2 * MINUTE).wait) == (
        "No worker has been seen since 21 Nov 2026, 12:00 UTC: nothing leaves until one runs."
    )


def test_send_says_what_its_workers_last_heard(shop):
    send = make_send(shop, range(3))
    late = NOW + 2 * MINUTE
    running("one", fault=Fault(Trouble.UNREACHABLE, NOW + MINUTE, "refused"), now=late)
    running("two", fault=Fault(Trouble.FAILING, NOW, ""), now=late)
    assert str(seen(send, now=late).wait) == (
        "Delivery fails since 21 Nov 2026, 12:00 UTC; the worker's log says why."
    )

    running("two", fault=Fault(Trouble.UNREACHABLE, late, "timed out"), now=late)
    assert str(seen(send, now=late).wait) == (
        "The mail server cannot be reached since 21 Nov 2026, 12:01 UTC: refused"
    )

    running("two", now=late)
    assert seen(send, now=late).wait is None


def test_worker_without_a_mail_server_is_told_and_withdraws_all_the_same(shop):
    send = make_send(shop, range(3))
    late = NOW + 2 * MINUTE
    running(fault=Fault(Trouble.NOT_SET, NOW), now=late)
    assert "no mail server is set" in str(seen(send, now=late).wait)

    sends.stop(send=send, actor=SYSTEM, now=NOW)
    assert seen(send, now=late).wait is None
    assert "No worker has been seen" in str(seen(send, now=late + 2 * MINUTE).wait)
    assert seen(send, now=late + 2 * MINUTE).status is Status.STOPPING


def test_mail_that_leaves_is_no_standstill(shop):
    send = make_send(shop, range(30))
    clock = Clock()
    work = worker(Friends(), Basket(), clock=clock, size=10)
    clock.forward(minutes=2)
    work.run(most_batches=1)

    assert seen(send, now=clock.now).per_second > 0
    assert seen(send, now=clock.now).wait is None


def test_waits_read_as_dutch(shop):
    SenderIdentity.objects.update(per_day=10)
    send = make_send(shop, range(30))
    worker(Friends(), Basket()).run()

    with translation.override("nl"):
        assert str(seen(send).wait).startswith("Wacht tot 22 nov 2026, 00:00 UTC: “Loom” <shop@shop.example>")


def test_worker_is_one_row_and_forgotten_after_a_day():
    running(fault=Fault(Trouble.UNREACHABLE, NOW, "x" * 500))
    running("other", now=NOW + datetime.timedelta(hours=20))
    running(now=NOW + MINUTE)

    assert workers.forget_old(now=NOW + datetime.timedelta(hours=24)) == 0
    assert workers.forget_old(now=NOW + datetime.timedelta(hours=25)) == 1


def test_what_a_sender_may_send_today_is_known(shop):
    sender = SenderIdentity.objects.get()
    assert pacing.today_of([sender], now=NOW) == {}

    SenderIdentity.objects.update(per_day=500, warm_up_from=NOW.date())
    queue(shop, range(30))
    worker(Friends(), Basket()).run()

    sender.refresh_from_db()
    today = pacing.today_of([sender], now=NOW)[sender.pk]
    assert (today.most, today.used, today.left, today.is_warming_up) == (200, 30, 170, True)
    assert pacing.today_of([sender], now=MIDNIGHT)[sender.pk].left == 400
