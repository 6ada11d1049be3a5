"""Who brought whom: levels, where a chain begins, shared credit, and that nothing takes longer for a great many."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from guestlist.customers.models import Customer
from guestlist.invitations import actions as invitations
from guestlist.invitations.models import Credit, Invitation
from guestlist.reports import chain, chain_starts
from guestlist.reports.chain import Node
from guestlist.stores.actors import SYSTEM
from tests import make

pytestmark = pytest.mark.django_db


def bring(by: Customer, first_name: str = "Noor", **values) -> Customer:
    """Let a customer invite somebody who joins."""
    joined = make.registered(make.sent_invitation(by), **values).customer
    assert joined is not None
    Customer.objects.filter(pk=joined.pk).update(first_name=first_name, last_name="")
    joined.refresh_from_db()
    return joined


def bring_many(by: Customer, count: int, *, joined: bool = True) -> list[Customer]:
    """Let a customer have invited so many, who joined or not."""
    view = by.store_view
    start = Customer.objects.count()
    customers = Customer.objects.bulk_create(
        Customer(
            website=view.website,
            store_view=view,
            group=by.group,
            email=f"n{start + number}@example.com",
            first_name=f"N{start + number}",
            created_at=make.NOW,
        )
        for number in range(count if joined else 0)
    )
    made = Invitation.objects.bulk_create(
        Invitation(
            website=view.website,
            store_view=view,
            inviter=by,
            created_at=make.NOW,
            invitee=customers[number] if joined else None,
            status="accepted" if joined else "not_sent",
            accepted_at=make.NOW if joined else None,
        )
        for number in range(count)
    )
    Credit.objects.bulk_create(
        Credit(invitation=one, invitee_id=one.invitee_id) for one in made if one.invitee_id is not None
    )
    return customers


def grown(*customers: Customer, **how) -> list[Node]:
    nodes = chain.nodes([one.pk for one in customers])
    chain.grow(nodes, **how)
    return nodes


def names(nodes: list[Node] | None) -> list[object]:
    """Return names level by level: one alone where nothing is open below."""
    return [
        one.customer.first_name if one.level is None else (one.customer.first_name, names(one.level))
        for one in nodes or ()
    ]


@pytest.fixture
def emma() -> Customer:
    return make.customer(first_name="Emma")


def test_levels_open_where_they_are_asked_for(emma) -> None:
    noor, _sem = bring(emma, "Noor"), bring(emma, "Sem")
    ben = bring(noor, "Ben")
    bring(ben, "Anna")
    make.sent_invitation(emma)

    assert names(grown(emma, opened=[])) == ["Emma"]
    assert names(grown(emma, opened=[emma.pk])) == [("Emma", ["Sem", "Noor"])]
    assert names(grown(emma, opened=[emma.pk, ben.pk])) == [("Emma", ["Sem", "Noor"])]
    assert names(grown(emma, opened=[emma.pk, noor.pk])) == [("Emma", ["Sem", ("Noor", ["Ben"])])]
    assert names(grown(emma, depth=2)) == [("Emma", ["Sem", ("Noor", ["Ben"])])]
    (node,) = grown(emma, opened=[emma.pk])
    assert (node.invited, node.joined, node.has_more) == (3, 2, False)


def test_existing_customers_who_accept_were_brought_by_nobody(emma) -> None:
    known = make.customer(emma.store_view)
    one = make.sent_invitation(emma, occasion=make.occasion(emma.website))
    options = make.options(registration_address="any")
    invitations.join(
        user=make.user_of(known), store_view=emma.store_view, invitation=one, config=options, now=make.NOW
    )

    one.refresh_from_db()
    assert one.invitee == known
    assert names(grown(emma, depth=1)) == ["Emma"]
    assert chain_starts.origin(known) == chain_starts.Origin()


def test_level_tells_the_occasion_and_the_invitation(emma) -> None:
    party = make.occasion(emma.website, title="Spring party")
    one = make.sent_invitation(emma, occasion=party)
    make.registered(one)

    (node,) = grown(emma, depth=1)

    assert node.level is not None
    assert [(child.invitation_id, child.occasion) for child in node.level] == [(one.pk, "Spring party")]


def test_shared_credit_stands_below_each_and_opens_once(emma) -> None:
    other = make.customer(emma.store_view, first_name="Otto")
    first = make.sent_invitation(emma, address="anna@example.com")
    make.sent_invitation(other, address="anna@example.com")
    anna = make.registered(first, credit="all").customer
    assert anna is not None
    bring(anna, "Ben")

    below = [node.level or [] for node in grown(emma, other, depth=2)]

    assert [[one.share for one in level] for level in below] == [[500], [500]]
    assert [[(one.customer, one.is_elsewhere) for one in level] for level in below] == [
        [(anna, False)],
        [(anna, True)],
    ]
    assert [names(one.level) for level in below for one in level] == [["Ben"], []]
    origin = chain_starts.origin(anna)
    assert (origin.path, origin.others) == ([emma], [other])


def test_way_up_ends_with_who_was_brought_by_nobody_or_by_staff(emma) -> None:
    noor = bring(emma)
    ben = bring(noor)
    invited = make.registered(make.staff_invitation(emma.store_view)).customer
    assert invited is not None

    assert chain_starts.origin(ben) == chain_starts.Origin([emma, noor])
    assert chain_starts.origin(invited) == chain_starts.Origin(is_invited=True)
    assert chain_starts.origin(bring(invited)) == chain_starts.Origin([invited], is_invited=True)


def test_circle_ends_where_it_closes(emma) -> None:
    """No action makes one; rows that somebody wrote by hand must not keep a page from ending."""
    noor = bring(emma)
    one = make.sent_invitation(noor)
    Credit.objects.create(invitation=one, invitee=emma)

    (node,) = grown(emma, depth=50)

    assert names([node]) == [("Emma", [("Noor", ["Emma"])])]
    assert chain_starts.origin(emma).path == [noor]


def test_beginnings_are_those_whom_no_customer_brought_first_who_brought_most(emma) -> None:
    otto = make.customer(emma.store_view, first_name="Otto")
    bring(otto)
    noor, _two = bring(emma), bring(emma)
    for _one in range(3):
        bring(noor)
    elsewhere = make.customer(make.store_view(), first_name="Elsa")
    bring(elsewhere)
    make.sent_invitation(make.customer(emma.store_view, first_name="Alone"))
    site = emma.website_id

    found = chain_starts.beginnings(within=frozenset({site}))

    assert names(found.nodes) == ["Emma", "Otto"]
    assert (found.first, found.has_more, found.following) == (None, False, None)
    assert names(chain_starts.beginnings(within=None).nodes) == ["Emma", "Otto", "Elsa"]
    assert names(chain_starts.beginnings(within=frozenset()).nodes) == []
    part = chain_starts.beginnings(within=None, size=2)
    assert (names(part.nodes), part.has_more) == (["Emma", "Otto"], True)
    assert names(chain_starts.beginnings(within=None, size=2, skip=2).nodes) == ["Elsa"]


@pytest.mark.parametrize("is_narrowed", [True, False])
def test_beginnings_go_on_where_not_all_were_gone_through(emma, is_narrowed, monkeypatch) -> None:
    monkeypatch.setattr(chain_starts, "WINDOW", 3)
    monkeypatch.setattr(chain_starts, "_WINDOW_LOOKED", 4)
    customers = [make.customer(emma.store_view) for _ in range(5)]
    elsewhere = make.customer(make.store_view())
    for one in customers:
        bring(elsewhere)
        bring(one)
        bring(one)
    within = frozenset({emma.website_id}) if is_narrowed else None

    begun, before, pages = set(), None, 0
    while True:
        found = chain_starts.beginnings(within=within, before=before)
        begun |= {node.customer for node in found.nodes}
        pages += 1
        assert found.first is not None
        before = found.following
        if before is None:
            break

    assert begun == {*customers, *([] if is_narrowed else [elsewhere])}
    assert pages >= 4


def test_long_level_goes_on_and_has_everybody_once(emma, monkeypatch) -> None:
    monkeypatch.setattr(chain, "LEVEL", 2)
    monkeypatch.setattr(chain, "LOOKED", 4)
    everybody = []
    for number in range(3):
        bring_many(emma, 3, joined=False)
        everybody += bring_many(emma, 1 + number)

    found, before = [], None
    while True:
        (node,) = grown(emma, opened=[emma.pk], before=before)
        assert (node.invited, node.has_more) == (4, True)
        assert len(node.level or ()) <= 2
        found += [child.customer for child in node.level or ()]
        before = node.following
        if before is None:
            break

    assert found == everybody[::-1]


def test_no_more_levels_open_than_a_page_has_room_for(emma) -> None:
    for _one in range(3):
        bring(bring(emma))

    (node,) = grown(emma, depth=3, most=3)

    assert [child.level is not None for child in node.level or ()] == [True, True, False]


def test_levels_take_as_many_queries_for_three_hundred_as_for_one(emma) -> None:
    def queries(customer: Customer) -> int:
        with CaptureQueriesContext(connection) as captured:
            grown(customer, depth=2, most=30)
        return len(captured)

    otto = make.customer(emma.store_view)
    bring(bring(emma))
    for one in bring_many(otto, 60)[-15:]:
        bring_many(one, 20)

    assert queries(emma) == queries(otto) == 5
    (node,) = grown(otto, depth=2, most=30)
    assert sum(1 + len(one.level or ()) for one in node.level or ()) > 300


def test_no_statement_reads_a_whole_table(emma) -> None:
    """With few rows a plan may do so all the same: PostgreSQL is asked what it would do where that is dear."""
    noor = bring(emma)
    bring(noor)
    with CaptureQueriesContext(connection) as captured:
        chain_starts.beginnings(within=frozenset({emma.website_id}), before=10**9)
        chain_starts.find(str(emma.email), actor=SYSTEM)
        grown(emma, depth=2, before=10**9)
        chain_starts.origin(noor)
    is_postgresql = connection.vendor == "postgresql"
    with connection.cursor() as cursor:
        if is_postgresql:
            cursor.execute("SET LOCAL enable_seqscan = off")
        for query in captured.captured_queries:
            cursor.execute(f"EXPLAIN {'' if is_postgresql else 'QUERY PLAN '}{query['sql']}")
            plan = "\n".join(str(row[-1]) for row in cursor.fetchall())
            whole = (
                r"(Seq Scan on|SCAN) (guestlist_(invitations_|customers_customer\b)|[UVW]\d+\b)(?!.*USING)"
            )
            assert not re.search(whole, plan), plan


def test_beginnings_take_as_many_queries_for_many_as_for_one(emma) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            chain_starts.beginnings(within=frozenset({emma.website_id}))
        return len(captured)

    bring(emma)
    one = queries()
    for other in bring_many(make.customer(emma.store_view), 60, joined=True):
        Credit.objects.filter(invitee=other).delete()
        bring_many(other, 5)

    assert queries() == one == 4


@pytest.mark.parametrize(
    "text", ["nobody@example.com", "4", "no address", "", "9" * 30, "x\x00y@example.com"]
)
def test_nobody_is_found_by_what_is_nobodys(emma, text) -> None:
    with pytest.raises(chain_starts.NoSuchCustomer):
        chain_starts.find(text.replace("4", str(emma.pk + 1)), actor=SYSTEM)


def test_customer_is_found_by_number_or_address_at_websites_that_may_be_seen(emma) -> None:
    elsewhere = make.store_view()
    twin = make.customer(elsewhere, email="twin@example.com")
    Customer.objects.filter(pk=emma.pk).update(email="twin@example.com")
    manager = make.actor(emma.website)

    def found(text: str, **values) -> list[int]:
        return [one.pk for one in chain_starts.find(text, **values)]

    assert set(found(" Twin@EXAMPLE.com ", actor=SYSTEM)) == {emma.pk, twin.pk}
    assert found("twin@example.com", actor=SYSTEM, website_id=elsewhere.website_id) == [twin.pk]
    assert found("twin@example.com", actor=manager) == [emma.pk]
    assert found(str(emma.pk), actor=manager) == [emma.pk]
    with pytest.raises(chain_starts.NoSuchCustomer):
        chain_starts.find(str(twin.pk), actor=manager)
