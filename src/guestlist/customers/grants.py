"""The rights of staff: ready-made roles, and what a user's grants add up to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from guestlist.customers.models import READY_MADE, Grant, Role
from guestlist.stores.actors import Actor, ActorKind, Permission

if TYPE_CHECKING:
    from guestlist.customers.models import User

_PERMISSIONS: dict[str, list[Permission]] = {
    "owner": list(Permission),
    "marketing": [
        Permission.VIEW,
        Permission.ADD,
        Permission.IMPORT,
        Permission.SEND,
        Permission.RESEND,
        Permission.DISCARD,
        Permission.EXPORT,
        Permission.TEMPLATES,
        Permission.OCCASIONS,
        Permission.REPORTS,
    ],
    "support": [Permission.VIEW, Permission.DISCARD],
    "read_only": [Permission.VIEW, Permission.REPORTS],
}


def make_roles() -> None:
    """Create the ready-made roles that are missing; those that the shop changed stay as they are."""
    for code, (name, _shown) in READY_MADE.items():
        permissions = [permission.value for permission in _PERMISSIONS[code]]
        Role.objects.get_or_create(code=code, defaults={"name": name, "permissions": permissions})


def actor_of(user: User) -> Actor:
    """Return the staff member as an actor, with the permissions of all grants, in one query.

    A superuser may do everything everywhere; whoever is no staff may do nothing.
    """
    if not (user.is_active and user.is_staff):
        return Actor(ActorKind.STAFF, user.pk)
    if user.is_superuser:
        return Actor(ActorKind.STAFF, user.pk, {None: frozenset(Permission)})
    grants: dict[int | None, set[str]] = {}
    for website_id, permissions in Grant.objects.filter(user=user).values_list(
        "website_id", "role__permissions"
    ):
        grants.setdefault(website_id, set()).update(permissions)
    return Actor(
        ActorKind.STAFF, user.pk, {website: frozenset(allowed) for website, allowed in grants.items()}
    )
