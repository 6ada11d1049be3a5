"""DMARC's policies and organizations, asked of a real DNS server."""

import pytest

from guestlist.mail import dns
from guestlist.mail.checkup import dmarc
from tests.mail import nameserver


@pytest.fixture(scope="module")
def server():
    with nameserver.running() as one:
        yield one


@pytest.fixture
def published(server):
    """Publish policies by domain, and return who answers for them."""

    def publish(**policies: str) -> dns.Resolver:
        server.asked.clear()
        server.zone = {
            (f"_dmarc.{domain.replace('_', '.')}", "TXT"): [text] for domain, text in policies.items()
        }
        return dns.Resolver(server="127.0.0.1", port=server.port, seconds=1)

    return publish


def test_nearest_policy_holds_and_the_highest_makes_the_organization(published):
    resolver = published(shop_example="v=DMARC1; p=reject", a_shop_example="v=DMARC1;p=none")
    found = dmarc.policy(resolver, "b.a.shop.example")

    assert found is not None
    assert found.domain == "a.shop.example"
    assert dmarc.organization(resolver, "b.a.shop.example") == "shop.example"
    assert dmarc.organization(resolver, "other.example") == ""


def test_organization_ends_where_a_registry_says_so(published):
    registry = published(co_example="v=DMARC1; p=none; psd=y", shop_co_example="v=DMARC1; p=none")
    bare = published(co_example="v=DMARC1; p=none; psd=y")

    assert dmarc.organization(registry, "a.shop.co.example") == "shop.co.example"
    assert dmarc.organization(bare, "a.shop.co.example") == "shop.co.example"
    assert dmarc.policy(bare, "a.shop.co.example") is None


def test_organization_ends_where_a_domain_says_that_it_is_one(published):
    resolver = published(shop_example="v=DMARC1; p=none", a_shop_example="v=DMARC1; p=none; psd=n")

    assert dmarc.organization(resolver, "b.a.shop.example") == "a.shop.example"


def test_long_name_is_asked_about_as_often_as_receivers_do(published, server):
    dmarc.policy(published(), ".".join("abcdefghijkl") + ".shop.example")

    assert len(server.asked) == 8
    assert server.asked[-1][0] == "_dmarc.example"


@pytest.mark.parametrize(
    ("text", "below", "asked"),
    [
        ("v=DMARC1; p=reject", False, "reject"),
        ("v=DMARC1; P=Quarantine", True, "quarantine"),
        ("v=DMARC1; p=none; sp=reject", True, "reject"),
        ("v=DMARC1; p=none; sp=reject", False, "none"),
        ("v=DMARC1; rua=mailto:a@shop.example", False, "none"),
        ("v=DMARC1; p=soon", False, ""),
        ("v=DMARC1", False, ""),
    ],
)
def test_policy_says_what_receivers_are_asked(text, below, asked, published):
    domain = "a.shop.example" if below else "shop.example"
    found = dmarc.policy(published(shop_example=text), domain)

    assert found is not None
    assert found.asked(for_domain=domain) == asked


@pytest.mark.parametrize("text", ["v=DMARC2; p=none", "p=none; v=DMARC1", "v=dmarc1; p=none", "hello"])
def test_other_texts_are_no_policy(text, published):
    assert dmarc.policy(published(shop_example=text), "shop.example") is None


@pytest.mark.parametrize(
    ("one", "other", "strict", "aligned"),
    [
        ("shop.example", "shop.example", True, True),
        ("a.shop.example", "shop.example", True, False),
        ("a.shop.example", "b.shop.example", False, True),
        ("shop.example", "other.example", False, False),
        # Where nothing is published, only a domain and what is below it surely belong together.
        ("a.bare.example", "bare.example", False, True),
        ("bare.example", "a.bare.example", False, True),
        ("a.bare.example", "b.bare.example", False, False),
        ("xbare.example", "bare.example", False, False),
    ],
)
def test_domains_are_aligned_when_they_are_of_one_organization(one, other, strict, aligned, published):
    resolver = published(shop_example="v=DMARC1; p=none")

    assert dmarc.aligned(resolver, one, other, strict=strict) is aligned
