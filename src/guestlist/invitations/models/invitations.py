"""Invitations, their addresses and their words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import Q
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from guestlist.customers.models import Customer, CustomerGroup, User
from guestlist.invitations.lifecycle import Reason, Status
from guestlist.occasions.models import Occasion
from guestlist.stores import ids
from guestlist.stores.actors import ActorKind, Permission
from guestlist.stores.models import StoreView, Website

if TYPE_CHECKING:
    import datetime

    from guestlist.stores.actors import Actor

OPEN = (Status.NOT_SENT, Status.SENT)
"""The states in which an invitation can still be accepted."""


MAIL_KIND = "invitation"
"""What the outbox calls the mail of an invitation."""


class Channel(models.TextChoices):
    """How an invitation travels; in a link: how that link got to its reader. Only a mailed one proves the mailbox."""

    MAIL = "mail", _("mailed by the shop")
    SHARED = "shared", _("shared by the customer")


class Delivery(models.TextChoices):
    """How the newest mail of an invitation fared."""

    NONE = "", _("no mail")
    QUEUED = "queued", _("queued")
    DEFERRED = "deferred", _("their mail server asked us to wait")
    HANDED_OVER = "handed_over", _("handed over")
    BOUNCED = "bounced", _("refused by their mail server")
    FAILED = "failed", _("failed")
    WITHDRAWN = "withdrawn", _("withdrawn")
    IN_DOUBT = "in_doubt", _("in doubt")


WAITING = (Delivery.QUEUED, Delivery.DEFERRED)
"""A mail is on its way out; a second one must not be queued beside it."""


class InvitationQuerySet(models.QuerySet["Invitation"]):
    """Invitations, narrowed."""

    def visible_to(self, actor: Actor, permission: Permission = Permission.VIEW) -> Self:
        """Keep a customer's own, or those of websites where a staff member has the permission."""
        if actor.kind == ActorKind.CUSTOMER:
            return self.filter(inviter=actor.id, inviter__isnull=False)
        allowed = actor.website_ids(permission)
        return self if allowed is None else self.filter(website__in=allowed)

    def open(self) -> Self:
        """Keep those that can still be accepted, expired ones included."""
        return self.filter(status__in=OPEN)

    def expired(self, now: datetime.datetime) -> Self:
        """Keep the sent ones whose time is over."""
        return self.filter(status=Status.SENT, expires_at__lte=now)

    def for_address(self, *, website_id: int, address_hash: bytes) -> Self:
        """Keep a website's invitations of one address."""
        return self.filter(website=website_id, address_hash=address_hash)


class Invitation(models.Model):
    """One person invited once, by an address or a personal link, by one inviter (or staff), from one store view.

    Narrow on purpose: this row changes with every state. Words and address stand in rows of their own, the mail that is
    on its way in the outbox (``mail_id``, no foreign key: outbox rows are purged).
    """

    id = models.BigAutoField(primary_key=True)
    public_id = models.UUIDField(default=ids.uuid7, unique=True, editable=False)
    website = models.ForeignKey(Website, models.PROTECT, related_name="+", db_index=False)
    store_view = models.ForeignKey(StoreView, models.PROTECT, related_name="+", db_index=False)
    inviter = models.ForeignKey(
        Customer, models.PROTECT, null=True, related_name="invitations", db_index=False
    )
    staff = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+", db_index=False)
    occasion = models.ForeignKey(Occasion, models.PROTECT, null=True, related_name="+", db_index=False)
    # The group that staff chose; null is "as configured".
    group = models.ForeignKey(CustomerGroup, models.PROTECT, null=True, related_name="+", db_index=False)
    invitee = models.ForeignKey(Customer, models.PROTECT, null=True, related_name="+", db_index=False)
    status = models.CharField(_("status"), max_length=9, choices=Status, default=Status.NOT_SENT)
    reason = models.CharField(_("reason"), max_length=16, choices=Reason, default=Reason.CREATED)
    channel = models.CharField(max_length=6, choices=Channel, default=Channel.MAIL)
    delivery = models.CharField(
        _("delivery"), max_length=11, choices=Delivery, blank=True, default=Delivery.NONE
    )
    mail_id = models.BigIntegerField(null=True)
    resends = models.PositiveSmallIntegerField(default=0)
    link_generation = models.PositiveSmallIntegerField(default=0)
    repeat = models.PositiveSmallIntegerField(default=0)
    address_hash = models.BinaryField(max_length=16, null=True)
    created_at = models.DateTimeField(_("created"))
    sent_at = models.DateTimeField(pgettext_lazy("invitation", "sent"), null=True)
    # The store view's local day of the first hand-over or share; the figures' cohort, so it never changes.
    sent_day = models.DateField(null=True)
    # That of its making, on which it counts as not sent until it leaves; null where an earlier release made it, and nothing
    # was counted. Kept, for what is taken away must be taken from where it was put, also after a change of time zone.
    created_day = models.DateField(null=True)
    expires_at = models.DateTimeField(_("expires"), null=True)
    accepted_at = models.DateTimeField(_("registered"), null=True)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")
        # Each with its query in docs/decisions/0001. None has a column that a hand-over changes: then PostgreSQL would write
        # all of them anew for every mail.
        indexes = (
            models.Index(
                fields=["inviter", "-id"],
                condition=Q(inviter__isnull=False),
                name="guestlist_invitation_inviter",
            ),
            models.Index(fields=["website", "-id"], name="guestlist_invitation_website"),
            models.Index(
                fields=["occasion", "-id"],
                condition=Q(occasion__isnull=False),
                name="guestlist_invitation_occasion",
            ),
            models.Index(
                fields=["-accepted_at", "-id"],
                condition=Q(accepted_at__isnull=False),
                name="guestlist_invitation_accepted",
            ),
        )
        constraints = (
            # An inviter's address once per occasion; staff's once per occasion and "again anyway" (repeat). It begins with
            # website and hash so that it also finds all invitations of an address.
            models.UniqueConstraint(
                "website",
                "address_hash",
                Coalesce("inviter", 0),
                Coalesce("occasion", 0),
                "repeat",
                name="guestlist_invitation_once",
            ),
            # One acceptance per invitee and website; an existing customer may come to further occasions, once each. Only
            # what is accepted has an invitee; a condition on the status would make PostgreSQL write all five indexes anew
            # whenever the status changes.
            models.UniqueConstraint(
                "website",
                "invitee",
                Coalesce("occasion", 0),
                condition=Q(invitee__isnull=False),
                name="guestlist_invitation_one_joined",
            ),
            models.CheckConstraint(
                condition=~Q(status="accepted") | Q(accepted_at__isnull=False),
                name="guestlist_invitation_accepted_when",
            ),
            models.CheckConstraint(
                condition=~Q(status="sent") | Q(sent_at__isnull=False, sent_day__isnull=False),
                name="guestlist_invitation_sent_when",
            ),
        )

    def __str__(self) -> str:
        return f"{self.pk}"

    @property
    def is_open(self) -> bool:
        """Whether it can still be accepted, its expiry apart."""
        return self.status in OPEN

    def is_expired(self, now: datetime.datetime) -> bool:
        """Tell whether a sent invitation's time is over; a discarded or accepted one does not expire."""
        return self.status == Status.SENT and self.expires_at is not None and self.expires_at <= now


class InvitationAddress(models.Model):
    """The address of an invitation, as typed and normalized; apart, so that moves never touch the search index.

    Each has one; both are empty where there is none (any more), so that those stand in the index by address too.
    """

    invitation = models.OneToOneField(Invitation, models.CASCADE, primary_key=True, related_name="address")
    # The invitation's, which never changes; null only where a release wrote the row that did not know the column.
    website = models.ForeignKey(
        Website, models.DO_NOTHING, null=True, related_name="+", db_index=False, db_constraint=False
    )
    typed = models.CharField(max_length=254)
    normalized = models.CharField(max_length=254)
    name = models.CharField(max_length=60, blank=True)

    class Meta:
        indexes = (
            models.Index(fields=["normalized", "invitation"], name="guestlist_address_order"),
            models.Index(fields=["website", "normalized", "invitation"], name="guestlist_address_website"),
            models.Index(
                fields=["invitation"], condition=Q(website__isnull=True), name="guestlist_address_lacking"
            ),
        )

    def __str__(self) -> str:
        return self.typed


class InvitationNote(models.Model):
    """The words of an invitation: the inviter's message, or the private label of a link; a row only where there are any."""

    invitation = models.OneToOneField(Invitation, models.CASCADE, primary_key=True, related_name="note")
    message = models.TextField(blank=True)
    label = models.CharField(max_length=60, blank=True)

    def __str__(self) -> str:
        return self.label or self.message[:40]
