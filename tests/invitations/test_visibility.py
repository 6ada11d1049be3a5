"""Who sees which invitations, and how the rows narrow."""

import datetime

import pytest

from guestlist.customers.models import Role
from guestlist.invitations.models import Invitation
from guestlist.stores.actors import SYSTEM, Actor, ActorKind, Permission
from tests import make

pytestmark = pytest.mark.django_db


@pytest.mark.requirement("trust-16")
def test_everybody_sees_their_own_when_there_are_others() -> None:
    here, there = make.store_view(), make.store_view()
    inviter, other = make.customer(here), make.customer(here)
    own = make.invitation(inviter)
    others = make.invitation(other)
    staffs = make.staff_invitation(here)
    foreign = make.staff_invitation(there)
    everything = {own, others, staffs, foreign}

    for actor, seen in [
        (make.by(inviter), {own}),
        (make.by(make.customer(here)), set()),
        (Actor(ActorKind.CUSTOMER), set()),
        (Actor(ActorKind.INVITEE), set()),
        (Actor(ActorKind.STAFF, 1), set()),
        (Actor(ActorKind.API_KEY, 1), set()),
        (make.actor(here.website), {own, others, staffs}),
        (make.actor(there.website, role="read_only"), {foreign}),
        (make.actor(), everything),
        (SYSTEM, everything),
    ]:
        assert set(Invitation.objects.visible_to(actor)) == seen


@pytest.mark.requirement("trust-16")
def test_rows_are_those_of_the_permission_when_rights_differ_per_website() -> None:
    from guestlist.customers import grants
    from guestlist.customers.models import Grant

    here, there = make.store_view(), make.store_view()
    user = make.staff(here.website, role="support")
    Grant.objects.create(user=user, website=there.website, role=Role.objects.get(code="read_only"))
    actor = grants.actor_of(user)
    mine, seen = make.staff_invitation(here), make.staff_invitation(there)

    assert set(Invitation.objects.visible_to(actor)) == {mine, seen}
    assert set(Invitation.objects.visible_to(actor, Permission.DISCARD)) == {mine}
    assert not Invitation.objects.visible_to(actor, Permission.RESEND).exists()


def test_open_and_expired_ones_are_told_apart_when_time_passes() -> None:
    sent, waiting, ended = make.sent_invitation(), make.invitation(), make.sent_invitation()
    Invitation.objects.filter(pk=ended.pk).update(status="discarded")
    month = datetime.timedelta(days=30)
    before, at_once = make.NOW + month - datetime.timedelta(seconds=1), make.NOW + month

    assert set(Invitation.objects.open()) == {sent, waiting}
    assert not Invitation.objects.expired(before).exists()
    assert set(Invitation.objects.expired(at_once)) == {sent}
    ended.refresh_from_db()
    assert [one.is_expired(at_once) for one in (sent, waiting, ended)] == [True, False, False]
    assert [one.is_open for one in (sent, waiting, ended)] == [True, True, False]
    assert not sent.is_expired(before)
