"""What a provider tells by HTTP: bounces, complaints and wishes, at ``/hooks/mail/<provider>/``.

django-anymail checks who tells (a password, and the provider's signature where it signs) and reads the words. Its signals
are not used: what it read is handed on from here, and what became of it is the answer.
"""

from __future__ import annotations

import datetime
import logging
from collections import Counter
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from guestlist.invitations import actions as invitations
from guestlist.mail import events, providers, returned
from guestlist.mail.events import Addressee, Wish
from guestlist.mail.reports import Ignored
from guestlist.mail.returned import Written
from guestlist.worker.jobs import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from guestlist.mail.providers import Event, Reader

log = logging.getLogger(__name__)

_AGAIN = 60
"""Seconds after which the provider may tell again what a worker was just busy with."""


@require_http_methods(["HEAD", "POST"])
@csrf_exempt  # the provider has no session; it shows a password of its own
@never_cache
def told(request: HttpRequest, provider: str) -> HttpResponse:
    """Write down what the configured provider tells; the answer says what became of it.

    404 where nobody may tell, 403 for who cannot prove to be the provider, 400 for what cannot be read, 503 for "again".
    """
    reader = _reader(provider)
    if isinstance(reader, HttpResponse):
        return reader
    if request.method == "HEAD":
        return _answer("", 200)  # providers look whether there is somebody before they save the address
    found = _read(reader, request, provider)
    if isinstance(found, HttpResponse):
        return found
    words = Counter(_written(event, provider=provider, now=timezone.now()) for event in found)
    counts = ", ".join(f"{word}: {count}" for word, count in sorted(words.items())) or "nothing"
    log.info("hook provider=%s %s", provider, counts)
    if Written.LATER not in words:
        return _answer(counts, 200)
    answer = _answer(counts, 503)
    answer.headers["Retry-After"] = str(_AGAIN)
    return answer


def _reader(provider: str) -> Reader | HttpResponse:
    """Return who reads what this provider tells; an answer when nobody does."""
    try:
        known = providers.configured()
        if known and known.name == provider and settings.GUESTLIST_MAIL_API_WEBHOOK_SECRET:
            return known.events()
    except ImproperlyConfigured:
        log.exception("Nobody can tell of bounces.")
        return _answer("Mail is not configured.", 503)
    return _answer("Nobody may tell anything here.", 404)


def _read(reader: Reader, request: HttpRequest, provider: str) -> Iterable[Event] | HttpResponse:
    from anymail.exceptions import AnymailWebhookValidationFailure

    try:
        reader.setup(request)
        reader.run_validators(request)
        return list(reader.parse_events(request))
    except AnymailWebhookValidationFailure as failure:
        # Its words may name the address asked for, password and all.
        log.warning("hook provider=%s refused: %s", provider, type(failure).__name__)
        return _answer("The password or the signature is wrong.", 403)
    except Exception as error:  # noqa: BLE001 - answered, and written down
        # Whatever a stranger's words do to the library's parser.
        # A hook of another sort, or a key that is missing, is the operator's to mend.
        reason = error if isinstance(error, ImproperlyConfigured) else type(error).__name__
        log.warning("hook provider=%s unreadable: %s", provider, reason)
        return _answer("This cannot be read.", 400)


def _written(event: Event, *, provider: str, now: datetime.datetime) -> str:
    """Write down one event, and return in a word what became of it."""
    found = events.read(event, provider=provider, now=now)
    if isinstance(found, Ignored):
        return found.reason
    whose = events.addressee(found.message_id, kinds=KINDS)
    if whose is None:
        return Written.UNKNOWN
    if not events.is_theirs(event.recipient, whose):
        return "other_recipient"
    if isinstance(found, Wish):
        return _granted(found, whose, now)
    return returned.record(found, kinds=KINDS, now=now)


@transaction.atomic
def _granted(wish: Wish, whose: Addressee, now: datetime.datetime) -> str:
    if whose.address_hash is None:
        return "nothing_to_end"
    if not returned.is_first(source=wish.source, key=wish.key, now=now):
        return Written.ALREADY
    invitations.never_again(website=whose.website, address_hash=bytes(whose.address_hash), now=now)
    return Written.RECORDED


def _answer(text: str, status: int) -> HttpResponse:
    return HttpResponse(text, status=status, content_type="text/plain; charset=utf-8")
