"""Whether receivers can check what we sign: the keys that are published, against ours."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from guestlist.mail.checkup.findings import Finding, Level, Record, Topic

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

    from guestlist.mail.dns import Resolver
    from guestlist.mail.keys import Key

_SENTENCES: dict[str, str | _StrPromise] = {
    "dkim_ok": _("The key at %(subject)s is published and matches the one that we sign with."),
    "dkim_unpublished": _(
        "No key is published at %(subject)s, so receivers cannot check our signature. Publish this one."
    ),
    "dkim_several": _("There are several keys at %(subject)s. Keep only this one."),
    "dkim_revoked": _("The key at %(subject)s is withdrawn (p= is empty). Publish this one."),
    "dkim_mismatch": _(
        "The key published at %(subject)s is not the one that we sign with, so every signature fails. "
        "Publish this one, or name the key that belongs to it in GUESTLIST_DKIM."
    ),
    "dkim_unusable": _("The record at %(subject)s does not allow our signatures. Publish this one."),
    "dkim_testing": _("The record at %(subject)s says that you are only testing (t=y). Take that out."),
    "dkim_short": _(
        "The key at %(subject)s matches ours but is shorter than 2048 bits. Make a longer one under a new "
        "selector."
    ),
}
_LEVELS = {"dkim_ok": Level.OK, "dkim_testing": Level.WARNING, "dkim_short": Level.WARNING}


def examine(domain: str, *, keys: Sequence[Key], resolver: Resolver, through_provider: bool) -> list[Finding]:
    """Return what receivers find under the selectors of the keys that sign for a From domain.

    :raises LookupFailed: when nobody could say.
    """
    if not keys:
        if through_provider:
            text = _(
                "Guestlist does not sign mail of %(subject)s. If your mail provider signs it as %(subject)s, that is "
                "enough; otherwise make a key and name it in GUESTLIST_DKIM."
            )
            return [Finding("dkim_elsewhere", Level.WARNING, Topic.DKIM, domain, text, seen=False)]
        text = _("Nothing signs mail of %(subject)s. Make a key and name it in GUESTLIST_DKIM.")
        return [Finding("dkim_no_key", Level.PROBLEM, Topic.DKIM, domain, text)]
    found = [_key(key, resolver) for key in keys]
    if all(key.kind != "rsa" for key in keys):
        text = _(
            "Mail of %(subject)s is signed with Ed25519 only, which large mailbox providers do not check yet. Add an "
            "RSA key under a selector of its own."
        )
        found.append(Finding("dkim_no_rsa", Level.WARNING, Topic.DKIM, domain, text))
    return found


def _key(key: Key, resolver: Resolver) -> Finding:
    code = _code(key, [text for text in resolver.txt(key.record_name) if "p=" in text])
    level = _LEVELS.get(code, Level.PROBLEM)
    record = Record(key.record_name, "TXT", key.record_value) if level is Level.PROBLEM else None
    return Finding(code, level, Topic.DKIM, key.record_name, _SENTENCES[code], record=record)


def _code(key: Key, texts: Sequence[str]) -> str:
    """Return what is to be said of a published key (RFC 6376, 3.6.1)."""
    if len(texts) != 1:
        return "dkim_several" if texts else "dkim_unpublished"
    pairs = (part.partition("=") for part in texts[0].split(";"))
    tags = {name.strip(): "".join(value.split()) for name, equals, value in pairs if equals}
    if not tags.get("p"):
        return "dkim_revoked"
    if tags.get("k", "rsa") != key.kind or not _same(tags["p"], key.public):
        return "dkim_mismatch"
    if not _allows_us(tags):
        return "dkim_unusable"
    if "y" in tags.get("t", "").split(":"):
        return "dkim_testing"
    return "dkim_short" if key.is_short else "dkim_ok"


def _allows_us(tags: Mapping[str, str]) -> bool:
    services = set(tags.get("s", "*").split(":"))
    return (
        tags.get("v", "DKIM1") == "DKIM1"
        and bool(services & {"*", "email"})
        and "sha256" in tags.get("h", "sha256").split(":")
    )


def _same(published: str, ours: str) -> bool:
    try:
        return base64.b64decode(published) == base64.b64decode(ours)
    except binascii.Error:
        return False
