"""The rules of the test-suite itself."""

import os
import socket

import pytest
from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.db import connection

from tests import races
from tests.conftest import NetworkRefusedError


@pytest.mark.parametrize("host", ["192.0.2.1", "mail.example.com", "2001:db8::1"])
def test_connecting_is_refused_when_the_host_is_another_machine(host: str) -> None:
    with pytest.raises(NetworkRefusedError):
        socket.create_connection((host, 25), timeout=1)


def test_connecting_works_when_the_host_is_loopback() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), timeout=5).close()


@pytest.mark.django_db
def test_database_is_the_one_that_the_run_asked_for() -> None:
    assert connection.vendor == ("postgresql" if os.environ.get("DATABASE_URL") else "sqlite")


@pytest.mark.django_db(transaction=True)
def test_threads_share_the_database_when_they_race() -> None:
    def found_or_made() -> bool:
        return ContentType.objects.get_or_create(app_label="races", model="race")[1]

    made = races.together(*[found_or_made] * 8)

    assert sorted(made, key=str) == [False] * 7 + [True]


def test_data_folder_is_temporary() -> None:
    assert "guestlist-test-" in str(settings.DATA)
