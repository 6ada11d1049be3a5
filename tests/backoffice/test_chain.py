"""The page of who brought whom: what opens and closes by its address, the way up, and who may see what."""

import html
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.html import strip_tags

from guestlist.customers.models import Customer, Grant, Role
from guestlist.invitations.models import Invitation
from guestlist.reports import chain, chain_starts
from tests import make
from tests.reports.test_chain import bring, bring_many

CHAIN = "/staff/reports/chain/"


def page_of(client, query=None, language="en") -> str:
    answer = client.get(
        query if isinstance(query, str) else CHAIN,
        None if isinstance(query, str) else query,
        headers={"accept-language": language},
    )
    assert answer.status_code == 200
    return str(answer.content.decode()).partition('id="content"')[2] or str(answer.content.decode())


def said(page: str) -> str:
    return " ".join(html.unescape(strip_tags(page)).split())


def people(page: str) -> list[str]:
    """Return the names of the people in the tree, from top to bottom."""
    return re.findall(r'<p><a class="gl-link" href="[^"]*"><strong>([^<]*)</strong>', page)


def link(page: str, label: str) -> str:
    """Return where the link with this label leads."""
    found = re.search(rf'href="([^"]*)"[^>]*aria-label="{label}"', page) or re.search(
        rf'<a [^>]*href="([^"]*)"[^>]*>{label}</a>', page
    )
    assert found, label
    return CHAIN + html.unescape(found[1]).partition("#")[0]


@pytest.fixture
def emma(view) -> Customer:
    """Has brought Noor, who has brought Ben, who has brought Anna; and Sem."""
    made = make.customer(view, email="emma@example.com", first_name="Emma", last_name="")
    noor = bring(made, "Noor")
    bring(made, "Sem")
    bring(bring(noor, "Ben"), "Anna")
    return made


def test_page_begins_with_who_began_and_opens_level_by_level(owner, emma) -> None:
    page = page_of(owner)
    assert people(page) == ["Emma"]
    assert "invited 2, 2 joined" in said(page)

    page = page_of(owner, link(page, "Show whom Emma brought"))
    assert people(page) == ["Emma", "Sem", "Noor"]
    page = page_of(owner, link(page, "Show whom Noor brought"))
    page = page_of(owner, link(page, "Show whom Ben brought"))
    assert people(page) == ["Emma", "Sem", "Noor", "Ben", "Anna"]
    assert page.partition('gl-chain">')[2].count("<ul>") == 4
    assert "invited nobody" in said(page)

    page = page_of(owner, link(page, "Hide whom Noor brought"))
    assert people(page) == ["Emma", "Sem", "Noor"]
    page = page_of(owner, link(page, "Show whom Noor brought"))
    assert people(page) == ["Emma", "Sem", "Noor", "Ben"]


def test_toggle_keeps_its_place_when_it_is_used(owner, emma) -> None:
    page = page_of(owner)

    toggle = re.search(r'<a class="gl-small[^"]*" id="(c\d+)" href="([^"]*)"', page)

    assert toggle
    assert toggle[2].endswith(f"#{toggle[1]}")
    assert f'id="{toggle[1]}"' in page_of(owner, CHAIN + html.unescape(toggle[2]).partition("#")[0])


def test_whose_credit_is_shared_stands_below_each_and_opens_in_one_place(owner, emma) -> None:
    otto = make.customer(emma.store_view, first_name="Otto", last_name="")
    first = make.sent_invitation(emma, address="eva@example.com")
    make.sent_invitation(otto, address="eva@example.com")
    eva = make.registered(first, credit="all").customer
    assert eva is not None
    bring(eva, "Finn")

    closed = page_of(owner, {"open": f"{emma.pk},{otto.pk}"})
    opened = page_of(owner, {"open": f"{emma.pk},{otto.pk},{eva.pk}"})

    for page in (closed, opened):
        assert page.count(f'id="c{eva.pk}"') == 1
        assert said(page).count("50% of the credit") == 2
    assert (people(closed).count("Finn"), people(opened).count("Finn")) == (0, 1)
    assert f'href="#c{eva.pk}"' in opened
    assert "The credit is shared with: Otto" in said(page_of(owner, {"customer": eva.pk}))


def test_one_customer_is_found_by_address_or_number_with_the_way_up(owner, emma) -> None:
    ben = Customer.objects.get(first_name="Ben")
    for text in (ben.email, str(ben.pk)):
        page = page_of(owner, {"customer": text})
        assert people(page) == ["Ben", "Anna"]
        assert re.findall(
            r"<li[^>]*>(?:<a[^>]*>)?(\w+)", page.partition("<ol>")[2].partition("</ol>")[0]
        ) == [
            *("Emma", "Noor", "Ben"),
        ]
        assert people(page_of(owner, link(page, "Emma"))) == ["Emma", "Sem", "Noor"]
    assert "No customer brought them." in page_of(owner, {"customer": emma.pk})
    invited = make.registered(make.staff_invitation(emma.store_view)).customer
    assert invited is not None
    assert "Invited by staff." in page_of(owner, {"customer": invited.pk})


@pytest.mark.parametrize("language", ["en", "nl"])
def test_unknown_customer_is_told_and_stays_in_the_form(owner, emma, language) -> None:
    for text in ("nobody@example.com", "nobody", "99999999"):
        page = page_of(owner, {"customer": text}, language)
        assert f"“{text}”" in page
        assert f'value="{text}"' in page
        assert 'role="alert"' in page
        assert people(page) == []


def test_page_says_what_to_expect_where_nobody_brought_anybody(owner, view) -> None:
    assert "Nobody brought anybody yet" in page_of(owner)
    assert "Nog niemand" in page_of(owner, language="nl")


@pytest.mark.parametrize(
    "query",
    [
        {"open": "x,,-1,999999999999999999999"},
        {"before": "x", "skip": "x", "website": "x"},
        {"before": "9" * 18, "skip": "9" * 18},
        {"customer": "\x00", "open": "\x00"},
    ],
)
def test_what_is_no_use_in_the_address_does_no_harm(owner, emma, query) -> None:
    assert owner.get(CHAIN, query).status_code == 200


def test_erased_customers_stand_without_a_name(owner, emma) -> None:
    noor = Customer.objects.get(first_name="Noor")
    Customer.objects.filter(pk=noor.pk).update(
        erased_at=make.NOW, email=None, first_name=None, last_name=None, user=None
    )

    page = page_of(owner, {"open": f"{emma.pk},{noor.pk}"})

    assert people(page) == ["Emma", "Sem", "deleted customer", "Ben"]
    assert "noor" not in page.lower()
    assert people(page_of(owner, {"customer": Customer.objects.get(first_name="Ben").pk})) == ["Ben", "Anna"]


def test_chains_are_those_of_websites_that_somebody_may_see_reports_of(
    owner, manager, support, emma, other_view
) -> None:
    zelda = make.customer(other_view, email="zelda@example.com", first_name="Zelda", last_name="")
    bring(zelda)

    assert people(page_of(owner)) == ["Emma", "Zelda"]
    assert people(page_of(owner, {"website": other_view.website_id})) == ["Zelda"]
    for query in ({}, {"website": other_view.website_id}, {"open": zelda.pk}):
        assert people(page_of(manager, query)) == ["Emma"] + (
            ["Sem", "Noor"] if query == {"open": emma.pk} else []
        )
    for text in (zelda.pk, "zelda@example.com"):
        assert "There is no customer" in page_of(manager, {"customer": text})
    assert support.get(CHAIN).status_code == 403
    assert CHAIN not in support.get("/staff/").content.decode()
    assert CHAIN in manager.get("/staff/").content.decode()


def test_who_sees_reports_alone_reads_no_address(client_of, emma) -> None:
    user = make.user(is_staff=True)
    role = Role.objects.create(code="figures", name="Figures", permissions=["reports"])
    Grant.objects.create(user=user, website=emma.website, role=role)
    nameless = bring(emma, "")
    client = client_of(user)

    page = page_of(client, {"open": emma.pk})

    assert people(page) == ["Emma", f"customer {nameless.pk}", "Sem", "Noor"]
    assert "@example.com" not in page
    assert "/staff/invitations/" not in page
    assert "There is no customer" in page_of(client, {"customer": "emma@example.com"})
    assert people(page_of(client, {"customer": emma.pk}))[0] == "Emma"


def test_address_at_two_websites_shows_both(owner, emma, other_view) -> None:
    twin = make.customer(other_view, first_name="Twin", last_name="")
    bring(twin, "Tess")
    Customer.objects.filter(pk=twin.pk).update(email="emma@example.com")

    page = page_of(owner, {"customer": "emma@example.com"})

    assert people(page) == ["Twin", "Tess", "Emma", "Sem", "Noor"]
    assert "A customer at several websites" in page


def test_long_lists_go_on_with_a_link(owner, emma, monkeypatch) -> None:
    monkeypatch.setattr(chain, "LEVEL", 2)
    otto = make.customer(emma.store_view, first_name="Otto", last_name="")
    last = bring_many(otto, 5)
    bring(make.customer(emma.store_view, first_name="Pia", last_name=""))

    page = page_of(owner)
    # Of the credits, those that were made by hand are of the same kind: first who brought most.
    assert people(page) == ["Otto", "Emma"]
    assert people(page_of(owner, link(page, "Next"))) == ["Pia"]
    page = page_of(owner, {"open": otto.pk})
    found = people(page)[1:3]
    for _page in range(2):
        page = page_of(owner, link(page, "Whom Otto brought before that"))
        found += people(page)[1:]
    assert found == [one.first_name for one in last][::-1]
    assert people(page_of(owner, link(page, "First"))) == ["Otto", *found[:2]]


def test_beginnings_of_earlier_days_are_a_page_of_their_own(owner, emma, monkeypatch) -> None:
    monkeypatch.setattr(chain_starts, "WINDOW", 2)
    bring_many(make.customer(emma.store_view, first_name="Otto", last_name=""), 2)

    page = page_of(owner)

    assert people(page) == ["Otto"]
    assert "those who joined in these days: 3 May 2026" in said(page)
    page = page_of(owner, link(page, "Next"))
    assert people(page) == []
    assert "Nobody here began a chain" in page
    assert people(page_of(owner, link(page, "Next"))) == ["Emma"]


def test_number_of_queries_stays_with_many_people(owner, emma) -> None:
    def asked(query) -> int:
        with CaptureQueriesContext(connection) as queries:
            page_of(owner, query)
        return len(queries)

    otto = make.customer(emma.store_view)
    for one in bring_many(otto, 50):
        bring_many(one, 6)
    some = ",".join(
        str(pk) for pk in Invitation.objects.filter(inviter=otto).values_list("invitee", flat=True)
    )
    noor = Customer.objects.get(first_name="Noor")

    assert asked({"customer": otto.pk, "open": some}) == asked({"customer": emma.pk, "open": noor.pk})


def test_page_speaks_dutch(owner, emma) -> None:
    page = page_of(owner, {"open": emma.pk}, "nl")

    assert "Wie bracht wie mee" in owner.get(CHAIN, headers={"accept-language": "nl"}).content.decode()
    for words in ("brought", "joined", "Joined", "invited", "credit"):
        assert words not in said(page)


def test_pages_of_customer_and_invitation_lead_to_the_chain(owner, support, emma) -> None:
    joined = Customer.objects.get(first_name="Noor")
    one = Invitation.objects.get(invitee=joined)
    addresses = (f"/staff/invitations/{one.pk}/", f"/staff/guestlist_customers/customer/{joined.pk}/change/")
    for address in addresses:
        assert f"{CHAIN}?customer={joined.pk}" in owner.get(address).content.decode()
        assert CHAIN not in support.get(address).content.decode()
