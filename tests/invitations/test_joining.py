"""The one gate: who becomes a customer by which door, and what must hold about the link."""

import datetime
from typing import Any

import pytest
from allauth.account.models import EmailAddress

from guestlist.customers.actions import create_user
from guestlist.customers.models import Customer, User
from guestlist.invitations import actions as invitations
from guestlist.invitations import rules
from guestlist.invitations.actions import AddressTaken, AlreadyAccepted
from guestlist.invitations.lifecycle import Status
from guestlist.invitations.models import Channel, Credit, Invitation, PendingJoin
from guestlist.mail.kinds import Verdict
from guestlist.mail.models import Message
from guestlist.refusal import Refusal
from tests import make

pytestmark = pytest.mark.django_db

LATER = make.NOW + datetime.timedelta(days=31)


def nothing_was_left() -> bool:
    return not (
        User.objects.filter(email__startswith="newcomer").exists()
        or User.objects.filter(email__startswith="friend").exists()
        or PendingJoin.objects.exists()
        or Message.objects.exclude(kind="invitation").exists()
        or Credit.objects.exists()
    )


def is_refused(code: str, deed) -> bool:
    with pytest.raises(Refusal) as refused:
        deed()
    assert str(refused.value)
    return refused.value.code == code


def in_state(state: str) -> Invitation:
    one = make.sent_invitation()
    if state == "used":
        make.registered(one)
    elif state == "withdrawn":
        invitations.cancel(invitation=one, inviter=make.inviter_of(one), now=make.NOW)
    elif state == "expired":
        Invitation.objects.filter(pk=one.pk).update(expires_at=make.NOW)
    one.refresh_from_db()
    return one


# --- By invitation only -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "is_open"),
    [
        ({}, True),
        ({"registration": "invitation"}, False),
        ({"registration": "invitation", "enabled": False}, True),
        ({"registration": "invitation", "storefront": False}, True),
        ({"registration": "invitation", "who_may_invite": "nobody"}, False),
    ],
)
def test_registration_is_open_when_the_options_say_so(values: dict[str, Any], is_open: bool) -> None:
    make.store_view()

    assert rules.registration_is_open(make.options(**values)) is is_open
    if is_open:
        assert make.registered(**values).user is not None
    else:
        assert is_refused("by_invitation_only", lambda: make.registered(**values))
        assert nothing_was_left()


def test_join_is_refused_when_it_is_by_invitation_only_and_there_is_none() -> None:
    view, user = make.store_view(), make.user()

    assert is_refused(
        "by_invitation_only",
        lambda: invitations.join(
            user=user,
            store_view=view,
            invitation=None,
            config=make.options(registration="invitation"),
            now=make.NOW,
        ),
    )
    assert not Customer.objects.exists()


def test_confirming_is_refused_when_the_shop_was_closed_meanwhile() -> None:
    make.registered()
    waiting = PendingJoin.objects.get()

    assert is_refused(
        "by_invitation_only",
        lambda: invitations.confirm(
            user=waiting.user,
            store_view=waiting.store_view,
            config=make.options(registration="invitation"),
            now=make.NOW,
        ),
    )
    assert not Customer.objects.exists()


def test_open_invitation_is_no_key_when_its_link_is_not_used() -> None:
    one = make.sent_invitation()

    assert is_refused(
        "by_invitation_only",
        lambda: make.registered(view=one.store_view, email=one.address.normalized, registration="invitation"),
    )


def test_mailed_link_opens_the_door_when_it_is_by_invitation_only() -> None:
    joined = make.registered(make.sent_invitation(), registration="invitation")

    assert joined.is_new
    assert joined.customer is not None


# --- What must hold about a link, on every route that accepts -----------------------------------------------------------


@pytest.mark.requirement("trust-3")
@pytest.mark.parametrize("registration", ["open", "invitation"])
@pytest.mark.parametrize("state", ["used", "withdrawn", "expired"])
def test_registering_is_refused_when_the_link_cannot_be_used(state: str, registration: str) -> None:
    one = in_state(state)
    before = User.objects.count(), Customer.objects.count(), Message.objects.count()

    assert is_refused(
        "invitation_not_usable",
        lambda: make.registered(one, email="newcomer@example.com", registration=registration),
    )
    assert (User.objects.count(), Customer.objects.count(), Message.objects.count()) == before
    assert rules.link_standing(one, website_id=one.website_id, now=make.NOW) == state


@pytest.mark.requirement("trust-3")
@pytest.mark.parametrize("state", ["used", "withdrawn", "expired"])
def test_joining_is_refused_when_the_link_cannot_be_used(state: str) -> None:
    one = in_state(state)
    stranger, customer = make.user(), make.customer(one.store_view)

    for user in (stranger, make.user_of(customer)):
        assert is_refused(
            "invitation_not_usable",
            lambda user=user: invitations.join(
                user=user,
                store_view=one.store_view,
                invitation=one,
                config=make.options(registration_address="any"),
                now=make.NOW,
            ),
        )
    assert not Customer.objects.filter(user=stranger).exists()


@pytest.mark.requirement("trust-3")
def test_link_is_refused_when_it_belongs_to_another_website() -> None:
    one, elsewhere = make.sent_invitation(), make.store_view()

    assert is_refused("invitation_not_usable", lambda: make.registered(one, view=elsewhere))
    assert is_refused(
        "invitation_not_usable",
        lambda: invitations.join(
            user=make.user(one.address.normalized),
            store_view=elsewhere,
            invitation=one,
            config=make.options(),
            now=make.NOW,
        ),
    )
    assert rules.link_standing(one, website_id=elsewhere.website_id, now=make.NOW) == "other_website"
    assert Invitation.objects.get().status == Status.SENT


@pytest.mark.requirement("trust-3")
def test_acceptance_is_refused_when_the_page_is_older_than_the_end() -> None:
    one = make.sent_invitation()
    stale = Invitation.objects.select_related("inviter__group", "store_view").get(pk=one.pk)
    invitations.cancel(invitation=one, inviter=make.inviter_of(one), now=make.NOW)
    stranger, customer = make.user(), make.customer(one.store_view)

    for user in (stranger, make.user_of(customer)):
        assert is_refused(
            "invitation_not_usable",
            lambda user=user: invitations.join(
                user=user,
                store_view=one.store_view,
                invitation=stale,
                config=make.options(registration_address="any"),
                now=make.NOW,
            ),
        )
    assert not Customer.objects.filter(user=stranger).exists()


def test_existing_customer_accepts_when_the_mail_was_handed_over_after_the_page_was_read() -> None:
    inviter = make.customer()
    one = make.invitation(inviter)
    stale = Invitation.objects.select_related("inviter__group", "store_view").get(pk=one.pk)
    make.fare(one, Verdict.ACCEPTED)
    friend = make.customer(inviter.store_view)

    joined = invitations.join(
        user=make.user_of(friend),
        store_view=one.store_view,
        invitation=stale,
        config=make.options(registration_address="any"),
        now=make.NOW,
    )

    assert joined.invitation is not None
    assert joined.invitation.status == Status.ACCEPTED


def test_link_works_for_ever_when_it_has_no_end() -> None:
    one = make.sent_invitation()
    Invitation.objects.update(expires_at=None)
    one.refresh_from_db()

    assert make.registered(one, now=make.NOW + datetime.timedelta(days=9999)).is_new


def test_link_of_an_invitation_not_sent_works_when_staff_copied_it() -> None:
    one = make.staff_invitation(make.store_view(), keep=True)

    make.registered(one, channel=Channel.SHARED)
    joined = confirm(one)

    assert joined.invitation == one
    assert joined.invitation.status == Status.ACCEPTED


# --- What proves the mailbox --------------------------------------------------------------------------------------------


def confirm(one: Invitation, *, now: datetime.datetime = make.NOW, **values) -> invitations.Joined:
    user = User.objects.get(email=one.address.normalized)
    EmailAddress.objects.filter(user=user).update(verified=True)
    return invitations.confirm(user=user, store_view=one.store_view, config=make.options(**values), now=now)


@pytest.mark.requirement("trust-7")
def test_mailbox_is_proven_when_the_link_was_mailed_to_it() -> None:
    one = make.sent_invitation()

    joined = make.registered(one)

    one.refresh_from_db()
    assert joined.customer is not None
    assert (one.status, one.invitee, one.accepted_at) == (Status.ACCEPTED, joined.customer, make.NOW)
    assert EmailAddress.objects.get(user=joined.user).verified
    assert not Message.objects.exclude(kind="invitation").exists()


@pytest.mark.requirement("trust-7")
def test_mailbox_is_confirmed_first_when_the_link_was_shared() -> None:
    one = make.sent_invitation()

    joined = make.registered(one, channel=Channel.SHARED)

    one.refresh_from_db()
    assert joined.customer is None
    assert joined.user is not None
    assert one.status == Status.SENT
    assert not EmailAddress.objects.get(user=joined.user).verified
    assert Message.objects.exclude(kind="invitation").get().kind == "confirm_address"

    confirmed = confirm(one)

    one.refresh_from_db()
    assert one.status == Status.ACCEPTED
    assert one.invitee == confirmed.customer
    assert not PendingJoin.objects.exists()


@pytest.mark.requirement("trust-7")
def test_mailbox_is_confirmed_first_when_another_address_is_used() -> None:
    one = make.sent_invitation()

    joined = make.registered(one, email="newcomer@example.com", registration_address="any")

    assert joined.user is not None
    assert joined.customer is None
    assert PendingJoin.objects.get().invitation == one
    confirmed = invitations.confirm(
        user=joined.user,
        store_view=one.store_view,
        config=make.options(registration_address="any"),
        now=make.NOW,
    )
    one.refresh_from_db()
    assert one.invitee == confirmed.customer
    assert confirmed.customer is not None
    assert confirmed.customer.email == "newcomer@example.com"


@pytest.mark.parametrize("channel", [Channel.MAIL, Channel.SHARED])
@pytest.mark.parametrize("asked", [True, False])
def test_newsletter_is_kept_with_its_time_when_it_was_asked_for(channel: Channel, asked: bool) -> None:
    one = make.sent_invitation()

    joined = make.registered(one, channel=channel, newsletter=asked)

    customer = joined.customer or confirm(one).customer
    assert customer is not None
    assert customer.newsletter_at == (make.NOW if asked else None)


def test_another_address_is_refused_when_it_must_be_the_invited_one() -> None:
    one = make.sent_invitation()

    assert is_refused("wrong_address", lambda: make.registered(one, email="newcomer@example.com"))
    assert is_refused(
        "wrong_address",
        lambda: invitations.join(
            user=make.user(), store_view=one.store_view, invitation=one, config=make.options(), now=make.NOW
        ),
    )


def test_invited_address_fits_when_it_is_spelled_differently() -> None:
    one = make.sent_invitation(address="José@Bücher.example")

    assert make.registered(one, email=" jose\u0301@xn--bcher-kva.example ").is_new


def test_registering_is_refused_when_the_address_is_none() -> None:
    assert is_refused("malformed_address", lambda: make.registered(email="nobody"))
    assert nothing_was_left()


def test_link_ends_between_registering_and_confirming_when_the_shop_is_open() -> None:
    one = make.sent_invitation()
    make.registered(one, channel=Channel.SHARED)
    invitations.cancel(invitation=one, inviter=make.inviter_of(one), now=make.NOW)

    joined = confirm(one)

    assert joined.is_new
    assert joined.invitation is None


@pytest.mark.parametrize("how", ["cancelled", "expired"])
def test_link_ends_between_registering_and_confirming_when_it_is_by_invitation_only(how: str) -> None:
    one = make.sent_invitation()
    make.registered(one, channel=Channel.SHARED, registration="invitation")
    if how == "cancelled":
        invitations.cancel(invitation=one, inviter=make.inviter_of(one), now=make.NOW)

    assert is_refused("invitation_not_usable", lambda: confirm(one, now=LATER, registration="invitation"))
    assert Customer.objects.count() == 1  # the inviter


def test_confirming_changes_nothing_when_it_was_done_before() -> None:
    one = make.sent_invitation()
    make.registered(one, channel=Channel.SHARED)
    first = confirm(one)

    again = confirm(one)

    assert again.customer == first.customer
    assert not again.is_new


def test_confirming_joins_nobody_when_nothing_was_registered() -> None:
    view, user = make.store_view(), make.user()

    joined = invitations.confirm(user=user, store_view=view, config=make.options(), now=make.NOW)

    assert joined.customer is None


# --- Addresses that have an account -------------------------------------------------------------------------------------


@pytest.mark.requirement("trust-7")
def test_account_made_beforehand_cannot_lie_in_wait_when_its_owner_comes() -> None:
    one = make.sent_invitation()
    attackers = make.registered(view=one.store_view, email=one.address.normalized).user

    joined = make.registered(one)

    assert attackers is not None
    assert joined.user is not None
    assert joined.user.pk != attackers.pk
    assert not User.objects.filter(pk=attackers.pk).exists()
    assert joined.is_new


def test_account_never_confirmed_is_replaced_when_somebody_registers_anew() -> None:
    view = make.store_view()
    first = make.registered(view=view, email="newcomer@example.com").user
    second = make.registered(view=view, email="newcomer@example.com").user

    assert first is not None
    assert second is not None
    assert list(User.objects.values_list("pk", flat=True)) == [second.pk]
    assert PendingJoin.objects.get().user == second


def test_address_taken_is_told_when_the_mailbox_is_proven() -> None:
    one = make.sent_invitation()
    make.user(one.address.normalized)

    with pytest.raises(AddressTaken):
        make.registered(one)

    one.refresh_from_db()
    assert one.status == Status.SENT


@pytest.mark.requirement("trust-15")
def test_address_taken_is_mailed_and_not_told_when_the_mailbox_is_not_proven() -> None:
    one = make.sent_invitation()
    make.user(one.address.normalized)

    joined = make.registered(one, channel=Channel.SHARED)

    assert (joined.user, joined.customer) == (None, None)
    assert Message.objects.exclude(kind="invitation").get().kind == "account_exists"


@pytest.mark.parametrize("kind", ["staff", "customer"])
def test_unconfirmed_account_is_kept_when_it_is_somebodys(kind: str) -> None:
    view = make.store_view()
    theirs = make.staff() if kind == "staff" else make.customer(view).user
    assert theirs is not None
    EmailAddress.objects.update(verified=False)

    joined = make.registered(view=view, email=theirs.email)

    assert joined.user is None
    assert User.objects.get() == theirs


# --- Existing customers -------------------------------------------------------------------------------------------------


def test_inviters_are_told_when_the_invitation_is_their_own() -> None:
    inviter = make.customer()
    one = make.sent_invitation(inviter)

    assert is_refused(
        "your_own_invitation",
        lambda: invitations.join(
            user=make.user_of(inviter),
            store_view=one.store_view,
            invitation=one,
            config=make.options(registration_address="any"),
            now=make.NOW,
        ),
    )


def accept(one: Invitation, customer: Customer, **values) -> invitations.Joined:
    return invitations.join(
        user=make.user_of(customer),
        store_view=one.store_view,
        invitation=one,
        config=make.options(**({"registration_address": "any"} | values)),
        now=make.NOW,
    )


def test_existing_customer_keeps_the_group_when_accepting() -> None:
    view = make.store_view()
    inviter = make.customer(view, in_group=make.group("wholesale"))
    friend = make.customer(view, in_group=make.group("vip"))
    one = make.sent_invitation(inviter, address=friend.email, existing_account="sign_in")

    joined = accept(one, friend, registration_address="same")

    friend.refresh_from_db()
    one.refresh_from_db()
    assert friend.group.code == "vip"
    assert not joined.is_new
    assert (one.status, one.reason, one.invitee) == (Status.ACCEPTED, "signed_in", friend)
    assert not Credit.objects.exists()


def test_existing_customer_is_refused_when_one_was_accepted_before() -> None:
    view = make.store_view()
    friend = make.customer(view)
    first, second = make.sent_invitation(make.customer(view)), make.sent_invitation(make.customer(view))
    accept(first, friend)

    with pytest.raises(AlreadyAccepted):
        accept(second, friend)

    second.refresh_from_db()
    assert second.status == Status.SENT


def test_existing_customer_accepts_once_more_when_it_is_for_another_occasion() -> None:
    view = make.store_view()
    friend, party = make.customer(view), make.occasion(view.website)
    accept(make.sent_invitation(make.customer(view)), friend)

    joined = accept(make.sent_invitation(make.customer(view), occasion=party), friend)

    assert joined.invitation is not None
    assert joined.invitation.status == Status.ACCEPTED


def test_customer_known_to_the_shop_becomes_the_users_when_the_address_is_the_same() -> None:
    view = make.store_view()
    known = make.customer(view)
    user = make.user_of(known)
    Customer.objects.update(user=None)

    joined = invitations.join(
        user=user, store_view=view, invitation=None, config=make.options(), now=make.NOW
    )

    assert joined.customer == known
    assert not joined.is_new
    assert Customer.objects.get().user == user


def test_users_own_customer_is_found_when_another_one_has_the_address() -> None:
    view = make.store_view()
    other, own = make.customer(view), make.customer(view)
    address, others = other.email, make.user_of(other)
    Customer.objects.filter(pk=other.pk).update(user=None)
    others.delete()
    user = make.user_of(own)
    User.objects.filter(pk=user.pk).update(email=address)
    user.refresh_from_db()

    joined = invitations.join(
        user=user, store_view=view, invitation=None, config=make.options(), now=make.NOW
    )

    assert joined.customer == own


def test_user_joins_a_second_website_when_invited_there() -> None:
    here, there = make.store_view(), make.store_view()
    user = make.customer(here).user
    assert user is not None
    one = make.sent_invitation(make.customer(there), address=user.email)

    joined = invitations.join(
        user=user, store_view=there, invitation=one, config=make.options(), now=make.NOW
    )

    assert joined.is_new
    assert Customer.objects.filter(user=user).count() == 2


# --- Without the link, and credit ---------------------------------------------------------------------------------------


def three_invite(address: str = "friend@example.com") -> list[Invitation]:
    view = make.store_view()
    return [make.sent_invitation(make.customer(view), address=address) for _ in range(3)]


@pytest.mark.parametrize(
    ("credit", "through", "accepted"),
    [
        ("link", 1, 1),
        ("link", None, 0),
        ("first", 1, 0),
        ("first", None, 0),
        ("last", 1, 2),
        ("last", None, 2),
        ("all", 1, 1),
        ("all", None, 0),
    ],
)
def test_credit_goes_where_the_option_says_when_three_invited_one(
    credit: str, through: int | None, accepted: int
) -> None:
    three = three_invite()

    joined = invitations.join(
        user=make.user("friend@example.com"),
        store_view=three[0].store_view,
        invitation=None if through is None else three[through],
        config=make.options(credit=credit),
        now=make.NOW,
    )

    for one in three:
        one.refresh_from_db()
    assert joined.invitation == three[accepted]
    expected = ["discarded"] * 3
    expected[accepted] = "accepted"
    assert [one.status for one in three] == expected
    reason = "without_link" if through is None else "registered"
    assert three[accepted].reason == reason
    assert {one.reason for one in three if one != three[accepted]} == {"joined_otherwise"}
    shares = dict(Credit.objects.values_list("invitation", "share"))
    if credit == "all":
        assert shares == {one.pk: 334 if one == three[accepted] else 333 for one in three}
    else:
        assert shares == {three[accepted].pk: 1000}
    assert sum(shares.values()) == 1000


def test_mail_is_withdrawn_when_the_friend_joins_otherwise() -> None:
    view = make.store_view()
    first = make.sent_invitation(make.customer(view), address="friend@example.com")
    waiting = make.invitation(make.customer(view), address="friend@example.com")

    make.registered(first)

    waiting.refresh_from_db()
    assert (waiting.status, waiting.delivery) == (Status.DISCARDED, "withdrawn")
    assert not Message.objects.waiting().exists()


def test_own_and_expired_invitations_stay_when_somebody_joins_without_a_link() -> None:
    view = make.store_view()
    user = make.customer(view).user
    assert user is not None
    here = make.store_view()
    expired = make.sent_invitation(make.customer(here), address=user.email)
    staffs = make.staff_invitation(here, address=user.email, again=[user.email])
    Invitation.objects.filter(pk=expired.pk).update(expires_at=make.NOW)

    joined = invitations.join(
        user=user, store_view=here, invitation=None, config=make.options(), now=make.NOW
    )

    expired.refresh_from_db()
    assert joined.invitation == staffs
    assert expired.status == Status.SENT


def test_other_address_ends_the_invitations_of_both_when_it_may_differ() -> None:
    view = make.store_view()
    used = make.sent_invitation(make.customer(view), address="work@example.com")
    also = make.sent_invitation(make.customer(view), address="work@example.com")
    own = make.sent_invitation(make.customer(view), address="home@example.com")
    elsewhere = make.sent_invitation(make.customer(make.store_view()), address="home@example.com")

    invitations.join(
        user=make.user("home@example.com"),
        store_view=view,
        invitation=used,
        config=make.options(registration_address="any"),
        now=make.NOW,
    )

    for one in (used, also, own, elsewhere):
        one.refresh_from_db()
    assert [one.status for one in (used, also, own, elsewhere)] == [
        "accepted",
        "discarded",
        "discarded",
        "sent",
    ]


def test_one_accepted_is_guaranteed_by_the_database() -> None:
    from django.db import IntegrityError, transaction

    one = make.sent_invitation()
    joined = make.registered(one)
    other = make.sent_invitation(one.inviter)

    with pytest.raises(IntegrityError), transaction.atomic():
        Invitation.objects.filter(pk=other.pk).update(
            status="accepted", accepted_at=make.NOW, invitee=joined.customer
        )


# --- Groups -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "may_be_given", "expected"),
    [
        ("inviter", True, "wholesale"),
        ("inviter", False, "general"),
        ("default", True, "general"),
        ("default", False, "general"),
    ],
)
@pytest.mark.parametrize("way", ["mailed", "shared", "without link"])
def test_friend_gets_the_group_that_the_option_says_when_joining(
    mode: str, may_be_given: bool, expected: str, way: str
) -> None:
    view = make.store_view()
    inviter = make.customer(view, in_group=make.group("wholesale", may_be_given=may_be_given))
    one = make.sent_invitation(inviter)
    if way == "without link":
        user = make.user(one.address.normalized)
        joined = invitations.join(
            user=user,
            store_view=view,
            invitation=None,
            config=make.options(referred_group=mode),
            now=make.NOW,
        )
    elif way == "shared":
        make.registered(one, channel=Channel.SHARED, referred_group=mode)
        joined = confirm(one, referred_group=mode)
    else:
        joined = make.registered(one, referred_group=mode)

    assert joined.customer is not None
    assert joined.customer.group.code == expected


@pytest.mark.parametrize("mode", ["inviter", "default"])
@pytest.mark.parametrize(("chosen", "expected"), [("vip", "vip"), (None, "general")])
def test_friend_gets_the_group_that_staff_chose_when_staff_invited(
    mode: str, chosen: str | None, expected: str
) -> None:
    view = make.store_view()
    group = make.group(chosen, may_be_given=False) if chosen else None
    one = make.staff_invitation(view, group=group)
    make.fare(one, Verdict.ACCEPTED)

    joined = make.registered(one, referred_group=mode)

    assert joined.customer is not None
    assert joined.customer.group.code == expected


def test_friend_gets_the_inviters_group_of_now_when_it_changed_since() -> None:
    inviter = make.customer()
    one = make.sent_invitation(inviter)
    Customer.objects.filter(pk=inviter.pk).update(group=make.group("retailer"))

    joined = make.registered(one)

    assert joined.customer is not None
    assert joined.customer.group.code == "retailer"


def test_friend_gets_the_default_of_the_invitations_store_view_when_views_differ() -> None:
    from guestlist.customers.actions import set_default_group

    first = make.store_view()
    second = make.store_view(first.website)
    set_default_group(store_view=second, group=make.group("retailer"))
    invited = make.staff_invitation(second)
    make.fare(invited, Verdict.ACCEPTED)

    by_link = make.registered(invited, view=first)
    without = make.registered(view=second, email="newcomer@example.com")
    assert without.user is not None
    plain = invitations.confirm(user=without.user, store_view=first, config=make.options(), now=make.NOW)

    assert by_link.customer is not None
    assert by_link.customer.group.code == "retailer"
    assert plain.customer is not None
    assert (plain.customer.group.code, plain.customer.store_view) == ("retailer", second)


def test_nobody_joins_when_the_store_view_has_no_default_group() -> None:
    from guestlist.customers.models import DefaultGroup

    one = make.staff_invitation(make.store_view(), keep=True)
    DefaultGroup.objects.all().delete()

    assert is_refused("no_default_group", lambda: make.registered(one))
    one.refresh_from_db()
    assert one.status == Status.NOT_SENT
    assert not User.objects.filter(email=one.address.normalized).exists()


def test_creating_a_user_is_refused_when_the_address_is_none() -> None:
    assert is_refused(
        "malformed_address",
        lambda: create_user(email="x", hashed=None, first_name="", last_name="", verified=True),
    )
