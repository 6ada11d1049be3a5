"""After a kill: the journal decides what a dead worker held, and nobody touches what a living one holds."""

import datetime
import signal
import subprocess
import sys
from collections import Counter

import pytest
from django.db import OperationalError

from guestlist.mail import actions, claiming
from guestlist.mail.answers import Answer, Result
from guestlist.mail.config import Delivery as Options
from guestlist.mail.delivery import Delivery
from guestlist.mail.journal import Journal
from guestlist.mail.models import Attempt, Message, MessageState, SenderIdentity
from guestlist.stores import actions as stores
from guestlist.stores import config
from guestlist.stores.actors import SYSTEM
from tests.mail.outbox import NOW, Basket, Clock, Friends, mail_of, make_shop, queue

pytestmark = pytest.mark.django_db

# Writes marks as a worker does that is killed in the middle of it.
_WORKER = """
import sys
from pathlib import Path
from guestlist.mail.journal import Journal
root, name, leaving, accepted, refused = sys.argv[1:]
held = Journal.take(Path(root), name)
held.begin_anew()
ids = lambda text: [int(one) for one in text.split(",") if one]
for one in ids(leaving) + ids(accepted) + ids(refused):
    held.leaving(one)
for one in ids(accepted):
    held.answered(one, 250, accepted=True)
for one in ids(refused):
    held.answered(one, 450, accepted=False)
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def shop():
    return make_shop()


@pytest.fixture
def worker(tmp_path):
    """Start workers that hold a journal, and kill them at the end at the latest."""
    started = []

    def start(name="dead-1", *, leaving=(), accepted=(), refused=()):
        marks = [",".join(map(str, ids)) for ids in (leaving, accepted, refused)]
        process = subprocess.Popen(
            [sys.executable, "-c", _WORKER, tmp_path, name, *marks],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    yield start
    for process in started:
        kill(process)
        process.communicate()


def kill(process):
    process.send_signal(signal.SIGKILL)
    process.wait()


def leased(rows, name="dead-1", *, minutes=5):
    """Let these be in a worker's hands."""
    claimed = claiming.claim(
        claiming.Lane(SenderIdentity.objects.get()),
        limit=len(rows),
        worker=name,
        now=NOW,
        lease_until=NOW + datetime.timedelta(minutes=minutes),
    )
    assert {row.pk for row in claimed} == {row.pk for row in rows}


def delivery(kind, basket, tmp_path, *, name="dead-1", clock=None, held=None):
    return Delivery(
        kinds=[kind],
        transport=basket,
        worker=name,
        clock=clock or Clock(),
        batch_size=lambda _website: 500,
        journal=held or Journal.take(tmp_path, name),
        journals=tmp_path,
        jitter=lambda: 0.5,
    )


def told(caplog):
    """Return what the log says of mails that workers left, since it was asked last."""
    said = [one for one in caplog.messages if one.startswith("Worker ")]
    caplog.clear()
    return said


def left(total, *, sent=0, back=0, doubt=0, name="dead-1"):
    """Return the line of the log for a worker that left so many mails."""
    return f"Worker {name} left {total} mails: {sent} were sent, {back} go back to the queue, {doubt} are in doubt."


def states():
    return dict(Message.objects.order_by("subject_id").values_list("subject_id", "state"))


def hold_what_is_in_doubt():
    stores.override(
        section=Options, name="in_doubt", value="hold", place=config.DEFAULT, actor=SYSTEM, now=NOW
    )


@pytest.mark.requirement("delivery-when-killed")
@pytest.mark.parametrize("hold", [False, True])
def test_the_journal_decides_what_a_killed_worker_held(shop, tmp_path, worker, hold, caplog):
    rows = queue(shop, range(5))
    ids = [row.pk for row in rows]
    leased(rows)
    if hold:
        hold_what_is_in_doubt()
    kill(worker(leaving=ids[0:1], accepted=ids[1:3], refused=ids[3:4]))
    kind, basket = Friends(), Basket()
    work = delivery(kind, basket, tmp_path)

    work.run()
    work.journal.close()

    assert told(caplog) == [left(5, sent=2, back=2, doubt=1)]
    expected = dict.fromkeys(range(5), "sent") | ({0: "held"} if hold else {})
    assert states() == expected
    # What it had sent was not handed over again; what was in flight is, under the same Message-ID, or is held.
    resent = {mail_of(one)["Message-ID"].partition(".")[0] for one in basket.parcels}
    assert resent == {f"<{pk}" for pk in (ids[3], ids[4], *([] if hold else [ids[0]]))}
    verdicts = Counter(outcome.verdict.value for outcome in kind.recorded)
    assert verdicts == ({"accepted": 4, "in_doubt": 1} if hold else {"accepted": 5})
    assert list(Attempt.objects.values_list("message", "outcome")) == [(ids[0], "in_doubt")]
    assert set(Message.objects.exclude(state="held").values_list("worker", "lease_until")) == {("", None)}
    assert list((tmp_path / "dead-1").glob("*.journal")) == []


@pytest.mark.requirement("delivery-when-killed")
def test_what_was_accepted_and_what_never_left_needs_no_lease_to_run_out(shop, tmp_path, worker):
    rows = queue(shop, range(3))
    leased(rows, minutes=60)
    kill(worker(accepted=[rows[0].pk]))
    basket = Basket()
    work = delivery(Friends(), basket, tmp_path)

    work.run()
    work.journal.close()

    assert states() == dict.fromkeys(range(3), "sent")
    assert basket.recipients() == ["friend1@friend.example", "friend2@friend.example"]


@pytest.mark.requirement("delivery-when-killed")
def test_another_worker_reads_the_dead_ones_journal_when_the_lease_ran_out(shop, tmp_path, worker, caplog):
    rows = queue(shop, range(3))
    leased(rows)
    kill(worker(leaving=[rows[0].pk], accepted=[rows[1].pk]))
    kind, basket, clock = Friends(), Basket(), Clock()
    work = delivery(kind, basket, tmp_path, name="two", clock=clock)

    early, told_early = work.run(), told(caplog)
    clock.forward(minutes=5, seconds=1)
    late, told_late = work.run(), told(caplog)
    work.journal.close()

    assert (early.claimed, told_early) == (0, [])
    assert (late.claimed, told_late) == (2, [left(3, sent=1, back=1, doubt=1)])
    assert states() == dict.fromkeys(range(3), "sent")
    assert basket.recipients() == ["friend2@friend.example", "friend0@friend.example"] or sorted(
        basket.recipients()
    ) == ["friend0@friend.example", "friend2@friend.example"]
    assert list((tmp_path / "dead-1").glob("*.journal")) == []


@pytest.mark.requirement("delivery-when-killed")
def test_a_worker_that_lives_is_left_alone_however_old_its_leases_are(shop, tmp_path, worker, caplog):
    rows = queue(shop, range(2))
    leased(rows)
    living = worker(leaving=[rows[0].pk])
    clock = Clock(NOW + datetime.timedelta(hours=1))
    work = delivery(Friends(), Basket(), tmp_path, name="two", clock=clock)

    work.run()
    while_it_lives = told(caplog)
    kill(living)
    work.run()
    work.journal.close()

    assert while_it_lives == []
    assert told(caplog) == [left(2, back=1, doubt=1)]
    assert states() == dict.fromkeys(range(2), "sent")


@pytest.mark.requirement("delivery-when-journal-lost")
@pytest.mark.parametrize("hold", [False, True])
def test_without_the_journal_all_is_in_doubt_when_the_lease_ran_out(shop, tmp_path, hold, caplog):
    rows = queue(shop, range(3))
    leased(rows, "another-machine-1")
    if hold:
        hold_what_is_in_doubt()
    kind, basket, clock = Friends(), Basket(), Clock()
    work = delivery(kind, basket, tmp_path, name="two", clock=clock)

    work.run()
    early = states()
    clock.forward(minutes=5, seconds=1)
    work.run()
    work.journal.close()

    assert early == dict.fromkeys(range(3), "leased")
    assert told(caplog) == [left(3, doubt=3, name="another-machine-1")]
    assert states() == dict.fromkeys(range(3), "held" if hold else "sent")
    assert len(basket.parcels) == (0 if hold else 3)
    assert Attempt.objects.filter(outcome="in_doubt").count() == 3


@pytest.mark.requirement("delivery-when-journal-lost")
def test_a_new_journal_of_an_old_name_does_not_tell_that_nothing_left(shop, tmp_path):
    rows = queue(shop, range(2))
    leased(rows)
    hold_what_is_in_doubt()
    basket = Basket()
    work = delivery(Friends(), basket, tmp_path)  # its folder is made just now

    work.run()
    work.journal.close()

    assert states() == dict.fromkeys(range(2), "held")
    assert basket.parcels == []


def test_what_is_held_leaves_when_staff_release_it(shop, tmp_path):
    rows = queue(shop, range(2))
    leased(rows)
    hold_what_is_in_doubt()
    kind, basket = Friends(), Basket()
    work = delivery(kind, basket, tmp_path)
    work.run()
    released = [actions.release_held(message_id=rows[0].pk, now=NOW) for _ in range(2)]

    work.run()
    work.journal.close()

    assert released == [True, False]
    assert states() == {0: "sent", 1: "held"}
    assert mail_of(basket.parcels[0])["Message-ID"].startswith(f"<{rows[0].pk}.")


def test_many_rows_are_decided_in_batches(shop, tmp_path, worker, caplog):
    rows = queue(shop, range(1_201))
    leased(rows)
    kill(worker(accepted=[row.pk for row in rows]))
    basket = Basket()
    work = delivery(Friends(), basket, tmp_path)

    work.run()
    work.journal.close()

    assert told(caplog) == [left(1_201, sent=1_201)]
    assert basket.parcels == []
    assert Counter(states().values()) == {"sent": 1_201}


def test_a_worker_writes_down_what_it_hands_over_until_it_is_recorded(shop, tmp_path):
    rows = queue(shop, range(3))
    held = Journal.take(tmp_path, "one")
    seen = []
    basket = Basket(on_deliver=lambda _parcel: seen.append(held.read()))
    work = delivery(Friends(), basket, tmp_path, name="one", held=held)

    work.run()
    held.close()

    assert [set(marks or ()) for marks in seen] == [{row.pk for row in rows[: n + 1]} for n in range(3)]
    assert list((tmp_path / "one").glob("*.journal")) == []


@pytest.mark.requirement("delivery-when-away")
def test_what_was_sent_but_not_recorded_is_not_sent_again_by_the_same_worker(shop, tmp_path, caplog):
    """The database goes, the worker is told to stop: what it sent stands in its journal alone."""
    from django.db import OperationalError

    queue(shop, range(3))
    basket = Basket()

    class Gone(Friends):
        is_away = True

        def record(self, outcomes, *, now):
            if self.is_away:
                raise OperationalError("gone")
            super().record(outcomes, now=now)

    kind = Gone()
    work = delivery(kind, basket, tmp_path, name="one")
    with pytest.raises(OperationalError):
        work.run(stop=lambda: len(basket.parcels) >= 2)
    before = states()
    kind.is_away = False
    work.run()
    work.journal.close()

    assert Counter(before.values()) == {"leased": 2, "ready": 1}
    assert told(caplog) == [left(2, sent=2, name="one")]
    assert basket.recipients() == [f"friend{n}@friend.example" for n in range(3)]
    assert states() == dict.fromkeys(range(3), "sent")
    assert kind.verdicts() == {0: "accepted 250", 1: "accepted 250", 2: "accepted 2.0.0"}


def test_the_journal_keeps_nothing_of_a_mail_that_was_put_back_because_its_sender_is_refused(shop, tmp_path):
    queue(shop, range(1))
    basket = Basket({"*": Answer(Result.REFUSED_US, "5.7.26", "not authenticated")})
    work = delivery(Friends(), basket, tmp_path, name="one")
    work.run()
    work.journal.close()

    assert states() == {0: "ready"}
    assert list(tmp_path.glob("**/*.journal")) == []


@pytest.mark.requirement("delivery-when-killed")
@pytest.mark.parametrize("hold", [False, True])
@pytest.mark.parametrize(("code", "is_in_doubt"), [("no_answer", True), ("4.2.1", False)])
def test_a_connection_lost_after_the_final_dot_leaves_a_mail_in_doubt(
    shop, tmp_path, hold, code, is_in_doubt
):
    queue(shop, range(1))
    if hold:
        hold_what_is_in_doubt()

    class Gone(Friends):
        is_away = True

        def record(self, outcomes, *, now):
            if self.is_away:
                raise OperationalError("gone")
            super().record(outcomes, now=now)

    kind, basket = Gone(), Basket({"*": Answer(Result.DEFERRED, code, "gone")})
    asked: list[object] = []
    basket.on_deliver = asked.append
    work = delivery(kind, basket, tmp_path, name="one")
    with pytest.raises(OperationalError):
        work.run(stop=lambda: bool(asked))
    kind.is_away = False
    basket.answers.clear()
    work.run()
    work.journal.close()

    assert states() == {0: "held" if hold and is_in_doubt else "sent"}
    assert Attempt.objects.filter(outcome="in_doubt").count() == is_in_doubt


def test_a_transport_that_breaks_leaves_in_doubt_what_it_had_begun(shop, tmp_path):
    queue(shop, range(3))

    class Broken(Basket):
        broken = True

        def deliver(self, parcel):
            answer = super().deliver(parcel)
            if self.broken and len(self.parcels) == 2:
                raise LookupError("a mistake in it")
            return answer

    kind, basket = Friends(), Broken()
    work = delivery(kind, basket, tmp_path, name="one")
    with pytest.raises(LookupError):
        work.run()
    before = states()
    basket.broken = False
    work.run()
    work.journal.close()

    # The first is in nobody's doubt: its answer came, and is recorded.
    assert Counter(before.values()) == {"sent": 1, "leased": 1, "ready": 1}
    assert Counter(basket.recipients()) == {
        "friend0@friend.example": 1,
        "friend1@friend.example": 2,
        "friend2@friend.example": 1,
    }
    assert states() == dict.fromkeys(range(3), "sent")
    assert Attempt.objects.get().outcome == "in_doubt"


@pytest.mark.requirement("delivery-when-disk-full")
def test_nothing_leaves_when_the_journal_cannot_be_written(shop, tmp_path, caplog):
    queue(shop, range(3))
    kind, basket = Friends(), Basket()
    work = delivery(kind, basket, tmp_path, name="one")
    # Where the folder is gone no file can be made, as on a full disk.
    (tmp_path / "one").rename(tmp_path / "elsewhere")
    with pytest.raises(FileNotFoundError):
        work.run()
    before = set(Message.objects.values_list("state", "worker", "tries"))
    (tmp_path / "elsewhere").rename(tmp_path / "one")
    work.run()
    work.journal.close()

    assert before == {("ready", "", 0)}
    assert "journal cannot be written" in caplog.text
    assert len(basket.parcels) == 3
    assert Message.objects.filter(state=MessageState.SENT).count() == 3
