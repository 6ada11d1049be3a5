"""Sending again, sharing, and a fresh mail for an expired link."""

import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from guestlist import addresses
from guestlist.invitations import actions as invitations
from guestlist.invitations import links, rules
from guestlist.invitations.lifecycle import MoveNotAllowed, Status
from guestlist.invitations.models import Channel, Invitation, InvitationEvent
from guestlist.invitations.rules import Deed
from guestlist.mail import actions as mail
from guestlist.mail.kinds import Verdict
from guestlist.mail.models import Message, SuppressionReason
from guestlist.refusal import Refusal
from guestlist.stores.actors import NotPermitted
from tests import make

pytestmark = pytest.mark.django_db

DAY = datetime.timedelta(days=1)
MONTH = datetime.timedelta(days=30)


def suppress(one: Invitation) -> None:
    mail.suppress(
        website=one.website,
        address_hash=bytes(one.address_hash or b""),
        reason=SuppressionReason.WISH,
        now=make.NOW,
    )


def resend(one: Invitation, actor=None, *, now: datetime.datetime = make.NOW, **values) -> None:
    invitations.resend(invitation=one, actor=actor or make.actor(), config=make.options(**values), now=now)


def kinds(one: Invitation) -> list[str]:
    return list(InvitationEvent.objects.filter(invitation=one).order_by("pk").values_list("kind", flat=True))


# --- Resend -------------------------------------------------------------------------------------------------------------


def test_lifetime_starts_anew_when_a_resent_mail_is_handed_over() -> None:
    one = make.sent_invitation()
    assert one.expires_at == make.NOW + MONTH
    later = make.NOW + 40 * DAY

    resend(one, now=later)
    assert (one.delivery, one.resends, one.expires_at) == ("queued", 1, make.NOW + MONTH)
    make.fare(one, Verdict.ACCEPTED, now=later)

    assert (one.status, one.sent_at, one.expires_at) == (Status.SENT, later, later + MONTH)
    assert one.sent_day == make.NOW.date()
    assert kinds(one) == ["created", "sent", "resent", "resent"]


def test_discarded_invitation_lives_again_when_staff_resend_it() -> None:
    one = make.sent_invitation()
    invitations.cancel(invitation=one, inviter=make.inviter_of(one), now=make.NOW)

    resend(one)
    assert one.status == Status.DISCARDED
    make.fare(one, Verdict.ACCEPTED)

    assert (one.status, one.reason) == (Status.SENT, "handed_over")


@pytest.mark.parametrize("role", ["support", "read_only"])
def test_resending_is_refused_when_the_role_cannot_send(role: str) -> None:
    sent, kept = make.sent_invitation(), make.staff_invitation(make.store_view(), keep=True)
    actor = make.actor(role=role)

    for one in (sent, kept):
        with pytest.raises(NotPermitted):
            resend(one, actor)
    with pytest.raises(NotPermitted):
        resend(sent, make.actor(kept.website))


def test_kept_invitation_is_queued_when_staff_send_it() -> None:
    one = make.staff_invitation(make.store_view(), keep=True)

    resend(one)

    assert (one.status, one.delivery, one.resends) == (Status.NOT_SENT, "queued", 0)


@pytest.mark.parametrize("by", ["staff", "inviter"])
def test_accepted_invitation_is_not_resent_when_asked(by: str) -> None:
    one = make.sent_invitation()
    make.registered(one)

    with pytest.raises(MoveNotAllowed, match="Accepted"):
        resend(one, None if by == "staff" else make.by(make.inviter_of(one)))


def test_inviter_resends_as_often_as_configured() -> None:
    one = make.sent_invitation()
    actor = make.by(make.inviter_of(one))

    for _ in range(2):
        assert Deed.RESEND in rules.deeds(one, config=make.options(customer_resends=2), now=make.NOW)
        resend(one, actor, customer_resends=2)
        assert Deed.RESEND not in rules.deeds(one, config=make.options(customer_resends=5), now=make.NOW)
        with pytest.raises(invitations.AlreadyOnItsWay):
            resend(one, actor, customer_resends=2)
        make.fare(one, Verdict.ACCEPTED)
    with pytest.raises(invitations.NoResendsLeft):
        resend(one, actor, customer_resends=2)

    assert Deed.RESEND not in rules.deeds(one, config=make.options(customer_resends=2), now=make.NOW)
    assert one.resends == 2


def test_inviter_may_not_resend_what_was_discarded() -> None:
    one = make.sent_invitation()
    invitations.discard(invitation=one, actor=make.actor(), now=make.NOW)

    with pytest.raises(MoveNotAllowed):
        resend(one, make.by(make.inviter_of(one)), customer_resends=5)


@pytest.mark.parametrize("verdict", [Verdict.FAILED, Verdict.WITHDRAWN])
def test_mail_that_never_left_is_tried_again_when_no_resends_are_allowed(verdict: Verdict) -> None:
    one = make.invitation()
    make.fare(one, verdict, code="mail_error")
    assert Deed.TRY_AGAIN in rules.deeds(one, config=make.options(), now=make.NOW)

    resend(one, make.by(make.inviter_of(one)))

    assert (one.status, one.delivery, one.resends) == (Status.NOT_SENT, "queued", 0)


def test_invitation_ends_when_the_friend_became_a_customer_before_the_resend() -> None:
    one = make.sent_invitation()
    make.customer(one.store_view, email=one.address.normalized)

    with pytest.raises(invitations.AlreadyCustomer):
        resend(one)

    one.refresh_from_db()
    assert (one.status, one.reason) == (Status.DISCARDED, "already_customer")
    with pytest.raises(invitations.AlreadyCustomer):
        resend(one)


@pytest.mark.parametrize("way", ["option", "occasion"])
def test_customer_is_mailed_again_when_invited_to_sign_in(way: str) -> None:
    inviter = make.customer()
    party = make.occasion(inviter.website) if way == "occasion" else None
    one = make.sent_invitation(inviter, occasion=party)
    make.customer(one.store_view, email=one.address.normalized)

    resend(one, existing_account="sign_in" if way == "option" else "skip")

    assert one.delivery == "queued"


@pytest.mark.requirement("trust-18")
def test_resending_is_refused_when_the_address_must_not_be_mailed() -> None:
    one = make.sent_invitation()
    suppress(one)

    with pytest.raises(invitations.NotMailable):
        resend(one)

    assert not Message.objects.waiting().exists()


def test_resending_is_refused_when_there_is_no_address() -> None:
    one = make.sent_invitation()
    Invitation.objects.update(address_hash=None)

    with pytest.raises(invitations.NotMailable):
        resend(one)


def test_resending_is_refused_when_the_address_was_erased() -> None:
    one = make.sent_invitation()
    one.address.delete()

    with pytest.raises(invitations.NotMailable):
        resend(one)


def test_selected_ones_are_sent_by_the_same_rules_when_there_are_many() -> None:
    view, elsewhere = make.store_view(), make.store_view()
    actor = make.actor(view.website)
    kept = make.staff_invitation(view, keep=True)
    waiting = make.staff_invitation(view)
    accepted = make.staff_invitation(view)
    make.fare(accepted, Verdict.ACCEPTED)
    make.registered(accepted)
    suppressed = make.staff_invitation(view, keep=True)
    suppress(suppressed)
    foreign = make.staff_invitation(elsewhere, keep=True)

    sent = invitations.send_many(
        ids=[kept.pk, waiting.pk, accepted.pk, suppressed.pk, foreign.pk, 999_999],
        actor=actor,
        configs={view.pk: make.options()},
        now=make.NOW,
    )

    assert sent.done == 1
    assert sent.skipped == {"already_on_its_way": 1, "move_not_allowed": 1, "not_mailable": 1, "not_found": 2}
    assert sent.sends == []
    kept.refresh_from_db()
    foreign.refresh_from_db()
    assert (kept.delivery, foreign.delivery) == ("queued", "")


def test_nothing_is_sent_when_sender_or_template_is_missing() -> None:
    one = make.sent_invitation()

    missing: list[dict[str, Any]] = [{"sender": "custom2"}, {"template": "gone"}]

    for values in missing:
        with pytest.raises(Refusal) as refused:
            resend(one, **values)
        assert refused.value.code in {"no_sender", "no_template"}
    one.refresh_from_db()
    assert (one.resends, one.delivery) == (0, "handed_over")


# --- A fresh mail for a visitor -----------------------------------------------------------------------------------------


def fresh(one: Invitation, now: datetime.datetime) -> None:
    invitations.send_fresh(invitation=one, config=make.options(lifetime_days=1), now=now)


def test_fresh_mail_is_sent_once_a_day_when_a_visitor_has_an_expired_link() -> None:
    one = make.sent_invitation(lifetime_days=1)
    Invitation.objects.update(expires_at=make.NOW + datetime.timedelta(hours=1))
    soon, next_day = make.NOW + datetime.timedelta(hours=2), make.NOW + 2 * DAY
    one.refresh_from_db()

    with pytest.raises(MoveNotAllowed):
        fresh(one, make.NOW)
    with pytest.raises(invitations.AlreadyOnItsWay):
        fresh(one, soon)
    fresh(one, next_day)
    with pytest.raises(invitations.AlreadyOnItsWay):
        fresh(one, next_day)

    assert Message.objects.waiting().count() == 1
    one.refresh_from_db()
    assert one.resends == 0


def test_fresh_mail_is_refused_when_it_cannot_go_to_the_invited_address() -> None:
    suppressed, shared, ended = make.sent_invitation(), make.sent_invitation(), make.sent_invitation()
    suppress(suppressed)
    Invitation.objects.filter(pk=shared.pk).update(address_hash=None)
    invitations.cancel(invitation=ended, inviter=make.inviter_of(ended), now=make.NOW)
    later = make.NOW + 31 * DAY

    with pytest.raises(invitations.NotMailable):
        fresh(suppressed, later)
    for one in (shared, ended):
        with pytest.raises(MoveNotAllowed):
            fresh(one, later)


# --- Sharing ------------------------------------------------------------------------------------------------------------


def share(one: Invitation, actor=None, *, now: datetime.datetime = make.NOW, **values) -> str:
    return invitations.share(
        invitation=one, actor=actor or make.by(make.inviter_of(one)), config=make.options(**values), now=now
    )


@pytest.mark.requirement("trust-6")
def test_invitation_is_sent_when_the_inviter_shares_it_first() -> None:
    one = make.invitation()

    url = share(one)

    one.refresh_from_db()
    assert (one.status, one.reason, one.sent_at) == (Status.SENT, "shared", make.NOW)
    assert one.expires_at == make.NOW + MONTH
    assert url.startswith(f"{one.store_view.base_url}/invitation/")
    link = links.open_token(url.split("/")[-2], Invitation.objects.all())
    assert link is not None
    assert (link.invitation, link.channel) == (one, Channel.SHARED)


def test_nothing_moves_when_the_link_is_shared_once_more_or_copied_by_staff() -> None:
    sent, kept = make.sent_invitation(), make.staff_invitation(make.store_view(), keep=True)

    assert share(sent, now=make.NOW + DAY) == share(sent)
    share(kept, make.actor())

    sent.refresh_from_db()
    kept.refresh_from_db()
    assert (sent.sent_at, kept.status) == (make.NOW, Status.NOT_SENT)
    assert kinds(sent) == ["created", "sent"]


@pytest.mark.parametrize("how", ["expired", "cancelled", "accepted"])
def test_sharing_is_refused_when_the_invitation_cannot_be_accepted(how: str) -> None:
    one = make.sent_invitation()
    now = make.NOW
    if how == "expired":
        now += MONTH
    elif how == "cancelled":
        invitations.cancel(invitation=one, inviter=make.inviter_of(one), now=make.NOW)
    else:
        make.registered(one)

    with pytest.raises(rules.NotUsable):
        share(one, now=now)


@pytest.mark.parametrize(("days", "end"), [(0, None), (1, make.NOW + DAY), (3650, make.NOW + 3650 * DAY)])
def test_link_ends_when_its_lifetime_says_so(days: int, end: datetime.datetime | None) -> None:
    one = make.invitation()

    share(one, lifetime_days=days)

    one.refresh_from_db()
    assert one.expires_at == end


@pytest.mark.parametrize(
    ("zone", "day"), [("Pacific/Auckland", 4), ("America/Los_Angeles", 2), ("Europe/Amsterdam", 3)]
)
def test_day_is_the_store_views_own_when_an_invitation_is_sent(zone: str, day: int) -> None:
    view = make.store_view(time_zone=zone)
    moment = datetime.datetime(2026, 5, 3, 15, 0, tzinfo=datetime.UTC)
    if zone == "America/Los_Angeles":
        moment = datetime.datetime(2026, 5, 3, 3, 0, tzinfo=datetime.UTC)

    one = make.sent_invitation(make.customer(view), now=moment)

    assert one.sent_day == datetime.date(2026, 5, day)
    assert moment.astimezone(ZoneInfo(zone)).date() == one.sent_day


# --- What the inviter can do --------------------------------------------------------------------------------------------


def deeds(one: Invitation, *, now: datetime.datetime = make.NOW, **values) -> set[str]:
    one.refresh_from_db()
    return {str(deed) for deed in rules.deeds(one, config=make.options(**values), now=now)}


def test_deeds_fit_the_state_when_a_page_shows_them() -> None:
    one = make.invitation()
    assert deeds(one) == {"cancel", "copy"}

    make.fare(one, Verdict.DEFERRED)
    assert deeds(one, customer_resends=5) == {"cancel", "copy"}

    invitations.cancel(invitation=one, inviter=make.inviter_of(one), now=make.NOW)
    assert deeds(one) == {"undo"}

    sent = make.sent_invitation()
    assert deeds(sent) == {"cancel", "copy"}
    assert deeds(sent, customer_resends=1) == {"cancel", "copy", "resend"}
    assert deeds(sent, now=make.NOW + MONTH) == {"cancel"}
    invitations.cancel(invitation=sent, inviter=make.inviter_of(sent), now=make.NOW)
    assert deeds(sent) == set()

    bounced = make.invitation()
    make.fare(bounced, Verdict.BOUNCED, code="5.1.1")
    assert deeds(bounced) == {"correct"}

    accepted = make.sent_invitation()
    make.registered(accepted)
    assert deeds(accepted, customer_resends=5) == set()


def test_address_is_anybodys_when_an_invitation_has_none() -> None:
    one = make.invitation()
    assert rules.is_addressee(one, one.address.normalized)
    assert not rules.is_addressee(one, "somebody@example.com")

    one.address_hash = None

    assert rules.is_addressee(one, "somebody@example.com")
    assert addresses.hash_of("a@example.com") != addresses.hash_of("b@example.com")
