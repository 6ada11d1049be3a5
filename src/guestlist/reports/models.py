"""What is kept of reports that are counted in the background."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class FunnelCount(models.Model):
    """A question to the funnel that a worker answers, and the answer, as it was when that began.

    ``digest`` is of the question and of the very store views that it is about: only who may see the reports of all of these,
    and asks for no more, finds it. An answer stays while it is counted again. No names are in it, for people are erased.
    """

    id = models.BigAutoField(primary_key=True)
    digest = models.CharField(max_length=64, unique=True)
    question = models.JSONField()
    store_views = models.JSONField()
    asked_at = models.DateTimeField()
    waits = models.BooleanField(default=True)
    # Until when a worker has it in hand, if none is killed.
    leased_until = models.DateTimeField(null=True)
    # How often a worker began with it and never came to its end.
    begun = models.PositiveSmallIntegerField(default=0)
    # Ids to go through, and how many were.
    size = models.BigIntegerField(default=0)
    reached = models.BigIntegerField(default=0)
    has_failed = models.BooleanField(default=False)
    counted_at = models.DateTimeField(null=True)
    answer = models.JSONField(null=True)

    class Meta:
        indexes = (
            # A handful at any time.
            models.Index(fields=["asked_at", "id"], condition=Q(waits=True), name="guestlist_funnel_waiting"),
        )

    def __str__(self) -> str:
        return self.digest[:8]
