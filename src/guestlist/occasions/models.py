"""What an invitation may be for: an event, a private sale, a wish list, a gift registry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from guestlist.customers.models import Customer
from guestlist.stores import ids
from guestlist.stores.actors import Permission
from guestlist.stores.models import Website

if TYPE_CHECKING:
    import datetime

    from guestlist.stores.actors import Actor


class OccasionKind(models.TextChoices):
    """The kinds of occasions."""

    EVENT = "event", _("Event")
    PRIVATE_SALE = "private_sale", _("Private sale")
    WISH_LIST = "wish_list", _("Wish list")
    REGISTRY = "registry", _("Gift registry")


class OccasionQuerySet(models.QuerySet["Occasion"]):
    """Occasions, narrowed."""

    def visible_to(self, actor: Actor, permission: Permission = Permission.VIEW) -> Self:
        """Keep the occasions of websites where the actor has the permission."""
        allowed = actor.website_ids(permission)
        return self if allowed is None else self.filter(website__in=allowed)

    def open(self, now: datetime.datetime) -> Self:
        """Keep those that are not over yet."""
        return self.filter(Q(closes_at=None) | Q(closes_at__gt=now))

    def for_customer(self, customer: Customer) -> Self:
        """Keep those that this customer may invite to: the shop's own, and the customer's."""
        return self.filter(Q(owner=None) | Q(owner=customer), website=customer.website_id)


class Occasion(models.Model):
    """An event, private sale, wish list or gift registry at a website; the latter two belong to a customer.

    ``page`` is the path of its page in the shop, below the store view's base URL.
    """

    id = models.BigAutoField(primary_key=True)
    public_id = models.UUIDField(default=ids.uuid7, unique=True, editable=False)
    website = models.ForeignKey(Website, models.PROTECT, related_name="occasions", verbose_name=_("website"))
    kind = models.CharField(_("kind"), max_length=12, choices=OccasionKind)
    title = models.CharField(_("title"), max_length=120)
    owner = models.ForeignKey(
        Customer, models.PROTECT, null=True, blank=True, related_name="occasions", verbose_name=_("owner")
    )
    external_id = models.CharField(_("the shop's own id"), max_length=64, null=True, blank=True)  # noqa: DJ001 - unique
    page = models.CharField(_("page"), max_length=300, blank=True)
    picture = models.FileField(_("picture"), upload_to="occasions/", blank=True)
    place = models.CharField(_("place"), max_length=200, blank=True)
    opens_at = models.DateTimeField(_("opens"), null=True, blank=True)
    closes_at = models.DateTimeField(_("closes"), null=True, blank=True)
    created_at = models.DateTimeField(_("created"))

    objects = OccasionQuerySet.as_manager()

    class Meta:
        verbose_name = _("occasion")
        verbose_name_plural = _("occasions")
        constraints = (
            models.UniqueConstraint(
                fields=["website", "external_id"], name="guestlist_occasion_external_once"
            ),
            models.CheckConstraint(
                condition=Q(opens_at=None) | Q(closes_at=None) | Q(opens_at__lt=models.F("closes_at")),
                name="guestlist_occasion_opens_first",
            ),
        )

    def __str__(self) -> str:
        return self.title
