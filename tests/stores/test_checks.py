"""What `guestlist check --deploy` finds in the installation and its store views."""

import pytest
from django.core import checks
from django.core.management import call_command
from django.db import OperationalError

from guestlist.stores import schema
from guestlist.stores.models import StoreView, Website
from tests import make

SOUND = {
    "DEMO": False,
    "DEBUG": False,
    "HTTPS": True,
    "BEHIND_PROXY": True,
    "ALLOWED_HOSTS": ["shop.example"],
    "SECRET_KEY": "0123456789abcdef" * 4,
    "GUESTLIST_ADDRESS_KEY": b"0123456789abcdef" * 4,
    "WHITENOISE_USE_FINDERS": True,
}


@pytest.fixture
def sound(settings):
    for name, value in SOUND.items():
        setattr(settings, name, value)
    make.store_view(host="shop.example")
    StoreView.objects.update(
        base_url="https://shop.example",
        legal_name="Shop Ltd",
        postal_address="1 Street, Town",
        privacy_url="/privacy",
    )
    return settings


def found():
    """Return what the checks of this package say at a deployment; which speaks first is left to chance."""
    return [
        one.msg
        for one in checks.run_checks(include_deployment_checks=True)
        if str(one.id).startswith("guestlist_stores.")
    ]


@pytest.mark.django_db
def test_sound_installation_has_nothing_to_mend(sound):
    assert found() == []


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("DEMO", True, "GUESTLIST_DEMO is on"),
        ("DEBUG", True, "GUESTLIST_DEBUG is on"),
        ("HTTPS", False, "GUESTLIST_HTTPS is off"),
        ("BEHIND_PROXY", False, "GUESTLIST_BEHIND_PROXY is off"),
        ("ALLOWED_HOSTS", ["*"], "GUESTLIST_HOSTS lets every host in"),
        ("SECRET_KEY", "secret", "GUESTLIST_SECRET_KEY can be guessed"),
        ("GUESTLIST_ADDRESS_KEY", b"a" * 64, "GUESTLIST_ADDRESS_KEY can be guessed"),
    ],
)
def test_variable_that_is_unsafe_is_named(name, value, words, sound):
    setattr(sound, name, value)

    [message] = found()

    assert message.startswith(words)


@pytest.mark.django_db
def test_static_files_that_are_not_collected_are_told_of(sound, tmp_path):
    sound.WHITENOISE_USE_FINDERS = False
    sound.STATIC_ROOT = tmp_path

    assert ["collectstatic" in message for message in found()] == [True]
    (tmp_path / "staticfiles.json").touch()
    assert found() == []


@pytest.mark.django_db
def test_hosts_that_nobody_set_are_told_of_with_the_store_views_they_leave_out(sound):
    sound.ALLOWED_HOSTS = ["127.0.0.1", "localhost"]

    general, view = sorted(found())

    assert general.startswith("GUESTLIST_HOSTS names this machine alone")
    assert "GUESTLIST_HOSTS does not name shop.example" in view


@pytest.mark.django_db
def test_store_view_without_https_and_company_says_what_is_missing(sound):
    StoreView.objects.update(base_url="http://shop.example", legal_name=" ", privacy_url="")

    plain, company = found()

    assert "http://shop.example is not https" in plain
    assert "lacks its legal name, privacy page" in company


@pytest.mark.django_db
def test_installation_without_store_view_says_so(sound):
    Website.objects.update(default_store_view=None)
    StoreView.objects.all().delete()

    assert [message.startswith("There is no store view") for message in found()] == [True]


@pytest.mark.django_db
def test_database_that_is_away_or_without_tables_is_told_of(sound, monkeypatch):
    def away():
        raise OperationalError("connection refused\n\tIs it running?")

    monkeypatch.setattr(schema, "is_current", away)
    assert found() == ["The database cannot be used: connection refused Is it running? Look at DATABASE_URL."]

    monkeypatch.setattr(schema, "is_current", lambda: False)
    [outdated] = found()
    assert "run guestlist migrate" in outdated


@pytest.mark.django_db(transaction=True)
def test_tables_are_current_only_while_every_migration_is_applied():
    assert schema.is_current()
    try:
        call_command("migrate", "sessions", "zero", verbosity=0)
        assert not schema.is_current()
    finally:
        call_command("migrate", "sessions", verbosity=0)
    assert schema.is_current()


@pytest.mark.django_db
def test_check_that_is_no_deployments_asks_no_database(sound, django_assert_num_queries):
    with django_assert_num_queries(0):
        checks.run_checks()
