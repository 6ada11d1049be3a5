"""The outbox: bulk sends, their mails and single ones, and what was said of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from guestlist.customers.models import User
from guestlist.mail.models.material import SenderIdentity, TemplateVersion
from guestlist.stores.actors import Permission
from guestlist.stores.models import StoreView, Website

if TYPE_CHECKING:
    import datetime

    from guestlist.stores.actors import Actor


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
    # Between which ids all stand that they are about. None of a send of before these were kept.
    first_subject = models.BigIntegerField(null=True)
    last_subject = models.BigIntegerField(null=True)

    objects = SendQuerySet.as_manager()

    class Meta:
        indexes = (
            # A handful at any time: what workers look through before each claim.
            models.Index(fields=["sender", "id"], condition=Q(finished_at=None), name="guestlist_send_open"),
        )

    def __str__(self) -> str:
        return str(self.pk)


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

    def under_way(self, kind: str) -> Self:
        """Keep what waits or is in a worker's hands of one kind: by three indexes, each of rows of one state."""
        rows = self.filter(kind=kind).order_by()
        waiting = rows.filter(state=MessageState.READY)
        return waiting.filter(send=None).union(
            waiting.filter(send__isnull=False), rows.filter(state=MessageState.LEASED), all=True
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


class EarlierMail(models.Model):
    """A mail of a bulk send whose subject was mailed again since: the subject knows its newest mail alone.

    Written when the next one is queued, deleted with the mail.
    """

    # Without a constraint, which the database would think of at every update of a mail on its way.
    message = models.OneToOneField(
        Message, models.DO_NOTHING, primary_key=True, related_name="+", db_constraint=False
    )
    send = models.ForeignKey(Send, models.PROTECT, related_name="+", db_index=False)
    subject_id = models.BigIntegerField()

    class Meta:
        indexes = (models.Index(fields=["send", "subject_id"], name="guestlist_earlier_send"),)

    def __str__(self) -> str:
        return f"{self.send_id}: {self.subject_id}"


class AttemptQuerySet(models.QuerySet["Attempt"]):
    """Answers, narrowed."""

    def about(self, kind: str, subject_id: int) -> Self:
        """Keep what mail servers said to any mail of a kind about this."""
        return self.filter(subject_id=subject_id, message__kind=kind)


class Attempt(models.Model):
    """An answer other than "accepted" that a mail server gave; an accepted one stands in the history of its subject."""

    id = models.BigAutoField(primary_key=True)
    message = models.ForeignKey(Message, models.CASCADE, related_name="attempts")
    # The mail's own: what was said to all mails of a subject is found here, for the outbox has no index by it, which every
    # mail would be written into. None of what an earlier release wrote.
    subject_id = models.BigIntegerField(null=True)
    at = models.DateTimeField()
    outcome = models.CharField(max_length=12)
    code = models.CharField(max_length=40)
    answer = models.CharField(max_length=500)

    objects = AttemptQuerySet.as_manager()

    class Meta:
        indexes = (
            models.Index(
                fields=["subject_id", "id"],
                condition=Q(subject_id__isnull=False),
                name="guestlist_attempt_subject",
            ),
        )

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
