"""What the peers' projects have in common: settings, database, and the mail that all of them send.

Runs in a peer's own environment: nothing but Django and the standard library is imported here. A project takes one
argument, JSON, and prints one line, JSON: how many mails it sent, and in how many seconds.
"""

from __future__ import annotations

import json
import logging
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from django.conf import settings

SENDER = "shop@example.com"


@dataclass(frozen=True, slots=True)
class Task:
    """What a project is to do."""

    database: str
    port: int
    mails: int
    letter: Path
    """The folder with the words of the mail: subject.txt, text.txt and design.html."""
    processes: int
    threads: int
    is_helped: bool
    """Whether it is to keep its connection open where it does not by itself."""

    def words(self, name: str) -> str:
        """Return one part of the mail, as a Django template."""
        return (self.letter / name).read_text(encoding="utf-8").strip()


def task() -> Task:
    """Read what is to be done from the command line."""
    given = json.loads(sys.argv[1])
    return Task(**{**given, "letter": Path(given["letter"])})


def configure(work: Task, *, apps: list[str], **more: Any) -> None:  # noqa: ANN401 - settings of any kind
    """Configure Django, and make the tables of the applications."""
    import django
    from django.core.management import call_command

    logging.disable(logging.INFO)
    parts = urlsplit(work.database)
    settings.configure(
        SECRET_KEY="measured on one machine",  # noqa: S106 - nothing lives here
        INSTALLED_APPS=apps,
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.postgresql",
                "NAME": parts.path.lstrip("/"),
                "USER": unquote(parts.username or ""),
                "PASSWORD": unquote(parts.password or ""),
                "HOST": parse_qs(parts.query).get("host", [unquote(parts.hostname or "")])[0],
                "PORT": str(parts.port or ""),
                "CONN_MAX_AGE": None,
            }
        },
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        DEFAULT_FROM_EMAIL=SENDER,
        EMAIL_HOST="127.0.0.1",
        EMAIL_PORT=work.port,
        USE_TZ=True,
        ALLOWED_HOSTS=["*"],
        LOGGING_CONFIG=None,
        **more,
    )
    django.setup()
    call_command("migrate", verbosity=0)


def values(number: int) -> dict[str, str]:
    """Return what fills the mail of this number: every second one has words of the inviter's own, as ours have."""
    return {
        "store_name": "Linden & Loom",
        "store_url": "https://shop.example/",
        "accent": "#1f5f4f",
        "accent_text": "#ffffff",
        "legal_name": "Linden & Loom Ltd.",
        "postal_address": "12 Mill Lane, York YO1 7AB, United Kingdom",
        "inviter_name": "Emma Clarke",
        "message": "Hi!\n\nThey have the wool you were looking for. Have a look around!"
        if number % 2
        else "",
        "expires": "21 December 2026",
        "invitee_address": address(number),
        "invitation_url": f"https://shop.example/invitation/AQEAAAAAAAB{number:09d}Zm9vYmFyYmF6cXV4/",
        "opt_out_url": f"https://shop.example/never-again/AQEAAAAAAAB{number:09d}Zm9vYmFyYmF6cXV4/",
    }


def address(number: int) -> str:
    """Return the recipient of the mail of this number."""
    return f"friend{number}@example.net"


def done(*, mails: int, seconds: float) -> None:
    """Print what was done."""
    print(json.dumps({"mails": mails, "seconds": seconds}))
