"""Handing mails over by SMTP. Nothing else in the product may.

Greeting, STARTTLS and signing in are the standard library's; what follows is said on many connections at once by one
thread (:mod:`guestlist.mail.carrying`, :mod:`guestlist.mail.conversation`), because threads would queue for the interpreter.
"""

from __future__ import annotations

import contextlib
import smtplib
import socket
import ssl
import time
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Self
from urllib.parse import parse_qs, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

from guestlist.mail import answers
from guestlist.mail.answers import Answer, Result
from guestlist.mail.carrying import Limits, Line, RefusedUsError, Round, hang_up, has_spoken
from guestlist.mail.conversation import Offers
from guestlist.mail.parcels import Supply
from guestlist.mail.transport_opening import Client, EncryptedClient

MOST_CONNECTIONS = 256
MOST_MAILS = 100_000
MOST_SECONDS = 120
"""More would outlast the lease of what is being handed over."""
_OK = 250
_IDLE_SECONDS = 20


@dataclass(frozen=True)  # without slots, which would hide the defaults from `parse`
class Server:
    """Where a mail server is and how it wants to be talked to."""

    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)
    implicit_tls: bool = False
    starttls: bool = False
    ca_file: str = ""
    ehlo: str = ""
    timeout: float = 60.0
    connections: int = 8
    mails_per_connection: int = 500

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read ``smtp://user:password@host:port?starttls=1`` or ``smtps://…``.

        Further settings: ``connections`` (at most so many at a time, 1 to 256), ``mails_per_connection`` (1 to 100,000),
        ``timeout`` (seconds), ``ehlo`` (our name), ``ca_file`` (the authority of a private server's certificate).

        :raises ImproperlyConfigured: when it cannot be read, or would send a password in the clear to another machine.
        """
        try:
            server, unknown = cls._read(url)
        except ValueError:
            # Without the words at fault: they may be a piece of the password.
            raise ImproperlyConfigured(
                "GUESTLIST_SMTP_URL cannot be read. Write / ? # : @ and % in user and password as %2F %3F %23 %3A %40 "
                "and %25; port, timeout, connections and mails_per_connection are numbers."
            ) from None
        if not _is_within_limits(server):
            raise ImproperlyConfigured(
                "GUESTLIST_SMTP_URL takes 1 to 256 connections, 1 to 100000 mails_per_connection and a timeout of at "
                "most 120 seconds."
            )
        if unknown:
            raise ImproperlyConfigured(
                f"GUESTLIST_SMTP_URL has an unknown setting: {', '.join(sorted(unknown))}."
            )
        if _shows_password(server):
            raise ImproperlyConfigured(
                "GUESTLIST_SMTP_URL would send its password in the clear: add ?starttls=1."
            )
        return server

    @classmethod
    def _read(cls, url: str) -> tuple[Self, dict[str, str]]:
        """Return the server that a URL names, and what is left of its settings; ValueError where it cannot be read."""
        parts = urlsplit(url)
        if parts.scheme not in {"smtp", "smtps"} or not parts.hostname:
            raise ImproperlyConfigured(
                "GUESTLIST_SMTP_URL must look like smtp://host:587?starttls=1 or smtps://host."
            )
        query = {
            key: values[-1] for key, values in parse_qs(parts.query, strict_parsing=bool(parts.query)).items()
        }
        implicit = parts.scheme == "smtps"
        server = cls(
            host=parts.hostname or "",
            port=parts.port or (465 if implicit else 25),
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            implicit_tls=implicit,
            starttls=query.pop("starttls", "0") in {"1", "true", "yes", "required"},
            ca_file=query.pop("ca_file", ""),
            ehlo=query.pop("ehlo", ""),
            timeout=float(query.pop("timeout", cls.timeout)),
            connections=int(query.pop("connections", cls.connections)),
            mails_per_connection=int(query.pop("mails_per_connection", cls.mails_per_connection)),
        )
        if parts.path not in {"", "/"} or parts.fragment or "@" in parts.query:
            raise ValueError(url)
        return server, query


def _is_within_limits(server: Server) -> bool:
    return (
        1 <= server.connections <= MOST_CONNECTIONS
        and 1 <= server.mails_per_connection <= MOST_MAILS
        and 0 < server.timeout <= MOST_SECONDS
    )


def _shows_password(server: Server) -> bool:
    """Tell whether it would be sent in the clear to another machine."""
    encrypted = server.implicit_tls or server.starttls
    return bool(server.user) and not (encrypted or server.host in {"127.0.0.1", "::1", "localhost"})


class SmtpTransport:
    """Speaks SMTP on as many connections as the server's settings say, kept between mails."""

    def __init__(self, server: Server) -> None:
        """Remember the server; the first mail opens the first connection."""
        self.server = server
        self._kept: list[Line] = []
        self._limits = Limits(server.connections, server.mails_per_connection)

    @property
    def patience(self) -> float:
        """For how many seconds a server may say nothing after a mail has left."""
        return self.server.timeout

    def carry(self, supply: Supply) -> str:
        """Hand over what the supply has until it is over; returns why there was no server to talk to, or nothing."""
        round_ = Round(self.server, lambda: _connected(self.server), supply, self._limits, self._reusable())
        try:
            return round_.run()
        finally:
            self._kept = round_.leave()

    def close(self) -> None:
        """Say goodbye and close the connections."""
        for line in self._kept:
            hang_up(line)
        self._kept = []

    def _reusable(self) -> list[Line]:
        """Return the kept connections that still live: on a quiet one the server has said nothing, not even goodbye."""
        alive = []
        for line in self._kept:
            if time.monotonic() - line.used > _IDLE_SECONDS or has_spoken(line.socket):
                hang_up(line)
            else:
                alive.append(line)
        self._kept = []
        return alive


def probe(server: Server, *, sender: str) -> Answer:
    """Return what the server says to us and to a sender's address, as a recipient too; no mail is sent.

    Many servers keep what they have against a client or a sender until they hear of a recipient.
    """
    try:
        smtp = _greeted(server)
    except RefusedUsError as refused:
        return refused.answer
    except (OSError, smtplib.SMTPException) as error:
        return Answer(
            Result.UNREACHABLE, "unreachable", answers.printable(f"{type(error).__name__}: {error}")
        )
    try:
        code, text = smtp.mail(sender)
        to_code, to_text = smtp.rcpt(sender) if code == _OK else (_OK, b"")
        smtp.rset()
    except (OSError, smtplib.SMTPException) as error:
        return Answer(Result.UNREACHABLE, "connection_lost", answers.printable(str(error)))
    finally:
        with contextlib.suppress(OSError, smtplib.SMTPException):
            smtp.quit()
        smtp.close()
    asked = answers.of_recipient(to_code, to_text)
    if to_code != _OK and asked.result is Result.REFUSED_US:
        return asked
    if code == _OK:
        return Answer(Result.ACCEPTED, *answers.code_and_text(code, text))
    return answers.of_sender(code, text)


def _connected(server: Server) -> Line:
    smtp = _greeted(server)
    smtp.relax()
    assert smtp.sock is not None
    offers = Offers(
        pipelining=smtp.has_extn("pipelining"),
        size=smtp.has_extn("size"),
        smtputf8=smtp.has_extn("smtputf8"),
        eight_bit=smtp.has_extn("8bitmime"),
    )
    sock: socket.socket = smtp.sock
    if smtp.file is not None:
        smtp.file.close()
    smtp.file = smtp.sock = None
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setblocking(False)  # noqa: FBT003 - the library's signature
    return Line(sock, offers, time.monotonic())


def _greeted(server: Server) -> Client:
    """Return a connection on which a mail may begin: greeted, encrypted and signed in as configured.

    It is hung up when its time is over, unless it is told to relax.
    """
    ehlo = server.ehlo or socket.getfqdn()
    smtp: Client
    if server.implicit_tls:
        trusted = _trusted(server.ca_file)
        smtp = EncryptedClient(server.host, server.port, ehlo, timeout=server.timeout, context=trusted)
    else:
        smtp = Client(server.host, server.port, ehlo, timeout=server.timeout)
    try:
        smtp.ehlo_or_helo_if_needed()
        if server.starttls:
            smtp.starttls(context=_trusted(server.ca_file))  # raises where the server does not offer it
            smtp.ehlo()
        if server.user:
            _log_in(smtp, server)
    except BaseException:
        smtp.close()
        raise
    return smtp


@lru_cache(maxsize=4)
def _trusted(ca_file: str) -> ssl.SSLContext:
    # Kept: reading all authorities takes 20 ms of the processor, and a round may open 256 connections.
    return ssl.create_default_context(cafile=ca_file or None)


def _log_in(smtp: smtplib.SMTP, server: Server) -> None:
    try:
        smtp.login(server.user, server.password)
    except smtplib.SMTPAuthenticationError as error:
        if error.smtp_code < 500:  # noqa: PLR2004
            raise
        code, text = answers.code_and_text(error.smtp_code, error.smtp_error)
        raise RefusedUsError(Answer(Result.REFUSED_US, code, text)) from error
    except smtplib.SMTPNotSupportedError as error:
        raise RefusedUsError(
            Answer(Result.REFUSED_US, "auth_not_offered", answers.printable(str(error)))
        ) from error
