"""The rows of an import before they are invitations: written down, and judged by the rules of `judging`, set by set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import connection

from guestlist.customers.models import Customer, CustomerGroup
from guestlist.invitations.imports.rows import Row
from guestlist.invitations.models import OPEN, ImportRow, Invitation
from guestlist.mail.models import Suppression
from guestlist.occasions.models import Occasion
from guestlist.stores import copying

if TYPE_CHECKING:
    import datetime
    from collections.abc import Collection, Mapping, Sequence

ROWS = ImportRow._meta.db_table
_INVITATION = Invitation._meta.db_table
_CUSTOMER = Customer._meta.db_table
_SUPPRESSION = Suppression._meta.db_table
_OCCASION = Occasion._meta.db_table
_GROUP = CustomerGroup._meta.db_table

# Each question is one look into an index: as a value, not as EXISTS, which PostgreSQL may answer by reading the whole table.
_SAME = """i.website_id = s.website_id AND i.address_hash = s.address_hash
    AND COALESCE(i.inviter_id, 0) = {inviter} AND COALESCE(i.occasion_id, 0) = COALESCE(s.occasion_id, 0)"""
# The sum keeps SQLite from going through all rows before this one by their numbers.
_EARLIER = f"""(SELECT 1 FROM {ROWS} e
    WHERE e.task_id = s.task_id AND e.address_hash = s.address_hash AND e.number + 0 < s.number
    AND e.website_id = s.website_id AND COALESCE(e.inviter_id, 0) = COALESCE(s.inviter_id, 0)
    AND COALESCE(e.occasion_id, 0) = COALESCE(s.occasion_id, 0) LIMIT 1) IS NOT NULL"""  # noqa: S608 - names of tables
_INVITED_BY = f"""(SELECT 1 FROM {_INVITATION} i
    WHERE {_SAME.format(inviter="s.inviter_id")} LIMIT 1) IS NOT NULL"""  # noqa: S608
_HAS_OPEN = f"""(SELECT 1 FROM {_INVITATION} i
    WHERE i.website_id = s.website_id AND i.address_hash = s.address_hash
    AND COALESCE(i.occasion_id, 0) = COALESCE(s.occasion_id, 0)
    AND i.status IN ({", ".join(f"'{one.value}'" for one in OPEN)})
    AND (i.expires_at IS NULL OR i.expires_at > %s) LIMIT 1) IS NOT NULL"""  # noqa: S608
_IS_CUSTOMER = f"""(SELECT 1 FROM {_CUSTOMER} c WHERE c.website_id = s.website_id AND c.email = s.normalized
    AND c.erased_at IS NULL LIMIT 1) IS NOT NULL"""  # noqa: S608
_IS_SUPPRESSED = f"""(SELECT 1 FROM {_SUPPRESSION} x WHERE x.address_hash = s.address_hash
    AND (x.website_id = s.website_id OR x.website_id IS NULL) LIMIT 1) IS NOT NULL"""  # noqa: S608
_REPEAT = f"""COALESCE((SELECT MAX(i.repeat) + 1 FROM {_INVITATION} i
    WHERE {_SAME.format(inviter="0")}), 0)"""  # noqa: S608
# The bounds of the piece stand twice: joined with `v` alone, PostgreSQL may go through all rows of the task for each piece.
_JUDGE = f"""
    WITH v AS MATERIALIZED (
        SELECT s.number,
            CASE
                WHEN s.website_id NOT IN (WEBSITES) THEN 'not_permitted'
                WHEN s.store_view_id IN (SENDERLESS) THEN 'no_sender'
                WHEN s.store_view_id IN (UNDESIGNED) THEN 'no_template'
                WHEN s.occasion_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM {_OCCASION} o WHERE o.id = s.occasion_id
                    AND (o.closes_at IS NULL OR o.closes_at > %s)) THEN 'unknown_occasion'
                WHEN s.group_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM {_GROUP} g WHERE g.id = s.group_id)
                    THEN 'unknown_group'
                WHEN s.inviter_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM {_CUSTOMER} c
                    WHERE c.id = s.inviter_id AND c.erased_at IS NULL) THEN 'unknown_inviter'
                WHEN {_EARLIER} THEN 'repeated'
                WHEN s.verdict = 'it_is_you' THEN s.verdict
                WHEN s.inviter_id IS NOT NULL AND {_INVITED_BY} THEN 'already_invited'
                WHEN s.inviter_id IS NULL AND AGAIN AND {_HAS_OPEN} THEN 'open_invitation'
                WHEN s.occasion_id IS NULL AND s.store_view_id IN (SKIPPING) AND {_IS_CUSTOMER}
                    THEN 'already_customer'
                WHEN {_IS_SUPPRESSED} THEN 'suppressed'
                ELSE ''
            END AS verdict,
            CASE WHEN s.inviter_id IS NULL THEN {_REPEAT} ELSE 0 END AS repeat
        FROM {ROWS} s
        WHERE s.task_id = %s AND s.number > %s AND s.number <= %s AND s.address_hash IS NOT NULL
            AND s.verdict IN ('', 'it_is_you')
    )
    UPDATE {ROWS} AS r SET verdict = v.verdict, repeat = v.repeat FROM v
    WHERE r.task_id = %s AND r.number > %s AND r.number <= %s AND r.number = v.number
        AND (r.verdict <> v.verdict OR r.repeat <> v.repeat)
"""  # noqa: S608
_COUNT = f"""
    SELECT verdict, COUNT(*) FROM {ROWS} WHERE task_id = %s AND number > %s AND number <= %s GROUP BY verdict
"""  # noqa: S608


def write(rows: Sequence[Row]) -> None:
    """Write rows down."""
    if rows:
        copying.insert(ROWS, Row._fields, rows)


def judge(
    *,
    task_id: int,
    after: int,
    until: int,
    websites: Collection[int],
    lacking: Mapping[str, Collection[int]],
    skipping: Collection[int],
    again: bool,
    now: datetime.datetime,
) -> dict[str, int]:
    """Give the rows between two numbers, the second included, their verdicts; returns how many have each.

    ``websites`` are the ids of those that may be imported for; of store views, ``lacking`` has by verdict those that no mail
    can leave from, and ``skipping`` those that invite no customers.
    """
    statement = (
        _JUDGE.replace("WEBSITES", _listed(websites))
        .replace("SENDERLESS", _listed(lacking.get("no_sender", ())))
        .replace("UNDESIGNED", _listed(lacking.get("no_template", ())))
        .replace("SKIPPING", _listed(skipping))
        .replace("AGAIN", "1 = 0" if again else "1 = 1")
    )
    moment, piece = moment_of(now), (task_id, after, until)
    with connection.cursor() as cursor:
        cursor.execute(statement, [moment, moment, *piece, *piece])
    return counted(task_id=task_id, after=after, until=until)


def counted(*, task_id: int, after: int, until: int) -> dict[str, int]:
    """Return by verdict how many rows there are between two numbers, the second included."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, [task_id, after, until])
        return dict(cursor.fetchall())


def moment_of(now: datetime.datetime) -> Any:  # noqa: ANN401 - each database's own
    """Return a moment as the database's statements take it."""
    return connection.ops.adapt_datetimefield_value(now)


def _listed(ids: Collection[int]) -> str:
    """Return ids for IN; no id is 0, so none of them is none."""
    return ", ".join(str(int(one)) for one in sorted(ids)) or "0"
