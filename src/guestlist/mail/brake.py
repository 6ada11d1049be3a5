"""The brake: a sender whose mail bounces or is complained of too much is held, until staff release it.

Counted over 24 hours, from 200 mails on: complaints of 0.1 % warn, of 0.3 % hold, as do hard bounces of 5 % (the limits at
which the large mailbox providers begin to turn mail away). One or two complaints hold nobody: whoever got a mail can write
one.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING

from guestlist.mail import counting
from guestlist.mail.models import Delta, Measure, SenderIdentity, SenderMinute

if TYPE_CHECKING:
    import datetime

log = logging.getLogger(__name__)

WINDOW = timedelta(hours=24)
LEAST = 200
"""Mails below which a share says nothing."""
WARN_COMPLAINTS = 0.001
HOLD_COMPLAINTS = 0.003
HOLD_BOUNCES = 0.05
LEAST_COMPLAINTS = 3
"""Mails, each complained of, below which a share of complaints holds nobody."""
_TROUBLE = (Measure.BOUNCED, Measure.RETURNED, Measure.COMPLAINED)


def apply(*, now: datetime.datetime) -> list[SenderIdentity]:
    """Hold or warn of senders as their last day says; returns those that were held now."""
    since = now - WINDOW
    troubled = {
        *SenderMinute.objects.filter(minute__gte=since, measure__in=_TROUBLE).values_list(
            "sender", flat=True
        ),
        *Delta.objects.filter(at__gte=since, measure__in=_TROUBLE).values_list("sender", flat=True),
    }
    going = SenderIdentity.objects.filter(pk__in=troubled, held_at=None).order_by("pk")
    return [sender for sender in going if _applied(sender, since, now)]


def _applied(sender: SenderIdentity, since: datetime.datetime, now: datetime.datetime) -> bool:
    counted = counting.of_sender(sender_id=sender.pk, since=max(since, sender.counted_from or since))
    # Refused at once, or only after it was handed over.
    bounces, complaints = counted[Measure.BOUNCED] + counted[Measure.RETURNED], counted[Measure.COMPLAINED]
    mails = counted[Measure.HANDED_OVER] + counted[Measure.BOUNCED]
    if mails < LEAST:
        return False
    if complaints >= max(HOLD_COMPLAINTS * mails, LEAST_COMPLAINTS):
        return _hold(sender, f"complaints {complaints}/{mails}", now)
    if bounces >= HOLD_BOUNCES * mails:
        return _hold(sender, f"bounces {bounces}/{mails}", now)
    if complaints >= WARN_COMPLAINTS * mails and sender.warned_at is None:
        SenderIdentity.objects.filter(pk=sender.pk, warned_at=None).update(warned_at=now)
        log.warning("Sender %s: %s complaints about %s mails in a day.", sender.pk, complaints, mails)
    return False


def _hold(sender: SenderIdentity, reason: str, now: datetime.datetime) -> bool:
    held = SenderIdentity.objects.filter(pk=sender.pk, held_at=None).update(held_at=now, held_reason=reason)
    if held:
        log.error("Sender %s is held by the brake: %s in a day.", sender.pk, reason)
    return bool(held)
