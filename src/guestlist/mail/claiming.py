"""How workers share the outbox: raw SQL per database, in this module alone.

A claim is one statement, so that two workers never hold the same row: PostgreSQL skips what another one is just
claiming, SQLite lets one writer in at a time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import connection

from guestlist.mail.models import Message, MessageState, SenderIdentity

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

_TABLE = Message._meta.db_table

# The rows are picked in a materialized step of their own: inside IN (…) PostgreSQL may run the inner query more than
# once, and would then lock more rows than the limit says.
_CLAIM_POSTGRESQL = f"""
    WITH picked AS MATERIALIZED (
        SELECT id FROM {_TABLE}
        WHERE state = 'ready' AND ready_at <= %s AND sender_id = ANY(%s)
        ORDER BY ready_at, id LIMIT %s
        FOR UPDATE SKIP LOCKED
    )
    UPDATE {_TABLE} AS message SET state = 'leased', lease_until = %s, worker = %s
    FROM picked WHERE message.id = picked.id
    RETURNING message.id
"""  # noqa: S608 - a table's name, no input
_CLAIM_SQLITE = f"""
    UPDATE {_TABLE} SET state = 'leased', lease_until = %s, worker = %s
    WHERE id IN (
        SELECT id FROM {_TABLE}
        WHERE state = 'ready' AND ready_at <= %s AND sender_id IN (SENDERS)
        ORDER BY ready_at, id LIMIT %s
    )
    RETURNING id
"""  # noqa: S608


def next_website(*, now: datetime.datetime) -> int | None:
    """Return the website whose mail has waited longest, those of stopped senders apart."""
    return (
        Message.objects.due(now)
        .filter(sender__stopped_at=None)
        .order_by("ready_at", "pk")
        .values_list("sender__website_id", flat=True)
        .first()
    )


def claim(
    *, website_id: int, limit: int, worker: str, now: datetime.datetime, lease_until: datetime.datetime
) -> list[int]:
    """Lease up to `limit` due rows of a website to a worker and return their ids."""
    senders = list(
        SenderIdentity.objects.filter(website=website_id, stopped_at=None)
        .order_by("pk")
        .values_list("pk", flat=True)
    )
    if not senders or limit < 1:
        return []
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(_CLAIM_POSTGRESQL, [now, senders, limit, lease_until, worker])
        else:
            adapt = connection.ops.adapt_datetimefield_value
            sql = _CLAIM_SQLITE.replace("SENDERS", ", ".join(["%s"] * len(senders)))
            cursor.execute(sql, [adapt(lease_until), worker, adapt(now), *senders, limit])
        return sorted(row[0] for row in cursor.fetchall())


def release(*, ids: Sequence[int], worker: str) -> int:
    """Put back rows that the worker holds and did not hand over; they keep their turn. Returns how many."""
    return Message.objects.filter(pk__in=ids, state=MessageState.LEASED, worker=worker).update(
        state=MessageState.READY, worker="", lease_until=None
    )


def reclaim(*, now: datetime.datetime) -> int:
    """Put back rows whose lease ran out, because their worker died or hangs; returns how many.

    Whether the server took them before is in doubt; they are sent again under the same Message-ID.
    """
    expired = Message.objects.filter(state=MessageState.LEASED, lease_until__lt=now)
    # Asked first: on SQLite an UPDATE takes the one writer's place, also when it finds nothing.
    return expired.update(state=MessageState.READY, worker="", lease_until=None) if expired.exists() else 0
