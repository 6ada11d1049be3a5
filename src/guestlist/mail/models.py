"""The outbox, what mails are made from, and who must not be mailed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from guestlist.customers.models import User
from guestlist.stores.actors import Permission
from guestlist.stores.models import StoreView, Website

if TYPE_CHECKING:
    import datetime

    from guestlist.stores.actors import Actor


class SenderIdentity(models.Model):
    """Whom mail comes from: name, address and reply-to, one row per website and code.

    ``stopped_at`` is set when the mail server refuses us (not a recipient), ``held_at`` by the brake when too many bounce
    or complain: nothing goes out until staff have seen to it. Limits are mails; 0 is none.
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
    per_second = models.PositiveIntegerField(
        _("most per second"),
        default=0,
        help_text=_("How many mails leave in a second at most; 0 is no limit."),
    )
    per_day = models.PositiveIntegerField(
        _("most per day"),
        default=0,
        help_text=_(
            "How many leave in a day (UTC) at most; 0 is no limit. Single mails count, but never wait for the next day."
        ),
    )
    warm_up_from = models.DateField(
        _("warm-up since"),
        null=True,
        blank=True,
        help_text=_(
            "A new sender starts with 200 a day and doubles every day, until this no longer matters. Empty: no warm-up."
        ),
    )
    # The brake's: since when bounces and complaints count anew, and what it found.
    held_at = models.DateTimeField(_("held"), null=True, blank=True)
    held_reason = models.CharField(_("why it is held"), max_length=250, blank=True)
    warned_at = models.DateTimeField(null=True, blank=True)
    counted_from = models.DateTimeField(null=True, blank=True)

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


class SendOrigin(models.TextChoices):
    """What a bulk send came from."""

    STAFF = "staff", _("added by staff")
    SELECTED = "selected", _("sent from the list")


class SendQuerySet(models.QuerySet["Send"]):
    """Bulk sends, narrowed."""

    def visible_to(self, actor: Actor, permission: Permission = Permission.VIEW) -> Self:
        """Keep the sends of websites where the actor has the permission."""
        allowed = actor.website_ids(permission)
        return self if allowed is None else self.filter(website__in=allowed)

    def running(self) -> Self:
        """Keep those that workers may take mails from, as far as their switches say."""
        return self.filter(finished_at=None, paused_at=None, held_at=None, stopped_at=None)


class Send(models.Model):
    """A bulk send that staff started: what it is, and its switches. What came of it so far: `guestlist.mail.sends`.

    ``held_at`` is set by the worker when it needs staff (it came due long after its time); ``paused_at`` and
    ``stopped_at`` by people. ``finished_at`` is when nothing of it was left to do.
    """

    id = models.BigAutoField(primary_key=True)
    website = models.ForeignKey(Website, models.PROTECT, related_name="+")
    store_view = models.ForeignKey(StoreView, models.PROTECT, related_name="+")
    sender = models.ForeignKey(SenderIdentity, models.PROTECT, null=True, related_name="+")
    origin = models.CharField(_("what it is"), max_length=10, choices=SendOrigin, default=SendOrigin.STAFF)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField()
    ready_at = models.DateTimeField(null=True)
    # Why we may mail them (consent, our customer, …) and the sentence that goes with it.
    basis = models.CharField(max_length=20, blank=True)
    basis_text = models.CharField(max_length=300, blank=True)
    # Older than this when its turn comes: staff are asked first.
    not_after = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    paused_at = models.DateTimeField(null=True)
    held_at = models.DateTimeField(null=True)
    held_reason = models.CharField(max_length=40, blank=True)
    stopped_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    # Where its mails stand in the outbox: that has no index by send, which would be written three times a mail.
    first_mail = models.BigIntegerField(null=True)
    last_mail = models.BigIntegerField(null=True)

    objects = SendQuerySet.as_manager()

    class Meta:
        indexes = (
            # A handful at any time: what workers look through before each claim.
            models.Index(fields=["sender", "id"], condition=Q(finished_at=None), name="guestlist_send_open"),
        )

    def __str__(self) -> str:
        return str(self.pk)


class Measure(models.TextChoices):
    """What is counted of mails: each mail of a send stands in exactly one, the first three still on their way."""

    QUEUED = "queued", _("queued")
    DEFERRED = "deferred", _("deferred")
    HELD = "held", _("held")
    HANDED_OVER = "handed_over", _("handed over")
    BOUNCED = "bounced", _("bounced")
    FAILED = "failed", _("failed")
    WITHDRAWN = "withdrawn", _("withdrawn")
    # Of senders only, for the brake: what came back after it was handed over.
    RETURNED = "returned", _("returned")
    COMPLAINED = "complained", _("complained")


class Delta(models.Model):
    """What one transaction changed in the counts of mails: insert-only, folded by the worker."""

    id = models.BigAutoField(primary_key=True)
    sender = models.ForeignKey(SenderIdentity, models.CASCADE, related_name="+", db_index=False)
    send = models.ForeignKey(Send, models.CASCADE, null=True, related_name="+", db_index=False)
    measure = models.CharField(max_length=12, choices=Measure)
    amount = models.IntegerField()
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.measure} {self.amount:+}"


class SendTotal(models.Model):
    """The folded counts of a send."""

    id = models.BigAutoField(primary_key=True)
    send = models.ForeignKey(Send, models.CASCADE, related_name="totals", db_index=False)
    measure = models.CharField(max_length=12, choices=Measure)
    amount = models.BigIntegerField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["send", "measure"], name="guestlist_send_total_once"),)

    def __str__(self) -> str:
        return f"{self.measure} {self.amount}"


class SenderMinute(models.Model):
    """What a sender's mails came to in one minute; kept a little over a day, for the brake."""

    id = models.BigAutoField(primary_key=True)
    sender = models.ForeignKey(SenderIdentity, models.CASCADE, related_name="+", db_index=False)
    minute = models.DateTimeField()
    measure = models.CharField(max_length=12, choices=Measure)
    amount = models.BigIntegerField()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["sender", "minute", "measure"], name="guestlist_sender_minute_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.minute} {self.measure} {self.amount}"


class Pace(models.Model):
    """How much of a limit is left: of all mail, a sender identity or a recipient domain (``key``).

    ``tokens`` are what may leave right now, as of ``filled_at``; ``used`` what left on ``day`` (UTC).
    """

    id = models.BigAutoField(primary_key=True)
    key = models.CharField(max_length=260, unique=True)
    tokens = models.FloatField(default=0)
    filled_at = models.DateTimeField()
    day = models.DateField()
    used = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return self.key


class MessageState(models.TextChoices):
    """Where a mail is on its way; moves are ready → leased → one of the rest, or back to ready; held → ready."""

    READY = "ready"
    LEASED = "leased"
    SENT = "sent"
    WITHDRAWN = "withdrawn"
    FAILED = "failed"
    HELD = "held"
    """In doubt after its worker died, where the shop wants to decide itself."""
    BOUNCED = "bounced"


class MessageQuerySet(models.QuerySet["Message"]):
    """Outbox rows, narrowed."""

    def waiting(self) -> Self:
        """Keep what no worker has in hand and that may still go out."""
        return self.filter(state=MessageState.READY)

    def of_send(self, send_id: int) -> Self:
        """Keep the mails of a bulk send, looked for where they stand: among those that were queued when it was."""
        ends = Send.objects.filter(pk=send_id)
        return self.filter(
            send=send_id,
            pk__gte=models.Subquery(ends.values("first_mail")),
            pk__lte=models.Subquery(ends.values("last_mail")),
        )

    def due(self, now: datetime.datetime) -> Self:
        """Keep what may be claimed now."""
        return self.filter(state=MessageState.READY, ready_at__lte=now)


class Message(models.Model):
    """One mail to be sent: ids only. Address, words and link are put together when it goes out.

    Narrow on purpose, updated in place and purged later; ``subject_id`` is the id in the table of its kind. ``ended_at`` is
    when it came to the end that its state says: none while it is on its way, nor for rows that ended before it was kept.
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
    ended_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True)
    worker = models.CharField(max_length=40, blank=True)
    tries = models.PositiveSmallIntegerField(default=0)
    code = models.CharField(max_length=40, blank=True)

    objects = MessageQuerySet.as_manager()

    class Meta:
        indexes = (
            # A lane is a sender's single mails or one bulk send: what is paused or stopped is never looked through.
            models.Index(
                fields=["sender", "ready_at", "id"],
                condition=Q(state="ready", send=None),
                name="guestlist_message_single",
            ),
            models.Index(
                fields=["send", "ready_at", "id"],
                condition=Q(state="ready", send__isnull=False),
                name="guestlist_message_bulk",
            ),
            # A few thousand rows at any time: what workers have in hand, found again when a lease runs out.
            models.Index(
                fields=["lease_until"], condition=Q(state="leased"), name="guestlist_message_leased"
            ),
            models.Index(fields=["send", "id"], condition=Q(state="held"), name="guestlist_message_held"),
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


class Report(models.Model):
    """A bounce or complaint that came back for a mail, once: by the id that its sender gave it, or by its content."""

    id = models.BigAutoField(primary_key=True)
    source = models.CharField(max_length=20)
    key = models.CharField(max_length=128)
    at = models.DateTimeField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["source", "key"], name="guestlist_report_once"),)

    def __str__(self) -> str:
        return f"{self.source} {self.key}"


class TrialMail(models.Model):
    """A template with sample values, sent to the staff member who asked for it."""

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    language = models.CharField(max_length=8)
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return str(self.pk)


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


class LiftRequest(models.Model):
    """Somebody who wants mail again and must prove it is their address; gone when done or after some days."""

    id = models.BigAutoField(primary_key=True)
    website = models.ForeignKey(Website, models.CASCADE, related_name="+")
    store_view = models.ForeignKey(StoreView, models.CASCADE, related_name="+")
    address = models.EmailField()
    address_hash = models.BinaryField(max_length=16)
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return str(self.pk)


class Lift(models.Model):
    """A suppression that was lifted, by whom and why: the address' keyed hash only."""

    id = models.BigAutoField(primary_key=True)
    website = models.ForeignKey(Website, models.CASCADE, null=True, related_name="+")
    address_hash = models.BinaryField(max_length=16)
    reason = models.CharField(max_length=10, choices=SuppressionReason)
    lifted_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    why = models.CharField(max_length=300)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.get_reason_display()} {self.at}"
