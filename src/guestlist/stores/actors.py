"""Who does something, and what they may do where."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.db import models
from django.utils.translation import gettext_lazy as _

from guestlist.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping


class ActorKind(models.TextChoices):
    """The kinds of actors that the history knows."""

    CUSTOMER = "customer", _("Customer")
    INVITEE = "invitee", _("Invited person")
    STAFF = "staff", _("Staff member")
    API_KEY = "api_key", _("API key")
    SYSTEM = "system", _("System")


class Permission(models.TextChoices):
    """What a role may allow; each counts per website."""

    VIEW = "view", _("See invitations")
    ADD = "add", _("Add invitations")
    IMPORT = "import", _("Import invitations")
    SEND = "send", _("Send invitations")
    RESEND = "resend", _("Send invitations again")
    DISCARD = "discard", _("Discard invitations")
    RELEASE = "release", _("Release large sends")
    EXPORT = "export", _("Export invitations")
    TEMPLATES = "templates", _("Manage mail templates and senders")
    SUPPRESSIONS = "suppressions", _("Manage suppressed addresses")
    PRIVACY = "privacy", _("Export and erase personal data")
    OCCASIONS = "occasions", _("Manage occasions and check guests in")
    CONFIGURE = "configure", _("Change the configuration")
    REPORTS = "reports", _("See reports")


OF_INVITATIONS = (
    Permission.ADD,
    Permission.IMPORT,
    Permission.SEND,
    Permission.RESEND,
    Permission.DISCARD,
    Permission.RELEASE,
    Permission.EXPORT,
)
"""What is done to invitations, which only those can do who see them."""


class NotPermitted(Refusal):
    """The actor lacks the permission for this website."""

    code = "not_permitted"
    message = _("You have no permission for this. Ask the owner of the shop for it.")


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody or something that acts: kind, id in the table of that kind, and for staff the permissions per website.

    ``grants`` maps a website's id to permissions; the key ``None`` counts for all websites, later ones too. ``called`` is
    who it is in the log, where an id does not say it.
    """

    kind: ActorKind
    id: int | None = None
    grants: Mapping[int | None, frozenset[str]] = field(default_factory=dict)
    called: str = ""

    def __str__(self) -> str:
        """Return who it is, as lines of the log name it."""
        return self.called or (self.kind.value if self.id is None else f"{self.kind}:{self.id}")

    def may(self, permission: Permission, website_id: int | None) -> bool:
        """Tell whether the permission holds at this website; with ``None``, at all of them."""
        if self.kind == ActorKind.SYSTEM:
            return True
        return permission in self.grants.get(None, ()) or permission in self.grants.get(website_id, ())

    @property
    def is_owner(self) -> bool:
        """Whether they may do everything everywhere: only they hand out rights, for nobody may give what they lack."""
        return all(self.may(permission, None) for permission in Permission)

    def website_ids(self, permission: Permission) -> frozenset[int] | None:
        """Return the ids of the websites where the permission holds; ``None`` means all."""
        if self.kind == ActorKind.SYSTEM or permission in self.grants.get(None, ()):
            return None
        return frozenset(
            website for website, allowed in self.grants.items() if website and permission in allowed
        )

    def require(self, permission: Permission, website_id: int | None) -> None:
        """Refuse unless the permission holds.

        :raises NotPermitted: when it does not.
        """
        if not self.may(permission, website_id):
            raise NotPermitted


SYSTEM = Actor(ActorKind.SYSTEM)
"""The worker and the schedule."""
