"""Whether the figures agree with the history, and putting right those that do not: counted once more, in one snapshot."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.db.models import Count, Sum
from django.utils.translation import gettext_lazy as _

from guestlist.invitations import chronicle, figures
from guestlist.invitations.lifecycle import Status
from guestlist.invitations.models import (
    AttributedOrder,
    Basis,
    FiguresDay,
    FiguresDelta,
    FiguresMonth,
    Invitation,
    Recount,
)
from guestlist.refusal import Refusal
from guestlist.stores import snapshots

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable, Iterator

    from guestlist.invitations.chronicle import Figures, Key

_OF_ORDERS = frozenset({figures.ORDERS, figures.ORDERS_CANCELLED, figures.REVENUE})
"""What the rows of the orders tell by themselves; who purchased takes more."""
_SENT = "sent"
"""Mailed or shared: which of the two came first is in the history alone."""
_ENDED = (Status.ACCEPTED, Status.DISCARDED)
_KEY = ("store_view", "basis", "day", "measure", "currency")


class RecountedMeanwhile(Refusal):
    """Another recount was faster, and what this one found is right by now."""

    code = "recounted_meanwhile"
    message = _("Another recount put the figures right meanwhile, so this one changed nothing. Run it again.")


@dataclass(frozen=True, slots=True)
class Difference:
    """A figure that is not what the history says."""

    where: str
    """Of what: the ``days``, the ``months``, or the ``invitations`` or ``orders`` as they stand by themselves."""
    store_view_id: int
    basis: str
    day: datetime.date
    measure: str
    currency: str
    kept: int
    counted: int

    @property
    def key(self) -> Key:
        """Which figure it is."""
        return self.store_view_id, self.basis, self.day, self.measure, self.currency


@dataclass(frozen=True, slots=True)
class Audit:
    """How many invitations the history tells of and how many of their orders, and every figure that differs from it."""

    invitations: int
    orders: int
    differences: list[Difference]

    @property
    def adds_up(self) -> bool:
        """Whether all agree."""
        return not self.differences


def audit() -> Audit:
    """Compare the figures, by day and by month, the invitations and the orders with the history.

    Reads all of it, and nobody waits meanwhile: for the command line, not for a page.
    """
    with snapshots.reading():
        return _audit(with_rows=True)


def recount(*, now: datetime.datetime) -> Audit:
    """Make every figure, by day and by month, what the history says; returns what differed.

    Others go on writing and folding while it counts: what they add to the figures they add to the history too, and
    folding moves amounts without changing a sum. So what a figure lacked at one moment it still lacks when that is added,
    unless another recount added it.

    :raises RecountedMeanwhile: when one did; this one changed nothing then.
    """
    with snapshots.reading():
        before = Recount.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
        found = _audit(with_rows=False)
    if found.adds_up:
        return found
    days, months = (
        {one.key: one.counted - one.kept for one in found.differences if one.where == where}
        for where in ("days", "months")
    )
    try:
        with transaction.atomic():
            figures.add_folded(days, months)
            Recount.objects.create(after=before, at=now, figures=len(found.differences))
    except IntegrityError as error:
        raise RecountedMeanwhile from error
    return found


def _audit(*, with_rows: bool) -> Audit:
    number, told = chronicle.orders()
    told.update(chronicle.moves())
    made = sum(amount for key, amount in told.items() if key[3] == figures.CREATED)
    differences: list[Difference] = []
    if with_rows:
        of_orders = Counter({key: amount for key, amount in told.items() if key[3] in _OF_ORDERS})
        differences += _compare("orders", _from_orders().items(), Counter(), of_orders)
        differences += _compare("invitations", _from_invitations(), Counter(), _as_they_stand(told))
    new = Counter(dict(_kept(FiguresDelta)))
    differences += _compare("months", _kept(FiguresMonth), _by_month(new), _by_month(told))
    differences += _compare("days", _kept(FiguresDay), new, told)
    return Audit(made, number, sorted(differences, key=lambda one: (one.where, one.key)))


def _from_orders() -> Figures:
    """Count orders, cancelled ones and revenue from the rows of the orders."""
    counted: Figures = Counter()
    rows = AttributedOrder.objects.select_related("order", "invitation").order_by("pk")
    for row in rows.iterator(chunk_size=chronicle.AT_ONCE):
        order, invitation = row.order, row.invitation
        days = [(Basis.EVENT.value, row.day), (Basis.SENT.value, invitation.sent_day)]
        for basis, day in days:
            if day is not None:
                place = invitation.store_view_id, basis, day
                is_off = order.cancelled_at is not None
                counted[*place, figures.ORDERS_CANCELLED if is_off else figures.ORDERS, ""] += 1
                counted[*place, figures.REVENUE, order.currency] += order.net
    return counted


def _from_invitations() -> Iterable[tuple[Key, int]]:
    """Count by the day of sending, from the rows of the invitations, those that were sent and what became of them."""
    counted: Figures = Counter()
    rows = Invitation.objects.filter(sent_day__isnull=False).order_by()
    keys = rows.values_list("store_view", "sent_day", "status", "reason")
    for view, day, status, reason, amount in keys.annotate(amount=Count("pk")):
        counted[view, Basis.SENT, day, _SENT, ""] += amount
        if status in _ENDED:
            counted[view, Basis.SENT, day, f"{status}.{reason}", ""] += amount
    return counted.items()


def _as_they_stand(told: Figures) -> Figures:
    """Return of what the history says what invitations tell by themselves."""
    counted: Figures = Counter()
    for (view, basis, day, measure, currency), amount in told.items():
        kind = measure.partition(".")[0]
        if basis == Basis.SENT and kind in {figures.SENT_MAILED, figures.SENT_SHARED}:
            counted[view, basis, day, _SENT, currency] += amount
        elif basis == Basis.SENT and kind in _ENDED:
            counted[view, basis, day, measure, currency] += amount
    return counted


def _kept(model: type[FiguresDelta | FiguresDay | FiguresMonth]) -> Iterator[tuple[Key, int]]:
    rows = model.objects.order_by().values_list(*_KEY)
    for *key, amount in rows.annotate(total=Sum("amount")).iterator(chunk_size=chronicle.AT_ONCE):
        view, basis, day, measure, currency = key
        yield (view, basis, day, measure, currency), amount


def _by_month(daily: Figures) -> Figures:
    counted: Figures = Counter()
    for (view, basis, day, measure, currency), amount in daily.items():
        counted[view, basis, day.replace(day=1), measure, currency] += amount
    return counted


def _compare(
    where: str, kept: Iterable[tuple[Key, int]], new: Figures, counted: Figures
) -> Iterator[Difference]:
    """Give each figure of which what is kept and new is not what was counted; takes from both as it goes.

    A large shop has millions of figures, so what is kept is gone through one by one.
    """
    for key, amount in kept:
        has, should = amount + new.pop(key, 0), counted.pop(key, 0)
        if has != should:
            yield Difference(where, *key, kept=has, counted=should)
    for key in {*new, *counted}:
        if new[key] != counted[key]:
            yield Difference(where, *key, kept=new[key], counted=counted[key])
