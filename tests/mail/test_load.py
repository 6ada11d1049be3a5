"""Delivery under load: several workers, a database that takes its time or goes, and none lost or doubled."""

import contextlib
import os
import threading
from collections import Counter

import pytest
from django.db import InterfaceError, OperationalError, connection

from guestlist.mail import counting, delivery, recording, sends, session, settling, switches
from guestlist.mail.delivery import Delivery
from guestlist.mail.journal import Journal
from guestlist.mail.models import Measure, Message, Send, SenderIdentity
from guestlist.mail.transport import Server, SmtpTransport
from guestlist.stores.actors import SYSTEM
from tests import races
from tests.mail import scriptedserver
from tests.mail.outbox import NOW, Clock, Friends, make_shop, queue

pytestmark = pytest.mark.django_db(transaction=True)


def worker(server, tmp_path, name="one", *, kind=None, connections=4, size=200):
    return Delivery(
        kinds=[kind or Friends()],
        transport=SmtpTransport(
            Server("127.0.0.1", server.port, ehlo="shop.example", timeout=5, connections=connections)
        ),
        worker=name,
        clock=Clock(),
        batch_size=lambda _website: size,
        journal=Journal.take(tmp_path, name),
        journals=tmp_path,
        jitter=lambda: 0.5,
    )


def finished(work, **options):
    """Run until nothing is due, and let go of everything."""
    try:
        return work.run(**options)
    finally:
        work.transport.close()
        work.journal.close()


def states():
    return Counter(Message.objects.values_list("state", "worker"))


def make_send(shop, count):
    send = Send.objects.create(
        website=shop.website,
        store_view=shop,
        sender=SenderIdentity.objects.get(website=shop.website),
        created_at=NOW,
        ready_at=NOW,
    )
    queue(shop, range(count), send=send)
    return send


def test_two_workers_share_two_thousand_mails(tmp_path):
    queue(make_shop(), range(2_000))
    kinds = [Friends(), Friends()]
    with scriptedserver.running() as server:
        works = [worker(server, tmp_path, f"w-{n}", kind=kinds[n]) for n in range(2)]
        tallies = races.together(*(lambda work=work: finished(work) for work in works))

    assert not [tally for tally in tallies if isinstance(tally, Exception)]
    assert states() == {("sent", ""): 2_000}
    assert len(server.mails) == 2_000
    assert set(server.copies().values()) == {1}
    recorded = Counter(one.message.subject_id for kind in kinds for one in kind.recorded)
    assert recorded == dict.fromkeys(range(2_000), 1)
    assert sum(tally.claimed for tally in tallies if isinstance(tally, delivery.Tally)) == 2_000
    assert list(tmp_path.glob("*/*.journal")) == []


def test_what_is_put_off_refused_or_withdrawn_is_told_apart_under_load(tmp_path):
    shop = make_shop()
    send = make_send(shop, 400)
    kind = Friends(withdrawn=dict.fromkeys(range(0, 400, 10), "not_open"))

    def script(stage, line, _call):
        number = int(line.partition("friend")[2].partition("@")[0] or 0) if stage == "RCPT" else 0
        return {1: b"450 4.2.1 busy\r\n", 2: b"550 5.1.1 unknown\r\n"}.get(number % 10) if number else None

    with scriptedserver.running(script) as server:
        finished(worker(server, tmp_path, kind=kind))

    counts = Counter(verdict.split()[0] for verdict in kind.verdicts().values())
    assert counts == {"withdrawn": 40, "deferred": 40, "bounced": 40, "accepted": 280}
    total = counting.totals(send_ids=[send.pk])[send.pk]
    assert {name: n for name, n in total.items() if n} == {
        Measure.HANDED_OVER: 280,
        Measure.DEFERRED: 40,
        Measure.BOUNCED: 40,
        Measure.WITHDRAWN: 40,
    }


@pytest.mark.requirement("delivery-when-away")
def test_a_database_that_restarts_while_outcomes_are_recorded_loses_none(tmp_path, monkeypatch):
    monkeypatch.setattr(settling, "_PAUSES", (0.01,))
    queue(make_shop(), range(300))

    class Flaky(Friends):
        failures = 5

        def record(self, outcomes, *, now):
            super().record(outcomes, now=now)
            if Flaky.failures:
                Flaky.failures -= 1
                del self.recorded[-len(outcomes) :]
                raise OperationalError("gone")

    kind = Flaky()
    with scriptedserver.running() as server:
        finished(worker(server, tmp_path, kind=kind))

    assert states() == {("sent", ""): 300}
    assert len(server.mails) == 300
    assert Counter(one.message.subject_id for one in kind.recorded) == dict.fromkeys(range(300), 1)


@pytest.mark.requirement("delivery-when-away")
def test_a_database_that_goes_while_mails_are_claimed_puts_nothing_at_risk(tmp_path):
    queue(make_shop(), range(600))

    class Away(Friends):
        batches = 0

        def look_up(self, ids, *, now):
            self.batches += 1
            if self.batches == 3:
                raise OperationalError("gone")
            return super().look_up(ids, now=now)

    kind = Away()
    with scriptedserver.running() as server:
        work = worker(server, tmp_path, kind=kind)
        with pytest.raises(OperationalError):
            work.run()
        between = states()
        finished(work)

    assert set(between) <= {("sent", ""), ("ready", "")}
    assert states() == {("sent", ""): 600}
    assert set(server.copies().values()) == {1}


@pytest.mark.requirement("delivery-when-away")
def test_a_database_that_ends_all_connections_loses_and_doubles_none(tmp_path, monkeypatch):
    """As it does when it restarts; SQLite has nobody who could hang up."""
    monkeypatch.setattr(settling, "_PAUSES", (0.01,))
    queue(make_shop(), range(500))
    moments = iter([50, 150, 300])
    wanted = [next(moments)]

    def hang_up():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
        connection.close()

    def script(stage, _line, _call):
        if stage == "dot":
            with server.lock:
                now = len(server.mails) >= wanted[0]
                if now:
                    wanted[0] = next(moments, 10_000)
                    hang_up()  # while nobody else does: they would end each other

    with scriptedserver.running(script) as server:
        work = worker(server, tmp_path, size=100)
        for _ in range(20):
            connection.close()
            with contextlib.suppress(OperationalError, InterfaceError):
                if not work.run().claimed and not Message.objects.exclude(state="sent").exists():
                    break
        connection.close()
        work.transport.close()
        work.journal.close()

    assert wanted == [10_000]
    assert states() == {("sent", ""): 500}
    assert len(server.mails) == 500
    assert set(server.copies().values()) == {1}
    assert list(tmp_path.glob("*/*.journal")) == []


def test_a_mistake_while_recording_sends_nothing_twice(tmp_path, monkeypatch):
    """Recording meets an error that nobody foresaw: what was sent by then is known by the journal."""
    monkeypatch.setattr(settling, "_RECORD_AT", 100)
    queue(make_shop(), range(300))
    record = recording.record
    calls = []

    def broken(*args, **kwargs):
        calls.append(1)
        if len(calls) <= 2:
            raise LookupError("a mistake")
        return record(*args, **kwargs)

    monkeypatch.setattr(recording, "record", broken)
    with scriptedserver.running() as server:
        work = worker(server, tmp_path)
        with pytest.raises(LookupError):
            work.run()
        finished(work)

    assert states() == {("sent", ""): 300}
    assert set(server.copies().values()) == {1}
    assert len(server.copies()) == 300


@pytest.mark.requirement("delivery-when-disk-full")
def test_nothing_more_leaves_when_the_disk_is_full(tmp_path, monkeypatch):
    queue(make_shop(), range(300))
    leaving = Journal.leaving
    full: list[int | str] = []

    def full_after_fifty(self, message_id):
        if len(full) >= 50 and full[-1] != "space":
            raise OSError(28, "No space left on device")
        full.append(message_id)
        leaving(self, message_id)

    monkeypatch.setattr(Journal, "leaving", full_after_fifty)
    with scriptedserver.running() as server:
        work = worker(server, tmp_path)
        with pytest.raises(OSError, match="No space"):
            work.run()
        between = states()
        sent = len(server.mails)
        full.append("space")
        monkeypatch.setattr(Journal, "leaving", leaving)
        finished(work)

    assert sent == 50
    assert between == {("sent", ""): 50, ("ready", ""): 250}
    assert states() == {("sent", ""): 300}
    assert set(server.copies().values()) == {1}


@pytest.mark.requirement("delivery-when-switched")
@pytest.mark.parametrize("switch", [sends.pause, sends.stop])
def test_a_send_that_is_switched_off_in_the_middle_leaves_the_rest(tmp_path, switch, monkeypatch):
    monkeypatch.setattr(switches, "_EVERY", 0)
    send = make_send(make_shop(), 600)
    at_fifty, go_on = threading.Event(), threading.Event()

    def script(stage, _line, _call):
        if stage == "dot" and len(server.mails) >= 50:
            at_fifty.set()
            go_on.wait(10)

    with scriptedserver.running(script) as server:
        work = worker(server, tmp_path, size=600)

        def staff():
            assert at_fifty.wait(10)
            switch(send=send, actor=SYSTEM, now=NOW)
            # The worker looks while the server still thinks about what it has.
            for _ in range(100):
                if work_is_off():
                    break
                threading.Event().wait(0.02)
            go_on.set()

        def work_is_off():
            return any(send.pk in off for off in seen)

        seen = []
        look = session.Session._look

        def looked(self):
            look(self)
            seen.append(self.switches._sends_off)

        monkeypatch.setattr(session.Session, "_look", looked)
        results = races.together(lambda: finished(work), staff)

    assert results[1] is None
    assert isinstance(results[0], delivery.Tally), results[0]
    sent = len(server.mails)
    assert sent < 100
    assert states() == {("sent", ""): sent, ("ready", ""): 600 - sent}
    total = counting.totals(send_ids=[send.pk])[send.pk]
    assert (total[Measure.HANDED_OVER], total[Measure.QUEUED]) == (sent, 600 - sent)


def test_a_worker_that_is_told_to_stop_finishes_what_is_in_flight(tmp_path):
    queue(make_shop(), range(600))
    with scriptedserver.running() as server:
        tally = finished(worker(server, tmp_path), stop=lambda: len(server.mails) >= 100)

    sent = len(server.mails)
    assert 100 <= sent < 120
    assert states() == {("sent", ""): sent, ("ready", ""): 600 - sent}
    assert tally.released == tally.claimed - sent
    assert list(tmp_path.glob("*/*.journal")) == []


@pytest.mark.skipif(not os.environ.get("DATABASE_URL"), reason="SQLite works in this process")
def test_mails_leave_while_the_database_takes_its_time(tmp_path, monkeypatch):
    monkeypatch.setattr(settling, "_RECORD_AT", 10)
    queue(make_shop(), range(200))
    left: list[int] = []

    class Slow(Friends):
        def record(self, outcomes, *, now):
            super().record(outcomes, now=now)
            if not left:
                before = len(server.mails)
                with connection.cursor() as cursor:
                    cursor.execute("SELECT pg_sleep(0.5)")
                left.append(len(server.mails) - before)

    with scriptedserver.running() as server:
        finished(worker(server, tmp_path, kind=Slow()))

    assert left[0] > 10
    assert states() == {("sent", ""): 200}
    assert set(server.copies().values()) == {1}


@pytest.mark.skipif(not os.environ.get("DATABASE_URL"), reason="SQLite works in this process")
def test_a_mistake_while_the_database_works_ends_the_statement_first(tmp_path, monkeypatch):
    queue(make_shop(), range(300))
    leaving = Journal.leaving
    calls = []

    def broken(self, message_id):
        calls.append(message_id)
        if len(calls) == 20:
            raise LookupError("a mistake")
        leaving(self, message_id)

    monkeypatch.setattr(Journal, "leaving", broken)
    with scriptedserver.running() as server:
        work = worker(server, tmp_path, size=100)
        with pytest.raises(LookupError):
            work.run()
        assert connection.is_usable()
        # What was not answered when the connections were closed waits a minute.
        work.clock.forward(minutes=2)
        finished(work)

    assert states() == {("sent", ""): 300}
    # Of what was in flight on the other connections nobody knows.
    assert set(server.copies().values()) <= {1, 2}
    assert sum(server.copies().values()) <= 300 + 4
