"""Signing mail by DKIM, so that receivers can tell that the shop stands for it (RFC 6376; Ed25519: RFC 8463).

Header and body are both canonicalized "relaxed": it takes 10 µs where an RSA signature takes 250, and survives a relay
that folds a header anew or drops white space at the end of a line, which "simple" does not.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import logging
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import idna
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

log = logging.getLogger(__name__)

LEAST_BITS = 1024
"""Receivers treat shorter RSA keys as no key at all (RFC 8301, 3.2)."""
GOOD_BITS = 2048

_SIGNED = (
    b"from",
    b"to",
    b"cc",
    b"subject",
    b"date",
    b"reply-to",
    b"mime-version",
    b"content-type",
    b"message-id",
    b"feedback-id",
    b"list-unsubscribe",
    b"list-unsubscribe-post",
)
# Named once more than they are there, so that nobody on the way adds a second one (RFC 6376, 5.4.2 and 8.15). The others
# are not: some relays add a Feedback-ID of their own.
_OVERSIGNED = frozenset(_SIGNED[:8])
_WANTED = frozenset(_SIGNED)
_PER_LINE = 6
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


@dataclass(frozen=True, slots=True)
class _Stamp:
    """A key with the constant beginnings of its signature: as it is hashed, and as it is written."""

    key: Key
    hashed: bytes
    written: bytes

    @classmethod
    def of(cls, key: Key) -> Self:
        words = (
            f"v=1; a={key.algorithm}; c=relaxed/relaxed;",
            f"d={key.domain}; s={key.selector};",
            "h=",
        )
        return cls(
            key,
            hashed=f"dkim-signature:{' '.join(words)}".encode("ascii"),
            written=f"DKIM-Signature: {'\r\n '.join(words)}".encode("ascii"),
        )

    def header(self, *, names: tuple[bytes, bytes], fields: bytes, body_hash: bytes) -> bytes:
        """Return the finished header field, given the names signed (written, hashed) and what is hashed of the fields."""
        written, hashed = names
        signature = base64.b64encode(
            self.key.sign(b"%b%b%b; bh=%b; b=" % (fields, self.hashed, hashed, body_hash))
        )
        lines = b"\r\n ".join(signature[at : at + 72] for at in range(0, len(signature), 72))
        return b"%b%b;\r\n bh=%b;\r\n b=%b\r\n" % (self.written, written, body_hash, lines)


class Signer:
    """Signs mails with the keys of the domain that they come from."""

    def __init__(self, keys: Iterable[Key]) -> None:
        """Prepare what is the same for every mail."""
        self.keys = tuple(keys)
        self._stamps: dict[str, tuple[_Stamp, ...]] = {}
        for key in self.keys:
            self._stamps[key.domain] = (*self._stamps.get(key.domain, ()), _Stamp.of(key))

    def aligned(self, from_domain: str) -> tuple[Key, ...]:
        """Return the keys that sign for mail from this domain: its own, else those of the nearest domain above it.

        Each is aligned with the From address as DMARC asks by default (RFC 7489, 3.1.1); other domains' keys are not.
        """
        return tuple(stamp.key for stamp in self._stamps_for(from_domain.lower()))

    def signed(self, content: bytes, *, from_domain: str) -> bytes:
        """Return the mail with its signatures before it, or as it was where no key is aligned with the From domain.

        `content` is the mail as it crosses the wire, lines ended by CRLF and dots not yet doubled; `from_domain` is in
        A-labels. The same mail always gets the same signature.
        """
        stamps = self._stamps_for(from_domain.lower())
        if not stamps:
            return content
        head, _blank, body = content.partition(b"\r\n\r\n")
        names, fields = _fields(head)
        body_hash = base64.b64encode(hashlib.sha256(_relaxed_body(body)).digest())
        headers = [stamp.header(names=names, fields=fields, body_hash=body_hash) for stamp in stamps]
        return b"".join((*headers, content))

    def _stamps_for(self, domain: str) -> tuple[_Stamp, ...]:
        while domain:
            if domain in self._stamps:
                return self._stamps[domain]
            domain = domain.partition(".")[2]
        return ()


def _fields(head: bytes) -> tuple[tuple[bytes, bytes], bytes]:
    """Return the names to sign, written and hashed, and the canonical header fields (RFC 6376, 3.4.2 and 5.4)."""
    text = _single_spaced(head.replace(b"\t", b" ").replace(b"\r\n ", b" "))
    found: dict[bytes, list[bytes]] = {}
    for line in text.split(b"\r\n"):
        name, _colon, value = line.partition(b":")
        name = name.rstrip(b" ").lower()
        if name in _WANTED:
            found.setdefault(name, []).append(b"%b:%b\r\n" % (name, value.strip(b" ")))
    # From the bottom up: what somebody adds above is then not what was signed.
    fields = b"".join(line for name in _SIGNED for line in reversed(found.get(name, ())))
    return _names(tuple(len(found.get(name, ())) for name in _SIGNED)), fields


@functools.lru_cache(maxsize=64)
def _names(counts: tuple[int, ...]) -> tuple[bytes, bytes]:
    """Return the list of names to sign, given how often each is there: as it is written, folded, and as it is hashed."""
    names = [
        name
        for name, count in zip(_SIGNED, counts, strict=True)
        for _each in range(count + (name in _OVERSIGNED))
    ]
    lines = [b":".join(names[at : at + _PER_LINE]) for at in range(0, len(names), _PER_LINE)]
    return b":\r\n ".join(lines), b": ".join(lines)


def _relaxed_body(body: bytes) -> bytes:
    """Return the body as it is hashed (RFC 6376, 3.4.4)."""
    if not body:
        return b""
    if not body.endswith(b"\r\n"):
        body += b"\r\n"  # as it is sent
    body = _single_spaced(body.replace(b"\t", b" ")).replace(b" \r\n", b"\r\n")
    end = len(body)
    while body.endswith(b"\r\n", 0, end):
        end -= 2
    return body[: end + 2] if end else b""


def _single_spaced(text: bytes) -> bytes:
    while b"  " in text:
        text = text.replace(b"  ", b" ")
    return text


def parse(text: str) -> list[Key]:
    """Return the keys that ``selector:domain:/path/to/key.pem`` names, more of them separated by commas.

    :raises ImproperlyConfigured: when one cannot be used; the sentence says what to do.
    """
    keys: list[Key] = []
    for entry in filter(None, (part.strip() for part in text.split(","))):
        selector, domain, file = (*entry.split(":", 2), "", "")[:3]
        if not file:
            raise ImproperlyConfigured(
                f"GUESTLIST_DKIM must be selector:domain:/path/to/key.pem, more separated by commas, not {entry!r}."
            )
        keys.append(Key.read(selector=selector, domain=domain, file=Path(file)))
    _refuse_doubles(keys)
    return keys


def _refuse_doubles(keys: Sequence[Key]) -> None:
    names = [key.record_name for key in keys]
    doubled = next((name for name in names if names.count(name) > 1), None)
    if doubled:
        raise ImproperlyConfigured(
            f"GUESTLIST_DKIM names {doubled} twice: each key of a domain needs a selector of its own."
        )


def configured() -> Signer | None:
    """Return what signs mail in this installation, or None when no key is configured; the files are read now.

    :raises ImproperlyConfigured: when a key cannot be used.
    """
    keys = parse(settings.GUESTLIST_DKIM)
    return Signer(keys) if keys else None
