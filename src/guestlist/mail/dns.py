"""Asking the domain name system, with an end to every question."""

from __future__ import annotations

import ipaddress
import re
import threading
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

import dns.exception
import dns.name
import dns.rdatatype
import dns.resolver
import dns.reversename
from django.core.exceptions import ImproperlyConfigured

if TYPE_CHECKING:
    from collections.abc import Sequence

    import dns.rdata

SECONDS = 5.0
"""How long one question may take, whatever the servers do."""
_PORT = 53
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_LARGEST_ANSWER = 1232


class LookupFailed(Exception):  # noqa: N818 - it is an answer, not an error
    """Nobody could say what is published under a name; something may be there, or not."""

    def __init__(self, name: str, reason: str) -> None:
        """Keep the name that was asked for, and why nothing came back."""
        super().__init__(f"{name}: {reason}")
        self.name = name
        self.reason = reason


class Resolver:
    """Asks for records, and remembers the answers for as long as it lives.

    A name that does not exist, or has no record of that type, gives an empty list; every other failure raises.
    """

    def __init__(self, *, server: str = "", port: int = _PORT, seconds: float = SECONDS) -> None:
        """Ask the server at this IP address, or whom the system asks.

        :raises ImproperlyConfigured: when the system names nobody.
        """
        try:
            self._resolver = dns.resolver.Resolver(configure=not server)
        except dns.resolver.NoResolverConfiguration:
            raise ImproperlyConfigured(
                "This machine has no DNS resolver. Set GUESTLIST_DNS_SERVER to the address of one, like 192.0.2.53."
            ) from None
        if server:
            self._resolver.nameservers = [server]
            self._resolver.port = port
        self._resolver.use_edns(0, 0, _LARGEST_ANSWER)
        self._resolver.lifetime = seconds
        self._resolver.timeout = min(2.0, seconds)
        self._known: dict[tuple[str, str], Sequence[dns.rdata.Rdata] | LookupFailed] = {}
        self._lock = threading.Lock()

    @classmethod
    def configured(cls, text: str) -> Self:
        """Return one that asks ``address:port``, ``[address]:port`` or ``address``; the system's where that is empty.

        :raises ImproperlyConfigured: when it cannot be read.
        """
        if not text.strip():
            return cls()
        try:
            # An IPv6 address by itself has colons of its own.
            bare = str(ipaddress.ip_address(text.strip()))
        except ValueError:
            bare = ""
        try:
            parts = urlsplit(f"//{text.strip()}")
            server, port = (bare, _PORT) if bare else (parts.hostname or "", parts.port or _PORT)
            ipaddress.ip_address(server)
        except ValueError:
            raise ImproperlyConfigured(
                f"GUESTLIST_DNS_SERVER must be an IP address with or without a port, like 192.0.2.53:53, not {text!r}."
            ) from None
        return cls(server=server, port=port)

    def txt(self, name: str) -> list[str]:
        """Return the texts under a name, each joined from its strings (RFC 7208, 3.3).

        :raises LookupFailed: when nobody could say.
        """
        return [
            # What others publish reaches terminals and pages.
            _CONTROL.sub("\ufffd", b"".join(record.strings).decode("utf-8", "replace"))  # type: ignore[attr-defined]
            for record in self._asked(name, "TXT")
        ]

    def mx(self, name: str) -> list[str]:
        """Return the mail hosts of a domain, the preferred one first; ``.`` alone means "no mail" (RFC 7505).

        :raises LookupFailed: when nobody could say.
        """
        found = sorted(
            (record.preference, _plain(record.exchange))  # type: ignore[attr-defined]
            for record in self._asked(name, "MX")
        )
        return [host for _preference, host in found]

    def ipv4(self, name: str) -> list[str]:
        """Return the IPv4 addresses of a host.

        :raises LookupFailed: when nobody could say.
        """
        return [str(record.address) for record in self._asked(name, "A")]  # type: ignore[attr-defined]

    def ipv6(self, name: str) -> list[str]:
        """Return the IPv6 addresses of a host.

        :raises LookupFailed: when nobody could say.
        """
        return [str(record.address) for record in self._asked(name, "AAAA")]  # type: ignore[attr-defined]

    def addresses(self, name: str) -> list[str]:
        """Return all addresses of a host.

        :raises LookupFailed: when nobody could say.
        """
        return [*self.ipv4(name), *self.ipv6(name)]

    def names(self, address: str) -> list[str]:
        """Return the names of an IP address: its PTR records.

        :raises LookupFailed: when nobody could say.
        """
        found = self._asked(reverse_name(address), "PTR")
        return sorted(_plain(record.target) for record in found)  # type: ignore[attr-defined]

    def _asked(self, name: str, kind: str) -> Sequence[dns.rdata.Rdata]:
        key = (name.rstrip(".").lower(), kind)
        with self._lock:
            known = self._known.get(key)
        if known is None:
            known = self._answer(*key)
            with self._lock:
                self._known[key] = known
        if isinstance(known, LookupFailed):
            raise known
        return known

    def _answer(self, name: str, kind: str) -> Sequence[dns.rdata.Rdata] | LookupFailed:
        try:
            wanted = dns.name.from_text(f"{name}.")
        except (dns.exception.DNSException, UnicodeError):
            return []  # no such name can exist
        try:
            return list(self._resolver.resolve(wanted, dns.rdatatype.from_text(kind), search=False))
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except dns.resolver.LifetimeTimeout:
            return LookupFailed(name, "no answer")
        except dns.resolver.NoNameservers:
            return LookupFailed(name, "server failure")
        except (dns.exception.DNSException, OSError) as error:
            return LookupFailed(name, type(error).__name__)


def _plain(name: dns.name.Name) -> str:
    text = name.to_text().lower()
    return text if text == "." else text.rstrip(".")


def reverse_name(address: str) -> str:
    """Return the name under which the name of an IP address is published."""
    return _plain(dns.reversename.from_address(address))


def parents(domain: str) -> list[str]:
    """Return the domains above one, the nearest first, without the last label by itself."""
    labels = domain.split(".")
    return [".".join(labels[at:]) for at in range(1, len(labels) - 1)]
