"""From claimed rows to finished mails: what is still to be sent, and what it says."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import Error as DatabaseFault

from guestlist.mail import letters, shop, suppression, templates
from guestlist.mail.kinds import Outcome, Values, Verdict
from guestlist.mail.language import UnusableValue
from guestlist.mail.models import TemplateText
from guestlist.mail.transport import Parcel

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping, Sequence

    from guestlist.mail.kinds import Kind
    from guestlist.mail.models import Message
    from guestlist.stores.models import StoreView

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A row that may go out, with what fills it."""

    message: Message
    values: Values
    text: TemplateText


def prepare(
    messages: Sequence[Message], *, kinds: Mapping[str, Kind], now: datetime.datetime
) -> tuple[list[Prepared], list[Outcome]]:
    """Return the rows that may go out, in order, and what became of the others: withdrawn, suppressed, impossible."""
    settled: list[Outcome] = []
    values: dict[int, Values] = {}
    for code in sorted({message.kind for message in messages}):
        rows = [message for message in messages if message.kind == code]
        if code not in kinds:
            settled += [_settled(row, Verdict.FAILED, "unknown_kind", now) for row in rows]
            continue
        withdrawn = kinds[code].check([row.subject_id for row in rows], now=now)
        settled += [
            _settled(row, Verdict.WITHDRAWN, withdrawn[row.subject_id], now)
            for row in rows
            if row.subject_id in withdrawn
        ]
        rows = [row for row in rows if row.subject_id not in withdrawn]
        found, lost = _values(rows, kinds[code], now)
        values |= found
        settled += lost
    open_rows, suppressed = _without_suppressed([row for row in messages if row.pk in values], values, now)
    settled += suppressed
    texts = _texts(open_rows)
    prepared = []
    for row in open_rows:
        if row.pk in texts:
            prepared.append(Prepared(row, values[row.pk], texts[row.pk]))
        else:
            settled.append(_settled(row, Verdict.FAILED, "no_template_text", now))
    return prepared, settled


def parcel(prepared: Prepared, *, now: datetime.datetime) -> Parcel:
    """Return the finished mail with its envelope.

    :raises Refusal: when a value cannot stand in it; then that mail fails, and no other.
    """
    message, values, text = prepared.message, prepared.values, prepared.text
    view, identity = message.store_view, message.sender
    purpose = message.template_version.template.purpose
    variables = shop.variables(view) | _absolute(values.variables, view)
    for name in sorted(templates.required_of(purpose)):
        if not variables.get(name):
            raise UnusableValue(name=name)
    sender = letters.mailbox(identity.address, name=identity.name)
    recipient = letters.mailbox(values.address, name=values.name)
    reply_to = identity.reply_to or view.contact_address
    letter = letters.Letter(
        sender=sender,
        recipient=recipient,
        reply_to=letters.mailbox(reply_to, name=view.name) if reply_to else None,
        rendered=templates.fill(text, purpose=purpose, values=variables),
        language=text.language,
        date=now,
        message_id=letters.message_id(row=message.pk, queued_at=message.queued_at, domain=sender.domain),
        feedback_id=letters.feedback_id(
            send=message.send_id, store_view=view.code, kind=message.kind, sender=identity.code
        ),
        opt_out_url=variables.get("opt_out_url", ""),
    )
    return Parcel(mail=letters.build(letter), sender=sender.address, recipient=recipient.address)


def _absolute(variables: Mapping[str, str], view: StoreView) -> dict[str, str]:
    """Return the variables with each ``…_path`` of a kind that knows no store view as the ``…_url`` of the mail's."""
    return {
        f"{name.removesuffix('_path')}_url" if name.endswith("_path") else name: view.url(value)
        if name.endswith("_path")
        else value
        for name, value in variables.items()
    }


def _settled(message: Message, verdict: Verdict, code: str, now: datetime.datetime) -> Outcome:
    return Outcome(message=message, verdict=verdict, code=code, answer="", at=now)


def _values(
    rows: Sequence[Message], kind: Kind, now: datetime.datetime
) -> tuple[dict[int, Values], list[Outcome]]:
    """Return the values of the rows by row id, and what became of rows that have none.

    All are asked for at once; when that fails, each by itself, so that one bad row stops no other.
    """
    found: dict[int, Values] = {}
    lost: list[Outcome] = []
    try:
        given = kind.values([row.subject_id for row in rows], now=now) if rows else {}
    except DatabaseFault:
        raise
    except Exception:
        if len(rows) > 1:
            for row in rows:
                one, gone = _values([row], kind, now)
                found |= one
                lost += gone
            return found, lost
        log.exception("Mail %s (%s %s) cannot be made.", rows[0].pk, rows[0].kind, rows[0].subject_id)
        return {}, [_settled(rows[0], Verdict.FAILED, "values_error", now)]
    for row in rows:
        if row.subject_id in given:
            found[row.pk] = given[row.subject_id]
        else:
            lost.append(_settled(row, Verdict.WITHDRAWN, "gone", now))
    return found, lost


def _without_suppressed(
    rows: Sequence[Message], values: Mapping[int, Values], now: datetime.datetime
) -> tuple[list[Message], list[Outcome]]:
    blocked: set[tuple[int, bytes]] = set()
    for website_id in sorted({row.store_view.website_id for row in rows}):
        hashes = {
            hashed
            for row in rows
            if row.store_view.website_id == website_id and (hashed := values[row.pk].address_hash)
        }
        if hashes:
            found = suppression.suppressed(website_id=website_id, hashes=hashes)
            blocked |= {(website_id, hashed) for hashed in found}
    kept, dropped = [], []
    for row in rows:
        if (row.store_view.website_id, values[row.pk].address_hash) in blocked:
            dropped.append(_settled(row, Verdict.WITHDRAWN, "suppressed", now))
        else:
            kept.append(row)
    return kept, dropped


def _texts(rows: Sequence[Message]) -> dict[int, TemplateText]:
    """Return the words for each row, by row id, in its store view's language where there are any."""
    versions = {row.template_version_id for row in rows}
    by_version: dict[int, list[TemplateText]] = {}
    for text in TemplateText.objects.filter(version__in=versions).order_by("version", "language"):
        by_version.setdefault(text.version_id, []).append(text)
    chosen = {}
    for row in rows:
        found = templates.in_language(by_version.get(row.template_version_id, []), row.store_view.language)
        if found is not None:
            chosen[row.pk] = found
    return chosen
