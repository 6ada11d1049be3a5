"""Handing a mail over: what a transport is, and the one that speaks SMTP. Nothing else in the product may.

A :class:`Transport` takes one mail and gives one :class:`Answer`; it never raises for what a server says or does.
"""

from __future__ import annotations

import logging
import re
import smtplib
import socket
import ssl
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self, cast
from urllib.parse import parse_qs, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

from guestlist.mail import answers
from guestlist.mail.answers import Answer, Result

if TYPE_CHECKING:
    from email.message import EmailMessage
    from email.policy import EmailPolicy

__all__ = ["Answer", "Parcel", "Result", "Server", "SmtpTransport", "Transport"]

log = logging.getLogger(__name__)

_IDLE_SECONDS = 20
_CLOSING = 421


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
            return Answer(Result.DEFERRED, "connection_lost", answers.printable(str(error)))
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
            data = parcel.mail.as_bytes(policy=cast("EmailPolicy", parcel.mail.policy).clone(utf8=True))
        if smtp.has_extn("size"):
            options.append(f"SIZE={len(data)}")
        self._carried += 1
        code, text = smtp.mail(parcel.sender, options)
        if code != 250:  # noqa: PLR2004
            return self._refused(smtp, answers.of_sender(code, text), code)
        code, text = smtp.rcpt(parcel.recipient)
        if code not in {250, 251}:
            return self._refused(smtp, answers.of_recipient(code, text), code)
        code, text = smtp.docmd("DATA")
        if code != 354:  # noqa: PLR2004
            return self._refused(smtp, answers.of_recipient(code, text), code)
        return self._content(smtp, data)

    def _content(self, smtp: smtplib.SMTP, data: bytes) -> Answer:
        smtp.send(_stuffed(data))
        try:
            code, text = smtp.getreply()
        except (OSError, smtplib.SMTPException) as error:
            # After the final dot nobody knows; it is sent again under the same Message-ID.
            self.close()
            return Answer(Result.DEFERRED, "no_answer", answers.printable(str(error)))
        if code == 250:  # noqa: PLR2004
            return Answer(Result.ACCEPTED, *answers.code_and_text(code, text))
        return self._refused(smtp, answers.of_recipient(code, text), code)

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
        code, text = answers.code_and_text(error.smtp_code, error.smtp_error)
        raise _RefusedUsError(Answer(Result.REFUSED_US, code, text)) from error
    except smtplib.SMTPNotSupportedError as error:
        raise _RefusedUsError(
            Answer(Result.REFUSED_US, "auth_not_offered", answers.printable(str(error)))
        ) from error


def _unreachable(error: Exception) -> Answer:
    log.warning(
        "The mail server cannot be reached: %s: %s", type(error).__name__, answers.printable(str(error))
    )
    return Answer(Result.UNREACHABLE, "unreachable", answers.printable(f"{type(error).__name__}: {error}"))


def _stuffed(data: bytes) -> bytes:
    """Return the content with its dots doubled at line starts and the final dot (RFC 5321, 4.5.2)."""
    data = re.sub(rb"(?m)^\.", b"..", re.sub(rb"\r\n|\r|\n", b"\r\n", data))
    return data + (b".\r\n" if data.endswith(b"\r\n") else b"\r\n.\r\n")
