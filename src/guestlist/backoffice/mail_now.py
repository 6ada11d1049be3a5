"""How the mail of some websites stands right now: what waits, what failed lately, and whom nothing leaves from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils import formats
from django.utils.translation import gettext as _

from guestlist.invitations import estimates
from guestlist.invitations.estimates import EXACT, Amount
from guestlist.invitations.models import Delivery
from guestlist.mail import counting, pacing, workers
from guestlist.mail.models import SenderIdentity
from guestlist.stores.actors import Permission

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from guestlist.backoffice.access import Staff
    from guestlist.stores.models import Website

_TROUBLES = (Delivery.FAILED, Delivery.BOUNCED, Delivery.IN_DOUBT)


def of(staff: Staff, websites: Sequence[Website], *, now: datetime.datetime) -> dict[str, Any]:
    """Return what waits and failed of the mail of websites, and which of their senders rest, and why."""
    mine = [one.pk for one in websites]
    waiting, scheduled = counting.waiting(website_ids=mine, now=now, most=EXACT + 1)
    failed = estimates.lately(mine, _TROUBLES)
    troubles = [
        {"code": one.value, "label": one.label, "count": said(Amount(failed[one]))}
        for one in _TROUBLES
        if one in failed
    ]
    standing = list(SenderIdentity.objects.filter(website__in=mine).select_related("website").order_by("pk"))
    today = pacing.today_of(standing, now=now)
    return {
        "waiting": _told(waiting),
        "standstill": workers.standstill(now=now) if waiting else None,
        "scheduled": _told(scheduled) if scheduled else "",
        "failed": troubles,
        "stopped": [_shown(staff, one) for one in standing if one.stopped_at],
        "held": [_shown(staff, one) for one in standing if one.held_at],
        "exhausted": [
            {"sender": one, "today": today[one.pk]}
            for one in standing
            if one.pk in today and not today[one.pk].left
        ],
    }


def said(amount: Amount) -> str:
    """Return an amount in words, which tell whether it is exact."""
    number = formats.number_format(amount.number, force_grouping=True)
    return number if amount.is_exact else _("about %(number)s") % {"number": number}


def _told(count: int) -> str:
    return f"{formats.number_format(EXACT, force_grouping=True)}+" if count > EXACT else str(count)


def _shown(staff: Staff, sender: SenderIdentity) -> dict[str, Any]:
    return {"sender": sender, "may_see_to": staff.actor.may(Permission.TEMPLATES, sender.website_id)}
