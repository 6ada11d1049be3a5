"""The figures of the funnel, each with what it counts and what that means to a reader."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any

from babel.numbers import get_currency_precision
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from guestlist.reports.funnel import counting

if TYPE_CHECKING:
    from collections.abc import Iterable

    from guestlist.reports.reading import Amounts


class Form(Enum):
    """How a figure is told."""

    COUNT = "count"
    TIME = "time"
    """Seconds on average, with how many it is the average of."""
    EACH = "each"
    """So many for each, with two decimals."""
    MONEY = "money"


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of the funnel: its measure, of averages over how many, of amounts in which currency."""

    code: str
    label: Any
    meaning: Any
    """What is counted, as a sentence for readers."""
    form: Form
    measure: str
    over: str = ""
    currency: str = ""

    def value(self, amounts: Amounts) -> int | Decimal | None:
        """Return the count, the average or the amount in whole units; None is an average of nothing."""
        found = amounts[self.measure, self.currency]
        if self.form == Form.MONEY:
            return Decimal(found).scaleb(-get_currency_precision(self.currency))
        if self.form == Form.COUNT:
            return found
        whole = self.whole(amounts)
        return Decimal(found) / whole if whole else None

    def whole(self, amounts: Amounts) -> int:
        """Return how many an average is of."""
        return amounts[self.over, ""]


STEPS = (
    Figure(
        "created",
        pgettext_lazy("figures", "Created"),
        _(
            "Invitations first sent in these days, and those made in them that were never sent: sent and not sent of the"
            " invitations report together."
        ),
        Form.COUNT,
        counting.CREATED,
    ),
    Figure(
        "sent",
        pgettext_lazy("figures", "Sent"),
        _("Those that left: a mail server took their first mail, or their link was shared."),
        Form.COUNT,
        counting.SENT,
    ),
    Figure(
        "bounced",
        pgettext_lazy("figures", "Bounced"),
        _(
            "Those of which at least one mail could not be delivered, at once or later. A first mail that a mail server"
            " refused was never sent, so this is no part of sent."
        ),
        Form.COUNT,
        counting.BOUNCED,
    ),
    Figure(
        "opened",
        _("Link opened"),
        _("Those sent of which somebody opened the link while it worked."),
        Form.COUNT,
        counting.OPENED,
    ),
    Figure(
        "registered",
        pgettext_lazy("figures", "Registered"),
        _(
            "Those sent that somebody accepted: new customers, also without the link, and existing ones together, as in"
            " the other reports."
        ),
        Form.COUNT,
        counting.REGISTERED,
    ),
    Figure(
        "first_orders",
        _("First order"),
        _("Those of which the invited person ordered at the website since; canceled orders do not count."),
        Form.COUNT,
        counting.ORDERED,
    ),
)
"""The steps in their order, as the chart shows them."""


def _time(code: str, label: Any, meaning: Any, measure: str) -> Figure:  # noqa: ANN401 - lazy sentences
    return Figure(code, label, meaning, Form.TIME, counting.seconds(measure), over=measure)


_TIMES = (
    _time(
        "created_to_sent",
        _("Created to sent"),
        _("How long it took on average until an invitation left for the first time."),
        counting.TO_SENT,
    ),
    _time(
        "sent_to_opened",
        _("Sent to opened"),
        _("From the first sending to the first opening of the link, of those of which it was opened."),
        counting.TO_OPENED,
    ),
    _time(
        "opened_to_registered",
        _("Opened to registered"),
        _(
            "From the first opening of the link to the acceptance, of those who opened it before they registered."
        ),
        counting.TO_REGISTERED,
    ),
    _time(
        "registered_to_order",
        _("Registered to first order"),
        _("From the acceptance to the first order that counts, of those who ordered."),
        counting.TO_ORDERED,
    ),
)
_EACH = (
    Figure(
        "inviters",
        _("Inviting customers"),
        _(
            "Customers of whom at least one of these invitations was sent. Whoever invited in several rows counts in each"
            " of them, and once in the total."
        ),
        Form.COUNT,
        counting.INVITERS,
    ),
    Figure(
        "sent_each",
        _("Invitations per inviting customer"),
        _("Invitations that were sent for customers ÷ inviting customers; those of staff are left out."),
        Form.EACH,
        counting.THEIR_SENT,
        over=counting.INVITERS,
    ),
    Figure(
        "k",
        _("Customers per inviting customer (K)"),
        _(
            "Invitations per inviting customer × the accept rate of these invitations: how many customers each one brings."
            " Above 1 the circle of customers grows by itself."
        ),
        Form.EACH,
        counting.THEIR_REGISTERED,
        over=counting.INVITERS,
    ),
)


def of(currencies: Iterable[str]) -> list[Figure]:
    """Return the figures in their order, with one for the revenue in each currency."""
    money = (
        Figure(
            f"revenue_{one.lower()}",
            _("Revenue (%(currency)s)") % {"currency": one},
            _(
                "What the orders of these people in this currency came to since they accepted, without canceled ones and"
                " less what was refunded. Currencies are never added up."
            ),
            Form.MONEY,
            counting.REVENUE,
            currency=one,
        )
        for one in sorted(currencies)
    )
    return [*STEPS, *money, *_TIMES, *_EACH]
