"""What customers bought, as the shop tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from guestlist.customers.models import Customer
from guestlist.stores import ids
from guestlist.stores.actors import ActorKind, Permission
from guestlist.stores.models import StoreView, Website

if TYPE_CHECKING:
    from guestlist.stores.actors import Actor


class OrderQuerySet(models.QuerySet["Order"]):
    """Orders, narrowed."""

    def visible_to(self, actor: Actor, permission: Permission = Permission.VIEW) -> Self:
        """Keep a customer's own, or those of websites where a staff member has the permission."""
        if actor.kind == ActorKind.CUSTOMER:
            return self.filter(customer=actor.id, customer__isnull=False)
        allowed = actor.website_ids(permission)
        return self if allowed is None else self.filter(website__in=allowed)


class Order(models.Model):
    """An order, known by the shop's own number. Money is in minor units of an ISO 4217 currency."""

    id = models.BigAutoField(primary_key=True)
    public_id = models.UUIDField(default=ids.uuid7, unique=True, editable=False)
    website = models.ForeignKey(Website, models.PROTECT, related_name="+", verbose_name=_("website"))
    store_view = models.ForeignKey(StoreView, models.PROTECT, related_name="+", verbose_name=_("store view"))
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="orders", verbose_name=_("customer"))
    number = models.CharField(_("number"), max_length=64)
    currency = models.CharField(_("currency"), max_length=3)
    total = models.BigIntegerField(_("total"), help_text=_("In minor units: cents."))
    # In all so far.
    refunded = models.BigIntegerField(_("refunded"), default=0, help_text=_("In minor units: cents."))
    placed_at = models.DateTimeField(_("placed"))
    cancelled_at = models.DateTimeField(_("canceled"), null=True, blank=True)

    objects = OrderQuerySet.as_manager()

    class Meta:
        verbose_name = _("order")
        verbose_name_plural = _("orders")
        constraints = (
            models.UniqueConstraint(fields=["website", "number"], name="guestlist_order_number_once"),
            models.CheckConstraint(
                condition=Q(total__gte=0) & Q(refunded__gte=0) & Q(refunded__lte=F("total")),
                name="guestlist_order_amounts",
            ),
        )

    def __str__(self) -> str:
        return self.number

    @property
    def net(self) -> int:
        """What it comes to by now, in minor units: less what was refunded, and nothing once it is canceled."""
        return 0 if self.cancelled_at is not None else self.total - self.refunded
