"""The rules of the test-suite itself."""

import os
import socket

import pytest
from django.conf import settings
from django.db import connection

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


def test_data_folder_is_temporary() -> None:
    assert "guestlist-test-" in str(settings.DATA)
