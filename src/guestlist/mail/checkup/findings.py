"""What a look at the set-up of mail brings to light: typed, so that the command and the staff site show the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise


class Level(TextChoices):
    """How bad it is."""

    OK = "ok", _("ok")
    WARNING = "warning", _("warning")
    """Mail arrives, but not as surely as it could; or this cannot be seen from here."""
    PROBLEM = "problem", _("problem")
    """Large mailbox providers refuse mail for it, or will."""


class Topic(TextChoices):
    """What it is about."""

    SERVER = "server", _("Mail server")
    SENDERS = "senders", _("Senders")
    TLS = "tls", _("TLS")
    REVERSE = "reverse", _("Reverse name")
    SPF = "spf", _("SPF")
    DKIM = "dkim", _("DKIM")
    DMARC = "dmarc", _("DMARC")
    REPLIES = "replies", _("Replies")
    BOUNCES = "bounces", _("Bounces")
    DOMAIN = "domain", _("Domain")
    RULES = "rules", _("Bulk rules")


@dataclass(frozen=True, slots=True)
class Record:
    """A DNS record to publish, to be copied as it stands."""

    name: str
    kind: str
    value: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: a code for programs, and for people a sentence that says what to do.

    ``subject`` is the domain, address or server that it is about. ``seen`` is false where it cannot be judged from here.
    """

    code: str
    level: Level
    topic: Topic
    subject: str
    sentence: str | _StrPromise
    data: Mapping[str, object] = field(default_factory=dict)
    record: Record | None = None
    seen: bool = True

    @property
    def message(self) -> str:
        """The sentence in the active language."""
        data = {name: _joined(value) for name, value in self.data.items()}
        return str(self.sentence) % {"subject": self.subject, **data}

    def as_data(self) -> dict[str, object]:
        """Return it for programs, in JSON's types."""
        record = self.record
        return {
            "code": self.code,
            "level": self.level.value,
            "topic": self.topic.value,
            "subject": self.subject,
            "message": self.message,
            "record": {"name": record.name, "type": record.kind, "value": record.value} if record else None,
        }


def _joined(value: object) -> str:
    return ", ".join(str(one) for one in value) if isinstance(value, (list, tuple)) else str(value)
