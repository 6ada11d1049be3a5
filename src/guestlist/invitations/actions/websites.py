"""The website beside each address, for the rows of a release that did not know the column."""

from __future__ import annotations

from django.db.models import OuterRef, Subquery

from guestlist.invitations.models import Invitation, InvitationAddress

AT_ONCE = 2_000


def fill_in() -> int:
    """Give some of the addresses that lack it their website; returns to how many.

    While a new release is taken into use, one before it may still be inviting. Until all have theirs, lists of one website
    go along the addresses of all.
    """
    lacking = InvitationAddress.objects.filter(website=None).order_by("pk")
    ids = set(lacking.values_list("pk", flat=True)[:AT_ONCE])
    website = Subquery(Invitation.objects.filter(pk=OuterRef("pk")).values("website")[:1])
    return (
        InvitationAddress.objects.filter(pk__any_of=ids, website=None).update(website=website) if ids else 0
    )
