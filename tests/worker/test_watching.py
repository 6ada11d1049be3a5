"""`guestlist send`: what is drawn, when it ends, and what its switches do."""

import datetime
import io
import logging
import os
import pwd
import signal
import subprocess
import sys
import time

import pytest
from django.db import connection
from django.utils import timezone

from guestlist.mail import sends
from guestlist.mail.config import Delivery
from guestlist.mail.counting import Ledger
from guestlist.mail.models import Measure, Send, SenderIdentity, SendOrigin
from guestlist.mail.waits import Reason, Wait
from guestlist.stores import actions as stores
from guestlist.stores import config
from guestlist.stores.actors import SYSTEM
from guestlist.worker import watching
from tests.mail.outbox import make_shop, queue


class Terminal(io.StringIO):
    """An output that says it is one."""

    encoding = "utf-8"

    def isatty(self):
        return True


class Plain(io.StringIO):
    """A file or a pipe that takes ASCII alone."""

    encoding = "ascii"


@pytest.fixture
def shop(db):
    for name, value in (("send_from", 0), ("send_until", 24)):
        stores.override(
            section=Delivery,
            name=name,
            value=value,
            place=config.DEFAULT,
            actor=SYSTEM,
            now=timezone.now(),
        )
    return make_shop()


def opened(shop, **counts: int) -> Send:
    now = timezone.now()
    send = sends.open_send(
        store_view=shop,
        sender=SenderIdentity.objects.get(website=shop.website),
        origin=SendOrigin.STAFF,
        created_by_id=None,
        ready_at=now,
        late_after_hours=24,
        now=now,
    )
    for measure, amount in counts.items():
        add(send, Measure(measure), amount)
    return send


def add(send: Send, measure: Measure, amount: int) -> None:
    ledger = Ledger()
    ledger.add(sender_id=send.sender_id or 0, send_id=send.pk, measure=measure, amount=amount)
    ledger.write(now=timezone.now() - datetime.timedelta(hours=1))


def do(action: str, send_id: int | None = None, *, out: io.StringIO | None = None, **more) -> tuple[int, str]:
    out = out or Plain()
    status = watching.main(action=action, send_id=send_id, out=out, **more)
    return status, out.getvalue()


def test_sends_under_way_are_listed_and_no_others(shop):
    assert do("list") == (0, "No send is under way.\n")

    going = opened(shop, queued=750, handed_over=200, bounced=50)
    over = opened(shop, handed_over=3)
    Send.objects.filter(pk=over.pk).update(finished_at=timezone.now())

    status, said = do("list")

    assert status == 0
    assert said.startswith(f"Send {going.pk}  Being sent  ##########..............................")
    assert " 25 %  250 of 1,000  50 bounced\n" in said
    assert f"Send {over.pk} " not in said


def test_rate_and_time_left_are_drawn_when_they_are_known(shop):
    one = sends.Progress(
        opened(shop),
        sends.Status.RUNNING,
        dict.fromkeys(sends.SHOWN, 0) | {Measure.QUEUED: 12_600, Measure.HANDED_OVER: 2_400},
        per_second=42.0,
    )

    (line,) = watching.lines([one], width=100)

    assert line.endswith("  16 %  2,400 of 15,000  42/s  5:00 left")
    assert "█░" in line


@pytest.mark.parametrize("width", [1, 20, 40, 79, 300])
def test_lines_fit_the_terminal(shop, width):
    shown = [
        sends.Progress(
            Send(pk=pk),
            sends.Status.STOPPING,
            dict.fromkeys(sends.SHOWN, 123_456),
            per_second=0.2,
            wait=Wait(Reason.AGAIN, timezone.now()),
        )
        for pk in (1, 10_000_000)
    ]

    lines = watching.lines(shown, width=width)

    assert all(len(line) <= width for line in lines)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.2, "0:01"), (42, "0:42"), (185, "3:05"), (4_800, "1:20:00"), (90_061, "25:01:01")],
)
def test_time_left_reads_as_a_clock(seconds, said):
    assert watching.clock(seconds) == said


def test_terminal_is_drawn_over_until_the_send_ends(shop):
    send = opened(shop, queued=10)
    looks: list[float] = []

    def wait(seconds: float) -> None:
        looks.append(seconds)
        add(send, Measure.QUEUED, -5)
        add(send, Measure.HANDED_OVER, 5)
        if len(looks) == 2:
            Send.objects.update(finished_at=timezone.now())

    status, said = do("watch", send.pk, out=Terminal(), wait=wait)

    assert status == 0
    assert looks == [watching.LOOK_EVERY] * 2
    drawn = said.split("\x1b[1A")
    assert ["  0 %" in drawn[0], " 50 %" in drawn[1], "100 %" in drawn[2]] == [True] * 3
    assert "Finished" in drawn[2]
    assert "█" in said
    assert all(one.endswith("\x1b[K\n") for one in drawn)


def test_terminal_keeps_nothing_of_a_wait_that_is_over(shop):
    send = opened(shop, queued=10)
    SenderIdentity.objects.update(held_at=timezone.now())

    def wait(_seconds: float) -> None:
        Send.objects.update(finished_at=timezone.now())

    said = do("watch", send.pk, out=Terminal(), wait=wait)[1]

    first, second = said.split("\x1b[2A")
    assert "Waits for its sender\x1b[K\n" in first
    assert second.startswith("\x1b[J\rSend ")


def test_file_gets_a_line_when_something_changed(shop):
    send = opened(shop, queued=10)
    looks: list[float] = []

    def wait(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) == 3:
            Send.objects.update(stopped_at=timezone.now(), finished_at=timezone.now())

    status, said = do("watch", wait=wait)

    assert status == 0
    assert looks == [watching.TELL_EVERY] * 3
    assert [line.split()[2] for line in said.splitlines()] == ["Being", "Stopped"]
    assert f"Send {send.pk} " in said
    assert "\x1b" not in said


def test_watching_is_left_by_an_interrupt_and_the_send_goes_on(shop):
    send = opened(shop, queued=10)

    def interrupted(_seconds: float) -> None:
        raise KeyboardInterrupt

    status, said = do("watch", send.pk, wait=interrupted)

    assert status == 0
    assert "it goes on by itself" in said
    send.refresh_from_db()
    assert (send.paused_at, send.stopped_at) == (None, None)


@pytest.mark.django_db(transaction=True)
def test_database_that_was_away_is_asked_again(shop):
    send = opened(shop, queued=10)
    looks: list[float] = []

    def wait(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) == 1:
            assert connection.connection is not None
            connection.connection.close()
        else:
            Send.objects.update(finished_at=timezone.now())

    status, said = do("watch", send.pk, wait=wait)

    assert (status, len(looks)) == (0, 2)
    assert "Finished" in said


def test_send_is_paused_resumed_and_stopped(shop, capsys):
    send = opened(shop, queued=8, handed_over=2)

    status, said = do("pause", send.pk)
    assert (status, said.splitlines()[0]) == (0, f"Send {send.pk} is paused.")
    assert "Paused" in said
    assert do("pause", send.pk)[1].startswith(f"Send {send.pk} was paused already; nothing was changed.\n")
    assert do("resume", send.pk)[1].startswith(f"Send {send.pk} goes on.\n")
    assert do("resume", send.pk)[1].startswith(f"Send {send.pk} was not paused; nothing was changed.\n")

    status, said = do("stop", send.pk, yes=True)
    assert (status, said.splitlines()[0]) == (
        0,
        f"Send {send.pk} is stopped: nothing more of it leaves, and what had not left is being withdrawn.",
    )
    assert "Being stopped" in said
    assert "2 handed over, 8 being withdrawn" in said
    assert "%" not in said
    assert do("stop", send.pk)[1].startswith(f"Send {send.pk} was stopped already; nothing was changed.\n")

    assert do("resume", send.pk) == (1, "")
    assert "This send is over already" in capsys.readouterr().err


def test_log_names_who_gave_the_command(shop, caplog):
    caplog.set_level(logging.INFO, "guestlist.mail.sends")
    send = opened(shop, queued=8)

    do("pause", send.pk)

    user = pwd.getpwuid(os.getuid()).pw_name
    assert caplog.messages[0].endswith(f"actor=command:{user}")


def test_what_a_send_waits_for_is_told_below_it(shop):
    send = opened(shop, queued=8)
    queue(shop, range(8), send=send, now=timezone.now())
    SenderIdentity.objects.update(held_at=timezone.now())

    status, said = do("list")

    assert status == 0
    assert [line.split("  ")[1] for line in said.splitlines()] == ["Waiting", "Waits for its sender"]


@pytest.mark.parametrize(
    ("answer", "stopped"), [("y\n", True), ("Yes\n", True), ("\n", False), ("n\n", False), ("", False)]
)
def test_stopping_asks_first(shop, monkeypatch, answer, stopped):
    send = opened(shop, queued=1_498, handed_over=2)
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))

    status, said = do("stop", send.pk)

    assert "1,498 of 1,500 mails" in said
    send.refresh_from_db()
    assert (send.stopped_at is not None, status) == (stopped, 0 if stopped else 1)


@pytest.mark.parametrize("action", ["watch", "pause", "resume", "stop"])
@pytest.mark.parametrize("number", [999, -1, 10**20])
def test_unknown_send_is_told(shop, capsys, action, number):
    assert do(action, number)[0] == 1
    assert f"There is no send {number}." in capsys.readouterr().err


_PREPARE = """
import django; django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from django.utils import timezone
from guestlist.mail import sends
from guestlist.mail.models import SenderIdentity
from tests.mail.outbox import make_shop, queue
shop, now = make_shop(), timezone.now()
send = sends.open_send(store_view=shop, sender=SenderIdentity.objects.get(), origin="staff", created_by_id=None,
    ready_at=now, late_after_hours=24, now=now)
queue(shop, range(5), send=send, ready_at=now)
"""


def test_command_draws_until_it_is_interrupted(tmp_path):
    kept = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    environment = kept | {
        "GUESTLIST_DATA": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "guestlist.settings",
        "PYTHONPATH": os.pathsep.join(["src", "."]),
        "PYTHONIOENCODING": "utf-8",
    }
    subprocess.run([sys.executable, "-c", _PREPARE], env=environment, check=True)
    command = [sys.executable, "-m", "guestlist", "send"]

    def ran(*arguments: str) -> str:
        done = subprocess.run(
            [*command, *arguments], env=environment, check=True, capture_output=True, text=True
        )
        return done.stdout

    assert "0 of 5" in ran()
    assert ran("--pause", "1").startswith("Send 1 is paused.\n")
    watched = subprocess.Popen([*command, "--watch", "1"], env=environment, stdout=subprocess.PIPE, text=True)
    assert watched.stdout is not None
    first = watched.stdout.readline()
    time.sleep(0.2)  # past the write, into the waiting
    watched.send_signal(signal.SIGINT)
    rest = watched.communicate(timeout=30)[0]
    assert "Paused" in first
    assert "it goes on by itself" in rest
    assert watched.returncode == 0
    assert ran("--stop", "1", "--yes").startswith("Send 1 is stopped: ")
