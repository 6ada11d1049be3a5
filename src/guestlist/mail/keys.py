"""The keys that sign mail: reading them, and what is to be published of them (RFC 6376, 3.6; RFC 8463)."""

from __future__ import annotations

import base64
import hashlib
import logging
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import idna
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from django.core.exceptions import ImproperlyConfigured

log = logging.getLogger(__name__)

LEAST_BITS = 1024
"""Receivers treat shorter RSA keys as no key at all (RFC 8301, 3.2)."""
GOOD_BITS = 2048

_LABELS = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*")
_PADDING = PKCS1v15()
_SHA256 = hashes.SHA256()


@dataclass(frozen=True, slots=True)
class Key:
    """A private key, the domain that it signs for, and the selector under which its public half is published."""

    selector: str
    domain: str
    private: RSAPrivateKey | Ed25519PrivateKey

    @property
    def algorithm(self) -> str:
        """What the signature's ``a=`` says."""
        return "rsa-sha256" if isinstance(self.private, RSAPrivateKey) else "ed25519-sha256"

    @property
    def kind(self) -> str:
        """What the record's ``k=`` says."""
        return self.algorithm.partition("-")[0]

    @property
    def record_name(self) -> str:
        """Where the public key is published."""
        return f"{self.selector}._domainkey.{self.domain}"

    @property
    def public(self) -> str:
        """The public key as the record's ``p=`` has it: in base64, SubjectPublicKeyInfo for RSA, 32 bytes for Ed25519."""
        key = self.private.public_key()
        if isinstance(self.private, RSAPrivateKey):
            data = key.public_bytes(
                serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        else:
            data = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return base64.b64encode(data).decode("ascii")

    @property
    def record_value(self) -> str:
        """The TXT record to publish (RFC 6376, 3.6.1)."""
        return f"v=DKIM1; k={self.kind}; p={self.public}"

    @property
    def is_short(self) -> bool:
        """Whether it is an RSA key that receivers still accept but no longer trust much."""
        return isinstance(self.private, RSAPrivateKey) and self.private.key_size < GOOD_BITS

    def sign(self, data: bytes) -> bytes:
        """Return the signature of canonicalized header fields."""
        if isinstance(self.private, RSAPrivateKey):
            return self.private.sign(data, _PADDING, _SHA256)
        # Ed25519 signs the hash, not the data (RFC 8463, 3).
        return self.private.sign(hashlib.sha256(data).digest())

    @classmethod
    def read(cls, *, selector: str, domain: str, file: Path) -> Self:
        """Return the key in a PEM file, PKCS #8 or PKCS #1.

        :raises ImproperlyConfigured: when it cannot be used; the sentence says what to do.
        """
        selector = selector.strip().lower()
        if not _LABELS.fullmatch(selector):
            raise ImproperlyConfigured(
                f"GUESTLIST_DKIM: {selector!r} is no selector. Use letters, digits and hyphens, like guestlist1."
            )
        try:
            domain = idna.encode(domain.strip().rstrip("."), uts46=True).decode("ascii").lower()
        except idna.IDNAError:
            domain = ""
        if not _LABELS.fullmatch(domain) or "." not in domain:
            raise ImproperlyConfigured(
                f"GUESTLIST_DKIM: the selector {selector} needs the domain that it signs for, like shop.example."
            )
        return cls(selector, domain, _private_key(file))


def _private_key(file: Path) -> RSAPrivateKey | Ed25519PrivateKey:
    try:
        pem = file.read_bytes()
    except OSError as error:
        raise ImproperlyConfigured(
            f"GUESTLIST_DKIM: the key {file} cannot be read ({error.strerror}). "
            "Check its path, and that Guestlist's user may read it."
        ) from None
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except TypeError:
        raise ImproperlyConfigured(
            f"GUESTLIST_DKIM: the key {file} is encrypted. "
            "Save it without a password (openssl pkey -in KEY -out NEW) and protect the file instead."
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        raise ImproperlyConfigured(
            f"GUESTLIST_DKIM: {file} holds no private key in PEM. "
            "Make one with: openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out KEY."
        ) from None
    if not isinstance(key, (RSAPrivateKey, Ed25519PrivateKey)):
        raise ImproperlyConfigured(
            f"GUESTLIST_DKIM: the key {file} is of a kind that DKIM does not know. Use RSA (2048 bits) or Ed25519."
        )
    if isinstance(key, RSAPrivateKey) and key.key_size < LEAST_BITS:
        raise ImproperlyConfigured(
            f"GUESTLIST_DKIM: the key {file} has {key.key_size} bits; receivers ignore it. Make one of 2048."
        )
    if isinstance(key, RSAPrivateKey) and key.key_size < GOOD_BITS:
        log.warning("The DKIM key %s has %s bits only; make a new one of 2048.", file, key.key_size)
    return key
