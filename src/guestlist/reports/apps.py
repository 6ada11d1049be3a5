"""The app of reports."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ReportsConfig(AppConfig):
    """Reports, and what is kept of those that take long."""

    name = "guestlist.reports"
    label = "guestlist_reports"
    verbose_name = _("Reports")
