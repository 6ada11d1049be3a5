"""What happened to invitations: when they were sent, their history, who gets the credit, who is about to join."""

from __future__ import annotations

import datetime

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from guestlist.customers.models import Customer, User
from guestlist.invitations.lifecycle import Status
from guestlist.invitations.models.invitations import Invitation
from guestlist.stores.actors import ActorKind
from guestlist.stores.models import StoreView, Website

BLOCK = 4096
"""Ids in a row that a `SentBlock` speaks of."""
NO_END = datetime.date.max
"""The day until which a link without an end works."""


class SentBlock(models.Model):
    """A day on which invitations of a block of ids were sent, and the day on which those end; both in UTC.

    Only ever added to, so it may say too much, never too little. By it a list knows between which ids to look for what
    was sent on some days or is over by now: no index of the invitations may have that, for every hand-over would write
    all of their indexes then.
    """

    id = models.BigAutoField(primary_key=True)
    day = models.DateField()
    until = models.DateField()
    block = models.BigIntegerField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["day", "until", "block"], name="guestlist_sent_block_once"),
        )

    def __str__(self) -> str:
        return f"{self.block}: {self.day}–{self.until}"


class EventKind(models.TextChoices):
    """What the history knows."""

    CREATED = "created", _("Created")
    SENT = "sent", pgettext_lazy("event", "Sent")
    RESENT = "resent", _("Sent again")
    """A mail left once more; where it is no move, somebody asked for that."""
    HANDED_OVER = "handed_over", _("Handed over")
    VIEWED = "viewed", _("Link opened")
    BOUNCED = "bounced", _("Bounced")
    COMPLAINED = "complained", _("Complained")
    ACCEPTED = "accepted", pgettext_lazy("event", "Accepted")
    DISCARDED = "discarded", pgettext_lazy("event", "Discarded")
    RESTORED = "restored", _("Restored")
    ORDER_ATTRIBUTED = "order_attributed", _("Order")
    ORDER_REVERSED = "order_reversed", _("Order taken back")
    ERASED = "erased", _("Erased")
    GROUP_CHANGED = "group_changed", _("Group changed")


class InvitationEvent(models.Model):
    """What happened to an invitation: the one history that account page, back office, reports and webhooks read.

    ``detail`` is small and never has the address. On PostgreSQL each row also carries its transaction's id (a column
    that the database fills), so that a reader with a cursor loses none by commit order.
    """

    id = models.BigAutoField(primary_key=True)
    invitation = models.ForeignKey(Invitation, models.CASCADE, related_name="events")
    kind = models.CharField(max_length=16, choices=EventKind)
    origin = models.CharField(max_length=9, choices=Status, null=True)  # noqa: DJ001 - null means created
    target = models.CharField(max_length=9, choices=Status, null=True)  # noqa: DJ001 - null means no move
    at = models.DateTimeField()
    # The day that it falls on where the store view is: the figures' day, and the store view's time zone may change.
    # Null only where a row was written before there was the column.
    day = models.DateField(null=True)
    actor_kind = models.CharField(max_length=8, choices=ActorKind)
    actor_id = models.BigIntegerField(null=True)
    reason = models.CharField(max_length=16, blank=True)
    detail = models.JSONField(default=dict)

    class Meta:
        # In which order invitations were sent. The history is only ever added to; an index by the invitation's own
        # `sent_at` would make every hand-over write all of its indexes.
        indexes = (
            models.Index(
                fields=["-at", "-invitation"], condition=Q(target="sent"), name="guestlist_event_sent"
            ),
        )

    def __str__(self) -> str:
        return f"{self.invitation_id}: {self.kind}"


class Credit(models.Model):
    """Who gets the credit for an invitee: a share in thousandths, of one or more inviters' invitations."""

    id = models.BigAutoField(primary_key=True)
    invitation = models.OneToOneField(Invitation, models.CASCADE, related_name="credit")
    invitee = models.ForeignKey(Customer, models.PROTECT, related_name="+")
    share = models.PositiveSmallIntegerField(default=1000)

    def __str__(self) -> str:
        return f"{self.invitation_id}: {self.share}"


class PendingJoin(models.Model):
    """Somebody who registered at a website and has not confirmed the address yet, with the invitation they came by."""

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    website = models.ForeignKey(Website, models.CASCADE, related_name="+", db_index=False)
    store_view = models.ForeignKey(StoreView, models.CASCADE, related_name="+", db_index=False)
    invitation = models.ForeignKey(Invitation, models.SET_NULL, null=True, related_name="+")
    newsletter = models.BooleanField(default=False)
    created_at = models.DateTimeField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["user", "website"], name="guestlist_pending_once"),)

    def __str__(self) -> str:
        return f"{self.user_id}: {self.website_id}"
