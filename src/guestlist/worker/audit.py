"""`guestlist check --totals`: whether the totals of sends add up."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from django.utils import timezone

from guestlist.mail import totals as mail

if TYPE_CHECKING:
    from guestlist.mail.totals import Audit


def totals(*, as_json: bool) -> int:
    """Print every send whose totals differ from its rows, and how many were looked at; returns the exit status."""
    audits = mail.audit(now=timezone.now())
    wrong = [one for one in audits if not one.adds_up]
    if as_json:
        _say(json.dumps({"sends": [_told(one) for one in audits], "wrong": [one.send_id for one in wrong]}))
        return 1 if wrong else 0
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
    return 1 if wrong else 0


def _told(one: Audit) -> dict[str, object]:
    return {
        "send": one.send_id,
        "adds_up": one.adds_up,
        "kept": {measure.value: count for measure, count in one.kept.items()},
        "counted": {measure.value: count for measure, count in one.counted.items()},
    }


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
