"""`guestlist send`: bulk sends on the command line: which are under way, how they go, and their switches."""

from __future__ import annotations

import shutil
import sys
import textwrap
import time
from typing import TYPE_CHECKING, TextIO

from django.db import DatabaseError, InterfaceError, close_old_connections
from django.utils import timezone, translation

from guestlist.mail import sends
from guestlist.mail.config import Delivery
from guestlist.mail.models import Measure, Send
from guestlist.mail.sends import Progress, Status
from guestlist.refusal import Refusal
from guestlist.stores import config
from guestlist.worker.commanding import actor, fail

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

LOOK_EVERY = 0.5
"""Seconds between two looks on a terminal."""
TELL_EVERY = 5.0
"""Seconds between two lines where the output is no terminal."""
_MINUTE, _HOUR = 60, 3600
_TOO_LARGE = 2**63
"""No id is, and no database reads one."""
_BAR = (10, 40)
"""Fewest and most characters of a bar."""
_ACTIONS: dict[str, Callable[..., bool]] = {
    "pause": sends.pause,
    "resume": sends.resume,
    "stop": sends.stop,
}
_DONE = {
    "pause": "Send {} is paused.",
    "resume": "Send {} goes on.",
    "stop": "Send {} is stopped: nothing more of it leaves, and what had not left is being withdrawn.",
}
_DONE_BEFORE = {
    "pause": "Send {} was paused already; nothing was changed.",
    "resume": "Send {} was not paused; nothing was changed.",
    "stop": "Send {} was stopped already; nothing was changed.",
}


def main(
    *,
    action: str,
    send_id: int | None,
    yes: bool = False,
    out: TextIO | None = None,
    wait: Callable[[float], object] = time.sleep,
) -> int:
    """Do one of `list`, `watch`, `pause`, `resume` and `stop`; returns the exit status.

    `watch` without an id is about all that is under way; `wait` lets so many seconds pass between two looks.
    """
    out = out or sys.stdout
    with translation.override("en"):
        try:
            if action == "list":
                return _list(out)
            if action == "watch":
                return _watch(send_id, out, wait)
            return _switch(action, send_id, out, yes=yes)
        except Refusal as refusal:
            return fail(str(refusal))
        except DatabaseError as error:
            return fail(f"The database cannot be used: {error}")


def _list(out: TextIO) -> int:
    under_way = _progress(_open_ids())
    if not under_way:
        out.write("No send is under way.\n")
    _write(under_way, out)
    return 0


def _switch(action: str, send_id: int | None, out: TextIO, *, yes: bool) -> int:
    found = _progress([send_id] if send_id else [])
    if not found:
        return fail(f"There is no send {send_id}.")
    (one,) = found
    if action == "stop" and not yes and one.status.can_stop and not _agreed(one, out):
        out.write("Nothing was changed.\n")
        return 1
    changed = _ACTIONS[action](send=one.send, actor=actor(), now=timezone.now())
    out.write((_DONE if changed else _DONE_BEFORE)[action].format(send_id) + "\n")
    _write(_progress([one.send.pk]), out)
    return 0


def _agreed(one: Progress, out: TextIO) -> bool:
    out.write(f"{one.left:,} of {one.total:,} mails of send {one.send.pk} have not left and are withdrawn.\n")
    try:
        return input("Stop it for good? [y/N] ").strip().lower() in {"y", "yes"}
    except EOFError:
        return False


def _watch(send_id: int | None, out: TextIO, wait: Callable[[float], object]) -> int:
    ids = [send_id] if send_id else _open_ids()
    if not _progress(ids):
        if send_id:
            return fail(f"There is no send {send_id}.")
        out.write("No send is under way.\n")
        return 0
    try:
        _follow(ids, out, wait)
    except KeyboardInterrupt:
        out.write("\nNo longer watched; it goes on by itself.\n")
    return 0


def _follow(ids: Sequence[int], out: TextIO, wait: Callable[[float], object]) -> None:
    """Draw the sends again and again until all are over."""
    on_terminal = out.isatty()
    drawn: list[str] = []
    while True:
        shown = _seen(ids)
        if shown is not None:
            fresh = lines(shown, width=_width(out), marks=_marks(out))
            if on_terminal:
                _redraw(out, fresh, over=len(drawn))
            elif fresh != drawn:
                out.writelines(f"{one}\n" for one in fresh)
            out.flush()
            drawn = fresh
            if all(one.status.is_over for one in shown):
                return
        wait(LOOK_EVERY if on_terminal else TELL_EVERY)


def _redraw(out: TextIO, fresh: Sequence[str], *, over: int) -> None:
    """Write the lines over those of the last time."""
    up = f"\x1b[{over}A" if over else ""
    if len(fresh) < over:
        up += "\x1b[J"  # what a send waited for is no longer told
    out.write(up + "".join(f"\r{one}\x1b[K\n" for one in fresh))


def _write(shown: Sequence[Progress], out: TextIO) -> None:
    out.writelines(f"{one}\n" for one in lines(shown, width=_width(out), marks=_marks(out)))


def _seen(ids: Collection[int]) -> list[Progress] | None:
    """Return how far they are; None while the database is away, which is waited for."""
    try:
        return _progress(ids)
    except (DatabaseError, InterfaceError):
        close_old_connections()
        return None


def _open_ids() -> list[int]:
    return list(Send.objects.filter(finished_at=None).order_by("pk").values_list("pk", flat=True))


def _progress(ids: Collection[int]) -> list[Progress]:
    found = list(
        Send.objects.filter(pk__in=[pk for pk in ids if 0 < pk < _TOO_LARGE])
        .select_related("store_view", "sender")
        .order_by("pk")
    )
    views = list({one.store_view_id: one.store_view for one in found}.values())
    return sends.progress(found, options=config.resolve_each(Delivery, views), now=timezone.now())


def _width(out: TextIO) -> int:
    # One less than there is: a terminal goes to the next line when its last column is written.
    return shutil.get_terminal_size().columns - 1 if out.isatty() else 120


def _marks(out: TextIO) -> str:
    """Return what a bar is drawn with, as far as the output can show it."""
    try:
        "█░".encode(out.encoding or "ascii")
    except UnicodeEncodeError:
        return "#."
    return "█░"


def lines(shown: Sequence[Progress], *, width: int, marks: str = "█░") -> list[str]:
    """Return each send as a line of at most ``width`` characters, bar, counts, rate and time left; others say its wait."""
    heads = [f"Send {one.send.pk}  {one.status.label}" for one in shown]
    tails = [_counts(one) for one in shown]
    before = max(map(len, heads), default=0)
    least, most = _BAR
    # As long for all, so that they can be compared.
    size = min(max(width - before - max(map(len, tails), default=0) - 4, least), most)
    drawn = []
    for one, head, tail in zip(shown, heads, tails, strict=True):
        full = int(one.share * size)
        drawn.append(f"{head:<{before}}  {marks[0] * full}{marks[1] * (size - full)}  {tail}"[:width])
        if one.wait is not None:
            drawn += [f"  {part}"[:width] for part in textwrap.wrap(str(one.wait), max(width - 2, 1))]
    return drawn


def _counts(one: Progress) -> str:
    if one.is_stopped:
        # No percent: it will never be done.
        return ", ".join(f"{count:,} {said}" for count, said in one.outcome)
    return f"{one.percent:>3} %  {one.done:,} of {one.total:,}{_going(one)}{_rest(one)}"


def _going(one: Progress) -> str:
    if one.status is not Status.RUNNING or one.per_second <= 0:
        return ""
    rate = f"{one.per_second:,.0f}/s" if one.per_second >= 1 else f"{one.per_second * _MINUTE:,.0f}/min"
    left = one.seconds_left
    return f"  {rate}" + (f"  {clock(left)} left" if left is not None else "")


def clock(seconds: float) -> str:
    """Return seconds as 0:42, 3:05 or 1:20:00."""
    whole = max(round(seconds), 1)
    hours, minutes = whole // _HOUR, whole % _HOUR // _MINUTE
    return f"{hours}:{minutes:02}:{whole % _MINUTE:02}" if hours else f"{minutes}:{whole % _MINUTE:02}"


def _rest(one: Progress) -> str:
    """Return what is not as it should be: everything but queued and handed over."""
    usual = {Measure.QUEUED, Measure.HANDED_OVER}
    return "".join(
        f"  {count:,} {sends.words(measure)}"
        for measure, count in one.counts.items()
        if count and measure not in usual
    )
