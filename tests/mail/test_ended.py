"""When a mail ended: written by whatever ends it, and by nothing else."""

import datetime

import pytest

from guestlist.mail import actions, claiming, ending, recording, returned
from guestlist.mail.answers import Answer, Result
from guestlist.mail.kinds import Outcome, Verdict
from guestlist.mail.models import Message, Send, SenderIdentity
from guestlist.mail.recording import Settled
from guestlist.mail.reports import Returned
from tests.mail.outbox import NOW, Basket, Clock, Friends, make_send, make_shop, queue, worker

pytestmark = pytest.mark.django_db
LATER = NOW + datetime.timedelta(hours=3)


@pytest.fixture
def shop():
    return make_shop()


def ends():
    return dict(Message.objects.order_by("subject_id").values_list("state", "ended_at"))


def test_what_a_worker_ends_has_its_moment_and_what_waits_has_none(shop):
    queue(shop, range(5))
    answers = {
        "friend1@friend.example": Answer(Result.DEFERRED, "4.2.1", "busy"),
        "friend2@friend.example": Answer(Result.BOUNCED, "5.1.1", "nobody", no_such_address=True),
        "friend3@friend.example": Answer(Result.FAILED, "5.3.4", "too big"),
    }

    worker(Friends(withdrawn={4: "not_open"}), Basket(answers), clock=Clock(LATER)).run()

    assert ends() == {"sent": LATER, "ready": None, "bounced": LATER, "failed": LATER, "withdrawn": LATER}


def test_a_moment_is_kept_to_the_microsecond(shop):
    queue(shop, range(1))
    moment = LATER.replace(microsecond=123_456)

    worker(Friends(), Basket(), clock=Clock(moment)).run()

    assert Message.objects.get(ended_at=moment).state == "sent"


@pytest.mark.parametrize("is_held", [False, True])
def test_a_mail_in_doubt_is_not_over(shop, is_held):
    queue(shop, range(1))
    lane = claiming.Lane(SenderIdentity.objects.get())
    (row,) = claiming.claim(lane, limit=1, worker="one", now=NOW, lease_until=LATER)
    doubt = Settled(Outcome(row, Verdict.IN_DOUBT, "in_doubt", "", NOW), is_held=is_held)

    recording.record([doubt], kinds={}, worker="one", now=NOW, jitter=lambda: 0.5)

    assert ends() == {"held" if is_held else "ready": None}
    if is_held:
        assert actions.release_held(message_id=row.pk, now=NOW)
        assert ends() == {"ready": None}


def test_a_mail_that_is_taken_back_is_over(shop):
    (row,) = queue(shop, range(1))

    actions.withdraw(message_ids=[row.pk], reason="canceled", now=LATER)

    assert ends() == {"withdrawn": LATER}


def test_what_is_left_of_a_stopped_send_is_over(shop):
    make_send(shop, range(2))
    Send.objects.update(stopped_at=NOW)

    ending.withdraw_stopped(kinds=[Friends()], now=LATER)

    assert ends() == {"withdrawn": LATER}


@pytest.mark.parametrize("state", ["ready", "held", "sent"])
def test_a_mail_that_comes_back_is_over_from_then_on(shop, state):
    (row,) = queue(shop, range(1))
    Message.objects.update(state=state, ended_at=NOW if state == "sent" else None)
    bounce = Returned(row.pk, Verdict.BOUNCED, "dsn", "1", "5.2.2", is_permanent=True)

    returned.record(bounce, kinds=[Friends()], now=LATER)

    assert ends() == {"bounced": LATER}
