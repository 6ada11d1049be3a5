"""A real IMAP server for tests, on a port of this machine: a mailbox with folders; enough of IMAP4rev1 and MOVE."""

import base64
import contextlib
import re
import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

USER, PASSWORD = "bounces@shop.example", 's3cret "quoted" \\ é'


@dataclass
class Mail:
    uid: int
    raw: bytes
    flags: set[str] = field(default_factory=set)


@dataclass
class Store:
    """What is in the mailbox, and how the server behaves.

    `drop_at` names a command ("FETCH", "STORE", …) at which the line goes dead; `uid_last` says the uid behind the content.
    """

    folders: dict[str, list[Mail]] = field(default_factory=lambda: {"INBOX": []})
    capabilities: tuple[str, ...] = ("IMAP4rev1", "UIDPLUS", "MOVE", "AUTH=PLAIN")
    password: str = PASSWORD
    uid_validity: int = 1
    may_create: bool = True
    drop_at: str = ""
    drop_after: int = 0
    uid_last: bool = False
    announces: int = 0
    """So many bytes are announced of each mail, whatever its size."""
    read_only: bool = False
    commands: list[str] = field(default_factory=list)
    secured: bool = False
    port: int = 0
    next_uid: int = 1
    lock: threading.Lock = field(default_factory=threading.Lock)

    def put(self, raw: bytes, *, folder: str = "INBOX", flags: set[str] | None = None) -> int:
        with self.lock:
            uid, self.next_uid = self.next_uid, self.next_uid + 1
            self.folders[folder].append(Mail(uid, raw, flags or set()))
            return uid

    def uids(self, folder: str = "INBOX") -> list[int]:
        return [one.uid for one in self.folders.get(folder, [])]

    def seen(self, folder: str = "INBOX") -> list[int]:
        return [one.uid for one in self.folders.get(folder, []) if "\\Seen" in one.flags]


class _Dropped(Exception):  # noqa: N818 - it is what happened
    pass


class _Session(socketserver.StreamRequestHandler):
    store: Store
    context: ssl.SSLContext | None
    starttls: bool
    folder = ""
    secure = False
    signed_in = False

    def handle(self) -> None:
        if self.context is not None and not self.starttls:
            self._secure()
        self._say(f"* OK [CAPABILITY {self._capabilities()}] ready")
        with contextlib.suppress(_Dropped, OSError):
            while line := self.rfile.readline():
                self._obey(line.decode().rstrip("\r\n"))

    def finish(self) -> None:
        """Close what TLS made of the connection too."""
        super().finish()
        self.request.close()

    def _secure(self) -> None:
        assert self.context is not None
        assert isinstance(self.request, socket.socket)
        self.request = self.context.wrap_socket(self.request, server_side=True)
        self.rfile, self.wfile = self.request.makefile("rb"), self.request.makefile("wb", 0)
        self.secure = self.store.secured = True

    def _capabilities(self) -> str:
        # As servers do: what is only for users is told to users alone.
        offered = [one for one in self.store.capabilities if self.signed_in or one != "MOVE"]
        if self.starttls and not self.secure:
            offered.append("STARTTLS")
        return " ".join(offered)

    def _say(self, line: str) -> None:
        self.wfile.write(line.encode() + b"\r\n")

    def _obey(self, line: str) -> None:
        tag, _space, line = line.partition(" ")
        command, _space, rest = line.partition(" ")
        if command.upper() == "UID":
            command, _space, rest = rest.partition(" ")
        command = command.upper()
        self.store.commands.append(command)
        if command == self.store.drop_at:
            if self.store.drop_after == 0:
                self.request.close()
                raise _Dropped
            self.store.drop_after -= 1
        answer = getattr(self, f"_{command.lower()}", self._unknown)(rest)
        self._say(f"{tag} {answer}")
        if command == "LOGOUT":
            raise _Dropped
        if command == "STARTTLS":
            self._secure()

    def _unknown(self, _rest: str) -> str:
        return "BAD unknown command"

    def _capability(self, _rest: str) -> str:
        self._say(f"* CAPABILITY {self._capabilities()}")
        return "OK done"

    def _starttls(self, _rest: str) -> str:
        return "OK begin"

    def _logout(self, _rest: str) -> str:
        self._say("* BYE")
        return "OK done"

    def _login(self, rest: str) -> str:
        user, password = (re.sub(r"\\(.)", r"\1", one) for one in re.findall(r'"((?:[^"\\]|\\.)*)"', rest))
        return self._judged(user, password)

    def _authenticate(self, _rest: str) -> str:
        self._say("+ ")
        _nobody, user, password = base64.b64decode(self.rfile.readline()).decode().split("\0")
        return self._judged(user, password)

    def _judged(self, user: str, password: str) -> str:
        self.signed_in = (user, password) == (USER, self.store.password)
        return "OK welcome" if self.signed_in else "NO [AUTHENTICATIONFAILED] Invalid credentials"

    def _select(self, rest: str) -> str:
        self.folder = rest.strip('"')
        if self.folder not in self.store.folders:
            return "NO [NONEXISTENT] no such folder"
        self._say(f"* {len(self.store.folders[self.folder])} EXISTS")
        self._say(f"* OK [UIDVALIDITY {self.store.uid_validity}] valid")
        return "OK [READ-ONLY] selected" if self.store.read_only else "OK [READ-WRITE] selected"

    def _search(self, rest: str) -> str:
        wanted = re.fullmatch(r"(\d+):(\d+) UNSEEN UNDELETED", rest)
        assert wanted
        found = [
            one.uid
            for one in self.store.folders[self.folder][int(wanted[1]) - 1 : int(wanted[2])]
            if not {"\\Seen", "\\Deleted"} & one.flags
        ]
        self._say("* SEARCH" + "".join(f" {uid}" for uid in found))
        return "OK done"

    def _chosen(self, uids: str) -> list[Mail]:
        wanted = {int(one) for one in uids.split(",")}
        return [one for one in self.store.folders[self.folder] if one.uid in wanted]

    def _fetch(self, rest: str) -> str:
        uids, what = rest.split(" ", 1)
        found = re.fullmatch(r"\(UID BODY\.PEEK\[\]<0\.(\d+)>\)", what)
        assert found
        for number, one in enumerate(self._chosen(uids), 1):
            raw = one.raw[: int(found[1])]
            uid = f"UID {one.uid}"
            head, tail = ("", f" {uid})") if self.store.uid_last else (f"{uid} ", ")")
            self._say(f"* {number} FETCH ({head}BODY[]<0> {{{self.store.announces or len(raw)}}}")
            self.wfile.write(raw)
            self._say(tail)
        self._say("* 99 EXISTS")  # a server may say such things at any time
        return "OK done"

    def _store(self, rest: str) -> str:
        uids, what, flags = rest.split(" ", 2)
        assert what == "+FLAGS.SILENT"
        for one in self._chosen(uids):
            one.flags |= set(flags.strip("()").split())
        return "OK done"

    def _create(self, rest: str) -> str:
        if not self.store.may_create:
            return "NO [CANNOT] Invalid mailbox name"
        self.store.folders.setdefault(rest.strip('"'), [])
        return "OK created"

    def _move(self, rest: str) -> str:
        uids, folder = rest.split(" ", 1)
        target = self.store.folders.get(folder.strip('"'))
        if target is None:
            return "NO [TRYCREATE] no such folder"
        with self.store.lock:
            for one in self._chosen(uids):
                self.store.folders[self.folder].remove(one)
                target.append(one)
        return "OK moved"


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that hang up, as they do when they do not trust the certificate."""


@contextlib.contextmanager
def running(store: Store, *, tls: Path | None = None, starttls: bool = False) -> Iterator[Store]:
    """Run the server until the end of the block; with a certificate's folder, by TLS."""
    context = None
    if tls is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(tls / "server.pem", tls / "key.pem")
    session = type("Session", (_Session,), {"store": store, "context": context, "starttls": starttls})
    with _Server(("127.0.0.1", 0), session) as server:
        store.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield store
        finally:
            server.shutdown()
            thread.join()
