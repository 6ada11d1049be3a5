"""The statements of the set-based moves: raw SQL per database, in this module alone; only `moves` may use it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.db import connection

from guestlist.invitations.lifecycle import Reason, Status
from guestlist.invitations.models import WAITING, Delivery, EventKind, Invitation, InvitationEvent
from guestlist.stores.lookups import array

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping, Sequence

    from guestlist.stores.actors import Actor

_INVITATION = Invitation._meta.db_table
_EVENT = InvitationEvent._meta.db_table

# Locked in the order of ids first, as everybody does who takes several, so that nobody waits in a circle: all of them,
# because the caller goes on with those that do not leave for the first time. Taken from there as an array: joined with it,
# PostgreSQL may read the whole table.
_LEAVE_POSTGRESQL = f"""
    WITH locked AS MATERIALIZED (
        SELECT id, status, delivery FROM {_INVITATION} WHERE id = ANY(%s::bigint[])
        ORDER BY id FOR NO KEY UPDATE
    )
    UPDATE {_INVITATION}
    SET status = %s, reason = %s, delivery = %s, sent_at = %s, sent_day = %s, expires_at = %s
    WHERE id = ANY(ARRAY(SELECT id FROM locked WHERE status = %s AND delivery = ANY(%s::text[])))
    RETURNING id
"""  # noqa: S608 - names of tables, no input
_LEAVE_SQLITE = f"""
    UPDATE {_INVITATION}
    SET status = %s, reason = %s, delivery = %s, sent_at = %s, sent_day = %s, expires_at = %s
    WHERE id IN (IDS) AND status = %s AND delivery IN (DELIVERIES)
    RETURNING id
"""  # noqa: S608
_EVENTS_POSTGRESQL = f"""
    INSERT INTO {_EVENT}
        (invitation_id, kind, origin, target, at, actor_kind, actor_id, reason, detail)
    SELECT each.id, %s, %s, %s, %s, %s, %s::bigint, %s, each.detail
    FROM ROWS FROM (unnest(%s::bigint[]), jsonb_array_elements(%s::jsonb)) AS each (id, detail)
"""  # noqa: S608
_EVENTS_SQLITE = f"""
    INSERT INTO {_EVENT}
        (kind, origin, target, at, actor_kind, actor_id, reason, invitation_id, detail)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
"""  # noqa: S608
_MAY_LEAVE = [*WAITING, Delivery.IN_DOUBT]


def leave(
    ids: Sequence[int],
    *,
    sent_at: datetime.datetime,
    sent_day: datetime.date,
    expires_at: datetime.datetime | None,
) -> list[int]:
    """Make Not Sent invitations with a mail on its way Sent, and return their ids."""
    if not ids:
        return []
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            sets: list[Any] = [
                Status.SENT,
                Reason.HANDED_OVER,
                Delivery.HANDED_OVER,
                sent_at,
                sent_day,
                expires_at,
            ]
            which: list[Any] = [Status.NOT_SENT, array(one.value for one in _MAY_LEAVE)]
            cursor.execute(_LEAVE_POSTGRESQL, [array(ids), *sets, *which])
        else:
            adapt = connection.ops.adapt_datetimefield_value
            day = connection.ops.adapt_datefield_value(sent_day)
            sets = [
                Status.SENT,
                Reason.HANDED_OVER,
                Delivery.HANDED_OVER,
                adapt(sent_at),
                day,
                adapt(expires_at),
            ]
            sql = _LEAVE_SQLITE.replace("IDS", ", ".join(["%s"] * len(ids)))
            sql = sql.replace("DELIVERIES", ", ".join(["%s"] * len(_MAY_LEAVE)))
            cursor.execute(sql, [*sets, *ids, Status.NOT_SENT, *_MAY_LEAVE])
        if cursor.rowcount == len(ids):
            return list(ids)
        return sorted(row[0] for row in cursor.fetchall())


def insert_events(
    ids: Sequence[int],
    *,
    kind: EventKind,
    origin: Status,
    target: Status,
    reason: Reason,
    actor: Actor,
    at: datetime.datetime,
    details: Mapping[int, Mapping[str, Any]],
) -> None:
    """Write one event for each invitation, the same but for its detail."""
    if not ids:
        return
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            shared: list[Any] = [kind, origin, target, at, actor.kind, actor.id, reason]
            written = json.dumps([details[one] for one in ids])
            cursor.execute(_EVENTS_POSTGRESQL, [*shared, array(ids), written])
        else:
            moment = connection.ops.adapt_datetimefield_value(at)
            shared = [kind, origin, target, moment, actor.kind, actor.id, reason]
            cursor.executemany(_EVENTS_SQLITE, [(*shared, one, json.dumps(details[one])) for one in ids])
