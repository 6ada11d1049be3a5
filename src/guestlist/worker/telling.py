"""What bulk sends wait for, said once in the worker's log."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.utils import translation

from guestlist.mail import sends
from guestlist.mail.config import Delivery
from guestlist.mail.models import Send
from guestlist.mail.waits import Reason
from guestlist.stores import config

if TYPE_CHECKING:
    import datetime

    from guestlist.mail.waits import Wait

log = logging.getLogger(__name__)

_EVERY = 10.0
"""Seconds from one look to the next."""
_TOLD = {Reason.HOURS, Reason.SENDER, Reason.LIMIT, Reason.DOMAINS}
"""What a worker says of itself stands in its log already."""


@dataclass(slots=True)
class Teller:
    """Remembers what it said, so that each wait is said once."""

    _said: dict[int, tuple[Reason, datetime.datetime | None]] = field(default_factory=dict)
    _due: float = 0.0

    def look(self, *, now: datetime.datetime) -> None:
        """Say what sends wait for that did not wait for it at the last look, every ten seconds at most."""
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + _EVERY
        waits = _waits(now)
        with translation.override("en"):
            for send_id, wait in waits.items():
                if self._said.get(send_id) != (wait.reason, wait.until):
                    log.info("send id=%s: %s", send_id, wait)
        self._said = {send_id: (wait.reason, wait.until) for send_id, wait in waits.items()}


def _waits(now: datetime.datetime) -> dict[int, Wait]:
    running = list(Send.objects.running().select_related("store_view", "sender").order_by("pk"))
    views = list({one.store_view_id: one.store_view for one in running}.values())
    shown = sends.progress(running, options=config.resolve_each(Delivery, views), now=now)
    return {one.send.pk: one.wait for one in shown if one.wait is not None and one.wait.reason in _TOLD}
