"""The macros of SPF: names made from the address, the sender and the domain (RFC 7208, 7)."""

from __future__ import annotations

import ipaddress
import re

type Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_MACRO = re.compile(r"%(?:\{([slodiphcrtv])(\d{0,3})(r?)([.+,/_=-]*)\}|([%_-]))", re.IGNORECASE)
_LITERALS = {"%": "%", "_": " ", "-": "%20"}
_IPV4 = 4


def expanded(spec: str, *, domain: str, sender: str, address: Address | None) -> str | None:
    """Return a domain with its macros filled in, or None where they need an address that is not known."""
    filled: list[str] = []
    at = 0
    for match in _MACRO.finditer(spec):
        value = _LITERALS[match[5]] if match[5] else _value(match[1].lower(), domain, sender, address)
        if value is None:
            return None
        filled += [spec[at : match.start()], value if match[5] else _cut(value, match)]
        at = match.end()
    return "".join([*filled, spec[at:]]).rstrip(".").lower()


def _value(letter: str, domain: str, sender: str, address: Address | None) -> str | None:
    local, _at, of = sender.rpartition("@")
    # The name that a server greets with (h) is not known here; the sender's domain is what RFC 7208, 2.4 falls back to.
    known = {"s": sender, "l": local or "postmaster", "o": of, "h": of, "d": domain}
    if letter in known:
        return known[letter]
    if address is None:
        return None
    is_ipv4 = address.version == _IPV4
    dotted = str(address) if is_ipv4 else ".".join(address.exploded.replace(":", ""))
    return {"i": dotted, "c": str(address), "v": "in-addr" if is_ipv4 else "ip6"}.get(letter, "unknown")


def _cut(value: str, match: re.Match[str]) -> str:
    """Return the value split, turned round and cut as the macro says."""
    parts = re.split("[" + re.escape(match[4] or ".") + "]", value)
    if match[3]:
        parts.reverse()
    return ".".join(parts[-int(match[2] or 0) :])
