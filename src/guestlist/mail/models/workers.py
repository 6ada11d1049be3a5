"""Workers, as they were last seen."""

from __future__ import annotations

from django.db import models


class Trouble(models.TextChoices):
    """What keeps a worker from delivering; the texts are in `guestlist.mail.workers`."""

    NOTHING = ""
    UNREACHABLE = "unreachable"
    NOT_SET = "not_set"
    FAILING = "failing"


class Worker(models.Model):
    """A worker by its name: when it was last seen, and what keeps it from delivering (``trouble``) since when."""

    id = models.BigAutoField(primary_key=True)
    name = models.CharField(max_length=80, unique=True)
    seen_at = models.DateTimeField()
    trouble = models.CharField(max_length=12, blank=True)
    words = models.CharField(max_length=250, blank=True)
    trouble_since = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.name
