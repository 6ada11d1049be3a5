"""The loop: every job has its turn, none stops another, and the end is orderly."""

import threading

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError

from guestlist.mail import journal
from guestlist.mail.transport import SmtpTransport
from guestlist.worker import jobs, loop
from guestlist.worker.jobs import Job, NoServerError


def loop_until(done, *work):
    """Run the loop in a thread, as the demo does, until `done` is set."""
    stop = threading.Event()
    thread = threading.Thread(target=loop.run, kwargs={"stop": stop, "work": work, "idle": 0.01})
    thread.start()
    reached = done.wait(10)
    stop.set()
    thread.join(10)
    assert reached
    assert not thread.is_alive()


def test_a_job_runs_again_at_once_while_it_has_more():
    done = threading.Event()
    left = [3]

    def work(_stopping):
        left[0] -= 1
        if left[0] == 0:
            done.set()
        return left[0] > 0

    loop_until(done, Job("work", 3600, work))

    assert left == [0]


def test_a_job_waits_for_its_turn():
    done = threading.Event()
    ran = []

    def often(_stopping):
        ran.append("often")
        if ran.count("often") == 5:
            done.set()
        return False

    def seldom(_stopping):
        ran.append("seldom")
        return False

    loop_until(done, Job("seldom", 3600, seldom), Job("often", 0, often))

    assert ran.count("seldom") == 1


@pytest.mark.parametrize("fault", [OperationalError("gone"), NoServerError("refused"), ValueError("a bug")])
def test_a_job_that_fails_stops_no_other(fault):
    done = threading.Event()
    failures = []

    def fails(_stopping):
        failures.append(fault)
        raise fault

    def works(_stopping):
        done.set()
        return False

    loop_until(done, Job("fails", 0, fails), Job("works", 0, works))

    assert len(failures) == 1  # it waits before it is tried again


def test_a_job_that_fails_waits_longer_each_time_up_to_a_minute():
    turn = loop.Turn(Job("fails", 1, lambda _stopping: False))

    assert [loop._pause(turn) for _ in range(8)] == [2, 4, 8, 16, 32, 60, 60, 60]


def test_a_job_is_told_to_come_to_an_end():
    done, ended = threading.Event(), threading.Event()

    def long(stopping):
        done.set()
        while not stopping():
            threading.Event().wait(0.01)
        ended.set()
        return True

    loop_until(done, Job("long", 1, long))

    assert ended.is_set()


def test_without_a_server_there_is_no_delivery(settings):
    settings.GUESTLIST_SMTP_URL = ""

    assert loop.configured_transport() is None
    assert "delivery" not in [job.name for job in jobs.all_jobs(transport=None, worker="one")]


def test_the_server_is_the_one_of_the_environment(settings):
    settings.GUESTLIST_SMTP_URL = "smtps://mail.example"
    transport = loop.configured_transport()

    assert isinstance(transport, SmtpTransport)
    assert transport.server.port == 465
    settings.GUESTLIST_SMTP_URL = "mail.example"
    with pytest.raises(ImproperlyConfigured):
        loop.configured_transport()


def test_two_workers_never_have_the_same_name(settings, tmp_path):
    settings.GUESTLIST_JOURNAL_DIR = tmp_path
    settings.GUESTLIST_WORKER = "shop"
    first, second = loop.taken_journal(), loop.taken_journal()
    first.close()
    third = loop.taken_journal()

    assert [one.name.rpartition("-")[2] for one in (first, second, third)] == ["1", "2", "1"]
    second.close()
    third.close()


def test_a_worker_without_a_place_for_its_journal_does_not_start(settings, tmp_path):
    (tmp_path / "file").touch()
    settings.GUESTLIST_JOURNAL_DIR = tmp_path / "file"

    with pytest.raises(ImproperlyConfigured, match="GUESTLIST_JOURNAL_DIR"):
        loop.taken_journal()


def test_a_worker_does_not_start_when_every_journal_is_taken(settings, tmp_path, monkeypatch):
    settings.GUESTLIST_JOURNAL_DIR = tmp_path
    monkeypatch.setattr(journal, "_MOST_WORKERS", 2)
    held = [loop.taken_journal() for _ in range(2)]

    with pytest.raises(ImproperlyConfigured, match="256 workers"):
        loop.taken_journal()
    for one in held:
        one.close()
