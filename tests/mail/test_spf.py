"""SPF as receivers read it, asked of a real DNS server."""

import ipaddress

import pytest

from guestlist.mail import dns
from guestlist.mail.checkup import macros, spf
from guestlist.mail.checkup.spf import Fault, Result
from tests.mail import nameserver

HOSTS = {
    ("other.example", "A"): ["198.51.100.1"],
    ("near.example", "A"): ["192.0.2.200"],
    ("six.example", "AAAA"): ["2001:db8::1"],
    ("post.example", "MX"): ["10 other.example.", "20 mail.shop.example."],
    ("mail.shop.example", "A"): ["192.0.2.1"],
    ("liar.shop.example", "A"): ["203.0.113.1"],
    ("192.0.2.1.listed.example", "A"): ["127.0.0.2"],
}


@pytest.fixture(scope="module")
def server():
    with nameserver.running() as one:
        yield one


@pytest.fixture
def judge(server):
    """Publish records of "shop" and others in "example", and give the verdict on an address for mail of shop.example."""

    def verdict(records: dict[str, str | list[str]], address: str = "192.0.2.1", **zone: list[str]):
        server.zone = {
            (f"{name}.example", "TXT"): [texts] if isinstance(texts, str) else texts
            for name, texts in records.items()
        }
        server.zone |= {("shop.example", kind): values for kind, values in zone.items()}
        server.zone |= HOSTS
        server.reverse("192.0.2.1", "mail.shop.example", "liar.shop.example")
        server.reverse("198.51.100.1", "liar.shop.example")
        resolver = dns.Resolver(server="127.0.0.1", port=server.port, seconds=1)
        return spf.evaluate(resolver, "shop.example", address=address)

    return verdict


@pytest.mark.parametrize(
    ("record", "result"),
    [
        ("v=spf1 ip4:192.0.2.1 -all", Result.PASS),
        ("v=spf1 ip4:192.0.2.0/24 -all", Result.PASS),
        ("V=SPF1 IP4:192.0.2.1 -ALL", Result.PASS),
        ("v=spf1 ip4:192.0.2.2 -all", Result.FAIL),
        ("v=spf1 ip4:192.0.2.2 ~all", Result.SOFTFAIL),
        ("v=spf1 ip4:192.0.2.2 ?all", Result.NEUTRAL),
        ("v=spf1 ip4:192.0.2.2", Result.NEUTRAL),
        ("v=spf1 ip6:2001:db8::/32 -all", Result.FAIL),
        ("v=spf1 -ip4:192.0.2.1 +all", Result.FAIL),
        ("v=spf1 a -all", Result.PASS),
        ("v=spf1 a:other.example -all", Result.FAIL),
        ("v=spf1 a:near.example/24 -all", Result.PASS),
        ("v=spf1 a:near.example/32//64 -all", Result.FAIL),
        ("v=spf1 a/24//64 -all", Result.PASS),
        ("v=spf1 mx -all", Result.FAIL),
        ("v=spf1 mx:post.example -all", Result.PASS),
        ("v=spf1 ptr:shop.example -all", Result.PASS),
        ("v=spf1 ptr:other.example -all", Result.FAIL),
        ("v=spf1 exists:%{i}.listed.example -all", Result.PASS),
        ("v=spf1 exists:%{ir}.%{v}.listed.example -all", Result.FAIL),
        ("v=spf1 redirect=allowed.example", Result.PASS),
        ("v=spf1 redirect=allowed.example -all", Result.FAIL),
        ("v=spf1 include:allowed.example -all", Result.PASS),
        ("v=spf1 include:refused.example ~all", Result.SOFTFAIL),
        ("v=spf1 exp=why.example unknown=1 -all", Result.FAIL),
        ("v=spf10 +all", Result.NONE),
        ("something else", Result.NONE),
        ("v=spf1 include:nothing.example -all", Result.ERROR),
        ("v=spf1 redirect=nothing.example", Result.ERROR),
        ("v=spf1 include:shop.example -all", Result.ERROR),
    ],
)
def test_result_is_that_of_the_rules(record, result, judge):
    records = {"shop": record, "allowed": "v=spf1 ip4:192.0.2.1 ~all", "refused": "v=spf1 -all"}

    assert judge(records, A=["192.0.2.1"], MX=["10 other.example."]).result is result


def test_name_of_the_address_counts_when_it_leads_back(judge):
    good = judge({"shop": "v=spf1 ptr -all"})
    bad = judge({"shop": "v=spf1 ptr -all"}, address="198.51.100.1")

    assert (good.result, good.uses_ptr) == (Result.PASS, True)
    assert bad.result is Result.FAIL


def test_ipv6_address_is_found_under_a_host(judge):
    assert judge({"shop": "v=spf1 a:six.example -all"}, address="2001:db8::1").result is Result.PASS
    assert judge({"shop": "v=spf1 a:six.example//64 -all"}, address="2001:db8::2").result is Result.PASS
    assert judge({"shop": "v=spf1 a:six.example -all"}, address="2001:db8::2").result is Result.FAIL


@pytest.mark.parametrize(
    ("record", "word"),
    [
        ("v=spf1 ip4:192.0.2 -all", "ip4:192.0.2"),
        ("v=spf1 ip4:2001:db8::1 -all", "ip4:2001:db8::1"),
        ("v=spf1 ip4 -all", "ip4"),
        ("v=spf1 inlcude:x.example -all", "inlcude:x.example"),
        ("v=spf1 include -all", "include"),
        ("v=spf1 include/24 -all", "include/24"),
        ("v=spf1 all:x", "all:x"),
        ("v=spf1 a/33 -all", "a/33"),
        ("v=spf1 a//129 -all", "a//129"),
        ("v=spf1 ip4:192.0.2.1, -all", "ip4:192.0.2.1,"),
        ("v=spf1 ip4:192.0.2.1 -all extra", "extra"),
    ],
)
def test_record_is_broken_when_a_word_cannot_be_read(record, word, judge):
    verdict = judge({"shop": record}, address="")

    assert (verdict.result, verdict.fault, verdict.detail) == (Result.ERROR, Fault.SYNTAX, word)


def test_record_is_broken_when_there_are_two(judge):
    assert judge({"shop": ["v=spf1 -all", "v=spf1 mx -all"]}).fault is Fault.SEVERAL


def test_record_is_broken_when_something_included_is(judge):
    assert judge({"shop": "v=spf1 include:a.example -all", "a": "v=spf1 nonsense"}).fault is Fault.SYNTAX


def test_record_is_broken_when_it_includes_itself_by_another(judge):
    records = {"shop": "v=spf1 include:a.example -all", "a": "v=spf1 include:shop.example -all"}

    assert judge(records).fault is Fault.LOOP


@pytest.mark.parametrize("address", ["", "192.0.2.1"])
def test_lookups_are_counted_through_what_is_included(address, judge):
    records = {"shop": "v=spf1 include:a0.example a mx -all"}
    records |= {f"a{number}": f"v=spf1 include:a{number + 1}.example ~all" for number in range(7)}
    records["a7"] = "v=spf1 ip4:198.51.100.1 ~all"
    good = judge(records, address=address, A=["198.51.100.9"], MX=["10 shop.example."])
    records["a7"] = "v=spf1 a:shop.example ~all"
    bad = judge(records, address=address, A=["198.51.100.9"], MX=["10 shop.example."])

    assert (good.fault, good.lookups) == (None, 10)
    assert (bad.fault, bad.detail) == (Fault.LOOKUPS, "11")


def test_counting_ends_when_a_record_goes_on_for_ever(judge, server):
    records = {f"a{number}": f"v=spf1 include:a{number + 1}.example ~all" for number in range(100)}
    records["shop"] = "v=spf1 include:a0.example -all"

    assert judge(records, address="").fault is Fault.LOOKUPS
    assert len(server.asked) < 600


def test_record_is_broken_when_it_names_too_much_that_is_not_there(judge):
    assert judge({"shop": "v=spf1 a:x.example a:y.example -all"}).fault is None
    assert judge({"shop": "v=spf1 a:x.example mx:y.example exists:z.example -all"}).fault is Fault.VOIDS


def test_ending_is_that_of_the_record_and_not_of_what_it_includes(judge):
    records = {"shop": "v=spf1 include:a.example ~all", "a": "v=spf1 +all", "b": "v=spf1 -all"}

    assert judge(records, address="").ending is Result.SOFTFAIL
    assert judge({**records, "shop": "v=spf1 include:a.example"}, address="").ending is None
    assert judge({**records, "shop": "v=spf1 redirect=b.example"}, address="").ending is Result.FAIL


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        # RFC 7208, 7.4.
        ("%{s}", "strong-bad@email.example.com"),
        ("%{o}", "email.example.com"),
        ("%{d4}", "email.example.com"),
        ("%{d2}", "example.com"),
        ("%{d1}", "com"),
        ("%{dr}", "com.example.email"),
        ("%{d2r}", "example.email"),
        ("%{l}", "strong-bad"),
        ("%{l-}", "strong.bad"),
        ("%{lr-}", "bad.strong"),
        ("%{l1r-}", "strong"),
        ("%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"),
        ("%{lr-}.lp.%{ir}.%{v}._spf.%{d2}", "bad.strong.lp.3.2.0.192.in-addr._spf.example.com"),
        ("%{d2}.trusted-domains.example.net", "example.com.trusted-domains.example.net"),
        ("a%%b%_c%-d", "a%b c%20d"),
    ],
)
def test_macros_are_filled_in_as_the_rfc_shows(spec, name):
    address = ipaddress.ip_address("192.0.2.3")
    filled = macros.expanded(
        spec, domain="email.example.com", sender="strong-bad@email.example.com", address=address
    )

    assert filled == name


def test_macros_spell_out_an_ipv6_address():
    address = ipaddress.ip_address("2001:db8::cb01")
    filled = macros.expanded("%{ir}.%{v}._spf.%{d2}", domain="example.com", sender="a@b", address=address)

    assert filled == "1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6._spf.example.com"


def test_macros_give_nothing_when_the_address_is_not_known():
    assert macros.expanded("%{i}.example.com", domain="example.com", sender="a@b", address=None) is None
    assert macros.expanded("%{d}", domain="example.com", sender="a@b", address=None) == "example.com"
