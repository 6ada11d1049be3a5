"""What the settings make of the environment."""

import os

import pytest
from django.db import connection

from guestlist import settings

LIMITS = {
    "connect_timeout": 10,
    "tcp_user_timeout": 30_000,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
}


def test_a_postgresql_server_has_limited_time_when_the_url_sets_none():
    assert settings._database("postgresql://db.example/shop")["OPTIONS"] == LIMITS


def test_limits_are_the_urls_when_it_sets_them():
    database = settings._database("postgresql:///shop?host=/run/db&connect_timeout=3&sslmode=require")

    assert database["HOST"] == "/run/db"
    assert database["OPTIONS"] == LIMITS | {"connect_timeout": "3", "sslmode": "require"}


def test_sqlite_gets_no_limits_of_a_network():
    assert not LIMITS.keys() & settings._database("")["OPTIONS"].keys()


@pytest.mark.skipif(not os.environ.get("DATABASE_URL"), reason="SQLite has no connections")
@pytest.mark.django_db
def test_connections_are_made_with_the_limits():
    connection.ensure_connection()

    kept = connection.connection.info.get_parameters()

    assert {name: kept.get(name) for name in LIMITS} == {name: str(value) for name, value in LIMITS.items()}
