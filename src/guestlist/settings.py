"""Django settings, made from the environment alone.

Each variable ``GUESTLIST_X`` may be given as ``GUESTLIST_X_FILE`` instead, the name of a file that holds the value.
What is missing or unsafe fails loudly at the start, with the name of the variable and what to set.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured
from django.utils.csp import CSP
from django.utils.translation import gettext_lazy as _


def _environment(name: str, default: str = "") -> str:
    file = os.environ.get(f"{name}_FILE")
    if file:
        return Path(file).read_text(encoding="utf-8").strip()
    return os.environ.get(name, default)


def _switch(name: str, *, default: bool = False) -> bool:
    value = _environment(name).lower()
    if value in {"", "1", "0", "true", "false", "yes", "no"}:
        return value in {"1", "true", "yes"} if value else default
    message = f"{name} must be 1 or 0, not {value!r}."
    raise ImproperlyConfigured(message)


SOURCE = Path(__file__).resolve().parent
DATA = Path(_environment("GUESTLIST_DATA", "data")).resolve()
DEMO = _switch("GUESTLIST_DEMO")
DEBUG = _switch("GUESTLIST_DEBUG")


# --- Secrets -----------------------------------------------------------------------------------------------------------


def _secret(name: str) -> str:
    """Return the secret from the environment, or from the data folder, where it is made on first use."""
    given = _environment(name)
    if given:
        return given
    folder = DATA / "secrets"
    file = folder / name.lower()
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        made = folder / f".{file.name}.{os.getpid()}"
        made.touch(mode=0o600)
        made.write_text(secrets.token_hex(32), encoding="ascii")
        try:
            # A link fails when another process was faster, whose secret then counts.
            os.link(made, file)
        except FileExistsError:
            pass
        finally:
            made.unlink()
    return file.read_text(encoding="ascii").strip()


def _link_keys(text: str) -> dict[int, bytes]:
    """Return the keys that sign links, by number: ``1:hex,2:hex``; the highest signs, the others still open."""
    keys: dict[int, bytes] = {}
    for part in text.split(","):
        number, colon, key = part.strip().rpartition(":")
        try:
            keys[int(number) if colon else 1] = bytes.fromhex(key)
        except ValueError:
            message = "GUESTLIST_LINK_KEYS must be number:hex pairs, separated by commas, like 1:ab12…"
            raise ImproperlyConfigured(message) from None
    if any(len(key) < 16 or not 0 < number < 256 for number, key in keys.items()):  # noqa: PLR2004 - said below
        message = (
            "GUESTLIST_LINK_KEYS needs numbers from 1 to 255 and keys of at least 16 bytes (32 hex digits)."
        )
        raise ImproperlyConfigured(message)
    return keys


SECRET_KEY = _secret("GUESTLIST_SECRET_KEY")
GUESTLIST_LINK_KEYS = _link_keys(_secret("GUESTLIST_LINK_KEYS"))
GUESTLIST_ADDRESS_KEY = _secret("GUESTLIST_ADDRESS_KEY").encode()
"""Never rotate this one: uniqueness and suppression are compared by hashes that it made."""

GUESTLIST_LOCKS = _environment("GUESTLIST_LOCKS")
"""Options that the operator fixes for the whole installation: ``invitations.batch_size=200;…``."""
GUESTLIST_SMTP_URL = _environment("GUESTLIST_SMTP_URL")


def _mail_api_settings(text: str) -> dict[str, Any]:
    """Return what the provider's API needs, as django-anymail names it: keys in capitals, addresses only by https."""
    name = "GUESTLIST_MAIL_API_SETTINGS"
    try:
        given = json.loads(text or "{}")
    except ValueError:
        given = None
    if not isinstance(given, dict):
        message = f'{name} must be a JSON object like {{"POSTMARK_SERVER_TOKEN": "…"}}.'
        raise ImproperlyConfigured(message)
    for key, value in given.items():
        parts = urlsplit(value) if key.endswith("_API_URL") and isinstance(value, str) else None
        inside = parts is not None and parts.hostname in {"127.0.0.1", "::1", "localhost"}
        if parts is not None and parts.scheme != "https" and not inside:
            message = f"{name} would send its keys in the clear: {key} must begin with https://."
            raise ImproperlyConfigured(message)
        if key in {"WEBHOOK_SECRET", "DEBUG_API_REQUESTS"}:
            # The second prints every mail, with the links in it.
            message = f"{name} must not have {key}."
            raise ImproperlyConfigured(message)
    return given


def _webhook_secret(text: str) -> str:
    if text and not re.fullmatch(r"[A-Za-z0-9._~-]+:[A-Za-z0-9._~-]{16,}", text):
        message = (
            "GUESTLIST_MAIL_API_WEBHOOK_SECRET must be name:password of letters, digits and . _ ~ -, "
            "the password of at least 16 of them."
        )
        raise ImproperlyConfigured(message)
    return text


def _mail_api_connections(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 64:  # noqa: PLR2004 - said below
        message = "GUESTLIST_MAIL_API_CONNECTIONS must be a number from 1 to 64."
        raise ImproperlyConfigured(message)
    return int(text)


GUESTLIST_MAIL_API = _environment("GUESTLIST_MAIL_API").lower()
"""The provider that takes mail over HTTP, in place of a mail server: ``postmark``, …"""
GUESTLIST_MAIL_API_CONNECTIONS = _mail_api_connections(_environment("GUESTLIST_MAIL_API_CONNECTIONS", "8"))
GUESTLIST_MAIL_API_WEBHOOK_SECRET = _webhook_secret(_environment("GUESTLIST_MAIL_API_WEBHOOK_SECRET"))
"""What the provider shows when it tells of a bounce, ``name:password``; without it nobody may tell."""
ANYMAIL = _mail_api_settings(_environment("GUESTLIST_MAIL_API_SETTINGS"))
if GUESTLIST_MAIL_API and GUESTLIST_SMTP_URL:
    raise ImproperlyConfigured("Set GUESTLIST_SMTP_URL or GUESTLIST_MAIL_API, not both: mail goes one way.")
GUESTLIST_JOURNAL_DIR = Path(_environment("GUESTLIST_JOURNAL_DIR", str(DATA / "journal"))).resolve()
"""Where workers write down what they hand over; on a disk of the machine they run on."""
GUESTLIST_WORKER = _environment("GUESTLIST_WORKER")
"""What this machine's workers are called; the name of the machine where it is empty."""
GUESTLIST_BROKER_URL = _environment("GUESTLIST_BROKER_URL")
"""Who tells workers when, where they run on Celery: ``redis://…``, ``amqp://…``."""


def _return_path(address: str) -> str:
    """Return the address that bounces come back to, its domain lower-cased, or nothing."""
    local_part, _at, domain = address.rpartition("@")
    # A local part holds 64 characters (RFC 5321, 4.5.3.1.1), and each mail adds 39 of its own.
    sound = re.fullmatch(r"[A-Za-z0-9._-]{1,25}", local_part) and re.fullmatch(
        r"([A-Za-z0-9-]{1,63}\.)+[A-Za-z0-9-]{2,63}", domain
    )
    if address and not sound:
        message = (
            "GUESTLIST_RETURN_PATH must be one address like bounces@bounces.shop.example, "
            "at most 25 plain characters before the @."
        )
        raise ImproperlyConfigured(message)
    return f"{local_part}@{domain.lower()}" if address else ""


GUESTLIST_RETURN_PATH = _return_path(_environment("GUESTLIST_RETURN_PATH"))
"""Where bounces come back to; each mail puts a signed tag of its own before the @."""
GUESTLIST_BOUNCE_MAILBOX = _environment("GUESTLIST_BOUNCE_MAILBOX")
GUESTLIST_DKIM = _environment("GUESTLIST_DKIM")
"""Keys that sign mail: ``selector:domain:/path/to/key.pem``, more separated by commas; read when the worker starts."""
GUESTLIST_DNS_SERVER = _environment("GUESTLIST_DNS_SERVER")
"""Who is asked for names by ``guestlist check --mail``, ``address:port``; the system's own resolver where empty."""


# --- Database ----------------------------------------------------------------------------------------------------------


_LIMITS = {
    "connect_timeout": 10,
    "tcp_user_timeout": 30_000,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
}
"""Seconds, the second one milliseconds. By themselves the driver waits 130 seconds for a server, and the kernel 15 minutes
for one that has gone away; a lease of the delivery is over after 5."""


def _database(url: str) -> dict[str, Any]:
    return _postgresql(url) if url else _sqlite()


def _sqlite() -> dict[str, Any]:
    DATA.mkdir(parents=True, exist_ok=True)
    file = DATA / "guestlist.sqlite3"
    if not file.exists():
        # Addresses and sessions are its owner's alone; SQLite's files beside it get the same mode.
        file.touch(mode=0o600)
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": file,
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-20000",
        },
        # Threads share a file, not the memory of one connection: races must be real in tests too.
        "TEST": {"NAME": DATA / "test.sqlite3"},
    }


def _postgresql(url: str) -> dict[str, Any]:
    try:
        parts = urlsplit(url)
        port = str(parts.port or "")
    except ValueError:
        # Without the words at fault: they may be a piece of the password.
        message = "DATABASE_URL cannot be read. Write / ? # : @ and % in user and password as %2F %3F %23 %3A %40 and %25."
        raise ImproperlyConfigured(message) from None
    if parts.scheme not in {"postgres", "postgresql"}:
        message = (
            f"DATABASE_URL must start with postgresql://, not {parts.scheme}://. Leave it empty for SQLite."
        )
        raise ImproperlyConfigured(message)
    query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": query.pop("host", unquote(parts.hostname or "")),
        "PORT": query.pop("port", port),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": _LIMITS | query,
    }


DATABASES = {"default": _database(_environment("DATABASE_URL"))}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"


# --- Applications ------------------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "guestlist.stores",
    "guestlist.customers",
    "guestlist.orders",
    "guestlist.occasions",
    "guestlist.mail",
    "guestlist.invitations",
    "guestlist.reports",
    # Before the storefront, whose templates for the shop's own links it takes the place of.
    *(["guestlist.demo"] if DEMO else []),
    "guestlist.storefront",
    "guestlist.backoffice",
    "guestlist.worker",
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "guestlist.stores.middleware.StoreViewMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "guestlist.stores.middleware.LanguageMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "guestlist.customers.middleware.CustomerMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]

ROOT_URLCONF = "guestlist.urls"
WSGI_APPLICATION = "guestlist.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.csp",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "guestlist.storefront.context.shop",
            ],
        },
    },
]


# --- Accounts ----------------------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "guestlist_customers.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 8}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "storefront:account"

ACCOUNT_ADAPTER = "guestlist.storefront.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_CONFIRM_EMAIL_ON_GET = False
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_RATE_LIMITS = {
    "signup_address": "5/h/key",
    "reset_password": "20/m/ip,5/h/key",
    "mail_me_again": "10/h/ip",
}
"""Besides allauth's own: how often one address is mailed because somebody registers it, or forgot its password, and how
often one client asks that an address be mailed again (the address itself: once a day, counted in the database)."""


# --- Security ----------------------------------------------------------------------------------------------------------

ALLOWED_HOSTS = [host for host in _environment("GUESTLIST_HOSTS", "127.0.0.1,localhost").split(",") if host]
GUESTLIST_HOST_ALIASES = dict(
    pair.strip().split("=", 1) for pair in _environment("GUESTLIST_HOST_ALIASES").split(",") if "=" in pair
)
"""Hosts that stand for another, the one in the store views' base URLs: ``localhost:8000=127.0.0.1:8000``."""

SECURE_CSP = {
    "default-src": [CSP.NONE],
    "script-src": [CSP.SELF],
    "style-src": [CSP.SELF],
    "img-src": [CSP.SELF],
    "font-src": [CSP.SELF],
    "connect-src": [CSP.SELF],
    "frame-src": [CSP.SELF],
    "form-action": [CSP.SELF],
    "frame-ancestors": [CSP.NONE],
    "base-uri": [CSP.NONE],
    "manifest-src": [CSP.SELF],
}
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
HTTPS = _switch("GUESTLIST_HTTPS", default=not (DEMO or DEBUG))
"""Production runs behind TLS; the demo and development do not."""
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_REDIRECT_EXEMPT = [r"^health/"]  # asked by load balancers, inside
BEHIND_PROXY = _switch("GUESTLIST_BEHIND_PROXY")
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_PROXY else None
ALLAUTH_TRUSTED_PROXY_COUNT = 1 if BEHIND_PROXY else 0
CSRF_FAILURE_VIEW = "guestlist.storefront.errors.csrf_failure"


# --- Language, files, log ----------------------------------------------------------------------------------------------

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("nl", _("Dutch")), ("de", _("German"))]
LOCALE_PATHS = [SOURCE / "locale"]

STATIC_URL = "/static/"
STATIC_ROOT = DATA / "static"
MEDIA_URL = "/media/"
MEDIA_ROOT = DATA / "media"
WHITENOISE_USE_FINDERS = DEMO or DEBUG
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEMO or DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
# Nothing in the product sends by Django's mail; what a library tries to send shows in the log instead of getting lost.
MAILERS = {"default": {"BACKEND": "django.core.mail.backends.console.EmailBackend"}}
SILENCED_SYSTEM_CHECKS = [
    "mail.E001",  # asks for a backend that sends, which is the worker's business here
    # Said by guestlist.stores.checks with the names of the variables to set.
    "security.W004",
    "security.W008",
    "security.W009",
    "security.W012",
    "security.W016",
    "security.W018",
    "security.W020",
    # These would speak for hosts of the shop that Guestlist does not answer for.
    "security.W005",
    "security.W021",
]

DEFAULT_EXCEPTION_REPORTER_FILTER = "guestlist.storefront.logs.WithoutPasswords"
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "class": "guestlist.storefront.logs.OneLine",
            "format": "%(asctime)s %(levelname)s %(name)s: %(message)s",
        }
    },
    "filters": {"without_tokens": {"()": "guestlist.storefront.logs.WithoutTokens"}},
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["without_tokens"]}
    },
    "root": {"handlers": ["console"], "level": _environment("GUESTLIST_LOG_LEVEL", "INFO")},
}

# The staff site's look and menu are the back office's business; UNFOLD is read from there.
from guestlist.backoffice.unfold import UNFOLD  # noqa: E402, F401
