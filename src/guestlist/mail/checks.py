"""What `guestlist check --deploy` finds in the settings of mail; what others see of it is `guestlist check --mail`'s."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.db import Error as DatabaseFault

from guestlist.mail import dkim, letters, mailbox, providers
from guestlist.mail.models import SenderIdentity
from guestlist.mail.transport import Server
from guestlist.refusal import Refusal
from guestlist.stores.checks import of_deployment

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.core.checks import CheckMessage

    from guestlist.mail.dkim import Signer

_OWN_MACHINE = frozenset({"127.0.0.1", "::1", "localhost"})


@of_deployment
def way_out(**_given: Any) -> list[CheckMessage]:  # noqa: ANN401 - Django's signature
    """Return what keeps mail from leaving, or lets others read it on its way to the mail server."""
    if settings.GUESTLIST_MAIL_API:
        return _unusable(_provider, "guestlist_mail.E001")
    url = settings.GUESTLIST_SMTP_URL
    if not url:
        words = "Neither GUESTLIST_SMTP_URL nor GUESTLIST_MAIL_API is set: mail waits in the outbox."
        return [checks.Warning(words, id="guestlist_mail.W001")]
    if found := _unusable(lambda: Server.parse(url), "guestlist_mail.E001"):
        return found
    server = Server.parse(url)
    if server.implicit_tls or server.starttls or server.host in _OWN_MACHINE:
        return []
    words = "GUESTLIST_SMTP_URL is not encrypted: mail and its links can be read on the way. Add ?starttls=1."
    return [checks.Warning(words, id="guestlist_mail.W002")]


@of_deployment
def way_back(**_given: Any) -> list[CheckMessage]:  # noqa: ANN401 - Django's signature
    """Return what keeps bounces from being read."""
    url = settings.GUESTLIST_BOUNCE_MAILBOX
    return _unusable(lambda: mailbox.Mailbox.parse(url), "guestlist_mail.E002") if url else []


@of_deployment
def signing(**_given: Any) -> list[CheckMessage]:  # noqa: ANN401 - Django's signature
    """Return the senders whose mail nobody signs; nothing where the database cannot be asked, or a provider signs."""
    if found := _unusable(dkim.configured, "guestlist_mail.E003"):
        return found
    if settings.GUESTLIST_MAIL_API:
        return []
    try:
        senders = list(
            SenderIdentity.objects.values_list("address", flat=True).order_by("address").distinct()
        )
    except DatabaseFault:
        return []
    if not senders:
        words = "There is no sender, so the shop mails nobody. Make one in the staff site: Mail › Senders."
        return [checks.Warning(words, id="guestlist_mail.W003")]
    signer = dkim.configured()
    words = "GUESTLIST_DKIM has no key for mail from {}: it may be refused, or land in spam."
    return [
        checks.Warning(words.format(address), id="guestlist_mail.W004")
        for address in senders
        if not _is_signed(address, signer)
    ]


def _is_signed(address: str, signer: Signer | None) -> bool:
    try:
        return signer is not None and bool(signer.aligned(letters.mailbox(address).domain))
    except Refusal:
        return False


def _provider() -> None:
    provider = providers.configured()
    if provider is not None:
        provider.backend()


def _unusable(make: Callable[[], object], id: str) -> list[CheckMessage]:
    try:
        make()
    except ImproperlyConfigured as error:
        return [checks.Error(f"{error} The worker does not start like this.", id=id)]
    return []
