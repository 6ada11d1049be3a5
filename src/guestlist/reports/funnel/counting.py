"""Counts the steps of invitations from their rows and their history, a piece of ids at a time."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.db import connection

from guestlist.customers.models import Customer
from guestlist.invitations.lifecycle import Status
from guestlist.invitations.models import AttributedOrder, EventKind, Invitation, InvitationEvent
from guestlist.mail.models import Message
from guestlist.orders.models import Order
from guestlist.reports.funnel.asking import Grouping

if TYPE_CHECKING:
    from collections.abc import Collection

    from guestlist.reports.funnel.cohort import Ids
    from guestlist.reports.periods import Span
    from guestlist.reports.reading import Amounts

NOBODY = 0
"""The key of those that belong to nothing: invited by staff, to no occasion, with no group, by a mail of no send."""
FORGOTTEN, NO_MAIL = -1, -2
"""By send: whose mail is not in the outbox any more, and who have none."""

CREATED, SENT, BOUNCED, OPENED = "created", "sent", "bounced", "opened"
REGISTERED, ORDERED, REVENUE = "registered", "ordered", "revenue"
INVITERS, THEIR_SENT, THEIR_REGISTERED = "inviters", "their_sent", "their_registered"
TO_SENT, TO_OPENED, TO_REGISTERED, TO_ORDERED = "to_sent", "to_opened", "to_registered", "to_ordered"
TIMES = (TO_SENT, TO_OPENED, TO_REGISTERED, TO_ORDERED)
"""Of how many the time from the step before is known; the measure of `seconds` has what that came to in all."""


def seconds(time: str) -> str:
    """Return the measure of the seconds that a step took in all, whole ones."""
    return f"{time}.seconds"


_COUNTED = (
    *(CREATED, SENT, BOUNCED, OPENED, REGISTERED, ORDERED, THEIR_SENT, THEIR_REGISTERED),
    *(measure for time in TIMES for measure in (time, seconds(time))),
)
"""What `_STEPS` gives, in its order."""

_KEYS = {
    Grouping.ALL: ("0", ""),
    Grouping.STORE_VIEW: ("i.store_view_id", ""),
    Grouping.OCCASION: ("COALESCE(i.occasion_id, 0)", ""),
    Grouping.INVITER: ("COALESCE(i.inviter_id, 0)", ""),
    Grouping.GROUP: (
        "COALESCE(c.group_id, i.group_id, 0)",
        f"LEFT JOIN {Customer._meta.db_table} c ON c.id = i.invitee_id",
    ),
    Grouping.SEND: (
        f"CASE WHEN i.mail_id IS NULL THEN {NO_MAIL} WHEN m.id IS NULL THEN {FORGOTTEN} ELSE COALESCE(m.send_id, 0) END",
        f"LEFT JOIN {Message._meta.db_table} m ON m.id = i.mail_id",
    ),
}
"""What tells the rows apart, and what that is looked up in."""
_SECOND = {
    "postgresql": "FLOOR(EXTRACT(EPOCH FROM {0}))::bigint",
    "sqlite": "CAST(strftime('%%s', {0}) AS INTEGER)",
}
"""A moment as whole seconds, so that both databases come to the same."""
_RANGE = "{0} >= %(start)s AND {0} < %(end)s"
_OF_ORDERS = f"{AttributedOrder._meta.db_table} a"


def _taken(before: str, after: str) -> str:
    # What comes before its step has no time from it: who joins without the link may open it later.
    return (
        f"COUNT(*) FILTER (WHERE is_sent AND {after} >= {before}),"
        f" COALESCE(SUM({after} - {before}) FILTER (WHERE is_sent AND {after} >= {before}), 0)"
    )


_STEPS = f"""
    WITH told AS (
        SELECT e.invitation_id,
            MIN(CASE WHEN e.target = '{Status.SENT}' THEN e.at END) AS sent_at,
            MIN(CASE WHEN e.kind = '{EventKind.VIEWED}' THEN e.at END) AS opened_at,
            MIN(CASE WHEN e.kind = '{EventKind.BOUNCED}' THEN e.at END) AS bounced_at
        FROM {InvitationEvent._meta.db_table} e
        WHERE {_RANGE.format("e.invitation_id")} GROUP BY e.invitation_id
    ), bought AS (
        SELECT a.invitation_id, MIN(a.placed_at) AS first_at FROM {_OF_ORDERS}
        WHERE {_RANGE.format("a.invitation_id")} AND a.counts GROUP BY a.invitation_id
    ), story AS (
        SELECT {{key}} AS place, i.inviter_id IS NOT NULL AS is_theirs, i.sent_day IS NOT NULL AS is_sent,
            i.status = '{Status.ACCEPTED}' AS is_registered, told.bounced_at IS NOT NULL AS is_bounced,
            {{created}} AS created, {{sent}} AS sent, {{opened}} AS opened, {{registered}} AS registered,
            {{ordered}} AS ordered
        FROM {Invitation._meta.db_table} i
        LEFT JOIN told ON told.invitation_id = i.id LEFT JOIN bought ON bought.invitation_id = i.id {{join}}
        WHERE {{where}}
    )
    SELECT place, COUNT(*), COUNT(*) FILTER (WHERE is_sent), COUNT(*) FILTER (WHERE is_bounced),
        COUNT(*) FILTER (WHERE is_sent AND opened IS NOT NULL), COUNT(*) FILTER (WHERE is_sent AND is_registered),
        COUNT(*) FILTER (WHERE is_sent AND ordered IS NOT NULL), COUNT(*) FILTER (WHERE is_sent AND is_theirs),
        COUNT(*) FILTER (WHERE is_sent AND is_theirs AND is_registered),
        {_taken("created", "sent")}, {_taken("sent", "opened")},
        {_taken("opened", "registered")}, {_taken("registered", "ordered")}
    FROM story GROUP BY place
"""  # noqa: S608 - names of tables, states and measures, no input
_REVENUE = f"""
    SELECT {{key}}, o.currency, SUM(CASE WHEN o.cancelled_at IS NULL THEN o.total - o.refunded ELSE 0 END)
    FROM {_OF_ORDERS} JOIN {Order._meta.db_table} o ON o.id = a.order_id
    JOIN {Invitation._meta.db_table} i ON i.id = a.invitation_id {{join}}
    WHERE {_RANGE.format("a.invitation_id")} AND {{where}} AND i.sent_day IS NOT NULL GROUP BY 1, 2
"""  # noqa: S608 - as above
_INVITERS = f"""
    SELECT DISTINCT {{key}}, i.inviter_id FROM {Invitation._meta.db_table} i {{join}}
    WHERE {{where}} AND i.sent_day IS NOT NULL AND i.inviter_id IS NOT NULL
"""  # noqa: S608 - as above
_WHERE = f"""
    {_RANGE.format("i.id")} AND i.store_view_id IN ({{views}}) AND (i.sent_day BETWEEN %(first)s AND %(last)s
        OR (i.sent_day IS NULL AND i.created_day BETWEEN %(first)s AND %(last)s))
"""


@dataclass(slots=True)
class Count:
    """Counts the invitations of some days at some store views; `groups` has what was counted so far, by their keys."""

    grouping: Grouping
    span: Span
    store_view_ids: Collection[int]
    groups: defaultdict[int, Amounts] = field(default_factory=lambda: defaultdict(Counter))
    _inviters: defaultdict[int, set[int]] = field(default_factory=lambda: defaultdict(set))

    def add(self, ids: Ids) -> None:
        """Count those of a piece, in three statements; no two pieces may have an id in common."""
        if not self.store_view_ids:
            return
        for key, *amounts in self._rows(_STEPS, ids):
            for measure, amount in zip(_COUNTED, amounts, strict=True):
                self.groups[key][measure, ""] += int(amount)
        for key, currency, amount in self._rows(_REVENUE, ids):
            self.groups[key][REVENUE, currency] += int(amount)
        for key, inviter in self._rows(_INVITERS, ids):
            self._inviters[key].add(inviter)

    def finish(self) -> Amounts:
        """Return what all of it comes to; a customer who invited in several groups counts once here, and in each there."""
        total: Amounts = Counter()
        for key, amounts in self.groups.items():
            total.update(amounts)
            amounts[INVITERS, ""] = len(self._inviters[key])
        total[INVITERS, ""] = len(set().union(*self._inviters.values()))
        return total

    def _rows(self, statement: str, ids: Ids) -> list[tuple[Any, ...]]:
        key, join = _KEYS[self.grouping]
        second = _SECOND[connection.vendor]
        moments = {
            "created": "i.created_at",
            "sent": "told.sent_at",
            "opened": "told.opened_at",
            "registered": "i.accepted_at",
            "ordered": "bought.first_at",
        }
        where = _WHERE.format(views=", ".join(str(int(one)) for one in self.store_view_ids))
        said = {name: second.format(column) for name, column in moments.items()}
        values = {
            "start": ids[0],
            "end": ids[1],
            "first": connection.ops.adapt_datefield_value(self.span.first),
            "last": connection.ops.adapt_datefield_value(self.span.last),
        }
        with connection.cursor() as cursor:
            cursor.execute(statement.format(key=key, join=join, where=where, **said), values)
            rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows
