"""What `guestlist check --deploy` finds in the installation and its store views, in the names of its variables."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.db import Error as DatabaseFault
from django.http.request import validate_host

from guestlist.stores import schema
from guestlist.stores.models import StoreView

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.core.checks import CheckMessage

_LEAST_KEY = 32
_OWN_MACHINE = frozenset({"127.0.0.1", "::1", "[::1]", "localhost"})
_NEEDED = {"legal_name": "legal name", "postal_address": "postal address", "privacy_url": "privacy page"}


def of_deployment[Check: Callable[..., list[CheckMessage]]](check: Check) -> Check:
    """Have something looked at by `check --deploy` alone: it may ask the database."""
    checks.register(check, "deploy", deploy=True)
    return check


@of_deployment
def installation(**_given: Any) -> list[CheckMessage]:  # noqa: ANN401 - Django's signature
    """Return what is wrong with the variables that every page hangs on."""
    found: list[CheckMessage] = []
    if settings.DEMO:
        words = "GUESTLIST_DEMO is on: everybody knows the passwords of the demo's accounts. Take it out."
        found.append(checks.Error(words, id="guestlist_stores.E001"))
    if settings.DEBUG:
        words = "GUESTLIST_DEBUG is on: strangers read addresses and settings on error pages. Take it out."
        found.append(checks.Error(words, id="guestlist_stores.E002"))
    found += _keys()
    if {host.strip() for host in settings.ALLOWED_HOSTS} <= _OWN_MACHINE:
        words = "GUESTLIST_HOSTS names this machine alone. Name the hosts of the shop, separated by commas."
        found.append(checks.Warning(words, id="guestlist_stores.W001"))
    if "*" in settings.ALLOWED_HOSTS:
        words = "GUESTLIST_HOSTS lets every host in. Name the hosts of the shop, separated by commas."
        found.append(checks.Warning(words, id="guestlist_stores.W002"))
    return [*found, *_encryption(), *_static_files()]


def _keys() -> list[CheckMessage]:
    given = {
        "GUESTLIST_SECRET_KEY": settings.SECRET_KEY,
        "GUESTLIST_ADDRESS_KEY": settings.GUESTLIST_ADDRESS_KEY.decode(errors="replace"),
    }
    short = [name for name, key in given.items() if len(key) < _LEAST_KEY or len(set(key)) < _LEAST_KEY // 4]
    words = "{} can be guessed. Make one of at least 32 random characters: openssl rand -hex 32."
    return [checks.Error(words.format(name), id="guestlist_stores.E003") for name in short]


def _encryption() -> list[CheckMessage]:
    if not settings.HTTPS:
        words = "GUESTLIST_HTTPS is off: passwords and links cross the net in the clear."
        return [checks.Warning(words, id="guestlist_stores.W003")]
    if not settings.BEHIND_PROXY:
        words = (
            "GUESTLIST_BEHIND_PROXY is off, so every page redirects to https for ever. Set it to 1 where a proxy speaks "
            "https, sets X-Forwarded-Proto and adds the client to X-Forwarded-For."
        )
        return [checks.Warning(words, id="guestlist_stores.W004")]
    return []


def _static_files() -> list[CheckMessage]:
    collected = settings.WHITENOISE_USE_FINDERS or Path(settings.STATIC_ROOT, "staticfiles.json").exists()
    words = "The static files are not collected, so pages cannot be shown: run guestlist manage collectstatic --noinput."
    return [] if collected else [checks.Error(words, id="guestlist_stores.E004")]


@of_deployment
def database(**_given: Any) -> list[CheckMessage]:  # noqa: ANN401 - Django's signature
    """Return what keeps the database from being used."""
    try:
        schema.require()
    except ImproperlyConfigured as outdated:
        return [checks.Error(str(outdated), id="guestlist_stores.E005")]
    except DatabaseFault as fault:
        words = f"The database cannot be used: {' '.join(str(fault).split())} Look at DATABASE_URL."
        return [checks.Error(words, id="guestlist_stores.E006")]
    return []


@of_deployment
def store_views(**_given: Any) -> list[CheckMessage]:  # noqa: ANN401 - Django's signature
    """Return what store views lack that pages and mail need; nothing where the database cannot be asked."""
    try:
        views = list(StoreView.objects.select_related("website").order_by("website__code", "code"))
    except DatabaseFault:
        return []
    if not views:
        words = "There is no store view, so no page answers. Make one in the staff site at /staff/."
        return [checks.Warning(words, id="guestlist_stores.W005")]
    return [message for view in views for message in _store_view(view)]


def _store_view(view: StoreView) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    called = f"Store view “{view.code}”"
    parts = urlsplit(view.base_url)
    if not validate_host(parts.hostname or "", settings.ALLOWED_HOSTS):
        words = f"{called}: GUESTLIST_HOSTS does not name {parts.hostname}, the host of its base URL, so its pages read 400."
        found.append(checks.Error(words, id="guestlist_stores.E007"))
    if parts.scheme != "https":
        words = f"{called}: its base URL {view.base_url} is not https, and neither are the links in its mail."
        found.append(checks.Warning(words, id="guestlist_stores.W006"))
    if missing := [words for name, words in _NEEDED.items() if not getattr(view, name).strip()]:
        words = f"{called} lacks its {', '.join(missing)}: the foot of every mail says who sends it."
        found.append(checks.Warning(words, id="guestlist_stores.W007"))
    return found
