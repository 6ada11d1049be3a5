"""The mails of one large bulk send, for half of what the first website made in the second year: the rest has none left."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from guestlist.invitations.config import Invitations
from guestlist.invitations.models import MAIL_KIND, Delivery
from guestlist.mail import actions as mail
from guestlist.mail import sends, standing
from guestlist.mail.models import Measure, Message, MessageState, Send, SenderIdentity, SendOrigin, SendTotal

if TYPE_CHECKING:
    import datetime

    from guestlist.demo.filling.shops import Site

_SHARE = 20
"""The send has one of so many of all invitations."""
_ENDS = {
    Delivery.HANDED_OVER: (MessageState.SENT, Measure.HANDED_OVER),
    Delivery.FAILED: (MessageState.FAILED, Measure.FAILED),
    Delivery.BOUNCED: (MessageState.BOUNCED, Measure.BOUNCED),
}
type Mail = tuple[Any, ...]


class Outbox:
    """Tells which invitations the send mailed; call it inside the transaction that writes them."""

    def __init__(self, site: Site, *, invitations: int, now: datetime.datetime) -> None:
        """Open the send at the first store view of a website."""
        (self._view, *_others), self._now = site.views, now
        self._from, self._left = invitations // 2, max(invitations // _SHARE, 1)
        self._sender = SenderIdentity.objects.get(website=site.website_id, code="general")
        self._version = mail.current_version(Invitations().template)
        self._send = sends.open_send(
            store_view=self._view,
            sender=self._sender,
            origin=SendOrigin.SELECTED,
            created_by_id=None,
            ready_at=now,
            late_after_hours=24,
            now=now,
        )
        self._last = Message.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
        self._first = self._last + 1
        self._subjects: list[int] = []
        self._counts: Counter[Measure] = Counter()

    def mail(self, invitation: int, *, store_view: int, delivery: str) -> Mail | None:
        """Return the mail that an invitation got, as a row of the outbox; None where it got none by the send."""
        is_meant = store_view == self._view.pk and invitation > self._from and not invitation % 2
        if not (is_meant and delivery in _ENDS and self._left):
            return None
        state, measure = _ENDS[Delivery(delivery)]
        self._left -= 1
        self._last += 1
        self._counts[measure] += 1
        self._subjects = [self._subjects[0] if self._subjects else invitation, invitation]
        of_all = (self._send.pk, self._view.pk, self._sender.pk, self._version.pk)
        return (
            *(self._last, MAIL_KIND, invitation, *of_all, state),
            *(self._now, self._now, self._now, "", 1, ""),
        )

    def finish(self) -> None:
        """Write down what came of the send."""
        if self._subjects:
            first, last = self._subjects
            standing.note_ends(self._send.pk, (self._first, self._last), (first, last))
        SendTotal.objects.bulk_create(
            SendTotal(send=self._send, measure=measure, amount=amount)
            for measure, amount in sorted(self._counts.items())
        )
        Send.objects.filter(pk=self._send.pk).update(started_at=self._now, finished_at=self._now)
