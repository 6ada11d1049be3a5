"""What a worker says of itself: that it runs, what keeps it from delivering, what sends wait for, how far it is."""

import datetime
import logging
import threading
import time
from typing import Any

import pytest
from django.utils import timezone

from guestlist.mail import delivery, session, workers
from guestlist.mail.config import Delivery
from guestlist.mail.models import Send, SenderIdentity, Trouble, Worker
from guestlist.stores import actions as stores
from guestlist.stores import config
from guestlist.stores.actors import SYSTEM
from guestlist.worker import jobs, loop, presence, telling
from guestlist.worker.jobs import Job, NoServerError
from tests.mail.outbox import NOW, Basket, Clock, Friends, make_send, make_shop, queue, worker


def always() -> None:
    for name, value in (("send_from", 0), ("send_until", 24)):
        stores.override(section=Delivery, name=name, value=value, place=config.DEFAULT, actor=SYSTEM, now=NOW)


def raises(error):
    def work(_stopping):
        raise error

    return Job(jobs.DELIVERY, 1, work)


@pytest.mark.django_db(transaction=True)
def test_named_worker_is_seen_and_its_trouble_with_it(monkeypatch):
    monkeypatch.setattr(presence, "EVERY", 0.02)
    stop = threading.Event()
    work = [raises(NoServerError("ConnectionRefusedError"))]
    thread = threading.Thread(
        target=loop.run, kwargs={"stop": stop, "work": work, "idle": 0.01, "worker": "van-1"}
    )
    thread.start()
    until = time.monotonic() + 20
    while not Worker.objects.filter(trouble=Trouble.UNREACHABLE).exists() and time.monotonic() < until:
        time.sleep(0.02)
    stop.set()
    thread.join(20)

    one = Worker.objects.get()
    assert (one.name, one.trouble, one.words) == ("van-1", "unreachable", "ConnectionRefusedError")
    assert one.trouble_since is not None
    assert timezone.now() - one.seen_at < datetime.timedelta(minutes=1)


@pytest.mark.django_db  # looks after the process's connections, which another test may have left open
def test_trouble_is_known_since_it_began_and_gone_when_it_is_over():
    errors: list[Exception] = [NoServerError("refused"), NoServerError("timed out"), ValueError("a bug")]

    def work(_stopping):
        if errors:
            raise errors.pop(0)
        return False

    turn = loop.Turn(Job(jobs.DELIVERY, 1, work))
    seen = []
    for _ in range(4):
        loop.do(turn, lambda: False)
        seen.append(loop.fault_of([turn]))

    first, second, third, last = seen
    assert first is not None
    assert second is not None
    assert (second.trouble, second.words, second.since) == (Trouble.UNREACHABLE, "timed out", first.since)
    assert third is not None
    assert (third.trouble, third.words) == (Trouble.FAILING, "")
    assert last is None


def test_worker_without_delivery_has_no_server():
    fault = loop.fault_of([loop.Turn(Job("figures", 1, lambda _stopping: False))])

    assert fault is not None
    assert fault.trouble is Trouble.NOT_SET


@pytest.mark.django_db(transaction=True)
def test_process_of_celery_gives_its_sign_at_delivery_alone(settings, monkeypatch):
    settings.GUESTLIST_BROKER_URL = "memory://"
    settings.GUESTLIST_SMTP_URL = ""
    settings.GUESTLIST_WORKER = "node-a"
    from guestlist.worker import celery

    station = celery.Station()
    station.do("brake")
    assert not Worker.objects.exists()

    signs: list[str] = []
    seen = workers.seen

    def counted(**said: Any) -> None:
        signs.append(said["name"])
        seen(**said)

    monkeypatch.setattr(workers, "seen", counted)
    station.do(jobs.DELIVERY)
    station.do(jobs.DELIVERY)

    assert signs == ["node-a"]
    assert Worker.objects.values_list("name", "trouble").get() == ("node-a", "not_set")


@pytest.mark.django_db
def test_wait_is_said_once_in_the_log(monkeypatch, caplog):
    caplog.set_level(logging.INFO, telling.__name__)
    monkeypatch.setattr(telling, "_EVERY", 0)
    always()
    shop = make_shop()
    SenderIdentity.objects.update(per_day=10)
    send = make_send(shop, range(30))
    teller = telling.Teller()
    teller.look(now=NOW)
    caplog.clear()
    worker(Friends(), Basket()).run()
    queue(shop, range(100, 101))

    teller.look(now=NOW)
    worker(Friends(), Basket()).run()
    teller.look(now=NOW)

    said = "Waits until 22 Nov 2026, 00:00 UTC: “Loom” <shop@shop.example> has sent 10 of 10 mails today."
    assert caplog.messages == [f"send id={send.pk}: {said}"]
    Send.objects.update(paused_at=NOW)
    teller.look(now=NOW)
    Send.objects.update(paused_at=None)
    teller.look(now=NOW)
    assert len(caplog.messages) == 2


@pytest.mark.django_db
def test_slow_delivery_says_how_far_it_is(monkeypatch, caplog):
    caplog.set_level(logging.INFO, session.__name__)
    monkeypatch.setattr(session, "_TELL_EVERY", 0.0)
    monkeypatch.setattr("guestlist.mail.switches._EVERY", 0.0)
    queue(make_shop(), range(5))
    work: delivery.Delivery = worker(Friends(), Basket(), clock=Clock())

    work.run()

    assert "delivering claimed=5 released=0" in caplog.messages
