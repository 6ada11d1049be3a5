"""Reading bounces and complaints from a mailbox (IMAP, RFC 9051), which may be shared with people.

Mail is fetched without marking it, its beginning alone. What was for us is marked as seen and moved to a folder, after it
is written down: a break in between means that it is read once more, and counts once all the same. What is not for us is left
as it was.
"""

from __future__ import annotations

import contextlib
import imaplib
import logging
import re
import ssl
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import InterfaceError, OperationalError

from guestlist.mail import answers, reports, returned
from guestlist.mail.returned import Taken

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from guestlist.mail.kinds import Kind

log = logging.getLogger(__name__)

LIMIT = 200
"""Mails that one run reads; the worker has other work too."""
_AT_ONCE = 20
_SEARCHED_AT_ONCE = 50_000
_PATIENCE = 20.0
_LONGEST_PATIENCE = 600.0
_HERE = frozenset({"127.0.0.1", "::1", "localhost"})
_YES = frozenset({"1", "true", "yes", "required"})
_UID = re.compile(rb"\bUID (\d+)")


class MailboxError(Exception):
    """The mailbox cannot be read now: the server is away, or says no."""


@dataclass(frozen=True, slots=True)
class Mailbox:
    """Where a mailbox is and how its server wants to be talked to."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    folder: str = "INBOX"
    implicit_tls: bool = True
    starttls: bool = False
    ca_file: str = ""
    timeout: float = _PATIENCE
    handled: str = "Guestlist"
    """The folder for what was read; empty: it stays, marked as seen."""

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read ``imaps://user:password@host/INBOX`` or ``imap://…?starttls=1``.

        Further settings: ``handled`` (the folder for what was read, ``Guestlist``; empty for none), ``timeout`` (seconds),
        ``ca_file`` (the authority of a private server's certificate).

        :raises ImproperlyConfigured: when it cannot be read, or would send a password in the clear to another machine.
        """
        try:
            parts = urlsplit(url)
            port = parts.port
            query = {key: values[-1] for key, values in parse_qs(parts.query, keep_blank_values=True).items()}
            timeout = float(query.pop("timeout", _PATIENCE))
        except ValueError:
            # Without the words at fault: they may be a piece of the password.
            raise ImproperlyConfigured(
                "GUESTLIST_BOUNCE_MAILBOX cannot be read. Write / ? # : @ and % in user and password as %2F %3F %23 %3A "
                "%40 and %25; port and timeout are numbers."
            ) from None
        if parts.scheme not in {"imap", "imaps"} or not parts.hostname or not parts.username:
            raise ImproperlyConfigured(
                "GUESTLIST_BOUNCE_MAILBOX must look like imaps://user:password@host/INBOX."
            )
        implicit = parts.scheme == "imaps"
        mailbox = cls(
            host=parts.hostname,
            port=port or (993 if implicit else 143),
            user=unquote(parts.username),
            password=unquote(parts.password or ""),
            folder=unquote(parts.path.strip("/")) or "INBOX",
            implicit_tls=implicit,
            starttls=query.pop("starttls", "0") in _YES,
            ca_file=query.pop("ca_file", ""),
            timeout=timeout,
            handled=query.pop("handled", "Guestlist"),
        )
        mailbox._check(unknown=sorted(query))
        return mailbox

    def _check(self, *, unknown: Sequence[str]) -> None:
        if unknown:
            raise ImproperlyConfigured(
                f"GUESTLIST_BOUNCE_MAILBOX has an unknown setting: {', '.join(unknown)}."
            )
        if not 0 < self.timeout <= _LONGEST_PATIENCE:
            raise ImproperlyConfigured(
                "GUESTLIST_BOUNCE_MAILBOX: timeout is seconds, more than 0, at most 600."
            )
        if not (self.implicit_tls or self.starttls or self.host in _HERE):
            raise ImproperlyConfigured(
                "GUESTLIST_BOUNCE_MAILBOX would send its password in the clear: use imaps:// or add ?starttls=1."
            )
        if not all(name.isascii() and name.isprintable() for name in (self.folder, self.handled)):
            raise ImproperlyConfigured(
                "GUESTLIST_BOUNCE_MAILBOX: write folders as the server does, in modified UTF-7 (RFC 3501, 5.1.3)."
            )


@dataclass(slots=True)
class Reader:
    """Reads one mailbox again and again; remembers what it left alone, so that each mail is fetched once."""

    mailbox: Mailbox
    left_alone: set[bytes] = field(default_factory=set)
    uid_validity: bytes = b""

    def read(self, *, handle: Callable[[bytes], Taken], limit: int = LIMIT) -> int:
        """Give each unseen mail to `handle`, at most `limit`; returns how many were for us.

        `handle` gets the beginning of a mail (:data:`reports.MAX_BYTES`). A mail that it fails on is left alone; when it
        finds the database away, the run ends, and what was read before is done.

        :raises MailboxError: when the server is away, or says no; what was read before is done.
        """
        try:
            server = _connected(self.mailbox)
            try:
                return self._read(server, handle, limit)
            finally:
                _leave(server)
        except (OSError, imaplib.IMAP4.error, UnicodeError) as error:
            # The library's LOGIN speaks ASCII alone; a server that offers nothing better needs such a password.
            raise MailboxError(f"{type(error).__name__}: {answers.printable(str(error))}") from error

    def _read(self, server: imaplib.IMAP4, handle: Callable[[bytes], Taken], limit: int) -> int:
        (count,) = _said(server.select(_quoted(self.mailbox.folder)))
        validity = server.response("UIDVALIDITY")[1][0] or b""
        if validity != self.uid_validity:
            self.left_alone, self.uid_validity = set(), validity
        unseen = [uid for some in _ranges(int(count)) for uid in _searched(server, some)]
        self.left_alone &= set(unseen)
        new = [uid for uid in unseen if uid not in self.left_alone][:limit]
        done = 0
        for start in range(0, len(new), _AT_ONCE):
            done += self._some(server, new[start : start + _AT_ONCE], handle)
        return done

    def _some(self, server: imaplib.IMAP4, uids: Sequence[bytes], handle: Callable[[bytes], Taken]) -> int:
        wanted = f"(UID BODY.PEEK[]<0.{reports.MAX_BYTES}>)"
        fetched = _said(server.uid("FETCH", b",".join(uids).decode(), wanted))
        done: list[bytes] = []
        try:
            for uid, raw in _mails(fetched):
                try:
                    taken = handle(raw)
                except (OperationalError, InterfaceError):
                    raise
                except Exception:
                    # Else this one would stand before all others for ever.
                    log.exception("Mail %s in %s cannot be handled; it stays.", uid, self.mailbox.folder)
                    taken = Taken.NOT_OURS
                if taken is Taken.DONE:
                    done.append(uid)
                elif taken is Taken.NOT_OURS:
                    self.left_alone.add(uid)
        finally:
            if done:
                self._put_away(server, b",".join(done).decode())
        return len(done)

    def _put_away(self, server: imaplib.IMAP4, uids: str) -> None:
        _said(server.uid("STORE", uids, "+FLAGS.SILENT", "(\\Seen)"))
        folder = self.mailbox.handled
        if not folder or "MOVE" not in server.capabilities:
            return
        status, _answer = server.uid("MOVE", uids, _quoted(folder))
        if status != "OK":
            server.create(_quoted(folder))
            status, answer = server.uid("MOVE", uids, _quoted(folder))
            if status != "OK":
                log.warning("The folder %s cannot be used; what was read stays: %s", folder, answer)


def collect(*, kinds: Iterable[Kind], clock: Callable[[], datetime.datetime], limit: int = LIMIT) -> int:
    """Read what came back into the mailbox that the environment names; returns how many mails were for us.

    The job of a worker. When the mailbox is away that is logged, and the next run reads what this one did not.

    :raises ImproperlyConfigured: when GUESTLIST_BOUNCE_MAILBOX cannot be read or is unsafe.
    """
    if not settings.GUESTLIST_BOUNCE_MAILBOX:
        return 0
    reader = _reader(settings.GUESTLIST_BOUNCE_MAILBOX)
    kinds = list(kinds)
    try:
        done = reader.read(handle=lambda raw: returned.take(raw, kinds=kinds, now=clock()), limit=limit)
    except MailboxError as error:
        log.warning(
            "The mailbox %s on %s cannot be read: %s", reader.mailbox.folder, reader.mailbox.host, error
        )
        return 0
    log.log(logging.INFO if done else logging.DEBUG, "mailbox read done=%s", done)
    return done


@cache
def _reader(url: str) -> Reader:
    return Reader(Mailbox.parse(url))


# --- The protocol ------------------------------------------------------------------------------------------------------


class _Bounded:
    """What keeps a server from filling the memory by one answer: an end to what it may announce."""

    def read(self, size: int) -> bytes:
        """Return so many bytes of a mail.

        :raises imaplib.IMAP4.abort: when it is more than was asked for.
        """
        if size > reports.MAX_BYTES:
            raise imaplib.IMAP4.abort(f"the server announces {size} bytes")
        content: bytes = super().read(size)  # type: ignore[misc]  # stands before a client
        return content


class _Client(_Bounded, imaplib.IMAP4):
    pass


class _EncryptedClient(_Bounded, imaplib.IMAP4_SSL):
    pass


def _connected(mailbox: Mailbox) -> imaplib.IMAP4:
    context = ssl.create_default_context(cafile=mailbox.ca_file or None)
    server: imaplib.IMAP4
    if mailbox.implicit_tls:
        server = _EncryptedClient(mailbox.host, mailbox.port, ssl_context=context, timeout=mailbox.timeout)
    else:
        server = _Client(mailbox.host, mailbox.port, timeout=mailbox.timeout)
    try:
        if mailbox.starttls:
            server.starttls(context)  # raises where the server does not offer it
        _log_in(server, mailbox)
    except BaseException:
        _leave(server)
        raise
    return server


def _log_in(server: imaplib.IMAP4, mailbox: Mailbox) -> None:
    if "AUTH=PLAIN" in server.capabilities:
        secret = f"\0{mailbox.user}\0{mailbox.password}".encode()
        server.authenticate("PLAIN", lambda _challenge: secret)
    else:
        # The library quotes the password alone.
        server.login(_quoted(mailbox.user), mailbox.password)
    # What is offered may be more now; not every server says so by itself.
    offered = _said(server.capability())[0]
    server.capabilities = tuple(offered.decode("ascii", "replace").upper().split())


def _leave(server: imaplib.IMAP4) -> None:
    try:
        server.logout()
    except (OSError, imaplib.IMAP4.error):
        with contextlib.suppress(OSError):
            server.shutdown()


def _ranges(count: int) -> Iterator[str]:
    """Give the numbers of all mails in a folder, some at a time: an answer is one line, and the library's end at 1 MB."""
    for first in range(1, count + 1, _SEARCHED_AT_ONCE):
        yield f"{first}:{min(first + _SEARCHED_AT_ONCE - 1, count)}"


def _searched(server: imaplib.IMAP4, some: str) -> list[bytes]:
    return b" ".join(filter(None, _said(server.uid("SEARCH", f"{some} UNSEEN UNDELETED")))).split()


def _said(answer: tuple[str, Sequence[Any]]) -> list[Any]:
    """Return what the server said when it said yes.

    :raises imaplib.IMAP4.error: when it said no.
    """
    status, said = answer
    if status != "OK":
        raise imaplib.IMAP4.error(
            b" ".join(part for part in said if isinstance(part, bytes)).decode("utf-8", "replace")
        )
    return list(said)


def _mails(fetched: Sequence[bytes | tuple[bytes, bytes] | None]) -> Iterable[tuple[bytes, bytes]]:
    """Give uid and content of each fetched mail; between them stand lines that say no more."""
    for number, part in enumerate(fetched):
        if not isinstance(part, tuple):
            continue
        head, content = part
        # Most servers say the uid before the content, some after it.
        after = fetched[number + 1] if number + 1 < len(fetched) else b""
        found = _UID.search(head) or (_UID.search(after) if isinstance(after, bytes) else None)
        if found:
            yield found[1], content


def _quoted(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
