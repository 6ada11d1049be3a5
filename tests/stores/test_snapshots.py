"""What is read in a snapshot is as it was at one moment, and keeps nobody from writing."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from guestlist.stores import snapshots
from guestlist.stores.models import Website
from tests import make


def _open_another() -> None:
    try:
        make.website("other")
    finally:
        connection.close()


def _divide() -> float:
    return 1 / Website.objects.count()


@pytest.mark.django_db(transaction=True)
def test_what_others_write_meanwhile_is_not_seen_in_a_snapshot() -> None:
    make.website("first")
    with ThreadPoolExecutor(1) as elsewhere:
        with snapshots.reading():
            assert Website.objects.count() == 1
            elsewhere.submit(_open_another).result(60)
            assert Website.objects.count() == 1
        assert Website.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_a_snapshot_ends_when_reading_fails() -> None:
    with pytest.raises(ZeroDivisionError), snapshots.reading():
        _divide()

    make.website("first")
    assert Website.objects.count() == 1


@pytest.mark.django_db
def test_a_transaction_that_has_begun_goes_on_when_it_reads() -> None:
    with transaction.atomic():
        make.website("first")
        with snapshots.reading():
            assert Website.objects.count() == 1
    make.website("second")
    assert Website.objects.count() == 2
