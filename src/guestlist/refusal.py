"""The base class of every "no" that a person can do something about.

A :class:`Refusal` is an answer, not a bug: it carries a stable code for programs, a sentence for people and the data
that the sentence was made from. Subclasses stand beside the function that raises them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise


class Refusal(Exception):  # noqa: N818 - it is an answer, not an error
    """What was asked is not allowed or not possible, and here is why."""

    code: ClassVar[str] = "refused"
    message: ClassVar[str | _StrPromise] = _("This is not possible.")

    def __init__(self, **data: object) -> None:
        """Keep the values that complete the sentence."""
        super().__init__(self.code)
        self.data = data

    def __str__(self) -> str:
        """Return the sentence in the active language."""
        return str(self.message) % self.data if self.data else str(self.message)
