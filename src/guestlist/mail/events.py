"""Reading what a provider tells of our mails: bounces, complaints, and the wish not to be mailed again.

That it is the provider who tells has been made sure of before (see :mod:`guestlist.worker.hooks`). Whose it is says the
signed tag alone that the mail carried. What is too old is not believed: nobody can tell it again when its key is forgotten.
"""

from __future__ import annotations

import datetime
import hashlib
import logging
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from guestlist import addresses
from guestlist.mail import answers, reports, returnpath
from guestlist.mail.kinds import Verdict
from guestlist.mail.models import Message
from guestlist.mail.providers import TAG
from guestlist.mail.reports import Ignored, Returned
from guestlist.stores.models import Website

if TYPE_CHECKING:
    from collections.abc import Iterable

    from guestlist.mail.kinds import Kind
    from guestlist.mail.providers import Event

log = logging.getLogger(__name__)

WINDOW = datetime.timedelta(days=5)
"""How old what is told may be: providers try for days to hand a mail over, and for a day to tell us."""
AHEAD = datetime.timedelta(minutes=10)
"""How far a provider's clock may be ahead."""
_BOUNCES = frozenset({"bounced", "rejected", "failed"})
_STATUS = re.compile(r"(?<![\d.])([45]\.\d{1,3}\.\d{1,3})(?![\d.])")
_REPLY = re.compile(r"(?<![\d.])([45])\d\d(?![\d.])")
_OF_ADDRESS = frozenset({"bounced", "invalid"})


@dataclass(frozen=True, slots=True)
class Wish:
    """A reader asked the provider, by its own button, never to be mailed again."""

    message_id: int
    source: str
    key: str


@dataclass(frozen=True, slots=True)
class Addressee:
    """Whose mail it was: the website that wrote, and the keyed hash of the address where it may be suppressed."""

    website: Website
    address_hash: bytes | None


def read(event: Event, *, provider: str, now: datetime.datetime) -> Returned | Wish | Ignored:
    """Return what an event says came back, or why it is ignored."""
    tag = event.metadata.get(TAG) if isinstance(event.metadata, dict) else None
    message_id = returnpath.opened_tag(tag) if isinstance(tag, str) else None
    if message_id is None:
        return Ignored("forged" if tag else "no_tag", is_ours=False)
    if event.event_type not in {*_BOUNCES, "complained", "unsubscribed"}:
        return Ignored("nothing_came_back", is_ours=True)
    if unfit := _untimely(event.timestamp, now):
        return Ignored(unfit, is_ours=True)
    key = _key(event, message_id)
    if event.event_type == "unsubscribed":
        return Wish(message_id, provider, key)
    said = reports.nameless(f"{event.mta_response or ''} {event.description or ''}")
    if event.event_type == "complained":
        return Returned(message_id, Verdict.COMPLAINED, provider, key, "abuse", said)
    return _bounce(event, Returned(message_id, Verdict.BOUNCED, provider, key, "", said))


def addressee(message_id: int, *, kinds: Iterable[Kind]) -> Addressee | None:
    """Return whose mail it was, or None when it is not in the outbox any more."""
    row = Message.objects.filter(pk=message_id).values_list("kind", "subject_id", "store_view").first()
    if row is None:
        return None
    kind, subject_id, store_view = row
    found = next((one for one in kinds if one.code == kind), None)
    hashed = found.hashes([subject_id]).get(subject_id) if found else None
    return Addressee(Website.objects.get(store_views=store_view), hashed)


def is_theirs(recipient: str | None, whose: Addressee) -> bool:
    """Tell whether an event's recipient, where it names one, is who the mail was for."""
    if not recipient or whose.address_hash is None:
        return True
    try:
        return addresses.hash_of(addresses.normalize(recipient)) == bytes(whose.address_hash)
    except addresses.MalformedAddress:
        return False


def _bounce(event: Event, bounce: Returned) -> Returned:
    """Return the bounce with its code: the server's own; of its words nothing is guessed."""
    status, reply = _STATUS.search(bounce.answer), _REPLY.search(bounce.answer)
    if event.event_type != "bounced":
        # The provider did not even try.
        code, is_permanent = event.event_type, event.reject_reason in _OF_ADDRESS
    elif status:
        code, is_permanent = status[1], status[1][0] == "5"
    else:
        is_permanent = reply[1] == "5" if reply else not _is_soft(event.esp_event)
        code = "5.0.0" if is_permanent else "4.0.0"
    return Returned(
        message_id=bounce.message_id,
        verdict=Verdict.BOUNCED,
        source=bounce.source,
        key=bounce.key,
        code=code,
        answer=bounce.answer,
        is_permanent=is_permanent,
        no_such_address=code in answers.NO_SUCH_ADDRESS,
    )


def _is_soft(raw: object) -> bool:
    """Tell whether the provider calls a bounce soft, in the field where each names its kind."""
    if not isinstance(raw, dict):
        return False
    words = [raw.get(name) for name in ("Type", "event", "type", "bounce_type")]
    return any(isinstance(word, str) and "soft" in word.lower() for word in words)


def _untimely(at: datetime.datetime | None, now: datetime.datetime) -> str:
    if at is None:
        return "no_time"
    if at.tzinfo is None:
        at = at.replace(tzinfo=datetime.UTC)
    if at < now - WINDOW:
        return "too_old"
    return "in_the_future" if at > now + AHEAD else ""


def _key(event: Event, message_id: int) -> str:
    """Return what tells this event from others: the provider's number for it, else what it says of which mail and when."""
    told = event.event_id or f"{event.event_type} {event.timestamp and event.timestamp.isoformat()}"
    return hashlib.sha256(f"{message_id}\n{told}".encode()).hexdigest()
