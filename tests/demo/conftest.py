"""The example shop, planted once a module and taken away afterwards."""

from datetime import UTC, datetime

import pytest
from django.db import transaction
from django.test import Client

from guestlist.demo import seed
from guestlist.demo.seed.shop import PASSWORD

BASE_URL = "http://testserver"


@pytest.fixture(scope="module")
def planted(django_db_setup, django_db_blocker):
    """Give the time at which the example shop was planted; each test sees it and changes a copy."""
    now = datetime.now(UTC)
    with django_db_blocker.unblock(), transaction.atomic():
        seed.plant(base_url=BASE_URL, now=now)
        yield now
        transaction.set_rollback(True)


@pytest.fixture
def shop(planted, db):
    """Give the planted shop to a test that writes."""
    return planted


@pytest.fixture
def sign_in():
    """Give what signs somebody in at a store view's own form."""

    def signed_in(email: str, path: str = "") -> Client:
        client = Client()
        answer = client.post(f"{path}/account/login/", {"login": email, "password": PASSWORD})
        assert answer.status_code == 302, answer.content.decode()
        return client

    return signed_in
