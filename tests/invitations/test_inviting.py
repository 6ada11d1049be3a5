"""Inviting: each address gets an answer of its own, and a form that may not be sent sends nothing."""

import datetime
from typing import Any

import pytest
from django.utils import translation

from guestlist import addresses
from guestlist.customers.models import Customer
from guestlist.invitations import actions as invitations
from guestlist.invitations import rules
from guestlist.invitations.basis import NoBasis, Why
from guestlist.invitations.lifecycle import MoveNotAllowed, Status
from guestlist.invitations.models import Invitation, InvitationEvent, InvitationNote
from guestlist.mail import actions as mail
from guestlist.mail.kinds import Verdict
from guestlist.mail.models import Message, SuppressionReason
from guestlist.refusal import Refusal
from guestlist.stores.actors import NotPermitted
from guestlist.stores.models import StoreView
from tests import make

pytestmark = pytest.mark.django_db


def invite(inviter: Customer, *pasted: str, **values) -> list[invitations.Verdict]:
    return invitations.invite(
        inviter=inviter,
        store_view=values.pop("store_view", inviter.store_view),
        addresses=pasted,
        message=values.pop("message", ""),
        occasion=values.pop("occasion", None),
        config=make.options(**values),
        now=make.NOW,
    )


def add(view: StoreView, *pasted: str, **values) -> list[invitations.Verdict]:
    return invitations.invite_as_staff(
        actor=values.pop("actor", None) or make.actor(),
        store_view=view,
        addresses=pasted,
        message=values.pop("message", ""),
        occasion=values.pop("occasion", None),
        again=values.pop("again", ()),
        ready_at=values.pop("ready_at", make.NOW),
        why=values.pop("why", Why("consent")),
        config=make.options(**values),
        now=make.NOW,
    )


def codes(verdicts: list[invitations.Verdict]) -> list[str]:
    return [verdict.code for verdict in verdicts]


def nothing_was_made() -> bool:
    return not (Invitation.objects.exists() or Message.objects.exists() or InvitationEvent.objects.exists())


# --- By customers -------------------------------------------------------------------------------------------------------


def test_invitation_is_queued_when_a_customer_invites() -> None:
    inviter = make.customer()

    (verdict,) = invite(inviter, " Friend@Example.com ", message="Hello\r\nthere")

    one = Invitation.objects.get()
    assert verdict.invitation == one
    assert verdict.code == "invited"
    assert (one.status, one.delivery, one.inviter, one.staff) == (Status.NOT_SENT, "queued", inviter, None)
    assert (one.address.typed, one.address.normalized) == ("Friend@Example.com", "friend@example.com")
    assert bytes(one.address_hash or b"") == addresses.hash_of("friend@example.com")
    assert one.note.message == "Hello\nthere"
    assert Message.objects.get().pk == one.mail_id
    event = InvitationEvent.objects.get()
    assert (event.kind, event.origin, event.target) == ("created", None, "not_sent")
    assert (event.actor_kind, event.actor_id, event.at) == ("customer", inviter.pk, make.NOW)


def test_each_address_gets_its_answer_when_the_form_is_mixed() -> None:
    inviter = make.customer()
    make.customer(inviter.store_view, email="known@example.com")
    make.invitation(inviter, address="earlier@example.com")
    mail.suppress(
        website=inviter.website,
        address_hash=addresses.hash_of("never@example.com"),
        reason=SuppressionReason.WISH,
        now=make.NOW,
    )

    verdicts = invite(
        inviter,
        "new@example.com",
        "not an address",
        "  ",
        "NEW@example.com",
        inviter.email or "",
        "known@example.com",
        "earlier@example.com",
        "never@example.com",
        max_at_once=10,
    )

    assert codes(verdicts) == [
        "invited",
        "malformed_address",
        "repeated",
        "it_is_you",
        "already_customer",
        "already_invited",
        "not_mailable",
    ]
    assert Message.objects.count() == 2
    for language in ("en", "nl"):
        with translation.override(language):
            assert all(str(verdict.refusal) for verdict in verdicts[1:])


@pytest.mark.requirement("trust-15")
def test_answers_and_work_are_the_same_when_known_and_unknown_are_invited_to_sign_in(
    django_assert_num_queries,
) -> None:
    inviter = make.customer()
    make.customer(inviter.store_view, email="known@example.com")
    counts = []

    for address in ("known@example.com", "unknown@example.com"):
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        with CaptureQueriesContext(connection) as queries:
            (verdict,) = invite(inviter, address, existing_account="sign_in")
        assert verdict.code == "invited"
        counts.append(len(queries))

    assert counts[0] == counts[1]
    assert Message.objects.count() == 2


def test_customer_is_invited_when_it_is_to_an_occasion() -> None:
    inviter = make.customer()
    party = make.occasion(inviter.website)
    make.customer(inviter.store_view, email="known@example.com")

    assert codes(invite(inviter, "known@example.com", occasion=party)) == ["invited"]
    assert codes(invite(inviter, "known@example.com", occasion=party)) == ["already_invited"]
    assert codes(invite(inviter, "known@example.com")) == ["already_customer"]


@pytest.mark.requirement("trust-15")
def test_suppressed_address_reads_like_one_over_its_limit_when_a_customer_asks() -> None:
    inviter = make.customer()
    mail.suppress(
        website=inviter.website,
        address_hash=addresses.hash_of("never@example.com"),
        reason=SuppressionReason.COMPLAINT,
        now=make.NOW,
    )

    (theirs,) = invite(inviter, "never@example.com")
    (staffs,) = add(inviter.store_view, "never@example.com")

    assert str(theirs.refusal) == "We can't mail this address now. You can share a link instead."
    assert staffs.code == "suppressed"
    assert "complained" in str(staffs.refusal)


@pytest.mark.requirement("trust-18")
def test_suppression_counts_at_its_own_website_when_it_names_one() -> None:
    here, there = make.customer(make.store_view()), make.customer(make.store_view())
    digest = addresses.hash_of("never@example.com")
    mail.suppress(website=here.website, address_hash=digest, reason=SuppressionReason.WISH, now=make.NOW)

    assert codes(invite(here, "never@example.com")) == ["not_mailable"]
    assert codes(invite(there, "never@example.com")) == ["invited"]

    from guestlist.mail.models import Suppression

    Suppression.objects.update(website=None)
    assert codes(invite(make.customer(there.store_view), "never@example.com")) == ["not_mailable"]


@pytest.mark.parametrize("state", ["not_sent", "sent", "accepted", "discarded"])
def test_address_is_refused_when_the_inviter_invited_it_before_whatever_became_of_it(state: str) -> None:
    inviter = make.customer()
    one = make.sent_invitation(inviter) if state != "not_sent" else make.invitation(inviter)
    if state == "accepted":
        make.registered(one)
    elif state == "discarded":
        invitations.cancel(invitation=one, inviter=inviter, now=make.NOW)

    assert codes(invite(inviter, one.address.typed, existing_account="sign_in")) == ["already_invited"]


def test_address_is_invited_when_another_customer_or_website_invited_it() -> None:
    view = make.store_view()
    make.invitation(make.customer(view), address="friend@example.com")

    assert codes(invite(make.customer(view), "friend@example.com")) == ["invited"]
    assert codes(invite(make.customer(make.store_view()), "friend@example.com")) == ["invited"]


def test_mistyped_domain_is_suggested_when_a_verdict_is_shown() -> None:
    inviter = make.customer()
    asked = {"store_view": inviter.store_view, "config": make.options(), "now": make.NOW}

    (verdict,) = invitations.examine(inviter=inviter, addresses=["ann@gmial.com"], **asked)  # type: ignore[arg-type]

    assert (verdict.code, verdict.suggestion) == ("invited", "ann@gmail.com")
    assert verdict.invitation is None
    assert nothing_was_made()


def test_nothing_is_sent_when_there_are_too_many_addresses() -> None:
    inviter = make.customer()

    with pytest.raises(invitations.TooManyAddresses, match="6 addresses; at most 5"):
        invite(inviter, *[f"friend{number}@example.com" for number in range(6)])
    with pytest.raises(invitations.TooManyAddresses):
        invite(inviter, "Ann <a@example.com>, Bob <b@example.com>", max_at_once=1)

    assert nothing_was_made()


def test_as_many_as_allowed_are_sent_when_blanks_stand_between() -> None:
    inviter = make.customer()

    verdicts = invite(inviter, "", "a@example.com", " ", "b@example.com", max_at_once=2)

    assert codes(verdicts) == ["invited"] * 2


@pytest.mark.parametrize("pasted", [(), ("",), (" ", "\n")])
def test_form_is_refused_when_nobody_is_named(pasted: tuple[str, ...]) -> None:
    with pytest.raises(invitations.NobodyInvited):
        invite(make.customer(), *pasted)
    with pytest.raises(invitations.NobodyInvited):
        add(make.store_view(), *pasted)


@pytest.mark.parametrize(
    ("values", "allowed"),
    [
        ({}, True),
        ({"enabled": False}, False),
        ({"storefront": False}, False),
        ({"who_may_invite": "nobody"}, False),
        ({"who_may_invite": "groups"}, False),
        ({"who_may_invite": "groups", "inviting_groups": ("own",)}, True),
        ({"who_may_invite": "groups", "inviting_groups": ("other",)}, False),
    ],
)
def test_customer_may_invite_when_the_options_say_so(values: dict[str, Any], allowed: bool) -> None:
    inviter = make.customer(in_group=make.group("own"))
    if "inviting_groups" in values:
        values = values | {
            "inviting_groups": tuple(make.group(code).pk for code in values["inviting_groups"])
        }

    assert rules.may_invite(inviter, make.options(**values)) is allowed
    if allowed:
        assert codes(invite(inviter, "friend@example.com", **values)) == ["invited"]
    else:
        with pytest.raises(rules.MayNotInvite):
            invite(inviter, "friend@example.com", **values)
        assert nothing_was_made()


def test_customer_may_not_invite_when_it_is_from_another_website() -> None:
    with pytest.raises(rules.MayNotInvite):
        invite(make.customer(make.store_view()), "friend@example.com", store_view=make.store_view())


@pytest.mark.parametrize(
    ("message", "values", "code"),
    [
        ("Hi", {"custom_message": False}, "messages_not_allowed"),
        ("spam.example", {}, "message_has_link"),
        ("x" * 1001, {}, "message_too_long"),
        ("x" * 65_536, {}, "message_too_long"),
        ("a\x00b", {}, "message_has_controls"),
    ],
)
@pytest.mark.requirement("trust-11")
def test_nothing_is_sent_when_the_message_may_not_be_sent(
    message: str, values: dict[str, Any], code: str
) -> None:
    inviter = make.customer()

    with pytest.raises(Refusal) as refused:
        invite(inviter, "friend@example.com", message=message, **values)

    assert refused.value.code == code
    assert nothing_was_made()


def test_message_is_sent_when_it_is_allowed() -> None:
    inviter = make.customer()

    assert codes(invite(inviter, "a@example.com", message="spam.example", links_in_message="allow")) == [
        "invited"
    ]
    assert codes(invite(inviter, "b@example.com", message=" \n ", custom_message=False)) == ["invited"]
    assert InvitationNote.objects.count() == 1


def test_typed_address_fits_its_column_when_its_letters_are_written_apart() -> None:
    inviter = make.customer()
    apart = "a@" + ("e\u0301" * 50 + ".") * 4 + "nl"

    (verdict,) = invite(inviter, apart)

    assert len(apart) > 254
    assert verdict.invitation is not None
    assert len(Invitation.objects.get().address.typed) < 254


@pytest.mark.requirement("trust-12")
@pytest.mark.parametrize(
    ("pasted", "name"),
    [
        ("Ann Lee <a@example.com>", "Ann Lee"),
        ("Ann\x00\x1b Lee\u202e <a@example.com>", "Ann Lee"),
        ('"Ann\r\nBcc: b@example.com" <a@example.com>', ""),
        ("x" * 200 + " <a@example.com>", "x" * 60),
        ("<a@example.com>", ""),
    ],
)
def test_name_is_one_clean_line_when_it_was_pasted_with_the_address(pasted: str, name: str) -> None:
    (verdict,) = add(make.store_view(), pasted)

    assert verdict.invitation is not None
    assert verdict.invitation.address.name == name


def test_examining_answers_the_same_when_nothing_is_made() -> None:
    inviter = make.customer()
    pasted = ["a@example.com", "bad", inviter.email or ""]

    examined = invitations.examine(
        inviter=inviter,
        store_view=inviter.store_view,
        addresses=pasted,
        config=make.options(),
        now=make.NOW,
    )

    assert nothing_was_made()
    assert codes(examined) == codes(invite(inviter, *pasted))


# --- By staff -----------------------------------------------------------------------------------------------------------


def test_invitation_carries_group_and_staff_when_staff_invite() -> None:
    view, actor, vip = make.store_view(), make.actor(), make.group("vip")

    one = make.staff_invitation(view, actor=actor, group=vip, message="https://example.com")

    one.refresh_from_db()
    assert (one.inviter, one.staff_id, one.group) == (None, actor.id, vip)
    assert one.note.message == "https://example.com"
    event = InvitationEvent.objects.get()
    assert (event.actor_kind, event.actor_id) == ("staff", actor.id)


def test_staff_count_by_verdict_when_one_is_a_customer() -> None:
    view = make.store_view()
    make.customer(view, email="known@example.com")

    assert codes(add(view, "known@example.com", "new@example.com")) == ["already_customer", "invited"]


def test_staff_are_not_held_to_the_limit_of_customers_when_many_are_added() -> None:
    view = make.store_view()

    verdicts = add(view, *[f"friend{number}@example.com" for number in range(2000)], max_at_once=1)

    assert set(codes(verdicts)) == {"invited"}
    assert Message.objects.count() == 2000
    with pytest.raises(invitations.TooManyAddresses):
        add(view, *[f"guest{number}@example.com" for number in range(2001)])


def test_mail_leaves_later_or_not_at_all_when_staff_say_so() -> None:
    view = make.store_view()
    later = make.NOW + datetime.timedelta(days=2)

    add(view, "later@example.com", ready_at=later)
    add(view, "kept@example.com", ready_at=None)

    assert Message.objects.get().ready_at == later
    kept = Invitation.objects.get(address__normalized="kept@example.com")
    assert (kept.status, kept.delivery, kept.mail_id) == (Status.NOT_SENT, "", None)


@pytest.mark.parametrize("open_one", ["not_sent", "sent", "customers"])
def test_open_invitation_is_told_when_staff_invite_again(open_one: str) -> None:
    view = make.store_view()
    if open_one == "customers":
        make.invitation(make.customer(view), address="friend@example.com")
    else:
        one = make.staff_invitation(view, address="friend@example.com")
        if open_one == "sent":
            make.fare(one, Verdict.ACCEPTED)

    assert codes(add(view, "friend@example.com")) == ["open_invitation"]
    (verdict,) = add(view, "friend@example.com", again=["friend@example.com"])
    assert verdict.invitation is not None
    assert verdict.invitation.repeat == (0 if open_one == "customers" else 1)


@pytest.mark.parametrize("ended", ["discarded", "expired"])
def test_address_is_invited_anew_when_staffs_earlier_invitation_is_over(ended: str) -> None:
    view = make.store_view()
    one = make.staff_invitation(view, address="friend@example.com")
    make.fare(one, Verdict.ACCEPTED)
    if ended == "discarded":
        invitations.discard(invitation=one, actor=make.actor(), now=make.NOW)
    else:
        Invitation.objects.update(expires_at=make.NOW)

    (verdict,) = add(view, "friend@example.com")

    assert verdict.invitation is not None
    assert verdict.invitation.repeat == 1


@pytest.mark.requirement("trust-16")
def test_staff_are_refused_when_they_may_not_add_or_send_there() -> None:
    view, elsewhere = make.store_view(), make.store_view()
    support = make.actor(view.website, role="support")
    stranger = make.actor(elsewhere.website)

    for actor in (support, stranger, make.by(make.customer(view))):
        with pytest.raises(NotPermitted):
            add(view, "friend@example.com", actor=actor)
    assert nothing_was_made()


def test_nobody_is_mailed_when_staff_do_not_say_why() -> None:
    view = make.store_view()
    for why in (Why(), Why("whim", "because")):
        with pytest.raises(NoBasis):
            add(view, "friend@example.com", why=why)
    assert nothing_was_made()

    add(view, "kept@example.com", why=Why(), ready_at=None)
    assert Invitation.objects.get().delivery == ""


def test_staff_may_keep_but_not_send_when_their_role_cannot_send() -> None:
    from guestlist.customers.models import Role

    view = make.store_view()
    actor = make.actor(view.website, role="marketing")
    Role.objects.filter(code="marketing").update(permissions=["view", "add"])
    adder = make.actor(view.website, role="marketing")

    assert codes(add(view, "a@example.com", actor=actor)) == ["invited"]
    with pytest.raises(NotPermitted):
        add(view, "b@example.com", actor=adder)
    assert codes(add(view, "b@example.com", actor=adder, ready_at=None)) == ["invited"]


# --- The message afterwards ---------------------------------------------------------------------------------------------


def test_message_is_changed_when_the_invitation_was_not_sent() -> None:
    one, actor = make.staff_invitation(make.store_view(), keep=True), make.actor()

    for text, stored in [("Hello", "Hello"), ("Hello again", "Hello again"), (" ", "")]:
        invitations.save_message(invitation=one, message=text, actor=actor)
        assert InvitationNote.objects.get().message == stored


def test_message_is_kept_when_the_invitation_was_sent_or_the_words_do_not_fit() -> None:
    one, actor = make.staff_invitation(make.store_view(), message="Hello"), make.actor()

    with pytest.raises(Refusal):
        invitations.save_message(invitation=one, message="x" * 1001, actor=actor)
    with pytest.raises(NotPermitted):
        invitations.save_message(invitation=one, message="Hi", actor=make.actor(role="support"))
    make.fare(one, Verdict.ACCEPTED)
    with pytest.raises(MoveNotAllowed):
        invitations.save_message(invitation=one, message="Hi", actor=actor)

    assert InvitationNote.objects.get().message == "Hello"
