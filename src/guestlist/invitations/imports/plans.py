"""What an import is to do, as a task keeps it."""

from __future__ import annotations

import dataclasses
import datetime
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from guestlist.invitations.basis import Why
from guestlist.invitations.imports.columns import Layout

if TYPE_CHECKING:
    from collections.abc import Mapping


class When(models.TextChoices):
    """When the mail of what is imported leaves."""

    NOW = "now", _("Send now")
    LATER = "later", _("Send later")
    KEEP = "keep", _("Do not send yet: keep as Not Sent")


@dataclass(frozen=True, slots=True)
class Plan:
    """How a file is read, and what is the same for all of its rows where no column says otherwise."""

    layout: Layout
    width: int
    """How many columns the file has."""
    store_view: int
    group: int | None = None
    """None is "as configured"."""
    occasion: int | None = None
    message: str = ""
    when: str = When.KEEP
    ready_at: datetime.datetime | None = None
    """When mail that is to be sent later leaves."""
    again: bool = False
    """Whether who has an open invitation is invited again."""
    basis: str = ""
    basis_text: str = ""

    @property
    def is_sent(self) -> bool:
        """Whether mail leaves at all."""
        return self.when != When.KEEP

    @property
    def why(self) -> Why:
        """Why these people may be mailed."""
        return Why(self.basis, self.basis_text)

    def as_settings(self) -> dict[str, Any]:
        """Return it as JSON that :meth:`from_settings` reads."""
        values = dataclasses.asdict(self)
        values["ready_at"] = self.ready_at.isoformat() if self.ready_at else None
        return values

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Self:
        """Read what :meth:`as_settings` wrote; what else a task keeps does not count."""
        values = {one.name: settings[one.name] for one in dataclasses.fields(cls)}
        moment = values["ready_at"]
        values["layout"] = Layout(**values["layout"])
        values["ready_at"] = datetime.datetime.fromisoformat(moment) if moment else None
        return cls(**values)


@dataclass(slots=True)
class Run:
    """How far an import is: what its task's settings keep besides the plan."""

    verdicts: dict[str, int] = field(default_factory=dict)
    """Of the dry run: by verdict, how many rows have it."""
    number: int = 0
    """The number of the last row that was read."""
    sends: dict[str, dict[str, int | None]] = field(default_factory=dict)
    """By store view: the send that its mails leave in, where they are that many, and what they are made with."""
    kept: int = 0
    """How many were kept as Not Sent, because somebody had stopped the send that their mail was to leave in."""

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Self:
        """Read it."""
        return cls(**settings.get("run", {}))

    def keep(self, settings: dict[str, Any]) -> None:
        """Write it down."""
        settings["run"] = dataclasses.asdict(self)
