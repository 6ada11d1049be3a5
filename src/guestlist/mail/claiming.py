"""How workers share the outbox: raw SQL per database, in this module alone.

A claim is one statement, so that two workers never hold the same row: PostgreSQL skips what another one is just
claiming, SQLite lets one writer in at a time. Rows are claimed by lane, the single mails of a sender or one bulk send, so
that what is paused, stopped or held is never looked through.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from functools import partial
from itertools import batched
from typing import TYPE_CHECKING

from django.db import connection
from django.db.models import OuterRef, Subquery

from guestlist.mail.kinds import Row
from guestlist.mail.models import Message, MessageState, Send, SenderIdentity
from guestlist.stores.lookups import array

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

_IN_A_STATEMENT = 10_000
"""Ids: SQLite takes 32,766 parameters."""
_TABLE = Message._meta.db_table
_COLUMNS = (
    "id",
    "kind",
    "subject_id",
    "send_id",
    "store_view_id",
    "sender_id",
    "template_version_id",
    "queued_at",
    "tries",
)

# The rows are picked in an array of their own: inside IN (…) PostgreSQL may run the inner query more than once, and would
# then lock more rows than the limit says; and joined with them, it may read the whole outbox.
_CLAIM_POSTGRESQL = f"""
    UPDATE {_TABLE} SET state = 'leased', lease_until = %s, worker = %s
    WHERE id = ANY(ARRAY(
        SELECT id FROM {_TABLE}
        WHERE state = 'ready' AND sender_id = %s AND SEND AND ready_at <= %s
        ORDER BY ready_at, id LIMIT %s
        FOR UPDATE SKIP LOCKED
    ))
    RETURNING {", ".join(_COLUMNS)}
"""  # noqa: S608 - names of a table and its columns, no input
_CLAIM_SQLITE = f"""
    UPDATE {_TABLE} SET state = 'leased', lease_until = %s, worker = %s
    WHERE id IN (
        SELECT id FROM {_TABLE}
        WHERE state = 'ready' AND sender_id = %s AND SEND AND ready_at <= %s
        ORDER BY ready_at, id LIMIT %s
    )
    RETURNING {", ".join(_COLUMNS)}
"""  # noqa: S608
_SETTLE = f"""
    UPDATE {_TABLE} SET state = %s, code = %s, ended_at = %s, worker = '', lease_until = NULL, tries = tries + 1
    WHERE state = 'leased' AND worker = %s AND id IDS
    RETURNING id
"""  # noqa: S608


# What `Row._make` does but for counting the columns, in a fifth of the time.
_row = partial(tuple.__new__, Row)


@dataclass(frozen=True, slots=True)
class Lane:
    """Where mail waits: the single mails of a sender, or a bulk send."""

    sender: SenderIdentity
    send: Send | None = None


def lanes(*, now: datetime.datetime) -> list[Lane]:
    """Return the lanes where mail is due, in two queries: single mails first, each the longest waiting first.

    Senders that are stopped or held have none, nor have sends that are paused, held or stopped.
    """
    due = Message.objects.due(now).order_by("ready_at", "pk").values("ready_at")
    senders = (
        SenderIdentity.objects.filter(stopped_at=None, held_at=None)
        .annotate(waits=Subquery(due.filter(sender=OuterRef("pk"), send=None)[:1]))
        .exclude(waits=None)
    )
    sends = (
        Send.objects.running()
        .filter(sender__stopped_at=None, sender__held_at=None)
        .annotate(waits=Subquery(due.filter(sender=OuterRef("sender"), send=OuterRef("pk"))[:1]))
        .exclude(waits=None)
    )
    return [
        *(Lane(sender) for sender in senders.order_by("waits", "pk")),
        *(
            Lane(send.sender, send)
            for send in sends.select_related("store_view", "sender").order_by("waits", "pk")
            if send.sender is not None
        ),
    ]


def claim(
    lane: Lane, *, limit: int, worker: str, now: datetime.datetime, lease_until: datetime.datetime
) -> list[Row]:
    """Lease up to `limit` due rows of a lane to a worker and return them, the longest queued first."""
    if limit < 1:
        return []
    which = "send_id IS NULL" if lane.send is None else f"send_id = {int(lane.send.pk)}"
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            sql = _CLAIM_POSTGRESQL.replace("SEND", which)
            cursor.execute(sql, [lease_until, worker, lane.sender.pk, now, limit])
            rows = list(map(_row, cursor.fetchall()))
        else:
            adapt = connection.ops.adapt_datetimefield_value
            sql = _CLAIM_SQLITE.replace("SEND", which)
            cursor.execute(sql, [adapt(lease_until), worker, lane.sender.pk, adapt(now), limit])
            rows = [_from_sqlite(row) for row in cursor.fetchall()]
    rows.sort()
    return rows


def _from_sqlite(row: Sequence[object]) -> Row:
    """Return the row with its time as a moment: raw SQL gets it as the text that SQLite keeps."""
    made = Row._make(row)
    return made._replace(
        queued_at=datetime.datetime.fromisoformat(str(made.queued_at)).replace(tzinfo=datetime.UTC)
    )


def settle(
    *, ids: Sequence[int], worker: str, state: MessageState, code: str, now: datetime.datetime
) -> set[int]:
    """Write one end for rows that the worker still holds, and return their ids; the others belong to another by now."""
    if not ids:
        return set()
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            sql = _SETTLE.replace("IDS", "= ANY(%s::bigint[])")
            cursor.execute(sql, [state, code, now, worker, array(ids)])
        else:
            marks = ", ".join(["%s"] * len(ids))
            ended_at = connection.ops.adapt_datetimefield_value(now)
            cursor.execute(_SETTLE.replace("IDS", f"IN ({marks})"), [state, code, ended_at, worker, *ids])
        if cursor.rowcount == len(ids):
            return set(ids)
        return {row[0] for row in cursor.fetchall()}


def release(
    *, ids: Collection[int], worker: str, ready_at: datetime.datetime | None = None, code: str | None = None
) -> int:
    """Put back rows that the worker holds and did not hand over; returns how many.

    They keep their turn, unless `ready_at` says when it comes again; `code` says why.
    """
    changes: dict[str, object] = {"state": MessageState.READY, "worker": "", "lease_until": None}
    if ready_at is not None:
        changes["ready_at"] = ready_at
    if code is not None:
        changes["code"] = code
    held = Message.objects.filter(state=MessageState.LEASED, worker=worker)
    return sum(held.filter(pk__any_of=set(some)).update(**changes) for some in batched(ids, _IN_A_STATEMENT))


def held_by(worker: str, *, most: int) -> list[Row]:
    """Return rows leased to a worker of this name, whatever became of their lease."""
    return _rows(most, state=MessageState.LEASED, worker=worker)


def expired_workers(*, now: datetime.datetime) -> list[str]:
    """Return the names of workers whose leases ran out: they died, hang, or lost the database."""
    return list(
        Message.objects.filter(state=MessageState.LEASED, lease_until__lt=now)
        .order_by("worker")
        .values_list("worker", flat=True)
        .distinct()
    )


def expired(*, worker: str, now: datetime.datetime, most: int) -> list[Row]:
    """Return rows of a worker whose lease ran out."""
    return _rows(most, state=MessageState.LEASED, worker=worker, lease_until__lt=now)


def _rows(most: int, **which: object) -> list[Row]:
    found = Message.objects.filter(**which).order_by("pk").values_list(*_COLUMNS)[:most]
    return [Row._make(row) for row in found]
