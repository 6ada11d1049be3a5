"""The website beside each address: written by whoever invites, filled in where an older release did not."""

import importlib

import pytest
from django.apps import apps
from django.db import connection
from django.db.models import F

from guestlist.invitations.actions import websites
from guestlist.invitations.models import InvitationAddress
from tests import make

_FILLED = "guestlist.invitations.migrations.0010_address_website_filled"


def lacking() -> int:
    return InvitationAddress.objects.exclude(website=F("invitation__website")).count() + (
        InvitationAddress.objects.filter(website=None).count()
    )


@pytest.mark.django_db
def test_address_has_its_website_when_somebody_is_invited() -> None:
    make.invitation()
    make.staff_invitation(make.store_view(), address="noor@example.com")
    assert InvitationAddress.objects.count() == 2
    assert lacking() == 0


@pytest.mark.django_db
def test_websites_are_filled_in_some_at_a_time(monkeypatch) -> None:
    monkeypatch.setattr(websites, "AT_ONCE", 2)
    for _one in range(3):
        make.invitation()
    InvitationAddress.objects.update(website=None)
    assert [websites.fill_in() for _time in range(3)] == [2, 1, 0]
    assert lacking() == 0


@pytest.mark.django_db(transaction=True)
def test_migration_gives_addresses_of_the_past_their_website() -> None:
    for _one in range(3):
        make.invitation()
    InvitationAddress.objects.update(website=None)
    with connection.schema_editor(atomic=False) as editor:
        importlib.import_module(_FILLED)._fill(apps, editor)
    assert lacking() == 0
