"""What `guestlist check --deploy` finds in the settings of mail."""

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from django.core import checks

from guestlist.mail.models import SenderIdentity
from tests.mail import outbox


@pytest.fixture
def sound(settings, tmp_path):
    key = tmp_path / "key.pem"
    key.write_bytes(
        ed25519.Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    settings.GUESTLIST_SMTP_URL = "smtp://shop:secret@mail.example:587?starttls=1"
    settings.GUESTLIST_MAIL_API = settings.GUESTLIST_BOUNCE_MAILBOX = ""
    settings.GUESTLIST_DKIM = f"s1:shop.example:{key}"
    outbox.make_shop()
    return settings


def found():
    """Return what the checks of this package say at a deployment; which speaks first is left to chance."""
    return [
        one.msg
        for one in checks.run_checks(include_deployment_checks=True)
        if str(one.id).startswith("guestlist_mail.")
    ]


@pytest.mark.django_db
def test_sound_settings_have_nothing_to_mend(sound):
    assert found() == []


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "mail waits in the outbox"),
        ("mail.example:587", "GUESTLIST_SMTP_URL must look like"),
        ("smtp://mail.example?start_tls=1", "unknown setting: start_tls"),
        ("smtp://shop:secret@mail.example", "would send its password in the clear"),
        ("smtp://mail.example", "GUESTLIST_SMTP_URL is not encrypted"),
    ],
)
def test_way_to_the_mail_server_that_does_not_work_or_is_not_safe_is_told_of(url, words, sound):
    sound.GUESTLIST_SMTP_URL = url

    [message] = found()

    assert words in message
    assert "secret" not in message


@pytest.mark.django_db
@pytest.mark.parametrize("url", ["smtps://shop:secret@mail.example", "smtp://127.0.0.1:25"])
def test_mail_server_that_nobody_overhears_is_fine(url, sound):
    sound.GUESTLIST_SMTP_URL = url

    assert found() == []


@pytest.mark.django_db
def test_provider_is_tried_without_its_keys_and_signs_by_itself(sound):
    sound.GUESTLIST_SMTP_URL = sound.GUESTLIST_DKIM = ""
    sound.GUESTLIST_MAIL_API = "postmark"
    sound.ANYMAIL = {}
    assert ["POSTMARK_SERVER_TOKEN" in message for message in found()] == [True]

    sound.ANYMAIL = {"POSTMARK_SERVER_TOKEN": "token"}
    assert found() == []


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("GUESTLIST_BOUNCE_MAILBOX", "imap.example", "GUESTLIST_BOUNCE_MAILBOX must look like"),
        ("GUESTLIST_DKIM", "s1:shop.example:/nowhere.pem", "GUESTLIST_DKIM: the key /nowhere.pem"),
    ],
)
def test_setting_that_stops_the_worker_is_told_of(name, value, words, sound):
    setattr(sound, name, value)

    [message] = found()

    assert message.startswith(words)
    assert message.endswith("The worker does not start like this.")


@pytest.mark.django_db
def test_each_sender_that_nobody_signs_for_is_told_of_once(sound):
    shop = outbox.make_shop("outlet")
    SenderIdentity.objects.filter(website=shop.website).update(address="hello@outlet.example")

    [message] = found()

    assert message.startswith("GUESTLIST_DKIM has no key for mail from hello@outlet.example")


@pytest.mark.django_db
def test_shop_without_senders_is_told_of(sound):
    SenderIdentity.objects.all().delete()

    [message] = found()

    assert message.startswith("There is no sender")
