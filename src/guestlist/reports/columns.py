"""The columns of the reports, each with what it counts and what that means to a reader."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from babel.numbers import get_currency_precision
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from guestlist.invitations import figures
from guestlist.invitations.lifecycle import ACCEPT_REASONS, DISCARD_REASONS, Reason

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from guestlist.reports.reading import Amounts

_SENT = (figures.SENT_MAILED, figures.SENT_SHARED)


def _of(measure: str, reasons: Iterable[str]) -> tuple[str, ...]:
    return tuple(f"{measure}.{reason}" for reason in sorted(reasons))


_ACCEPTED = _of(figures.ACCEPTED, ACCEPT_REASONS)
_NEW = _of(figures.ACCEPTED, ACCEPT_REASONS - {Reason.SIGNED_IN})
_EXISTING = _of(figures.ACCEPTED, {Reason.SIGNED_IN})
_DISCARDED = _of(figures.DISCARDED, DISCARD_REASONS)
_PURCHASED = _of(figures.PURCHASED, ACCEPT_REASONS)
_IN_VIEW = _of(figures.PURCHASED_IN_VIEW, ACCEPT_REASONS)


@dataclass(frozen=True, slots=True)
class Column:
    """A figure of a report: a count of its measures; with ``over`` a share of those, with ``currency`` an amount."""

    code: str
    label: Any
    meaning: Any
    """What is counted, as a sentence for readers."""
    measures: tuple[str, ...]
    over: tuple[str, ...] = ()
    currency: str = ""
    part_of: str = ""
    """The code of the column that this one is a part of."""

    @property
    def reads(self) -> frozenset[str]:
        """The measures that it is made of."""
        return frozenset({*self.measures, *self.over})

    def count(self, amounts: Amounts) -> int:
        """Return how many its measures come to; an amount in minor units."""
        return sum(amounts[measure, self.currency] for measure in self.measures)

    def value(self, amounts: Amounts) -> int | Decimal | None:
        """Return the count, the share (1 is all, not rounded) or the amount in whole units; None is a share of nothing."""
        count = self.count(amounts)
        if self.currency:
            return Decimal(count).scaleb(-get_currency_precision(self.currency))
        if not self.over:
            return count
        whole = sum(amounts[measure, ""] for measure in self.over)
        return Decimal(count) / whole if whole else None


_SENT_COLUMN = Column(
    "sent",
    pgettext_lazy("figures", "Sent"),
    _(
        "Invitations that left: a mail server took their first mail, or their link was shared. Sent again counts once."
    ),
    _SENT,
)
_ACCEPTED_COLUMN = Column(
    "accepted",
    pgettext_lazy("figures", "Accepted"),
    _("Invitations that somebody accepted, new customers and existing ones together."),
    _ACCEPTED,
)
_DISCARDED_COLUMN = Column(
    "discarded",
    pgettext_lazy("figures", "Discarded"),
    _(
        "Invitations that ended unaccepted, for any reason. By date of sending, those that were sent again count no more."
    ),
    _DISCARDED,
)
_INVITATIONS = (
    _SENT_COLUMN,
    Column(
        "mailed",
        pgettext_lazy("figures", "by mail"),
        _("Those sent of which a mail server took the mail first."),
        (figures.SENT_MAILED,),
        part_of="sent",
    ),
    Column(
        "shared",
        pgettext_lazy("figures", "shared"),
        _("Those sent of which the customer passed the link on first."),
        (figures.SENT_SHARED,),
        part_of="sent",
    ),
    _ACCEPTED_COLUMN,
    Column(
        "accepted_new",
        pgettext_lazy("figures", "new customers"),
        _("Those accepted by somebody who became a customer by it, also without using the link."),
        _NEW,
        part_of="accepted",
    ),
    Column(
        "accepted_existing",
        pgettext_lazy("figures", "existing customers"),
        _("Those accepted by somebody who had an account at the website already."),
        _EXISTING,
        part_of="accepted",
    ),
    _DISCARDED_COLUMN,
)
_RATES = (
    Column(
        "accept_rate",
        _("Accept rate"),
        _("Accepted ÷ sent. Where nothing was sent there is none."),
        _ACCEPTED,
        over=_SENT,
    ),
    Column(
        "discard_rate",
        _("Discard rate"),
        _("Discarded ÷ sent. Where nothing was sent there is none."),
        _DISCARDED,
        over=_SENT,
    ),
)
_WHY = {
    Reason.STAFF: _("Those that staff discarded."),
    Reason.INVITER: _("Those that the customer who invited took back."),
    Reason.DECLINED: _("Those that the invited person declined."),
    Reason.NEVER_AGAIN: _("Those whose addressee asked never to be mailed again."),
    Reason.BOUNCED: _("Those whose mail could not be delivered."),
    Reason.JOINED_OTHERWISE: _("Those whose addressee became a customer by another invitation."),
    Reason.ALREADY_CUSTOMER: _(
        "Those whose addressee turned out to be a customer when they were sent again."
    ),
    Reason.ERASED: _("Those whose inviter’s account was erased."),
}
"""What each reason of a discard means, in the order in which they are shown."""


_NOT_SENT = Column(
    "not_sent",
    _("Not sent"),
    _(
        "Invitations made in these days that never left: they wait, failed, ended, or were accepted before."
        " Counted by the date that they were made, and in no rate."
    ),
    (figures.NOT_SENT,),
)


def of_invitations(*, by_reason: bool) -> list[Column]:
    """Return the columns of the report on invitations, with those of why they were discarded where that is asked for."""
    reasons = [
        Column(
            f"discarded_{reason}",
            reason.label,
            meaning,
            _of(figures.DISCARDED, {reason}),
            part_of="discarded",
        )
        for reason, meaning in _WHY.items()
    ]
    return [*_INVITATIONS, *(reasons if by_reason else ()), *_RATES, _NOT_SENT]


def of_sending() -> tuple[Column, Column]:
    """Return the columns of what was sent and of what was accepted of it."""
    return _SENT_COLUMN, _ACCEPTED_COLUMN


def of_conversions(*, currencies: Collection[str], in_own_view: bool) -> list[Column]:
    """Return the columns of the report on conversions, with one for the revenue in each currency."""
    purchased = _IN_VIEW if in_own_view else _PURCHASED
    where = (
        _(
            "Invited people with at least one order since they accepted that was not canceled, in the store view that their"
            " invitation is from, each counted once."
        )
        if in_own_view
        else _(
            "Invited people with at least one order at the website since they accepted that was not canceled, each counted"
            " once."
        )
    )
    return [
        _SENT_COLUMN,
        _ACCEPTED_COLUMN,
        Column("purchased", _("Accepted and purchased"), where, purchased),
        Column(
            "conversion_rate",
            _("Conversion rate"),
            _("Accepted and purchased ÷ sent. Where nothing was sent there is none."),
            purchased,
            over=_SENT,
        ),
        Column(
            "conversion_of_accepted",
            _("of those accepted"),
            _("Accepted and purchased ÷ accepted. Where nothing was accepted there is none."),
            purchased,
            over=_ACCEPTED,
            part_of="conversion_rate",
        ),
        *(_revenue(one) for one in sorted(currencies)),
    ]


def _revenue(currency: str) -> Column:
    return Column(
        f"revenue_{currency.lower()}",
        _("Revenue (%(currency)s)") % {"currency": currency},
        _(
            "What their orders in this currency came to from the moment of acceptance on, in whichever store view, without"
            " canceled ones and less what was refunded. Currencies are never added up."
        ),
        (figures.REVENUE,),
        currency=currency,
    )
