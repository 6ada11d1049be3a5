"""The way that mail takes: the mail server, how it is talked to, the name of its address, and the way back."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from guestlist.mail.answers import Result
from guestlist.mail.checkup.findings import Finding, Level, Record, Topic
from guestlist.mail.dns import parents, reverse_name

if TYPE_CHECKING:
    from guestlist.mail.answers import Answer
    from guestlist.mail.dns import Resolver
    from guestlist.mail.transport import Server

_INSIDE = tuple(
    ipaddress.ip_network(one)
    for one in (
        "127.0.0.0/8",
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "169.254.0.0/16",
        "100.64.0.0/10",
        "::1/128",
        "fc00::/7",
        "fe80::/10",
    )
)
"""Addresses that no receiver ever sees: this machine's and private networks' (RFC 6890)."""


@dataclass(frozen=True, slots=True)
class Route:
    """The mail server, and what is known of the addresses that mail leaves from.

    ``addresses`` were named by the operator; ``guessed`` are the mail server's own where nobody named any, where others can
    see them, and where it is no provider's, which sends from others. ``api`` names the provider that takes mail by HTTP in
    the mail server's place.
    """

    server: Server | None
    addresses: tuple[str, ...] = ()
    guessed: tuple[str, ...] = ()
    is_inside: bool = False
    api: str = ""

    @property
    def host(self) -> str:
        """The mail server's name, or empty where there is none or it is known inside only."""
        return self.server.host if self.server and not self.is_inside else ""

    @property
    def through_provider(self) -> bool:
        """Whether the mail server seems to be somebody else's: one that we sign in to."""
        return bool(self.api) or (bool(self.server and self.server.user) and not self.is_inside)


def known(server: Server | None, *, addresses: Sequence[str], resolver: Resolver, api: str = "") -> Route:
    """Return what is known of the way; `addresses` are those that the operator says mail leaves from.

    :raises LookupFailed: when nobody could say where the mail server is.
    """
    if server is None:
        return Route(None, tuple(addresses), api=api)
    if _is_address(server.host):
        found = [server.host]
    elif "." not in server.host or server.host.endswith(".localhost"):
        found = ["127.0.0.1"]  # this machine, or a name that only this network knows
    else:
        found = resolver.addresses(server.host)
    visible = tuple(one for one in found if not _is_inside(one))
    way = Route(server, tuple(addresses), is_inside=bool(found) and not visible)
    return way if addresses or way.through_provider else replace(way, guessed=visible)


def tls(route: Route) -> list[Finding]:
    """Return whether mail is encrypted on its first step."""
    server = route.server
    if route.api:
        text = _("Mail is handed to %(subject)s over HTTPS, which signs it and tells of bounces.")
        return [Finding("api_ok", Level.OK, Topic.TLS, route.api, text, seen=False)]
    if server is None:
        text = _("No mail server is set, so mail waits. Set GUESTLIST_SMTP_URL.")
        return [Finding("server_missing", Level.PROBLEM, Topic.SERVER, "GUESTLIST_SMTP_URL", text)]
    subject = f"{server.host}:{server.port}"
    if server.implicit_tls or server.starttls:
        text = _("Mail is handed to %(subject)s over TLS, with its certificate checked.")
        return [Finding("tls_ok", Level.OK, Topic.TLS, subject, text)]
    if route.is_inside:
        text = _(
            "Mail is handed to %(subject)s inside your own network. See to it that this server speaks TLS to others "
            "(Postfix: smtp_tls_security_level = may)."
        )
        return [Finding("tls_inside", Level.OK, Topic.TLS, subject, text, seen=False)]
    text = _(
        "Mail is handed to %(subject)s unencrypted, where everybody on the way can read it. Add ?starttls=1 to "
        "GUESTLIST_SMTP_URL, or use smtps://."
    )
    return [Finding("tls_missing", Level.PROBLEM, Topic.TLS, subject, text)]


def reverse(route: Route, *, resolver: Resolver) -> list[Finding]:
    """Return whether the addresses that mail leaves from have names that lead back to them.

    :raises LookupFailed: when nobody could say.
    """
    subject = route.server.host if route.server else route.api or "GUESTLIST_SMTP_URL"
    if route.through_provider and not route.addresses:
        text = _(
            "%(subject)s seems to be a provider's, which passes your mail on from addresses of its own. Their names "
            "are its business; a mail that arrived shows them in its Received lines."
        )
        return [Finding("reverse_provider", Level.OK, Topic.REVERSE, subject, text, seen=False)]
    if not route.addresses and not route.guessed:
        text = _(
            "Which address mail leaves from cannot be seen from here. Name it with --address, and its name is looked at."
        )
        return [Finding("reverse_unknown", Level.WARNING, Topic.REVERSE, subject, text, seen=False)]
    return [_reverse(one, route, resolver) for one in [*route.addresses, *route.guessed]]


def _reverse(address: str, route: Route, resolver: Resolver) -> Finding:
    names = resolver.names(address)
    confirmed = [name for name in names if _leads_to(name, address, resolver)]
    if confirmed:
        text = _("%(subject)s is called %(names)s, and that name leads back to it.")
        return Finding("reverse_ok", Level.OK, Topic.REVERSE, address, text, {"names": confirmed})
    if names:
        text = _(
            "%(subject)s is called %(names)s, but that name does not lead back to it. Publish its address, or have "
            "the reverse name changed."
        )
        host = Record(names[0], "AAAA" if ":" in address else "A", address)
        return Finding(
            "reverse_unconfirmed", Level.PROBLEM, Topic.REVERSE, address, text, {"names": names}, host
        )
    text = _(
        "%(subject)s has no reverse name, and many receivers refuse mail from such addresses. Whoever gives you the "
        "address can set it."
    )
    record = Record(reverse_name(address), "PTR", f"{route.host}.") if route.guessed else None
    return Finding("reverse_missing", Level.PROBLEM, Topic.REVERSE, address, text, record=record)


def _leads_to(name: str, address: str, resolver: Resolver) -> bool:
    wanted = ipaddress.ip_address(address)
    return wanted in [ipaddress.ip_address(one) for one in resolver.addresses(name)]


def replies(domain: str, *, resolver: Resolver, topic: Topic) -> list[Finding]:
    """Return whether mail to a domain arrives anywhere: replies to the sender, or bounces to the return path.

    :raises LookupFailed: when nobody could say.
    """
    hosts = resolver.mx(domain)
    if "." in hosts:
        text = _("%(subject)s says that it takes no mail (its MX is “.”). Use a domain that does.")
        return [Finding(f"{topic.value}_refused", Level.PROBLEM, topic, domain, text)]
    if not hosts and resolver.addresses(domain):
        text = _("Mail to %(subject)s goes to its web server, because it has no MX record. Publish one.")
        own = Record(domain, "MX", f"10 {domain}.")
        return [Finding(f"{topic.value}_no_mx", Level.WARNING, topic, domain, text, record=own)]
    if not hosts:
        text = _(
            "Nothing takes mail for %(subject)s: it has no MX record. Name the server that takes its mail there."
        )
        above = next((found for one in parents(domain) if (found := resolver.mx(one))), None)
        record = Record(domain, "MX", f"10 {above[0]}.") if above else None
        return [Finding(f"{topic.value}_nowhere", Level.PROBLEM, topic, domain, text, record=record)]
    reachable = [host for host in hosts if resolver.addresses(host)]
    if not reachable:
        text = _(
            "Nothing takes mail for %(subject)s: its MX names %(hosts)s, which has no address. Mend the name."
        )
        return [Finding(f"{topic.value}_nowhere", Level.PROBLEM, topic, domain, text, {"hosts": hosts})]
    text = _("Mail to %(subject)s is taken by %(hosts)s.")
    return [Finding(f"{topic.value}_ok", Level.OK, topic, domain, text, {"hosts": reachable})]


def accepted(address: str, answer: Answer) -> Finding:
    """Return what the mail server said of a sender's address; no mail was sent to find out."""
    data = {"code": answer.code, "answer": answer.text}
    if answer.result is Result.ACCEPTED:
        text = _("The mail server accepts %(subject)s as a sender.")
        return Finding("server_accepts", Level.OK, Topic.SERVER, address, text)
    if answer.result is Result.REFUSED_US:
        text = _(
            "The mail server refuses us or %(subject)s as a sender: %(code)s %(answer)s. Check user and password in "
            "GUESTLIST_SMTP_URL, and that the server allows this address."
        )
        return Finding("server_refuses", Level.PROBLEM, Topic.SERVER, address, text, data)
    if answer.result is Result.UNREACHABLE:
        text = _("The mail server cannot be reached: %(answer)s. Check GUESTLIST_SMTP_URL and the network.")
        return Finding("server_unreachable", Level.PROBLEM, Topic.SERVER, address, text, data)
    text = _("The mail server does not take %(subject)s as a sender now: %(code)s %(answer)s.")
    return Finding("server_defers", Level.WARNING, Topic.SERVER, address, text, data)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_inside(address: str) -> bool:
    one = ipaddress.ip_address(address)
    return any(one in network for network in _INSIDE)
