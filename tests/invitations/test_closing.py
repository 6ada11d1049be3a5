"""Ending invitations and taking that back: whose word counts, and what happens to the mail."""

import datetime

import pytest

from guestlist import addresses
from guestlist.invitations import actions as invitations
from guestlist.invitations.lifecycle import MoveNotAllowed, Status
from guestlist.invitations.models import Invitation, InvitationEvent
from guestlist.mail.kinds import Verdict
from guestlist.mail.models import Message, Suppression, SuppressionReason
from guestlist.stores.actors import NotPermitted
from tests import make

pytestmark = pytest.mark.django_db

LATER = make.NOW + datetime.timedelta(hours=1)


def last_event(one: Invitation) -> InvitationEvent:
    return InvitationEvent.objects.filter(invitation=one).order_by("-pk")[0]


def test_mail_is_withdrawn_when_the_inviter_cancels() -> None:
    one = make.invitation()

    invitations.cancel(invitation=one, inviter=make.inviter_of(one), now=LATER)

    assert (one.status, one.reason, one.delivery) == (Status.DISCARDED, "inviter", "withdrawn")
    assert Message.objects.get().state == "withdrawn"
    event = last_event(one)
    assert (event.origin, event.target, event.at) == (Status.NOT_SENT, Status.DISCARDED, LATER)
    assert (event.actor_kind, event.actor_id, event.reason) == (
        "customer",
        make.inviter_of(one).pk,
        "inviter",
    )


def test_who_ended_it_is_written_down_when_staff_or_the_friend_did() -> None:
    actor = make.actor()
    one, other = make.sent_invitation(), make.sent_invitation()

    invitations.discard(invitation=one, actor=actor, now=LATER)
    invitations.decline(invitation=other, now=LATER, unknown_person=True)

    assert (last_event(one).actor_kind, last_event(one).actor_id) == ("staff", actor.id)
    complaint = last_event(other)
    assert (complaint.kind, complaint.actor_kind, complaint.reason) == (
        "complained",
        "invitee",
        "unknown_person",
    )
    assert (other.status, other.reason) == (Status.DISCARDED, "declined")


@pytest.mark.parametrize("how", ["cancel", "discard", "decline"])
@pytest.mark.parametrize("state", ["accepted", "discarded"])
def test_ending_is_refused_when_it_is_over(how: str, state: str) -> None:
    one = make.sent_invitation()
    if state == "accepted":
        make.registered(one)
    else:
        invitations.cancel(invitation=one, inviter=make.inviter_of(one), now=make.NOW)
    events = InvitationEvent.objects.count()

    deeds = {
        "cancel": lambda: invitations.cancel(invitation=one, inviter=make.inviter_of(one), now=LATER),
        "discard": lambda: invitations.discard(invitation=one, actor=make.actor(), now=LATER),
        "decline": lambda: invitations.decline(invitation=one, now=LATER, unknown_person=True),
    }

    with pytest.raises(MoveNotAllowed):
        deeds[how]()

    assert InvitationEvent.objects.count() == events


@pytest.mark.requirement("trust-16")
def test_discarding_is_refused_when_the_role_or_website_is_another() -> None:
    one, elsewhere = make.sent_invitation(), make.store_view()

    for actor, code in (
        (make.actor(role="read_only"), "not_permitted"),
        (make.actor(elsewhere.website), "not_found"),
    ):
        with pytest.raises(NotPermitted):
            invitations.discard(invitation=one, actor=actor, now=LATER)
        tally = invitations.discard_many(ids=[one.pk], actor=actor, now=LATER)
        assert (tally.done, tally.skipped) == (0, {code: 1})
    invitations.discard(invitation=one, actor=make.actor(one.website, role="support"), now=LATER)

    assert one.status == Status.DISCARDED


def test_done_and_skipped_add_up_when_many_are_discarded() -> None:
    view, elsewhere = make.store_view(), make.store_view()
    actor = make.actor(view.website)
    queued, sent = make.staff_invitation(view), make.staff_invitation(view)
    make.fare(sent, Verdict.ACCEPTED)
    accepted = make.staff_invitation(view)
    make.registered(accepted)
    ended = make.staff_invitation(view)
    invitations.discard(invitation=ended, actor=actor, now=make.NOW)
    foreign = make.staff_invitation(elsewhere)
    ids = [one.pk for one in (queued, sent, accepted, ended, foreign)]

    tally = invitations.discard_many(ids=[*ids, ids[0], 999_999], actor=actor, now=LATER)

    assert tally.done == 2
    assert tally.skipped == {"accepted": 1, "discarded": 1, "not_found": 2}
    queued.refresh_from_db()
    foreign.refresh_from_db()
    assert (queued.status, queued.delivery, foreign.status) == ("discarded", "withdrawn", "not_sent")


def test_nothing_is_done_when_none_is_selected() -> None:
    tally = invitations.discard_many(ids=[], actor=make.actor(), now=LATER)

    assert (tally.done, dict(tally.skipped)) == (0, {})


# --- Never again --------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("trust-17")
def test_everything_open_or_queued_ends_when_somebody_wants_no_more_mail() -> None:
    view, elsewhere = make.store_view(), make.store_view()
    address = "friend@example.com"
    waiting = make.invitation(make.customer(view), address=address)
    sent = make.sent_invitation(make.customer(view), address=address)
    resent = make.sent_invitation(make.customer(view), address=address)
    invitations.discard(invitation=resent, actor=make.actor(), now=make.NOW)
    invitations.resend(invitation=resent, actor=make.actor(), config=make.options(), now=make.NOW)
    others = make.invitation(make.customer(view))
    foreign = make.invitation(make.customer(elsewhere), address=address)

    for _ in range(2):
        invitations.never_again(website=view.website, address_hash=addresses.hash_of(address), now=LATER)

    for one in (waiting, sent, resent, others, foreign):
        one.refresh_from_db()
    assert [one.status for one in (waiting, sent, resent)] == [Status.DISCARDED] * 3
    assert (waiting.reason, sent.reason, resent.reason) == ("never_again", "never_again", "staff")
    assert (waiting.delivery, resent.delivery) == ("withdrawn", "withdrawn")
    assert set(Message.objects.waiting().values_list("pk", flat=True)) == {others.mail_id, foreign.mail_id}
    suppression = Suppression.objects.get()
    assert (suppression.website, suppression.reason) == (view.website, SuppressionReason.WISH)
    assert InvitationEvent.objects.filter(reason="never_again").count() == 2


@pytest.mark.requirement("trust-17")
def test_wish_is_kept_when_there_is_nothing_to_end() -> None:
    view = make.store_view()

    invitations.never_again(website=view.website, address_hash=b"x" * 16, now=LATER)

    assert bytes(Suppression.objects.get().address_hash) == b"x" * 16


# --- Undo ---------------------------------------------------------------------------------------------------------------


def test_invitation_is_queued_again_when_the_inviter_takes_the_cancellation_back() -> None:
    one = make.invitation()
    invitations.cancel(invitation=one, inviter=make.inviter_of(one), now=make.NOW)
    first_mail = one.mail_id

    invitations.restore(invitation=one, inviter=make.inviter_of(one), config=make.options(), now=LATER)

    assert (one.status, one.reason, one.delivery) == (Status.NOT_SENT, "undone", "queued")
    assert Message.objects.waiting().get().pk == one.mail_id != first_mail
    assert last_event(one).kind == "restored"


@pytest.mark.parametrize("how", ["sent", "shared", "staff", "open", "left meanwhile"])
def test_undo_is_refused_when_it_is_not_the_inviters_to_take_back(how: str) -> None:
    one = make.invitation()
    if how == "sent":
        make.fare(one, Verdict.ACCEPTED)
    elif how == "shared":
        invitations.share(
            invitation=one, actor=make.by(make.inviter_of(one)), config=make.options(), now=make.NOW
        )
    if how == "staff":
        invitations.discard(invitation=one, actor=make.actor(), now=make.NOW)
    elif how != "open":
        invitations.cancel(invitation=one, inviter=make.inviter_of(one), now=make.NOW)
    if how == "left meanwhile":
        make.fare(one, Verdict.ACCEPTED)  # a worker had it in hand
        assert (one.status, one.delivery) == (Status.DISCARDED, "handed_over")

    with pytest.raises(MoveNotAllowed):
        invitations.restore(invitation=one, inviter=make.inviter_of(one), config=make.options(), now=LATER)


@pytest.mark.requirement("trust-18")
def test_undo_is_refused_when_the_address_must_not_be_mailed_any_more() -> None:
    one = make.invitation()
    invitations.cancel(invitation=one, inviter=make.inviter_of(one), now=make.NOW)
    invitations.never_again(website=one.website, address_hash=bytes(one.address_hash or b""), now=make.NOW)

    with pytest.raises(invitations.NotMailable):
        invitations.restore(invitation=one, inviter=make.inviter_of(one), config=make.options(), now=LATER)

    one.refresh_from_db()
    assert one.status == Status.DISCARDED


def test_no_mail_is_queued_when_a_shared_invitation_is_restored() -> None:
    one = make.invitation()
    Invitation.objects.update(channel="shared")
    invitations.cancel(invitation=one, inviter=make.inviter_of(one), now=make.NOW)

    invitations.restore(invitation=one, inviter=make.inviter_of(one), config=make.options(), now=LATER)

    assert (one.status, one.delivery) == (Status.NOT_SENT, "withdrawn")
    assert not Message.objects.waiting().exists()


# --- Looking ------------------------------------------------------------------------------------------------------------


def test_looking_is_written_down_once_when_the_invitation_is_open() -> None:
    one, ended = make.sent_invitation(), make.sent_invitation()
    invitations.cancel(invitation=ended, inviter=make.inviter_of(ended), now=make.NOW)

    for invitation in (one, one, ended):
        invitations.saw(invitation=invitation, now=LATER)

    viewed = InvitationEvent.objects.get(kind="viewed")
    assert (viewed.invitation, viewed.origin, viewed.target, viewed.at) == (one, None, None, LATER)
