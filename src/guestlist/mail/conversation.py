"""What is said on one SMTP connection (RFC 5321), with command pipelining (RFC 2920) where the server offers it.

Pure: bytes that came in go in, bytes to be sent come out. On a pipelining server the envelope of the next mail rides
behind the content of this one, so that a mail costs one round trip; others are talked to in lock-step.
"""

from __future__ import annotations

import enum
import re
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from guestlist.mail import answers
from guestlist.mail.answers import Answer, Result

if TYPE_CHECKING:
    from guestlist.mail.parcels import Parcel, Supply

_CLOSING = 421
_OK = 250
_GO_ON = 354
_LINE = 4_096
"""More of a reply line than any server says; what is longer is no SMTP."""
_MOST_LINES = 100
_NO_ADDRESS = re.compile(r"[\x00-\x20<>\x7f]")
"""What would end or add a command (ASVS 1.3.11); addresses were checked long before."""
# To the final dot of one mail, and to MAIL, RCPT and DATA of the next.
_OF_A_MAIL = 4
_TAKEN = re.compile(rb"250 ([^\r\n]*)\r\n250 [^\r\n]*\r\n250 [^\r\n]*\r\n354 [^\r\n]*\r\n")
_NO_SUCH_LETTERS = "The mail server does not carry addresses with such letters."


@dataclass(frozen=True, slots=True)
class Offers:
    """What the server said it can do."""

    pipelining: bool = False
    size: bool = False
    smtputf8: bool = False
    eight_bit: bool = False


class _Await(enum.Enum):
    """Which reply comes next."""

    MAIL = 1
    RCPT = 2
    DATA = 3
    DOT = 4
    RSET = 5
    NOBODY = 6
    """The reply to a lone dot, sent where the server wanted content for nobody."""


_OF_AN_ENVELOPE = (_Await.RCPT, _Await.DATA)


class Conversation:
    """One connection after its greeting: mails go over it until there are none, `most` were carried, or it breaks."""

    def __init__(self, supply: Supply, offers: Offers, *, most: int, is_kept: bool = False) -> None:
        """Begin with nothing said; a connection that is kept carried others before."""
        self.supply = supply
        self.offers = offers
        self.most = most
        self.is_kept = is_kept
        self.carried = 0
        """How many mails were begun."""
        self.replies = 0
        """How many whole replies came."""
        self.closing = False
        """Whether the server is going, or can't be followed any more."""
        self.busy_answer = False
        """Whether it went because it has too much to do (421)."""
        self._unread = b""
        self._lines: list[bytes] = []
        self._awaits: deque[_Await] = deque()
        self._sent: Parcel | None = None
        self._opened: Parcel | None = None
        self._refusal: Answer | None = None
        self._heard = False

    @property
    def idle(self) -> bool:
        """Whether nothing is under way."""
        return not self._awaits

    def begin(self) -> bytes:
        """Return what to send to begin with the next mail, or nothing when there is none."""
        return b"" if self.closing else self._envelope()

    def received(self, data: bytes) -> bytes:
        """Take what the server said, give answers, and return what to send."""
        out: list[bytes] = []
        if self._sent is not None and len(self._awaits) == _OF_A_MAIL and not (self._unread or self._lines):
            match = _TAKEN.fullmatch(data)
            if match is not None:
                self._taken(match[1], out)
                return b"" if self.closing else b"".join(out)
        buffer = self._unread + data if self._unread else data
        at = 0
        while not self.closing:
            end = buffer.find(b"\n", at)
            if end < 0:
                break
            if buffer[at + 3 : at + 4] == b"-":
                self._lines.append(buffer[at + 4 : end].rstrip(b"\r"))
                at = end + 1
                self.closing = len(self._lines) > _MOST_LINES
                continue
            code, text = buffer[at : at + 3], buffer[at + 4 : end].rstrip(b"\r")
            at = end + 1
            if self._lines:
                text = b" ".join([*self._lines, text])
                self._lines.clear()
            if not code.isdigit() or not self._awaits:
                self.closing = True
                self.busy_answer = code == b"421"
                break
            self.replies += 1
            self._reply(int(code), text, out)
        self._unread = buffer[at:]
        if len(self._unread) > _LINE:
            self.closing = True
        # What is not sent any more surely did not leave.
        return b"" if self.closing else b"".join(out)

    def lost(self, why: str) -> None:
        """Give an answer for what is under way: the connection is gone."""
        self.closing = True
        sent, opened = self._sent, self._opened
        self._sent = self._opened = None
        self._awaits.clear()
        if sent is not None:
            # After the final dot nobody knows; it is sent again under the same Message-ID.
            self.supply.answered(sent, Answer(Result.DEFERRED, "no_answer", answers.printable(why)))
        if opened is not None:
            if not self._heard and self._blames_no_mail(opened):
                # A kept connection that ended by itself says nothing about this mail.
                opened.returned = True
                self.supply.give_back(opened)
            else:
                answer = self._refusal or Answer(Result.DEFERRED, "connection_lost", answers.printable(why))
                self.supply.answered(opened, answer)

    def _taken(self, text: bytes, out: list[bytes]) -> None:
        """The server took one mail and waits for the content of the next: what it says nearly always, at once."""
        self._awaits.clear()
        self.replies += _OF_A_MAIL
        self._heard = True
        self._content_answered(_OK, text)
        assert self._opened is not None
        self._leave(self._opened, out)

    def _reply(self, code: int, text: bytes, out: list[bytes]) -> None:  # noqa: C901 - one case for each reply
        awaited = self._awaits.popleft()
        if awaited is _Await.DOT:
            self._content_answered(code, text)
        elif code == _CLOSING:
            self.closing = self.busy_answer = True
            if awaited in {_Await.MAIL, _Await.RCPT, _Await.DATA} and self._refusal is None:
                self._turned_away(code, text)
            return
        elif awaited is _Await.MAIL:
            self._heard = True
            if code != _OK:
                self._refusal = answers.of_sender(code, text)
        elif awaited is _Await.RCPT:
            if code not in {250, 251} and self._refusal is None:
                self._refusal = answers.of_recipient(code, text)
        elif awaited is _Await.DATA:
            self._data_answered(code, text, out)
            return
        elif code != _OK and awaited is _Await.RSET:
            self.closing = True
        if code == _CLOSING:
            self.closing = self.busy_answer = True
        elif not self._awaits:
            out.append(self._next_step(awaited))

    def _turned_away(self, code: int, text: bytes) -> None:
        """The server goes before this mail's content: no fault of the mail's, but for one that meets nothing else."""
        opened = self._opened
        if opened is not None and self._blames_no_mail(opened):
            opened.returned = True
            self._opened = None
            self.supply.give_back(opened)
        else:
            self._refusal = answers.of_recipient(code, text)

    def _blames_no_mail(self, opened: Parcel) -> bool:
        return (self.is_kept or self.carried > 1) and not opened.returned

    def _content_answered(self, code: int, text: bytes) -> None:
        sent, self._sent = self._sent, None
        assert sent is not None
        answer = (
            Answer(Result.ACCEPTED, *answers.code_and_text(code, text))
            if code == _OK
            else answers.of_content(code, text)
        )
        self.supply.answered(sent, answer)

    def _data_answered(self, code: int, text: bytes, out: list[bytes]) -> None:
        opened = self._opened
        assert opened is not None
        if code == _GO_ON and self._refusal is None:
            self._leave(opened, out)
            return
        self._opened = None
        refusal = self._refusal or answers.of_content(code, text)
        self._refusal = None
        self.supply.answered(opened, refusal)
        if code == _GO_ON:
            out.append(b".\r\n")
            self._awaits.append(_Await.NOBODY)
        else:
            out.append(self._reset())

    def _leave(self, opened: Parcel, out: list[bytes]) -> None:
        may_leave = self.supply.may_leave(opened)
        self._opened = None
        if not may_leave:
            # The server waits for content and takes no "never mind": only ending the connection keeps it from mailing.
            self.supply.give_back(opened)
            self.closing = True
            return
        self._sent = opened
        self._awaits.append(_Await.DOT)
        out += (opened.content, b".\r\n") if opened.is_dotless else (stuffed(opened.content),)
        if self.offers.pipelining:
            out.append(self._envelope())

    def _next_step(self, awaited: _Await) -> bytes:
        """Return what comes next in lock-step, or a new mail where all was answered."""
        if awaited is _Await.MAIL and self._refusal is None:
            self._awaits.append(_Await.RCPT)
            assert self._opened is not None
            return b"RCPT TO:<%s>\r\n" % self._opened.recipient.encode()
        if awaited is _Await.RCPT and self._refusal is None:
            self._awaits.append(_Await.DATA)
            return b"DATA\r\n"
        if awaited in {_Await.MAIL, _Await.RCPT}:
            opened, refusal = self._opened, self._refusal
            self._opened = self._refusal = None
            assert opened is not None
            assert refusal is not None
            self.supply.answered(opened, refusal)
            return self._reset()
        return self._envelope()

    def _reset(self) -> bytes:
        self._awaits.append(_Await.RSET)
        return b"RSET\r\n" + (self._envelope() if self.offers.pipelining else b"")

    def _envelope(self) -> bytes:
        """Return the commands that begin the next mail, or nothing when there is none for this connection."""
        if self.carried >= self.most:
            return b""
        parcel = self._next_parcel()
        if parcel is None:
            return b""
        self.carried += 1
        self._opened, self._refusal, self._heard = parcel, None, False
        options = f" SIZE={len(parcel.content)}" if self.offers.size else ""
        if parcel.needs_smtputf8:
            options += " SMTPUTF8" + (" BODY=8BITMIME" if self.offers.eight_bit else "")
        mail = f"MAIL FROM:<{parcel.sender}>{options}\r\n"
        self._awaits.append(_Await.MAIL)
        if not self.offers.pipelining:
            return mail.encode()
        self._awaits += _OF_AN_ENVELOPE
        return f"{mail}RCPT TO:<{parcel.recipient}>\r\nDATA\r\n".encode()

    def _next_parcel(self) -> Parcel | None:
        while (parcel := self.supply.take()) is not None:
            if _NO_ADDRESS.search(parcel.recipient + parcel.sender):
                self.supply.answered(parcel, Answer(Result.FAILED, "malformed_address"))
            elif parcel.needs_smtputf8 and not self.offers.smtputf8:
                self.supply.answered(parcel, Answer(Result.FAILED, "smtputf8", _NO_SUCH_LETTERS))
            else:
                return parcel
        return None


def stuffed(data: bytes) -> bytes:
    """Return the content with its dots doubled at line starts and the final dot (RFC 5321, 4.5.2)."""
    if data.startswith(b"."):
        data = b"." + data
    if b"\n." in data:
        data = data.replace(b"\n.", b"\n..")
    return data + (b".\r\n" if data.endswith(b"\r\n") else b"\r\n.\r\n")
