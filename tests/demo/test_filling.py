"""A filled database: of the size that was asked for, and as consistent as one that grew."""

import datetime

import pytest
from django.db import connection
from django.db.models import Count, Max, Q, Sum

from guestlist import addresses
from guestlist.customers.models import Customer
from guestlist.demo import filling
from guestlist.demo.filling import shops, story, tables
from guestlist.demo.filling.outbox import Outbox
from guestlist.invitations import figures, recounting
from guestlist.invitations.filters import Filter
from guestlist.invitations.finding import Search
from guestlist.invitations.lifecycle import Status
from guestlist.invitations.models import (
    BLOCK,
    NO_END,
    Basis,
    FiguresDay,
    FiguresMonth,
    Invitation,
    InvitationAddress,
    InvitationEvent,
    SentBlock,
)
from guestlist.mail import totals
from guestlist.mail.models import Message, Send
from guestlist.stores import copying
from guestlist.stores.models import Website
from tests import make

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime.datetime(2026, 3, 20, 12, tzinfo=datetime.UTC)
NUMBER = 3_000


@pytest.fixture
def filled(monkeypatch) -> None:
    monkeypatch.setattr(filling, "AT_ONCE", 1_000)
    filling.fill(invitations=NUMBER, now=NOW)


def test_filling_makes_as_many_as_asked_for_of_all_kinds(filled) -> None:
    assert Invitation.objects.count() == InvitationAddress.objects.count() == NUMBER
    by_status = dict(Invitation.objects.values_list("status").annotate(Count("pk")))
    assert set(by_status) == set(Status.values)
    assert min(by_status.values()) > NUMBER / 100
    largest = Invitation.objects.values("website").annotate(number=Count("pk")).order_by("-number")[0]
    assert NUMBER * 0.12 < largest["number"] < NUMBER * 0.35
    assert Invitation.objects.filter(created_at__gt=NOW).count() == 0


def test_history_of_a_filled_database_leads_to_each_state(filled) -> None:
    last = (
        InvitationEvent.objects.filter(target__isnull=False).values("invitation").annotate(newest=Max("pk"))
    )
    targets = dict(
        InvitationEvent.objects.filter(pk__in=[one["newest"] for one in last]).values_list(
            "invitation", "target"
        )
    )
    assert targets == dict(Invitation.objects.values_list("pk", "status"))


def test_figures_of_a_filled_database_are_those_of_its_rows(filled) -> None:
    events = Q(basis=Basis.EVENT)
    for model in (FiguresDay, FiguresMonth):
        totals = dict(model.objects.filter(events).values_list("measure").annotate(Sum("amount")))
        assert totals[figures.CREATED] == NUMBER
        assert totals[figures.SENT_MAILED] == Invitation.objects.filter(sent_at__isnull=False).count()
        joined = Invitation.objects.filter(status=Status.ACCEPTED).count()
        assert (
            totals[f"{figures.ACCEPTED}.registered"]
            == joined
            == Customer.objects.filter(pk__in=Invitation.objects.values("invitee")).count()
        )
    audit = recounting.audit()
    assert (audit.invitations, audit.differences) == (NUMBER, [])


def test_addresses_of_a_filled_database_are_found_by_their_hash(filled) -> None:
    one = InvitationAddress.objects.select_related("invitation").order_by("pk")[17]
    assert bytes(one.invitation.address_hash or b"") == addresses.hash_of(one.normalized)


def test_blocks_of_a_filled_database_know_all_that_was_sent(filled) -> None:
    known = set(SentBlock.objects.values_list("day", "until", "block"))
    for pk, sent_at, expires_at in Invitation.objects.values_list("pk", "sent_at", "expires_at"):
        if sent_at is None:
            continue
        until = expires_at.date() if expires_at else NO_END
        assert (sent_at.date(), until, pk // BLOCK) in known


def test_a_filled_database_has_one_large_send_whose_totals_are_right(filled) -> None:
    (audited,) = totals.audit(now=NOW)
    (send,) = Send.objects.all()
    assert audited.adds_up
    assert audited.mails == Message.objects.of_send(send.pk).count() == Message.objects.count() > 0
    found = Search(Filter(send=send.pk), None, NOW).matching
    assert set(found.values_list("mail_id", flat=True)) == set(Message.objects.values_list("pk", flat=True))


def test_a_filled_database_goes_on_after_its_ids(filled) -> None:
    highest = Invitation.objects.aggregate(last=Max("pk"))["last"]
    assert make.invitation().pk > highest


def test_only_a_database_without_invitations_is_filled() -> None:
    make.invitation()
    with pytest.raises(filling.NotEmpty):
        filling.fill(invitations=10, now=NOW)
    assert Invitation.objects.count() == 1


def test_the_same_seed_tells_the_same_story_and_another_seed_another() -> None:
    view = make.store_view()
    group = make.group()

    def told(seed: int) -> list[str]:
        site = shops.Site(view.website_id, 1.0, [view], [(group.pk, 1)])
        outbox = Outbox(site, invitations=200, now=NOW)
        parts = story.told([site], outbox, invitations=200, now=NOW, seed=seed, at_once=50)
        return [row[2] for rows in parts for row in rows.addresses]

    assert told(1) == told(1)
    assert told(1) != told(2)


def test_filling_that_ends_in_the_middle_leaves_nothing_and_takes_no_index(monkeypatch) -> None:
    before = indexes()
    monkeypatch.setattr(filling, "AT_ONCE", 100)

    def ended(made: int) -> None:
        if made > 200:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        filling.fill(invitations=1_000, now=NOW, tell=ended)

    assert indexes() == before
    assert not Invitation.objects.exists()
    assert not Website.objects.exists()


def test_filling_makes_the_indexes_anew_that_it_took_away(monkeypatch) -> None:
    before = indexes()
    monkeypatch.setattr(filling, "AT_ONCE", 100)
    filling.fill(invitations=300, now=NOW)
    assert indexes() == before


def indexes() -> set[str]:
    with connection.cursor() as cursor:
        return {
            name
            for model in tables.COLUMNS
            for name in connection.introspection.get_constraints(cursor, model._meta.db_table)
        }


@pytest.mark.parametrize("text", ["a\tb", "a\\b", "a\nb", "\r"])
def test_copy_keeps_signs_that_end_a_value_or_a_row(text) -> None:
    assert not {"\t", "\n", "\r"} & set(copying._text(text))
