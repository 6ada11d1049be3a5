"""The mails about an account: confirm the address, choose a new password, "you have an account already".

They go through the outbox like all mail; their secrets are made while they are put together, and stored nowhere. Here and
not beside the users, because customers lie below mail.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from allauth.account import app_settings
from allauth.account.forms import default_token_generator
from allauth.account.models import EmailAddress, EmailConfirmationHMAC
from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.urls import reverse

from guestlist.customers.models import User
from guestlist.mail import actions as mail
from guestlist.mail.kinds import Values
from guestlist.mail.models import Message, MessageState, SenderIdentity

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Collection, Mapping, Sequence

    from guestlist.mail.kinds import Outcome
    from guestlist.stores.models import StoreView

_SECONDS_A_DAY = 86_400
_NEWEST = 500
"""Outbox rows that are looked through for the same mail: behind a million queued ones a second copy does no harm."""


def _confirm(user: User) -> tuple[str, int]:
    address = EmailAddress.objects.get(user=user, email=user.email)
    key = EmailConfirmationHMAC.create(address).key
    return reverse("account_confirm_email", args=[key]), app_settings.EMAIL_CONFIRMATION_EXPIRE_DAYS


def _reset(user: User) -> tuple[str, int]:
    path = reverse(
        "account_reset_password_from_key",
        kwargs={"uidb36": user_pk_to_url_str(user), "key": default_token_generator.make_token(user)},
    )
    return path, settings.PASSWORD_RESET_TIMEOUT // _SECONDS_A_DAY


def _sign_in(user: User) -> tuple[str, int]:  # noqa: ARG001 - as the others
    return reverse("account_login"), 0


@dataclass(frozen=True, slots=True)
class AccountKind:
    """A kind of account mail, about a user (``subject_id``); ``action`` makes the path and says for how many days it works.

    Suppression does not count here: people ask for these mails themselves.
    """

    code: str
    purpose: str
    action: Callable[[User], tuple[str, int]]
    for_verified: bool
    """Whether it makes sense for users who have confirmed their address, or only for those who have not."""

    def look_up(self, ids: Sequence[int], *, now: datetime.datetime) -> Mapping[int, Values | str]:  # noqa: ARG002 - the protocol's
        """Return address, name and the link to act on; a user's secret is made here.

        Withdrawn is what is about users who are gone, or who have confirmed meanwhile.
        """
        found: dict[int, Values | str] = dict.fromkeys(ids, "not_needed")
        users = User.objects.filter(pk__in=ids, is_active=True)
        if not self.for_verified:
            users = users.exclude(emailaddress__verified=True)
        for user in users:
            path, days = self.action(user)
            variables = {
                "action_path": path,
                "person_name": user.first_name,
                "valid_days": str(days) if days else "",
            }
            found[user.pk] = Values(user.email, user.get_full_name(), variables)
        return found

    def hashes(self, ids: Collection[int]) -> Mapping[int, bytes]:  # noqa: ARG002 - the protocol's
        """Return none: people ask for these mails themselves, and get them whatever became of an earlier one."""
        return {}

    def record(self, outcomes: Sequence[Outcome], *, now: datetime.datetime) -> None:
        """Write nothing: the outbox row says it all."""

    def returned(self, outcomes: Sequence[Outcome], *, now: datetime.datetime) -> None:
        """Write nothing: people ask for these mails themselves, and the outbox row says that it came back."""


CONFIRM = AccountKind("confirm_address", "confirm_address", _confirm, for_verified=False)
RESET = AccountKind("reset_password", "reset_password", _reset, for_verified=True)
EXISTS = AccountKind("account_exists", "account_exists", _sign_in, for_verified=True)

KINDS = (CONFIRM, RESET, EXISTS)


def queue(kind: AccountKind, *, user: User, store_view: StoreView, now: datetime.datetime) -> Message | None:
    """Put an account mail into the outbox, unless the same one waits there already.

    :raises NoSender: when the website has no general sender identity.
    """
    newest = Message.objects.order_by("-pk").values_list("kind", "subject_id", "state")[:_NEWEST]
    if (kind.code, user.pk, MessageState.READY) in newest:
        return None
    (message,) = mail.queue(
        kind=kind.code,
        subject_ids=[user.pk],
        store_view=store_view,
        sender=SenderIdentity.Code.GENERAL,
        template=kind.purpose,
        ready_at=now,
        now=now,
    )
    return message
