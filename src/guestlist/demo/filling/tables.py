"""Writes made-up rows as fast as each database takes them: COPY on PostgreSQL, many at once on SQLite."""

from __future__ import annotations

import contextlib
from collections import Counter
from typing import TYPE_CHECKING, Any

from django.db import connection

from guestlist.customers.models import Customer
from guestlist.invitations.models import (
    Credit,
    FiguresDay,
    FiguresMonth,
    Invitation,
    InvitationAddress,
    InvitationEvent,
    InvitationNote,
    SentBlock,
)
from guestlist.mail.models import Message
from guestlist.stores import copying

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterator, Sequence

    from django.db.models import Model

    from guestlist.demo.filling.story import Rows

_FIGURE = ("store_view_id", "basis", "day", "measure", "currency", "amount")
COLUMNS: dict[type[Model], tuple[str, ...]] = {
    Customer: (
        *("id", "public_id", "website_id", "group_id", "store_view_id", "email"),
        *("first_name", "last_name", "created_at"),
    ),
    Invitation: (
        *("id", "public_id", "website_id", "store_view_id", "inviter_id", "staff_id", "occasion_id"),
        *("group_id", "invitee_id", "status", "reason", "channel", "delivery", "mail_id", "resends"),
        *("link_generation", "repeat", "address_hash", "created_at", "sent_at", "sent_day"),
        *("created_day", "expires_at", "accepted_at"),
    ),
    InvitationAddress: ("invitation_id", "website_id", "typed", "normalized", "name"),
    InvitationNote: ("invitation_id", "message", "label"),
    InvitationEvent: (
        *("invitation_id", "kind", "origin", "target", "at", "day"),
        *("actor_kind", "actor_id", "reason", "detail"),
    ),
    Credit: ("invitation_id", "invitee_id", "share"),
    FiguresDay: _FIGURE,
    FiguresMonth: _FIGURE,
    SentBlock: ("day", "until", "block"),
    Message: (
        *("id", "kind", "subject_id", "send_id", "store_view_id", "sender_id", "template_version_id"),
        *("state", "ready_at", "queued_at", "ended_at", "worker", "tries", "code"),
    ),
}
"""Of each table, in the order of the values of a row; what is left out has a default."""
_NUMBERED = (Customer, Invitation, Message)
"""Whose ids are made up too: the database goes on after them."""


class Writer:
    """Writes parts of rows, and the figures at the end; call it inside a transaction."""

    def __init__(self, *, few: bool) -> None:
        """Begin; for ``few`` rows indexes stay."""
        self._few = few
        self._figures: Counter[tuple[int, str, datetime.date, str]] = Counter()
        self._blocks: set[tuple[datetime.date, datetime.date, int]] = set()

    def write(self, rows: Rows) -> None:
        """Write a part."""
        _insert(Customer, rows.customers)
        _insert(Invitation, rows.invitations)
        _insert(InvitationAddress, rows.addresses)
        _insert(InvitationNote, rows.notes)
        _insert(InvitationEvent, rows.events)
        _insert(Credit, rows.credits)
        _insert(Message, rows.mails)
        self._figures.update(rows.figures)
        self._blocks |= rows.blocks

    def finish(self) -> None:
        """Write what is said of all rows together, and let the database go on after their ids."""
        months: Counter[tuple[int, str, datetime.date, str]] = Counter()
        for (view, basis, day, measure), amount in self._figures.items():
            months[view, basis, day.replace(day=1), measure] += amount
        for model, amounts in ((FiguresDay, self._figures), (FiguresMonth, months)):
            _insert(model, [(*key, "", amount) for key, amount in sorted(amounts.items())])
        _insert(SentBlock, sorted(self._blocks))
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                for numbered in _NUMBERED:
                    table = numbered._meta.db_table
                    cursor.execute(
                        f"SELECT setval(pg_get_serial_sequence(%s, 'id'), (SELECT max(id) FROM {table}))",  # noqa: S608
                        [table],
                    )

    @contextlib.contextmanager
    def without_indexes(self) -> Iterator[None]:
        """Take the indexes of the tables away on PostgreSQL, and make them anew at the end: sooner done than kept."""
        if self._few or connection.vendor != "postgresql":
            yield
            return
        with connection.cursor() as cursor:
            # Foreign keys are checked with each statement: what is checked at the end keeps indexes from being made.
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            names = [model._meta.db_table for model in COLUMNS]
            cursor.execute(
                "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = ANY(%s) AND indexname NOT IN"
                " (SELECT conname FROM pg_constraint)",
                [names],
            )
            taken = cursor.fetchall()
            for name, _definition in taken:
                cursor.execute(f"DROP INDEX {connection.ops.quote_name(name)}")
            yield
            cursor.execute("SET LOCAL maintenance_work_mem = '1GB'")
            for _name, definition in taken:
                cursor.execute(definition)


def settle() -> None:
    """Let the database see what it has."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)" if connection.vendor == "postgresql" else "ANALYZE")


def _insert(model: type[Model], rows: Sequence[tuple[Any, ...]]) -> None:
    copying.insert(model._meta.db_table, COLUMNS[model], rows)
