"""Questions to a real server, and what its answers mean."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from guestlist.mail import dns
from tests.mail import nameserver


@pytest.fixture
def server():
    with nameserver.running() as one:
        yield one


@pytest.fixture
def resolver(server):
    return dns.Resolver(server="127.0.0.1", port=server.port, seconds=1)


def test_records_are_found_when_they_are_published(server, resolver):
    server.zone = {
        ("shop.example", "TXT"): ["v=spf1 -all", "x" * 450],
        ("shop.example", "MX"): ["20 b.example.", "10 A.example."],
        ("a.example", "A"): ["192.0.2.1"],
        ("a.example", "AAAA"): ["2001:db8::1"],
        ("alias.example", "CNAME"): ["shop.example."],
    }
    server.reverse("192.0.2.1", "a.example")
    server.reverse("2001:db8::1", "a.example")

    assert sorted(resolver.txt("shop.example")) == ["v=spf1 -all", "x" * 450]
    assert sorted(resolver.txt("Alias.example.")) == ["v=spf1 -all", "x" * 450]
    assert resolver.mx("shop.example") == ["a.example", "b.example"]
    assert resolver.addresses("a.example") == ["192.0.2.1", "2001:db8::1"]
    assert resolver.names("192.0.2.1") == resolver.names("2001:db8::1") == ["a.example"]


def test_nothing_is_found_when_nothing_is_published(server, resolver):
    server.zone = {("below.shop.example", "A"): ["192.0.2.1"]}

    assert resolver.txt("shop.example") == []
    assert resolver.mx("nowhere.example") == []
    assert resolver.names("192.0.2.9") == []


def test_text_has_no_control_characters_when_it_is_shown(server, resolver):
    server.zone = {("shop.example", "TXT"): ["v=spf1 \x1b[2J\x07 -all"]}

    assert resolver.txt("shop.example") == ["v=spf1 \ufffd[2J\ufffd -all"]


@pytest.mark.parametrize("name", ["a" * 64 + ".example", "a..example", ".".join(["a" * 60] * 5), ""])
def test_nothing_is_found_when_the_name_cannot_exist(name, server, resolver):
    assert resolver.txt(name) == []


def test_long_answer_comes_over_tcp_when_it_does_not_fit(server, resolver):
    server.zone = {("shop.example", "TXT"): ["x" * 1500]}

    assert resolver.txt("shop.example") == ["x" * 1500]
    assert [over for *_asked, over in server.asked] == ["udp", "tcp"]


def test_lookup_fails_when_the_server_fails_or_says_nothing(server, resolver):
    server.failing = {"broken.example"}
    server.silent = {"silent.example"}

    with pytest.raises(dns.LookupFailed, match="server failure"):
        resolver.txt("broken.example")
    with pytest.raises(dns.LookupFailed, match="no answer"):
        resolver.txt("silent.example")


def test_server_is_asked_once_when_the_answer_is_known(server, resolver):
    server.failing = {"broken.example"}
    for _time in range(3):
        resolver.txt("shop.example")
        with pytest.raises(dns.LookupFailed):
            resolver.txt("broken.example")
    names = [name for name, *_rest in server.asked]

    assert names.count("shop.example") == 1
    assert 1 <= names.count("broken.example") <= 2


@pytest.mark.parametrize("text", ["127.0.0.1:{port}", " 127.0.0.1:{port} "])
def test_resolver_asks_the_server_that_is_configured(text, server):
    server.zone = {("shop.example", "TXT"): ["here"]}

    assert dns.Resolver.configured(text.format(port=server.port)).txt("shop.example") == ["here"]


@pytest.mark.parametrize("text", ["192.0.2.53", "192.0.2.53:53", "2001:db8::53", "[2001:db8::53]:5353"])
def test_resolver_is_made_when_the_setting_is_an_address(text):
    dns.Resolver.configured(text)


@pytest.mark.parametrize("text", ["ns.example", "ns.example:53", "192.0.2.53:x", "192.0.2.53:99999", ":53"])
def test_setting_is_refused_when_it_is_no_address(text):
    with pytest.raises(ImproperlyConfigured, match="GUESTLIST_DNS_SERVER"):
        dns.Resolver.configured(text)
