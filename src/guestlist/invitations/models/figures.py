"""The tables of the figures."""

from __future__ import annotations

from django.db import models

from guestlist.stores.models import StoreView


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


class Recount(models.Model):
    """That figures were put right by the history, when, and how many.

    Each names the one before that it knew of: what it found is only right as long as nobody else put it right, so of two
    that knew of the same one the database lets in the first alone.
    """

    id = models.BigAutoField(primary_key=True)
    # Its id; 0 where there was none.
    after = models.BigIntegerField(unique=True)
    at = models.DateTimeField()
    figures = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.at}: {self.figures}"
