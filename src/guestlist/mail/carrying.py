"""Many connections at once, driven by one thread: each gets mails while there are any, and is watched while it answers."""

from __future__ import annotations

import contextlib
import logging
import queue
import selectors
import socket
import ssl
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from guestlist.mail import answers
from guestlist.mail.answers import Answer
from guestlist.mail.conversation import Conversation, Offers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from guestlist.mail.parcels import Supply
    from guestlist.mail.transport import Server

log = logging.getLogger(__name__)

_OPENING_AT_ONCE = 16
_POLL = 0.01
_RECEIVE = 65_536
_SLOWLY = 60.0
"""Seconds after which more connections are tried where the server had asked for fewer."""
_AT_ONCE = 1.0
"""Seconds within which hanging up on several connections counts as one wish for fewer."""


class RefusedUsError(Exception):
    """The server does not let us in."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.code)
        self.answer = answer


@dataclass(slots=True, eq=False)
class Line:
    """An open connection."""

    socket: socket.socket
    offers: Offers
    used: float
    talk: Conversation | None = None
    pending: bytes = b""
    carried: int = 0
    replies: int = 0

    @property
    def is_encrypted(self) -> bool:
        """Whether more may have come in than the system knows of."""
        return isinstance(self.socket, ssl.SSLSocket)


@dataclass(slots=True)
class Limits:
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


@dataclass(slots=True)
class Round:
    """One call of `carry`: the connections at work."""

    server: Server
    open: Callable[[], Line]
    """Opens a connection on which a mail may begin; raises OSError or RefusedUsError."""
    supply: Supply
    limits: Limits
    idle: list[Line]
    busy: dict[int, Line] = field(default_factory=dict)
    opening: int = 0
    opened: queue.SimpleQueue[Line | Exception] = field(default_factory=queue.SimpleQueue)
    selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)
    unreachable: str = ""
    fault: Exception | None = None
    """Why one of the connections that are being opened did not come about; judged when all are through."""
    checked: float = 0.0

    def run(self) -> str:
        """Hand over until the supply is over; returns why there was no server to talk to, or nothing."""
        while True:
            self._start()
            worked = self.supply.work(self)
            if self.busy or self.opening:
                self._turn(0.0 if worked else self._pause())
            elif self.unreachable or self.supply.over():
                return self.unreachable
            elif not worked:
                time.sleep(_POLL)

    def attend(self, file: int, events: int) -> None:
        """Serve connections until a file that is none of theirs is ready for these events (`selectors.EVENT_READ`, …)."""
        self.selector.register(file, events)
        try:
            # The file first: a statement that waits for us may hold locks.
            while not self._turn(0.0):
                self._start()
                if not self.supply.fill() and self._turn(self._pause()):
                    return
        finally:
            self.selector.unregister(file)

    def breathe(self) -> None:
        """Serve what is ready, and give work to whoever has none."""
        self._turn(0.0)
        self._start()

    def _turn(self, seconds: float) -> bool:
        """Serve what is ready, or will be within so many seconds; true when another file is."""
        ready = self.selector.select(seconds)
        for key, _mask in ready:
            if key.data is None:
                return True  # connections are served while it is at work again
        for key, _mask in ready:
            self._serve(key.data)
        if self.opening:
            self._arrived()
        self._watch()
        return False

    def _pause(self) -> float:
        """Return for how long nothing may happen, in seconds."""
        return _POLL if self.opening or self.idle or not self.supply.over() else 5 * _POLL

    def leave(self) -> list[Line]:
        """Close what is under way, after an error, and return the connections that can be kept."""
        for line in list(self.busy.values()):
            self._lose(line, "the worker stopped")
        while self.opening:
            self.opening -= 1
            with contextlib.suppress(queue.Empty):
                made = self.opened.get(timeout=self.server.timeout)
                if isinstance(made, Line):
                    hang_up(made)
        self.selector.close()
        return self.idle

    def _start(self) -> None:
        """Give idle connections work, and open more where there is more of it."""
        while self.idle and self.supply.waiting():
            line = self.idle.pop()
            if not self._begin(line):
                break
        if self.idle or self.unreachable or self.fault or len(self.busy) >= self.limits.connections:
            return
        waiting = self.supply.waiting()
        if not waiting:
            return
        wanted = min(self.limits.connections, len(self.busy) + waiting // 2 + 1)
        # The first one tells whether there is a server, and whether it lets us in.
        at_once = _OPENING_AT_ONCE if self.busy else 1
        for _ in range(min(wanted - len(self.busy), at_once) - self.opening):
            threading.Thread(target=self._open, name="smtp-open", daemon=True).start()
            self.opening += 1

    def _begin(self, line: Line) -> bool:
        """Begin with a mail on a connection; false when there was none."""
        left = self.limits.mails - line.carried
        line.talk = Conversation(self.supply, line.offers, most=left, is_kept=line.carried > 0)
        out = line.talk.begin()
        if not out:
            if left <= 0:
                hang_up(line)
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
            self.opened.put(self.open())
        except Exception as error:  # noqa: BLE001 - told to the thread that waits for it
            self.opened.put(error)

    def _arrived(self) -> None:
        """Take connections that were opened meanwhile, or learn why they could not be."""
        while self.opening and not self.opened.empty():
            made = self.opened.get_nowait()
            self.opening -= 1
            if isinstance(made, Line):
                self.idle.append(made)
            elif isinstance(made, RefusedUsError):
                parcel = self.supply.take()
                if parcel is not None:
                    self.supply.answered(parcel, made.answer)
            elif isinstance(made, OSError):
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

    def _serve(self, line: Line) -> None:
        """Send what waits to be sent, and take what the server said."""
        assert line.talk is not None
        try:
            self._hear(line, line.talk)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        except OSError as error:
            self._lose(line, str(error))
            return
        if line.talk.closing:
            return
        if line.pending:
            self._send(line, b"")
        elif line.talk.idle:
            self._rest(line)

    def _hear(self, line: Line, talk: Conversation) -> None:
        while True:
            data = line.socket.recv(_RECEIVE)
            if not data:
                self._lose(line, "the server closed the connection")
                return
            out = talk.received(data)
            if talk.replies != line.replies:
                # Not for single bytes: a server that trickles them would outlast the lease.
                line.replies = talk.replies
                line.used = time.monotonic()
            if out:
                self._send(line, out)
            if talk.closing:
                self._close(line)
                return
            if not line.is_encrypted:
                return  # asked again when the system says that there is more

    def _send(self, line: Line, out: bytes) -> None:
        data = line.pending + out if line.pending else out
        try:
            while data:
                data = data[line.socket.send(data) :]
        except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
            pass
        except OSError as error:
            self._hear_out(line)
            self._lose(line, str(error))
            return
        if bool(data) != bool(line.pending):
            events = selectors.EVENT_READ | (selectors.EVENT_WRITE if data else 0)
            self.selector.modify(line.socket, events, line)
        line.pending = data

    def _hear_out(self, line: Line) -> None:
        """Take what the server had said before it hung up: it may be the answer to a mail."""
        with contextlib.suppress(OSError):
            for data in _received(line.socket):
                if data and line.talk is not None:
                    line.talk.received(data)

    def _rest(self, line: Line) -> None:
        """Keep a connection without work, unless it has carried its share."""
        assert line.talk is not None
        self._forget(line)
        line.carried += line.talk.carried
        line.talk = None
        if line.carried >= self.limits.mails:
            hang_up(line)
        else:
            self.idle.append(line)

    def _close(self, line: Line) -> None:
        """End a connection that cannot go on: the server is going, or may not get what it waits for."""
        assert line.talk is not None
        if line.talk.busy_answer:
            self.limits.lower(live=len(self.busy) + len(self.idle), carried=line.carried + line.talk.carried)
        self._lose(line, "the connection was closed")

    def _lose(self, line: Line, why: str) -> None:
        if line.talk is None or line.socket.fileno() not in self.busy:
            return
        self._forget(line)
        line.socket.close()
        line.talk.lost(why)

    def _forget(self, line: Line) -> None:
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


def has_spoken(sock: socket.socket) -> bool:
    """Tell whether a quiet connection has something to read, which can only be its end."""
    try:
        return bool(sock.recv(1)) or True
    except (BlockingIOError, ssl.SSLWantReadError):
        return False
    except OSError:
        return True


def hang_up(line: Line) -> None:
    """Say goodbye and close the connection."""
    with contextlib.suppress(OSError):
        line.socket.setblocking(True)  # noqa: FBT003 - the library's signature
        line.socket.settimeout(1.0)
        line.socket.send(b"QUIT\r\n")
    line.socket.close()
