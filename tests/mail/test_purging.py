"""Rows of the outbox that are over go after 90 days; what is under way, or a send's, stays."""

import datetime

import pytest

from guestlist.mail import purging, returned, totals
from guestlist.mail.kinds import Verdict
from guestlist.mail.models import Attempt, Message, Send
from guestlist.mail.purging import KEPT
from guestlist.mail.reports import Returned
from guestlist.mail.returned import Written
from guestlist.worker import jobs
from tests.mail.outbox import NOW, Basket, Clock, Friends, make_send, make_shop, queue, worker

pytestmark = pytest.mark.django_db
LATER = NOW + KEPT + datetime.timedelta(days=1)


@pytest.fixture
def shop():
    return make_shop()


@pytest.fixture(autouse=True)
def _from_the_front(monkeypatch) -> None:
    monkeypatch.setattr(purging, "_place", purging._Place())


@pytest.mark.parametrize("state", ["sent", "bounced", "failed", "withdrawn"])
def test_what_is_over_goes_with_its_attempts(shop, state):
    (row,) = queue(shop, range(1))
    Message.objects.update(state=state)
    Attempt.objects.create(message=row, at=NOW, outcome="deferred", code="4.2.1", answer="busy")

    assert purging.purge(now=NOW + KEPT) == 0
    assert purging.purge(now=LATER) == 1
    assert not Message.objects.exists()
    assert not Attempt.objects.exists()


@pytest.mark.parametrize("state", ["ready", "leased", "held"])
def test_what_is_under_way_stays_however_old_it_is(shop, state):
    queue(shop, range(1))
    Message.objects.update(state=state)

    assert purging.purge(now=LATER) == 0


def test_what_was_queued_long_ago_for_a_late_day_stays(shop):
    queue(shop, range(1))
    Message.objects.update(state="sent", ready_at=LATER - datetime.timedelta(days=1))

    assert purging.purge(now=LATER) == 0


def test_a_send_keeps_its_rows_until_all_of_it_is_old_and_its_totals_for_ever(shop):
    send = make_send(shop, range(3))
    Message.objects.update(state="sent")
    Send.objects.update(finished_at=None)
    assert purging.purge(now=LATER) == 0

    Send.objects.update(finished_at=NOW)
    assert purging.purge(now=LATER) == 3
    assert Send.objects.filter(pk=send.pk).exists()
    # What is proved from rows is not asked of sends that have none any more.
    assert [one.send_id for one in totals.audit(now=NOW)] == [send.pk]
    assert totals.audit(now=LATER) == []


def test_what_ended_lately_stays_however_long_it_had_waited(shop):
    """A stopped sender is let go after 95 days: what it then sends may bounce for as long as any mail."""
    queue(shop, range(2))
    kind = Friends()
    worker(kind, Basket(), clock=Clock(LATER)).run()

    assert purging.purge(now=LATER + datetime.timedelta(days=1)) == 0
    assert set(Message.objects.values_list("state", "ready_at", "ended_at")) == {("sent", NOW, LATER)}
    row = Message.objects.order_by("pk")[0]
    bounce = Returned(row.pk, Verdict.BOUNCED, "dsn", "1", "5.2.2", is_permanent=True)
    bounced_at = LATER + datetime.timedelta(days=5)
    assert returned.record(bounce, kinds=[kind], now=bounced_at) is Written.RECORDED

    assert [one.verdict for one in kind.returned_outcomes] == [Verdict.BOUNCED]
    # Both the mail that arrived and the one that came back are kept for 90 days from then.
    assert purging.purge(now=LATER + KEPT + datetime.timedelta(days=1)) == 1
    assert purging.purge(now=bounced_at + KEPT + datetime.timedelta(days=1)) == 1


def test_a_great_many_go_by_parts_the_oldest_first(shop, monkeypatch):
    monkeypatch.setattr(purging, "AT_ONCE", 4)
    monkeypatch.setattr(purging, "_WINDOW", 6)
    rows = queue(shop, range(9))
    Message.objects.update(state="sent")
    Message.objects.filter(pk=rows[0].pk).update(state="held")

    assert [purging.purge(now=LATER) for _ in range(4)] == [4, 4, 0, 0]
    assert list(Message.objects.values_list("pk", flat=True)) == [rows[0].pk]


@pytest.mark.parametrize("windows", [1, 2, 25])
def test_rows_that_stay_do_not_keep_younger_ones_from_going(shop, monkeypatch, windows):
    monkeypatch.setattr(purging, "AT_ONCE", 4)
    monkeypatch.setattr(purging, "_WINDOW", 3)
    monkeypatch.setattr(purging, "_WINDOWS", windows)
    stuck = make_send(shop, range(10))
    queue(shop, range(10, 15))
    queue(shop, range(15, 20), now=LATER)
    Message.objects.update(state="sent")

    gone = [purging.purge(now=LATER) for _ in range(12)]

    assert sum(gone) == 5
    assert max(gone) <= 4
    assert Message.objects.filter(send=stuck).count() == 10
    assert Message.objects.filter(queued_at=LATER).count() == 5
    # They are looked at again after the end: in time the send is over, too.
    Send.objects.update(finished_at=NOW)
    assert sum(purging.purge(now=LATER) for _ in range(12)) == 10


def test_the_usual_look_is_one_window(shop, monkeypatch, django_assert_num_queries):
    monkeypatch.setattr(purging, "_WINDOW", 3)
    queue(shop, range(30), now=LATER)

    with django_assert_num_queries(2):
        assert purging.purge(now=LATER) == 0


def test_rows_are_deleted_without_being_read(shop, django_assert_max_num_queries):
    for row in queue(shop, range(20)):
        Attempt.objects.create(message=row, at=NOW, outcome="deferred", code="4.2.1", answer="busy")
    Message.objects.update(state="sent")

    # Two for the window, a transaction's two, lock, attempts, what was mailed again, rows.
    with django_assert_max_num_queries(8):
        assert purging.purge(now=LATER) == 20


def test_the_worker_forgets_them_without_being_told(shop):
    queue(shop, range(2))
    long_ago = NOW - 2 * KEPT
    Message.objects.update(state="sent", queued_at=long_ago, ready_at=long_ago)
    (forget,) = [job for job in jobs.upkeep() if job.name == "forgetting"]

    assert forget.run(lambda: False) is False
    assert not Message.objects.exists()
