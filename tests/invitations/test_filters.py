"""The one filter of invitations: what it reads, what it refuses, what it keeps."""

import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestlist.invitations import actions as invitations
from guestlist.invitations import filters
from guestlist.invitations.filters import Filter, TooShortToSearch, UnusableFilter
from guestlist.invitations.models import Invitation
from guestlist.mail.kinds import Verdict
from tests import make

EVERY = {
    "id": "7",
    "email": "friend@",
    "status": "expired",
    "delivery": "no_mail",
    "website": "1",
    "store_view": "2",
    "group": "none",
    "occasion": "3",
    "inviter": "emma@example.com",
    "invitee": "5",
    "sent_from": "2026-01-01",
    "sent_to": "2026-12-31",
    "registered_from": "2026-02-01",
    "registered_to": "2026-02-28",
}


def test_filter_survives_navigation_when_it_is_written_into_an_address() -> None:
    one = Filter.from_query(EVERY)

    assert one.as_query() == EVERY
    assert Filter.from_query(one.as_query()) == one
    assert one
    assert not Filter.from_query({"email": " ", "page": "2"})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("id", "x"),
        ("id", "-1"),
        ("id", "1.5"),
        ("id", "٣"),
        ("id", str(2**63)),
        ("id", "0" * 20 + "9" * 20),
        ("id", "9" * 5000),
        ("website", "none"),
        ("group", "vip"),
        ("occasion", "None"),
        ("inviter", "Emma"),
        ("inviter", "emma@"),
        ("status", "lost"),
        ("delivery", ""),
        ("delivery", "lost"),
        ("sent_from", "yesterday"),
        ("sent_to", "2026-02-30"),
        ("registered_from", "0001-01-01"),
        ("registered_to", "9999-12-31"),
        ("email", "a\x00bcd"),
    ],
)
def test_value_is_refused_when_it_cannot_be_filtered_by(name: str, text: str) -> None:
    if not text:
        assert not Filter.from_query({name: text})
        return
    with pytest.raises(UnusableFilter) as refused:
        Filter.from_query({name: text})

    assert refused.value.data["field"] == name
    assert len(str(refused.value)) < 150


@pytest.mark.parametrize("name", filters.RANGES)
def test_range_is_refused_when_its_last_day_comes_before_its_first(name: str) -> None:
    days = {f"{name}_from": "2026-03-04", f"{name}_to": "2026-03-03"}
    with pytest.raises(filters.BackwardsRange, match="Exchange them") as refused:
        Filter.from_query(days)

    assert refused.value.data["field"] == f"{name}_to"
    assert Filter.from_query(days | {f"{name}_to": "2026-03-04"})


def test_search_is_refused_when_too_little_of_the_address_is_given() -> None:
    for text in ("ab", "e\u0301b"):
        with pytest.raises(TooShortToSearch, match="three"):
            Filter.from_query({"email": text})


def test_search_finds_an_address_that_is_typed_as_it_is_shown() -> None:
    assert Filter.from_query({"email": "Rene\u0301@Bücher.example"}).email == "rené@xn--bcher-kva.example"


@given(st.dictionaries(st.sampled_from(sorted(EVERY)), st.text() | st.from_regex(r"[0-9-]{1,12}")))
def test_nothing_but_a_refusal_is_raised_when_an_address_says_whatever(query: dict[str, str]) -> None:
    try:
        one = Filter.from_query(query)
    except UnusableFilter:
        return

    assert Filter.from_query(one.as_query()) == one


def kept(**query: Any) -> set[Invitation]:
    one = Filter.from_query({name: str(value) for name, value in query.items()})
    return set(one.apply(Invitation.objects.all(), now=make.NOW + datetime.timedelta(days=35)))


@pytest.mark.django_db
def test_rows_are_kept_when_they_match_each_filter() -> None:
    here, there = make.store_view(), make.store_view()
    vip, party = make.group("vip"), make.occasion(make.website())
    emma = make.customer(here, in_group=vip)
    month = datetime.timedelta(days=30)
    expired = make.sent_invitation(emma, address="first@example.com")
    sent = make.sent_invitation(emma, now=make.NOW + month, address="second@example.com")
    accepted = make.sent_invitation(emma, address="third@example.com")
    make.registered(accepted, now=make.NOW + datetime.timedelta(days=1))
    kept_back = make.staff_invitation(there, keep=True, group=vip)
    bounced = make.staff_invitation(there)
    make.fare(bounced, Verdict.BOUNCED)
    occasional = make.staff_invitation(there, occasion=party)
    accepted.refresh_from_db()
    everything = {expired, sent, accepted, kept_back, bounced, occasional}

    assert kept() == everything
    assert kept(id=sent.pk) == {sent}
    assert kept(email="SECOND@") == {sent}
    assert kept(status="sent") == {sent}
    assert kept(status="expired") == {expired}
    assert kept(status="accepted") == {accepted}
    assert kept(status="discarded") == {bounced}
    assert kept(status="not_sent") == {kept_back, occasional}
    assert kept(delivery="no_mail") == {kept_back}
    assert kept(delivery="bounced") == {bounced}
    assert kept(website=there.website_id) == kept(store_view=there.pk) == {kept_back, bounced, occasional}
    assert kept(inviter=emma.pk) == kept(inviter=emma.email) == {expired, sent, accepted}
    assert kept(inviter="none") == {kept_back, bounced, occasional}
    assert kept(invitee=accepted.invitee_id) == {accepted}
    assert accepted.invitee is not None
    assert kept(invitee=str(accepted.invitee.email).upper()) == {accepted}
    assert accepted not in kept(invitee="none")
    assert kept(occasion=party.pk) == {occasional}
    assert kept(occasion="none") == everything - {occasional}
    assert kept(group=vip.pk) == {accepted, kept_back}
    assert kept(group="none") == {expired, sent, bounced, occasional}
    day = make.NOW.date()
    assert kept(sent_from=day, sent_to=day) == {expired, accepted}
    assert kept(sent_from=day + datetime.timedelta(days=1)) == {sent}
    assert kept(registered_to=day) == set()
    assert kept(registered_from=day + datetime.timedelta(days=1)) == {accepted}
    assert kept(website=there.website_id, status="discarded", email="friend") == {bounced}


@pytest.mark.django_db
def test_rows_are_kept_when_an_end_was_taken_back() -> None:
    one = make.invitation()
    invitations.cancel(invitation=one, inviter=make.inviter_of(one), now=make.NOW)
    assert kept(status="discarded") == {one}

    invitations.restore(invitation=one, inviter=make.inviter_of(one), config=make.options(), now=make.NOW)

    assert kept(status="not_sent", delivery="queued") == {one}
