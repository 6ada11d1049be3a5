"""The app of the staff site."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class BackofficeConfig(AppConfig):
    """The staff site."""

    name = "guestlist.backoffice"
    label = "guestlist_backoffice"
    verbose_name = _("Back office")
