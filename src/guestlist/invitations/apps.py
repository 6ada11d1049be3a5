"""The app of invitations."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class InvitationsConfig(AppConfig):
    """Invitations: the point of it all."""

    name = "guestlist.invitations"
    label = "guestlist_invitations"
    verbose_name = _("Invitations")
