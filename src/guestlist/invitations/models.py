"""Invitations, their addresses and history, who gets the credit, and the figures."""

from __future__ import annotations

import datetime
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
    typed = models.CharField(max_length=254)
    normalized = models.CharField(max_length=254)
    name = models.CharField(max_length=60, blank=True)

    class Meta:
        indexes = (models.Index(fields=["normalized", "invitation"], name="guestlist_address_order"),)

    def __str__(self) -> str:
        return self.typed


class InvitationNote(models.Model):
    """The words of an invitation: the inviter's message, or the private label of a link; a row only where there are any."""

    invitation = models.OneToOneField(Invitation, models.CASCADE, primary_key=True, related_name="note")
    message = models.TextField(blank=True)
    label = models.CharField(max_length=60, blank=True)

    def __str__(self) -> str:
        return self.label or self.message[:40]


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


class Basis(models.TextChoices):
    """By which day a figure counts."""

    SENT = "sent"
    """The day that its invitation was sent: what became of it counts there, however late."""
    EVENT = "event"
    """The day that it happened."""


class _Figure(models.Model):
    """How many, for a store view, a local day or month, and a measure; revenue in minor units of a currency."""

    id = models.BigAutoField(primary_key=True)
    store_view = models.ForeignKey(StoreView, models.CASCADE, related_name="+", db_index=False)
    basis = models.CharField(max_length=5, choices=Basis)
    day = models.DateField()
    measure = models.CharField(max_length=32)
    currency = models.CharField(max_length=3, blank=True)
    amount = models.BigIntegerField()

    class Meta:
        abstract = True


class FiguresDelta(_Figure):
    """What one transaction added: insert-only, folded into days and months by the worker."""

    class Meta:
        indexes = (models.Index(fields=["store_view", "basis", "day"], name="guestlist_delta_read"),)

    def __str__(self) -> str:
        return f"{self.day} {self.measure} {self.amount:+}"


class FiguresDay(_Figure):
    """The folded figures of a local day."""

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["store_view", "basis", "day", "measure", "currency"],
                name="guestlist_figures_day_once",
            ),
        )

    def __str__(self) -> str:
        return f"{self.day} {self.measure} {self.amount}"


class FiguresMonth(_Figure):
    """The folded figures of a local month; ``day`` is its first."""

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["store_view", "basis", "day", "measure", "currency"],
                name="guestlist_figures_month_once",
            ),
        )

    def __str__(self) -> str:
        return f"{self.day} {self.measure} {self.amount}"
