"""SPF: which addresses a domain lets send in its name (RFC 7208)."""

from __future__ import annotations

import enum
import ipaddress
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from guestlist.mail.checkup import macros

if TYPE_CHECKING:
    from guestlist.mail.checkup.macros import Address
    from guestlist.mail.dns import Resolver

MAX_LOOKUPS = 10
MAX_VOIDS = 2
_MAX_HOSTS = 10
_ENOUGH = 40
"""Lookups after which counting ends: a record beyond it is as wrong as one far beyond it."""
_TERM = re.compile(r"([+?~-]?)(all|include|a|mx|ptr|ip4|ip6|exists)(?:([:/])(.*))?", re.IGNORECASE)
_MODIFIER = re.compile(r"([a-z][a-z0-9_.-]*)=(.*)", re.IGNORECASE)
_CIDR = re.compile(r"([^/]*)(?:/(\d{1,2}))?(?://(\d{1,3}))?")


class Result(enum.StrEnum):
    """What a receiver makes of an address (RFC 7208, 2.6); a failing look-up raises instead."""

    PASS = "pass"  # noqa: S105 - a result
    FAIL = "fail"
    SOFTFAIL = "softfail"
    NEUTRAL = "neutral"
    NONE = "none"
    ERROR = "permerror"


class Fault(enum.StrEnum):
    """Why receivers cannot use a record at all."""

    SEVERAL = "several"
    SYNTAX = "syntax"
    LOOKUPS = "lookups"
    VOIDS = "voids"
    LOOP = "loop"
    NO_INCLUDED = "no_included"


_QUALIFIERS = {"+": Result.PASS, "-": Result.FAIL, "~": Result.SOFTFAIL, "?": Result.NEUTRAL}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of reading a domain's record.

    ``fault`` and ``detail`` say what is wrong where the result is an error; ``ending`` is what the record says of everybody
    else, or None where it says nothing.
    """

    result: Result
    records: tuple[str, ...] = ()
    lookups: int = 0
    fault: Fault | None = None
    detail: str = ""
    ending: Result | None = None
    uses_ptr: bool = False


class _FaultError(Exception):
    def __init__(self, fault: Fault, detail: str) -> None:
        super().__init__(detail)
        self.fault = fault
        self.detail = detail


@dataclass(frozen=True, slots=True)
class _Term:
    qualifier: Result
    name: str
    value: str
    bits4: int = 32
    bits6: int = 128


@dataclass(slots=True)
class _Walk:
    """One way through a record and what it includes; without an address every way is taken, only to count."""

    resolver: Resolver
    address: Address | None
    sender: str
    lookups: int = 0
    voids: int = 0
    uses_ptr: bool = False
    ending: Result | None = None
    includes: int = 0
    within: list[str] = field(default_factory=list)

    def check(self, domain: str) -> Result:
        """Return the result for a domain (RFC 7208, 4)."""
        if domain in self.within:
            raise _FaultError(Fault.LOOP, domain)
        texts = records(self.resolver, domain)
        if len(texts) > 1:
            raise _FaultError(Fault.SEVERAL, domain)
        if not texts:
            return Result.NONE
        terms, redirect = _parsed(texts[0])
        self.within.append(domain)
        try:
            return self._decided(domain, terms, redirect)
        finally:
            self.within.pop()

    def _decided(self, domain: str, terms: list[_Term], redirect: str) -> Result:
        for term in terms:
            if term.name == "all" and not self.includes:
                self.ending = term.qualifier
            if self._matches(term, domain):
                return term.qualifier
        if not redirect:
            return Result.NEUTRAL
        self._count()
        target = self._expanded(redirect, domain)
        return self._required(target) if target else Result.NEUTRAL

    def _required(self, target: str) -> Result:
        result = self.check(target)
        if result is Result.NONE:
            raise _FaultError(Fault.NO_INCLUDED, target)
        return result

    def _matches(self, term: _Term, domain: str) -> bool:
        if term.name == "all":
            return True
        if term.name in {"ip4", "ip6"}:
            return self.address is not None and self.address in ipaddress.ip_network(term.value, strict=False)
        self._count()
        self.uses_ptr |= term.name == "ptr"
        target = self._expanded(term.value, domain) if term.value else domain
        # Without the address nothing can be asked for under a name that is made from it.
        found = target is not None and self._found(term, target)
        return found and self.address is not None

    def _found(self, term: _Term, target: str) -> bool:
        match term.name:
            case "include":
                self.includes += 1
                result = self._required(target)
                self.includes -= 1
                return result is Result.PASS
            case "exists":
                found = self.resolver.ipv4(target)
                self._count_void(empty=not found)
                return bool(found)
            case "ptr":
                return self.address is not None and self._named(target)
            case "mx":
                hosts = self.resolver.mx(target)[:_MAX_HOSTS]
                self._count_void(empty=not hosts)
                return any(self._within(self._addresses(host), term) for host in hosts)
        addresses = self._addresses(target)
        self._count_void(empty=not addresses)
        return self._within(addresses, term)

    def _within(self, addresses: list[str], term: _Term) -> bool:
        return self.address is not None and any(
            self.address
            in ipaddress.ip_network(f"{one}/{term.bits6 if ':' in one else term.bits4}", strict=False)
            for one in addresses
        )

    def _addresses(self, host: str) -> list[str]:
        if self.address is None:
            return self.resolver.addresses(host)
        return self.resolver.ipv4(host) if self.address.version == 4 else self.resolver.ipv6(host)  # noqa: PLR2004

    def _named(self, domain: str) -> bool:
        """Whether a name of the address, confirmed by its own record, lies within the domain (RFC 7208, 5.5)."""
        names = self.resolver.names(str(self.address))[:_MAX_HOSTS]
        return any(
            (name == domain or name.endswith(f".{domain}"))
            and str(self.address) in [str(ipaddress.ip_address(one)) for one in self._addresses(name)]
            for name in names
        )

    def _count(self) -> None:
        self.lookups += 1
        if self.lookups > (MAX_LOOKUPS if self.address is not None else _ENOUGH):
            raise _FaultError(Fault.LOOKUPS, str(self.lookups))

    def _count_void(self, *, empty: bool) -> None:
        self.voids += empty
        if self.voids > MAX_VOIDS:
            raise _FaultError(Fault.VOIDS, str(self.voids))

    def _expanded(self, spec: str, domain: str) -> str | None:
        return macros.expanded(spec, domain=domain, sender=self.sender, address=self.address)


def records(resolver: Resolver, domain: str) -> list[str]:
    """Return the SPF records of a domain; there should be one.

    :raises LookupFailed: when nobody could say.
    """
    return [text for text in resolver.txt(domain) if text.lower().split(" ", 1)[0] == "v=spf1"]


def evaluate(resolver: Resolver, domain: str, *, address: str = "", sender: str = "") -> Verdict:
    """Return what a receiver makes of mail from this address in the name of the domain.

    Without an address everything that the record includes is read, and its look-ups are counted.

    :raises LookupFailed: when nobody could say what is published.
    """
    walk = _Walk(
        resolver, ipaddress.ip_address(address) if address else None, sender or f"postmaster@{domain}"
    )
    found = tuple(records(resolver, domain))
    try:
        result = walk.check(domain)
        if walk.lookups > MAX_LOOKUPS:
            raise _FaultError(Fault.LOOKUPS, str(walk.lookups))  # noqa: TRY301 - one answer to every fault
    except _FaultError as error:
        return Verdict(
            Result.ERROR,
            found,
            walk.lookups,
            fault=error.fault,
            detail=error.detail,
            ending=walk.ending,
            uses_ptr=walk.uses_ptr,
        )
    return Verdict(result, found, walk.lookups, ending=walk.ending, uses_ptr=walk.uses_ptr)


def _parsed(record: str) -> tuple[list[_Term], str]:
    """Return a record's mechanisms up to "all", and where it redirects to if it has no "all"."""
    terms: list[_Term] = []
    redirect = ""
    for word in record.split()[1:]:
        modifier = _MODIFIER.fullmatch(word)
        if modifier:
            if modifier[1].lower() == "redirect":
                redirect = modifier[2]
        else:
            terms.append(_term(word))
    at = next((place for place, term in enumerate(terms) if term.name == "all"), None)
    return (terms, redirect) if at is None else (terms[: at + 1], "")


def _term(word: str) -> _Term:
    match = _TERM.fullmatch(word)
    if match is None:
        raise _FaultError(Fault.SYNTAX, word)
    qualifier, name = _QUALIFIERS[match[1] or "+"], match[2].lower()
    value = (match[4] or "") if match[3] != "/" else f"/{match[4]}"
    if name in {"ip4", "ip6"}:
        try:
            if ipaddress.ip_network(value, strict=False).version != int(name[-1]):
                raise ValueError(value)  # noqa: TRY301 - as wrong as one that cannot be read
        except ValueError:
            raise _FaultError(Fault.SYNTAX, word) from None
        return _Term(qualifier, name, value)
    if (name == "all" and match[3]) or (name in {"include", "exists"} and (match[3] != ":" or not value)):
        raise _FaultError(Fault.SYNTAX, word)
    if name not in {"a", "mx"}:
        return _Term(qualifier, name, value)
    cidr = _CIDR.fullmatch(value)
    if cidr is None or int(cidr[2] or 0) > 32 or int(cidr[3] or 0) > 128:  # noqa: PLR2004 - bits of an address
        raise _FaultError(Fault.SYNTAX, word)
    return _Term(qualifier, name, cidr[1], int(cidr[2] or 32), int(cidr[3] or 128))
