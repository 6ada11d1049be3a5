"""The providers that take mail over HTTP, by django-anymail, and what is particular to each.

In this list are those that hand back, with each event, what was written into the mail for it: by a signed tag alone we know
whose bounce it is. Providers that do not, and any other, take mail by SMTP. Nothing here needs django-anymail installed.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol, cast

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

if TYPE_CHECKING:
    import datetime

    import requests
    from anymail.message import AnymailMessage
    from django.http import HttpRequest

TAG = "guestlist"
"""The name under which the signed tag travels with a mail."""
_TIMEOUT = 20
"""Seconds without a byte after which an answer is not waited for; less than the least that a lease has left."""


class Backend(Protocol):
    """A way to a provider's API, as django-anymail has it."""

    esp_name: str
    session: requests.Session

    def open(self) -> bool:
        """Make ready to send, where that is not done yet."""
        ...

    def send_messages(self, email_messages: list[AnymailMessage]) -> int:
        """Send; what came of it stands in each message's ``anymail_status``."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


class Event(Protocol):
    """What django-anymail makes of a provider's words."""

    event_type: str
    event_id: str | None
    timestamp: datetime.datetime | None
    metadata: object
    recipient: str | None
    reject_reason: str | None
    mta_response: str | None
    description: str | None
    esp_event: object


class Reader(Protocol):
    """Who reads a provider's events, as django-anymail has it: for one request."""

    def setup(self, request: HttpRequest) -> None:
        """Take the request."""
        ...

    def run_validators(self, request: HttpRequest) -> None:
        """Raise when it is not the provider who tells."""
        ...

    def parse_events(self, request: HttpRequest) -> list[Event]:
        """Return what is told."""
        ...


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider: its name in our settings, its classes in django-anymail, and its ways."""

    name: str
    view: str
    """The class that reads its events."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """What else a mail carries: asks the provider to leave it as it is."""
    tracks_by_account: bool = False
    """Whether tracking is switched off in the account alone, not mail by mail."""

    def backend(self) -> Backend:
        """Return a new way to its API, for one thread at a time.

        :raises ImproperlyConfigured: when a setting is missing, or a package.
        """
        made = import_string(f"anymail.backends.{self.name}.EmailBackend")
        try:
            return cast(
                "Backend",
                made(
                    ignore_recipient_status=True,
                    ignore_unsupported_features=False,
                    timeout=settings.ANYMAIL.get("REQUESTS_TIMEOUT", _TIMEOUT),
                ),
            )
        except ImproperlyConfigured as error:
            raise _said(error) from error

    def events(self) -> Reader:
        """Return a new reader of its events: checks who tells them, and in what words.

        :raises ImproperlyConfigured: when a setting is missing, or a package.
        """
        made = import_string(f"anymail.webhooks.{self.name}.{self.view}")
        try:
            return cast("Reader", made(webhook_secret=[settings.GUESTLIST_MAIL_API_WEBHOOK_SECRET]))
        except ImproperlyConfigured as error:
            raise _said(error) from error


PROVIDERS: Mapping[str, Provider] = MappingProxyType(
    {
        one.name: one
        for one in (
            Provider("brevo", "BrevoTrackingWebhookView", tracks_by_account=True),
            Provider("mailgun", "MailgunTrackingWebhookView"),
            Provider("mailjet", "MailjetTrackingWebhookView"),
            Provider("mailtrap", "MailtrapTrackingWebhookView", tracks_by_account=True),
            Provider("mandrill", "MandrillCombinedWebhookView"),
            Provider("postmark", "PostmarkTrackingWebhookView", headers={"X-PM-KeepID": "true"}),
            Provider("resend", "ResendTrackingWebhookView", tracks_by_account=True),
            Provider("sparkpost", "SparkPostTrackingWebhookView"),
        )
    }
)


def configured() -> Provider | None:
    """Return the provider that the environment names, or None.

    :raises ImproperlyConfigured: when it is none that we know, or what it is spoken to with is not installed.
    """
    name = settings.GUESTLIST_MAIL_API
    if not name:
        return None
    provider = PROVIDERS.get(name)
    if provider is None:
        raise ImproperlyConfigured(
            f"GUESTLIST_MAIL_API must be one of {', '.join(PROVIDERS)}. Others take mail by GUESTLIST_SMTP_URL."
        )
    if importlib.util.find_spec("anymail") is None:
        raise ImproperlyConfigured(
            "GUESTLIST_MAIL_API needs django-anymail, which is not installed in this environment. "
            "The script ./guestlist installs it by itself; elsewhere run pip install '.[anymail]' in the folder with "
            "Guestlist's pyproject.toml."
        )
    return provider


def _said(error: ImproperlyConfigured) -> ImproperlyConfigured:
    """Return the library's complaint in the words of our own settings."""
    missing = re.search(r"ANYMAIL = \{'(\w+)'", str(error))
    reason = (
        f"GUESTLIST_MAIL_API_SETTINGS must have {missing[1]}." if missing else " ".join(str(error).split())
    )
    return ImproperlyConfigured(reason)
