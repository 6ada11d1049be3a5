"""The rights of staff: what roles allow, and where."""

import pytest
from django.db import IntegrityError, transaction

from guestlist.customers import grants
from guestlist.customers.models import Grant, Role
from guestlist.stores.actors import SYSTEM, Actor, ActorKind, NotPermitted, Permission
from tests import make

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        ("owner", set(Permission)),
        ("support", {Permission.VIEW, Permission.DISCARD}),
        ("read_only", {Permission.VIEW, Permission.REPORTS}),
        (
            "marketing",
            set(Permission)
            - {
                Permission.RELEASE,
                Permission.SUPPRESSIONS,
                Permission.PRIVACY,
                Permission.CONFIGURE,
            },
        ),
    ],
)
def test_role_allows_its_own_when_it_is_ready_made(role: str, allowed: set[Permission]) -> None:
    here, there = make.store_view().website, make.store_view().website
    actor = make.actor(here, role=role)

    for permission in Permission:
        assert actor.may(permission, here.pk) is (permission in allowed)
        assert not actor.may(permission, there.pk)
        assert not actor.may(permission, None)
        assert actor.website_ids(permission) == frozenset({here.pk} if permission in allowed else ())


def test_right_holds_everywhere_when_no_website_is_named() -> None:
    actor = make.actor(role="support")
    later = make.store_view().website

    assert actor.may(Permission.DISCARD, later.pk)
    assert actor.may(Permission.DISCARD, None)
    assert actor.website_ids(Permission.DISCARD) is None
    assert actor.website_ids(Permission.SEND) == frozenset()
    with pytest.raises(NotPermitted, match="permission"):
        actor.require(Permission.SEND, later.pk)


def test_rights_add_up_when_somebody_has_several(django_assert_num_queries) -> None:
    here, there = make.store_view().website, make.store_view().website
    user = make.staff(here, role="support")
    for role, site in (("read_only", here), ("marketing", there), ("read_only", None)):
        Grant.objects.create(user=user, website=site, role=Role.objects.get(code=role))

    with django_assert_num_queries(1):
        actor = grants.actor_of(user)

    assert actor.may(Permission.DISCARD, here.pk)
    assert actor.may(Permission.SEND, there.pk)
    assert not actor.may(Permission.SEND, here.pk)
    assert actor.website_ids(Permission.VIEW) is None
    assert actor.website_ids(Permission.DISCARD) == frozenset({here.pk, there.pk})


@pytest.mark.parametrize("who", ["superuser", "inactive", "no staff", "no grants"])
def test_rights_are_all_or_none_when_the_user_is_no_usual_staff(who: str) -> None:
    site = make.store_view().website
    user = make.staff(site) if who != "no grants" else make.user(is_staff=True)
    if who == "superuser":
        user.is_superuser = True
    elif who == "inactive":
        user.is_active = False
    elif who == "no staff":
        user.is_staff = False

    actor = grants.actor_of(user)

    assert (actor.kind, actor.id) == (ActorKind.STAFF, user.pk)
    for permission in Permission:
        assert actor.may(permission, None) is (who == "superuser")
        assert actor.may(permission, site.pk) is (who == "superuser")


def test_system_may_do_everything_and_strangers_nothing() -> None:
    stranger = Actor(ActorKind.INVITEE)

    for permission in Permission:
        SYSTEM.require(permission, None)
        assert SYSTEM.website_ids(permission) is None
        assert stranger.website_ids(permission) == frozenset()
        with pytest.raises(NotPermitted):
            stranger.require(permission, 1)


def test_role_that_the_shop_changed_stays_when_roles_are_made_again() -> None:
    grants.make_roles()
    Role.objects.filter(code="support").update(permissions=["view"])
    Role.objects.filter(code="read_only").delete()

    grants.make_roles()

    assert Role.objects.get(code="support").permissions == ["view"]
    assert Role.objects.get(code="read_only").permissions == ["view", "reports"]


def test_right_is_given_once_when_it_is_given_again() -> None:
    site = make.store_view().website
    for where in (site, None):
        user = make.staff(where)
        with pytest.raises(IntegrityError), transaction.atomic():
            Grant.objects.create(user=user, website=where, role=Role.objects.get(code="owner"))
