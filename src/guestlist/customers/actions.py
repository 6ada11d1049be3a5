"""The only place that writes customers and their groups."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from guestlist import addresses
from guestlist.customers.models import Customer, CustomerGroup, DefaultGroup, User
from guestlist.refusal import Refusal

if TYPE_CHECKING:
    import datetime

    from guestlist.stores.models import StoreView


_MAX_TYPED_NAME = 500
"""Characters of a name that are looked at: eight for each of the sixty that are kept."""


class NoDefaultGroup(Refusal):
    """The store view has no default customer group yet."""

    code = "no_default_group"
    message = _("“%(store_view)s” has no default customer group yet. Choose one first.")


def create_group(*, code: str, name: str, may_be_given: bool = True) -> CustomerGroup:
    """Create a customer group."""
    return CustomerGroup.objects.create(code=code, name=name, may_be_given=may_be_given)


def set_default_group(*, store_view: StoreView, group: CustomerGroup) -> None:
    """Choose the group that new customers of a store view get."""
    DefaultGroup.objects.update_or_create(store_view=store_view, defaults={"group": group})


def default_group(store_view: StoreView) -> CustomerGroup:
    """Return the group that new customers of a store view get.

    :raises NoDefaultGroup: when none was chosen.
    """
    chosen = DefaultGroup.objects.select_related("group").filter(store_view=store_view).first()
    if chosen is None:
        raise NoDefaultGroup(store_view=store_view.name)
    return chosen.group


def create_customer(
    *,
    store_view: StoreView,
    group: CustomerGroup,
    email: str,
    first_name: str,
    last_name: str,
    now: datetime.datetime,
    user: User | None = None,
    external_id: str | None = None,
    newsletter: bool = False,
) -> Customer:
    """Create a customer of the store view's website; ``newsletter`` when they asked for it, which is kept with the time.

    :raises MalformedAddress: when the address is none.
    :raises IntegrityError: when the website knows the address, the user or the shop's own id already.
    """
    return Customer.objects.create(
        website_id=store_view.website_id,
        store_view=store_view,
        group=group,
        user=user,
        external_id=external_id,
        email=addresses.normalize(email),
        first_name=clean_name(first_name),
        last_name=clean_name(last_name),
        newsletter_at=now if newsletter else None,
        created_at=now,
    )


def clean_name(name: str) -> str:
    """Return a person's name on one line, NFC, without control characters, at most 60 characters."""
    # Spaces first: a line end is both a space and a control character. Zero-width joiners go too, names need none. Of a
    # cell of a hundred thousand marks only a part: to compose them takes the square of how many there are.
    spaced = " ".join(name.split())[:_MAX_TYPED_NAME]
    visible = "".join(character for character in spaced if unicodedata.category(character)[0] != "C")
    return unicodedata.normalize("NFC", " ".join(visible.split()))[:60].rstrip()


@transaction.atomic
def create_user(*, email: str, hashed: str | None, first_name: str, last_name: str, verified: bool) -> User:
    """Create a user who signs in by address and password; ``verified`` when the address is proven to be theirs.

    ``hashed`` is the password as Django's ``make_password`` gives it: hashing is slow, and no transaction waits for it.
    Without one nobody can sign in until its owner asks for a password by mail.

    :raises MalformedAddress: when the address is none.
    :raises IntegrityError: when the address has an account already.
    """
    user = User.objects.create(
        email=addresses.normalize(email),
        password=hashed or make_password(None),
        first_name=clean_name(first_name),
        last_name=clean_name(last_name),
    )
    EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=verified)
    return user
