"""What mail needs to know of the things it carries: a kind answers for its own rows, mail stays ignorant of them."""

from __future__ import annotations

import enum
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    import datetime
    from collections.abc import Collection, Mapping, Sequence


class Row(NamedTuple):
    """A row of the outbox as a worker holds it; a model instance for each would cost more than the rest together."""

    pk: int
    kind: str
    subject_id: int
    send_id: int | None
    store_view_id: int
    sender_id: int
    template_version_id: int
    queued_at: datetime.datetime
    tries: int


class Values(NamedTuple):
    """What fills one mail: the address as typed, the name that goes with it, and the template's variables.

    A variable that is missing or empty is false in ``{% if %}``. Variables of the store view (name, logo, legal data) are
    mail's own and need not be given. ``address_hash`` is what suppression is looked up by; mail that must reach its owner
    whatever was wished (a password reset that they asked for) has none. After ``not_after`` it is not tried again.
    ``language`` is set where it is not the store view's. ``trial_notice`` stands above the words of a test mail, in the
    same sentence for all of a kind and language.
    """

    address: str
    name: str = ""
    variables: Mapping[str, str] = MappingProxyType({})
    address_hash: bytes | None = None
    not_after: datetime.datetime | None = None
    language: str = ""
    trial_notice: str = ""


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
    COMPLAINED = "complained"
    """Its reader called it spam, after it was handed over."""


class Outcome(NamedTuple):
    """What became of one outbox row: the server's answer, its enhanced code or our reason code, and when."""

    message: Row
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

    def look_up(self, ids: Sequence[int], *, now: datetime.datetime) -> Mapping[int, Values | str]:
        """Return what fills each mail, links and secrets included, made now and stored nowhere; asked right before sending.

        Where a mail is to be withdrawn there is a reason code instead, and nothing where its row is gone.
        """
        ...

    def hashes(self, ids: Collection[int]) -> Mapping[int, bytes]:
        """Return the keyed hash of each addressee that may be suppressed, also where the address is erased by now."""
        ...

    def record(self, outcomes: Sequence[Outcome], *, now: datetime.datetime) -> None:
        """Write down what became of them; called inside mail's transaction."""
        ...

    def returned(self, outcomes: Sequence[Outcome], *, now: datetime.datetime) -> None:
        """Write down what came back after the hand-over (bounced, complained); called inside mail's transaction."""
        ...
