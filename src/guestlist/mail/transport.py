"""Handing mails over by SMTP. Nothing else in the product may.

Greeting, STARTTLS and signing in are the standard library's; what follows is said on many connections at once by one
thread (see :mod:`guestlist.mail.conversation`), because threads would queue for the interpreter.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import selectors
import smtplib
import socket
import ssl
import threading
import time
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Self
from urllib.parse import parse_qs, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

from guestlist.mail import answers
from guestlist.mail.answers import Answer, Result
from guestlist.mail.conversation import Conversation, Offers
from guestlist.mail.parcels import OneByOne, Parcel, Supply, Transport
from guestlist.mail.transport_opening import Client, EncryptedClient

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "Answer",
    "OneByOne",
    "Parcel",
    "Result",
    "Server",
    "SmtpTransport",
    "Supply",
    "Transport",
    "probe",
]

log = logging.getLogger(__name__)

MOST_CONNECTIONS = 256
MOST_MAILS = 100_000
MOST_SECONDS = 120
"""More would outlast the lease of what is being handed over."""
_IDLE_SECONDS = 20
_OPENING_AT_ONCE = 16
_POLL = 0.01
_RECEIVE = 65_536
_SLOWLY = 60.0
"""Seconds after which more connections are tried where the server had asked for fewer."""
_AT_ONCE = 1.0
"""Seconds within which hanging up on several connections counts as one wish for fewer."""


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
            parts = urlsplit(url)
            port = parts.port
            query = {
                key: values[-1]
                for key, values in parse_qs(parts.query, strict_parsing=bool(parts.query)).items()
            }
            timeout = float(query.pop("timeout", "60"))
            connections = int(query.pop("connections", "8"))
            mails = int(query.pop("mails_per_connection", "500"))
            if parts.path not in {"", "/"} or parts.fragment or "@" in parts.query:
                raise ValueError(url)  # noqa: TRY301 - as wrong as a port that is no number
        except ValueError:
            # Without the words at fault: they may be a piece of the password.
            raise ImproperlyConfigured(
                "GUESTLIST_SMTP_URL cannot be read. Write / ? # : @ and % in user and password as %2F %3F %23 %3A %40 "
                "and %25; port, timeout, connections and mails_per_connection are numbers."
            ) from None
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
            connections=connections,
            mails_per_connection=mails,
        )
        if not (
            1 <= connections <= MOST_CONNECTIONS and 1 <= mails <= MOST_MAILS and 0 < timeout <= MOST_SECONDS
        ):
            raise ImproperlyConfigured(
                "GUESTLIST_SMTP_URL takes 1 to 256 connections, 1 to 100000 mails_per_connection and a timeout of at "
                "most 120 seconds."
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


@dataclass(slots=True, eq=False)
class _Line:
    """An open connection."""

    socket: socket.socket
    offers: Offers
    used: float
    talk: Conversation | None = None
    pending: bytes = b""
    carried: int = 0
    replies: int = 0


@dataclass(slots=True)
class _Limits:
    """How many connections there may be, and mails on each: the settings, or less while the server asks for it."""

    connections: int
    mails: int
    lowered_at: float = 0.0

    def lower(self, *, live: int, carried: int) -> None:
        """Use fewer: the server hung up on one of so many, after so many mails."""
        if time.monotonic() - self.lowered_at > _AT_ONCE:
            self.connections = max(1, min(self.connections, live) // 2)
        if carried > 1:
            self.mails = max(1, min(self.mails, carried - 1))
        self.lowered_at = time.monotonic()

    def keep_to(self, live: int) -> None:
        """Use no more than so many: the server lets no others in."""
        self.connections = max(1, min(self.connections, live))
        self.lowered_at = time.monotonic()

    def rise(self, server: Server) -> None:
        """Try some more after a minute of peace."""
        if time.monotonic() - self.lowered_at < _SLOWLY:
            return
        if self.connections < server.connections or self.mails < server.mails_per_connection:
            more = max(1, self.connections // 2)
            self.connections = min(self.connections + more, server.connections)
            self.mails = min(self.mails * 2, server.mails_per_connection)
            self.lowered_at = time.monotonic()


class SmtpTransport:
    """Speaks SMTP on as many connections as the server's settings say, kept between mails."""

    def __init__(self, server: Server) -> None:
        """Remember the server; the first mail opens the first connection."""
        self.server = server
        self._kept: list[_Line] = []
        self._limits = _Limits(server.connections, server.mails_per_connection)

    def carry(self, supply: Supply) -> str:
        """Hand over what the supply has until it is over; returns why there was no server to talk to, or nothing."""
        round_ = _Round(self.server, supply, self._limits, self._reusable())
        try:
            return round_.run()
        finally:
            self._kept = round_.leave()

    def close(self) -> None:
        """Say goodbye and close the connections."""
        for line in self._kept:
            _hang_up(line)
        self._kept = []

    def _reusable(self) -> list[_Line]:
        """Return the kept connections that still live: on a quiet one the server has said nothing, not even goodbye."""
        alive = []
        for line in self._kept:
            if time.monotonic() - line.used > _IDLE_SECONDS or _has_spoken(line.socket):
                _hang_up(line)
            else:
                alive.append(line)
        self._kept = []
        return alive


@dataclass(slots=True)
class _Round:
    """One call of `carry`: the connections at work."""

    server: Server
    supply: Supply
    limits: _Limits
    idle: list[_Line]
    busy: dict[int, _Line] = field(default_factory=dict)
    opening: int = 0
    opened: queue.SimpleQueue[_Line | Exception] = field(default_factory=queue.SimpleQueue)
    selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)
    unreachable: str = ""
    fault: Exception | None = None
    """Why one of the connections that are being opened did not come about; judged when all are through."""
    checked: float = 0.0

    def run(self) -> str:
        while True:
            self._start()
            if not self.busy and not self.opening:
                if self.unreachable or self.supply.over():
                    break
                time.sleep(_POLL)
                continue
            waits = self.opening or self.idle or not self.supply.over()
            for key, _mask in self.selector.select(_POLL if waits else min(1.0, self.server.timeout / 4)):
                self._serve(key.data)
            self._arrived()
            self._watch()
        return self.unreachable

    def leave(self) -> list[_Line]:
        """Close what is under way, after an error, and return the connections that can be kept."""
        for line in list(self.busy.values()):
            self._lose(line, "the worker stopped")
        while self.opening:
            self.opening -= 1
            with contextlib.suppress(queue.Empty):
                made = self.opened.get(timeout=self.server.timeout)
                if isinstance(made, _Line):
                    _hang_up(made)
        self.selector.close()
        return self.idle

    def _start(self) -> None:
        """Give idle connections work, and open more where there is more of it."""
        while self.idle and self.supply.waiting():
            line = self.idle.pop()
            if not self._begin(line):
                break
        wanted = min(self.limits.connections, len(self.busy) + self.supply.waiting() // 2 + 1)
        if self.unreachable or self.fault or not self.supply.waiting() or self.idle:
            return
        # The first one tells whether there is a server, and whether it lets us in.
        at_once = _OPENING_AT_ONCE if self.busy else 1
        for _ in range(min(wanted - len(self.busy), at_once) - self.opening):
            self.opening += 1
            threading.Thread(target=self._open, name="smtp-open", daemon=True).start()

    def _begin(self, line: _Line) -> bool:
        """Begin with a mail on a connection; false when there was none."""
        left = self.limits.mails - line.carried
        line.talk = Conversation(self.supply, line.offers, most=left, is_kept=line.carried > 0)
        out = line.talk.begin()
        if not out:
            if left <= 0:
                _hang_up(line)
                return True
            self.idle.append(line)
            return False
        line.used, line.replies = time.monotonic(), 0
        self.busy[line.socket.fileno()] = line
        self.selector.register(line.socket, selectors.EVENT_READ, line)
        self._send(line, out)
        return True

    def _open(self) -> None:
        try:
            self.opened.put(_connected(self.server))
        except Exception as error:  # noqa: BLE001 - told to the thread that waits for it
            self.opened.put(error)

    def _arrived(self) -> None:
        """Take connections that were opened meanwhile, or learn why they could not be."""
        while self.opening and not self.opened.empty():
            made = self.opened.get_nowait()
            self.opening -= 1
            if isinstance(made, _Line):
                self.idle.append(made)
            elif isinstance(made, _RefusedUsError):
                parcel = self.supply.take()
                if parcel is not None:
                    self.supply.answered(parcel, made.answer)
            elif isinstance(made, (OSError, smtplib.SMTPException)):
                self.fault = made
            else:
                raise made
        if self.fault is not None and not self.opening:
            self._not_opened(self.fault)
            self.fault = None

    def _not_opened(self, error: Exception) -> None:
        words = answers.printable(f"{type(error).__name__}: {error}")
        if self.busy or self.idle:
            # There is a server; it just wants no more of us at once.
            self.limits.keep_to(len(self.busy) + len(self.idle))
            return
        log.warning("The mail server cannot be reached: %s", words)
        self.unreachable = words

    def _serve(self, line: _Line) -> None:
        """Send what waits to be sent, and take what the server said."""
        assert line.talk is not None
        try:
            for data in _received(line.socket):
                if not data:
                    self._lose(line, "the server closed the connection")
                    return
                out = line.talk.received(data)
                if line.talk.replies != line.replies:
                    # Not for single bytes: a server that trickles them would outlast the lease.
                    line.replies = line.talk.replies
                    line.used = time.monotonic()
                if out:
                    self._send(line, out)
                if line.talk.closing:
                    self._close(line)
                    return
        except OSError as error:
            self._lose(line, str(error))
            return
        if line.pending:
            self._send(line, b"")
        if line.talk.idle and not line.pending:
            self._rest(line)

    def _send(self, line: _Line, out: bytes) -> None:
        line.pending += out
        try:
            while line.pending:
                sent = line.socket.send(line.pending)
                line.pending = line.pending[sent:]
        except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
            pass
        except OSError as error:
            self._hear_out(line)
            self._lose(line, str(error))
            return
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if line.pending else 0)
        if self.selector.get_key(line.socket).events != events:
            self.selector.modify(line.socket, events, line)

    def _hear_out(self, line: _Line) -> None:
        """Take what the server had said before it hung up: it may be the answer to a mail."""
        with contextlib.suppress(OSError):
            for data in _received(line.socket):
                if data and line.talk is not None:
                    line.talk.received(data)

    def _rest(self, line: _Line) -> None:
        """Keep a connection without work, unless it has carried its share."""
        assert line.talk is not None
        self._forget(line)
        line.carried += line.talk.carried
        line.talk = None
        if line.carried >= self.limits.mails:
            _hang_up(line)
        else:
            self.idle.append(line)

    def _close(self, line: _Line) -> None:
        """End a connection that cannot go on: the server is going, or may not get what it waits for."""
        assert line.talk is not None
        if line.talk.busy_answer:
            self.limits.lower(live=len(self.busy) + len(self.idle), carried=line.carried + line.talk.carried)
        self._lose(line, "the connection was closed")

    def _lose(self, line: _Line, why: str) -> None:
        if line.talk is None or line.socket.fileno() not in self.busy:
            return
        self._forget(line)
        line.socket.close()
        line.talk.lost(why)

    def _forget(self, line: _Line) -> None:
        self.busy.pop(line.socket.fileno(), None)
        self.selector.unregister(line.socket)

    def _watch(self) -> None:
        """Give up on servers that fall silent."""
        now = time.monotonic()
        if now - self.checked < min(1.0, self.server.timeout / 4):
            return
        self.checked = now
        self.limits.rise(self.server)
        for line in list(self.busy.values()):
            if now - line.used > self.server.timeout:
                self._lose(line, "timed out")


def probe(server: Server, *, sender: str) -> Answer:
    """Return what the server says to us and to a sender's address; no mail is sent."""
    try:
        smtp = _greeted(server)
    except _RefusedUsError as refused:
        return refused.answer
    except (OSError, smtplib.SMTPException) as error:
        return Answer(
            Result.UNREACHABLE, "unreachable", answers.printable(f"{type(error).__name__}: {error}")
        )
    try:
        code, text = smtp.mail(sender)
        smtp.rset()
    except (OSError, smtplib.SMTPException) as error:
        return Answer(Result.UNREACHABLE, "connection_lost", answers.printable(str(error)))
    finally:
        with contextlib.suppress(OSError, smtplib.SMTPException):
            smtp.quit()
        smtp.close()
    if code == 250:  # noqa: PLR2004 - SMTP's own number
        return Answer(Result.ACCEPTED, *answers.code_and_text(code, text))
    return answers.of_sender(code, text)


def _connected(server: Server) -> _Line:
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
    return _Line(sock, offers, time.monotonic())


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
        raise _RefusedUsError(Answer(Result.REFUSED_US, code, text)) from error
    except smtplib.SMTPNotSupportedError as error:
        raise _RefusedUsError(
            Answer(Result.REFUSED_US, "auth_not_offered", answers.printable(str(error)))
        ) from error


def _received(sock: socket.socket) -> Iterator[bytes]:
    """Yield what has come in, without waiting; an empty one is the end of the connection."""
    encrypted = isinstance(sock, ssl.SSLSocket)
    while True:
        try:
            data = sock.recv(_RECEIVE)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return
        yield data
        # A plain socket is asked again only when the system says that there is more.
        if not data or not encrypted:
            return


def _has_spoken(sock: socket.socket) -> bool:
    """Tell whether a quiet connection has something to read, which can only be its end."""
    try:
        return bool(sock.recv(1)) or True
    except (BlockingIOError, ssl.SSLWantReadError):
        return False
    except OSError:
        return True


def _hang_up(line: _Line) -> None:
    with contextlib.suppress(OSError):
        line.socket.setblocking(True)  # noqa: FBT003 - the library's signature
        line.socket.settimeout(1.0)
        line.socket.send(b"QUIT\r\n")
    line.socket.close()
