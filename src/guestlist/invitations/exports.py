"""Invitations as rows of a file: all that match, or some by their ids, whoever many they are."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from itertools import batched
from typing import TYPE_CHECKING, Any

from django.utils.formats import get_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext, pgettext_lazy

from guestlist.invitations import estimates, spreadsheets
from guestlist.invitations.finding import GATHERED, Search
from guestlist.invitations.lifecycle import Status
from guestlist.invitations.models import Delivery, Invitation
from guestlist.invitations.parts import Order, Place
from guestlist.invitations.walking import Walk
from guestlist.refusal import Refusal
from guestlist.stores.actors import NotPermitted, Permission

if TYPE_CHECKING:
    import datetime
    from collections.abc import Collection, Iterable, Iterator

    from guestlist.invitations.filters import Filter
    from guestlist.stores.actors import Actor

log = logging.getLogger(__name__)

FORMATS = {"csv": spreadsheets.CSV_TYPE, "xlsx": spreadsheets.XLSX_TYPE}
"""The kinds of files, each with its media type; the kind is the ending of the file's name too."""
_AT_ONCE = 2_000
_STEP = 20_000
"""Ids that one query goes through at most, so that none takes long and none holds a snapshot."""
_MOMENTS = (gettext_lazy("Created"), pgettext_lazy("column", "Sent"), gettext_lazy("Expires"))


class TooManyForWorkbook(Refusal):
    """More rows than a worksheet has."""

    code = "too_many_for_workbook"
    message = gettext_lazy(
        "A worksheet has room for 1,048,575 invitations, and more than that match. Export them as CSV, or narrow the "
        "filter."
    )


class UnknownFormat(Refusal):
    """Neither of the two kinds of files."""

    code = "unknown_format"
    message = gettext_lazy("Choose CSV or XLSX.")


@dataclass(frozen=True, slots=True)
class Export:
    """What is exported: all that match a filter, or of those the ones with these ids; times are those of ``now``'s zone."""

    chosen: Filter
    actor: Actor
    now: datetime.datetime
    ids: Collection[int] | None = None

    @property
    def search(self) -> Search:
        """What is looked for: only ever where the actor may export."""
        return Search(self.chosen, self.actor.website_ids(Permission.EXPORT), self.now)


def export(*, what: Export, kind: str) -> Iterator[bytes]:
    """Return the pieces of a file with the invitations, newest first; who took how many stands in the log afterwards.

    What is wrong shows here, before there is anything to read.

    :raises NotPermitted: when the actor may export nowhere.
    :raises UnknownFormat: when ``kind`` is neither ``csv`` nor ``xlsx``.
    :raises TooManyForWorkbook: when a worksheet cannot have them all.
    """
    search = what.search
    if search.websites is not None and not search.websites:
        raise NotPermitted
    if kind not in FORMATS:
        raise UnknownFormat
    if kind == "xlsx" and what.ids is None and estimates.how_many(search).number >= spreadsheets.SHEET_ROWS:
        raise TooManyForWorkbook
    rows = _told(_rows(what), what, kind)
    if kind == "csv":
        return spreadsheets.csv_file(_names(what.now), rows, delimiter=_delimiter())
    return spreadsheets.xlsx_file(_names(what.now), rows, title=_("Invitations"))


def _told(rows: Iterable[list[Any]], what: Export, kind: str) -> Iterator[list[Any]]:
    """Pass rows on, and write down how many went, also of a file that nobody waited for."""
    number, is_whole = 0, False
    try:
        for row in rows:
            number += 1
            yield row
        is_whole = True
    finally:
        chosen = {**what.chosen.as_query(), **({} if what.ids is None else {"selected": len(what.ids)})}
        # Who was searched for is personal, and the log is kept longer than what it is about.
        chosen |= {name: "…" for name in ("email", "inviter", "invitee") if name in chosen}
        said = " ".join(f"{name}={value}" for name, value in chosen.items()) or "all"
        log.info(
            "invitations exported actor=%s rows=%s format=%s %sfilter: %s",
            *(what.actor, number, kind, "" if is_whole else "broken off ", said),
        )


def _delimiter() -> str:
    """Return what a spreadsheet in the reader's language separates cells by: where numbers have a comma, not that."""
    return ";" if get_format("DECIMAL_SEPARATOR") == "," else ","


def _names(now: datetime.datetime) -> list[str]:
    zone = str(now.tzinfo)
    timed = {str(name): f"{name} ({zone})" for name in (*_MOMENTS, pgettext("column", "Registered"))}
    names = [
        *(_("ID"), _("Email"), _("Name"), _("Status"), _("Delivery")),
        *(_("Created"), pgettext("column", "Sent"), _("Expires"), pgettext("column", "Registered")),
        *(_("Valid website"), _("Store view"), _("Invitee group"), _("Occasion")),
        *(_("Inviter"), _("Inviter's email"), _("Invitee"), _("Invitee's email")),
    ]
    return [timed.get(one, one) for one in names]


_COLUMNS = (
    *("pk", "address__typed", "address__name", "status", "delivery"),
    *("created_at", "sent_at", "expires_at", "accepted_at"),
    *("website__name", "store_view__name", "group__name", "occasion__title"),
    *("inviter__first_name", "inviter__last_name", "inviter__email"),
    *("invitee", "invitee__first_name", "invitee__last_name", "invitee__email", "invitee__group__name"),
    *("inviter", "staff__first_name", "staff__last_name"),
)


def _rows(what: Export) -> Iterator[list[Any]]:
    """Yield the rows of the file, page by page: no query is long, whatever is going on beside it."""
    statuses = {code: str(label) for code, label in Status.choices}
    deliveries = {code: str(label) if code else "" for code, label in Delivery.choices}
    words = (_("As configured"), _("Staff"), _("deleted customer"), pgettext("invitation", "Expired"))
    zone = what.now.tzinfo
    for ids in pages(what):
        found = {row[0]: row for row in Invitation.objects.filter(pk__any_of=set(ids)).values_list(*_COLUMNS)}
        for pk in ids:
            if pk in found:
                yield _row(found[pk], statuses, deliveries, words, what.now, zone)


def _row(
    row: tuple[Any, ...],
    statuses: dict[str, str],
    deliveries: dict[str, str],
    words: tuple[str, str, str, str],
    now: datetime.datetime,
    zone: datetime.tzinfo | None,
) -> list[Any]:
    as_configured, staff, deleted, expired = words
    pk, email, name, status, delivery, *moments = row[:9]
    website, view, group, occasion, first, last, address = row[9:16]
    invitee, invitee_first, invitee_last, invitee_address, invitee_group, inviter = row[16:22]
    ends = moments[2]
    is_expired = status == Status.SENT and ends is not None and ends <= now
    inviting = _name(first, last, address) or deleted if inviter else _name(row[22], row[23], None) or staff
    return [
        *(pk, email or "", name or "", expired if is_expired else statuses.get(status, status)),
        deliveries.get(delivery, delivery),
        *(None if one is None else one.astimezone(zone) for one in moments),
        *(website, view, (invitee_group if invitee else group) or as_configured, occasion or ""),
        *(inviting, address or ""),
        (_name(invitee_first, invitee_last, invitee_address) or deleted) if invitee else "",
        invitee_address or "",
    ]


def _name(first: str | None, last: str | None, address: str | None) -> str:
    return f"{first or ''} {last or ''}".strip() or address or ""


def pages(what: Export) -> Iterator[list[int]]:
    """Yield the ids of what is exported, newest first, some thousands at a time."""
    if what.ids is not None:
        for some in batched(sorted(set(what.ids), reverse=True), _AT_ONCE):
            found = what.search.matching.filter(pk__any_of=set(some)).order_by("-pk")
            yield list(found.values_list("pk", flat=True))
        return
    search = what.search
    gathered = search.gathered(GATHERED)
    if gathered is not None:
        found = search.matching.filter(pk__any_of=set(gathered)).order_by("-pk")
        yield from map(list, batched(found.values_list("pk", flat=True), _AT_ONCE))
        return
    yield from _walked(search)


def _walked(search: Search) -> Iterator[list[int]]:
    order, place = Order(), None
    while True:
        walk = Walk(
            search.narrow, search.parts(order), place, descending=True, backwards=False, size=_AT_ONCE
        )
        while not walk.is_done:
            walk.go(_STEP)
        found: list[Place] = walk.found[:_AT_ONCE]
        if found:
            yield [one.pk for one in found]
        if len(walk.found) <= _AT_ONCE:
            return
        place = found[-1]
