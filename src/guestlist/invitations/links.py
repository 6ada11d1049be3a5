"""The link of an invitation: signed, made when it is needed, stored nowhere.

A token is base64url of: version (1 byte), key id (1), invitation id (8), channel (1), and HMAC-SHA256 over those and the
invitation's link generation, cut to 16 bytes. A reader of the database can neither forge nor use one; raising the
generation ends all links made before; keys rotate while links that older keys signed stay alive.

The link in a mail by which a person declines or is never mailed again is another one: it must work for ever, so it is
signed with the key that never rotates and carries what it needs.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings

from guestlist import keyed
from guestlist.invitations.models import Channel, Invitation

if TYPE_CHECKING:
    from django.db.models import QuerySet

PREVIEW = "preview"
"""What stands in place of a token in a preview: a link that says it does not work."""

_VERSION = 1
_HEAD = struct.Struct(">BBQB")
_SIGNATURE = 16
_CHANNELS = {Channel.MAIL.value: 1, Channel.SHARED.value: 2}
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_CHANNEL_OF = {number: Channel(channel) for channel, number in _CHANNELS.items()}
_OPT_OUT = struct.Struct(">BQQ16s")


@dataclass(frozen=True, slots=True)
class Link:
    """What a valid token says: which invitation, and how the link travelled."""

    invitation: Invitation
    channel: Channel

    @property
    def proves_mailbox(self) -> bool:
        """Whether whoever holds it reads the invited address's mail. A copied or shared link proves nothing."""
        return self.channel == Channel.MAIL


class Minter:
    """Makes the tokens of many mails: the keys are looked up once."""

    __slots__ = ("_address_key", "_key", "_key_id")

    def __init__(self) -> None:
        """Look the keys up; the newest signs."""
        keys = settings.GUESTLIST_LINK_KEYS
        self._key_id = max(keys)
        self._key = keys[self._key_id]
        self._address_key = settings.GUESTLIST_ADDRESS_KEY

    def link(self, invitation_id: int, *, generation: int, channel: Channel) -> str:
        """Return the token of an invitation's link by what it says; 36 characters."""
        head = _HEAD.pack(_VERSION, self._key_id, invitation_id, _CHANNELS[channel.value])
        return _encode(head + _sign(head, generation, self._key))

    def opt_out(self, invitation_id: int, *, website_id: int, address_hash: bytes) -> str:
        """Return the token for the page to decline and to be left alone; it works for ever, without the invitation too."""
        body = _OPT_OUT.pack(_VERSION, website_id, invitation_id, address_hash)
        return _encode(body + _sign_opt_out(body, self._address_key))


def token(invitation: Invitation, channel: Channel) -> str:
    """Return the token of a link to the invitation that will travel by the channel; 36 characters."""
    return Minter().link(invitation.pk, generation=invitation.link_generation, channel=channel)


def open_token(text: str, invitations: QuerySet[Invitation]) -> Link | None:
    """Return what the token says, or None when it is not one of ours: unknown, mangled, or of an ended generation."""
    raw = _decode(text)
    if raw is None or len(raw) != _HEAD.size + _SIGNATURE:
        return None
    head, signature = raw[: _HEAD.size], raw[_HEAD.size :]
    version, key_id, invitation_id, channel = _HEAD.unpack(head)
    key = settings.GUESTLIST_LINK_KEYS.get(key_id)
    if version != _VERSION or key is None or channel not in _CHANNEL_OF or invitation_id >= 1 << 63:
        return None
    invitation = invitations.filter(pk=invitation_id).first()
    generation = invitation.link_generation if invitation else 0
    # Signed and compared for unknown ids as well: how long it takes tells nothing.
    if not hmac.compare_digest(signature, _sign(head, generation, key)) or invitation is None:
        return None
    return Link(invitation, _CHANNEL_OF[channel])


def _sign(head: bytes, generation: int, key: bytes) -> bytes:
    return keyed.digest(key, b"guestlist link" + head + generation.to_bytes(4, "big"))[:_SIGNATURE]


@dataclass(frozen=True, slots=True)
class OptOut:
    """Who does not want mail any more, from which website, and the invitation that they answer to."""

    website_id: int
    invitation_id: int
    address_hash: bytes


def open_opt_out(text: str) -> OptOut | None:
    """Return what an opt-out token says, or None when it is not one of ours."""
    raw = _decode(text)
    if raw is None or len(raw) != _OPT_OUT.size + _SIGNATURE:
        return None
    body, signature = raw[: _OPT_OUT.size], raw[_OPT_OUT.size :]
    if not hmac.compare_digest(signature, _sign_opt_out(body, settings.GUESTLIST_ADDRESS_KEY)):
        return None
    version, website_id, invitation_id, address_hash = _OPT_OUT.unpack(body)
    return OptOut(website_id, invitation_id, address_hash) if version == _VERSION else None


def _sign_opt_out(body: bytes, key: bytes) -> bytes:
    return keyed.digest(key, b"guestlist opt-out" + body)[:_SIGNATURE]


def _encode(raw: bytes) -> str:
    return binascii.b2a_base64(raw, newline=False).translate(_URL_SAFE, b"=").decode("ascii")


def _decode(text: str) -> bytes | None:
    """Return the bytes, or None; exactly one spelling is accepted for each token."""
    try:
        raw = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeError, ValueError):
        return None
    return raw if _encode(raw) == text else None
