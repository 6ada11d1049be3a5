"""What holds for every test: no network, derandomized hypothesis, which tests a second database needs."""

import ipaddress
import os
import socket
import sys
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.cache import cache
from django.db.backends.base.base import BaseDatabaseWrapper
from django.test import TransactionTestCase
from hypothesis import HealthCheck, settings

settings.register_profile(
    "ci",
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
)
settings.register_profile("long", settings.get_profile("ci"), derandomize=False, max_examples=2_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def pytest_configure() -> None:
    """Hash passwords in no time; Argon2 takes as long as it should, hundreds of times."""
    django_settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def _nobody_tried_before() -> None:
    """Forget how often this machine signed in or registered: one test must not use up what another may do."""
    cache.clear()


@pytest.fixture(autouse=True)
def _connections_are_those_of_database_tests(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refuse a test without a database to look after its process's connections.

    It would pass where no earlier test of the process left one open, and fail where one did: by chance.
    """
    if not _touches_database(request.node):
        monkeypatch.setattr(BaseDatabaseWrapper, "close_if_unusable_or_obsolete", _refuse_connections)


def _refuse_connections(_connection: BaseDatabaseWrapper) -> None:
    message = "This looks after the process's connections, which another test may have left open: mark it django_db."
    raise RuntimeError(message)


_DATABASE_FIXTURES = {"db", "transactional_db", "django_db_reset_sequences", "live_server", "django_db_setup"}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option with which `./guestlist test` runs the tests on a second database."""
    parser.addoption("--database-only", action="store_true", help="only the tests that touch the database")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what touches no database when only the others are asked for."""
    if not config.getoption("--database-only"):
        return
    chosen = [item for item in items if _touches_database(item)]
    config.hook.pytest_deselected(items=[item for item in items if not _touches_database(item)])
    items[:] = chosen


def _touches_database(item: pytest.Item) -> bool:
    cls = getattr(item, "cls", None)
    return (
        item.get_closest_marker("django_db") is not None
        or not _DATABASE_FIXTURES.isdisjoint(getattr(item, "fixturenames", ()))
        or (cls is not None and issubclass(cls, TransactionTestCase))
    )


class NetworkRefusedError(Exception):
    """A test tried to reach another machine."""


def _refuse_network(event: str, arguments: tuple[Any, ...]) -> None:
    if event in {"socket.connect", "socket.sendto", "socket.sendmsg"}:
        connection, address = arguments
        if connection.family not in {socket.AF_INET, socket.AF_INET6} or address is None:
            return
        host = address[0]
    elif event in {"socket.getaddrinfo", "socket.gethostbyname"}:
        host = arguments[0]
    else:
        return
    if not _is_this_machine(host):
        message = f"Tests reach no other machine; this one asked for {host}."
        raise NetworkRefusedError(message)


def _is_this_machine(host: str | bytes | None) -> bool:
    name = host.decode("ascii", "replace") if isinstance(host, bytes) else host
    if not name or name == "localhost" or name.endswith(".localhost") or name == socket.gethostname():
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


# An audit hook sees every socket of the process, also one made before a fixture could replace a function.
sys.addaudithook(_refuse_network)
