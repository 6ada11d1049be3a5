"""The app of people: users, customers, groups and staff rights."""

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class CustomersConfig(AppConfig):
    """Users, customers, groups and staff rights."""

    name = "guestlist.customers"
    label = "guestlist_customers"
    verbose_name = _("Customers")

    def ready(self) -> None:
        """See to it that the ready-made roles are there after every migration."""
        post_migrate.connect(_ready_made_roles, sender=self)


def _ready_made_roles(**_kwargs: Any) -> None:  # noqa: ANN401 - Django's signature
    from guestlist.customers import grants

    grants.make_roles()
