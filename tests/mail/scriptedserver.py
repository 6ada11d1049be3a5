"""A mail server on a raw socket that does what a script says, also what no decent server does.

It speaks just enough SMTP to know which command comes next; answers are bytes, or something that is done instead.
"""

import contextlib
import socket
import ssl
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

DROP = "drop"
"""Close the connection at once."""
RESET = "reset"
"""The same, without the courtesy of saying so."""
SILENT = "silent"
"""Say nothing until the other side gives up."""
TAKE_AND_DROP = "take and drop"
"""Keep the mail, and close the connection without an answer to the final dot."""

Answer = bytes | str


@dataclass
class Call:
    """One connection as the server saw it."""

    number: int
    commands: list[str] = field(default_factory=list)
    mails: int = 0


@dataclass
class Script:
    """What to answer: called with the stage (connect, EHLO, MAIL, RCPT, DATA, dot, RSET, …), its line and the call.

    None is the answer of a friendly server.
    """

    answer: Callable[[str, str, Call], Answer | None] = lambda _stage, _line, _call: None
    offers: tuple[str, ...] = ("PIPELINING", "SIZE 10000000", "8BITMIME", "SMTPUTF8")
    chunk: int = 0
    """How many bytes are sent at a time; 0 is all."""
    context: ssl.SSLContext | None = None
    """What STARTTLS begins with."""


@dataclass
class ScriptedServer:
    """What came in: mails by their Message-ID, each connection's commands."""

    script: Script
    port: int = 0
    mails: list[tuple[str, bytes]] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    most_at_once: int = 0
    _open: set[socket.socket] = field(default_factory=set)

    def recipients(self) -> list[str]:
        """Return to whom the mails went, in the order they came."""
        return [recipient for recipient, _content in self.mails]

    def copies(self) -> Counter[str]:
        """Return how often each mail came, by its Message-ID."""
        return Counter(
            line.partition(b":")[2].strip().decode()
            for _recipient, content in self.mails
            for line in content.split(b"\r\n")
            if line.lower().startswith(b"message-id:")
        )

    def hang_up(self) -> None:
        """Close all connections, as a server that restarts does."""
        with self.lock:
            for one in self._open:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def serve(self, connection: socket.socket) -> None:
        """Talk on one connection until it ends."""
        with self.lock:
            call = Call(len(self.calls) + 1)
            self.calls.append(call)
            self._open.add(connection)
            self.most_at_once = max(self.most_at_once, len(self._open))
        talk = _Talk(self, connection, call)
        try:
            with contextlib.suppress(OSError, _DroppedError):
                talk.run()
        finally:
            with self.lock:
                self._open.discard(connection)
            talk.socket.close()
            connection.close()


class _DroppedError(Exception):
    pass


class _Talk:
    def __init__(self, server: ScriptedServer, connection: socket.socket, call: Call) -> None:
        self.server, self.script, self.call = server, server.script, call
        self.socket = connection
        self.unread = b""
        self.recipient = ""
        self.envelope = [False, False]

    def run(self) -> None:
        if not self.say("connect", "", b"220 scripted\r\n"):
            return
        while line := self.line():
            text = line.decode("utf-8", "replace").strip()
            verb = text.split(" ")[0].upper()
            self.call.commands.append(verb)
            if verb == "QUIT":
                return
            if not self.command(verb, text):
                return

    def command(self, verb: str, text: str) -> bool:
        if verb in {"EHLO", "HELO"}:
            offers = ["scripted", *self.script.offers]
            lines = [f"250-{one}\r\n" for one in offers[:-1]] + [f"250 {offers[-1]}\r\n"]
            return self.say("EHLO", text, "".join(lines).encode())
        if verb == "STARTTLS":
            going = self.say("STARTTLS", text, b"220 go on\r\n")
            if going and self.script.context:
                self.socket = self.script.context.wrap_socket(self.socket, server_side=True)
            return going
        if verb == "MAIL":
            self.envelope = [False, False]
            return self.said("MAIL", text, b"250 2.1.0 sender ok\r\n", 0)
        if verb == "RCPT":
            self.recipient = text.partition("<")[2].partition(">")[0]
            friendly = b"250 2.1.5 recipient ok\r\n" if self.envelope[0] else b"503 5.5.1 MAIL first\r\n"
            return self.said("RCPT", text, friendly, 1)
        if verb == "DATA":
            friendly = b"354 go on\r\n" if all(self.envelope) else b"503 5.5.1 RCPT first\r\n"
            return self.data(text, friendly)
        return self.say(verb, text, b"250 2.0.0 ok\r\n")

    def said(self, stage: str, text: str, friendly: bytes, part: int) -> bool:
        answer = self.script.answer(stage, text, self.call)
        wanted = friendly if answer is None else answer
        self.envelope[part] = isinstance(wanted, bytes) and wanted.startswith(b"250")
        return self.give(wanted)

    def data(self, text: str, friendly: bytes) -> bool:
        answer = self.script.answer("DATA", text, self.call)
        wanted = friendly if answer is None else answer
        if not self.give(wanted):
            return False
        if not (isinstance(wanted, bytes) and wanted.startswith(b"354")):
            return True
        content = self.content()
        answer = self.script.answer("dot", self.recipient, self.call)
        friendly = b"250 2.0.0 queued\r\n" if all(self.envelope) else b"554 5.5.1 no valid recipients\r\n"
        wanted = friendly if answer is None else answer
        if wanted == TAKE_AND_DROP or (isinstance(wanted, bytes) and wanted.startswith(b"250")):
            with self.server.lock:
                self.server.mails.append((self.recipient, content))
            self.call.mails += 1
        self.envelope = [False, False]
        return self.give(wanted)

    def say(self, stage: str, text: str, friendly: bytes) -> bool:
        answer = self.script.answer(stage, text, self.call)
        return self.give(friendly if answer is None else answer)

    def give(self, answer: Answer) -> bool:
        """Send an answer; false when the connection ends with it."""
        if answer == SILENT:
            while self.socket.recv(4_096):
                pass
            return False
        if answer == RESET:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if isinstance(answer, str):
            return False
        if not self.script.chunk:
            self.socket.sendall(answer)
        for start in range(0, len(answer) if self.script.chunk else 0, self.script.chunk or 1):
            self.socket.sendall(answer[start : start + self.script.chunk])
            time.sleep(0.0002)  # so that they come one by one
        return not answer.startswith(b"421")

    def line(self) -> bytes:
        while b"\r\n" not in self.unread:
            data = self.socket.recv(65_536)
            if not data:
                return b""
            self.unread += data
        line, _, self.unread = self.unread.partition(b"\r\n")
        return line + b"\r\n"

    def content(self) -> bytes:
        content = b""
        while (line := self.line()) != b".\r\n":
            if not line:
                raise _DroppedError
            content += line.removeprefix(b".")
        return content


@contextlib.contextmanager
def running(
    answer: Callable[[str, str, Call], Answer | None] | None = None, *, port: int = 0, **options
) -> Iterator[ScriptedServer]:
    """Run a server until the end of the block; each connection in a thread of its own."""
    script = Script(**options) if answer is None else Script(answer, **options)
    server = ScriptedServer(script)
    with socket.create_server(("127.0.0.1", port), backlog=256) as listener:
        server.port = listener.getsockname()[1]
        threads: list[threading.Thread] = []

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    threads.append(threading.Thread(target=server.serve, args=[connection], daemon=True))
                    threads[-1].start()

        acceptor = threading.Thread(target=accept, daemon=True)
        acceptor.start()
        try:
            yield server
        finally:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
            acceptor.join(5)
            server.hang_up()
            for thread in threads:
                thread.join(5)
