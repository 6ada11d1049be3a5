"""Records read as people to be invited: each sound in itself, or refused with a verdict."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, NamedTuple

from guestlist import addresses as mailbox
from guestlist.customers.actions import clean_name
from guestlist.customers.models import Customer, CustomerGroup
from guestlist.invitations import message as words
from guestlist.invitations.config import Invitations
from guestlist.invitations.imports.columns import Field
from guestlist.invitations.imports.verdicts import NEW
from guestlist.invitations.spreadsheets import plain
from guestlist.occasions.models import Occasion
from guestlist.refusal import Refusal
from guestlist.stores import config, ids
from guestlist.stores.actors import Permission
from guestlist.stores.models import StoreView

if TYPE_CHECKING:
    import datetime
    import uuid
    from collections.abc import Iterable, Sequence

    from guestlist.invitations.imports.plans import Plan
    from guestlist.invitations.imports.records import Record
    from guestlist.stores.actors import Actor

_LANGUAGES = {
    "nl": ("nl", "nederlands", "dutch", "niederländisch"),
    "en": ("en", "engels", "english", "englisch"),
    "de": ("de", "duits", "german", "deutsch"),
}
_MOST_OCCASIONS = 5_000
_LONGEST = 254
_MOST_ENTERED = 1_000
"""Characters of a name with an address."""


class Row(NamedTuple):
    """A row as it is written down; the names are those of the table's columns."""

    task_id: int
    number: int
    public_id: uuid.UUID | None
    website_id: int | None
    store_view_id: int | None
    inviter_id: int | None
    occasion_id: int | None
    group_id: int | None
    address_hash: bytes | None
    repeat: int
    verdict: str
    typed: str
    normalized: str
    name: str
    message: str


class Refused(Refusal):
    """A row that something is wrong with; the verdict says what."""

    def __init__(self, verdict: str) -> None:
        """Keep the verdict."""
        super().__init__()
        self.verdict = verdict


class Interpreter:
    """Reads records by a plan; what they name by words was looked up once for all of them."""

    def __init__(self, plan: Plan, *, task_id: int, actor: Actor, now: datetime.datetime) -> None:
        """Look up what rows may name, where this actor may import."""
        self.plan, self.task_id = plan, task_id
        views = list(StoreView.objects.select_related("website").order_by("pk"))
        self.view = next(one for one in views if one.pk == plan.store_view)
        self.allowed = {
            one.website_id
            for one in views
            if actor.may(Permission.IMPORT, one.website_id)
            and (not plan.is_sent or actor.may(Permission.SEND, one.website_id))
        }
        self.views = self._named_views(views)
        self.configs = config.resolve_each(Invitations, views) if Field.INVITER in plan.layout.columns else {}
        self.groups = _by_names(
            (one.pk, (one.code, one.name)) for one in CustomerGroup.objects.order_by("-pk")
        )
        self.occasions = self._named_occasions(now) if Field.OCCASION in plan.layout.columns else {}
        self.customers: dict[tuple[int, str], int] = {}

    def _named_views(self, views: Sequence[StoreView]) -> dict[str, StoreView]:
        # Of other websites, where they may be imported for, by code alone: there may be a view called "English" anywhere.
        found = {one.code.casefold(): one for one in views if one.website_id in self.allowed}
        own = [one for one in reversed(views) if one.website_id == self.view.website_id]
        for one in own:
            found |= dict.fromkeys(_LANGUAGES.get(one.language, ()), one)
        if self.view.language in _LANGUAGES:
            found |= dict.fromkeys(_LANGUAGES[self.view.language], self.view)
        found |= {one.name.casefold(): one for one in own}
        return found | {one.code.casefold(): one for one in own}

    def _named_occasions(self, now: datetime.datetime) -> dict[str, dict[int, int]]:
        """Return the ids of the shop's own occasions that are not over, by title and by the shop's id, and by website."""
        own = Occasion.objects.filter(owner=None, website__in=self.allowed).open(now).order_by("-pk")
        found: dict[str, dict[int, int]] = {}
        columns = own.values_list("pk", "website", "title", "external_id")
        for pk, website_id, title, external_id in reversed(columns[:_MOST_OCCASIONS]):
            for name in (title, external_id):
                if name:
                    found.setdefault(_folded(name), {})[website_id] = pk
        return found

    def read(self, records: Sequence[Record]) -> list[Row]:
        """Return the rows of the records; those without a single cell that has something in it are none."""
        filled = [one for one in records if any(cell and not cell.isspace() for cell in one.cells)]
        self._look_up_inviters(filled)
        return [self._row(one) for one in filled]

    def _look_up_inviters(self, records: Sequence[Record]) -> None:
        column = self.plan.layout.columns.get(Field.INVITER)
        if column is None:
            return
        typed = {one.cells[column] for one in records if len(one.cells) > column}
        wanted = {normal for one in typed if (normal := _normalized(plain(one.strip())))}
        known = Customer.objects.known().filter(website__in=self.allowed, email__any_of=wanted)
        self.customers = {
            (website_id, email or ""): pk
            for website_id, email, pk in known.values_list("website", "email", "pk")
        }

    def _row(self, record: Record) -> Row:
        cells, columns = record.cells, self.plan.layout.columns

        def cell(field: Field) -> str:
            number = columns.get(field)
            return plain(cells[number].strip()) if number is not None and number < len(cells) else ""

        names = " ".join(filter(None, map(cell, (Field.NAME, Field.MIDDLE_NAME, Field.LAST_NAME))))
        typed, name = _entered(cell(Field.EMAIL), names)
        verdict, normal, hashed = NEW, "", None
        named = self._view(cell(Field.STORE_VIEW))
        # Also of a row that is refused for something else: it is read where its website may be.
        view = named or self.view
        inviter, occasion, group, message = None, self.plan.occasion, self.plan.group, ""
        try:
            normal = _address(record, typed)
            self._require_permitted(named)
            group = self._group(cell(Field.GROUP))
            occasion = self._occasion(cell(Field.OCCASION), view)
            inviter = self._inviter(cell(Field.INVITER), view)
            # A friend's group follows the inviter's, as configured, where the row names none.
            group = None if inviter is not None and not cell(Field.GROUP) else group
            message = self._message(cell(Field.MESSAGE), view, inviter)
            hashed = mailbox.hash_of(normal)
            if inviter is not None and _normalized(cell(Field.INVITER)) == normal:
                verdict = "it_is_you"
        except Refused as refused:
            verdict = refused.verdict
        return Row(
            self.task_id,
            record.number,
            None if hashed is None else ids.uuid7(),
            view.website_id,
            view.pk,
            inviter,
            occasion,
            group,
            hashed,
            0,
            verdict,
            _fit(unicodedata.normalize("NFC", typed[: 4 * _LONGEST])),
            normal,
            clean_name(name) if name else "",
            message,
        )

    def _view(self, text: str) -> StoreView | None:
        if not text:
            return self.view
        folded = _folded(text)
        return self.views.get(folded) or self.views.get(folded.partition("-")[0].partition("_")[0])

    def _require_permitted(self, view: StoreView | None) -> None:
        if view is None:
            raise Refused("unknown_store_view")
        if view.website_id not in self.allowed:
            raise Refused("not_permitted")

    def _group(self, text: str) -> int | None:
        if not text:
            return self.plan.group
        found = self.groups.get(_folded(text))
        if found is None:
            raise Refused("unknown_group")
        return found

    def _occasion(self, text: str, view: StoreView) -> int | None:
        if not text:
            if self.plan.occasion is not None and view.website_id != self.view.website_id:
                raise Refused("unknown_occasion")
            return self.plan.occasion
        found = self.occasions.get(_folded(text), {}).get(view.website_id)
        if found is None:
            raise Refused("unknown_occasion")
        return found

    def _message(self, text: str, view: StoreView, inviter: int | None) -> str:
        """Return the row's own words; a customer's mail has no links where customers may send none."""
        links_allowed = inviter is None or self.configs[view.pk].links_in_message == "allow"
        said = text or ("" if links_allowed else self.plan.message)
        try:
            message = words.clean(said, links_allowed=links_allowed) if said else ""
        except Refusal as refusal:
            raise Refused(refusal.code) from refusal
        return message if text else ""

    def _inviter(self, text: str, view: StoreView) -> int | None:
        if not text:
            return None
        found = self.customers.get((view.website_id, _normalized(text)))
        if found is None:
            raise Refused("unknown_inviter")
        return found


def _entered(text: str, name: str) -> tuple[str, str]:
    """Return address and name, also of a cell that has both: ``Name <address>``."""
    if "<" in text and len(text) <= _MOST_ENTERED:
        entries = mailbox.split_named(text)
        if len(entries) == 1:
            return entries[0].address, name or entries[0].name
    return text, name


def _address(record: Record, typed: str) -> str:
    if record.problem:
        raise Refused(record.problem)
    if not typed:
        raise Refused("no_address")
    try:
        return mailbox.normalize(typed)
    except mailbox.MalformedAddress as refusal:
        raise Refused(refusal.code) from refusal


def _normalized(text: str) -> str:
    try:
        return mailbox.normalize(text)
    except mailbox.MalformedAddress:
        return ""


def _by_names(rows: Iterable[tuple[int, tuple[str, ...]]]) -> dict[str, int]:
    return {_folded(name): pk for pk, names in rows for name in reversed(names)}


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _fit(text: str) -> str:
    return text.replace("\x00", "")[:_LONGEST]
