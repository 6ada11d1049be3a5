"""Two websites, staff with different rights, and browsers for them."""

from collections.abc import Callable

import pytest
from django.test import Client
from django.utils import timezone

from guestlist.mail import templates
from guestlist.stores.models import StoreView
from tests import make


@pytest.fixture
def now():
    return timezone.now()


@pytest.fixture
def view(db, now) -> StoreView:
    templates.install(now=now)
    return make.store_view(make.website("linden"), name="Linden & Loom")


@pytest.fixture
def other_view(view) -> StoreView:
    return make.store_view(make.website("attic"), name="The Attic")


@pytest.fixture
def client_of() -> Callable[..., Client]:
    """Give a signed-in browser for a user."""

    def signed_in(user, **options) -> Client:
        client = Client(**options)
        client.force_login(user)
        return client

    return signed_in


@pytest.fixture
def owner(view, client_of: Callable[..., Client]) -> Client:
    """May do everything everywhere."""
    return client_of(make.staff(email="owner@example.com"))


@pytest.fixture
def support(view, client_of: Callable[..., Client]) -> Client:
    """May see and discard at the first website."""
    return client_of(make.staff(view.website, role="support", email="support@example.com"))


@pytest.fixture
def marketing(view, client_of: Callable[..., Client]) -> Client:
    """May add, send and discard at the first website."""
    return client_of(make.staff(view.website, role="marketing", email="marketing@example.com"))


@pytest.fixture
def manager(view, client_of: Callable[..., Client]) -> Client:
    """May do everything at the first website."""
    return client_of(make.staff(view.website, role="owner", email="manager@example.com"))


@pytest.fixture(autouse=True)
def _plain_static_files(settings) -> None:
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    }
