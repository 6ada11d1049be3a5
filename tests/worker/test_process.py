"""The worker as operators run it: a process of its own, a real mail server, a signal to end it."""

import os
import signal
import subprocess
import sys
import time

import pytest

from tests.mail import mailserver, scriptedserver

_PREPARE = """
import django; django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from django.utils import timezone
from guestlist.customers.models import User
from guestlist.mail import accounts
from tests.mail.outbox import make_shop
shop = make_shop()
for n in range(30):
    user = User.objects.create(email=f"friend{n}@friend.example")
    accounts.queue(accounts.EXISTS, user=user, store_view=shop, now=timezone.now())
"""
_STATES = """
import django; django.setup()
from guestlist.mail.models import Message
print(sorted(set(Message.objects.values_list("state", "worker"))))
"""


@pytest.fixture
def environment(tmp_path):
    kept = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    return kept | {
        "GUESTLIST_DATA": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "guestlist.settings",
        "PYTHONPATH": os.pathsep.join(["src", "."]),
    }


def test_the_worker_sends_what_waits_and_ends_when_told(environment):
    subprocess.run([sys.executable, "-c", _PREPARE], env=environment, check=True)
    with mailserver.running(mailserver.MailServer()) as server:
        environment["GUESTLIST_SMTP_URL"] = f"smtp://127.0.0.1:{server.port}?ehlo=shop.example"
        worker = subprocess.Popen(
            [sys.executable, "-m", "guestlist", "worker"], env=environment, stderr=subprocess.PIPE, text=True
        )
        try:
            until = time.monotonic() + 60
            while len(server.mails) < 30 and worker.poll() is None and time.monotonic() < until:
                time.sleep(0.1)
        finally:
            worker.send_signal(signal.SIGTERM)
            log = worker.communicate(timeout=30)[1]

    assert worker.returncode == 0, log
    assert {envelope.rcpt_tos[0] for envelope, _mail in server.mails} == {
        f"friend{n}@friend.example" for n in range(30)
    }
    assert len(server.mails) == 30
    assert "worker stopped" in log
    assert "@friend.example" not in log
    states = subprocess.run(
        [sys.executable, "-c", _STATES], env=environment, check=True, capture_output=True, text=True
    )
    assert states.stdout.strip() == "[('sent', '')]"


@pytest.mark.requirement("delivery-when-killed")
def test_a_worker_that_is_killed_loses_nothing_and_doubles_only_what_was_in_flight(environment):
    connections = 4
    prepare = _PREPARE.replace("range(30)", "range(400)")
    subprocess.run([sys.executable, "-c", prepare], env=environment, check=True)

    def script(stage, _line, _call):
        if stage == "dot":
            time.sleep(0.005)  # so that there is something in flight

    def start():
        return subprocess.Popen([sys.executable, "-m", "guestlist", "worker"], env=environment)

    def wait(count, worker):
        until = time.monotonic() + 60
        while len(server.mails) < count and worker.poll() is None and time.monotonic() < until:
            time.sleep(0.01)

    with scriptedserver.running(script) as server:
        settings = f"ehlo=shop.example&connections={connections}"
        environment["GUESTLIST_SMTP_URL"] = f"smtp://127.0.0.1:{server.port}?{settings}"
        for count in (60, 180):
            killed = start()
            wait(count, killed)
            killed.kill()
            killed.wait()
        last = start()
        try:
            wait(400, last)
            time.sleep(0.3)
        finally:
            last.send_signal(signal.SIGTERM)
            last.wait(30)

    copies = server.copies()
    assert len(copies) == 400
    assert sum(copies.values()) - 400 <= 2 * connections
    assert max(copies.values()) <= 3
    states = subprocess.run(
        [sys.executable, "-c", _STATES], env=environment, check=True, capture_output=True, text=True
    )
    assert states.stdout.strip() == "[('sent', '')]"
