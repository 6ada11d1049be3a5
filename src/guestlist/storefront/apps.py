"""The storefront as a Django app."""

from django.apps import AppConfig


class StorefrontConfig(AppConfig):
    """Account pages, the invitation's page and registration."""

    name = "guestlist.storefront"
    label = "guestlist_storefront"
