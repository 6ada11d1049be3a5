"""The brake: who is complained of or bounces too much stands still until staff have seen to it."""

import datetime

import pytest

from guestlist.mail import brake, counting, sends
from guestlist.mail.models import Delta, Measure, SenderIdentity
from guestlist.stores.actors import SYSTEM
from tests.mail.outbox import NOW, Basket, Friends, make_shop, queue, worker

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("trust-30")]


@pytest.fixture
def sender():
    make_shop()
    return SenderIdentity.objects.get()


def happened(sender, *, at=NOW, **amounts):
    """Let so many mails of a sender have fared so."""
    ledger = counting.Ledger()
    for name, amount in amounts.items():
        ledger.add(sender_id=sender.pk, send_id=None, measure=Measure[name.upper()], amount=amount)
    ledger.write(now=at)


def applied(sender, *, now=NOW):
    brake.apply(now=now)
    sender.refresh_from_db()
    return "held" if sender.held_at else "warned" if sender.warned_at else "goes"


@pytest.mark.parametrize(
    ("amounts", "outcome"),
    [
        ({"handed_over": 199, "complained": 50}, "goes"),
        # Whoever got one mail can complain of it: one, or two, hold nobody.
        ({"handed_over": 200, "complained": 1}, "warned"),
        ({"handed_over": 333, "complained": 1}, "warned"),
        ({"handed_over": 200, "complained": 2}, "warned"),
        ({"handed_over": 200, "complained": 3}, "held"),
        ({"handed_over": 1_000}, "goes"),
        ({"handed_over": 1_001, "complained": 1}, "goes"),
        ({"handed_over": 1_000, "complained": 1}, "warned"),
        ({"handed_over": 1_001, "complained": 3}, "warned"),
        ({"handed_over": 1_000, "complained": 3}, "held"),
        ({"handed_over": 150, "bounced": 49}, "goes"),
        ({"handed_over": 150, "bounced": 50}, "held"),
        ({"handed_over": 191, "bounced": 9}, "goes"),
        ({"handed_over": 190, "bounced": 10}, "held"),
        ({"handed_over": 951, "bounced": 49}, "goes"),
        ({"handed_over": 950, "bounced": 50}, "held"),
        # What comes back later was handed over before, and is a bounce as well.
        ({"handed_over": 1_000, "returned": 49}, "goes"),
        ({"handed_over": 1_000, "returned": 50}, "held"),
        ({"handed_over": 980, "bounced": 20, "returned": 30}, "held"),
    ],
)
def test_the_shares_that_hold_and_warn(sender, amounts, outcome):
    happened(sender, **amounts)

    assert applied(sender) == outcome


@pytest.mark.parametrize("folded", [False, True])
def test_a_day_is_looked_back(sender, folded):
    old = NOW - datetime.timedelta(hours=24, minutes=1)
    happened(sender, at=old, handed_over=1_000, bounced=500)
    happened(sender, handed_over=1_000)
    if folded:
        counting.fold(now=NOW)

    assert applied(sender) == "goes"
    happened(sender, at=NOW - datetime.timedelta(hours=23), bounced=100)
    assert applied(sender) == "held"


def test_what_is_folded_counts_as_what_is_not(sender):
    happened(sender, at=NOW - datetime.timedelta(minutes=10), handed_over=950)
    counting.fold(now=NOW)
    happened(sender, bounced=50)

    assert Delta.objects.count() == 1
    assert applied(sender) == "held"
    assert sender.held_reason == "bounces 50/1000"


def test_one_sender_does_not_hold_another(sender):
    make_shop("other")
    other = SenderIdentity.objects.exclude(pk=sender.pk).get()
    happened(sender, handed_over=100, bounced=150)
    happened(other, handed_over=1_000)

    assert applied(sender) == "held"
    assert applied(other) == "goes"


def test_a_warning_is_given_once(sender, caplog):
    happened(sender, handed_over=1_000, complained=1)
    applied(sender)
    warned = sender.warned_at
    applied(sender, now=NOW + datetime.timedelta(minutes=1))

    assert sender.warned_at == warned
    assert caplog.text.count("complaints about") == 1


def test_a_held_sender_sends_nothing_until_it_is_released_and_then_counts_anew(sender):
    shop = sender.website.store_views.get()
    queue(shop, range(3))
    happened(sender, handed_over=950, bounced=50)
    applied(sender)
    basket = Basket()
    work = worker(Friends(), basket)

    held = work.run().claimed
    later = NOW + datetime.timedelta(minutes=5)
    sends.release_sender(identity=sender, actor=SYSTEM, now=later)
    released = work.run().claimed

    assert (held, released, len(basket.parcels)) == (0, 3, 3)
    assert applied(sender, now=later) == "goes"
    happened(sender, at=later, handed_over=150, bounced=50)
    assert applied(sender, now=later) == "held"


def test_mails_that_bounce_while_they_are_handed_over_put_the_brake_on(sender):
    from guestlist.mail.answers import Answer, Result

    shop = sender.website.store_views.get()
    queue(shop, range(220))
    refused = {f"friend{n}@friend.example": Answer(Result.BOUNCED, "5.1.1", "unknown") for n in range(11)}
    worker(Friends(), Basket(refused)).run()

    assert applied(sender) == "held"
