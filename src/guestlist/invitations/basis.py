"""Why people may be mailed whom no customer invites: whoever lets that mail leave says so, and it is kept."""

from __future__ import annotations

import re
from dataclasses import dataclass

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from guestlist.refusal import Refusal

LONGEST = 300
"""Characters of the words."""
_ADDRESS = re.compile(r"\S*@\S*")


class Basis(models.TextChoices):
    """The reasons that the law knows (GDPR article 6; e-privacy directive, article 13)."""

    CONSENT = "consent", pgettext_lazy("basis", "They agreed to it")
    CUSTOMER = "customer", pgettext_lazy("basis", "They bought something similar from us")
    ASKED = "asked", pgettext_lazy("basis", "They asked for it")
    PUBLISHED = "published", pgettext_lazy("basis", "It is a published business address")
    OTHER = "other", pgettext_lazy("basis", "Another reason")


class NoBasis(Refusal):
    """Nobody said why these people may be mailed."""

    code = "no_basis"
    message = _("Say why these people may be mailed.")


@dataclass(frozen=True, slots=True)
class Why:
    """One of the reasons, empty where nobody said any, and what else was said about it."""

    basis: str = ""
    words: str = ""

    def __str__(self) -> str:
        """Return it as people read it."""
        known = dict(Basis.choices)
        return ": ".join(str(one) for one in (known.get(self.basis, self.basis), self.words) if one)

    def require(self) -> None:
        """Let mail leave.

        :raises NoBasis: when none of the reasons was given.
        """
        if self.basis not in Basis.values:
            raise NoBasis

    def as_detail(self) -> dict[str, str]:
        """Return it as the history keeps it, which never has an address."""
        words = _ADDRESS.sub("…", self.words)
        return {"basis": self.basis, "words": words} if self.basis else {}


UNSAID = Why()
"""Nobody said why: nothing may be mailed."""
