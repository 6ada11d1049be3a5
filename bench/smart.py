"""A mail server with a mind of its own: refuses some, writes down every copy it accepts, and can hold its answers.

    python -m bench.smart --log FILE [--refuse] [--certificate FILE]

It listens on 127.0.0.1, prints ``port N``, and takes commands on its standard input, one a line:

    hold data N     from the Nth DATA on give no 354: the mail is not handed over yet
    hold dot N      from the Nth final dot on give no 250, though the mail is accepted and written down
    go              give the answers that were held
    count           print ``count N``, the copies accepted so far

When it begins to hold, it prints ``holding``. The log has a line per decision: accepted, 4xx or 5xx, the Message-ID (none
where the recipient was refused) and the recipient, with tabs between; each written at once, before the answer.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import ssl
import sys
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench.refusing import Place, Refusal, decide

if TYPE_CHECKING:
    from collections.abc import Callable

_MOST_WAITING = 1 << 20


@dataclass(slots=True)
class Server:
    """What all connections share."""

    log: int
    """An open file, appended to without a buffer."""
    refuse: bool
    tls: ssl.SSLContext | None
    accepted: int = 0
    put_off: Counter[str] = field(default_factory=Counter)
    seen: Counter[str] = field(default_factory=Counter)
    """How often each place was passed: data, dot."""
    hold: tuple[str, int] | None = None
    """The place that is held, and from which passage on."""
    held: list[Callable[[], None]] = field(default_factory=list)

    def write_down(self, what: str, message_id: str, recipient: str) -> None:
        """Append one decision; once this returns, no end of this process can lose it."""
        os.write(self.log, f"{what}\t{message_id}\t{recipient}\n".encode())

    def passes(self, place: str, resume: Callable[[], None]) -> bool:
        """Tell whether an answer may be given now; if not, `resume` is called when it may."""
        self.seen[place] += 1
        if self.hold is None or self.hold[0] != place or self.seen[place] < self.hold[1]:
            return True
        if not self.held:
            print("holding", flush=True)
        self.held.append(resume)
        return False

    def command(self, line: str) -> None:
        """Do what a line of the standard input says."""
        words = line.split()
        if words[:1] == ["hold"]:
            self.hold = (words[1], self.seen[words[1]] + int(words[2]))
        elif words == ["go"]:
            self.hold = None
            waiting, self.held = self.held, []
            for resume in waiting:
                resume()
        elif words == ["count"]:
            print(f"count {self.accepted}", flush=True)


class Session(asyncio.Protocol):
    """One connection; commands are answered in order, however many come at once (RFC 2920)."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.transport: asyncio.Transport | None = None
        self.waiting = bytearray()
        self.replies = bytearray()
        self.recipients: list[str] = []
        self.in_data = False
        self.is_held = False
        self.secure = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet, unless this is the same conversation gone secret."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        if not self.secure:
            transport.write(b"220 smart.invalid ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        """Take what came."""
        self.waiting += data
        if len(self.waiting) > _MOST_WAITING and self.transport is not None:
            self.transport.abort()
            return
        self.work()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        """Forget the connection; what is held for it is never said."""
        self.transport = None

    def work(self) -> None:
        """Answer what can be answered."""
        while not self.is_held and self.transport is not None:
            end, skip = (b"\r\n.\r\n", 5) if self.in_data else (b"\r\n", 2)
            at = self.waiting.find(end)
            if at < 0:
                break
            part = bytes(self.waiting[:at])
            del self.waiting[: at + skip]
            if self.in_data:
                self.content(part)
            else:
                self.line(part)
        if self.replies and self.transport is not None:
            self.transport.write(bytes(self.replies))
            self.replies.clear()

    def line(self, line: bytes) -> None:
        """Answer one command."""
        verb = line[:4].upper()
        if verb == b"MAIL":
            self.recipients = []
            self.replies += b"250 2.1.0 Ok\r\n"
        elif verb == b"RCPT":
            self.recipient(line)
        elif verb == b"DATA":
            self.data()
        elif verb == b"EHLO":
            self.greeting()
        elif verb == b"STAR" and self.server.tls is not None and not self.secure:
            self.go_secret(self.server.tls)
        elif verb == b"QUIT":
            self.replies += b"221 2.0.0 Bye\r\n"
            if self.transport is not None:
                self.transport.write(bytes(self.replies))
                self.replies.clear()
                self.transport.close()
                self.transport = None
        elif verb in {b"RSET", b"NOOP", b"HELO"}:
            self.recipients = []
            self.replies += b"250 2.0.0 Ok\r\n"
        else:
            self.replies += b"502 5.5.2 Not known here\r\n"

    def greeting(self) -> None:
        """Say what this server can do."""
        self.replies += b"250-smart.invalid\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SIZE 52428800\r\n"
        if self.server.tls is not None and not self.secure:
            self.replies += b"250-STARTTLS\r\n"
        self.replies += b"250-ENHANCEDSTATUSCODES\r\n250 SMTPUTF8\r\n"

    def recipient(self, line: bytes) -> None:
        """Take a recipient or refuse it."""
        name = line.partition(b"<")[2].partition(b">")[0].decode("utf-8", "replace")
        refusal = self.refusal(name)
        if refusal is not None and refusal.place is Place.RECIPIENT:
            self.refused(refusal, "", name)
            return
        self.recipients.append(name)
        self.replies += b"250 2.1.5 Ok\r\n"

    def refusal(self, recipient: str) -> Refusal | None:
        """Return how a recipient is refused now."""
        if not self.server.refuse:
            return None
        return decide(recipient, refused_before=self.server.put_off[recipient])

    def refused(self, refusal: Refusal, message_id: str, recipient: str) -> None:
        """Write a refusal down and say it."""
        if not refusal.for_good:
            self.server.put_off[recipient] += 1
        self.server.write_down("5xx" if refusal.for_good else "4xx", message_id, recipient)
        self.replies += refusal.reply

    def data(self) -> None:
        """Ask for the content, unless there is nobody to get it or the answer is held."""
        if not self.recipients:
            self.replies += b"554 5.5.1 No valid recipients\r\n"
        elif self.server.passes("data", self.go_on_with_data):
            self.go_on_with_data()
        else:
            self.is_held = True

    def go_on_with_data(self) -> None:
        """Say 354."""
        self.replies += b"354 End data with <CR><LF>.<CR><LF>\r\n"
        self.in_data = True
        self.released()

    def content(self, content: bytes) -> None:
        """Accept or refuse a finished mail; it is written down before anything is said."""
        self.in_data = False
        (recipient,) = self.recipients
        message_id = message_id_of(content)
        refusal = self.refusal(recipient)
        if refusal is not None:
            self.refused(refusal, message_id, recipient)
            return
        self.server.write_down("accepted", message_id, recipient)
        self.server.accepted += 1
        if self.server.passes("dot", self.go_on_after_dot):
            self.go_on_after_dot()
        else:
            self.is_held = True

    def go_on_after_dot(self) -> None:
        """Say 250."""
        self.replies += b"250 2.0.0 Ok\r\n"
        self.released()

    def released(self) -> None:
        """Go on with what waited behind an answer that was held."""
        if self.is_held:
            self.is_held = False
            self.work()

    def go_secret(self, tls: ssl.SSLContext) -> None:
        """Begin TLS (RFC 3207); whatever was said before is forgotten."""
        transport = self.transport
        if transport is None:
            return
        transport.write(bytes(self.replies) + b"220 2.0.0 Ready to start TLS\r\n")
        self.replies.clear()
        self.waiting.clear()
        self.secure = True
        # Nothing is answered meanwhile: it would go out in the clear.
        self.transport = None
        loop = asyncio.get_running_loop()

        async def upgrade() -> None:
            self.transport = await loop.start_tls(transport, self, tls, server_side=True)
            self.work()

        # Kept: a task that nobody holds may vanish.
        self._upgrade = loop.create_task(upgrade())


def message_id_of(content: bytes) -> str:
    """Return the Message-ID of a mail, or nothing."""
    head = content.partition(b"\r\n\r\n")[0]
    for line in head.split(b"\r\n"):
        if line[:11].lower() == b"message-id:":
            return line[11:].strip().decode("ascii", "replace")
    return ""


async def serve(server: Server) -> None:
    """Listen until the standard input ends."""
    loop = asyncio.get_running_loop()
    listener = await loop.create_server(lambda: Session(server), "127.0.0.1", 0, backlog=1024)
    print(f"port {listener.sockets[0].getsockname()[1]}", flush=True)
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        server.command(line.decode())
    listener.close()


def main() -> None:
    """Run the server."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--log", required=True)
    parser.add_argument("--refuse", action="store_true", help="refuse 3 % of the recipients")
    parser.add_argument("--certificate", help="offer STARTTLS with this certificate and key")
    options = parser.parse_args()
    tls = None
    if options.certificate:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(options.certificate)
    log = os.open(options.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    asyncio.run(serve(Server(log, options.refuse, tls)))


if __name__ == "__main__":
    main()
