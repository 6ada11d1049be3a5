"""A shop with mail in its outbox, a kind of mail and a way to hand it over that do what a test says."""

import datetime
import email
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import default
from typing import Any

from guestlist.mail import actions
from guestlist.mail.answers import Answer, Result
from guestlist.mail.delivery import Delivery
from guestlist.mail.kinds import Kind, Outcome, Values
from guestlist.mail.models import Message, Send, SenderIdentity
from guestlist.mail.parcels import OneByOne, Parcel
from guestlist.stores.models import StoreView, Website

NOW = datetime.datetime(2026, 11, 21, 12, tzinfo=datetime.UTC)
ACCEPTED = Answer(Result.ACCEPTED, "2.0.0", "queued")


def make_shop(code: str = "main", **changes) -> StoreView:
    website = Website.objects.create(code=code, name="Loom")
    actions.set_sender(website=website, code="general", name="Loom", address="shop@shop.example")
    fields: dict[str, Any] = {
        "code": f"{code}_en",
        "name": "Linden & Loom",
        "language": "en",
        "base_url": f"https://{code}.example",
        "legal_name": "Loom Ltd.",
        "postal_address": "12 Mill Lane\nYork",
        "privacy_url": "/privacy/",
        "contact_address": "hello@shop.example",
    }
    return StoreView.objects.create(website=website, **(fields | changes))


def queue(
    store_view: StoreView, subjects: range, *, now: datetime.datetime = NOW, **changes
) -> list[Message]:
    fields: dict[str, Any] = {
        "kind": "test",
        "subject_ids": list(subjects),
        "store_view": store_view,
        "sender": "general",
        "template": "invitation",
        "ready_at": now,
        "now": now,
    }
    return actions.queue(**(fields | changes))


@dataclass
class Friends:
    """A kind whose subjects are numbers: each is a friend with an address of its own."""

    code: str = "test"
    purpose: str = "invitation"
    withdrawn: dict[int, str] = field(default_factory=dict)
    broken: set[int] = field(default_factory=set)
    unrecordable: set[int] = field(default_factory=set)
    gone: set[int] = field(default_factory=set)
    changed: dict[int, dict[str, str]] = field(default_factory=dict)
    addresses: dict[int, str] = field(default_factory=dict)
    hashed: dict[int, bytes] = field(default_factory=dict)
    returned_outcomes: list[Outcome] = field(default_factory=list)
    until: dict[int, datetime.datetime] = field(default_factory=dict)
    recorded: list[Outcome] = field(default_factory=list)

    def look_up(self, ids, *, now):
        if self.broken & set(ids):
            raise LookupError("no such friend")
        return {one: self.withdrawn.get(one) or self._values(one) for one in ids if one not in self.gone}

    def hashes(self, ids):
        return {one: self.hashed[one] for one in ids if one in self.hashed}

    def returned(self, outcomes, *, now):
        self.returned_outcomes += outcomes

    def record(self, outcomes, *, now):
        if any(outcome.message.subject_id in self.unrecordable for outcome in outcomes):
            raise LookupError("cannot write this down")
        self.recorded += outcomes

    def verdicts(self) -> dict[int, str]:
        return {outcome.message.subject_id: f"{outcome.verdict} {outcome.code}" for outcome in self.recorded}

    def _values(self, one):
        variables = {
            "invitation_url": f"https://main.example/invitation/{one}/",
            "opt_out_path": f"/never-again/{one}/",
            "inviter_name": "Emma Clarke",
            "message": "Come & see\nme",
        }
        address = self.addresses.get(one, f"friend{one}@friend.example")
        return Values(
            address,
            variables=variables | self.changed.get(one, {}),
            address_hash=self.hashed.get(one),
            not_after=self.until.get(one),
        )


def values_by(kind: Kind, one: int, *, now: datetime.datetime) -> Values:
    """Return what fills the mail of a kind about a subject."""
    found = kind.look_up([one], now=now)[one]
    assert isinstance(found, Values)
    return found


def withdrawn_by(kind: Kind, ids: Sequence[int], *, now: datetime.datetime) -> dict[int, str]:
    """Return the reasons for which mails of a kind are withdrawn now."""
    return {one: found for one, found in kind.look_up(ids, now=now).items() if isinstance(found, str)}


def make_send(store_view: StoreView, subjects: range, *, now: datetime.datetime = NOW, **changes) -> Send:
    """Queue mails as a bulk send."""
    sender = SenderIdentity.objects.get(website=store_view.website, code=changes.pop("sender", "general"))
    fields: dict[str, Any] = {"created_at": now, "ready_at": now}
    send = Send.objects.create(
        website=store_view.website, store_view=store_view, sender=sender, **(fields | changes)
    )
    queue(store_view, subjects, now=now, ready_at=send.ready_at, sender=sender.code, send=send)
    return send


def mail_of(parcel: Parcel) -> EmailMessage:
    """Return a handed-over mail as its reader gets it."""
    mail = email.message_from_bytes(parcel.content, policy=default)
    assert isinstance(mail, EmailMessage)
    return mail


@dataclass
class Basket(OneByOne):
    """A transport that keeps what it is given; `answers` by recipient, all others are accepted."""

    answers: dict[str, Answer] = field(default_factory=dict)
    parcels: list[Parcel] = field(default_factory=list)
    on_deliver: Callable[[Parcel], object] | None = None
    closed: int = 0

    def deliver(self, parcel):
        if self.on_deliver:
            self.on_deliver(parcel)
        answer = self.answers.get(parcel.recipient) or self.answers.get("*", ACCEPTED)
        if answer.result is Result.ACCEPTED:
            self.parcels.append(parcel)
        return answer

    def close(self):
        self.closed += 1

    def recipients(self) -> list[str]:
        return [parcel.recipient for parcel in self.parcels]


class Clock:
    """A clock that a test moves."""

    def __init__(self, now=NOW):
        self.now = now

    def __call__(self):
        return self.now

    def forward(self, **delta):
        self.now += datetime.timedelta(**delta)


def worker(
    kind: Friends, transport: OneByOne, *, clock: Clock | None = None, size: int = 500, name: str = "one"
) -> Delivery:
    """Return a worker's delivery that claims so many at a time."""
    return Delivery(
        kinds=[kind],
        transport=transport,
        worker=name,
        clock=clock or Clock(),
        batch_size=lambda _website: size,
        jitter=lambda: 0.5,
    )
