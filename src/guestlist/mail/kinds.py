"""What mail needs to know of the things it carries: a kind answers for its own rows, mail stays ignorant of them."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping, Sequence

    from guestlist.mail.models import Message


@dataclass(frozen=True, slots=True)
class Values:
    """What fills one mail: the address as typed, the name that goes with it, and the template's variables.

    A variable that is missing or empty is false in ``{% if %}``. Variables of the store view (name, logo, legal data) are
    mail's own and need not be given. ``address_hash`` is what suppression is looked up by; mail that must reach its owner
    whatever was wished (a password reset that they asked for) has none.
    """

    address: str
    name: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    address_hash: bytes | None = None


class Verdict(enum.StrEnum):
    """What became of an attempt to hand a mail over."""

    ACCEPTED = "accepted"
    """The server took it (250)."""
    DEFERRED = "deferred"
    """Not now: will be tried again."""
    BOUNCED = "bounced"
    """The recipient's side refused it for good."""
    FAILED = "failed"
    """Given up, or it could not be made; nobody's address is to blame."""
    WITHDRAWN = "withdrawn"
    """Not sent because it should not be any more."""
    IN_DOUBT = "in_doubt"
    """Its worker died holding it; nobody knows whether the server took it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one outbox row: the server's answer, its enhanced code or our reason code, and when."""

    message: Message
    verdict: Verdict
    code: str
    answer: str
    at: datetime.datetime
    no_such_address: bool = False
    """The address does not exist (5.1.1, 5.1.2, 5.1.10), as opposed to a full or strict mailbox."""


class Kind(Protocol):
    """One kind of mail. Ids are of the kind's own table (``Message.subject_id``)."""

    @property
    def code(self) -> str:
        """What stands in ``Message.kind``."""
        ...

    @property
    def purpose(self) -> str:
        """The purpose of the templates it is made from."""
        ...

    def check(self, ids: Sequence[int], *, now: datetime.datetime) -> Mapping[int, str]:
        """Return the ids whose mail is to be withdrawn, each with a reason code; asked right before sending."""
        ...

    def shape(self, values: Values) -> frozenset[str]:
        """Return the variables that are present: mails of one shape share a skeleton."""
        ...

    def values(self, ids: Sequence[int], *, now: datetime.datetime) -> Mapping[int, Values]:
        """Return what fills the mails, links and secrets included, made now and stored nowhere."""
        ...

    def record(self, outcomes: Sequence[Outcome], *, now: datetime.datetime) -> None:
        """Write down what became of them; called inside mail's transaction."""
        ...
