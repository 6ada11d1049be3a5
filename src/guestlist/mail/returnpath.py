"""The return path of each mail: an address of its own, by which a bounce says whose it is (VERP).

The tag before the @ is, in hexadecimal digits: version (1 byte), number of the outbox row (8), and a keyed BLAKE2s of those
(RFC 7693; 10 bytes, and a third of the time of an HMAC, which counts when mails leave by the million). Digits, because mail
servers fold case and some rewrite signs; signed, because whoever could guess one could have any address suppressed. The key
never rotates: bounces come days later. What a tag says counts wherever it stands: the domain may have been rewritten on the
way, or the setting changed since.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import struct
from functools import cache

from django.conf import settings

_VERSION = 1
_HEAD = struct.Struct(">BQ")
_SIGNATURE = 10
_LONGEST = 1 << 63
_TAGGED = re.compile(rf"\+([0-9a-f]{{{2 * (_HEAD.size + _SIGNATURE)}}})@", re.IGNORECASE)
_MOST_TAGS = 20


def address_for(*, message_id: int) -> str | None:
    """Return the envelope sender of the mail with this number, or None when no return path is configured.

    For ``bounces@bounces.shop.example``: ``bounces+`` and 38 digits ``@bounces.shop.example``.
    """
    if not settings.GUESTLIST_RETURN_PATH:
        return None
    local_part, domain = _parts(settings.GUESTLIST_RETURN_PATH)
    return f"{local_part}+{tag_for(message_id=message_id)}@{domain}"


def tag_for(*, message_id: int) -> str:
    """Return the signed tag of the mail with this number, 38 hexadecimal digits, with or without a return path."""
    head = _HEAD.pack(_VERSION, message_id)
    return (head + _sign(head)).hex()


def opened_tag(tag: str) -> int | None:
    """Return the number of the mail that a bare tag was made for, or None when it is none of ours."""
    return opened(f"+{tag}@") if len(tag) == 2 * (_HEAD.size + _SIGNATURE) else None


def opened(text: str) -> int | None:
    """Return the number of the mail whose return path stands in a text (an address, a header), or None.

    Only the first twenty tags are looked at; a tag that is not signed by us says nothing.
    """
    for number, match in enumerate(_TAGGED.finditer(text)):
        if number == _MOST_TAGS:
            break
        raw = bytes.fromhex(match[1])
        head, signature = raw[: _HEAD.size], raw[_HEAD.size :]
        version, message_id = _HEAD.unpack(head)
        if version == _VERSION and message_id < _LONGEST and hmac.compare_digest(signature, _sign(head)):
            return int(message_id)
    return None


def looks_like_one(text: str) -> bool:
    """Tell whether a text has what looks like a return path of ours, signed by us or not."""
    return _TAGGED.search(text) is not None


@cache
def _parts(address: str) -> tuple[str, str]:
    local_part, _at, domain = address.rpartition("@")
    return local_part, domain


def _sign(head: bytes) -> bytes:
    return hashlib.blake2s(
        head, digest_size=_SIGNATURE, key=_key(settings.GUESTLIST_ADDRESS_KEY), person=b"guestlrp"
    ).digest()


@cache
def _key(secret: bytes) -> bytes:
    # A key of its own: the secret also hashes addresses and signs opt-out links.
    return hmac.digest(secret, b"guestlist return path", hashlib.sha256)
