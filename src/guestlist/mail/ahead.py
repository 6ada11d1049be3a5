"""How many mails a worker claims ahead: what leaves within seconds, as fast as mails left lately."""

from __future__ import annotations

import time

_SECONDS = 2.0
"""What waits longer in a worker's hands is not known as it is now, and stands in the way of what comes later."""
_LEAST = 16
_FIRST = 100
"""Mails that are claimed while nobody knows yet how fast they leave."""
_MEASURED_AFTER = 0.05
_MEASURED_EVERY = 0.25


class Ahead:
    """The rate at which mails are answered, in mails a second, and what follows from it."""

    def __init__(self) -> None:
        """Begin without knowing."""
        self._rate = _FIRST / _SECONDS
        self._answered = 0
        self._since = time.monotonic()
        self._next = self._since + _MEASURED_AFTER

    def count(self) -> None:
        """Count a mail that was answered."""
        self._answered += 1

    def measure(self, now: float) -> None:
        """See how fast mails leave, when it is time to; `now` is of the monotonic clock."""
        if now < self._next:
            return
        lately = self._answered / (now - self._since)
        self._rate = lately if lately > self._rate else (self._rate + lately) / 2
        self._answered, self._since, self._next = 0, now, now + _MEASURED_EVERY

    @property
    def mails(self) -> int:
        """How many to claim ahead."""
        return max(_LEAST, int(self._rate * _SECONDS))
