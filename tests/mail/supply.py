"""Where a transport under test takes its mails from: parcels in a row, and what came of each."""

import datetime
from collections import deque
from collections.abc import Callable

from guestlist.mail.answers import Answer, Result
from guestlist.mail.kinds import Row
from guestlist.mail.parcels import Parcel
from guestlist.stores.waiting import Attendant

NOW = datetime.datetime(2026, 11, 21, 12, tzinfo=datetime.UTC)
CONTENT = b"Subject: Hello\r\nMessage-ID: <%d@shop.example>\r\n\r\nHello\r\n.\r\n..dots\r\n"


def row(pk: int) -> Row:
    """Return a row of the outbox that stands in no database."""
    return Row(pk, "test", pk, None, 1, 1, 1, NOW, 0)


def parcel(
    pk: int = 1,
    recipient: str = "",
    *,
    sender: str = "shop@shop.example",
    content: bytes | None = None,
) -> Parcel:
    """Return a mail with its envelope."""
    return Parcel(row(pk), sender, recipient or f"friend{pk}@x.example", content or CONTENT % pk)


def parcels(count: int) -> list[Parcel]:
    """Return so many mails, numbered from 1."""
    return [parcel(pk) for pk in range(1, count + 1)]


class Shelf:
    """A supply of these parcels. It checks what every supply may expect: each is answered or given back, once."""

    def __init__(self, *wanted: Parcel, may_leave: Callable[[Parcel], bool] = lambda _parcel: True) -> None:
        self.waits = deque(wanted)
        self.out: dict[int, Parcel] = {}
        self.left: list[int] = []
        self.answers: dict[int, Answer] = {}
        self.given_back: list[int] = []
        self.stopped = False
        self._may_leave = may_leave

    def take(self) -> Parcel | None:
        if self.stopped or not self.waits:
            return None
        taken = self.waits.popleft()
        assert taken.row.pk not in self.out
        self.out[taken.row.pk] = taken
        return taken

    def waiting(self) -> int:
        return 0 if self.stopped else len(self.waits)

    def over(self) -> bool:
        return self.stopped or not self.waits

    def may_leave(self, parcel: Parcel) -> bool:
        assert parcel.row.pk in self.out
        if not self._may_leave(parcel):
            return False
        self.left.append(parcel.row.pk)
        return True

    def answered(self, parcel: Parcel, answer: Answer) -> None:
        del self.out[parcel.row.pk]
        assert parcel.row.pk not in self.answers
        self.answers[parcel.row.pk] = answer
        # As the delivery does: a sender that is refused has no more to send.
        self.stopped |= answer.result is Result.REFUSED_US

    def give_back(self, parcel: Parcel) -> None:
        del self.out[parcel.row.pk]
        self.given_back.append(parcel.row.pk)
        if parcel.returned:
            self.waits.append(parcel)

    def work(self, attendant: Attendant | None = None) -> bool:
        return False

    def fill(self) -> bool:
        return False

    def results(self) -> dict[int, tuple[Result, str]]:
        """Return what came of each mail: result and code."""
        return {pk: (answer.result, answer.code) for pk, answer in sorted(self.answers.items())}
