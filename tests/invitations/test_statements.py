"""Mails that left for the first time, a great many at once: the same rows, history and figures as one by one."""

from collections import Counter
from typing import Any

import pytest
from django.db import transaction

from guestlist.invitations import actions as invitations
from guestlist.invitations.actions import delivered, moves
from guestlist.invitations.actions.batches import send_many
from guestlist.invitations.emails import KINDS
from guestlist.invitations.lifecycle import Status
from guestlist.invitations.models import Delivery, FiguresDelta, Invitation, InvitationEvent
from guestlist.mail.kinds import Outcome, Verdict
from guestlist.mail.models import Message
from tests import make
from tests.invitations import recount
from tests.mail.outbox import withdrawn_by

pytestmark = pytest.mark.django_db

(KIND,) = KINDS


def record(*ones: Invitation, verdict: Verdict = Verdict.ACCEPTED) -> None:
    messages = Message.objects.filter(pk__in=[one.mail_id for one in ones]).order_by("pk")
    with transaction.atomic():
        KIND.record(
            [Outcome(make.row(one), verdict, "2.0.0", "queued", make.NOW) for one in messages], now=make.NOW
        )


def several() -> list[Invitation]:
    """Return invitations in every way they can be when their mail was handed over."""
    view = make.store_view()
    other = make.store_view(view.website)
    make.configure("lifetime_days", 0, other)
    inviter = make.customer(view)
    fresh = [make.invitation(inviter), make.staff_invitation(view), make.staff_invitation(other)]
    shared = make.invitation(inviter)
    invitations.share(invitation=shared, actor=make.by(inviter), config=make.options(), now=make.NOW)
    doubtful = make.invitation(inviter)
    make.fare(doubtful, Verdict.IN_DOUBT)
    deferred = make.invitation(inviter)
    make.fare(deferred, Verdict.DEFERRED)
    discarded = make.invitation(inviter)
    Message.objects.filter(subject_id=discarded.pk).update(state="leased")
    invitations.cancel(invitation=discarded, inviter=inviter, now=make.NOW)
    ended = make.invitation(inviter)
    make.fare(ended, Verdict.ACCEPTED)
    invitations.discard(invitation=ended, actor=make.actor(), now=make.NOW)
    invitations.resend(invitation=ended, actor=make.actor(), config=make.options(), now=make.NOW)
    again = make.sent_invitation(inviter)
    invitations.resend(invitation=again, actor=make.actor(), config=make.options(), now=make.NOW)
    accepted = make.invitation(inviter)
    Message.objects.filter(subject_id=accepted.pk).update(state="leased")
    make.registered(accepted)
    all_ = [*fresh, shared, doubtful, deferred, discarded, ended, again, accepted]
    for one in all_:
        one.refresh_from_db()
    return all_


def everything(ones: list[Invitation]) -> tuple[Any, ...]:
    """Return what stands in the database of these, by their order."""
    rows = [
        Invitation.objects.filter(pk=one.pk)
        .values_list("status", "reason", "delivery", "sent_at", "sent_day", "expires_at", "resends")
        .get()
        for one in ones
    ]
    events = [
        list(
            InvitationEvent.objects.filter(invitation=one)
            .order_by("pk")
            .values_list("kind", "origin", "target", "reason", "actor_kind", "at", "day", "detail")
        )
        for one in ones
    ]
    views = {view: number for number, view in enumerate(sorted({one.store_view_id for one in ones}))}
    counted: Counter[tuple[Any, ...]] = Counter()
    for view, amount, *key in FiguresDelta.objects.values_list(
        "store_view", "amount", "basis", "day", "measure", "currency"
    ):
        counted[views[view], *key] += amount
    assert recount.from_history() == recount.from_days()
    return rows, events, +counted


def test_the_quick_way_writes_what_the_slow_one_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    before = transaction.savepoint_create()
    ones = several()
    record(*ones)
    quick = everything(ones)
    transaction.savepoint_rollback(before)
    monkeypatch.setattr(delivered, "_first_leaving", lambda _outcomes, _now: set())
    ones = several()
    record(*ones)
    slow = everything(ones)

    assert quick == slow
    assert Counter(row[0] for row in slow[0]) == {"sent": 8, "discarded": 1, "accepted": 1}


def test_what_ended_between_claim_and_record_stays_ended() -> None:
    one, other = make.invitation(), make.invitation()
    Message.objects.update(state="leased")
    invitations.cancel(invitation=one, inviter=make.inviter_of(one), now=make.NOW)

    record(one, other)

    one.refresh_from_db()
    other.refresh_from_db()
    assert (one.status, one.delivery) == (Status.DISCARDED, Delivery.HANDED_OVER)
    assert (other.status, other.delivery) == (Status.SENT, Delivery.HANDED_OVER)
    kinds = InvitationEvent.objects.filter(invitation=one).order_by("pk").values_list("kind", flat=True)
    assert list(kinds) == ["created", "discarded", "handed_over"]


def test_two_mails_of_one_invitation_are_both_told_of() -> None:
    """It was canceled in a worker's hands and restored: the old mail and the new one are recorded together."""
    one = make.invitation()
    inviter = make.inviter_of(one)
    old = Message.objects.get()
    Message.objects.update(state="leased")
    invitations.cancel(invitation=one, inviter=inviter, now=make.NOW)
    invitations.restore(invitation=one, inviter=inviter, config=make.options(), now=make.NOW)
    new = Message.objects.exclude(pk=old.pk).get()

    with transaction.atomic():
        KIND.record(
            [Outcome(make.row(each), Verdict.ACCEPTED, "2.0.0", "", make.NOW) for each in (old, new)],
            now=make.NOW,
        )

    one.refresh_from_db()
    assert (one.status, one.delivery) == (Status.SENT, Delivery.HANDED_OVER)
    kinds = InvitationEvent.objects.filter(invitation=one).order_by("pk").values_list("kind", flat=True)
    assert list(kinds)[-2:] == ["sent", "resent"]


def test_nothing_is_written_when_nothing_left() -> None:
    with transaction.atomic():
        left = moves.leave_many([], store_view=make.store_view(), expires_at=None, now=make.NOW, details={})

    assert left == set()


# --- Held because in doubt ----------------------------------------------------------------------------------------------


def held() -> Invitation:
    one = make.invitation()
    make.fare(one, Verdict.IN_DOUBT)
    Message.objects.filter(subject_id=one.pk).update(state="held")
    return one


@pytest.mark.requirement("delivery-when-killed")
def test_resending_what_is_held_in_doubt_releases_that_very_mail() -> None:
    one = held()

    invitations.resend(invitation=one, actor=make.actor(), config=make.options(), now=make.NOW)

    message = Message.objects.get()
    assert (message.state, message.ready_at) == ("ready", make.NOW)
    assert (one.delivery, one.mail_id, one.resends) == (Delivery.QUEUED, message.pk, 0)
    assert withdrawn_by(KIND, [one.pk], now=make.NOW) == {}


def test_resending_what_was_held_and_withdrawn_queues_a_new_mail() -> None:
    one = held()
    Message.objects.update(state="withdrawn")

    invitations.resend(invitation=one, actor=make.actor(), config=make.options(), now=make.NOW)

    assert Message.objects.filter(state="ready").count() == 1
    assert one.mail_id == Message.objects.get(state="ready").pk


def test_sending_many_releases_those_that_are_held_and_queues_the_others() -> None:
    first, second = held(), make.invitation()
    make.fare(second, Verdict.FAILED)
    ones = [first, second]
    configs = {one.store_view_id: make.options() for one in ones}

    sent = send_many(ids=[one.pk for one in ones], actor=make.actor(), configs=configs, now=make.NOW)

    assert sent.done == 2
    assert Message.objects.filter(subject_id=first.pk).count() == 1
    assert Message.objects.filter(subject_id=second.pk, state="ready").count() == 1
    assert set(Invitation.objects.values_list("delivery", flat=True)) == {Delivery.QUEUED}


def test_ending_what_is_held_withdraws_its_mail() -> None:
    one = held()

    invitations.cancel(invitation=one, inviter=make.inviter_of(one), now=make.NOW)

    assert Message.objects.get().state == "withdrawn"
