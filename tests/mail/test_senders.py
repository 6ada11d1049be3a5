"""Whose domain a sender may have: mail is signed with the key of its domain, whoever set it up."""

import pytest

from guestlist.mail import actions
from guestlist.mail.actions import ForeignDomain
from guestlist.mail.models import SenderIdentity
from guestlist.stores.actors import SYSTEM, Actor, ActorKind, Permission
from tests import make

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("trust-16")]


@pytest.fixture
def attic():
    """Return the website whose sender is to be changed; the other one is at loom.example, and mails from there."""
    loom = make.website("loom")
    make.store_view(loom, host="www.loom.example")
    actions.set_sender(website=loom, code="general", name="Loom", address="shop@mail.loöm.example")
    view = make.store_view(make.website("attic"), host="attic.example")
    actions.set_sender(website=view.website, code="general", name="Attic", address="shop@attic.example")
    return view.website


def manager_of(*websites):
    return Actor(ActorKind.STAFF, 7, dict.fromkeys(websites, frozenset({Permission.TEMPLATES})))


def change(website, address, actor):
    return actions.set_sender(
        website=website, code="general", name="Attic", address=address, actor=actor
    ).address


@pytest.mark.parametrize(
    "domain",
    [
        "www.loom.example",
        "WWW.Loom.Example",
        "loom.example",
        "news.www.loom.example",
        "mail.loöm.example",
        "mail.xn--lom-tna.example",
        "loöm.example",
    ],
)
def test_domain_of_another_website_is_for_who_manages_the_senders_of_all(attic, domain):
    with pytest.raises(ForeignDomain):
        change(attic, f"shop@{domain}", manager_of(attic.pk))

    assert SenderIdentity.objects.get(website=attic).address == "shop@attic.example"
    for actor in (manager_of(None), SYSTEM):
        assert change(attic, f"shop@{domain}", actor) == f"shop@{domain}"


@pytest.mark.parametrize("domain", ["attic.example", "news.attic.example", "new.example", "myloom.example"])
def test_domain_that_no_other_website_uses_is_free(attic, domain):
    assert change(attic, f"shop@{domain}", manager_of(attic.pk)) == f"shop@{domain}"


def test_domain_that_a_website_has_already_is_its_own_too(attic):
    change(attic, "shop@www.loom.example", SYSTEM)

    assert change(attic, "help@www.loom.example", manager_of(attic.pk)) == "help@www.loom.example"


def test_domain_that_two_websites_are_shown_at_is_both_of_theirs(attic):
    make.store_view(make.website("cellar"), host="attic.example", path="/cellar")

    assert change(attic, "x@attic.example", manager_of(attic.pk)) == "x@attic.example"
