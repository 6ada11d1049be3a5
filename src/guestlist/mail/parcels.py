"""What a transport is: a way to hand mails over, which takes them from a supply and gives back an answer for each."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from guestlist.mail.answers import Answer, Result

if TYPE_CHECKING:
    import datetime

    from guestlist.mail.kinds import Row
    from guestlist.stores.waiting import Attendant

log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Parcel:
    """A finished mail with its envelope; ``content`` has CRLF line ends, dots not doubled.

    ``address_hash`` and ``not_after`` are for recording what came of it.
    """

    row: Row
    sender: str
    recipient: str
    content: bytes
    address_hash: bytes | None = None
    not_after: datetime.datetime | None = None
    is_dotless: bool = False
    """Whether it is known that no line begins with a dot."""
    has_utf8_headers: bool = False
    """Whether an address in its headers has letters beyond ASCII, its reply-to for one."""
    returned: bool = False
    """Whether a connection that broke gave it back once already; the next time counts as a try."""

    @property
    def needs_smtputf8(self) -> bool:
        """Whether an address in it has letters that plain SMTP cannot carry (RFC 6531)."""
        return self.has_utf8_headers or not (self.sender.isascii() and self.recipient.isascii())


class Supply(Protocol):
    """Where a transport takes mails from. Each that was taken gets one answer, or is given back."""

    def take(self) -> Parcel | None:
        """Return the next mail, or None when there is none right now."""
        ...

    def waiting(self) -> int:
        """Return about how many could be taken right now."""
        ...

    def over(self) -> bool:
        """Tell that no more will come; what was taken may still be finished."""
        ...

    def may_leave(self, parcel: Parcel) -> bool:
        """Tell whether a mail may be handed over now; asked right before its final dot, and written down when it may."""
        ...

    def answered(self, parcel: Parcel, answer: Answer) -> None:
        """Take what came of a mail."""
        ...

    def give_back(self, parcel: Parcel) -> None:
        """Take back a mail that was surely not handed over; it keeps its turn."""
        ...

    def work(self, attendant: Attendant | None = None) -> bool:
        """Do a piece of the work that brings mails and records answers; false when there is nothing to do right now.

        To be called again and again, and from nothing that is called back. It may wait for the database; `attendant`
        is what the transport does meanwhile.
        """
        ...

    def fill(self) -> bool:
        """Do a short piece of work that takes no database; false when there is none right now."""
        ...


class Transport(Protocol):
    """A way to hand mails over."""

    @property
    def patience(self) -> float:
        """For how many seconds an answer may be waited for after a mail has left."""
        ...

    def carry(self, supply: Supply) -> str:
        """Hand over what the supply has until it is over; returns why there was no server to talk to, or nothing.

        Never raises for what the other side does.
        """
        ...

    def close(self) -> None:
        """Let go of connections; the next mail opens new ones."""
        ...


class OneByOne:
    """A transport that hands one mail over after the other, for ways that have no more to gain."""

    patience = 0.0

    def deliver(self, parcel: Parcel) -> Answer:
        """Hand one mail over and return what came of it."""
        raise NotImplementedError

    def carry(self, supply: Supply) -> str:
        """Hand over what the supply has until it is over, or nobody answers."""
        import time

        while True:
            worked = supply.work()
            parcel = supply.take()
            if parcel is None:
                if supply.over():
                    return ""
                if not worked:
                    time.sleep(0.01)
            elif not supply.may_leave(parcel):
                supply.give_back(parcel)
            else:
                answer = self.deliver(parcel)
                supply.answered(parcel, answer)
                if answer.result is Result.UNREACHABLE:
                    return answer.text or answer.code

    def close(self) -> None:
        """Nothing is held open."""
