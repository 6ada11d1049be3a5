"""`guestlist bounces`: one mail from a mail server's pipe."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from django.utils import timezone

from guestlist.mail import reports, returned
from guestlist.mail.returned import Taken
from guestlist.worker.jobs import KINDS

if TYPE_CHECKING:
    from typing import BinaryIO

log = logging.getLogger(__name__)

LATER = os.EX_TEMPFAIL
"""The exit status that makes a mail server keep the mail and try again (sysexits.h: 75)."""
_AT_ONCE = 1 << 16


def main(mail: BinaryIO) -> int:
    """Read one mail and write down what it says came back; returns the exit status.

    0 when that is done or there was nothing to do, 75 when it cannot be done now. Never anything else: then a mail server
    answers the sender, and a bounce has none.
    """
    raw = mail.read(reports.MAX_BYTES)
    while mail.read(_AT_ONCE):
        pass  # a mail server that cannot write all of it takes that for a failure
    try:
        taken = returned.take(raw, kinds=KINDS, now=timezone.now())
    except Exception:
        # The database is away, or a mistake of ours: kept by the mail server, the mail waits for either to be mended.
        log.exception("The mail cannot be written down now.")
        return LATER
    return LATER if taken is Taken.LATER else 0
