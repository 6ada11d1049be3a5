"""What happened at a filled database's shops: rows of two years, oldest first, made up from a seed."""

from __future__ import annotations

import datetime
import itertools
import math
import random
import uuid
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from guestlist import addresses
from guestlist.customers.models import Customer, User
from guestlist.demo.filling.shops import YEARS
from guestlist.invitations import figures
from guestlist.invitations.lifecycle import Reason, Status
from guestlist.invitations.models import BLOCK, NO_END, Basis, Channel, Delivery, EventKind
from guestlist.stores.actors import ActorKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from guestlist.demo.filling.outbox import Outbox
    from guestlist.demo.filling.shops import Site
    from guestlist.stores.models import StoreView

_LIFETIME = datetime.timedelta(days=30)
_FIRST = (
    *("anna", "bram", "cees", "daan", "emma", "fatima", "gijs", "hanna"),
    *("ivo", "jasmijn", "koen", "lotte", "mees", "noor", "omar", "puck"),
    *("quinten", "roos", "sem", "tess", "umut", "vera", "wout", "xander"),
    *("yara", "zoe", "alice", "ben", "clara", "david", "ella", "finn"),
    *("greta", "hugo", "ida", "jonas", "karl", "lena", "max", "nina"),
)
_LAST = (
    *("jansen", "devries", "bakker", "visser", "smit", "meijer", "deboer", "mulder"),
    *("degroot", "bos", "vos", "peters", "hendriks", "dekker", "brouwer", "dewit"),
    *("dijkstra", "smits", "degraaf", "vandermeer", "kok", "jacobs", "vermeulen", "schouten"),
    *("willems", "hoekstra", "koster", "prins", "huisman", "yilmaz", "clarke", "evans"),
    *("hughes", "walker", "wright", "schmidt", "weber", "wagner", "becker", "hoffmann"),
)
_SYLLABLES = (
    "va",
    "ren",
    "ko",
    "mi",
    "la",
    "to",
    "sen",
    "du",
    "bel",
    "fri",
    "ha",
    "jo",
    "ke",
    "lin",
    "mo",
    "nu",
    "pe",
    "ros",
)
_COMMON = 0.4
"""How often a last name is one of those above; all others are put together."""
_DOMAINS = ("gmail.com", "hotmail.com", "outlook.com", "ziggo.nl", "kpnmail.nl", "icloud.com", "gmx.de")
_DOMAIN_WEIGHTS = (34, 16, 12, 8, 6, 6, 4)
_SMALL_DOMAINS = 14
"""Of a hundred addresses; each of these is at one of many small domains."""
_LARGEST = 20_000
"""Invitations of the largest bulk send; a hundredth of all where that is less."""
_NEWCOMER, _WITH_OCCASION, _WITH_GROUP, _LATER = 0.2, 0.6, 0.3, 0.02
"""How often an inviter is new, an invitation is to an occasion, staff choose a group, and they send at a later time."""
_KEPT, _FAILED, _BOUNCED, _JOINED, _DECLINED = 0.02, 0.023, 0.033, 0.213, 0.263
"""Up to where of all chances each fate goes."""
_WORDS = "Hi! They have what you were looking for. Have a look around!"


@dataclass(slots=True)
class Rows:
    """Rows of each table, as tuples in the order of `guestlist.demo.filling.tables.COLUMNS`."""

    customers: list[tuple[Any, ...]] = field(default_factory=list)
    invitations: list[tuple[Any, ...]] = field(default_factory=list)
    addresses: list[tuple[Any, ...]] = field(default_factory=list)
    notes: list[tuple[Any, ...]] = field(default_factory=list)
    events: list[tuple[Any, ...]] = field(default_factory=list)
    credits: list[tuple[Any, ...]] = field(default_factory=list)
    mails: list[tuple[Any, ...]] = field(default_factory=list)
    figures: Counter[tuple[int, str, datetime.date, str]] = field(default_factory=Counter)
    """Store view, basis, day, measure → how many."""
    blocks: set[tuple[datetime.date, datetime.date, int]] = field(default_factory=set)
    """The days on which blocks of ids were sent, and until when those are open."""


def told(
    sites: Sequence[Site],
    outbox: Outbox,
    *,
    invitations: int,
    now: datetime.datetime,
    seed: int,
    at_once: int,
) -> Iterator[Rows]:
    """Tell the two years before ``now`` in parts of ``at_once`` invitations and a few more."""
    teller = _Teller(sites, outbox, invitations, now, seed)
    while teller.made < invitations:
        teller.rows = Rows()
        until = min(invitations, teller.made + at_once)
        while teller.made < until:
            teller.invite()
        yield teller.rows


class _Teller:
    def __init__(
        self, sites: Sequence[Site], outbox: Outbox, invitations: int, now: datetime.datetime, seed: int
    ) -> None:
        self.sites, self.outbox, self.invitations, self.now = sites, outbox, invitations, now
        self.weights = list(itertools.accumulate(site.weight for site in sites))
        # The same rows for the same seed; nothing here is a secret.
        self.random = random.Random(seed)  # noqa: S311
        self.rows = Rows()
        self.made = 0
        self.customer_id = Customer.objects.values_list("pk", flat=True).order_by("-pk").first() or 0
        self.staff_id = _staff().pk
        self.largest = max(3, min(_LARGEST, invitations // 100))
        # As many sends by staff, of whatever size, that they make up a third: customers invite 2.4 friends at a time.
        self.by_staff = 1.2 * math.log(self.largest) / self.largest
        self.days: dict[tuple[str, int], datetime.date] = {}

    def invite(self) -> None:
        """Let a customer invite a few friends, or staff a great many."""
        site = self.random.choices(self.sites, cum_weights=self.weights)[0]
        at = self.now - YEARS + YEARS * (self.made / self.invitations)
        view = self.random.choice(site.views)
        season = next((one for one in site.seasons if one.opens_at <= at < one.closes_at), None)
        occasion = season.occasion_id if season and self.random.random() < _WITH_OCCASION else None
        left = self.invitations - self.made
        if self.random.random() < self.by_staff:
            group = self._group(site) if self.random.random() < _WITH_GROUP else None
            for _one in range(min(left, int(self.largest ** self.random.random()) + 1)):
                self._invitation(site, view, None, occasion, group, at)
            return
        inviter = self._inviter(site, view, at)
        for _one in range(min(left, self.random.choice((1, 1, 2, 3, 5)))):
            self._invitation(site, view, inviter, occasion, None, at)

    def _inviter(self, site: Site, view: StoreView, at: datetime.datetime) -> int:
        """Return somebody who invites: a few do so again and again."""
        known = site.customers
        if known and self.random.random() > _NEWCOMER:
            return known[int(len(known) * self.random.random() ** 3)]
        inviter = self._customer(site, view, at)
        known.append(inviter)
        return inviter

    def _customer(self, site: Site, view: StoreView, at: datetime.datetime, email: str = "") -> int:
        self.customer_id += 1
        first, last = self.random.choice(_FIRST), self.random.choice(_LAST)
        group = self._group(site)
        address = email or f"{first}.{last}@c{self.customer_id}.example"
        self.rows.customers.append(
            (
                self.customer_id,
                self._public_id(at),
                site.website_id,
                group,
                view.pk,
                address,
                first.capitalize(),
                last.capitalize(),
                at,
            )
        )
        return self.customer_id

    def _group(self, site: Site) -> int:
        groups = [group for group, _weight in site.groups]
        return self.random.choices(groups, [weight for _group, weight in site.groups])[0]

    def _public_id(self, at: datetime.datetime) -> uuid.UUID:
        """Return a UUID, version 7, of a moment."""
        value = int(at.timestamp() * 1000) << 80 | 0x7 << 76 | self.random.getrandbits(12) << 64
        return uuid.UUID(int=value | 0b10 << 62 | self.random.getrandbits(62))

    def _invitation(
        self,
        site: Site,
        view: StoreView,
        inviter: int | None,
        occasion: int | None,
        group: int | None,
        at: datetime.datetime,
    ) -> None:
        self.made += 1
        pk, email = self.made, self._email()
        fate = self._fate(site, view, pk, inviter, email, at)
        if fate.sent_day is None:
            self._count(view, figures.NOT_SENT, at, self._day(view, at))
        mail = self.outbox.mail(pk, store_view=view.pk, delivery=fate.delivery)
        self.rows.mails += [mail] if mail else []
        self.rows.invitations.append(
            (
                pk,
                self._public_id(at),
                site.website_id,
                view.pk,
                inviter,
                None if inviter else self.staff_id,
                occasion,
                group,
                fate.invitee,
                fate.status,
                fate.reason,
                Channel.MAIL,
                fate.delivery,
                mail[0] if mail else None,
                0,
                1 if fate.sent_at else 0,
                0,
                addresses.hash_of(email),
                at,
                fate.sent_at,
                fate.sent_day,
                self._day(view, at),
                fate.expires_at,
                fate.accepted_at,
            )
        )
        self.rows.addresses.append((pk, site.website_id, email, email, ""))
        if inviter and pk % 4 == 0:
            self.rows.notes.append((pk, _WORDS, ""))

    def _email(self) -> str:
        first, last = self.random.choice(_FIRST), self._last_name()
        if self.random.random() * 100 < _SMALL_DOMAINS:
            return f"{first}{self.made}@{last}{self.random.randrange(20)}.example"
        return f"{first}.{last}{self.made}@{self.random.choices(_DOMAINS, _DOMAIN_WEIGHTS)[0]}"

    def _last_name(self) -> str:
        if self.random.random() < _COMMON:
            return self.random.choice(_LAST)
        return "".join(self.random.choices(_SYLLABLES, k=3))

    def _fate(
        self, site: Site, view: StoreView, pk: int, inviter: int | None, email: str, at: datetime.datetime
    ) -> _Fate:
        """Decide what becomes of an invitation, and write its history."""
        event = self._events(view, pk)
        who = (ActorKind.CUSTOMER, inviter) if inviter else (ActorKind.STAFF, self.staff_id)
        event(EventKind.CREATED, None, Status.NOT_SENT, at, who, Reason.CREATED)
        self._count(view, figures.CREATED, at)
        fate, chance = _Fate(), self.random.random()
        if chance < _KEPT:
            return fate
        leaves_at = at + self._delay(inviter)
        if leaves_at > self.now:
            return fate
        if chance < _FAILED:
            fate.delivery = Delivery.FAILED
            return fate
        if chance < _BOUNCED:
            event(EventKind.BOUNCED, None, None, leaves_at, _SYSTEM, "5.1.1")
            event(EventKind.DISCARDED, Status.NOT_SENT, Status.DISCARDED, leaves_at, _SYSTEM, Reason.BOUNCED)
            self._count(view, f"{figures.DISCARDED}.{Reason.BOUNCED}", leaves_at)
            fate.status, fate.reason, fate.delivery = Status.DISCARDED, Reason.BOUNCED, Delivery.BOUNCED
            return fate
        event(EventKind.SENT, Status.NOT_SENT, Status.SENT, leaves_at, _SYSTEM, Reason.HANDED_OVER)
        fate.status, fate.reason, fate.delivery = Status.SENT, Reason.HANDED_OVER, Delivery.HANDED_OVER
        fate.sent_at, fate.sent_day = leaves_at, self._day(view, leaves_at)
        fate.expires_at = None if site.lives_for_ever else leaves_at + _LIFETIME
        self._count(view, figures.SENT_MAILED, leaves_at, fate.sent_day)
        until = fate.expires_at.date() if fate.expires_at else NO_END
        self.rows.blocks.add((leaves_at.date(), until, pk // BLOCK))
        answers_at = leaves_at + datetime.timedelta(days=self.random.expovariate(1 / 4))
        if answers_at > self.now or (fate.expires_at and answers_at > fate.expires_at):
            return fate
        if chance < _JOINED:
            fate.status, fate.reason, fate.accepted_at = Status.ACCEPTED, Reason.REGISTERED, answers_at
            fate.invitee = self._customer(site, view, answers_at, email)
            who = (ActorKind.CUSTOMER, fate.invitee)
            event(EventKind.ACCEPTED, Status.SENT, Status.ACCEPTED, answers_at, who, fate.reason)
            self.rows.credits.append((pk, fate.invitee, 1000))
            self._count(view, f"{figures.ACCEPTED}.{fate.reason}", answers_at, fate.sent_day)
        elif chance < _DECLINED:
            fate.status, fate.reason = Status.DISCARDED, Reason.DECLINED
            event(EventKind.DISCARDED, Status.SENT, Status.DISCARDED, answers_at, _SYSTEM, fate.reason)
            self._count(view, f"{figures.DISCARDED}.{fate.reason}", answers_at, fate.sent_day)
        return fate

    def _events(self, view: StoreView, pk: int) -> Any:  # noqa: ANN401 - a function of six arguments
        append = self.rows.events.append

        def event(
            kind: str,
            origin: str | None,
            target: str | None,
            at: datetime.datetime,
            who: tuple[str, int | None],
            reason: str,
        ) -> None:
            append((pk, kind, origin, target, at, self._day(view, at), who[0], who[1], reason, "{}"))

        return event

    def _delay(self, inviter: int | None) -> datetime.timedelta:
        if inviter:
            return datetime.timedelta(seconds=1 + self.random.random() * 20)
        if self.random.random() < _LATER:
            return datetime.timedelta(days=self.random.random() * 14)
        return datetime.timedelta(seconds=self.random.random() * 3600)

    def _day(self, view: StoreView, at: datetime.datetime) -> datetime.date:
        key = (view.time_zone, int(at.timestamp()) // 900)
        day = self.days.get(key)
        if day is None:
            day = self.days[key] = at.astimezone(ZoneInfo(view.time_zone)).date()
        return day

    def _count(
        self, view: StoreView, measure: str, at: datetime.datetime, sent_day: datetime.date | None = None
    ) -> None:
        self.rows.figures[view.pk, Basis.EVENT, self._day(view, at), measure] += 1
        if sent_day is not None:
            self.rows.figures[view.pk, Basis.SENT, sent_day, measure] += 1


_SYSTEM = (ActorKind.SYSTEM, None)


@dataclass(slots=True)
class _Fate:
    """What became of an invitation."""

    status: str = Status.NOT_SENT
    reason: str = Reason.CREATED
    delivery: str = Delivery.NONE
    sent_at: datetime.datetime | None = None
    sent_day: datetime.date | None = None
    expires_at: datetime.datetime | None = None
    accepted_at: datetime.datetime | None = None
    invitee: int | None = None


def _staff() -> User:
    """Return the member of staff who did all that staff did; nobody signs in as them."""
    found = User.objects.filter(is_staff=True).order_by("pk").first()
    return found or User.objects.create_user("filler@example.com", is_staff=True)
