"""How fast mail may leave: per second and per day, of all mail, a sender, a domain; also when several ask at once."""

import datetime
from collections import Counter

import pytest

from guestlist.mail import pacing
from guestlist.mail.config import Delivery as Options
from guestlist.mail.models import Message, Pace, SenderIdentity
from guestlist.mail.pacing import Limit
from guestlist.stores import actions as stores
from guestlist.stores import config
from guestlist.stores.actors import SYSTEM
from tests import races
from tests.mail.outbox import NOW, Basket, Clock, Friends, make_send, make_shop, queue, worker

pytestmark = pytest.mark.django_db

SECOND, DAY = datetime.timedelta(seconds=1), datetime.timedelta(days=1)
MIDNIGHT = datetime.datetime(2026, 11, 22, tzinfo=datetime.UTC)


def take(*limits, wanted=1_000, is_bulk=True, now=NOW):
    return pacing.take(limits, wanted=wanted, is_bulk=is_bulk, now=now)


def option(name, value):
    stores.override(section=Options, name=name, value=value, place=config.DEFAULT, actor=SYSTEM, now=NOW)


def states():
    return Counter(Message.objects.values_list("state", flat=True))


def test_without_limits_nothing_is_kept():
    sender = SenderIdentity(pk=1)

    assert pacing.limits_of(sender, Options(), today=NOW.date()) == []
    assert take() == 1_000
    assert not pacing.limits_domains(Options())
    assert pacing.take_each({}, is_bulk=True, now=NOW) == {}
    assert not Pace.objects.exists()


def test_a_limit_per_second_fills_as_time_goes_by_and_never_over_a_second():
    limit = Limit("all", per_second=10)

    assert take(limit) == 10
    assert take(limit) == 0
    assert take(limit, now=NOW + SECOND / 2) == 5
    assert take(limit, now=NOW + SECOND / 2) == 0
    assert take(limit, now=NOW + 3_600 * SECOND) == 10
    # A clock that went back gives nothing for it.
    assert take(limit, now=NOW) == 0


def test_a_limit_per_day_counts_days_of_utc():
    limit = Limit("all", per_day=100)

    assert take(limit, wanted=70) == 70
    assert take(limit, wanted=70) == 30
    assert take(limit, now=MIDNIGHT - SECOND) == 0
    assert take(limit, now=MIDNIGHT) == 100


def test_single_mails_count_but_do_not_wait_for_the_next_day():
    limit = Limit("all", per_day=100)

    assert take(limit, wanted=150, is_bulk=False) == 150
    assert take(limit, wanted=1) == 0
    assert take(limit, wanted=5, is_bulk=False) == 5
    assert Pace.objects.get().used == 155


def test_the_tightest_limit_counts_and_none_is_taken_from_more():
    wide, tight = Limit("all", per_second=50), Limit("sender:1", per_second=10, per_day=15)

    assert take(wide, tight) == 10
    assert take(wide, tight, now=NOW + SECOND) == 5
    assert dict(Pace.objects.values_list("key", "used")) == {"all": 15, "sender:1": 15}


def test_what_did_not_leave_is_given_back():
    limit = Limit("all", per_second=10, per_day=10)
    take(limit)

    pacing.give_back({limit: 4}, now=NOW)

    assert take(limit) == 4
    assert take(limit) == 0


def test_a_restart_forgets_nothing():
    """Nothing is kept but in the database: what asks next need not know who asked before."""
    take(Limit("all", per_second=10, per_day=12))

    assert take(Limit("all", per_second=10, per_day=12), now=NOW + SECOND) == 2
    assert take(Limit("all", per_second=10, per_day=12), now=NOW + 2 * SECOND) == 0


def test_a_lower_limit_counts_at_once():
    take(Limit("all", per_day=100), wanted=60)

    assert take(Limit("all", per_day=50)) == 0
    assert take(Limit("all", per_day=80)) == 20


@pytest.mark.parametrize(
    ("age", "own", "most"),
    [
        (-3, 0, 200),
        (0, 0, 200),
        (1, 0, 400),
        (2, 0, 800),
        (2, 500, 500),
        (15, 0, 6_553_600),
        (16, 0, 0),
        (16, 90, 90),
    ],
)
def test_warm_up_doubles_every_day_and_ends(age, own, most):
    sender = SenderIdentity(pk=1, per_day=own, warm_up_from=NOW.date() - age * DAY)

    limits = pacing.limits_of(sender, Options(), today=NOW.date())

    assert [one.per_day for one in limits] == ([most] if most else [])


def test_domains_have_each_their_own():
    limits = pacing.domain_limits(["a.example", "b.example"], Options(domain_per_second=2, domain_per_day=3))

    first = pacing.take_each({limits[0]: 5, limits[1]: 1}, is_bulk=True, now=NOW)
    second = pacing.take_each({limits[0]: 5, limits[1]: 1}, is_bulk=True, now=NOW + SECOND)

    assert [grant.count for grant in first.values()] == [2, 1]
    assert [grant.count for grant in second.values()] == [1, 1]
    # The others come again one after the other, and tomorrow where the day is used up.
    assert [first[limits[0]].turn(n) for n in range(3)] == [
        NOW + SECOND,
        NOW + 1.5 * SECOND,
        NOW + 2 * SECOND,
    ]
    assert second[limits[0]].turn(0) == MIDNIGHT


def test_what_nobody_uses_is_forgotten():
    take(Limit("domain:old.example", per_day=1), now=NOW - 4 * DAY)
    take(Limit("domain:new.example", per_day=1), now=NOW - DAY)

    assert pacing.forget_old(now=NOW) == 1
    assert Pace.objects.get().key == "domain:new.example"


@pytest.mark.django_db(transaction=True)
def test_no_more_is_granted_when_several_ask_at_once():
    limits = [Limit("all", per_day=1_000), Limit("sender:1", per_second=500)]

    def ask():
        return sum(take(*(limits if number % 2 else limits[::-1]), wanted=50) for number in range(10))

    granted = races.together(*[ask] * 4)

    assert sum(one for one in granted if isinstance(one, int)) == 500
    assert set(Pace.objects.values_list("used", flat=True)) == {500}


# --- In the outbox ------------------------------------------------------------------------------------------------------


def test_a_worker_hands_over_as_many_as_the_second_has():
    shop = make_shop()
    queue(shop, range(25))
    option("all_per_second", 10)
    clock, basket = Clock(), Basket()
    work = worker(Friends(), basket, clock=clock)

    counts = []
    for _ in range(4):
        work.run()
        counts.append(len(basket.parcels))
        clock.forward(seconds=1)

    assert counts == [10, 20, 25, 25]


def test_bulk_waits_for_midnight_and_a_single_mail_does_not():
    shop = make_shop()
    SenderIdentity.objects.update(per_day=10)
    make_send(shop, range(30))
    option("send_from", 0)
    option("send_until", 24)
    clock, basket = Clock(), Basket()
    work = worker(Friends(), basket, clock=clock)

    work.run()
    first = len(basket.parcels)
    queue(shop, range(100, 105))
    work.run()
    second = len(basket.parcels)
    clock.now = MIDNIGHT
    work.run()

    assert (first, second, len(basket.parcels)) == (10, 15, 25)


def test_a_domain_that_is_full_stops_no_other():
    shop = make_shop()
    queue(shop, range(10))
    option("domain_per_second", 2)
    kind = Friends(addresses={n: f"friend{n}@{'big' if n < 8 else 'small'}.example" for n in range(10)})
    clock, basket = Clock(), Basket()
    work = worker(kind, basket, clock=clock)

    work.run()
    first = basket.recipients()
    waits = Message.objects.filter(state="ready").order_by("pk").values_list("ready_at", "tries", "code")
    turns = [(wait - NOW, tries, code) for wait, tries, code in waits]
    for _ in range(4):
        clock.forward(seconds=1)
        work.run()

    assert first == [f"friend{n}@{'big' if n < 8 else 'small'}.example" for n in (0, 1, 8, 9)]
    assert turns == [(SECOND + n * SECOND / 2, 0, "domain_limit") for n in range(6)]
    assert states() == {"sent": 10}


def test_what_a_domain_or_the_kind_keeps_back_uses_up_no_other_limit():
    shop = make_shop()
    SenderIdentity.objects.update(per_day=100)
    queue(shop, range(20))
    option("domain_per_second", 2)
    kind = Friends(withdrawn=dict.fromkeys(range(10, 20), "not_open"))

    worker(kind, Basket()).run()

    assert states() == {"sent": 2, "withdrawn": 10, "ready": 8}
    assert Pace.objects.get(key__startswith="sender").used == 2
