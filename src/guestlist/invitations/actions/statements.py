"""The statements of the set-based moves: raw SQL per database, in this module alone; only `moves` may use it."""

from __future__ import annotations

import datetime
import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.db import connection

from guestlist.invitations.lifecycle import Reason, Status
from guestlist.invitations.models import WAITING, Delivery, EventKind, Invitation, InvitationEvent
from guestlist.stores.actors import NotPermitted
from guestlist.stores.lookups import array

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from guestlist.stores.actors import Actor

SAME_GROUP = "same_group"
"""Why an invitation is left as it is: it has this group already."""
_INVITATION = Invitation._meta.db_table
_EVENT = InvitationEvent._meta.db_table

# Locked in the order of ids first, as everybody does who takes several, so that nobody waits in a circle: all of them,
# because the caller goes on with those that do not leave for the first time. Taken from there as an array: joined with it,
# PostgreSQL may read the whole table. Which ids it was is told only where it was not all of them, as it nearly always is.
_LEAVE_POSTGRESQL = f"""
    WITH locked AS MATERIALIZED (
        SELECT id, status, delivery FROM {_INVITATION} WHERE id = ANY(%s::bigint[])
        ORDER BY id FOR NO KEY UPDATE
    ), moved AS (
        UPDATE {_INVITATION}
        SET status = %s, reason = %s, delivery = %s, sent_at = %s, sent_day = %s, expires_at = %s
        WHERE id = ANY(ARRAY(SELECT id FROM locked WHERE status = %s AND delivery = ANY(%s::text[])))
        RETURNING id, created_day
    )
    SELECT created_day, COUNT(*), CASE WHEN SUM(COUNT(*)) OVER () < %s THEN ARRAY_AGG(id) END
    FROM moved GROUP BY created_day
"""  # noqa: S608 - names of tables, no input
_LEAVE_SQLITE = f"""
    UPDATE {_INVITATION}
    SET status = %s, reason = %s, delivery = %s, sent_at = %s, sent_day = %s, expires_at = %s
    WHERE id IN (IDS) AND status = %s AND delivery IN (DELIVERIES)
    RETURNING id, created_day
"""  # noqa: S608
_EVENTS_POSTGRESQL = f"""
    INSERT INTO {_EVENT}
        (invitation_id, kind, origin, target, at, day, actor_kind, actor_id, reason, detail)
    SELECT each.id, %s, %s, %s, %s, %s::date, %s, %s::bigint, %s, each.detail
    FROM ROWS FROM (unnest(%s::bigint[]), jsonb_array_elements(%s::jsonb)) AS each (id, detail)
"""  # noqa: S608
_EVENTS_SQLITE = f"""
    INSERT INTO {_EVENT}
        (kind, origin, target, at, day, actor_kind, actor_id, reason, invitation_id, detail)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""  # noqa: S608
_MAY_LEAVE = [*WAITING, Delivery.IN_DOUBT]

# What many go through at once: locked in the order of ids, changed and written into the history in one statement, which
# answers how many of which store view and day of sending that were, and of each other one why it was left.
_MANY_POSTGRESQL = f"""
    WITH locked AS MATERIALIZED (
        SELECT id, store_view_id, status, sent_day, delivery, mail_id, group_id,
            CASE WHEN website_id = ANY(COALESCE(%(websites)s::bigint[], ARRAY[website_id]))
                THEN CASE WHEN status = ANY(%(origins)s::text[]) THEN {{other}} ELSE status END
                ELSE '{NotPermitted.code}' END AS code
        FROM {_INVITATION} WHERE id = ANY(%(ids)s::bigint[])
        ORDER BY id FOR NO KEY UPDATE
    ), due AS MATERIALIZED (
        SELECT * FROM locked WHERE code = ''
    ), changed AS (
        UPDATE {_INVITATION} SET {{sets}} WHERE id = ANY(ARRAY(SELECT id FROM due))
    ), written AS (
        INSERT INTO {_EVENT} (invitation_id, kind, origin, target, at, day, actor_kind, actor_id, reason, detail)
        SELECT id, %(kind)s, {{origin}}, %(target)s, %(at)s, (%(days)s::jsonb ->> store_view_id::text)::date,
            %(actor_kind)s, %(actor_id)s::bigint, %(reason)s, {{detail}}
        FROM due
    )
    SELECT NULL, '', store_view_id, sent_day, COUNT(*),
        ARRAY_AGG(mail_id) FILTER (WHERE mail_id IS NOT NULL AND delivery = ANY(%(waiting)s::text[]))
    FROM due GROUP BY store_view_id, sent_day
    UNION ALL
    SELECT id, code, NULL, NULL, NULL, NULL FROM locked WHERE code <> ''
"""  # noqa: S608 - names of tables and codes, no input
_END_POSTGRESQL = _MANY_POSTGRESQL.format(
    other="''",
    sets="status = %(target)s, reason = %(reason)s,"
    " delivery = CASE WHEN delivery = ANY(%(waiting)s::text[]) THEN %(withdrawn)s ELSE delivery END",
    origin="status",
    detail="'{}'::jsonb",
)
_REGROUP_POSTGRESQL = _MANY_POSTGRESQL.format(
    other=f"CASE WHEN group_id IS NOT DISTINCT FROM %(group)s::bigint THEN '{SAME_GROUP}' ELSE '' END",
    sets="group_id = %(group)s::bigint",
    origin="NULL",
    detail="jsonb_build_object('from', group_id, 'to', %(group)s::bigint)",
)
_EVENTS_OF_SQLITE = f"""
    INSERT INTO {_EVENT} (invitation_id, kind, origin, target, at, day, actor_kind, actor_id, reason, detail)
    SELECT id, %(kind)s, {{origin}}, %(target)s, %(at)s, json_extract(%(days)s, '$."' || store_view_id || '"'),
        %(actor_kind)s, %(actor_id)s, %(reason)s, {{detail}}
    FROM {_INVITATION} WHERE id IN (SELECT value FROM json_each(%(due)s)) ORDER BY id
"""  # noqa: S608
_END_EVENTS_SQLITE = _EVENTS_OF_SQLITE.format(origin="status", detail="'{}'")
_REGROUP_EVENTS_SQLITE = _EVENTS_OF_SQLITE.format(
    origin="NULL", detail="json_object('from', group_id, 'to', %(group)s)"
)


def leave(
    ids: Sequence[int],
    *,
    sent_at: datetime.datetime,
    sent_day: datetime.date,
    expires_at: datetime.datetime | None,
) -> tuple[list[int], Counter[datetime.date | None]]:
    """Make Not Sent invitations with a mail on its way Sent; returns their ids, and how many were made on which day."""
    if not ids:
        return [], Counter()
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
            cursor.execute(_LEAVE_POSTGRESQL, [array(ids), *sets, *which, len(ids)])
            rows = cursor.fetchall()
            made_on = Counter({day: number for day, number, _some in rows})
            moved = [pk for _day, _number, some in rows for pk in some or ()]
            return (list(ids) if made_on.total() == len(ids) else sorted(moved)), made_on
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
        rows = cursor.fetchall()
    return sorted(pk for pk, _day in rows), Counter(_as_day(day) for _pk, day in rows)


def _as_day(value: Any) -> datetime.date | None:  # noqa: ANN401 - SQLite gives texts
    return datetime.date.fromisoformat(value) if isinstance(value, str) else value


def insert_events(
    ids: Sequence[int],
    *,
    kind: EventKind,
    origin: Status,
    target: Status,
    reason: Reason,
    actor: Actor,
    at: datetime.datetime,
    day: datetime.date,
    details: Mapping[int, Mapping[str, Any]],
) -> None:
    """Write one event for each invitation, the same but for its detail."""
    if not ids:
        return
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            shared: list[Any] = [kind, origin, target, at, day, actor.kind, actor.id, reason]
            written = json.dumps([details[one] for one in ids])
            cursor.execute(_EVENTS_POSTGRESQL, [*shared, array(ids), written])
        else:
            moment = connection.ops.adapt_datetimefield_value(at)
            shared = [kind, origin, target, moment, day.isoformat(), actor.kind, actor.id, reason]
            cursor.executemany(_EVENTS_SQLITE, [(*shared, one, json.dumps(details[one])) for one in ids])


@dataclass(slots=True)
class Changed:
    """What became of many: how many of each store view and day of sending, and why each of the others was left."""

    groups: Counter[tuple[int, datetime.date | None]] = field(default_factory=Counter)
    mails: list[int] = field(default_factory=list)
    """The mails of those that were changed while theirs was on its way."""
    left: dict[int, str] = field(default_factory=dict)
    """By id: the status that it cannot be changed in, or a code."""

    @property
    def done(self) -> int:
        """How many were changed."""
        return self.groups.total()


def end(
    ids: Collection[int],
    *,
    origins: Collection[Status],
    reason: Reason,
    websites: Collection[int] | None,
    actor: Actor,
    at: datetime.datetime,
    days: Mapping[int, datetime.date],
) -> Changed:
    """Make those Discarded that are in one of the states, of these websites (None: all), and write their history.

    ``days`` has the day that it is at each store view, by its id.
    """
    values = _values(ids, origins, websites, actor, at, days)
    values |= {"kind": EventKind.DISCARDED, "target": Status.DISCARDED, "reason": reason}
    if connection.vendor == "postgresql":
        return _changed_postgresql(_END_POSTGRESQL, values)
    found, due = _looked_up(ids, origins, websites)
    _write_sqlite(_END_EVENTS_SQLITE, values, due)
    rows = Invitation.objects.filter(pk__any_of=set(due))
    rows.filter(delivery__in=_MAY_LEAVE).update(delivery=Delivery.WITHDRAWN)
    rows.update(status=Status.DISCARDED, reason=reason)
    return found


def regroup(
    ids: Collection[int],
    *,
    origins: Collection[Status],
    group_id: int | None,
    websites: Collection[int] | None,
    actor: Actor,
    at: datetime.datetime,
    days: Mapping[int, datetime.date],
) -> Changed:
    """Give those another group (None: as configured) that are in one of the states, and write their history."""
    values = _values(ids, origins, websites, actor, at, days)
    values |= {"kind": EventKind.GROUP_CHANGED, "target": None, "reason": "", "group": group_id}
    if connection.vendor == "postgresql":
        return _changed_postgresql(_REGROUP_POSTGRESQL, values)
    found, due = _looked_up(ids, origins, websites, group_id=group_id)
    _write_sqlite(_REGROUP_EVENTS_SQLITE, values, due)
    Invitation.objects.filter(pk__any_of=set(due)).update(group=group_id)
    return found


def _values(
    ids: Collection[int],
    origins: Collection[Status],
    websites: Collection[int] | None,
    actor: Actor,
    at: datetime.datetime,
    days: Mapping[int, datetime.date],
) -> dict[str, Any]:
    return {
        "ids": array(ids),
        "origins": array(one.value for one in origins),
        "websites": None if websites is None else array(websites),
        "waiting": array(one.value for one in _MAY_LEAVE),
        "withdrawn": Delivery.WITHDRAWN,
        "at": at,
        "days": json.dumps({view_id: day.isoformat() for view_id, day in days.items()}),
        "actor_kind": actor.kind,
        "actor_id": actor.id,
    }


def _changed_postgresql(sql: str, values: Mapping[str, Any]) -> Changed:
    changed = Changed()
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        for pk, code, store_view, day, count, mails in cursor.fetchall():
            if pk is not None:
                changed.left[pk] = code
            else:
                changed.groups[store_view, day] += count
                changed.mails += mails or []
    return changed


_ANY_GROUP = object()


def _looked_up(
    ids: Collection[int],
    origins: Collection[Status],
    websites: Collection[int] | None,
    *,
    group_id: object = _ANY_GROUP,
) -> tuple[Changed, list[int]]:
    """Return what will become of each, and the ids of those that are to be changed: on SQLite nobody else writes now."""
    changed, due = Changed(), []
    columns = ("pk", "website", "store_view", "status", "sent_day", "delivery", "mail_id", "group")
    rows = Invitation.objects.filter(pk__any_of=set(ids)).values_list(*columns)
    for pk, website, store_view, status, day, delivery, mail, group in rows:
        if websites is not None and website not in websites:
            changed.left[pk] = NotPermitted.code
        elif status not in origins:
            changed.left[pk] = status
        elif group == group_id:
            changed.left[pk] = SAME_GROUP
        else:
            due.append(pk)
            changed.groups[store_view, day] += 1
            changed.mails += [mail] if mail is not None and delivery in _MAY_LEAVE else []
    return changed, due


def _write_sqlite(sql: str, values: Mapping[str, Any], due: Sequence[int]) -> None:
    adapted = {**values, "at": connection.ops.adapt_datetimefield_value(values["at"]), "due": json.dumps(due)}
    with connection.cursor() as cursor:
        cursor.execute(sql, adapted)
