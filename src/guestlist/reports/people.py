"""The report on invited customers: who invited, or who was invited, page by page, as a file and as data."""

from __future__ import annotations

import datetime
import json
import logging
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.formats import get_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from guestlist.invitations import exports, spreadsheets
from guestlist.invitations.lifecycle import Status
from guestlist.invitations.models import Basis
from guestlist.reports import columns, customers, reading, wording
from guestlist.reports.customers import Invitee, Inviter, Page, Place, Scope

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from guestlist.reports.periods import Span
    from guestlist.reports.questions import Question
    from guestlist.stores.models import StoreView

log = logging.getLogger(__name__)

NAME = "customers"
"""What the report is called in addresses and on the command line."""
TITLE = gettext_lazy("Invited customers")
_AT_ONCE = 500
_PLACE = re.compile(r"(\d{4}-\d\d-\d\d)\.(\d{1,18})", re.ASCII)


@dataclass(frozen=True, slots=True)
class People:
    """What is asked for, with what the figures know of its days.

    ``sent`` and ``accepted`` are of all invitations of these days: of customers and of staff, as the report on invitations
    has them.
    """

    question: Question
    lists_invitees: bool
    scope: Scope
    spans: Sequence[Span]
    """The periods in which anything was sent at all."""
    sent: int
    accepted: int
    now: datetime.datetime

    def page(self, *, after: Place | None, size: int) -> Page[Inviter] | Page[Invitee]:
        """Return some of the rows in order; see :func:`customers.inviters` and :func:`customers.invitees`."""
        find = customers.invitees if self.lists_invitees else customers.inviters
        return find(scope=self.scope, spans=self.spans, after=after, size=size, now=self.now)

    def rows(self) -> Iterator[Inviter | Invitee]:
        """Yield all rows, page by page: no query is long."""
        after: Place | None = None
        while True:
            page = self.page(after=after, size=_AT_ONCE)
            yield from page.rows
            after = page.after
            if after is None:
                return


def asked(
    question: Question, *, lists_invitees: bool, store_views: Sequence[StoreView], now: datetime.datetime
) -> People:
    """Return what a question asks of those of the store views that it is about, in one statement."""
    views = question.within(store_views)
    spans = question.span.by(question.period)
    sent, accepted = columns.of_sending()
    found = reading.read(
        spans,
        store_view_ids=[one.pk for one in views],
        measures=sent.reads | accepted.reads,
        basis=Basis.SENT,
    )
    counted = [(sent.count(one), accepted.count(one)) for one in found]
    websites = {one.website_id for one in views}
    return People(
        question,
        lists_invitees,
        Scope(websites.pop() if len(websites) == 1 else None, {one.pk for one in views}),
        # Without those in which nothing was sent: to look for people in years of nothing asks for each period by itself.
        [span for span, (number, _joined) in zip(spans, counted, strict=True) if number],
        sum(number for number, _joined in counted),
        sum(joined for _number, joined in counted),
        now,
    )


def written(place: Place) -> str:
    """Return a place as the text that :func:`read` reads."""
    return f"{place.day.isoformat()}.{place.invitation_id}"


def read(text: str) -> Place | None:
    """Return the place of an address, None for what cannot be one: the list begins at its beginning."""
    found = _PLACE.fullmatch(text)
    if found is None:
        return None
    try:
        return Place(datetime.date.fromisoformat(found[1]), int(found[2]))
    except ValueError:
        return None


def inviting(row: Invitee) -> str:
    """Return by whom somebody was invited, in words."""
    one = row.invitation
    if one.inviter is not None:
        return str(one.inviter)
    return _("%(name)s (staff)") % {"name": one.staff.get_short_name()} if one.staff else _("Staff")


def status(row: Invitee, now: datetime.datetime) -> str:
    """Return the status by now, in words."""
    if row.invitation.is_expired(now):
        return pgettext("invitation", "Expired")
    return str(Status(row.invitation.status).label)


def group(row: Inviter | Invitee) -> str:
    """Return the group of a customer; of somebody invited theirs, or what they are to get."""
    if isinstance(row, Inviter):
        return str(row.customer.group)
    return str(row.group) if row.group else _("As configured")


def names(*, lists_invitees: bool) -> list[str]:
    """Return what the columns are called, the one of the period first."""
    if lists_invitees:
        return [_("Period"), _("ID"), _("Email"), _("Invited by"), _("Sent on"), _("Status"), _("Group")]
    return [
        *(_("Period"), _("ID"), _("Name"), _("Email"), _("Group")),
        *(_("Invitations sent"), _("Invitations accepted")),
    ]


def meanings(*, lists_invitees: bool) -> list[str]:
    """Return what each column but the period's means, as sentences for readers."""
    if lists_invitees:
        return [
            _("The number of the invitation."),
            _("The invited address, as it was entered; empty once it was erased or where there was none."),
            _("The customer who invited, or staff."),
            _("The day on which it was sent first, by mail or as a link. Sent again counts once."),
            _("What became of it by now."),
            _("The group of whoever joined; until then the one that they are to get."),
        ]
    return [
        _("The number of the customer who invited."),
        _("The customer’s name; none once the account was erased."),
        _("The customer’s address; none once the account was erased."),
        _("The group that the customer is in by now."),
        _("The customer’s invitations that left in the period for the first time. Sent again counts once."),
        _("Those of them that somebody accepted by now, however late."),
    ]


def cells(row: Inviter | Invitee, now: datetime.datetime) -> list[Any]:
    """Return the values of a row, without its period."""
    if isinstance(row, Inviter):
        customer = row.customer
        return [customer.pk, _named(row), customer.email or "", group(row), row.sent, row.accepted]
    one = row.invitation
    day = one.sent_day.isoformat() if one.sent_day else ""
    return [one.pk, one.address.typed, inviting(row), day, status(row, now), group(row)]


def _named(row: Inviter) -> str:
    """Return the name alone, for the address has a cell of its own."""
    return f"{row.customer.first_name or ''} {row.customer.last_name or ''}".strip()


def as_file(people: People, *, kind: str, who: str) -> Iterator[bytes]:
    """Return the pieces of a CSV or XLSX file with all rows and the total, in the active language.

    How many rows ``who`` took stands in the log afterwards.

    :raises UnknownFormat: when ``kind`` is neither ``csv`` nor ``xlsx``.
    """
    if kind not in exports.FORMATS:
        raise exports.UnknownFormat
    period, *others = names(lists_invitees=people.lists_invitees)
    head = [period, pgettext("days", "From"), pgettext("days", "To"), *others]
    rows = _told(people, who=who, kind=kind)
    if kind == "xlsx":
        return spreadsheets.xlsx_file(head, rows, title=str(TITLE))
    comma = get_format("DECIMAL_SEPARATOR") == ","
    return spreadsheets.csv_file(head, rows, delimiter=";" if comma else ",")


def _told(people: People, *, who: str, kind: str) -> Iterator[list[Any]]:
    """Yield the rows of a file, and write down how many went, also of a file that nobody waited for."""
    number, is_whole = 0, False
    try:
        for row in _file_rows(people):
            number += 1
            yield row
        is_whole = True
    finally:
        log.info(
            "invited customers exported actor=%s rows=%s format=%s %speople=%s from=%s to=%s",
            *(who, number, kind, "" if is_whole else "broken off ", people.lists_invitees),
            *people.question.span,
        )


def _added_up(people: People, total: Counter[str]) -> Iterator[Inviter | Invitee]:
    """Yield all rows, and add up on the way what those of customers say."""
    for row in people.rows():
        if isinstance(row, Inviter):
            total["sent"] += row.sent
            total["accepted"] += row.accepted
        yield row


def _file_rows(people: People) -> Iterator[list[Any]]:
    total = Counter[str](sent=0, accepted=0)
    period = people.question.period
    for row in _added_up(people, total):
        yield [wording.period(period, row.span), *_ends(row.span), *cells(row, people.now)]
    if not people.lists_invitees:
        yield [_("Total"), *_ends(people.question.span), *([""] * 4), *total.values()]


def _ends(span: Span) -> list[str]:
    return [day.isoformat() for day in span]


_KEYS = {
    True: ("id", "email", "invited_by", "sent_on", "status", "group"),
    False: ("id", "name", "email", "group", "sent", "accepted"),
}


def as_json(people: People) -> Iterator[str]:
    """Yield the pieces of what JSON has of it: what was sent in all, by staff too, then the rows, and their total."""
    question = people.question
    head = {
        "report": NAME,
        "from": question.span.first.isoformat(),
        "to": question.span.last.isoformat(),
        "by": question.period.value,
        "all_invitations": {"sent": people.sent, "accepted": people.accepted},
    }
    yield f'{json.dumps(head)[:-1]}, "rows": ['
    comma, total = "", Counter[str](sent=0, accepted=0)
    for row in _added_up(people, total):
        yield comma + json.dumps(_data(row, people))
        comma = ", "
    yield "]}" if people.lists_invitees else f'], "total": {json.dumps(total)}}}'


def _data(row: Inviter | Invitee, people: People) -> dict[str, Any]:
    first, last = _ends(row.span)
    values = cells(row, people.now)
    if isinstance(row, Invitee):
        values[4] = row.invitation.status  # codes, not words
        values[5] = row.group.code if row.group else None
    else:
        values[3] = row.customer.group.code
    return {"from": first, "to": last, **dict(zip(_KEYS[people.lists_invitees], values, strict=True))}


def as_text(people: People) -> Iterator[str]:
    """Yield lines for people to read: cells with tabs between them, their names first."""
    yield "\t".join(names(lists_invitees=people.lists_invitees))
    total = Counter[str](sent=0, accepted=0)
    for row in _added_up(people, total):
        values = [wording.period(people.question.period, row.span), *cells(row, people.now)]
        # An address or a name has no control characters; a group may be called anything.
        yield "\t".join(" ".join(str(one).split()) for one in values)
    if not people.lists_invitees:
        yield "\t".join([_("Total"), *([""] * 4), *map(str, total.values())])
