"""Moments within a sentence."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from django.utils import formats, timezone
from django.utils.translation import pgettext

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo


def told(value: datetime.datetime | None, zone: ZoneInfo | None = None) -> str:
    """Return a moment as it stands within a sentence: where its reader is, or with the name of the zone given.

    UTC is always named, because nobody lives there.
    """
    if value is None:
        return ""
    local = value.astimezone(zone or timezone.get_current_timezone())
    text = formats.date_format(local, pgettext("date format", "j M Y") + ", H:i")
    if local.utcoffset() == datetime.timedelta() and str(local.tzinfo) == "UTC":
        return f"{text} UTC"
    return f"{text} ({zone})" if zone else text
