"""What a customer typed into the send form, checked field by field; nothing typed is ever lost."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from guestlist import addresses
from guestlist.invitations import actions
from guestlist.invitations.message import MessageHasControls, MessageHasLink, MessageTooLong
from guestlist.storefront import errors

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from django.http import QueryDict

    from guestlist.invitations.actions import Verdict
    from guestlist.occasions.models import Occasion
    from guestlist.refusal import Refusal

MOST_FIELDS = 200
"""Fields that the form shows again; what was pasted beyond them comes back in the last one."""


@dataclass(frozen=True, slots=True)
class Row:
    """One address field: what was typed, and what is said about it."""

    id: str
    value: str
    error: str = ""
    suggestion: str = ""
    focus: bool = False


@dataclass(frozen=True, slots=True)
class Problem:
    """One line of the summary above the form, with the field it leads to."""

    field_id: str
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Draft:
    """The form as it was typed."""

    addresses: tuple[str, ...]
    message: str = ""
    occasion: str = ""
    errors: Mapping[int, str] = field(default_factory=dict)
    whole: str = ""
    message_error: str = ""
    occasion_error: str = ""
    focus: int | None = None
    suggest: bool = False
    confirmed: frozenset[str] = frozenset()
    """Addresses that look mistyped and that the customer was asked about before."""

    @classmethod
    def of(cls, data: QueryDict) -> Draft:
        """Read the posted fields; several addresses in one field become several fields."""
        typed = [part for value in data.getlist("emails") for part in _parts(value)]
        return cls(
            addresses=tuple(typed),
            message=data.get("message", ""),
            occasion=data.get("occasion", ""),
            confirmed=frozenset(data.getlist("confirmed")),
        )

    @property
    def filled(self) -> tuple[str, ...]:
        """The addresses that are not blank."""
        return tuple(address for address in self.addresses if address)

    @property
    def is_fine(self) -> bool:
        """Whether nothing was found wrong with it."""
        return not (self.errors or self.whole or self.message_error or self.occasion_error)

    @property
    def is_doubtful(self) -> bool:
        """Whether an address looks mistyped that the customer was not asked about yet."""
        return any(addresses.suggestion(address) for address in set(self.filled) - self.confirmed)

    def with_another(self) -> Draft:
        """Give the draft with one more empty field, which gets the focus."""
        return replace(self, addresses=(*self.addresses, ""), focus=len(self.addresses))

    def without(self, at: int) -> Draft:
        """Give the draft without one of its fields."""
        rest = tuple(address for index, address in enumerate(self.addresses) if index != at)
        return replace(self, addresses=rest, focus=max(0, min(at, len(rest) - 1)))

    def with_suggestion(self, at: int) -> Draft:
        """Give the draft with the address that was probably meant."""
        changed = tuple(
            (addresses.suggestion(address) or address) if index == at else address
            for index, address in enumerate(self.addresses)
        )
        return replace(self, addresses=changed, focus=at)

    def with_verdicts(self, verdicts: Sequence[Verdict]) -> Draft:
        """Give the draft with one field per address and the answer that each got."""
        return replace(
            self,
            addresses=tuple(verdict.address for verdict in verdicts),
            errors={at: str(verdict.refusal) for at, verdict in enumerate(verdicts) if verdict.refusal},
            suggest=True,
        )

    def with_refusal(self, refusal: Refusal) -> Draft:
        """Give the draft with a refusal of the whole, said at the field that it is about."""
        kept = self.filled or ("",)
        if isinstance(refusal, actions.NobodyInvited):
            return replace(self, addresses=kept, errors={0: str(refusal)})
        if isinstance(refusal, (MessageTooLong, MessageHasLink, MessageHasControls)):
            return replace(self, addresses=kept, message_error=str(refusal))
        return replace(self, addresses=kept, whole=errors.sentence(refusal))

    def rows(self) -> list[Row]:
        """Give the fields to show: at least one, the first problem with the focus."""
        shown = self.addresses or ("",)
        if len(shown) > MOST_FIELDS:
            shown = (*shown[: MOST_FIELDS - 1], ", ".join(shown[MOST_FIELDS - 1 :]))
        first = min(self.errors, default=0 if self.whole else None) if self.focus is None else self.focus
        return [
            Row(
                id=f"email-{at + 1}",
                value=address,
                error=self.errors.get(at, ""),
                suggestion=(addresses.suggestion(address) or "") if self.suggest and address else "",
                focus=at == first,
            )
            for at, address in enumerate(shown)
        ]

    def problems(self) -> list[Problem]:
        """Give the lines of the summary, in the order of the fields."""
        lines = [Problem("email-1", _("Email addresses"), self.whole)] if self.whole else []
        lines += [
            Problem(row.id, row.value or _("Email address"), row.error) for row in self.rows() if row.error
        ]
        if self.occasion_error:
            lines.append(Problem("occasion", _("What is it for?"), self.occasion_error))
        if self.message_error:
            lines.append(Problem("message", _("A few words of your own"), self.message_error))
        return lines


def chosen_occasion(draft: Draft, occasions: Iterable[Occasion]) -> tuple[Draft, Occasion | None]:
    """Find the occasion that was chosen among the open ones; one that closed meanwhile is a problem of its field."""
    if not draft.occasion:
        return draft, None
    for occasion in occasions:
        if str(occasion.public_id) == draft.occasion:
            return draft, occasion
    return replace(
        draft, occasion="", occasion_error=_("This is over, or cannot be chosen. Choose again.")
    ), None


def _parts(value: str) -> list[str]:
    value = value.strip()
    if not value:
        return [""]
    return addresses.split(value) or [value]
