"""The app of websites, store views and configuration."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from guestlist.stores import lookups


class StoresConfig(AppConfig):
    """Websites, store views and configuration."""

    name = "guestlist.stores"
    label = "guestlist_stores"
    verbose_name = _("Stores")

    def ready(self) -> None:
        """Make the lookup for long lists known, and what is looked at before a deployment."""
        from guestlist.stores import checks as _checks  # noqa: F401

        lookups.register()
