"""What is kept of reports that are counted in the background, and of those that are mailed."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from guestlist.customers.models import User


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


class MondayReader(models.Model):
    """A staff member who is mailed the last week every Monday, in a language."""

    user = models.OneToOneField(User, models.CASCADE, primary_key=True, related_name="+")
    language = models.CharField(max_length=8)
    since = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.user} ({self.language})"


class MondayMail(models.Model):
    """The mail of one week to one staff member: the row is what makes it one; ``week`` is the Monday that it begins with.

    ``websites`` are the ids of those that were counted, ``counted`` what that came to, without names.
    """

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    week = models.DateField()
    websites = models.JSONField()
    counted = models.JSONField()
    created_at = models.DateTimeField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["user", "week"], name="guestlist_monday_once"),)

    def __str__(self) -> str:
        return f"{self.week} {self.user}"
