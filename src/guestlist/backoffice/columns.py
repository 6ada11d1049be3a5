"""The columns of the grid, and which of them somebody wants to see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_lazy, pgettext_lazy

from guestlist.invitations.models import GridColumns
from guestlist.invitations.parts import Sort

if TYPE_CHECKING:
    from collections.abc import Collection


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its code, its head, and what it sorts by, if anything."""

    code: str
    label: Any
    sort: Sort | None = None


ALWAYS = ("id", "email")
"""The columns by which a row is known."""
COLUMNS = (
    Column("id", gettext_lazy("ID"), Sort.ID),
    Column("email", gettext_lazy("Email"), Sort.EMAIL),
    Column("invitee", gettext_lazy("Invitee")),
    Column("inviter", gettext_lazy("Inviter")),
    Column("sent", pgettext_lazy("column", "Sent"), Sort.SENT),
    Column("registered", pgettext_lazy("column", "Registered"), Sort.REGISTERED),
    Column("status", gettext_lazy("Status")),
    Column("delivery", gettext_lazy("Delivery")),
    Column("website", gettext_lazy("Valid website")),
    Column("group", gettext_lazy("Invitee group")),
    Column("occasion", gettext_lazy("Occasion")),
)
OPTIONAL = tuple(one for one in COLUMNS if one.code not in ALWAYS)


def of(user_id: int | None) -> list[Column]:
    """Return the columns that somebody sees, in their order."""
    row = GridColumns.objects.filter(user=user_id).first()
    return list(COLUMNS) if row is None else [one for one in COLUMNS if one.code in {*ALWAYS, *row.columns}]


def chosen(codes: Collection[str]) -> list[str] | None:
    """Return the codes that there are among those that a form sent; None where that is all of them."""
    found = [one.code for one in OPTIONAL if one.code in codes]
    return None if len(found) == len(OPTIONAL) else found
