"""Handing mails over to a provider's HTTP API, several at a time. Needs django-anymail.

Requests wait for the provider, so each has a thread; the thread that carries talks to the supply alone, because behind it is
a connection to the database. The provider signs, and takes bounces at a return path of its own.
"""

from __future__ import annotations

import email
import logging
import queue
import re
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from email.message import EmailMessage, MIMEPart
from email.policy import default
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import requests
from anymail.exceptions import AnymailError
from anymail.message import AnymailMessage
from urllib3.exceptions import MaxRetryError, NewConnectionError

from guestlist.mail import answers, reports, returnpath
from guestlist.mail.answers import Answer, Result
from guestlist.mail.providers import TAG

if TYPE_CHECKING:
    from guestlist.mail.parcels import Parcel, Supply
    from guestlist.mail.providers import Backend, Provider

log = logging.getLogger(__name__)

_POLL = 0.01
_SHORT_REST = 1.0
"""Seconds of peace for a provider that says "too many requests" and not until when."""
_LONGEST_REST = timedelta(hours=6)
_THEIRS = frozenset(
    {
        *("from", "to", "subject", "date", "mime-version", "content-type", "content-transfer-encoding"),
        *("dkim-signature", "return-path"),
    }
)
"""The headers that a provider writes itself."""
_TAKEN = frozenset({"sent", "queued"})
# Not this mail's fault, and no other of the sender's will fare better.
_REFUSES_US = frozenset({401, 402, 403, 404, 405, 407})
_LATER = frozenset({408, 425, 429})
_ABOUT_SENDER = re.compile(
    r"sender|from.?\s*(?:e-?mail|address)|'from'|not (?:been )?verified|unverified|verify your|inactive account|"
    r"domain (?:is )?not|suspended|quota|credits",
    re.IGNORECASE,
)
_DOMAIN = re.compile(r"\S+\.\S+")
_ENCODED_WORD = re.compile(r"=\?[^?\s]*\?[bq]\?[^?]*\?=", re.IGNORECASE)
_WORD = re.compile(r"[^\W_]+")
_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")
_READ = 2_000
"""Characters of an answer that are looked at."""


class ApiTransport:
    """Hands mails over to a provider's API on so many connections at a time."""

    patience = 30.0

    def __init__(self, provider: Provider, *, connections: int) -> None:
        """Make the connections' ends; the first mail opens the first connection.

        :raises ImproperlyConfigured: when a setting of the provider's is missing.
        """
        self.provider = provider
        self.connections = connections
        self._idle = [provider.backend() for _ in range(connections)]
        self._done: queue.SimpleQueue[tuple[Backend, Parcel, Answer]] = queue.SimpleQueue()
        self._pool: ThreadPoolExecutor | None = None
        self._rests_until = 0.0
        if provider.tracks_by_account:
            log.warning("%s can be told in its account alone not to track opens and clicks.", provider.name)

    def carry(self, supply: Supply) -> str:
        """Hand over what the supply has until it is over; returns why nobody takes mail, or nothing."""
        trouble = ""
        if self._rests_until > time.monotonic():
            return f"{self.provider.name} asks to wait {self._rests_until - time.monotonic():.0f} s"
        try:
            while True:
                worked = supply.work()
                if not trouble:
                    self._start(supply)
                if len(self._idle) == self.connections:
                    if trouble or supply.over():
                        return trouble
                    if not worked:
                        time.sleep(_POLL)
                    continue
                trouble = self._finish(supply) or trouble
        finally:
            self._see_home(supply)

    def close(self) -> None:
        """Let go of threads and connections."""
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None
        for backend in self._idle:
            backend.close()

    def _start(self, supply: Supply) -> None:
        """Give idle connections work."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self.connections, thread_name_prefix="mail-api")
        while self._idle:
            parcel = supply.take()
            if parcel is None:
                return
            if not supply.may_leave(parcel):
                supply.give_back(parcel)
                continue
            self._pool.submit(self._hand_over, self._idle.pop(), parcel)

    def _finish(self, supply: Supply) -> str:
        """Take answers that have come; returns why no more should be handed over, or nothing."""
        waits = bool(self._idle) and not supply.over()
        trouble = ""
        try:
            backend, parcel, answer = self._done.get(timeout=_POLL if waits else 5 * _POLL)
            while True:
                self._idle.append(backend)
                trouble = trouble or self._trouble(answer)
                supply.answered(parcel, answer)
                backend, parcel, answer = self._done.get_nowait()
        except queue.Empty:
            return trouble

    def _see_home(self, supply: Supply) -> None:
        """Wait, after an error, for what is under way: the provider may have taken it."""
        while len(self._idle) < self.connections:
            backend, parcel, answer = self._done.get()
            self._idle.append(backend)
            try:
                supply.answered(parcel, answer)
            except Exception:
                # The journal has it, or knows that nobody knows.
                log.exception("An answer of %s could not be written down.", self.provider.name)

    def _trouble(self, answer: Answer) -> str:
        if answer.result is Result.UNREACHABLE:
            return answer.text or answer.code
        if answer.code not in {"429", "503"} or (answer.code == "503" and answer.again_after is None):
            return ""
        rest = answer.again_after.total_seconds() if answer.again_after else _SHORT_REST
        self._rests_until = max(self._rests_until, time.monotonic() + rest)
        return f"{answer.code} {answer.text}".strip()

    def _hand_over(self, backend: Backend, parcel: Parcel) -> None:
        """Hand one mail over, in a thread of its own; whatever happens, there is an answer."""
        try:
            answer = _delivered(backend, message_of(parcel, self.provider))
        except Exception as error:
            log.exception("A mail could not be made for %s.", self.provider.name)
            answer = Answer(Result.FAILED, "unusable", type(error).__name__)
        self._done.put((backend, parcel, answer))


def message_of(parcel: Parcel, provider: Provider) -> AnymailMessage:
    """Return a finished mail as the provider's library takes it: without tracking, and with our signed tag."""
    mail = email.message_from_bytes(parcel.content, policy=default)
    assert isinstance(mail, EmailMessage)
    text, html = (mail.get_body(preferencelist=(kind,)) for kind in ("plain", "html"))
    to = [one for one in getattr(mail["To"], "addresses", ()) if one.addr_spec == parcel.recipient]
    headers = {name: str(value) for name, value in mail.items() if name.lower() not in _THEIRS}
    message = AnymailMessage(
        subject=str(mail["Subject"] or ""),
        body=_content(text),
        from_email=str(mail["From"] or parcel.sender),
        to=[str(to[0]) if to else parcel.recipient],
        headers=headers | dict(provider.headers),
        attachments=list(mail.iter_attachments()),
        metadata={TAG: returnpath.tag_for(message_id=parcel.row.pk)},
    )
    if not provider.tracks_by_account:
        message.track_opens = message.track_clicks = False
    if html:
        message.attach_alternative(_content(html), "text/html")
    return message


def _content(part: MIMEPart | None) -> str:
    # Not with the line ends of the wire, which the provider sets again.
    return str(part.get_content()).replace("\r\n", "\n") if part else ""


def _delivered(backend: Backend, message: AnymailMessage) -> Answer:
    """Return what came of handing a message over. Never raises for what the provider does."""
    try:
        if backend.open():
            # Nobody who answers for the provider may send mail and key elsewhere.
            backend.session.max_redirects = 0
        backend.send_messages([message])
    except requests.RequestException as error:
        cause = error.__cause__ if isinstance(error.__cause__, requests.RequestException) else error
        response = error.response if error.response is not None else cause.response
        return _no_answer(cause) if response is None else of_error(response, to=message.to[0])
    except AnymailError as error:
        # Before anything is sent: this mail has what the provider has no place for.
        return Answer(Result.FAILED, "unsupported", reports.nameless(str(error)))
    except Exception:
        response = message.anymail_status.esp_response
        if response is None:
            raise
        log.exception("An answer of %s cannot be read.", backend.esp_name)
        return _unreadable(response)
    status, response = message.anymail_status, message.anymail_status.esp_response
    words, said = status.status or set(), reports.nameless(response.text)
    # Not every provider says more than that it took the mail.
    if words & _TAKEN or (words == {"unknown"} and response.ok):
        return Answer(Result.ACCEPTED, str(response.status_code), str(status.message_id or "")[:200])
    if "rejected" in words:
        return Answer(Result.BOUNCED, "rejected", said)
    return Answer(Result.FAILED, "invalid" if "invalid" in words else "failed", said)


def of_error(response: requests.Response, *, to: str = "") -> Answer:
    """Return what an HTTP answer that took no mail means (RFC 9110).

    ``to`` is the recipient, name and address: words that they chose do not speak against the sender.
    """
    status, said = response.status_code, reports.nameless(response.text)
    if 200 <= status < 300:  # noqa: PLR2004 - HTTP's own numbers
        return _unreadable(response)
    if status >= 500 or status in _LATER:  # noqa: PLR2004
        return Answer(Result.DEFERRED, str(status), said, again_after=_again_after(response))
    if status in _REFUSES_US or 300 <= status < 400 or _speaks_of_sender(response.text, to):  # noqa: PLR2004
        return Answer(Result.REFUSED_US, str(status), said)
    return Answer(Result.FAILED, str(status), said)


def _speaks_of_sender(text: str, to: str) -> bool:
    name, local_part = _words(to.rpartition("<")[0]), _words(to.rpartition("<")[2].rpartition("@")[0])
    # Letters as JSON writes them are put back, or they would hide where a word begins.
    read = _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text[:_READ])
    read = answers.without_addresses(_ENCODED_WORD.sub(" ", read))
    for word in name | local_part:
        read = re.sub(rf"(?<![^\W_]){re.escape(word)}(?![^\W_])", " ", read, flags=re.IGNORECASE)
    # Without domains: whoever is invited has chosen theirs, and it may be sender-suspended.example.
    return bool(_ABOUT_SENDER.search(_DOMAIN.sub(" ", answers.printable(" ".join(read.split())))))


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text))


def _unreadable(response: requests.Response) -> Answer:
    # Taken or not, nobody knows: going on would lose mails, or send them twice, by the thousand.
    return Answer(Result.REFUSED_US, "unreadable_answer", reports.nameless(response.text))


def _no_answer(cause: requests.RequestException) -> Answer:
    """Return what it means that there was none: nobody there, or nobody knows whether it was taken."""
    words = reports.nameless(str(cause))
    inner = cause.args[0] if cause.args else None
    not_begun = isinstance(inner, MaxRetryError) and isinstance(inner.reason, NewConnectionError)
    nobody = (requests.ConnectTimeout, requests.exceptions.ProxyError, requests.exceptions.SSLError)
    if not_begun or isinstance(cause, nobody):
        return Answer(Result.UNREACHABLE, "unreachable", words)
    code = "no_answer" if isinstance(cause, requests.Timeout) else "connection_lost"
    return Answer(Result.DEFERRED, code, words)


def _again_after(response: requests.Response) -> timedelta | None:
    """Return how long the provider asks to wait (RFC 9110, 10.2.3): seconds, or a time by its own clock."""
    value = response.headers.get("Retry-After", "").strip()
    if value.isdecimal():
        return min(timedelta(seconds=min(int(value), 1_000_000)), _LONGEST_REST)
    try:
        wait = parsedate_to_datetime(value) - parsedate_to_datetime(response.headers.get("Date", ""))
    except (TypeError, ValueError):
        return None
    return min(max(wait, timedelta()), _LONGEST_REST)
