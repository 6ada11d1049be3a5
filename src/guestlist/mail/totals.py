"""Whether the totals of sends add up: proved from the rows of the outbox, in one snapshot."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Count

from guestlist.mail import counting, purging
from guestlist.mail.models import Measure, Message, Send
from guestlist.stores import snapshots

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping

_OF_SENDS = (
    Measure.QUEUED,
    Measure.DEFERRED,
    Measure.HELD,
    Measure.HANDED_OVER,
    Measure.BOUNCED,
    Measure.FAILED,
    Measure.WITHDRAWN,
)


@dataclass(frozen=True, slots=True)
class Audit:
    """A send's totals as they are kept, and as its rows say."""

    send_id: int
    kept: Mapping[Measure, int]
    counted: Mapping[Measure, int]

    @property
    def adds_up(self) -> bool:
        """Whether both say the same."""
        return all(self.kept[one] == self.counted[one] for one in _OF_SENDS)

    @property
    def mails(self) -> int:
        """How many rows the send has."""
        return sum(self.counted.values())


def audit(*, now: datetime.datetime) -> list[Audit]:
    """Compare the totals of every send with its rows, unless these are so old that they may be gone.

    Reads the whole outbox: for the command line, not for a page.
    """
    with snapshots.reading():
        counted: dict[int, Counter[Measure]] = {}
        rows = (
            Message.objects.exclude(send=None)
            .values("send", "state", "tries")
            .annotate(count=Count("pk"))
            .order_by("send", "state")
        )
        for row in rows:
            measure = counting.of_row(row["state"], row["tries"])
            counted.setdefault(row["send"], Counter())[measure] += row["count"]
        whole = Send.objects.exclude(finished_at__lt=now - purging.KEPT).order_by("pk")
        ids = list(whole.values_list("pk", flat=True))
        kept = counting.totals(send_ids=ids)
    return [
        Audit(
            pk,
            {one: kept[pk][one] for one in _OF_SENDS},
            {one: counted.get(pk, Counter())[one] for one in _OF_SENDS},
        )
        for pk in ids
    ]
