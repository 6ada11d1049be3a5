"""Pieces of addresses: found by a few of their trigrams as by all, and those few are rare ones."""

import pytest
from django.db import connection

from guestlist.invitations import pieces
from guestlist.invitations.models import InvitationAddress
from tests import make

_ADDRESSES = [
    *("anna.bakker1@gmail.com", "hanna.bakker2@kpnmail.nl", "anna.visser3@gmail.com", "bram.bakker4@gmx.de"),
    *("j_.d%7@shop.example", "zoë.bakker5@één.example", "koenmi6@bakker12.example", "a-b+c8@gmail.com"),
]


@pytest.fixture
def addresses() -> None:
    for one in _ADDRESSES:
        make.invitation(address=one)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "text",
    [
        "bakker",
        "anna.bakker",
        "@bakker12.",
        "gmail.com",
        "ann",
        ".d%",
        "_.d",
        "één",
        "zoë.b",
        "b+c",
        "zzz",
        "a-b",
    ],
)
def test_piece_is_found_by_few_trigrams_as_by_itself(addresses, monkeypatch, text) -> None:
    monkeypatch.setattr(pieces, "MANY", 0)
    found = set(pieces.looked_up(text).addresses().values_list("normalized", flat=True))
    every = InvitationAddress.objects.values_list("normalized", flat=True)
    assert found == {one for one in every if text in one}


@pytest.mark.django_db
def test_sample_tells_about_how_many_have_a_piece(addresses, monkeypatch) -> None:
    assert pieces.looked_up("gmail").about is None
    monkeypatch.setattr(pieces, "MANY", 0)
    about = pieces.looked_up("gmail").about
    assert about == (3 if connection.vendor == "postgresql" else None)


def test_trigrams_are_those_that_leave_few_to_look_at_without_much_to_read() -> None:
    common = [f"anna.{name}{number}@gmail.com" for name in ("visser", "smit") for number in range(200)]
    rare = ["anna.bakker7@gmail.com", "bram.bakker8@gmail.com"]
    chosen = pieces.soonest("anna.bakker", [*common, *rare])
    # One of the last name's: to read where all the first names are would take longer than to look at two addresses.
    assert len(chosen) == 1
    assert chosen[0] in {"bak", "akk", "kke", "ker"}
    assert pieces.soonest("gmail", [*common, *rare])
    assert pieces.soonest("a.b", common) == ()
