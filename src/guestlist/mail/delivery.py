"""The outbox at work: claim → prepare → hand over → record.

Commit means queued; a mail counts as sent when the server said so. A row is in one worker's hands at a time, by a lease;
what could not be handed over in its time is put back and keeps its turn.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from guestlist.mail import feeding, recovery
from guestlist.mail.session import Session, Tally

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from guestlist.mail.dkim import Signer
    from guestlist.mail.journal import Journal
    from guestlist.mail.kinds import Kind
    from guestlist.mail.parcels import Transport

__all__ = ["Delivery", "Tally", "run"]


class Delivery:
    """A worker's delivery: made once, run again and again."""

    def __init__(
        self,
        *,
        kinds: Iterable[Kind],
        transport: Transport,
        worker: str,
        clock: Callable[[], datetime.datetime],
        batch_size: Callable[[int], int],
        journal: Journal | None = None,
        journals: Path | None = None,
        signer: Signer | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """Remember who delivers what by which way.

        ``journal`` is this worker's own, ``journals`` the folder with those of all workers of this machine. `jitter` gives
        numbers from 0 to 1 that spread later tries.
        """
        self.kinds = {kind.code: kind for kind in kinds}
        self.transport = transport
        self.worker = worker
        self.clock = clock
        self.journal = journal
        self.journals = journals
        self.signer = signer
        self.jitter = jitter
        self.feeder = feeding.Feeder(worker, batch_size)
        self.left_behind = True

    def run(self, *, stop: Callable[[], bool] = lambda: False, most_batches: int | None = None) -> Tally:
        """Deliver until nothing is due, `stop` says so, or so many batches were claimed."""
        now = self.clock()
        tally = Tally()
        common = {"worker": self.worker, "kinds": self.kinds, "now": now, "jitter": self.jitter}
        if self.left_behind:
            recovery.of_own(self.journal, **common)  # type: ignore[arg-type]
            self.left_behind = False
        recovery.of_others(self.journals, **common)  # type: ignore[arg-type]
        session = Session(self, tally, stop, most_batches)
        try:
            session.run()
        except BaseException:
            # What the session held may still be leased to us.
            self.left_behind = True
            raise
        return tally


def run(
    *,
    kinds: Iterable[Kind],
    transport: Transport,
    worker: str,
    clock: Callable[[], datetime.datetime],
    batch_size: Callable[[int], int],
    stop: Callable[[], bool] = lambda: False,
    jitter: Callable[[], float] = random.random,
) -> Tally:
    """Deliver one batch of the lane whose turn it is, as many mails as `batch_size(website_id)` says, in this thread."""
    delivery = Delivery(
        kinds=kinds, transport=transport, worker=worker, clock=clock, batch_size=batch_size, jitter=jitter
    )
    return delivery.run(stop=stop, most_batches=1)
