"""The app of the demo shop."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class DemoConfig(AppConfig):
    """A small shop to try everything with, and an inbox for its mail."""

    name = "guestlist.demo"
    label = "guestlist_demo"
    verbose_name = _("Demo shop")
