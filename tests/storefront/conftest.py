"""A shop with a customer who is signed in."""

import pytest
from django.test import Client
from django.utils import timezone

from guestlist.customers.models import Customer
from guestlist.mail import templates
from guestlist.stores.models import StoreView
from tests import make


@pytest.fixture
def now():
    return timezone.now()


@pytest.fixture
def view(db, now) -> StoreView:
    templates.install(now=now)
    return make.store_view(privacy_url="/privacy/", terms_url="/terms/")


@pytest.fixture
def emma(view) -> Customer:
    return make.customer(view, email="emma@example.com")


@pytest.fixture
def client_of():
    """Give a signed-in browser for a customer or user."""

    def signed_in(who, **options):
        client = Client(**options)
        client.force_login(getattr(who, "user", None) or who)
        return client

    return signed_in


@pytest.fixture
def inviter(emma, client_of):
    return client_of(emma)
