"""What the demo keeps of its own: that it was planted, the mail it caught, the lines of its orders."""

from __future__ import annotations

from django.db import models

from guestlist.orders.models import Order


class Planting(models.Model):
    """The one row that says that the example shop is there; written in the same transaction as the shop itself."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    planted_at = models.DateTimeField()
    base_url = models.CharField(max_length=60)

    class Meta:
        constraints = (models.CheckConstraint(condition=models.Q(id=1), name="guestlist_demo_planted_once"),)

    def __str__(self) -> str:
        return self.base_url


class CapturedMail(models.Model):
    """A mail that would have left for the world, as its reader would get it."""

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField()
    sender = models.CharField(max_length=320)
    recipient = models.CharField(max_length=320)
    subject = models.TextField()
    headers = models.JSONField()
    text = models.TextField()
    html = models.TextField()

    def __str__(self) -> str:
        return f"{self.recipient}: {self.subject}"


class OrderLine(models.Model):
    """What of which product an order had, and how many came back; the price is of one, in the order's minor units."""

    id = models.BigAutoField(primary_key=True)
    order = models.ForeignKey(Order, models.CASCADE, related_name="+")
    product = models.SlugField()
    quantity = models.PositiveSmallIntegerField()
    price = models.BigIntegerField()
    returned = models.PositiveSmallIntegerField(default=0, db_default=0)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["order", "product"], name="guestlist_demo_line_once"),
            models.CheckConstraint(
                condition=models.Q(returned__lte=models.F("quantity")), name="guestlist_demo_line_returned"
            ),
        )

    def __str__(self) -> str:
        return f"{self.quantity} x {self.product}"
