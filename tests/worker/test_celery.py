"""The jobs on Celery: nodes and a broker that come and go, real ones; no mail is lost, none goes twice without need."""

import asyncio
import collections
import contextlib
import importlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.utils import timezone

from guestlist.customers.models import User
from guestlist.invitations.config import Invitations
from guestlist.mail.models import Message, MessageState
from guestlist.stores import actions as stores
from guestlist.stores import config
from guestlist.stores.actors import SYSTEM
from guestlist.worker import jobs
from tests.mail import mailserver
from tests.mail.outbox import Basket, make_shop, queue

CONNECTIONS = 4
BATCH = 20
_PATIENCE = 60


class SlowServer(mailserver.MailServer):
    """Takes its time for each mail, and counts what it took by node and by recipient."""

    def __init__(self):
        super().__init__()
        self.copies: collections.Counter[str] = collections.Counter()
        self.nodes: collections.Counter[str] = collections.Counter()

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        await asyncio.sleep(0.03)
        self.copies[envelope.rcpt_tos[0]] += 1
        self.nodes[session.host_name.partition(".")[0]] += 1
        return "250 2.0.0 Queued"


class Broker:
    """A Redis of the test's own, which forgets all when it ends."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = mailserver._free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self):
        program = shutil.which("redis-server")
        if program is None:
            pytest.fail("A broker is missing here: sudo apt-get install redis-server", pytrace=False)
        command = [
            program,
            "--port",
            str(self.port),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
        ]
        self.process = subprocess.Popen(command, cwd=self.folder, stdout=subprocess.DEVNULL)
        eventually(self._answers)

    def stop(self):
        if self.process is not None:
            self.process.terminate()
            self.process.wait(timeout=20)
            self.process = None

    def _answers(self):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True
        return False


class Cluster:
    """Nodes and beat, each a process with its children; what they log goes to a file that a failure shows."""

    def __init__(self, folder: Path, broker: Broker, server: SlowServer) -> None:
        self.folder = folder
        self.server = server
        self.processes: list[subprocess.Popen[bytes]] = []
        self.environment = database_environment(folder) | {
            "GUESTLIST_BROKER_URL": broker.url,
            "PYTHONPATH": os.pathsep.join([str(Path("src").resolve()), str(Path.cwd())]),
        }

    def start(self, name: str, *command: str) -> subprocess.Popen[bytes]:
        own = {
            "GUESTLIST_WORKER": name,
            "GUESTLIST_SMTP_URL": f"smtp://127.0.0.1:{self.server.port}?ehlo={name}.shop.example"
            f"&connections={CONNECTIONS}",
        }
        with (self.folder / f"{name}.log").open("a") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "guestlist", "celery", *command],
                env=self.environment | own,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def node(self, name: str) -> subprocess.Popen[bytes]:
        quiet = ("--without-gossip", "--without-mingle", "--without-heartbeat")
        return self.start(name, "worker", "-n", f"{name}@test", "--concurrency", "2", *quiet)

    def logs(self) -> str:
        return "\n".join(f"=== {file.name}\n{file.read_text()}" for file in sorted(self.folder.glob("*.log")))


def database_environment(folder: Path) -> dict[str, str]:
    """Return an environment in which other processes use this test's own database."""
    kept = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    kept |= {"GUESTLIST_DATA": str(folder), "DJANGO_SETTINGS_MODULE": "guestlist.settings"}
    database = connection.settings_dict
    if connection.vendor == "sqlite":
        (folder / "guestlist.sqlite3").symlink_to(database["NAME"])
        return kept
    user, password = quote(database["USER"]), quote(database["PASSWORD"])
    place = urlencode({"host": database["HOST"], "port": database["PORT"]})
    return kept | {"DATABASE_URL": f"postgresql://{user}:{password}@/{database['NAME']}?{place}"}


def kill(process):
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=20)


def eventually(happened):
    until = time.monotonic() + _PATIENCE
    while not happened():
        assert time.monotonic() < until, "This did not happen in time."
        time.sleep(0.05)


def in_state(*states):
    return Message.objects.filter(state__in=states).count()


def all_are_sent():
    return in_state(MessageState.SENT) == User.objects.count()


def is_busy(node, server, shop):
    """Tell whether a node has just handed mail over and holds more; gives all nodes more to do when they are through."""
    if all_are_sent():
        make_mails(shop, 100)
    held = Message.objects.filter(state=MessageState.LEASED, worker__startswith=f"{node}-").count()
    return held >= 10 and server.nodes[node] >= 10


@pytest.fixture
def cluster(transactional_db, tmp_path):
    broker = Broker(tmp_path)
    broker.start()
    with mailserver.running(SlowServer()) as server:
        made = Cluster(tmp_path, broker, server)
        try:
            yield made, broker, server
        finally:
            for process in made.processes:
                kill(process)
            broker.stop()
            print(made.logs())  # shown when the test failed


def make_mails(shop, count):
    """Queue a mail for each of so many new friends."""
    before = User.objects.count()
    users = User.objects.bulk_create(User(email=f"friend{before + n}@friend.example") for n in range(count))
    subjects = range(users[0].pk, users[-1].pk + 1)
    queue(shop, subjects, kind="account_exists", template="account_exists", now=timezone.now())


@pytest.fixture
def nodes(settings):
    """Give the module as a node with a broker has it."""
    settings.GUESTLIST_BROKER_URL = "memory://"
    return importlib.import_module("guestlist.worker.celery")


def test_every_job_has_a_task_a_queue_and_a_turn(nodes):
    expected = {job.name: job.every for job in jobs.all_jobs(transport=Basket(), worker="one")}

    schedule = nodes.app.conf.beat_schedule
    assert {name: entry["schedule"] for name, entry in schedule.items()} == expected
    assert {f"guestlist.{name}" for name in expected} <= set(nodes.app.tasks)
    assert [entry["task"] for entry in schedule.values()] == [q.name for q in nodes.app.conf.task_queues]


def test_beat_says_nothing_again_while_it_was_not_heard(nodes):
    beat = nodes.Scheduler(nodes.app)
    queue = nodes.app.amqp.queues["guestlist.sends"](beat.connection.default_channel)

    for _ in range(3):
        beat.apply_entry(beat.schedule["sends"], producer=beat.producer)
    waiting = queue.queue_declare().message_count
    queue.get(no_ack=True)
    beat.apply_entry(beat.schedule["sends"], producer=beat.producer)

    assert waiting == 1
    assert queue.purge() == 1


@pytest.mark.django_db  # looks after the process's connections, which another test may have left open
def test_a_node_without_a_mail_server_leaves_mail_alone(nodes, settings):
    settings.GUESTLIST_SMTP_URL = ""

    station = nodes.Station()
    station.do("delivery")
    station.close()

    assert station.journal is None


@pytest.mark.django_db  # looks after the process's connections, which another test may have left open
def test_a_job_that_failed_waits_in_its_process(nodes):
    tried = []

    def fail(_stopping):
        tried.append(1)
        raise ZeroDivisionError

    station = nodes.Station()
    station.turns["sends"] = nodes.Turn(jobs.Job("sends", 1, fail))
    station.do("sends")
    station.do("sends")

    assert len(tried) == 1


@pytest.mark.django_db  # looks after the process's connections, which another test may have left open
def test_a_job_goes_on_while_it_has_more(nodes):
    left = [3]

    def work(_stopping):
        left[0] -= 1
        return left[0] > 0

    station = nodes.Station()
    station.turns["figures"] = nodes.Turn(jobs.Job("figures", 5, work))
    station.do("figures")

    assert left == [0]


def test_celery_is_refused_without_a_broker(nodes):
    with pytest.raises(ImproperlyConfigured, match="GUESTLIST_BROKER_URL is not set"):
        nodes.made("")


def test_the_command_says_what_to_install_when_celery_is_missing():
    code = (
        "import sys; sys.modules['celery'] = None; from guestlist import cli; cli.main(['celery', 'worker'])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": "src"}, capture_output=True, text=True
    )

    assert ended.returncode == 1
    assert "pip install '.[celery]'" in ended.stderr


def test_nothing_is_lost_when_the_broker_and_a_node_are(cluster):
    cluster, broker, server = cluster
    shop = make_shop()
    stores.override(
        section=Invitations,
        name="batch_size",
        value=BATCH,
        place=config.Place(website_id=shop.website_id),
        actor=SYSTEM,
        now=timezone.now(),
    )
    one, two, beat = cluster.node("one"), cluster.node("two"), cluster.start("beat", "beat")
    make_mails(shop, 60)

    eventually(all_are_sent)
    assert set(server.copies.values()) == {1}

    # A node is killed with mail in its hands; one of the same machine decides what became of it.
    server.nodes.clear()
    eventually(lambda: is_busy("one", server, shop))
    kill(one)
    one = cluster.node("one")
    eventually(all_are_sent)
    doubled = server.copies.total() - len(server.copies)
    assert len(server.copies) == User.objects.count()
    assert doubled <= 2 * CONNECTIONS  # its two processes had as many each

    # The broker is lost with all that it knew, and comes back.
    broker.stop()
    make_mails(shop, 40)
    broker.start()
    eventually(all_are_sent)
    assert server.copies.total() == User.objects.count() + doubled

    # Told to end, the nodes put back what they cannot finish.
    make_mails(shop, 200)
    before = in_state(MessageState.SENT)
    eventually(lambda: in_state(MessageState.SENT) > before)
    for process in (one, two, beat):
        process.terminate()
    assert [process.wait(timeout=_PATIENCE) for process in (one, two, beat)] == [0, 0, 0]
    assert in_state(MessageState.SENT, MessageState.READY) == User.objects.count()
    assert in_state(MessageState.SENT) == len(server.copies)
