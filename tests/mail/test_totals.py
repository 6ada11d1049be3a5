"""The totals of sends against the rows of the outbox."""

import json

import pytest

from guestlist.invitations.models import FiguresDelta
from guestlist.mail import actions, counting, ending, sends, totals
from guestlist.mail.answers import Answer, Result
from guestlist.mail.models import Delta, Measure, Message, Send, SenderIdentity, SendOrigin
from guestlist.worker import audit
from tests import make
from tests.mail.outbox import NOW, Basket, Friends, make_shop, queue
from tests.mail.test_delivery import run

pytestmark = pytest.mark.django_db


@pytest.fixture
def send():
    shop = make_shop()
    made = sends.open_send(
        store_view=shop,
        sender=SenderIdentity.objects.get(),
        origin=SendOrigin.STAFF,
        created_by_id=None,
        ready_at=NOW,
        late_after_hours=24,
        now=NOW,
    )
    queue(shop, range(6), send=made)
    return made


def test_totals_add_up_whatever_became_of_the_mails(send, capsys):
    answers = {
        "friend1@friend.example": Answer(Result.DEFERRED, "4.2.1", "busy"),
        "friend2@friend.example": Answer(Result.BOUNCED, "5.1.1", "nobody", no_such_address=True),
        "friend3@friend.example": Answer(Result.FAILED, "5.3.4", "too big"),
    }
    run(Friends(withdrawn={4: "not_open"}), Basket(answers), size=5)
    actions.withdraw(message_ids=[Message.objects.get(subject_id=5).pk], reason="x", now=NOW)

    (found,) = totals.audit(now=NOW)

    assert found.adds_up
    assert found.mails == 6
    assert {one: count for one, count in found.kept.items() if count} == {
        Measure.HANDED_OVER: 1,
        Measure.DEFERRED: 1,
        Measure.BOUNCED: 1,
        Measure.FAILED: 1,
        Measure.WITHDRAWN: 2,
    }
    assert audit.totals(as_json=False) == 0
    assert "1 sends with 6 mails: all add up." in capsys.readouterr().out


def test_totals_add_up_when_they_are_folded_and_when_a_send_is_stopped(send):
    run(Friends(), Basket(), size=2)
    counting.fold(now=NOW + 2 * counting.FRESH)
    Send.objects.update(stopped_at=NOW)

    withdrawn = ending.withdraw_stopped(kinds=[Friends()], now=NOW)
    ended = ending.finish(now=NOW)

    (found,) = totals.audit(now=NOW)
    assert (withdrawn, ended) == (4, 1)
    assert found.adds_up
    assert found.counted[Measure.WITHDRAWN] == 4


def test_a_total_that_is_wrong_is_told(send, capsys):
    Delta.objects.create(sender_id=send.sender_id, send=send, measure=Measure.FAILED, amount=1, at=NOW)

    assert audit.totals(as_json=False) == 1
    assert "differs" in capsys.readouterr().out
    assert audit.totals(as_json=True) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["wrong"] == [send.pk]
    assert told["sends"][0]["kept"]["failed"] == 1


def test_a_figure_of_orders_that_is_wrong_is_told(capsys):
    customer = make.registered(make.sent_invitation()).customer
    assert customer
    make.order(customer)
    assert audit.totals(as_json=False) == 0
    assert (
        "1 invitations and 1 orders of those who accepted them: all figures agree" in capsys.readouterr().out
    )

    FiguresDelta.objects.filter(measure="orders", basis="event").update(amount=3)

    assert audit.totals(as_json=False) == 1
    assert "orders kept 3, in the history 1" in capsys.readouterr().out
    assert audit.totals(as_json=True) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["orders"], told["wrong"]) == (1, [])
    assert [(one["where"], one["measure"], one["kept"]) for one in told["differences"]] == [
        ("days", "orders", 3),
        ("months", "orders", 3),
    ]
