"""The outbox, what mails are made from, and who must not be mailed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from guestlist.customers.models import User
from guestlist.stores.models import StoreView, Website

if TYPE_CHECKING:
    import datetime


class SenderIdentity(models.Model):
    """Whom mail comes from: name, address and reply-to, one row per website and code.

    ``stopped_at`` is set when the mail server refuses us (not a recipient): nothing goes out until staff have seen to it.
    """

    class Code(models.TextChoices):
        """The identities that a shop has."""

        GENERAL = "general", _("General")
        SALES = "sales", _("Sales")
        SUPPORT = "support", _("Support")
        CUSTOM_1 = "custom1", _("Custom 1")
        CUSTOM_2 = "custom2", _("Custom 2")

    id = models.BigAutoField(primary_key=True)
    website = models.ForeignKey(Website, models.CASCADE, related_name="senders", verbose_name=_("website"))
    code = models.CharField(_("code"), max_length=10, choices=Code)
    name = models.CharField(_("name"), max_length=80)
    address = models.EmailField(_("address"))
    reply_to = models.EmailField(_("reply-to"), blank=True)
    stopped_at = models.DateTimeField(_("stopped"), null=True, blank=True)
    stopped_reason = models.CharField(_("why it stopped"), max_length=250, blank=True)

    class Meta:
        verbose_name = _("sender identity")
        verbose_name_plural = _("sender identities")
        constraints = (models.UniqueConstraint(fields=["website", "code"], name="guestlist_sender_once"),)

    def __str__(self) -> str:
        return f"{self.name} <{self.address}>"


class Template(models.Model):
    """A mail template; ``purpose`` says what it is for and thereby which variables it may use."""

    id = models.BigAutoField(primary_key=True)
    code = models.SlugField(_("code"), max_length=48, unique=True)
    name = models.CharField(_("name"), max_length=80)
    purpose = models.CharField(_("purpose"), max_length=20)
    is_builtin = models.BooleanField(_("built in"), default=False)

    class Meta:
        verbose_name = _("mail template")
        verbose_name_plural = _("mail templates")

    def __str__(self) -> str:
        return self.name


class TemplateVersion(models.Model):
    """A template as it was saved once; never changed, so that what is queued keeps its words."""

    id = models.BigAutoField(primary_key=True)
    template = models.ForeignKey(Template, models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    digest = models.CharField(max_length=64)
    created_at = models.DateTimeField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["template", "number"], name="guestlist_version_once"),)

    def __str__(self) -> str:
        return f"{self.template} {self.number}"


class TemplateText(models.Model):
    """A version's words in one language: subject, text and MJML as written, HTML as compiled from it."""

    id = models.BigAutoField(primary_key=True)
    version = models.ForeignKey(TemplateVersion, models.CASCADE, related_name="texts")
    language = models.CharField(max_length=8)
    subject = models.CharField(max_length=250)
    text = models.TextField()
    mjml = models.TextField()
    html = models.TextField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["version", "language"], name="guestlist_text_once"),)

    def __str__(self) -> str:
        return f"{self.version} {self.language}"


class Send(models.Model):
    """A bulk send that staff started: what it is, and its switches."""

    id = models.BigAutoField(primary_key=True)
    website = models.ForeignKey(Website, models.PROTECT, related_name="+")
    store_view = models.ForeignKey(StoreView, models.PROTECT, related_name="+")
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField()
    # Why we may mail them (consent, our customer, …) and the sentence that goes with it.
    basis = models.CharField(max_length=20, blank=True)
    basis_text = models.CharField(max_length=300, blank=True)
    not_after = models.DateTimeField(null=True)
    paused_at = models.DateTimeField(null=True)
    stopped_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return str(self.pk)


class MessageState(models.TextChoices):
    """Where a mail is on its way; moves are ready → leased → one of the rest, or back to ready."""

    READY = "ready"
    LEASED = "leased"
    SENT = "sent"
    WITHDRAWN = "withdrawn"
    FAILED = "failed"
    HELD = "held"


class MessageQuerySet(models.QuerySet["Message"]):
    """Outbox rows, narrowed."""

    def waiting(self) -> Self:
        """Keep what no worker has in hand and that may still go out."""
        return self.filter(state=MessageState.READY)

    def due(self, now: datetime.datetime) -> Self:
        """Keep what may be claimed now."""
        return self.filter(state=MessageState.READY, ready_at__lte=now)


class Message(models.Model):
    """One mail to be sent: ids only. Address, words and link are put together when it goes out.

    Narrow on purpose, updated in place and purged later; ``subject_id`` is the id in the table of its kind.
    """

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=16)
    subject_id = models.BigIntegerField()
    send = models.ForeignKey(Send, models.PROTECT, null=True, related_name="+", db_index=False)
    store_view = models.ForeignKey(StoreView, models.PROTECT, related_name="+", db_index=False)
    sender = models.ForeignKey(SenderIdentity, models.PROTECT, related_name="+", db_index=False)
    template_version = models.ForeignKey(TemplateVersion, models.PROTECT, related_name="+", db_index=False)
    state = models.CharField(max_length=9, choices=MessageState, default=MessageState.READY)
    ready_at = models.DateTimeField()
    queued_at = models.DateTimeField()
    lease_until = models.DateTimeField(null=True)
    worker = models.CharField(max_length=40, blank=True)
    tries = models.PositiveSmallIntegerField(default=0)
    code = models.CharField(max_length=40, blank=True)

    objects = MessageQuerySet.as_manager()

    class Meta:
        indexes = (
            models.Index(
                fields=["ready_at", "id"], condition=Q(state="ready"), name="guestlist_message_ready"
            ),
            # A few hundred rows at any time: what workers have in hand, found again when a lease runs out.
            models.Index(
                fields=["lease_until"], condition=Q(state="leased"), name="guestlist_message_leased"
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.subject_id}"


class Attempt(models.Model):
    """An answer other than "accepted" that a mail server gave; an accepted one stands in the history of its subject."""

    id = models.BigAutoField(primary_key=True)
    message = models.ForeignKey(Message, models.CASCADE, related_name="attempts")
    at = models.DateTimeField()
    outcome = models.CharField(max_length=12)
    code = models.CharField(max_length=40)
    answer = models.CharField(max_length=500)

    def __str__(self) -> str:
        return f"{self.message_id}: {self.code}"


class SuppressionReason(models.TextChoices):
    """Why an address is not mailed."""

    WISH = "wish", _("asked never to be mailed")
    COMPLAINT = "complaint", _("complained")
    BOUNCE = "bounce", _("does not exist")
    STAFF = "staff", _("entered by staff")


class Suppression(models.Model):
    """An address that must not be mailed by a website, or by none where no website is named: its keyed hash only."""

    id = models.BigAutoField(primary_key=True)
    website = models.ForeignKey(Website, models.CASCADE, null=True, blank=True, related_name="+")
    address_hash = models.BinaryField(max_length=16)
    reason = models.CharField(max_length=10, choices=SuppressionReason)
    created_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["address_hash", "website"], name="guestlist_suppression_once"),
            models.UniqueConstraint(
                fields=["address_hash"],
                condition=Q(website=None),
                name="guestlist_suppression_everywhere_once",
            ),
        )

    def __str__(self) -> str:
        return str(self.get_reason_display())
