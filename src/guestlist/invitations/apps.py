"""The app of invitations."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class InvitationsConfig(AppConfig):
    """Invitations: the point of it all."""

    name = "guestlist.invitations"
    label = "guestlist_invitations"
    verbose_name = _("Invitations")

    def ready(self) -> None:
        """Refuse to start with options locked that there are not."""
        # The import declares the section; nothing above this package has one.
        from guestlist.invitations import config as _declared  # noqa: F401
        from guestlist.stores import config

        config.check_locks()
