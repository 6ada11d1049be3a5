"""Somebody with an invitation's link in hand: what they may see of it, here and now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.http import Http404
from django.utils import timezone

from guestlist.customers.models import User
from guestlist.invitations import actions, links, rules
from guestlist.invitations.models import Invitation
from guestlist.invitations.rules import LinkStanding
from guestlist.storefront import link_cookie
from guestlist.storefront.forms import RegisterForm
from guestlist.storefront.gate import config_of

if TYPE_CHECKING:
    import datetime

    from django.db.models import QuerySet
    from django.http import HttpRequest, QueryDict

    from guestlist.invitations.config import Invitations
    from guestlist.invitations.links import Link


@dataclass(frozen=True, slots=True)
class Visit:
    """A real link, opened at a website at a moment."""

    link: Link
    website_id: int
    config: Invitations
    now: datetime.datetime

    @property
    def invitation(self) -> Invitation:
        """The invitation of the link."""
        return self.link.invitation

    @property
    def standing(self) -> LinkStanding:
        """Whether the invitation can be accepted, and if not, why."""
        return rules.link_standing(self.invitation, website_id=self.website_id, now=self.now)

    @property
    def inviter(self) -> str:
        """The name of the customer who invites; empty when the shop does."""
        return self.invitation.inviter.name if self.invitation.inviter else ""

    @property
    def address(self) -> str:
        """The invited address as it was typed; empty where none is kept."""
        kept = getattr(self.invitation, "address", None)
        return str(kept.typed) if kept else ""

    @property
    def may_differ(self) -> bool:
        """Whether somebody with another address may accept."""
        return self.config.registration_address == "any" or self.invitation.address_hash is None

    @property
    def may_stop(self) -> bool:
        """Whether this visitor may ask never to be invited again: only the reader of the mailbox may."""
        return self.link.proves_mailbox and self.invitation.address_hash is not None

    def note(self) -> None:
        """Write down, before what is answered, that the invitation was seen: whoever presses a button has."""
        if self.standing == LinkStanding.OPEN:
            actions.saw(invitation=self.invitation, now=self.now)

    def has_account(self) -> bool:
        """Tell whether the invited address has an account already; to be told through a mailed link only."""
        kept = getattr(self.invitation, "address", None)
        return (
            kept is not None and User.objects.filter(email=kept.normalized, customers__isnull=False).exists()
        )

    def form(self, data: QueryDict | None = None) -> RegisterForm:
        """Give the form with the invited address filled in; only a reader of that mailbox gets to see it."""
        proven = self.link.proves_mailbox and bool(self.address)
        return RegisterForm(
            data, address=self.address if proven else "", is_fixed=proven and not self.may_differ
        )

    def card(self) -> dict[str, Any]:
        """Give what stands on the card: who invites, to what, with which words, until when."""
        note = getattr(self.invitation, "note", None)
        return {
            "inviter": self.inviter,
            "occasion": self.invitation.occasion.title if self.invitation.occasion else "",
            "message": note.message if note else "",
            "expires_at": self.invitation.expires_at,
        }


def load(request: HttpRequest) -> Visit | None:
    """Give the visit of the link that was opened last, or nothing when there is no real one.

    :raises Http404: where invitations are switched off.
    """
    require_enabled(request)
    link = links.open_token(link_cookie.read(request), invitations())
    website_id: int = request.store_view.website_id  # type: ignore[attr-defined]
    return Visit(link, website_id, config_of(request), timezone.now()) if link else None


def require_enabled(request: HttpRequest) -> None:
    """Let nobody pass where invitations are switched off.

    :raises Http404: there.
    """
    if not config_of(request).enabled:
        raise Http404


def invitations() -> QuerySet[Invitation]:
    """Give all invitations with what their page shows."""
    return Invitation.objects.select_related(
        "inviter__group", "store_view", "website", "occasion", "address", "note", "group"
    )
