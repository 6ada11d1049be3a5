"""What of the mail in a worker's hands may not leave any more: somebody paused, stopped or held it, or it is too late."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from guestlist.mail.models import Send, SenderIdentity

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable

    from guestlist.mail.kinds import Row

_EVERY = 0.25
"""Seconds between looks at the switches of what is under way."""
_GOOD_FOR = 2.0
"""Seconds after which nobody can tell any more whether a mail may leave: the database did not answer for so long."""


class Switches:
    """The switches of all sends and senders whose mail is in hand, as they were a moment ago."""

    def __init__(self) -> None:
        """Begin with nothing in hand."""
        self.any_off = False
        """Whether there is any mail that may not leave."""
        self._sends: set[int] = set()
        self._senders: set[int] = set()
        self._sends_off: frozenset[int] = frozenset()
        self._senders_off: frozenset[int] = frozenset()
        self._refused: set[int] = set()
        self._too_late: datetime.datetime | None = None
        self._asked_at = self._seen_at = time.monotonic()

    def watch(self, rows: Iterable[Row]) -> None:
        """Look at the switches of these too."""
        self._senders |= {row.sender_id for row in rows}
        self._sends |= {row.send_id for row in rows if row.send_id is not None}

    @property
    def are_fresh(self) -> bool:
        """Whether they were seen lately enough to hand anything over."""
        return time.monotonic() - self._seen_at < _GOOD_FOR

    def are_due(self, now: float) -> bool:
        """Tell whether it is time for a look; `now` is of the monotonic clock."""
        return now - self._asked_at > _EVERY

    def look(self) -> None:
        """See whether somebody paused, stopped or held something that is under way, in two queries."""
        self._asked_at = time.monotonic()
        running = set(Send.objects.running().filter(pk__in=self._sends).values_list("pk", flat=True))
        going = SenderIdentity.objects.filter(pk__in=self._senders, stopped_at=None, held_at=None)
        self._sends_off = frozenset(self._sends - running)
        self._senders_off = frozenset(self._senders - set(going.values_list("pk", flat=True)))
        self.any_off = (
            bool(self._sends_off or self._senders_off or self._refused) or self._too_late is not None
        )
        self._seen_at = self._asked_at

    def refuse(self, sender_id: int) -> None:
        """Take a sender for off because the mail server refuses it."""
        self._refused.add(sender_id)
        self.any_off = True

    def too_late(self, leave_until: datetime.datetime) -> None:
        """Take all that had to leave by then for off."""
        self._too_late = leave_until
        self.any_off = True

    def is_off(self, row: Row, leave_until: datetime.datetime) -> bool:
        """Tell whether a mail may not leave any more."""
        if (
            row.send_id in self._sends_off
            or row.sender_id in self._senders_off
            or row.sender_id in self._refused
        ):
            return True
        return self._too_late is not None and leave_until <= self._too_late
