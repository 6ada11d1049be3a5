"""What mails come to, of sends and of senders, and how many may leave."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from guestlist.mail.models.material import SenderIdentity
from guestlist.mail.models.outbox import Send


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
