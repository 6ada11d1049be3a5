"""Keyed hashes by the million: HMAC-SHA256 (RFC 2104), begun once for each key."""

from __future__ import annotations

import hashlib
import hmac
from functools import lru_cache


def digest(key: bytes, message: bytes) -> bytes:
    """Return the HMAC-SHA256 of a message, 32 bytes, as :func:`hmac.digest` does.

    What is the same for all messages of a key is computed once; that function does it for each.
    """
    begun = _begun(key).copy()
    begun.update(message)
    return begun.digest()


@lru_cache(maxsize=16)
def _begun(key: bytes) -> hmac.HMAC:
    return hmac.new(key, digestmod=hashlib.sha256)
