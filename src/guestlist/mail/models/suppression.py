"""Who must not be mailed, and how that ends."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from guestlist.customers.models import User
from guestlist.stores.models import StoreView, Website


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
