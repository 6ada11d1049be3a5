"""The app of occasions."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class OccasionsConfig(AppConfig):
    """Occasions of the shop."""

    name = "guestlist.occasions"
    label = "guestlist_occasions"
    verbose_name = _("Occasions")
