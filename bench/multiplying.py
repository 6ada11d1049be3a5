"""Makes a filled outbox many times as large, in PostgreSQL alone: a million mails in a minute instead of twenty.

Every row of the filling is copied with ids of its own; the deltas of totals and figures grow alike, so that all adds up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg import sql

if TYPE_CHECKING:
    from typing import Any

    import psycopg

_INVITATION = "guestlist_invitations_invitation"
_MESSAGE = "guestlist_mail_message"


@dataclass(frozen=True, slots=True)
class _Table:
    """A table whose rows are copied, and what the copy number ``n`` makes of a column; others stay as they are."""

    name: str
    changes: dict[str, str]
    counts_by: str = "id"
    """The column that its sequence gives out; empty where it has none."""


def _shifted(column: str, table: str) -> str:
    return f"{column} + n * (SELECT last FROM shifts WHERE name = '{table}')"


_TABLES = (
    _Table(
        _INVITATION,
        {
            "id": _shifted("id", _INVITATION),
            "public_id": "gen_random_uuid()",
            # Any 16 bytes that nobody else has: it is compared, not read.
            "address_hash": "substring(sha256(address_hash || n::text::bytea) for 16)",
            "mail_id": _shifted("mail_id", _MESSAGE),
        },
    ),
    _Table(
        "guestlist_invitations_invitationaddress",
        {
            "invitation_id": _shifted("invitation_id", _INVITATION),
            "typed": "'copy' || n || '.' || typed",
            "normalized": "'copy' || n || '.' || normalized",
        },
        counts_by="",
    ),
    _Table(
        "guestlist_invitations_invitationnote",
        {"invitation_id": _shifted("invitation_id", _INVITATION)},
        counts_by="",
    ),
    _Table(
        "guestlist_invitations_invitationevent",
        {
            "id": "nextval(pg_get_serial_sequence('guestlist_invitations_invitationevent', 'id'))",
            "invitation_id": _shifted("invitation_id", _INVITATION),
        },
        counts_by="",
    ),
    _Table(
        _MESSAGE,
        {"id": _shifted("id", _MESSAGE), "subject_id": _shifted("subject_id", _INVITATION)},
    ),
)
_SUMS = ("guestlist_mail_delta", "guestlist_mail_sendtotal", "guestlist_invitations_figuresdelta")
"""Tables of amounts, of which nothing was folded yet by a worker: a filled shop has had none."""


def multiply(connection: psycopg.Connection[Any], *, times: int) -> None:
    """Make every mail of a filled outbox, with all that belongs to it, so many times as often as it was."""
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE shifts (name text, last bigint) ON COMMIT DROP")
        for name in (_INVITATION, _MESSAGE):
            cursor.execute(
                sql.SQL("INSERT INTO shifts SELECT {}, max(id) FROM {}").format(
                    sql.Literal(name), sql.Identifier(name)
                )
            )
        for table in _TABLES:
            cursor.execute(_copies(cursor, table, times))
        for table in _TABLES:
            if table.counts_by:
                cursor.execute(
                    sql.SQL("SELECT setval(pg_get_serial_sequence({}, {}), max({})) FROM {}").format(
                        sql.Literal(table.name),
                        sql.Literal(table.counts_by),
                        sql.Identifier(table.counts_by),
                        sql.Identifier(table.name),
                    )
                )
        # Copies stand after what was there; a send is looked for between its ends.
        cursor.execute(
            sql.SQL(
                "UPDATE guestlist_mail_send SET (last_mail, last_subject) = (SELECT max(id), max(subject_id) FROM {}"
                " WHERE send_id = guestlist_mail_send.id) WHERE last_mail IS NOT NULL"
            ).format(sql.Identifier(_MESSAGE))
        )
        for name in _SUMS:
            cursor.execute(
                sql.SQL("UPDATE {} SET amount = amount * {}").format(sql.Identifier(name), sql.Literal(times))
            )


def _copies(cursor: psycopg.Cursor[Any], table: _Table, times: int) -> sql.Composed:
    columns = [
        row[0]
        for row in cursor.execute(
            "SELECT column_name FROM information_schema.columns"
            " WHERE table_name = %s AND is_generated = 'NEVER' ORDER BY ordinal_position",
            [table.name],
        ).fetchall()
        # What the database fills by itself, such as the id of the transaction, it fills here too.
        if row[0] != "transaction"
    ]
    values = [
        sql.SQL(table.changes[name]) if name in table.changes else sql.Identifier(name) for name in columns
    ]
    return sql.SQL(
        "INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM {}, generate_series(1, {}) AS n"
    ).format(
        sql.Identifier(table.name),
        sql.SQL(", ").join(map(sql.Identifier, columns)),
        sql.SQL(", ").join(values),
        sql.Identifier(table.name),
        sql.Literal(times - 1),
    )
