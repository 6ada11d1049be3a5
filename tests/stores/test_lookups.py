"""Lookups for long lists: the same rows as `__in` finds, whatever stands in the list."""

import os

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from guestlist.mail.models import Suppression
from guestlist.stores.lookups import array
from guestlist.stores.models import Website
from tests import make

pytestmark = pytest.mark.django_db
HOSTILE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
ODD = ["", "NULL", "null", "{}", "{a,b}", "a,b", '"', "\\", '\\"', "\\\\x41", " a ", "'; --", "%s", "é😀\n\t"]


def came_back(values, kind):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT %s::{kind}[]", [array(values)])
        return cursor.fetchone()[0]


@pytest.mark.skipif(not os.environ.get("DATABASE_URL"), reason="SQLite has no arrays")
@given(st.lists(st.one_of(HOSTILE, st.sampled_from(ODD)), max_size=8))
def test_words_arrive_as_they_were(values):
    assert came_back(values, "text") == values


@pytest.mark.skipif(not os.environ.get("DATABASE_URL"), reason="SQLite has no arrays")
@given(st.lists(st.binary(max_size=40), max_size=8), st.lists(st.integers(-(2**63), 2**63 - 1), max_size=8))
def test_bytes_and_numbers_arrive_as_they_were(raw, numbers):
    assert came_back(raw, "bytea") == raw
    assert came_back(numbers, "bigint") == numbers


def test_each_type_of_field_is_found_as_by_in():
    websites = [make.website() for _ in range(3)]
    for number, website in enumerate(websites):
        Suppression.objects.create(
            website=website, address_hash=bytes([number]) * 16, reason="wish", created_at=make.NOW
        )

    assert set(Website.objects.filter(pk__any_of={websites[0].pk, websites[2].pk, 0})) == {
        websites[0],
        websites[2],
    }
    assert list(Website.objects.filter(code__any_of={websites[1].code, "none"})) == [websites[1]]
    assert Suppression.objects.filter(address_hash__any_of={b"\x01" * 16, b"\x09" * 16}).count() == 1
    assert Suppression.objects.filter(website__any_of={websites[0].pk, websites[1].pk}).count() == 2
    assert not Website.objects.filter(pk__any_of=set()).exists()


def test_what_a_query_finds_is_asked_for_first():
    websites = [make.website() for _ in range(3)]
    codes = Website.objects.filter(code__in=[websites[0].code, websites[2].code]).order_by("-pk")

    assert list(Website.objects.filter(pk__any_of=codes.values("pk")[:1])) == [websites[2]]
    assert set(Website.objects.filter(pk__any_of=codes.values("pk"), code__gt="")) == {
        websites[0],
        websites[2],
    }
    assert not Website.objects.filter(pk__any_of=codes.filter(code="none").values("pk")).exists()
