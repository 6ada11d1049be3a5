"""One mail from a mail server's pipe: what its exit status says, and what is written down."""

import io
import os
import subprocess
import sys

import pytest
from django.test import override_settings

from guestlist.invitations.models import Invitation
from guestlist.mail import returnpath
from guestlist.mail.models import Message, MessageState, Suppression
from guestlist.worker import bounces
from tests import make
from tests.mail import comeback
from tests.mail.comeback import failed

RETURN_PATH = "bounces@bounces.shop.example"


@pytest.fixture
def _configured(settings) -> None:
    settings.GUESTLIST_RETURN_PATH = RETURN_PATH


def bounce_of(mail_id: int | None) -> bytes:
    assert mail_id is not None
    return comeback.dsn(returnpath.address_for(message_id=mail_id), failed("5.1.1", "smtp; 550 5.1.1 gone"))


@pytest.mark.django_db
@pytest.mark.usefixtures("_configured")
@pytest.mark.requirement("trust-18")
def test_a_bounce_ends_its_invitation_and_suppresses_the_address():
    one = make.sent_invitation()

    assert bounces.main(io.BytesIO(bounce_of(one.mail_id))) == 0

    one.refresh_from_db()
    assert (one.status, one.reason, one.delivery) == ("discarded", "bounced", "bounced")
    assert Suppression.objects.get().reason == "bounce"


@pytest.mark.django_db
@pytest.mark.usefixtures("_configured")
def test_a_bounce_that_comes_too_early_is_kept_by_the_mail_server():
    one = make.sent_invitation()
    Message.objects.update(state=MessageState.LEASED)

    assert bounces.main(io.BytesIO(bounce_of(one.mail_id))) == 75

    assert Invitation.objects.get().status == "sent"


@pytest.mark.django_db
@pytest.mark.parametrize(
    "raw", [b"", comeback.mail("To: people@shop.example", "Lunch?"), b"\xff" * 1_000_000]
)
def test_what_is_not_ours_is_read_to_its_end_and_done_with(raw):
    mail = io.BytesIO(raw)

    assert bounces.main(mail) == 0
    assert mail.read() == b""


# --- As a process -------------------------------------------------------------------------------------------------------

_PREPARE = """
import django; django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from guestlist.mail import returnpath
from tests import make
print(returnpath.address_for(message_id=make.sent_invitation().mail_id))
"""
_STATE = """
import django; django.setup()
from guestlist.invitations.models import Invitation
from guestlist.mail.models import Suppression
print(Invitation.objects.get().reason, *Suppression.objects.values_list("reason", flat=True))
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    kept = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    return kept | {
        "GUESTLIST_DATA": str(tmp_path_factory.mktemp("pipe")),
        "GUESTLIST_RETURN_PATH": RETURN_PATH,
        "DJANGO_SETTINGS_MODULE": "guestlist.settings",
        "PYTHONPATH": os.pathsep.join(["src", "."]),
    }


def python(environment: dict[str, str], script: str) -> str:
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def pipe(environment: dict[str, str], raw: bytes) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        [sys.executable, "-m", "guestlist", "bounces"], env=environment, input=raw, capture_output=True
    )


def test_a_real_pipe(environment):
    return_path = python(environment, _PREPARE)
    raw = comeback.sample(comeback.POSTFIX, return_path)
    forged = raw.replace(return_path.encode(), b"bounces+" + b"0" * 38 + b"@bounces.shop.example")

    for useless in (forged, comeback.sample(comeback.AUTOMATIC, return_path), b"x" * 3_000_000):
        done = pipe(environment, useless)
        assert (done.returncode, done.stdout) == (0, b""), done.stderr
    assert python(environment, _STATE) == "handed_over"

    for _twice in range(2):
        done = pipe(environment, raw)
        assert (done.returncode, done.stdout) == (0, b""), done.stderr
        assert b"friend@friend.example" not in done.stderr
    assert python(environment, _STATE) == "bounced bounce"


@pytest.mark.parametrize(
    "change",
    [
        {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing"},
        {"GUESTLIST_RETURN_PATH": "nonsense"},
        {"GUESTLIST_SECRET_KEY_FILE": "/nonexistent"},
    ],
    ids=["no-database", "wrong-setting", "no-secret"],
)
def test_the_mail_server_keeps_the_mail_when_it_cannot_be_written_down(environment, change):
    with override_settings(GUESTLIST_RETURN_PATH=RETURN_PATH, GUESTLIST_ADDRESS_KEY=b"0" * 64):
        raw = bounce_of(1)

    done = pipe(environment | {"GUESTLIST_ADDRESS_KEY": "0" * 64} | change, raw)

    assert (done.returncode, done.stdout) == (75, b"")
