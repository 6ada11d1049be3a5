"""The standard library's SMTP client, with an end to what a server may say before the first mail.

By itself it hears a server out for ever, as long as a byte comes now and then, and keeps all that was said.
"""

from __future__ import annotations

import contextlib
import smtplib
import socket
import threading
from typing import BinaryIO

_MOST_BYTES = 65_536
"""Of replies on one connection, counted anew when it is encrypted; servers say a few hundred."""
_TIMES = 3
"""All steps together may take so many times as long as one: greeting, encryption, sign-in."""


class _Bounded:
    """The replies of a server, up to a number of bytes."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.left = _MOST_BYTES

    def readline(self, limit: int) -> bytes:
        line = self.file.readline(limit)
        self.left -= len(line)
        if self.left < 0:
            raise OSError("the server says too much")
        return line

    def close(self) -> None:
        self.file.close()


class Client(smtplib.SMTP):
    """A client that hangs up when opening the connection takes too long; :meth:`relax` ends that."""

    _watched: socket.socket | None = None
    _timer: threading.Timer | None = None

    def relax(self) -> None:
        """Let the connection stay from now on."""
        if self._timer is not None:
            self._timer.cancel()
        if self._watched is not None:
            self._watched.close()

    def close(self) -> None:
        """Close the connection."""
        self.relax()
        super().close()

    def getreply(self) -> tuple[int, bytes]:
        """Return a reply; one that does not end ends the connection."""
        if self.file is None and self.sock is not None:
            self.file = _Bounded(self.sock.makefile("rb"))
        return super().getreply()

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        made: socket.socket = super()._get_socket(host, port, timeout)  # type: ignore[misc]  # not in its types
        # One of its own, which stays the same socket when TLS takes the other one over.
        self._watched = made.dup()
        self._timer = threading.Timer(_TIMES * timeout, self._hang_up)
        self._timer.daemon = True
        self._timer.start()
        return made

    def _hang_up(self) -> None:
        if self._watched is not None:
            with contextlib.suppress(OSError):
                self._watched.shutdown(socket.SHUT_RDWR)


class EncryptedClient(smtplib.SMTP_SSL, Client):
    """The same, encrypted from the first byte on."""

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        try:
            return super()._get_socket(host, port, timeout)
        except BaseException:
            self.relax()
            raise
