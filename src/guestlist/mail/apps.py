"""The app of the outbox."""

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class MailConfig(AppConfig):
    """Outbox, templates, senders and suppression."""

    name = "guestlist.mail"
    label = "guestlist_mail"
    verbose_name = _("Mail")

    def ready(self) -> None:
        """See to it that the built-in templates are installed after every migration; declare options and checks."""
        # The import declares the section, so that locks of its options are known when they are checked.
        from guestlist.mail import checks as _checks  # noqa: F401
        from guestlist.mail import config as _declared  # noqa: F401

        post_migrate.connect(_built_in_templates, sender=self)


def _built_in_templates(**_kwargs: Any) -> None:  # noqa: ANN401 - Django's signature
    from django.utils import timezone

    from guestlist.mail import templates

    templates.install(now=timezone.now())
