"""How staff like to look at the list of invitations: filters under a name, and which columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import Q

from guestlist.customers.models import User
from guestlist.stores.actors import ActorKind, Permission
from guestlist.stores.models import Website

if TYPE_CHECKING:
    from guestlist.stores.actors import Actor


class SavedFilterQuerySet(models.QuerySet["SavedFilter"]):
    """Saved filters, narrowed."""

    def visible_to(self, actor: Actor) -> Self:
        """Keep a staff member's own, and what others share with all staff or with those of a website of theirs."""
        if actor.kind != ActorKind.STAFF:
            return self.none()
        allowed = actor.website_ids(Permission.VIEW)
        where = Q() if allowed is None else Q(website=None) | Q(website__in=allowed)
        return self.filter(Q(user=actor.id) | Q(is_shared=True) & where)


class SavedFilter(models.Model):
    """A filter and an order of the list, as the query of its address, under a name that its maker gave it.

    ``website`` is the one that it is about: it is shared with that one's staff alone. Whom it is shared with sees what the
    filter finds among what they may see.
    """

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(User, models.CASCADE, related_name="+", db_index=False)
    name = models.CharField(max_length=60)
    query = models.CharField(max_length=1000)
    is_shared = models.BooleanField(default=False)
    website = models.ForeignKey(Website, models.CASCADE, null=True, related_name="+", db_index=False)

    objects = SavedFilterQuerySet.as_manager()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["user", "name"], name="guestlist_saved_filter_once"),)

    def __str__(self) -> str:
        return self.name


class GridColumns(models.Model):
    """Which columns of the list a staff member wants to see, by their codes; without a row all."""

    user = models.OneToOneField(User, models.CASCADE, primary_key=True, related_name="+")
    columns = models.JSONField(default=list)

    def __str__(self) -> str:
        return ", ".join(self.columns)
