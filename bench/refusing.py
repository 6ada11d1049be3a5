"""Whom the smart sink refuses, and what it wrote down: decided by the recipient alone, so that it can be told afterwards."""

from __future__ import annotations

import bisect
import enum
import hashlib
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

OUT_OF = 10_000
BOUNCED = 100
"""Of 10,000 recipients so many are refused for good: 1 %."""
DEFERRED = 200
"""Of 10,000 recipients so many are refused once and taken the next time: 2 %."""


class Place(enum.Enum):
    """Where a mail is refused."""

    RECIPIENT = "at RCPT"
    DOT = "at the final dot"


@dataclass(frozen=True, slots=True)
class Refusal:
    """How a recipient is refused."""

    place: Place
    for_good: bool

    @property
    def reply(self) -> bytes:
        """What the server says."""
        if self.for_good:
            return (
                b"550 5.1.1 No such mailbox\r\n"
                if self.place is Place.RECIPIENT
                else b"552 5.2.2 Mailbox full\r\n"
            )
        return (
            b"451 4.7.1 Not just now\r\n" if self.place is Place.RECIPIENT else b"452 4.2.2 Mailbox busy\r\n"
        )


def decide(recipient: str, *, refused_before: int) -> Refusal | None:
    """Return how a recipient is refused, or None: the same recipient always alike, who is put off is taken later.

    Half of the refusals come at RCPT, half at the final dot.
    """
    drawn = int.from_bytes(hashlib.sha256(recipient.lower().encode()).digest()[:8])
    number, place = drawn % OUT_OF, Place.RECIPIENT if drawn // OUT_OF % 2 else Place.DOT
    if number < BOUNCED:
        return Refusal(place, for_good=True)
    if number < BOUNCED + DEFERRED and not refused_before:
        return Refusal(place, for_good=False)
    return None


def read_log(log: Path) -> tuple[Counter[str], dict[str, set[str]], set[str]]:
    """Return what a smart sink wrote down: copies by recipient, their Message-IDs, and who was refused for good."""
    copies: Counter[str] = Counter()
    message_ids: dict[str, set[str]] = defaultdict(set)
    refused: set[str] = set()
    for line in log.read_text(encoding="utf-8").splitlines():
        what, message_id, recipient = line.split("\t")
        if what == "accepted":
            copies[recipient] += 1
            message_ids[recipient].add(message_id)
        elif what == "5xx":
            refused.add(recipient)
    return copies, message_ids, refused


def doubled_by_round(log: Path, starts: Sequence[int]) -> list[int]:
    """Return how many copies beyond a mail's first came in each round, whose beginnings are sizes that the log had then."""
    rounds = [0] * len(starts)
    seen: set[str] = set()
    at = 0
    for line in log.read_bytes().splitlines(keepends=True):
        what, _message_id, recipient = line.decode().rstrip("\n").split("\t")
        if what == "accepted":
            if recipient in seen:
                rounds[max(bisect.bisect_right(starts, at) - 1, 0)] += 1
            seen.add(recipient)
        at += len(line)
    return rounds


def is_accounted_for(state: str, address: str, copies: Counter[str], refused: set[str]) -> bool:
    """Tell whether what the outbox says of a mail is what the server knows of it."""
    if state == "sent":
        return copies[address] > 0
    return state == "bounced" and address in refused
