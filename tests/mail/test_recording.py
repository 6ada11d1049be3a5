"""Writing down outcomes: once, whatever became of the connection to the database, and however many there are."""

import datetime

import pytest

from guestlist.mail import claiming, recording
from guestlist.mail.kinds import Outcome, Verdict
from guestlist.mail.models import Delta, Measure, Message, SenderIdentity
from guestlist.mail.recording import Settled
from tests.mail.outbox import NOW, Friends, make_send, make_shop, queue

pytestmark = pytest.mark.django_db


def claimed(send=None):
    lane = claiming.Lane(SenderIdentity.objects.get(), send)
    until = NOW + datetime.timedelta(minutes=5)
    return claiming.claim(lane, limit=10, worker="one", now=NOW, lease_until=until)


def record(rows, kind):
    settled = [Settled(Outcome(row, Verdict.ACCEPTED, "2.0.0", "", NOW)) for row in rows]
    return recording.record(settled, kinds={"test": kind}, worker="one", now=NOW, jitter=lambda: 0.5)


def test_a_commit_whose_answer_was_lost_is_not_written_twice(caplog):
    send = make_send(make_shop(), range(2))
    rows, kind = claimed(send), Friends()

    first, second = record(rows, kind), record(rows, kind)

    assert [one.message for one in first] == rows
    assert second == []
    assert len(kind.recorded) == 2
    assert sum(one.amount for one in Delta.objects.filter(send=send, measure=Measure.HANDED_OVER)) == 2
    assert "their lease ran out before, or it was written by a commit whose answer was lost" in caplog.text


def test_any_number_of_rows_is_put_back():
    queue(make_shop(), range(3))
    rows = claimed()
    others = range(rows[-1].pk + 1, rows[-1].pk + 40_000)

    released = claiming.release(ids=[rows[0].pk, *others, rows[2].pk], worker="one", code="later")

    assert released == 2
    assert list(Message.objects.order_by("pk").values_list("state", "code")) == [
        ("ready", "later"),
        ("leased", ""),
        ("ready", "later"),
    ]
