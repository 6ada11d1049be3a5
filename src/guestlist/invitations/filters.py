"""One typed filter of invitations, for every surface that lists or exports them, or acts on all that match."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Self

from django.db.models import F, Q, QuerySet, Value
from django.db.models.functions import Concat
from django.db.models.lookups import Contains
from django.utils.translation import gettext_lazy as _

from guestlist import addresses
from guestlist.invitations.lifecycle import Status
from guestlist.invitations.models import MAIL_KIND, Delivery
from guestlist.mail.models import Message
from guestlist.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from guestlist.invitations.models import Invitation

RANGES = ("sent", "registered")
"""The fields that have a first and a last day, ``…_from`` and ``…_to``."""
EXPIRED = "expired"
NONE = "none"
"""In place of an id: those that have none (no inviter, no occasion, the group as configured)."""
NO_MAIL = "no_mail"
"""The delivery of an invitation without a mail, whose code is empty."""
MIN_EMAIL = 3
"""Fewest characters of an address that are searched for; fewer match half of all rows."""

_STATUSES = (*Status.values, EXPIRED)
_DELIVERIES = (NO_MAIL, *(code for code in Delivery.values if code))
_MAX_ID = 2**63 - 1


class UnusableFilter(Refusal):
    """A value that cannot be filtered by."""

    code = "unusable_filter"
    message = _("“%(value)s” cannot be filtered by. Choose another value.")


class TooShortToSearch(UnusableFilter):
    """Too few characters of an address."""

    code = "too_short_to_search"
    message = _("Enter at least three characters of the address.")


class BackwardsRange(UnusableFilter):
    """The last day of a range comes before its first."""

    code = "backwards_range"
    message = _("The last day comes before the first. Exchange them, or choose another day.")


@dataclass(frozen=True, slots=True)
class Filter:
    """Which invitations are meant; what is None matches all. Both days of a range belong to it."""

    id: int | None = None
    email: str | None = None
    status: str | None = None
    delivery: str | None = None
    website: int | None = None
    store_view: int | None = None
    group: int | str | None = None
    occasion: int | str | None = None
    inviter: int | str | None = None
    invitee: int | str | None = None
    send: int | None = None
    sent_from: datetime.date | None = None
    sent_to: datetime.date | None = None
    registered_from: datetime.date | None = None
    registered_to: datetime.date | None = None

    @classmethod
    def from_query(cls, query: Mapping[str, Any]) -> Self:
        """Read the filter from the parameters of an address; empty and unknown ones do not count.

        :raises UnusableFilter: when a value is none of those that can be filtered by; ``field`` in its data tells which.
        """
        texts = {one.name: str(query.get(one.name) or "").strip() for one in fields(cls)}
        read: dict[str, Any] = {name: _READERS[name](name, text) for name, text in texts.items() if text}
        chosen = cls(**read)
        for name in RANGES:
            first, last = getattr(chosen, f"{name}_from"), getattr(chosen, f"{name}_to")
            if first is not None and last is not None and last < first:
                raise BackwardsRange(field=f"{name}_to", value=last.isoformat())
        return chosen

    def as_query(self) -> dict[str, str]:
        """Return the parameters of an address that :meth:`from_query` reads this filter from."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return {name: str(value) for name, value in values.items() if value is not None}

    def __bool__(self) -> bool:
        return bool(self.as_query())

    @property
    def has_sent_range(self) -> bool:
        """Whether a day of sending is asked for."""
        return self.sent_from is not None or self.sent_to is not None

    @property
    def has_registered_range(self) -> bool:
        """Whether a day of registering is asked for."""
        return self.registered_from is not None or self.registered_to is not None

    def apply(self, invitations: QuerySet[Invitation], *, now: datetime.datetime) -> QuerySet[Invitation]:
        """Keep the invitations that match; days are those of ``now``'s time zone."""
        where = Q()
        for name in ("id", "website", "store_view"):
            if getattr(self, name) is not None:
                where &= Q(**{name: getattr(self, name)})
        if self.occasion is not None:
            where &= Q(occasion=None if self.occasion == NONE else self.occasion)
        if self.inviter is not None:
            where &= _of_person("inviter", self.inviter)
        if self.invitee is not None:
            where &= _of_person("invitee", self.invitee)
        if self.group is not None:
            where &= _of_group(self.group)
        if self.email is not None:
            where &= of_address(self.email)
        if self.delivery is not None:
            where &= Q(delivery="" if self.delivery == NO_MAIL else self.delivery)
        if self.status is not None:
            where &= of_status(self.status, now)
        where &= of_send(self.send)
        where &= within("sent_at", self.sent_from, self.sent_to, now)
        where &= within("accepted_at", self.registered_from, self.registered_to, now)
        return invitations.filter(where)


def of_address(piece: str) -> Q:
    """Return what has this in its address.

    As an expression, which no index has: where a list goes along some order, PostgreSQL would sooner gather all that have
    the piece. Whoever wants that asks `pieces`.
    """
    whole = Concat(F("address__normalized"), Value(""))
    return Q(address__isnull=False) & Q(Contains(whole, piece))


def of_status(status: str, now: datetime.datetime) -> Q:
    """Return what reads as this status: a sent one whose time is over reads as expired, not as sent."""
    expired = Q(status=Status.SENT, expires_at__lte=now)
    if status == EXPIRED:
        return expired
    if status == Status.SENT:
        return Q(status=Status.SENT) & (Q(expires_at=None) | Q(expires_at__gt=now))
    return Q(status=status)


def _of_group(group: int | str) -> Q:
    """Return what shows this group: the invitee's, or until there is one, the group that staff chose."""
    return (
        Q(invitee=None, group=None)
        if group == NONE
        else Q(invitee__group=group) | Q(invitee=None, group=group)
    )


def _of_person(name: str, person: int | str) -> Q:
    if person == NONE:
        return Q(**{name: None})
    return Q(**{name: person}) if isinstance(person, int) else Q(**{f"{name}__email": person})


def of_send(send: int | None) -> Q:
    """Return the invitations whose mail left in a bulk send; all without one."""
    if send is None:
        return Q()
    # From the outbox to the invitations: those have no index that leads from their mail.
    mails = Message.objects.of_send(send).filter(kind=MAIL_KIND)
    return Q(pk__in=mails.values("subject_id"))


def within(name: str, first: datetime.date | None, last: datetime.date | None, now: datetime.datetime) -> Q:
    """Return what has its moment between two days, both included, in the time zone of ``now``."""
    where = Q()
    if first is not None:
        where &= Q(**{f"{name}__gte": datetime.datetime.combine(first, datetime.time.min, now.tzinfo)})
    if last is not None:
        after = last + datetime.timedelta(days=1)
        where &= Q(**{f"{name}__lt": datetime.datetime.combine(after, datetime.time.min, now.tzinfo)})
    return where


def _unusable(name: str, text: str) -> UnusableFilter:
    return UnusableFilter(field=name, value=text[:60])


def _number(name: str, text: str) -> int:
    # By length first: a number of thousands of digits is slow to read, and Python refuses to.
    if not (text.isascii() and text.isdigit()) or len(text) > len(str(_MAX_ID)) or int(text) > _MAX_ID:
        raise _unusable(name, text)
    return int(text)


def _number_or_none(name: str, text: str) -> int | str:
    return NONE if text == NONE else _number(name, text)


def _person(name: str, text: str) -> int | str:
    """Read an inviter or invitee: the id, the whole address, or that there is none."""
    if "@" not in text:
        return _number_or_none(name, text)
    try:
        return addresses.normalize(text)
    except addresses.MalformedAddress as refusal:
        raise _unusable(name, text) from refusal


def _day(name: str, text: str) -> datetime.date:
    try:
        day = datetime.date.fromisoformat(text)
    except ValueError:
        raise _unusable(name, text) from None
    if not datetime.MINYEAR + 1 < day.year < datetime.MAXYEAR:
        raise _unusable(name, text)  # its midnight is no moment in every time zone
    return day


def _status(name: str, text: str) -> str:
    if text not in _STATUSES:
        raise _unusable(name, text)
    return text


def _delivery(name: str, text: str) -> str:
    if text not in _DELIVERIES:
        raise _unusable(name, text)
    return text


def _email(name: str, text: str) -> str:
    if "\x00" in text:
        raise _unusable(name, text.replace("\x00", ""))
    piece = addresses.piece(text[: addresses.MAX_LENGTH])[: addresses.MAX_LENGTH].rstrip()
    if len(piece) < MIN_EMAIL:
        raise TooShortToSearch(field=name, value=text)
    return piece


_READERS: dict[str, Callable[[str, str], Any]] = {
    "id": _number,
    "email": _email,
    "status": _status,
    "delivery": _delivery,
    "website": _number,
    "store_view": _number,
    "group": _number_or_none,
    "occasion": _number_or_none,
    "inviter": _person,
    "invitee": _person,
    "send": _number,
    "sent_from": _day,
    "sent_to": _day,
    "registered_from": _day,
    "registered_to": _day,
}
