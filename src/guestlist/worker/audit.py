"""`guestlist check --totals` and `guestlist recount`: whether totals and figures are what rows and history say."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

from django.utils import timezone

from guestlist.invitations import recounting
from guestlist.mail import totals as mail

if TYPE_CHECKING:
    from guestlist.invitations.recounting import Difference
    from guestlist.mail.totals import Audit


def totals(*, as_json: bool) -> int:
    """Print every send and every figure that differs, and how many were looked at; returns the exit status."""
    audits = mail.audit(now=timezone.now())
    wrong = [one for one in audits if not one.adds_up]
    figures = recounting.audit()
    status = 1 if wrong or not figures.adds_up else 0
    if as_json:
        told = {
            "sends": [_told(one) for one in audits],
            "wrong": [one.send_id for one in wrong],
            **_figures(figures),
        }
        _say(json.dumps(told))
        return status
    for one in wrong:
        _say(f"Send {one.send_id} does not add up:")
        for measure, kept in one.kept.items():
            counted = one.counted[measure]
            mark = "" if kept == counted else "   <-- differs"
            _say(f"    {measure.value:12} kept {kept:>9}   in the outbox {counted:>9}{mark}")
    mails = sum(one.mails for one in audits)
    _say(
        f"{len(audits)} sends with {mails} mails: {f'{len(wrong)} do not add up' if wrong else 'all add up'}."
    )
    _tell_differences(figures)
    _say(f"{_of(figures)}: {_differing(figures, 'differ from the history')}.")
    return status


def recount(*, as_json: bool) -> int:
    """Make the figures what the history says, print every one that was not, and return the exit status."""
    try:
        found = recounting.recount(now=timezone.now())
    except recounting.RecountedMeanwhile as refusal:
        sys.stderr.write(f"{refusal}\n")
        return 1
    if as_json:
        _say(json.dumps(_figures(found)))
        return 0
    _tell_differences(found)
    _say(f"{_of(found)}: {_differing(found, 'were put right')}.")
    return 0


def _of(found: recounting.Audit) -> str:
    return f"{found.invitations} invitations and {found.orders} orders of those who accepted them"


def _differing(found: recounting.Audit, what: str) -> str:
    number = len(found.differences)
    return f"{number} figures {what}" if number else "all figures agree with the history"


def _tell_differences(found: recounting.Audit) -> None:
    for one in found.differences:
        figure = f"{one.measure} {one.currency}".rstrip()
        _say(
            f"Store view {one.store_view_id}, {one.where} by {one.basis}, {one.day}: "
            f"{figure} kept {one.kept}, in the history {one.counted}   <-- differs"
        )


def _figures(found: recounting.Audit) -> dict[str, object]:
    return {
        "invitations": found.invitations,
        "orders": found.orders,
        "differences": [_difference(one) for one in found.differences],
    }


def _told(one: Audit) -> dict[str, object]:
    return {
        "send": one.send_id,
        "adds_up": one.adds_up,
        "kept": {measure.value: count for measure, count in one.kept.items()},
        "counted": {measure.value: count for measure, count in one.counted.items()},
    }


def _difference(one: Difference) -> dict[str, object]:
    return {**asdict(one), "day": one.day.isoformat()}


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
