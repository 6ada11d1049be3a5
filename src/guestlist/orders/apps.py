"""The app of orders."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class OrdersConfig(AppConfig):
    """Orders of the shop."""

    name = "guestlist.orders"
    label = "guestlist_orders"
    verbose_name = _("Orders")
