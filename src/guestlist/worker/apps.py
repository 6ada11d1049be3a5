"""The app of the worker; it has no tables."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class WorkerConfig(AppConfig):
    """What runs beside the web pages."""

    name = "guestlist.worker"
    label = "guestlist_worker"
    verbose_name = _("Worker")
