"""Rows of an import become invitations with all that belongs to them: the statements of `importing`, and its alone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import connection, transaction

from guestlist.invitations.actions.staging import ROWS, moment_of
from guestlist.invitations.lifecycle import Reason, Status
from guestlist.invitations.models import (
    MAIL_KIND,
    Channel,
    Delivery,
    EventKind,
    Invitation,
    InvitationAddress,
    InvitationEvent,
    InvitationNote,
)
from guestlist.mail.models import Message, MessageState
from guestlist.stores.actors import ActorKind

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping, Sequence

    from guestlist.stores.actors import Actor

_INVITATION = Invitation._meta.db_table
_ADDRESS = InvitationAddress._meta.db_table
_NOTE = InvitationNote._meta.db_table
_EVENT = InvitationEvent._meta.db_table
_MESSAGE = Message._meta.db_table


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What the mails of a store view are made with; no send for a handful, which leave by themselves."""

    store_view_id: int
    send_id: int | None
    sender_id: int
    version_id: int


@dataclass(frozen=True, slots=True)
class Adopted:
    """What became of the rows of a store view: how many invitations, and between which ids they and their mails stand."""

    store_view_id: int
    number: int
    first: int
    last: int
    first_mail: int | None
    last_mail: int | None


@dataclass(frozen=True, slots=True)
class Adoption:
    """What is the same for all rows of a set."""

    task_id: int
    after: int
    until: int
    message: str
    """For those that have none of their own."""
    outgoing: Sequence[Outgoing]
    """Rows of store views that have none here are kept as Not Sent."""
    ready_at: datetime.datetime
    actor: Actor
    now: datetime.datetime
    days: Mapping[int, datetime.date]
    """The day that it is now at each of the rows' store views, by its id."""
    detail: Mapping[str, str]
    """What the history keeps of each besides."""


# What each table gets of a row `p` of those that are picked; `o` is how its store view's mail goes out.
_OF_INVITATION = {
    "id": "p.id",
    "public_id": "p.public_id",
    "website_id": "p.website_id",
    "store_view_id": "p.store_view_id",
    "inviter_id": "p.inviter_id",
    "staff_id": "CASE WHEN p.inviter_id IS NULL THEN CAST({staff} AS bigint) END",
    "occasion_id": "p.occasion_id",
    "group_id": "p.group_id",
    "status": f"'{Status.NOT_SENT}'",
    "reason": f"'{Reason.CREATED}'",
    "channel": f"'{Channel.MAIL}'",
    "delivery": f"CASE WHEN p.mail_id IS NULL THEN '{Delivery.NONE}' ELSE '{Delivery.QUEUED}' END",
    "mail_id": "p.mail_id",
    "resends": "0",
    "link_generation": "0",
    "repeat": "p.repeat",
    "address_hash": "p.address_hash",
    "created_at": "{now}",
    "created_day": "{day}",
}
_OF_ADDRESS = {
    "invitation_id": "p.id",
    "website_id": "p.website_id",
    "typed": "p.typed",
    "normalized": "p.normalized",
    "name": "p.name",
}
_OF_NOTE = {"invitation_id": "p.id", "message": "p.message", "label": "''"}
_OF_EVENT = {
    "invitation_id": "p.id",
    "kind": f"'{EventKind.CREATED}'",
    "target": f"'{Status.NOT_SENT}'",
    "at": "{now}",
    "day": "{day}",
    "actor_kind": "{actor_kind}",
    "actor_id": "CAST({actor_id} AS bigint)",
    "reason": f"'{Reason.CREATED}'",
    "detail": "{detail}",
}
_WHERE_THEY_STAND = "COUNT(*), MIN(p.id), MAX(p.id), MIN(p.mail_id), MAX(p.mail_id)"
_DAY_POSTGRESQL = "(%(days)s::jsonb ->> p.store_view_id::text)::date"
_DAY_SQLITE = "json_extract(%(days)s, '$.\"' || p.store_view_id || '\"')"
_OF_MESSAGE = {
    "id": "p.mail_id",
    "kind": f"'{MAIL_KIND}'",
    "subject_id": "p.id",
    "send_id": "o.send_id",
    "store_view_id": "p.store_view_id",
    "sender_id": "o.sender_id",
    "template_version_id": "o.version_id",
    "state": f"'{MessageState.READY}'",
    "ready_at": "{ready_at}",
    "queued_at": "{now}",
    "worker": "''",
    "tries": "0",
    "code": "''",
}


def adopt(what: Adoption) -> list[Adopted]:
    """Make invitations of the rows that are new between two numbers, the second included; returns what came of each view's.

    :raises IntegrityError: when somebody was faster with one of them; nothing of this piece is written then.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            return _on_sqlite(cursor, what)
        cursor.execute(
            "SELECT pg_get_serial_sequence(%s, 'id'), pg_get_serial_sequence(%s, 'id')",
            [_INVITATION, _MESSAGE],
        )
        cursor.execute(_postgresql(what, *cursor.fetchone()), _values(what))
        return [Adopted(*row) for row in cursor.fetchall()]


def _insert(table: str, values: dict[str, str], source: str) -> str:
    names = ", ".join(f'"{one}"' for one in values)
    return f"INSERT INTO {table} ({names}) SELECT {', '.join(values.values())} FROM {source}"  # noqa: S608


def _outgoing(what: Adoption) -> str:
    """Return the views' ways out as a table; ids only, so that they need no parameters."""
    rows = [
        f"({int(one.store_view_id)}, {_number(one.send_id)}, {int(one.sender_id)}, {int(one.version_id)})"
        for one in what.outgoing
    ]
    return ", ".join(rows) or "(0, 0, 0, 0)"


def _if_mailed(what: Adoption, mail_id: str) -> str:
    """Return the id of a row's mail, NULL for a store view whose rows are kept."""
    views = ", ".join(str(int(one.store_view_id)) for one in what.outgoing)
    return f"CASE WHEN s.store_view_id IN ({views}) THEN {mail_id} END" if views else "CAST(NULL AS bigint)"


def _number(one: int | None) -> str:
    return "CAST(NULL AS bigint)" if one is None else str(int(one))


_PICKED = f"""
    SELECT s.number, s.public_id, s.website_id, s.store_view_id, s.inviter_id, s.occasion_id, s.group_id, s.address_hash,
        s.repeat, s.typed, s.normalized, s.name, CASE WHEN s.message = '' THEN %(message)s ELSE s.message END AS message
    FROM {ROWS} s
    WHERE s.task_id = %(task)s AND s.number > %(after)s AND s.number <= %(until)s AND s.verdict = ''
"""  # noqa: S608


def _postgresql(what: Adoption, invitation: str, mail: str) -> str:
    """Return one statement for all tables (data-modifying WITH, manual 7.8.4), given the sequences of both tables' ids."""
    sending = _if_mailed(what, f"nextval('{mail}'::regclass)")
    # Nothing is joined with what another part returns: PostgreSQL takes that for a handful of rows, and loops over them.
    parts = [
        f"""picked AS MATERIALIZED (
            SELECT s.*, nextval('{invitation}'::regclass) AS id, {sending} AS mail_id
            FROM ({_PICKED} ORDER BY s.number) s
        )""",  # noqa: S608
        f"outgoing (store_view_id, send_id, sender_id, version_id) AS (VALUES {_outgoing(what)})",
        f"made AS ({_insert(_INVITATION, _OF_INVITATION, 'picked p')})",
        f"addressed AS ({_insert(_ADDRESS, _OF_ADDRESS, 'picked p')})",
        f"told AS ({_insert(_EVENT, _OF_EVENT, 'picked p')})",
        f"noted AS ({_insert(_NOTE, _OF_NOTE, 'picked p')} WHERE p.message <> '')",
    ]
    if what.outgoing:
        source = "picked p JOIN outgoing o USING (store_view_id)"
        parts.append(f"mailed AS ({_insert(_MESSAGE, _OF_MESSAGE, source)})")
    return f"""
        WITH {", ".join(_filled(one) for one in parts)}
        SELECT p.store_view_id, {_WHERE_THEY_STAND} FROM picked p GROUP BY p.store_view_id
    """  # noqa: S608


def _on_sqlite(cursor: Any, what: Adoption) -> list[Adopted]:  # noqa: ANN401 - Django's
    """Do the same one table after the other: a writer is alone there, so ids can be told beforehand by the rows' numbers."""
    invitation, mail = (_last_id(cursor, table) - what.after for table in (_INVITATION, _MESSAGE))
    mailing = _if_mailed(what, f"s.number + {mail}")
    picked = f"(SELECT s.*, s.number + {invitation} AS id, {mailing} AS mail_id FROM ({_PICKED}) s) p"  # noqa: S608
    outgoing = f"(SELECT column1 AS view_id, column2 AS send_id, column3 AS sender_id, column4 AS version_id FROM (VALUES {_outgoing(what)})) o"  # noqa: S608, E501
    statements = [
        _insert(_INVITATION, _OF_INVITATION, picked),
        _insert(_ADDRESS, _OF_ADDRESS, picked),
        _insert(_EVENT, _OF_EVENT, picked),
        f"{_insert(_NOTE, _OF_NOTE, picked)} WHERE p.message <> ''",
    ]
    if what.outgoing:
        statements.append(
            _insert(_MESSAGE, _OF_MESSAGE, f"{picked} JOIN {outgoing} ON o.view_id = p.store_view_id")
        )
    values = _values(what)
    for one in statements:
        cursor.execute(_filled(one), values)
    cursor.execute(
        f"SELECT p.store_view_id, {_WHERE_THEY_STAND} FROM {picked} GROUP BY p.store_view_id",  # noqa: S608
        values,
    )
    return [Adopted(*row) for row in cursor.fetchall()]


def _last_id(cursor: Any, table: str) -> int:  # noqa: ANN401 - Django's
    """Return the highest id that a table ever gave."""
    cursor.execute("SELECT seq FROM sqlite_sequence WHERE name = %s", [table])
    row = cursor.fetchone()
    return int(row[0]) if row else 0


def _filled(statement: str) -> str:
    """Put names of parameters in the places of the tables' expressions."""
    is_postgresql = connection.vendor == "postgresql"
    statement = statement.replace("{detail}", "%(detail)s::jsonb" if is_postgresql else "%(detail)s")
    statement = statement.replace("{day}", _DAY_POSTGRESQL if is_postgresql else _DAY_SQLITE)
    for name in ("staff", "now", "ready_at", "actor_kind", "actor_id"):
        statement = statement.replace(f"{{{name}}}", f"%({name})s")
    return statement


def _values(what: Adoption) -> dict[str, Any]:
    actor = what.actor
    return {
        "task": what.task_id,
        "after": what.after,
        "until": what.until,
        "message": what.message,
        "staff": actor.id if actor.kind == ActorKind.STAFF else None,
        "actor_kind": actor.kind.value,
        "actor_id": actor.id,
        "now": moment_of(what.now),
        "ready_at": moment_of(what.ready_at),
        "days": json.dumps({view_id: day.isoformat() for view_id, day in what.days.items()}),
        "detail": json.dumps(dict(what.detail)),
    }
