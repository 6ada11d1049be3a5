"""The one door for the state: whoever is overtaken is told so, and nothing of theirs stays."""

import pytest
from django.db import transaction

from guestlist.invitations import actions as invitations
from guestlist.invitations import config
from guestlist.invitations.actions import moves, sending
from guestlist.invitations.lifecycle import MoveNotAllowed, Reason, Status
from guestlist.invitations.models import EventKind, FiguresDelta, Invitation, InvitationEvent
from guestlist.mail.models import Message
from guestlist.stores.actors import SYSTEM
from tests import make

pytestmark = pytest.mark.django_db


def discard(*ones: Invitation) -> None:
    with transaction.atomic():
        moves.move(
            ones,
            Status.DISCARDED,
            reason=Reason.STAFF,
            actor=SYSTEM,
            now=make.NOW,
            kind=EventKind.DISCARDED,
        )


@pytest.mark.requirement("trust-2")
@pytest.mark.parametrize("with_others", [False, True])
def test_nothing_is_moved_when_one_was_overtaken(with_others: bool) -> None:
    other, one = make.sent_invitation(), make.sent_invitation()
    stale = Invitation.objects.select_related("store_view").get(pk=one.pk)
    make.registered(one)
    before = InvitationEvent.objects.count(), FiguresDelta.objects.count()

    with pytest.raises(MoveNotAllowed):
        discard(*([other, stale] if with_others else [stale]))

    assert (InvitationEvent.objects.count(), FiguresDelta.objects.count()) == before
    assert set(Invitation.objects.values_list("status", flat=True)) == {"sent", "accepted"}


def test_nothing_is_moved_when_the_row_is_gone() -> None:
    one = make.invitation()
    stale = Invitation.objects.select_related("store_view").get(pk=one.pk)
    Invitation.objects.all().delete()

    with pytest.raises(MoveNotAllowed):
        discard(stale)


def test_nothing_is_written_when_there_is_nothing_to_move() -> None:
    discard()

    assert not InvitationEvent.objects.exists()


def test_all_are_moved_when_there_are_more_than_one_statement_takes(monkeypatch) -> None:
    monkeypatch.setattr(moves, "_AT_ONCE", 2)
    view = make.store_view()
    for _ in range(5):
        make.staff_invitation(view)

    discard(*Invitation.objects.select_related("store_view"))

    assert InvitationEvent.objects.filter(kind="discarded").count() == 5
    assert not Invitation.objects.open().exists()


def test_second_mail_is_taken_back_when_one_waits_already() -> None:
    one = make.invitation()

    with pytest.raises(invitations.AlreadyOnItsWay), transaction.atomic():
        sending.queue([one], config=make.options(), ready_at=make.NOW, now=make.NOW)

    assert Message.objects.get().pk == one.mail_id


def test_options_are_the_store_views_when_asked_for_it() -> None:
    view, other = make.store_view(), make.store_view()
    make.configure("max_at_once", 9, view)

    assert (config.of(view).max_at_once, config.of(other).max_at_once) == (9, 5)
