"""Rows of the outbox that are over go after 90 days; what is under way, or a send's, stays."""

import datetime

import pytest

from guestlist.mail import purging, totals
from guestlist.mail.models import Attempt, Message, Send
from guestlist.mail.purging import KEPT
from guestlist.worker import jobs
from tests.mail.outbox import NOW, make_send, make_shop, queue

pytestmark = pytest.mark.django_db
LATER = NOW + KEPT + datetime.timedelta(days=1)


@pytest.fixture
def shop():
    return make_shop()


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


def test_a_great_many_go_by_parts_the_oldest_first(shop, monkeypatch):
    monkeypatch.setattr(purging, "AT_ONCE", 4)
    monkeypatch.setattr(purging, "_LOOKED_AT", 6)
    rows = queue(shop, range(9))
    Message.objects.update(state="sent")
    Message.objects.filter(pk=rows[0].pk).update(state="held")

    assert [purging.purge(now=LATER) for _ in range(4)] == [4, 4, 0, 0]
    assert list(Message.objects.values_list("pk", flat=True)) == [rows[0].pk]


def test_the_worker_forgets_them_without_being_told(shop):
    queue(shop, range(2))
    long_ago = NOW - 2 * KEPT
    Message.objects.update(state="sent", queued_at=long_ago, ready_at=long_ago)
    (forget,) = [job for job in jobs.upkeep() if job.name == "forgetting"]

    assert forget.run(lambda: False) is False
    assert not Message.objects.exists()
