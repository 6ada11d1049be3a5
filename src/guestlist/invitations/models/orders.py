"""Which orders count for which invitation."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from guestlist.invitations.models.invitations import Invitation
from guestlist.orders.models import Order


class AttributedOrder(models.Model):
    """An order that counts for the invitation by which its customer came.

    ``day`` is the local day that it counts on, kept because the store view's time zone may change; ``placed_at`` is the
    order's, beside the invitation so that one index tells which of its orders was the first.
    """

    order = models.OneToOneField(Order, models.CASCADE, primary_key=True, related_name="attribution")
    invitation = models.ForeignKey(
        Invitation, models.CASCADE, related_name="attributed_orders", db_index=False
    )
    placed_at = models.DateTimeField()
    day = models.DateField()
    # Whether it was placed in the invitation's own store view, not in another one of the website.
    in_view = models.BooleanField()
    # Whether it still counts: not once it is cancelled.
    counts = models.BooleanField(default=True)

    class Meta:
        indexes = (
            models.Index(
                fields=["invitation", "in_view", "placed_at", "order"],
                condition=Q(counts=True),
                name="guestlist_attributed_first",
            ),
            # All of an invitation's, cancelled ones too: whoever has any keeps getting them.
            models.Index(fields=["invitation"], name="guestlist_attributed_to"),
        )

    def __str__(self) -> str:
        return f"{self.invitation_id}: {self.order_id}"
