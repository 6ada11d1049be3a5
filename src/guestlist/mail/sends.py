"""Bulk sends: opening them, their switches, and how far they are."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from guestlist.mail import counting, waits
from guestlist.mail.models import Measure, Message, Send, SenderIdentity
from guestlist.mail.waits import Reason, Wait
from guestlist.refusal import Refusal
from guestlist.stores.actors import Permission

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping, Sequence

    from django.utils.functional import _StrPromise

    from guestlist.mail.config import Delivery
    from guestlist.mail.models import SendOrigin
    from guestlist.stores.actors import Actor
    from guestlist.stores.models import StoreView

log = logging.getLogger(__name__)

UNDER_WAY = (Measure.QUEUED, Measure.DEFERRED, Measure.HELD)
"""The measures of mails that are still to leave."""
SHOWN = (
    Measure.HANDED_OVER,
    Measure.QUEUED,
    Measure.DEFERRED,
    Measure.HELD,
    Measure.BOUNCED,
    Measure.FAILED,
    Measure.WITHDRAWN,
)
"""The measures of a send, in the order that pages show them; each of its mails stands in exactly one."""


class SendIsOver(Refusal):
    """The send was stopped, or nothing of it is left to leave."""

    code = "send_is_over"
    message = _("This send is over already, so nothing was changed.")


def open_send(
    *,
    store_view: StoreView,
    sender: SenderIdentity | None,
    origin: SendOrigin,
    created_by_id: int | None,
    ready_at: datetime.datetime,
    late_after_hours: int,
    now: datetime.datetime,
    basis: str = "",
    basis_text: str = "",
) -> Send:
    """Open a bulk send; call it inside the transaction that queues its mails.

    When its turn comes more than ``late_after_hours`` after ``ready_at``, staff are asked first. ``basis`` and its text are
    why these people may be mailed.
    """
    return Send.objects.create(
        website_id=store_view.website_id,
        store_view=store_view,
        sender=sender,
        origin=origin,
        created_by_id=created_by_id,
        created_at=now,
        ready_at=ready_at,
        not_after=ready_at + timedelta(hours=late_after_hours),
        basis=basis,
        basis_text=basis_text,
    )


def go_on(*, send_id: int) -> None:
    """Keep a send open for mails that join it, also when all others have left; call it where those are queued.

    :raises SendIsOver: when it was stopped: nothing joins it any more.
    """
    if not Send.objects.filter(pk=send_id, stopped_at=None).update(finished_at=None):
        raise SendIsOver


def pause(*, send: Send, actor: Actor, now: datetime.datetime) -> bool:
    """Let nothing more of a send leave until it is resumed; returns False when it was paused before.

    :raises NotPermitted: when the actor may not send at its website.
    :raises SendIsOver: when it is over.
    """
    return _switched(send, "paused", actor, Q(paused_at=None), paused_at=now)


def resume(*, send: Send, actor: Actor, now: datetime.datetime) -> bool:  # noqa: ARG001 - as its sisters
    """Let a paused send go on, however late it is by now; returns False when it was not paused.

    :raises NotPermitted: when the actor may not send at its website.
    :raises SendIsOver: when it is over.
    """
    return _switched(send, "resumed", actor, ~Q(paused_at=None), paused_at=None, not_after=None)


def stop(*, send: Send, actor: Actor, now: datetime.datetime) -> bool:
    """End a send for good: what has not left is withdrawn by the worker. Returns False when it was stopped before.

    :raises NotPermitted: when the actor may not send at its website.
    :raises SendIsOver: when nothing of it was left to stop.
    """
    return _switched(send, "stopped", actor, Q(), stopped_at=now)


def release(*, send: Send, actor: Actor, now: datetime.datetime) -> bool:  # noqa: ARG001 - as its sisters
    """Let a held send leave after all, however late it is by now; returns False when it was not held.

    :raises NotPermitted: when the actor may not send at its website.
    :raises SendIsOver: when it is over.
    """
    return _switched(send, "released", actor, ~Q(held_at=None), held_at=None, held_reason="", not_after=None)


def _switched(send: Send, verb: str, actor: Actor, where: Q, **changes: object) -> bool:
    actor.require(Permission.SEND, send.website_id)
    # The condition decides between two at the same moment; the other one finds it done, or over.
    still_open = Send.objects.filter(pk=send.pk, stopped_at=None, finished_at=None)
    changed = still_open.filter(where).update(**changes)
    send.refresh_from_db()
    if changed:
        log.info("send %s id=%s website=%s actor=%s", verb, send.pk, send.website_id, actor)
        return True
    if send.stopped_at and verb == "stopped":
        return False
    if send.stopped_at or send.finished_at:
        raise SendIsOver
    return False


def release_sender(*, identity: SenderIdentity, actor: Actor, now: datetime.datetime) -> bool:
    """Let mail of a held sender leave again, and count its bounces and complaints anew; False when it was not held.

    :raises NotPermitted: when the actor may not manage senders at its website.
    """
    actor.require(Permission.TEMPLATES, identity.website_id)
    changed = (
        SenderIdentity.objects.filter(pk=identity.pk)
        .exclude(held_at=None)
        .update(held_at=None, held_reason="", warned_at=None, counted_from=now)
    )
    identity.refresh_from_db()
    if changed:
        log.info("sender released id=%s actor=%s", identity.pk, actor)
    return bool(changed)


class Status(models.TextChoices):
    """How a send stands."""

    SCHEDULED = "scheduled", pgettext_lazy("send", "Scheduled")
    WAITING = "waiting", pgettext_lazy("send", "Waiting")
    """For what `guestlist.mail.waits` says: its hours, its sender, a limit, a worker."""
    RUNNING = "running", pgettext_lazy("send", "Being sent")
    PAUSED = "paused", pgettext_lazy("send", "Paused")
    HELD = "held", pgettext_lazy("send", "Held")
    STOPPING = "stopping", pgettext_lazy("send", "Being stopped")
    STOPPED = "stopped", pgettext_lazy("send", "Stopped")
    FINISHED = "finished", pgettext_lazy("send", "Finished")

    @property
    def is_over(self) -> bool:
        """Whether nothing of the send changes any more."""
        return self in {Status.STOPPED, Status.FINISHED}

    @property
    def can_pause(self) -> bool:
        """Whether there is something to pause."""
        return self in {Status.SCHEDULED, Status.WAITING, Status.RUNNING}

    @property
    def can_stop(self) -> bool:
        """Whether there is something to stop."""
        return not self.is_over and self is not Status.STOPPING


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a send is; its counts always add up to its total."""

    send: Send
    status: Status
    counts: Mapping[Measure, int]
    per_second: float
    wait: Wait | None = None
    """What it waits for, where it does."""

    @property
    def total(self) -> int:
        """How many mails it has."""
        return sum(self.counts.values())

    @property
    def done(self) -> int:
        """How many of them came to an end, whichever."""
        return sum(self.counts[one] for one in SHOWN if one in counting.ENDED)

    @property
    def left(self) -> int:
        """How many are still to leave; of a stopped send, to be withdrawn."""
        return sum(self.counts[one] for one in UNDER_WAY)

    @property
    def reached(self) -> int:
        """How many count as done: of a stopped send not those that were withdrawn, most of them because of that."""
        return self.done - self.counts[Measure.WITHDRAWN] if self.is_stopped else self.done

    @property
    def is_stopped(self) -> bool:
        """Whether somebody stopped it, so that it will never be done."""
        return self.status in {Status.STOPPING, Status.STOPPED}

    @property
    def share(self) -> float:
        """Return how much of it is done, from 0 to 1."""
        return self.reached / self.total if self.total else 0.0

    @property
    def percent(self) -> int:
        """The same in whole percent, 100 only when all is done."""
        return int(self.share * 100)

    @property
    def outcome(self) -> list[tuple[int, str | _StrPromise]]:
        """What a stopped send came to, in the order shown: counts that are not 0, each with its words."""
        over = [(self.counts[one], words(one)) for one in SHOWN if one in counting.ENDED]
        return [one for one in (*over, (self.left, _("being withdrawn"))) if one[0]]

    @property
    def seconds_left(self) -> float | None:
        """How long it takes at this rate; None when nobody can tell. What was deferred comes when its server says so."""
        queued = self.counts[Measure.QUEUED]
        if self.status is not Status.RUNNING or not queued or self.per_second <= 0:
            return None
        return queued / self.per_second


def progress(
    sends: Sequence[Send], *, options: Mapping[int, Delivery], now: datetime.datetime
) -> list[Progress]:
    """Return how far each send is, in five queries at most for all; each needs its ``store_view`` and ``sender`` loaded.

    ``options`` has those of delivery for each store view, by its id.
    """
    ids = [one.pk for one in sends]
    totals = counting.totals(send_ids=ids) if ids else {}
    moving = [one.pk for one in sends if one.finished_at is None]
    rates = counting.rates(send_ids=moving, now=now) if moving else {}
    statuses = {one.pk: _status(one, now) for one in sends}
    found = waits.of_sends(
        [one for one in sends if statuses[one.pk] in {Status.RUNNING, Status.STOPPING}],
        options=options,
        queued={pk for pk, counts in totals.items() if counts[Measure.QUEUED]},
        moving={pk for pk, rate in rates.items() if rate > 0},
        now=now,
    )
    return [
        _progress(one, statuses[one.pk], totals[one.pk], rates.get(one.pk, 0.0), found.get(one.pk))
        for one in sends
    ]


def _progress(
    send: Send, status: Status, totals: Mapping[Measure, int], rate: float, wait: Wait | None
) -> Progress:
    if status is Status.RUNNING and wait is not None and wait.reason is not Reason.AGAIN:
        status = Status.WAITING
    counts = {one: totals[one] for one in SHOWN}
    # What was tried leaves when its server says so: how fast the others went tells nothing of it.
    is_going = status is Status.RUNNING and counts[Measure.QUEUED] > 0
    return Progress(send, status, counts, rate if is_going else 0.0, wait)


def _status(send: Send, now: datetime.datetime) -> Status:
    """Return what the switches and the clock say."""
    if send.stopped_at:
        return Status.STOPPED if send.finished_at else Status.STOPPING
    if send.finished_at:
        return Status.FINISHED
    if send.held_at:
        return Status.HELD
    if send.paused_at:
        return Status.PAUSED
    return Status.SCHEDULED if send.ready_at is not None and send.ready_at > now else Status.RUNNING


def stands_still(sender: SenderIdentity | None) -> bool:
    """Tell whether nothing goes out from a sender until somebody has seen to it."""
    return sender is not None and (sender.stopped_at is not None or sender.held_at is not None)


def words(measure: Measure) -> str | _StrPromise:
    """Return what the mails of a send that stand in a measure are called."""
    # A send is held as a whole too, for another reason; and not only a server's wish is why a mail is tried again.
    return {Measure.HELD: _("in doubt"), Measure.DEFERRED: _("to try again")}.get(measure, measure.label)


def of_mail(*, message_id: int | None) -> Send | None:
    """Return the send that a mail belongs to, if it belongs to one."""
    if message_id is None:
        return None
    found = Message.objects.select_related("send").filter(pk=message_id).first()
    return found.send if found else None
