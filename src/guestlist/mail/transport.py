"""Handing a mail over: what a transport is, and the one that speaks SMTP. Nothing else in the product may.

A :class:`Transport` takes one mail and gives one :class:`Answer`; it never raises for what a server says or does.
"""

from __future__ import annotations

import enum
import logging
import re
import smtplib
import socket
import ssl
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol, Self
from urllib.parse import parse_qs, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

if TYPE_CHECKING:
    from email.message import EmailMessage

log = logging.getLogger(__name__)

MAX_ANSWER = 400
_NO_SUCH_ADDRESS = frozenset({"5.1.1", "5.1.2", "5.1.10"})
# RFC 3463 and RFC 7372: the address or domain of the sender, and proofs of it, were refused.
_ABOUT_SENDER = re.compile(r"5\.1\.[78]|5\.7\.(2\d|8|9)")
# Words, and only with a code that names no other reason: an address may contain them too.
_NO_RELAY = re.compile(
    r"relay(ing)? (access )?(is )?(denied|not (permitted|allowed))|(unable|cannot|not) to? ?relay",
    re.IGNORECASE,
)
_VAGUE = frozenset({"550", "551", "553", "554", "5.7.0", "5.7.1"})
_AUTH_CODES = frozenset({530, 534, 535, 538})
_ENHANCED = re.compile(r"[245]\.\d{1,3}\.\d{1,3}\b")
_NOT_PRINTABLE = re.compile(r"[^\x20-\x7e\xa0-\u024f]+")
_AGAIN = re.compile(
    r"(?:try again|retry|try later)\D{0,20}?(\d{1,6})\s*(s|sec|seconds?|m|min|minutes?|h|hours?)\b",
    re.IGNORECASE,
)
_UNITS = {"s": 1, "m": 60, "h": 3600}
_IDLE_SECONDS = 20
_CLOSING = 421


class Result(enum.Enum):
    """What came of handing a mail over."""

    ACCEPTED = "accepted"
    DEFERRED = "deferred"
    """Not this mail, not now."""
    BOUNCED = "bounced"
    """The recipient's side refused it for good."""
    FAILED = "failed"
    """This mail cannot go this way at all; nobody's address is to blame."""
    REFUSED_US = "refused_us"
    """The server refuses the sender: nothing of theirs will go, and no address is to blame."""
    UNREACHABLE = "unreachable"
    """There is no server to talk to: nothing was tried, nothing is to blame."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said, or why it said nothing."""

    result: Result
    code: str
    """The enhanced status code, else the reply code, else a word of our own."""
    text: str = ""
    """Its words: printable, at most 400 characters."""
    no_such_address: bool = False
    again_after: timedelta | None = None
    """When the server named a time to try again."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """A mail with its envelope."""

    mail: EmailMessage
    sender: str
    recipient: str

    @property
    def needs_smtputf8(self) -> bool:
        """Whether an address in it has letters that plain SMTP cannot carry (RFC 6531)."""
        return not (self.sender + self.recipient).isascii()


class Transport(Protocol):
    """A way to hand mails over."""

    def deliver(self, parcel: Parcel) -> Answer:
        """Hand one mail over and return what came of it; never raises for what the other side does."""
        ...

    def close(self) -> None:
        """Let go of connections; the next mail opens a new one."""
        ...


@dataclass(frozen=True, slots=True)
class Server:
    """Where a mail server is and how it wants to be talked to."""

    host: str
    port: int
    user: str = ""
    password: str = ""
    implicit_tls: bool = False
    starttls: bool = False
    ca_file: str = ""
    ehlo: str = ""
    timeout: float = 30.0
    mails_per_connection: int = 100

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read ``smtp://user:password@host:port?starttls=1`` or ``smtps://…``.

        Further settings: ``timeout`` (seconds), ``ehlo`` (our name), ``ca_file`` (the authority of a private server's
        certificate).

        :raises ImproperlyConfigured: when it cannot be read, or would send a password in the clear to another machine.
        """
        parts = urlsplit(url)
        try:
            port = parts.port
            query = {
                key: values[-1]
                for key, values in parse_qs(parts.query, strict_parsing=bool(parts.query)).items()
            }
            timeout = float(query.pop("timeout", "30"))
        except ValueError as error:
            raise ImproperlyConfigured(f"GUESTLIST_SMTP_URL cannot be read: {error}.") from None
        if parts.scheme not in {"smtp", "smtps"} or not parts.hostname:
            raise ImproperlyConfigured(
                "GUESTLIST_SMTP_URL must look like smtp://host:587?starttls=1 or smtps://host."
            )
        implicit = parts.scheme == "smtps"
        server = cls(
            host=parts.hostname,
            port=port or (465 if implicit else 25),
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            implicit_tls=implicit,
            starttls=query.pop("starttls", "0") in {"1", "true", "yes", "required"},
            ca_file=query.pop("ca_file", ""),
            ehlo=query.pop("ehlo", ""),
            timeout=timeout,
        )
        if query:
            raise ImproperlyConfigured(
                f"GUESTLIST_SMTP_URL has an unknown setting: {', '.join(sorted(query))}."
            )
        if server.user and not (
            implicit or server.starttls or server.host in {"127.0.0.1", "::1", "localhost"}
        ):
            raise ImproperlyConfigured(
                "GUESTLIST_SMTP_URL would send its password in the clear: add ?starttls=1."
            )
        return server


class _RefusedUsError(Exception):
    """The server does not let us in."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.code)
        self.answer = answer


class SmtpTransport:
    """Speaks SMTP (RFC 5321) on one connection that is kept between mails."""

    def __init__(self, server: Server) -> None:
        """Remember the server; the first mail opens the connection."""
        self.server = server
        self._smtp: smtplib.SMTP | None = None
        self._carried = 0
        self._last_used = 0.0

    def deliver(self, parcel: Parcel) -> Answer:
        """Hand one mail over and return what came of it."""
        try:
            smtp = self._ready()
        except _RefusedUsError as refused:
            return refused.answer
        except (OSError, smtplib.SMTPException) as error:
            self.close()
            return _unreachable(error)
        try:
            answer = self._converse(smtp, parcel)
        except (OSError, smtplib.SMTPException) as error:
            self.close()
            return Answer(Result.DEFERRED, "connection_lost", _printable(str(error)))
        self._last_used = time.monotonic()
        return answer

    def close(self) -> None:
        """Say goodbye and close the connection."""
        smtp, self._smtp = self._smtp, None
        if smtp is not None:
            try:
                smtp.quit()
            except (OSError, smtplib.SMTPException):
                smtp.close()

    def _ready(self) -> smtplib.SMTP:
        """Return a connection on which a mail may begin: the one at hand if it still lives, else a new one."""
        if self._carried >= self.server.mails_per_connection:
            self.close()
        if self._smtp is not None and time.monotonic() - self._last_used > _IDLE_SECONDS:
            try:
                alive = self._smtp.noop()[0] == 250  # noqa: PLR2004 - SMTP's own number
            except (OSError, smtplib.SMTPException):
                alive = False
            if not alive:
                self.close()
        if self._smtp is None:
            self._smtp = self._connected()
            self._carried = 0
        return self._smtp

    def _connected(self) -> smtplib.SMTP:
        server = self.server
        ehlo = server.ehlo or socket.getfqdn()
        context = ssl.create_default_context(cafile=server.ca_file or None)
        smtp: smtplib.SMTP
        if server.implicit_tls:
            smtp = smtplib.SMTP_SSL(server.host, server.port, ehlo, timeout=server.timeout, context=context)
        else:
            smtp = smtplib.SMTP(server.host, server.port, ehlo, timeout=server.timeout)
        try:
            smtp.ehlo_or_helo_if_needed()
            if server.starttls:
                smtp.starttls(context=context)  # raises where the server does not offer it
                smtp.ehlo()
            if server.user:
                _log_in(smtp, server)
        except BaseException:
            smtp.close()
            raise
        return smtp

    def _converse(self, smtp: smtplib.SMTP, parcel: Parcel) -> Answer:
        options = []
        data = parcel.mail.as_bytes()
        if parcel.needs_smtputf8:
            if not smtp.has_extn("smtputf8"):
                return Answer(
                    Result.FAILED, "smtputf8", "The mail server does not carry addresses with such letters."
                )
            options = ["SMTPUTF8", *(["BODY=8BITMIME"] if smtp.has_extn("8bitmime") else [])]
            data = parcel.mail.as_bytes(policy=parcel.mail.policy.clone(utf8=True))
        if smtp.has_extn("size"):
            options.append(f"SIZE={len(data)}")
        self._carried += 1
        code, text = smtp.mail(parcel.sender, options)
        if code != 250:  # noqa: PLR2004
            return self._refused(smtp, _of_sender(code, text), code)
        code, text = smtp.rcpt(parcel.recipient)
        if code not in {250, 251}:
            return self._refused(smtp, _of_recipient(code, text), code)
        code, text = smtp.docmd("DATA")
        if code != 354:  # noqa: PLR2004
            return self._refused(smtp, _of_recipient(code, text), code)
        return self._content(smtp, data)

    def _content(self, smtp: smtplib.SMTP, data: bytes) -> Answer:
        smtp.send(_stuffed(data))
        try:
            code, text = smtp.getreply()
        except (OSError, smtplib.SMTPException) as error:
            # After the final dot nobody knows; it is sent again under the same Message-ID.
            self.close()
            return Answer(Result.DEFERRED, "no_answer", _printable(str(error)))
        if code == 250:  # noqa: PLR2004
            return Answer(Result.ACCEPTED, *_code_and_text(code, text))
        return self._refused(smtp, _of_recipient(code, text), code)

    def _refused(self, smtp: smtplib.SMTP, answer: Answer, code: int) -> Answer:
        """Clear the connection for the next mail, or close it when the server is about to."""
        try:
            if code in {-1, _CLOSING} or smtp.rset()[0] != 250:  # noqa: PLR2004
                self.close()
        except (OSError, smtplib.SMTPException):
            self.close()
        return answer


def _log_in(smtp: smtplib.SMTP, server: Server) -> None:
    try:
        smtp.login(server.user, server.password)
    except smtplib.SMTPAuthenticationError as error:
        if error.smtp_code < 500:  # noqa: PLR2004
            raise
        code, text = _code_and_text(error.smtp_code, error.smtp_error)
        raise _RefusedUsError(Answer(Result.REFUSED_US, code, text)) from error
    except smtplib.SMTPNotSupportedError as error:
        raise _RefusedUsError(
            Answer(Result.REFUSED_US, "auth_not_offered", _printable(str(error)))
        ) from error


def _of_sender(code: int, text: bytes) -> Answer:
    """Return what an answer to MAIL FROM means."""
    shown, words = _code_and_text(code, text)
    if not 500 <= code < 600:  # noqa: PLR2004
        return _deferred(shown, words)
    # Its size or its letters: this mail's own trouble (RFC 1870, RFC 6531).
    own = code == 552 or shown in {"5.3.4", "5.6.7"}  # noqa: PLR2004
    return Answer(Result.FAILED if own else Result.REFUSED_US, shown, words)


def _of_recipient(code: int, text: bytes) -> Answer:
    """Return what an answer to RCPT TO or to the content means."""
    shown, words = _code_and_text(code, text)
    if not 500 <= code < 600:  # noqa: PLR2004
        return _deferred(shown, words)
    if code in _AUTH_CODES or _ABOUT_SENDER.fullmatch(shown) or (shown in _VAGUE and _NO_RELAY.search(words)):
        return Answer(Result.REFUSED_US, shown, words)
    return Answer(Result.BOUNCED, shown, words, no_such_address=shown in _NO_SUCH_ADDRESS)


def _deferred(code: str, words: str) -> Answer:
    again = _AGAIN.search(words)
    after = timedelta(seconds=int(again[1]) * _UNITS[again[2][0].lower()]) if again else None
    return Answer(Result.DEFERRED, code, words, again_after=after)


def _unreachable(error: Exception) -> Answer:
    log.warning("The mail server cannot be reached: %s: %s", type(error).__name__, _printable(str(error)))
    return Answer(Result.UNREACHABLE, "unreachable", _printable(f"{type(error).__name__}: {error}"))


def _code_and_text(code: int, text: bytes) -> tuple[str, str]:
    words = _printable(text.decode("utf-8", "replace"))
    enhanced = _ENHANCED.match(words)
    # A code of another class than the reply's is the server's mistake; the reply code rules (RFC 2034).
    shown = enhanced.group() if enhanced and enhanced.group()[0] == str(code)[0] else str(code)
    return shown, words


def _printable(text: str) -> str:
    return _NOT_PRINTABLE.sub(" ", text).strip()[:MAX_ANSWER]


def _stuffed(data: bytes) -> bytes:
    """Return the content with its dots doubled at line starts and the final dot (RFC 5321, 4.5.2)."""
    data = re.sub(rb"(?m)^\.", b"..", re.sub(rb"\r\n|\r|\n", b"\r\n", data))
    return data + (b".\r\n" if data.endswith(b"\r\n") else b"\r\n.\r\n")
