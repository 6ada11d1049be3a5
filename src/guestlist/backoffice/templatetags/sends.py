"""How pages of the staff site show a bulk send."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from django import template
from django.urls import reverse
from django.utils import formats
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from guestlist.invitations.basis import Why
from guestlist.mail import sends
from guestlist.mail.models import Measure
from guestlist.mail.moments import told
from guestlist.mail.sends import Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from guestlist.mail.models import Send, SenderIdentity
    from guestlist.mail.sends import Progress

register = template.Library()
register.filter(told)

_WIDTH = 1000
_STEP = 10
"""Percent from one announcement to the next: a screen reader shall not talk without end."""
_QUICK, _SLOW = 2, 10
"""Seconds between two looks while something moves, and while something may."""
_MOVING = {Status.RUNNING, Status.STOPPING}
_HALF_MINUTE, _MINUTE, _HOUR = 30, 60, 3600
_FEW = 95
"""Minutes up to which the time left is told in minutes."""

_BRAKE = re.compile(r"(?P<what>bounces|complaints) (?P<count>\d+)/(?P<total>\d+)")
"""What `guestlist.mail.brake` writes down."""

_ROWS: dict[Measure, dict[str, Any]] = {
    Measure.QUEUED: {"state__in": "ready,leased", "tries__exact": 0},
    Measure.DEFERRED: {"state__in": "ready,leased", "tries__gt": 0},
    Measure.HELD: {"state__exact": "held"},
    Measure.HANDED_OVER: {"state__exact": "sent"},
    Measure.BOUNCED: {"state__exact": "bounced"},
    Measure.FAILED: {"state__exact": "failed"},
    Measure.WITHDRAWN: {"state__exact": "withdrawn"},
}
"""How the outbox is narrowed to the rows behind a count; the same as `guestlist.mail.counting.of_row`."""


@register.filter
def why(send: Send) -> Why:
    """Return why the people of a send may be mailed."""
    return Why(send.basis, send.basis_text)


@register.inclusion_tag("backoffice/_send_status.html")
def send_status(one: Progress) -> dict[str, Any]:
    """Show the status as word, shape and color."""
    return {"code": one.status.value, "label": one.status.label}


@register.inclusion_tag("backoffice/_send_bar.html")
def send_bar(one: Progress) -> dict[str, Any]:
    """Show a progress bar: its parts are the measures, as wide as their share."""
    parts, at = [], 0.0
    for measure in sends.SHOWN:
        if measure in {Measure.QUEUED, Measure.DEFERRED, Measure.HELD} or not one.counts[measure]:
            continue
        width = one.counts[measure] * _WIDTH / one.total
        parts.append({"code": measure.value, "x": f"{at:.2f}", "width": f"{width:.2f}"})
        at += width
    label = _("Send %(id)s: %(counts)s") % {"id": one.send.pk, "counts": send_counts(one)}
    return {
        "parts": parts,
        "total": one.total or 1,
        "done": one.reached,
        "percent": one.percent,
        "label": label,
    }


@register.simple_tag
def send_counts(one: Progress) -> str:
    """Say how many are done, and of what the rest is; of a stopped one, what became of its mails."""
    if one.is_stopped:
        return " · ".join(f"{number(count)} {said}" for count, said in one.outcome)
    said = [
        _("%(done)s of %(total)s done (%(percent)s %%)")
        % {"done": number(one.done), "total": number(one.total), "percent": one.percent}
    ]
    said += [
        f"{number(one.counts[measure])} {sends.words(measure)}"
        for measure in (Measure.BOUNCED, Measure.FAILED, Measure.DEFERRED, Measure.HELD, Measure.WITHDRAWN)
        if one.counts[measure]
    ]
    return " · ".join(said)


@register.simple_tag
def send_lead(one: Progress) -> str:
    """Say how fast it goes and how long it takes, or what it waits for; empty when it is over."""
    count = {"count": number(one.left)}
    if one.wait is not None:
        return str(one.wait)
    if one.status is Status.RUNNING:
        return _going(one)
    if one.status is Status.SCHEDULED and one.send.ready_at is not None:
        return _("Leaves on %(when)s") % {"when": told(one.send.ready_at)}
    if one.status is Status.PAUSED:
        return (
            ngettext("%(count)s waits until you resume", "%(count)s wait until you resume", one.left) % count
        )
    if one.status is Status.STOPPING:
        return ngettext("%(count)s is being withdrawn", "%(count)s are being withdrawn", one.left) % count
    return _("Waits for you") if one.status is Status.HELD else ""


def _going(one: Progress) -> str:
    if one.left and not one.counts[Measure.QUEUED]:
        return _("All that is left was tried and goes out again later.")
    said = " · ".join(filter(None, (_rate(one.per_second), _left(one))))
    return said or (
        _("No mail went out within the last minute.") if one.done else _("The first mails leave soon.")
    )


@register.simple_tag
def stopping_said(one: Progress) -> str:
    """Say what stopping does, with the counts of this moment."""
    left = ngettext(
        "%(left)s of %(total)s mails has not left and is withdrawn",
        "%(left)s of %(total)s mails have not left and are withdrawn",
        one.left,
    )
    gone = ngettext(
        "%(gone)s was handed over, which cannot be taken back.",
        "%(gone)s were handed over, which cannot be taken back.",
        one.counts[Measure.HANDED_OVER],
    )
    numbers = {"left": one.left, "total": one.total, "gone": one.counts[Measure.HANDED_OVER]}
    return f"{left}; {gone}" % {name: number(count) for name, count in numbers.items()}


@register.inclusion_tag("backoffice/_send_why.html")
def send_why(one: Progress, can_see_to_sender: bool) -> dict[str, Any]:  # noqa: FBT001 - a template's argument
    """Say what keeps it from leaving that somebody must see to."""
    held = ""
    if one.status is Status.HELD and one.send.ready_at is not None:
        held = _(
            "It should have left on %(when)s, but nothing was sent then, and now it may be too late. "
            "Send it after all, or stop it."
        ) % {"when": told(one.send.ready_at)}
    return {
        "held": held,
        "sender": one.send.sender if not one.status.is_over and sends.stands_still(one.send.sender) else None,
        "can_see_to_sender": can_see_to_sender,
    }


@register.filter
def held_because(sender: SenderIdentity) -> str:
    """Say why the brake held a sender."""
    found = _BRAKE.fullmatch(sender.held_reason)
    if found is None:
        return sender.held_reason
    numbers = {"count": number(int(found["count"])), "total": number(int(found["total"]))}
    if found["what"] == "bounces":
        return _("%(count)s of %(total)s mails bounced within a day.") % numbers
    return _("%(count)s of %(total)s mails were called spam within a day.") % numbers


@register.filter
def measures(one: Progress) -> list[dict[str, Any]]:
    """Return each count with its words and the query of its rows in the outbox; empty where there are none."""
    shown = []
    for measure in sends.SHOWN:
        count = one.counts[measure]
        query = urlencode({"send__id__exact": one.send.pk, **_ROWS[measure]}) if count else ""
        label = str(capfirst(sends.words(measure)))
        if one.status is Status.STOPPING and measure in sends.UNDER_WAY:
            label = _("%(measure)s, being withdrawn") % {"measure": label}
        shown.append({"code": measure.value, "label": label, "count": number(count), "query": query})
    return shown


@register.filter
def live(rows: Sequence[Progress]) -> str:
    """Return the address of what changes of these sends."""
    ids = ",".join(str(one.send.pk) for one in rows)
    return f"{reverse('admin:sends')}?part=1&ids={ids}"


@register.simple_tag
def pace(shown: Progress | Sequence[Progress]) -> SafeString:
    """Return the attributes that tell a script how often to look again, if at all, and of one send what to say aloud."""
    one = shown if isinstance(shown, sends.Progress) else None
    rows = [shown] if isinstance(shown, sends.Progress) else shown
    statuses = {each.status for each in rows}
    seconds = _QUICK if statuses & _MOVING else _SLOW
    every = format_html(' data-every="{}"', seconds) if any(not each.is_over for each in statuses) else ""
    return format_html("{}{}", every, format_html(' data-said="{}"', _said(one)) if one else "")


def _said(one: Progress) -> str:
    """Return what is worth saying aloud; it changes with the status and every ten percent."""
    if one.is_stopped:
        return str(one.status.label)
    return _("%(status)s, %(percent)s %%") % {
        "status": one.status.label,
        "percent": one.percent if one.status.is_over else one.percent // _STEP * _STEP,
    }


def _rate(per_second: float) -> str:
    if per_second <= 0:
        return ""
    if per_second < 1:
        return _("%(count)s a minute") % {"count": number(round(per_second * _MINUTE))}
    return _("%(count)s a second") % {"count": number(round(per_second))}


def _left(one: Progress) -> str:
    return "" if one.seconds_left is None else time_left(one.seconds_left)


def time_left(seconds: float) -> str:
    """Say how long something still takes, as exactly as that can be known."""
    if seconds < _HALF_MINUTE:
        return _("some seconds left")
    if seconds < _MINUTE:
        return _("less than a minute left")
    minutes = round(seconds / _MINUTE)
    if minutes < _FEW:
        return ngettext("about %(count)s minute left", "about %(count)s minutes left", minutes) % {
            "count": minutes
        }
    hours = round(seconds / _HOUR)
    return ngettext("about %(count)s hour left", "about %(count)s hours left", hours) % {"count": hours}


def number(count: int) -> str:
    """Return a number as people read large ones."""
    return formats.number_format(count, force_grouping=True)
