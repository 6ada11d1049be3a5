"""How the mail of some websites stands right now, as the staff site's pages tell it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils import formats
from django.utils.translation import gettext as _

from guestlist.invitations.estimates import EXACT, Amount
from guestlist.mail import workers
from guestlist.reports import standing
from guestlist.stores.actors import Permission

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from guestlist.backoffice.access import Staff
    from guestlist.mail.models import SenderIdentity
    from guestlist.stores.models import Website


def of(staff: Staff, websites: Sequence[Website], *, now: datetime.datetime) -> dict[str, Any]:
    """Return what waits and failed of the mail of websites, and which of their senders rest, and why."""
    found = standing.of([one.pk for one in websites], now=now)
    return {
        "waiting": _told(found.waiting),
        "standstill": workers.standstill(now=now) if found.waiting else None,
        "scheduled": _told(found.scheduled) if found.scheduled else "",
        "failed": [
            {"code": one.value, "label": one.label, "count": said(Amount(count))}
            for one, count in found.failed.items()
        ],
        "stopped": [_shown(staff, one) for one in found.stopped],
        "held": [_shown(staff, one) for one in found.held],
        "exhausted": [{"sender": one, "today": today} for one, today in found.exhausted],
    }


def said(amount: Amount) -> str:
    """Return an amount in words, which tell whether it is exact."""
    number = formats.number_format(amount.number, force_grouping=True)
    return number if amount.is_exact else _("about %(number)s") % {"number": number}


def _told(count: int) -> str:
    return f"{formats.number_format(EXACT, force_grouping=True)}+" if count > EXACT else str(count)


def _shown(staff: Staff, sender: SenderIdentity) -> dict[str, Any]:
    return {"sender": sender, "may_see_to": staff.actor.may(Permission.TEMPLATES, sender.website_id)}
