"""The only place that writes the outbox (delivery's claim and record apart), senders and suppression."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from guestlist.addresses import MalformedAddress
from guestlist.mail import counting, letters, standing
from guestlist.mail.models import (
    Measure,
    Message,
    MessageState,
    Send,
    SenderIdentity,
    Suppression,
    SuppressionReason,
    Template,
    TemplateVersion,
)
from guestlist.refusal import Refusal
from guestlist.stores.actors import SYSTEM, Actor, Permission
from guestlist.stores.models import StoreView

if TYPE_CHECKING:
    import datetime
    from collections.abc import Collection, Sequence

    from guestlist.stores.models import Website


MAX_SENDER_NAME = 80
_WEIGHT = {
    SuppressionReason.STAFF: 0,
    SuppressionReason.BOUNCE: 0,
    SuppressionReason.COMPLAINT: 1,
    SuppressionReason.WISH: 2,
}


class NoSender(Refusal):
    """The website lacks the sender identity that was chosen."""

    code = "no_sender"
    message = _("“%(website)s” has no sender identity “%(sender)s” yet. Fill it in first.")


class NoTemplate(Refusal):
    """There is no such mail template."""

    code = "no_template"
    message = _("There is no mail template “%(template)s”.")


class UnusableSenderName(Refusal):
    """A name that cannot stand before the sender's address."""

    code = "unusable_sender_name"
    message = _("A sender's name is one line of at most %(most)s characters, without control characters.")


class ForeignDomain(Refusal):
    """A sender's domain that another website uses: mail from it is signed with that one's key."""

    code = "foreign_domain"
    message = _(
        "“%(domain)s” is used by another website. Ask somebody who manages the senders of all websites."
    )


def queue(
    *,
    kind: str,
    subject_ids: Sequence[int],
    store_view: StoreView,
    sender: str,
    template: str,
    ready_at: datetime.datetime,
    now: datetime.datetime,
    send: Send | None = None,
) -> list[Message]:
    """Put one mail per subject into the outbox, in the order given; call it inside the transaction that needs them.

    ``sender`` and ``template`` are codes; the template's newest version is kept for these mails whatever is saved later.

    :raises NoSender: when the website has no such sender identity.
    :raises NoTemplate: when there is no such template.
    """
    identity = SenderIdentity.objects.filter(website=store_view.website_id, code=sender).first()
    if identity is None:
        raise NoSender(website=store_view.website.name, sender=sender)
    version = current_version(template)
    if send is not None:
        ledger = counting.Ledger()
        ledger.add(sender_id=identity.pk, send_id=send.pk, measure=Measure.QUEUED, amount=len(subject_ids))
        ledger.write(now=now)
    made = Message.objects.bulk_create(
        [
            Message(
                kind=kind,
                subject_id=subject_id,
                send=send,
                store_view=store_view,
                sender=identity,
                template_version=version,
                ready_at=ready_at,
                queued_at=now,
            )
            for subject_id in subject_ids
        ],
        batch_size=500,
    )
    if send is not None and made:
        ids = [one.pk for one in made]
        standing.note_ends(send.pk, (min(ids), max(ids)), (min(subject_ids), max(subject_ids)))
    return made


def joined_send(
    *,
    send_id: int,
    sender_id: int,
    mails: tuple[int, int],
    subjects: tuple[int, int],
    number: int,
    now: datetime.datetime,
) -> None:
    """Count mails that a set-based statement has put into a send, in its transaction.

    ``mails`` and ``subjects`` are the lowest and the highest of their ids, and of what they are about.
    Where others have queued for it before, `sends.go_on` says first whether it goes on.
    """
    ledger = counting.Ledger()
    ledger.add(sender_id=sender_id, send_id=send_id, measure=Measure.QUEUED, amount=number)
    ledger.write(now=now)
    standing.note_ends(send_id, mails, subjects)


def current_version(template: str) -> TemplateVersion:
    """Return the newest version of a template, by the template's code.

    :raises NoTemplate: when there is none.
    """
    version = TemplateVersion.objects.filter(template__code=template).order_by("-number").first()
    if version is None:
        raise NoTemplate(template=template)
    return version


def template_choices(purpose: str) -> list[tuple[str, str]]:
    """Return code and name of each template for a purpose, the built-in one first."""
    return list(
        Template.objects.filter(purpose=purpose)
        .order_by("-is_builtin", "name", "pk")
        .values_list("code", "name")
    )


@transaction.atomic
def withdraw(*, message_ids: Collection[int], reason: str, now: datetime.datetime) -> int:
    """Take back mails that no worker has in hand yet, held ones too; returns how many.

    What a worker already holds is not touched here: its kind's check, right before sending, has the last word.
    """
    waiting = Message.objects.select_for_update(no_key=True).filter(
        pk__any_of=set(message_ids), state__in=(MessageState.READY, MessageState.HELD)
    )
    rows = list(waiting.order_by("pk").values_list("pk", "sender", "send", "state", "tries"))
    ledger = counting.Ledger()
    for (sender_id, send_id, state, tries), amount in Counter(row[1:] for row in rows).items():
        ledger.moved(
            sender_id=sender_id,
            send_id=send_id,
            origin=counting.of_row(state, tries),
            target=Measure.WITHDRAWN,
            amount=amount,
        )
    Message.objects.filter(pk__any_of={row[0] for row in rows}).update(
        state=MessageState.WITHDRAWN, code=reason, ended_at=now
    )
    ledger.write(now=now)
    return len(rows)


@transaction.atomic
def release_held(*, message_id: int, now: datetime.datetime) -> bool:
    """Send a mail after all that was held because it was in doubt; false when it is held no more."""
    row = Message.objects.select_for_update().filter(pk=message_id, state=MessageState.HELD).first()
    if row is None:
        return False
    ledger = counting.Ledger()
    ledger.moved(
        sender_id=row.sender_id,
        send_id=row.send_id,
        origin=Measure.HELD,
        target=counting.of_row(MessageState.READY, row.tries),
    )
    row.state, row.ready_at = MessageState.READY, now
    row.save(update_fields=["state", "ready_at"])
    if row.send_id is not None:
        # It is the send's last one, perhaps.
        Send.objects.filter(pk=row.send_id).update(finished_at=None)
    ledger.write(now=now)
    return True


def suppress(
    *, website: Website | None, address_hash: bytes, reason: SuppressionReason, now: datetime.datetime
) -> None:
    """Never mail this address again, as `suppress_many` does for several."""
    suppress_many(website=website, address_hashes=[address_hash], reason=reason, now=now)


@transaction.atomic
def suppress_many(
    *,
    website: Website | None,
    address_hashes: Collection[bytes],
    reason: SuppressionReason,
    now: datetime.datetime,
) -> None:
    """Never mail these addresses again, for a website or (None) for all; the stronger of two reasons stays.

    A wish outlasts a complaint, and both outlast what staff or a mail server entered, which staff may lift.
    """
    # In one order, so that nobody waits in a circle.
    hashes = sorted(set(address_hashes))
    Suppression.objects.bulk_create(
        [Suppression(website=website, address_hash=one, reason=reason, created_at=now) for one in hashes],
        ignore_conflicts=True,
    )
    weaker = [one for one, weight in _WEIGHT.items() if weight < _WEIGHT[reason]]
    if weaker:
        # The condition decides between two at the same moment.
        Suppression.objects.filter(website=website, address_hash__in=hashes, reason__in=weaker).update(
            reason=reason
        )


def set_sender(
    *,
    website: Website,
    code: str,
    name: str,
    address: str,
    reply_to: str = "",
    per_second: int = 0,
    per_day: int = 0,
    warm_up_from: datetime.date | None = None,
    actor: Actor = SYSTEM,
) -> SenderIdentity:
    """Write down who mail comes from, and how fast; saving it again starts a stopped one.

    :raises UnusableSenderName: when the name cannot stand in a header.
    :raises MalformedAddress: when the address, or the one for replies, is none.
    :raises ForeignDomain: when its domain is another website's, and the actor does not manage all senders.
    """
    check_sender(name=name, address=address, reply_to=reply_to)
    check_domain(website=website, address=address, actor=actor)
    identity, _created = SenderIdentity.objects.update_or_create(
        website=website,
        code=code,
        defaults={
            "name": name,
            "address": address,
            "reply_to": reply_to,
            "per_second": per_second,
            "per_day": per_day,
            "warm_up_from": warm_up_from,
            "stopped_at": None,
            "stopped_reason": "",
        },
    )
    return identity


def check_sender(*, name: str, address: str, reply_to: str = "") -> None:
    """Refuse what could not stand in the headers of a mail.

    :raises UnusableSenderName: when the name is empty, too long, or has anything but one line of letters in it.
    :raises MalformedAddress: when the address, or the one for replies, is none.
    """
    if not name.strip() or len(name) > MAX_SENDER_NAME:
        raise UnusableSenderName(most=MAX_SENDER_NAME)
    if reply_to:
        letters.mailbox(reply_to)
    try:
        letters.mailbox(address, name=name).header("From")
    except letters.UnusableHeader as refusal:
        raise UnusableSenderName(most=MAX_SENDER_NAME) from refusal


def check_domain(*, website: Website, address: str, actor: Actor) -> None:
    """Refuse a sender's address at a domain of another website, above or below it, unless it is this one's as well.

    A website's domains are those of its senders and of its base URLs. Who manages the senders of all may use any.

    :raises MalformedAddress: when the address is none.
    :raises ForeignDomain: when it is another's.
    """
    if actor.may(Permission.TEMPLATES, None):
        return
    domain = letters.mailbox(address).domain
    used = _domains()
    if (website.pk, domain) not in used and any(
        whose != website.pk and _is_within(domain, other) for whose, other in used
    ):
        raise ForeignDomain(domain=domain)


def _domains() -> set[tuple[int, str]]:
    """Return the domains that websites use, each with the website's id."""
    mailed = SenderIdentity.objects.values_list("website_id", "address")
    shown = StoreView.objects.values_list("website_id", "base_url")
    return {
        *((whose, _domain_of(address)) for whose, address in mailed),
        *((whose, _domain_of(f"x@{urlsplit(url).hostname or ''}")) for whose, url in shown),
    }


def _domain_of(address: str) -> str:
    try:
        return letters.mailbox(address).domain
    except MalformedAddress:
        # A machine's name of one word, or its number.
        return address.rpartition("@")[2]


def _is_within(one: str, other: str) -> bool:
    return one == other or one.endswith(f".{other}") or other.endswith(f".{one}")
