"""From claimed rows to finished mails: what is still to be sent, and what it says."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from django.db import Error as DatabaseFault

from guestlist.mail import letters, returnpath, shop, skeletons, suppression, templates
from guestlist.mail.kinds import Outcome, Row, Values, Verdict
from guestlist.mail.models import SenderIdentity, TemplateText
from guestlist.mail.parcels import Parcel
from guestlist.refusal import Refusal
from guestlist.stores import memory
from guestlist.stores.waiting import DatabaseBusyError

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping, Sequence

    from guestlist.mail.dkim import Signer
    from guestlist.mail.kinds import Kind
    from guestlist.mail.skeletons import Frame
    from guestlist.stores.models import StoreView

log = logging.getLogger(__name__)

# Of a row: send, store view, sender and template version.
_SEND, _QUEUED_AT = Row._fields.index("send_id"), Row._fields.index("queued_at")


class Found(NamedTuple):
    """A mail that is still to be sent, with all that filling it in takes: the database is asked no more."""

    row: Row
    values: Values
    around: _Surroundings

    @property
    def domain(self) -> str:
        """The recipient's domain in A-labels; as it was typed where it is none, and the mail cannot be made."""
        try:
            return letters.mailbox(self.values.address).domain
        except Refusal:
            return self.values.address.rpartition("@")[2]


def look_up(
    rows: Sequence[Row], *, kinds: Mapping[str, Kind], now: datetime.datetime
) -> tuple[list[Found], list[Outcome]]:
    """Return the mails that are still to be sent, in order, and what became of the others: withdrawn, suppressed."""
    settled: list[Outcome] = []
    values: dict[int, Values] = {}
    for code in sorted({row.kind for row in rows}):
        of_kind = [row for row in rows if row.kind == code]
        if code in kinds:
            _look_up(of_kind, kinds[code], now, values, settled)
        else:
            settled += [_settled(row, Verdict.FAILED, "unknown_kind", now) for row in of_kind]
    around = _Surroundings.of(rows)
    left, suppressed = _without_suppressed([row for row in rows if row.pk in values], values, around, now)
    return [Found(row, values[row.pk], around) for row in left], settled + suppressed


def fill(found: Found, *, signer: Signer | None, now: datetime.datetime) -> Parcel | Outcome:
    """Return one finished mail; one that cannot be made, or comes too late, fails alone."""
    row, values, around = found
    if values.not_after is not None and values.not_after < now:
        return _settled(row, Verdict.FAILED, "too_late", now)
    try:
        stencil = around.stencil(row, values)
        if stencil is None:
            return _settled(row, Verdict.FAILED, "no_template_text", now)
        return _parcel(row, values, stencil, signer, now)
    except Refusal as refusal:
        # Only what is at fault: its value, or the sentence with it, may be an address.
        words = str(refusal.data.get("name") or refusal.data.get("header") or "")
        log.warning("Mail %s cannot be made: %s %s", row.pk, refusal.code, words)
        return _settled(row, Verdict.FAILED, refusal.code, now, words)
    except DatabaseBusyError:
        raise  # the mail is not to blame
    except Exception as error:
        log.exception("Mail %s cannot be made.", row.pk)
        return _settled(row, Verdict.FAILED, "mail_error", now, type(error).__name__)


class _Stencil(NamedTuple):
    """What mails alike have in common."""

    skeleton: skeletons.Skeleton
    view: StoreView
    sender: str
    domain: str
    """The sender's."""
    has_paths: bool
    """Whether a kind that knows no store view left its addresses for us to complete."""


@dataclass(slots=True)
class _Surroundings:
    """What the rows of a batch share, read once: where from, by whom, in which words."""

    views: Mapping[int, StoreView]
    senders: Mapping[int, SenderIdentity]
    texts: Mapping[int, list[TemplateText]]
    shops: dict[int, dict[str, str]] = field(default_factory=dict)
    stencils: dict[tuple[object, ...], _Stencil | None] = field(default_factory=dict)

    @classmethod
    def of(cls, rows: Sequence[Row]) -> _Surroundings:
        """Read them, in three queries whatever the number of rows."""
        shared = {(row.store_view_id, row.sender_id, row.template_version_id) for row in rows}
        return memory.recall(("surroundings", frozenset(shared)), lambda: cls._read(rows))

    @classmethod
    def _read(cls, rows: Sequence[Row]) -> _Surroundings:
        texts: dict[int, list[TemplateText]] = {}
        found = TemplateText.objects.select_related("version__template").filter(
            version__in={row.template_version_id for row in rows}
        )
        for text in found.order_by("version", "language"):
            texts.setdefault(text.version_id, []).append(text)
        return cls(
            views=memory.store_views({row.store_view_id for row in rows}),
            senders=SenderIdentity.objects.in_bulk({row.sender_id for row in rows}),
            texts=texts,
        )

    def shop(self, view: StoreView) -> dict[str, str]:
        """Return what mails say of a store view."""
        if view.pk not in self.shops:
            self.shops[view.pk] = shop.variables(view)
        return self.shops[view.pk]

    def stencil(self, row: Row, values: Values) -> _Stencil | None:
        """Return what mails like this one have in common, or None when its template says nothing.

        :raises Refusal: when it cannot stand in a mail.
        """
        variables = values.variables
        # By ids and by which values there are, because frames are long to compare.
        there = tuple(map(bool, variables.values()))
        key = (row[_SEND:_QUEUED_AT], row.kind, values.language, tuple(variables), there)
        try:
            return self.stencils[key]
        except KeyError:
            self.stencils[key] = stencil = self._stencil(row, values)
            return stencil

    def _stencil(self, row: Row, values: Values) -> _Stencil | None:
        view, identity = self.views[row.store_view_id], self.senders[row.sender_id]
        text = templates.in_language(
            self.texts.get(row.template_version_id, []), values.language or view.language
        )
        if text is None:
            return None
        sender = letters.mailbox(identity.address, name=identity.name)
        variables = _absolute(values.variables, view)
        shape = frozenset(name for name, value in variables.items() if value)
        skeleton = skeletons.skeleton(self.frame(row, text, shape, values.trial_notice))
        has_paths = variables is not values.variables
        return _Stencil(skeleton, view, sender.address, sender.domain, has_paths)

    def frame(self, row: Row, text: TemplateText, shape: frozenset[str], trial_notice: str) -> Frame:
        """Return what mails like this one have in common."""
        view, identity = self.views[row.store_view_id], self.senders[row.sender_id]
        reply_to = identity.reply_to or view.contact_address
        words = templates.Rendered(text.subject, text.text, text.html)
        if trial_notice:
            words = templates.as_trial(words, trial_notice)
        return skeletons.Frame(
            purpose=text.version.template.purpose,
            subject=words.subject,
            text=words.text,
            html=words.html,
            language=text.language,
            shop=tuple(sorted(self.shop(view).items())),
            sender_name=identity.name,
            sender_address=identity.address,
            reply_to_name=view.name if reply_to else "",
            reply_to_address=reply_to,
            feedback_id=letters.feedback_id(
                send=row.send_id, store_view=view.code, kind=row.kind, sender=identity.code
            ),
            shape=shape,
        )


def _parcel(
    row: Row, values: Values, stencil: _Stencil, signer: Signer | None, now: datetime.datetime
) -> Parcel:
    recipient = letters.mailbox(values.address, name=values.name)
    variables = _absolute(values.variables, stencil.view) if stencil.has_paths else values.variables
    address = recipient.address
    content = stencil.skeleton.fill(
        variables,
        to_name=recipient.name,
        to_address=address,
        date=now,
        message_id=letters.message_id(row=row.pk, queued_at=row.queued_at, domain=stencil.domain),
    )
    if signer is not None:
        content = signer.signed(content, from_domain=stencil.domain)
    return Parcel(
        row=row,
        sender=returnpath.address_for(message_id=row.pk) or stencil.sender,
        recipient=address,
        content=content,
        address_hash=values.address_hash,
        not_after=values.not_after,
        is_dotless=stencil.skeleton.is_dotless(address),
        has_utf8_headers=stencil.skeleton.is_international,
    )


def _absolute(variables: Mapping[str, str], view: StoreView) -> Mapping[str, str]:
    """Return the variables with each ``…_path`` of a kind that knows no store view as the ``…_url`` of the mail's."""
    if not any(name.endswith("_path") for name in variables):
        return variables
    return {
        f"{name.removesuffix('_path')}_url" if name.endswith("_path") else name: view.url(value)
        if name.endswith("_path")
        else value
        for name, value in variables.items()
    }


def _settled(row: Row, verdict: Verdict, code: str, now: datetime.datetime, answer: str = "") -> Outcome:
    return Outcome(message=row, verdict=verdict, code=code, answer=answer, at=now)


def _look_up(
    rows: Sequence[Row],
    kind: Kind,
    now: datetime.datetime,
    values: dict[int, Values],
    settled: list[Outcome],
) -> None:
    """Add the values of the rows by row id, and what became of rows that have none.

    All are asked for at once; when that fails, each by itself, so that one bad row stops no other.
    """
    try:
        given = kind.look_up([row.subject_id for row in rows], now=now)
    except DatabaseFault:
        raise
    except Exception:
        if len(rows) > 1:
            for row in rows:
                _look_up([row], kind, now, values, settled)
            return
        log.exception("Mail %s (%s %s) cannot be made.", rows[0].pk, rows[0].kind, rows[0].subject_id)
        settled.append(_settled(rows[0], Verdict.FAILED, "values_error", now))
        return
    for row in rows:
        found = given.get(row.subject_id, "gone")
        if isinstance(found, str):
            settled.append(_settled(row, Verdict.WITHDRAWN, found, now))
        else:
            values[row.pk] = found


def _without_suppressed(
    rows: list[Row], values: Mapping[int, Values], around: _Surroundings, now: datetime.datetime
) -> tuple[list[Row], list[Outcome]]:
    hashes: dict[int, set[bytes]] = {}
    for row in rows:
        if hashed := values[row.pk].address_hash:
            hashes.setdefault(around.views[row.store_view_id].website_id, set()).add(hashed)
    blocked = {
        (website_id, hashed)
        for website_id, wanted in hashes.items()
        for hashed in suppression.suppressed(website_id=website_id, hashes=wanted)
    }
    if not blocked:
        return rows, []
    kept, dropped = [], []
    for row in rows:
        website_id = around.views[row.store_view_id].website_id
        if (website_id, values[row.pk].address_hash) in blocked:
            dropped.append(_settled(row, Verdict.WITHDRAWN, "suppressed", now))
        else:
            kept.append(row)
    return kept, dropped
