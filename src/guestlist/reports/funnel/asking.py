"""What the funnel is asked for: which days, of which store views, and by what its rows are told apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from guestlist.reports.periods import Period
from guestlist.reports.questions import Question, Unanswerable

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping, Sequence

    from guestlist.stores.models import StoreView


class Grouping(models.TextChoices):
    """What a row of the funnel is about."""

    ALL = "all", pgettext_lazy("rows", "All together")
    INVITER = "inviter", _("Inviter")
    OCCASION = "occasion", _("Occasion")
    SEND = "send", _("Send or import")
    GROUP = "group", _("Customer group")
    STORE_VIEW = "store_view", _("Store view")


class UnknownGrouping(Unanswerable):
    """None of what rows can be about."""

    code = "unknown_grouping"
    message = _("Rows are not told apart by “%(value)s”. Choose one of these: %(known)s.")


@dataclass(frozen=True, slots=True)
class Asked:
    """A question to the funnel; of ``question`` it heeds the days, the website and the store view."""

    question: Question
    grouping: Grouping = Grouping.ALL

    @classmethod
    def from_query(
        cls, query: Mapping[str, str], *, store_views: Sequence[StoreView], now: datetime.datetime
    ) -> Self:
        """Read it from the parameters of an address: ``from``, ``to``, ``website``, ``store_view`` and ``by``.

        Without days it is the last week that is over.

        :raises Unanswerable: when a value is of no use, ``field`` in its data tells which.
        """
        text = str(query.get("by", "")).strip()
        if text and text not in Grouping.values:
            raise UnknownGrouping(field="by", value=text[:60], known=", ".join(Grouping.values))
        # It has no rows by period, so as few as there can be.
        days = {**query, "by": Period.YEAR.value}
        question = Question.from_query(days, store_views=store_views, now=now)
        return cls(question, Grouping(text) if text else Grouping.ALL)

    def as_query(self) -> dict[str, str]:
        """Return the parameters of an address that :meth:`from_query` reads this from."""
        heeded = ("from", "to", "website", "store_view")
        query = {name: value for name, value in self.question.as_query().items() if name in heeded}
        return {**query, "by": self.grouping.value}
