"""What a bounce or a complaint does to the invitation that it is about, whatever became of it meanwhile."""

from functools import partial

import pytest

from guestlist.invitations import actions as invitations
from guestlist.invitations.emails import KINDS
from guestlist.invitations.lifecycle import Status
from guestlist.invitations.models import Invitation, InvitationEvent
from guestlist.mail import returned
from guestlist.mail.kinds import Verdict
from guestlist.mail.models import Message, MessageState, Suppression
from guestlist.mail.reports import Returned
from guestlist.mail.returned import Written
from guestlist.refusal import Refusal
from tests import make, races
from tests.invitations import recount

pytestmark = pytest.mark.django_db


def bounce(mail_id: int | None, code: str = "5.1.1") -> None:
    report(mail_id, Verdict.BOUNCED, code)


def complain(mail_id: int | None) -> None:
    report(mail_id, Verdict.COMPLAINED, "abuse")


def report(mail_id: int | None, verdict, code: str) -> None:
    assert mail_id is not None
    made = Returned(
        message_id=mail_id,
        verdict=verdict,
        source="test",
        key=f"{mail_id} {code}",
        code=code,
        answer="said so",
        is_permanent=code[0] != "4",
        no_such_address=code == "5.1.1",
    )
    assert returned.record(made, kinds=KINDS, now=make.NOW) is Written.RECORDED


def history(one: Invitation) -> list[tuple[str, str | None, str]]:
    return list(
        InvitationEvent.objects.filter(invitation=one).order_by("pk").values_list("kind", "target", "reason")
    )


def state(one: Invitation) -> tuple[str, str, str]:
    one.refresh_from_db()
    return one.status, one.reason, one.delivery


def figures_add_up() -> bool:
    return recount.from_days() == recount.from_history()


@pytest.mark.parametrize("code", ["5.1.1", "5.2.2", "4.4.7"])
def test_a_sent_invitation_ends_when_its_mail_bounces(code: str) -> None:
    one = make.sent_invitation()

    bounce(one.mail_id, code)

    assert state(one) == ("discarded", "bounced", "bounced")
    assert history(one)[-2:] == [("bounced", None, code), ("discarded", "discarded", "bounced")]
    event = InvitationEvent.objects.get(kind="bounced")
    assert (event.actor_kind, event.detail) == ("system", {"code": code, "answer": "said so"})
    assert Message.objects.get().state == MessageState.BOUNCED
    assert figures_add_up()


def test_an_accepted_invitation_stays_accepted_when_its_mail_bounces() -> None:
    one = make.sent_invitation()
    make.registered(one)
    before = state(one)

    bounce(one.mail_id)

    assert state(one) == before
    assert history(one)[-1] == ("bounced", None, "5.1.1")


def test_an_ended_invitation_keeps_its_reason_when_its_mail_bounces() -> None:
    one = make.sent_invitation()
    invitations.cancel(invitation=one, inviter=make.inviter_of(one), now=make.NOW)

    bounce(one.mail_id)

    assert state(one) == ("discarded", "inviter", "bounced")
    assert history(one)[-1] == ("bounced", None, "5.1.1")


def test_a_bounce_of_an_older_mail_ends_nothing_when_a_newer_one_is_on_its_way() -> None:
    one = make.sent_invitation()
    older = one.mail_id
    invitations.resend(invitation=one, actor=make.actor(), config=make.options(), now=make.NOW)

    bounce(older, "5.2.2")

    assert state(one) == ("sent", "handed_over", "queued")
    assert history(one)[-1] == ("bounced", None, "5.2.2")
    assert set(Message.objects.values_list("state", flat=True)) == {"bounced", "ready"}


def test_a_bounce_of_an_older_mail_takes_the_newer_one_back_when_the_address_does_not_exist() -> None:
    one = make.sent_invitation()
    older = one.mail_id
    invitations.resend(invitation=one, actor=make.actor(), config=make.options(), now=make.NOW)

    bounce(older, "5.1.1")

    assert state(one) == ("discarded", "bounced", "withdrawn")
    assert set(Message.objects.values_list("state", flat=True)) == {"bounced", "withdrawn"}
    assert figures_add_up()


def test_an_invitation_in_doubt_ends_when_its_mail_arrived_and_bounced() -> None:
    one = make.invitation()
    make.fare(one, Verdict.IN_DOUBT)
    Message.objects.update(state=MessageState.HELD)

    bounce(one.mail_id)

    assert state(one) == ("discarded", "bounced", "bounced")
    assert Message.objects.get().state == MessageState.BOUNCED


@pytest.mark.requirement("trust-18")
def test_a_complaint_ends_all_that_is_open_for_the_address_at_that_website() -> None:
    view = make.store_view()
    one = make.sent_invitation(make.customer(view), address="friend@example.com")
    waiting = make.invitation(make.customer(view), address="friend@example.com")
    other_person = make.invitation(make.customer(view), address="other@example.com")
    elsewhere = make.invitation(make.customer(make.store_view()), address="friend@example.com")

    complain(one.mail_id)

    assert state(one) == ("discarded", "never_again", "handed_over")
    assert state(waiting) == ("discarded", "never_again", "withdrawn")
    assert state(other_person)[0] == state(elsewhere)[0] == "not_sent"
    assert history(one)[-2:] == [("complained", None, "abuse"), ("discarded", "discarded", "never_again")]
    assert history(waiting)[-1] == ("discarded", "discarded", "never_again")
    assert InvitationEvent.objects.get(kind="complained").actor_kind == "invitee"
    assert Suppression.objects.get().reason == "complaint"
    assert set(Message.objects.filter(subject_id=waiting.pk).values_list("state", flat=True)) == {"withdrawn"}
    assert figures_add_up()


def test_an_accepted_invitation_stays_accepted_when_its_reader_complains() -> None:
    one = make.sent_invitation()
    make.registered(one)
    before = state(one)

    complain(one.mail_id)

    assert state(one) == before
    assert history(one)[-1] == ("complained", None, "abuse")
    assert Suppression.objects.get().reason == "complaint"


def test_an_address_that_was_erased_is_suppressed_all_the_same() -> None:
    one = make.sent_invitation()
    one.address.delete()

    bounce(one.mail_id)

    assert bytes(Suppression.objects.get().address_hash) == bytes(one.address_hash or b"")


def test_a_complaint_about_an_invitation_whose_hash_is_gone_ends_it_alone() -> None:
    one, other = make.sent_invitation(), make.sent_invitation()
    Invitation.objects.update(address_hash=None)

    complain(one.mail_id)

    assert state(one)[:2] == ("discarded", "never_again")
    assert state(other)[0] == "sent"
    assert not Suppression.objects.exists()


def test_an_invitation_that_is_gone_does_not_disturb() -> None:
    one, other = make.sent_invitation(), make.sent_invitation()
    Message.objects.update(subject_id=1 << 40)

    bounce(one.mail_id)
    complain(other.mail_id)

    assert set(Message.objects.values_list("state", flat=True)) == {"bounced", "sent"}
    assert not Suppression.objects.exists()


# --- At the same moment -------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("verdict", [Verdict.BOUNCED, Verdict.COMPLAINED])
def test_whoever_accepts_at_the_moment_of_a_bounce_or_complaint_is_in_or_told(verdict) -> None:
    for _round in range(4):
        one = make.sent_invitation()
        make.link(one)

        told, joined = races.together(
            partial(report, one.mail_id, verdict, "5.1.1"), partial(make.registered, one)
        )

        assert told is None
        one.refresh_from_db()
        kinds = [kind for kind, *_rest in history(one)]
        if one.status == Status.ACCEPTED:
            assert not isinstance(joined, Exception)
        else:
            assert isinstance(joined, Refusal)
            assert one.status == Status.DISCARDED
        assert kinds.count(verdict.value) == 1
        assert figures_add_up()


@pytest.mark.django_db(transaction=True)
def test_bounce_complaint_wish_and_cancelling_at_the_same_moment_wait_for_each_other() -> None:
    for _round in range(4):
        view = make.store_view()
        one = make.sent_invitation(make.customer(view), address="friend@example.com")
        waiting = make.invitation(make.customer(view), address="friend@example.com")

        results = races.together(
            partial(report, one.mail_id, Verdict.BOUNCED, "5.1.1"),
            partial(report, one.mail_id, Verdict.COMPLAINED, "abuse"),
            partial(
                invitations.never_again,
                website=one.website,
                address_hash=bytes(one.address_hash or b""),
                now=make.NOW,
            ),
            partial(invitations.cancel, invitation=waiting, inviter=make.inviter_of(waiting), now=make.NOW),
        )

        assert [str(raised) for raised in results if raised and not isinstance(raised, Refusal)] == []
        assert state(one)[0] == state(waiting)[0] == "discarded"
        assert Suppression.objects.get(website=view.website).reason == "wish"
        assert set(Message.objects.filter(store_view=view).values_list("state", flat=True)) == {
            "bounced",
            "withdrawn",
        }
    assert figures_add_up()
