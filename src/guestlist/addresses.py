"""Mail addresses: one normal form for everything that compares them, and the keyed hash that outlives them."""

from __future__ import annotations

import hashlib
import hmac
import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

import idna
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from guestlist.refusal import Refusal

MAX_LENGTH = 254
"""Longest address that fits a forward path (RFC 5321, 4.5.3.1.3), in characters of the normal form."""
_MAX_TYPED = 4 * MAX_LENGTH
"""Characters that are looked at: to compose letters and marks takes the square of how many there are."""
_MAX_NAME = 200
"""Characters of a name before an address that are looked at."""
MAX_LOCAL_PART = 64
"""Longest local part (RFC 5321, 4.5.3.1.1), in octets."""

_HASH_LENGTH = 16
# 128 bits: among ten million addresses no two will ever share a hash, and the unique index is a third smaller.

# RFC 5321 dot-string with RFC 6531's non-ASCII letters; quoted local parts are legal but nobody's friend has one.
_LOCAL_PART = re.compile(r"[^\s\x00-\x20\x7f-\xa0\"(),:;<>@\[\\\]]+")
_SEPARATORS = re.compile(r"[,;\s\u200b]+")
_WORDS = re.compile(r"[^,;\s\u200b]+")
_QUOTED = re.compile(r'\\(.)|"')
_BRACKETED = re.compile(r"<([^<>\s]*)>")

_FAMILIAR_DOMAINS = (
    "gmail.com",
    "hotmail.com",
    "outlook.com",
    "live.nl",
    "icloud.com",
    "yahoo.com",
    "ziggo.nl",
    "kpnmail.nl",
    "planet.nl",
    "hetnet.nl",
    "xs4all.nl",
    "gmx.de",
    "web.de",
    "proton.me",
)


class MalformedAddress(Refusal):
    """The text is not a mail address."""

    code = "malformed_address"
    message = _("“%(address)s” is not a mail address. It should look like name@example.com.")


class AddressTooLong(MalformedAddress):
    """The text is longer than mail servers accept."""

    code = "address_too_long"
    message = _(
        "This address is too long: mail servers accept at most 254 characters, 64 of them before the @."
    )


def normalize(text: str) -> str:
    """Return the form in which two addresses are compared.

    Stripped, Unicode NFC, local part lower-cased, domain in A-labels by UTS 46 (RFC 5891). Dots and plus signs are kept:
    whether they matter is the mailbox provider's business.

    :raises MalformedAddress: when the text is no address.
    :raises AddressTooLong: when it exceeds the limits of RFC 5321.
    """
    typed = text.strip()
    if len(typed) > _MAX_TYPED:
        raise AddressTooLong(address=typed[:80])
    typed = unicodedata.normalize("NFC", typed)
    shown = typed[:80]
    local_part, at, domain = typed.rpartition("@")
    if not at or not local_part or not domain or not _LOCAL_PART.fullmatch(local_part):
        raise MalformedAddress(address=shown)
    if local_part.startswith(".") or local_part.endswith(".") or ".." in local_part:
        raise MalformedAddress(address=shown)
    # What can be printed is none of these, and asked in one step.
    if not typed.isprintable() and any(
        unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} for character in typed
    ):
        raise MalformedAddress(address=shown)
    if len(typed) > MAX_LENGTH or len(local_part.encode()) > MAX_LOCAL_PART:
        raise AddressTooLong(address=shown)
    host = _host(domain)
    if not host:
        raise MalformedAddress(address=shown)
    normal = f"{unicodedata.normalize('NFC', local_part.lower())}@{host}"
    # Once more: lower-casing can lengthen a letter, and so can a domain's A-labels.
    if len(normal) > MAX_LENGTH or len(normal.rpartition("@")[0].encode()) > MAX_LOCAL_PART:
        raise AddressTooLong(address=shown)
    return normal


def piece(text: str) -> str:
    """Return a piece of an address as it stands in the normal form; of a domain the parts that are whole, after an ``@``."""
    local_part, at, domain = unicodedata.normalize("NFC", text).rpartition("@")
    labels = domain.split(".") if at else [domain]
    host = ".".join(one if one.isascii() or not at else _label(one) for one in labels)
    return unicodedata.normalize("NFC", f"{local_part}{at}{host}".lower())


def _label(text: str) -> str:
    try:
        return idna.encode(text, uts46=True, std3_rules=True, transitional=False).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        return text


@lru_cache(maxsize=4096)
def _host(domain: str) -> str:
    """Return the normal form of a domain, nothing where it is none; kept, because most addresses share a few."""
    try:
        ascii_domain = idna.encode(domain, uts46=True, std3_rules=True, transitional=False).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        return ""
    # After the mapping: other scripts have full stops of their own, and a root's stop would make a second spelling.
    host, dot, ending = ascii_domain.lower().rstrip(".").rpartition(".")
    return f"{host}.{ending}" if dot and not ending.isdigit() else ""


def split(text: str) -> list[str]:
    """Return the addresses that somebody pasted: separated by commas, semicolons, spaces or lines, or ``Name <address>``.

    What is no address is returned as it stands, so that it can be shown and corrected; order is kept.
    """
    return [entry.address for entry in split_named(text)]


@dataclass(frozen=True, slots=True)
class Entry:
    """One pasted address with the name that stood before it, if any."""

    address: str
    name: str = ""


def split_named(text: str) -> list[Entry]:
    """Return the pasted addresses like :func:`split`, each with the name of ``Name <address>`` where there was one."""
    entries: list[Entry] = []
    position = 0
    for match in _BRACKETED.finditer(text):
        before = text[position : match.start()]
        rest, name = _name_at_end(before)
        entries += [Entry(part) for part in _SEPARATORS.split(rest) if part]
        # Bare addresses may stand in the same line before the name: "a@example.com Ann <ann@example.com>".
        if '"' not in name:
            words = _WORDS.findall(name)
            entries += [Entry(part) for part in words if "@" in part]
            # At once, not one after the other: there may be hundreds of thousands, and a name as long as all of them.
            name = " ".join(part for part in words if "@" not in part)
        entries.append(Entry(match.group(1), _said(name.strip()[:_MAX_NAME])))
        position = match.end()
    entries += [Entry(part) for part in _SEPARATORS.split(text[position:]) if part]
    return entries


def _said(name: str) -> str:
    """Return a name without the quotation marks that mail programs put around it (RFC 5322, 3.2.4); of two lines is none."""
    # Not by the library's parser: in what is pasted there may be hundreds of thousands of names.
    return "" if "\n" in name or "\r" in name else " ".join(_QUOTED.sub(r"\1", name).split())


def _name_at_end(before: str) -> tuple[str, str]:
    """Return what stands before a bracket in two parts: other addresses, and the name that belongs to the bracket."""
    trimmed = before.rstrip()
    if trimmed.endswith('"') and (opening := trimmed.rfind('"', 0, -1)) >= 0:
        return before[:opening], trimmed[opening:]
    start = max(before.rfind(character) for character in ',;\n<>"') + 1
    return before[:start], before[start:]


def suggestion(address: str) -> str | None:
    """Return the address that was probably meant ("gmial.com: did you mean gmail.com?"), or None.

    Only familiar domains one slip away are suggested: one letter wrong, missing, doubled or two exchanged.
    """
    local_part, at, domain = address.strip().rpartition("@")
    domain = domain.lower()
    if not at or domain in _FAMILIAR_DOMAINS:
        return None
    for familiar in _FAMILIAR_DOMAINS:
        if _one_slip_apart(domain, familiar):
            return f"{local_part}@{familiar}"
    return None


def _one_slip_apart(one: str, other: str) -> bool:
    if abs(len(one) - len(other)) > 1:
        return False
    start = next(
        (i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )
    if len(one) == len(other):
        exchanged = one[start : start + 2] == other[start : start + 2][::-1]
        return one[start + 1 :] == other[start + 1 :] or (
            exchanged and one[start + 2 :] == other[start + 2 :]
        )
    longer, shorter = (one, other) if len(one) > len(other) else (other, one)
    return longer[start + 1 :] == shorter[start:]


def hash_of(normal: str) -> bytes:
    """Return the keyed hash (HMAC-SHA256, its first 16 bytes) of a normalized address.

    Its key never rotates: uniqueness, suppression and limits must hold after the address itself is erased.
    """
    return hmac.digest(settings.GUESTLIST_ADDRESS_KEY, normal.encode(), hashlib.sha256)[:_HASH_LENGTH]


def masked(address: str) -> str:
    """Return the address with most of it hidden, for a visitor who may not be its owner: ``j…@e…e.com``."""
    local_part, _at, domain = address.rpartition("@")
    name, _dot, ending = domain.rpartition(".")
    return f"{local_part[:1]}…@{name[:1]}….{ending}"
