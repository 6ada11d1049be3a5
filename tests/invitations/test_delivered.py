"""How an invitation's mail fared, written down; and what is checked and filled in right before it goes."""

import datetime

import pytest
from django.db import transaction

from guestlist.invitations import actions as invitations
from guestlist.invitations import config, emails, links
from guestlist.invitations.emails import KINDS
from guestlist.invitations.lifecycle import Status
from guestlist.invitations.models import Channel, Invitation, InvitationEvent
from guestlist.mail.kinds import Outcome, Verdict
from guestlist.mail.models import Message
from guestlist.stores import actions as stores
from guestlist.stores.actors import SYSTEM
from guestlist.stores.config import at
from tests import make
from tests.mail.outbox import values_by, withdrawn_by

pytestmark = pytest.mark.django_db

(KIND,) = KINDS


def history(one: Invitation) -> list[tuple[str, str | None, str | None, str]]:
    return list(
        InvitationEvent.objects.filter(invitation=one)
        .order_by("pk")
        .values_list("kind", "origin", "target", "reason")
    )


def record(message: Message, verdict: Verdict, code: str = "250", answer: str = "") -> None:
    with transaction.atomic():
        KIND.record([Outcome(make.row(message), verdict, code, answer, make.NOW)], now=make.NOW)


# --- Recording ----------------------------------------------------------------------------------------------------------


def test_invitation_is_sent_when_the_mail_server_took_the_mail() -> None:
    one = make.invitation()

    record(Message.objects.get(), Verdict.ACCEPTED, "2.0.0", "queued as " + "x" * 300)

    one.refresh_from_db()
    assert (one.status, one.reason, one.delivery) == (Status.SENT, "handed_over", "handed_over")
    assert (one.sent_at, one.sent_day) == (make.NOW, make.NOW.date())
    event = InvitationEvent.objects.get(kind="sent")
    assert (event.origin, event.target, event.actor_kind) == ("not_sent", "sent", "system")
    assert event.detail["code"] == "2.0.0"
    assert len(event.detail["answer"]) == 200


def test_lifetime_is_the_store_views_own_when_many_are_recorded_together() -> None:
    first = make.store_view()
    second = make.store_view(first.website)
    stores.override(
        section=config.Invitations,
        name="lifetime_days",
        value=0,
        place=at(second),
        actor=SYSTEM,
        now=make.NOW,
    )
    stores.override(
        section=config.Invitations, name="lifetime_days", value=7, place=at(first), actor=SYSTEM, now=make.NOW
    )
    ones = [make.staff_invitation(view) for view in (first, second)]

    with transaction.atomic():
        KIND.record(
            [
                Outcome(make.row(message), Verdict.ACCEPTED, "250", "", make.NOW)
                for message in Message.objects.all()
            ],
            now=make.NOW,
        )

    for one in ones:
        one.refresh_from_db()
    assert ones[0].expires_at == make.NOW + datetime.timedelta(days=7)
    assert ones[1].expires_at is None


@pytest.mark.parametrize("state", ["not_sent", "sent"])
def test_invitation_ends_when_the_address_refuses_for_good(state: str) -> None:
    one = make.invitation()
    if state == "sent":
        make.fare(one, Verdict.ACCEPTED)
        invitations.resend(invitation=one, actor=make.actor(), config=make.options(), now=make.NOW)

    make.fare(one, Verdict.BOUNCED, code="5.1.1 and then some more of it")

    assert (one.status, one.reason, one.delivery) == (Status.DISCARDED, "bounced", "bounced")
    assert history(one)[-2:] == [
        ("bounced", None, None, "5.1.1 and then s"),
        ("discarded", state, "discarded", "bounced"),
    ]


@pytest.mark.parametrize(
    ("verdict", "delivery"),
    [
        (Verdict.DEFERRED, "deferred"),
        (Verdict.FAILED, "failed"),
        (Verdict.WITHDRAWN, "withdrawn"),
        (Verdict.IN_DOUBT, "in_doubt"),
    ],
)
def test_state_stays_when_the_mail_did_not_leave(verdict: Verdict, delivery: str) -> None:
    one = make.invitation()

    make.fare(one, verdict, code="4.2.0")

    assert (one.status, one.delivery) == (Status.NOT_SENT, delivery)
    assert len(history(one)) == 1


def test_mail_in_doubt_counts_when_its_fate_is_known() -> None:
    one = make.invitation()
    make.fare(one, Verdict.IN_DOUBT)

    make.fare(one, Verdict.DEFERRED)

    assert one.delivery == "deferred"


@pytest.mark.parametrize("end", ["cancel", "accept"])
def test_end_stays_when_a_worker_had_the_mail_in_hand(end: str) -> None:
    one = make.sent_invitation()
    invitations.resend(invitation=one, actor=make.actor(), config=make.options(), now=make.NOW)
    Message.objects.filter(subject_id=one.pk, state="ready").update(state="leased")
    if end == "cancel":
        invitations.cancel(invitation=one, inviter=make.inviter_of(one), now=make.NOW)
    else:
        make.registered(one)
    assert Message.objects.filter(subject_id=one.pk).latest("pk").state == "leased"
    one.refresh_from_db()
    before = one.status

    make.fare(one, Verdict.ACCEPTED)

    assert (one.status, one.delivery) == (before, "handed_over")
    assert history(one)[-1] == ("handed_over", None, None, "250")


@pytest.mark.parametrize("end", ["cancel", "accept"])
@pytest.mark.parametrize("verdict", [Verdict.DEFERRED, Verdict.FAILED, Verdict.BOUNCED])
def test_end_stays_when_a_mail_in_hand_did_not_leave(end: str, verdict: Verdict) -> None:
    one = make.invitation()
    Message.objects.update(state="leased")
    if end == "cancel":
        invitations.cancel(invitation=one, inviter=make.inviter_of(one), now=make.NOW)
    else:
        make.registered(one)
    one.refresh_from_db()
    before = one.status

    make.fare(one, verdict, code="450")

    assert one.status == before
    assert one.delivery == ("bounced" if verdict == Verdict.BOUNCED else "withdrawn")


@pytest.mark.parametrize("verdict", [Verdict.DEFERRED, Verdict.FAILED, Verdict.WITHDRAWN])
def test_newer_mail_waits_when_an_older_one_is_told_of(verdict: Verdict) -> None:
    one = make.invitation()
    old = Message.objects.get()
    Message.objects.update(state="leased")
    invitations.cancel(invitation=one, inviter=make.inviter_of(one), now=make.NOW)
    invitations.restore(invitation=one, inviter=make.inviter_of(one), config=make.options(), now=make.NOW)

    record(old, verdict, "450")

    one.refresh_from_db()
    assert one.delivery == "queued"
    assert one.mail_id != old.pk
    assert withdrawn_by(KIND, [one.pk], now=make.NOW) == {}


def test_invitation_is_sent_when_an_older_mail_left_and_the_newer_is_withdrawn() -> None:
    one = make.invitation()
    old = Message.objects.get()
    Message.objects.update(state="leased")
    invitations.cancel(invitation=one, inviter=make.inviter_of(one), now=make.NOW)
    invitations.restore(invitation=one, inviter=make.inviter_of(one), config=make.options(), now=make.NOW)

    record(old, Verdict.ACCEPTED)

    one.refresh_from_db()
    assert one.status == Status.SENT
    assert withdrawn_by(KIND, [one.pk], now=make.NOW) == {one.pk: "not_open"}


def test_ended_invitation_stays_ended_when_staffs_resend_bounces() -> None:
    one = make.sent_invitation()
    invitations.discard(invitation=one, actor=make.actor(), now=make.NOW)
    invitations.resend(invitation=one, actor=make.actor(), config=make.options(), now=make.NOW)

    make.fare(one, Verdict.BOUNCED, code="5.1.1")

    assert (one.status, one.reason, one.delivery) == (Status.DISCARDED, "staff", "bounced")


def test_invitation_ends_when_the_friend_became_a_customer_while_it_waited() -> None:
    one, resent = make.invitation(), make.sent_invitation()
    invitations.discard(invitation=resent, actor=make.actor(), now=make.NOW)
    invitations.resend(invitation=resent, actor=make.actor(), config=make.options(), now=make.NOW)

    for invitation in (one, resent):
        make.fare(invitation, Verdict.WITHDRAWN, code="already_customer")

    assert (one.status, one.reason) == (Status.DISCARDED, "already_customer")
    assert (resent.status, resent.reason, resent.delivery) == (Status.DISCARDED, "staff", "withdrawn")


# --- Checking -----------------------------------------------------------------------------------------------------------


def test_mail_is_let_through_when_nothing_changed() -> None:
    one = make.invitation()

    assert withdrawn_by(KIND, [one.pk], now=make.NOW) == {}


def test_mail_is_withdrawn_when_it_should_not_go_any_more() -> None:
    ended, known, erased, signed = (make.invitation() for _ in range(4))
    Message.objects.update(state="leased")
    invitations.cancel(invitation=ended, inviter=make.inviter_of(ended), now=make.NOW)
    make.customer(known.store_view, email=known.address.normalized)
    make.customer(signed.store_view, email=signed.address.normalized)
    make.configure("existing_account", "sign_in", signed.store_view)
    erased.address.delete()
    if known.store_view == signed.store_view:
        other = make.store_view(known.website)
        Invitation.objects.filter(pk=known.pk).update(store_view=other)

    reasons = withdrawn_by(KIND, [one.pk for one in (ended, known, erased, signed)] + [999_999], now=make.NOW)

    assert reasons == {
        ended.pk: "not_open",
        known.pk: "already_customer",
        erased.pk: "no_address",
        999_999: "not_open",
    }


def test_customer_is_mailed_where_customers_are_not_skipped_though_another_view_skips_them() -> None:
    skipping = make.store_view()
    greeting = make.store_view(skipping.website, path="nl")
    make.configure("existing_account", "sign_in", greeting)
    one, other = (
        make.invitation(make.customer(view), address="both@example.com") for view in (skipping, greeting)
    )
    make.customer(skipping, email="both@example.com")

    reasons = withdrawn_by(KIND, [one.pk, other.pk], now=make.NOW)

    assert reasons == {one.pk: "already_customer"}


def test_customer_is_mailed_when_invited_to_an_occasion() -> None:
    inviter = make.customer()
    one = make.invitation(inviter, occasion=make.occasion(inviter.website))
    make.customer(one.store_view, email=one.address.normalized)

    assert withdrawn_by(KIND, [one.pk], now=make.NOW) == {}


# --- Filling in ---------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("trust-17")
def test_mail_says_who_asked_and_how_to_be_left_alone_when_a_customer_invites() -> None:
    view = make.store_view(language="nl")
    inviter = make.customer(view)
    one = make.invitation(inviter, address="Friend@Example.com", message="Hoi", lifetime_days=30)

    values = values_by(KIND, one.pk, now=make.NOW)

    said = values.variables
    assert values.address == "Friend@Example.com"
    assert values.address_hash == bytes(one.address_hash or b"")
    assert (said["inviter_name"], said["inviter_address"], said["message"]) == (
        "Emma Clarke",
        inviter.email,
        "Hoi",
    )
    assert said["expires"] == "2 juni 2026"
    link = links.open_token(said["invitation_url"].split("/")[-2], Invitation.objects.all())
    assert link is not None
    assert (link.invitation, link.channel) == (one, Channel.MAIL)
    assert said["invitation_url"].startswith(view.base_url)
    opt_out = links.open_opt_out(said["opt_out_url"].split("/")[-2])
    assert opt_out is not None
    assert (opt_out.website_id, opt_out.invitation_id) == (view.website_id, one.pk)
    assert "occasion" not in {name for name, value in said.items() if value}
    assert {"message", "inviter_name", "expires"} <= {name for name, value in said.items() if value}


def test_mail_is_impersonal_when_staff_invite() -> None:
    view = make.store_view()
    make.configure("lifetime_days", 0, view)
    party = make.occasion(view.website)
    one = make.staff_invitation(view, address="Ann Lee <ann@example.com>", occasion=party)

    values = values_by(KIND, one.pk, now=make.NOW)

    assert (values.address, values.name) == ("ann@example.com", "Ann Lee")
    said = values.variables
    assert said["occasion"] == "Autumn preview"
    assert not {"message", "inviter_name", "inviter_address", "expires"} & {
        name for name, value in said.items() if value
    }


def test_preview_says_the_same_with_dead_links_when_nothing_was_sent() -> None:
    view = make.store_view()
    inviter = make.customer(view)
    one = make.invitation(inviter, message="Hello")

    preview = emails.preview_variables(
        view,
        make.options(),
        inviter=inviter,
        message="Hello",
        occasion=None,
        invitee_address=one.address.typed,
        now=make.NOW,
    )

    sent = values_by(KIND, one.pk, now=make.NOW).variables
    assert set(preview) == set(sent)
    assert {name for name in sent if sent[name] != preview[name]} == {
        "invitation_url",
        "decline_url",
        "opt_out_url",
    }
    assert links.open_token(preview["invitation_url"].split("/")[-2], Invitation.objects.all()) is None
