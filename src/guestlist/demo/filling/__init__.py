"""A shop of any size to try and to measure: websites, people and invitations by the million, with their history and figures.

What is made is the same for the same size and seed, the time apart: one website with a fifth of all invitations and many
small ones, two years of dates, inviters of whom a few invite many, bulk sends by staff, occasions that come and go. In the
outbox are the mails of one large send alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from guestlist.demo.filling import shops, story, tables
from guestlist.demo.filling.outbox import Outbox
from guestlist.invitations.models import Invitation
from guestlist.refusal import Refusal

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable

SEED = 1
AT_ONCE = 20_000
"""Invitations that are made up and written at a time."""


class NotEmpty(Refusal):
    """Only a database without invitations is filled: what is made up must never stand among what is real."""

    code = "not_empty"
    message = _("This database has invitations already. Fill one that has none.")


def fill(
    *,
    invitations: int,
    now: datetime.datetime,
    seed: int = SEED,
    tell: Callable[[int], object] = lambda _made: None,
) -> None:
    """Fill an empty database with so many invitations of the two years before ``now``; ``tell`` hears how many there are.

    :raises NotEmpty: when there are invitations already.
    """
    if Invitation.objects.exists():
        raise NotEmpty
    writer = tables.Writer(few=invitations <= AT_ONCE)
    made = 0
    # All or nothing: whoever ends it in the middle finds the database as it was, with its indexes.
    with transaction.atomic():
        sites = shops.open_shops(invitations=invitations, now=now)
        outbox = Outbox(sites[0], invitations=invitations, now=now)
        with writer.without_indexes():
            for rows in story.told(
                sites, outbox, invitations=invitations, now=now, seed=seed, at_once=AT_ONCE
            ):
                writer.write(rows)
                made += len(rows.invitations)
                tell(made)
        writer.finish()
        outbox.finish()
    tables.settle()
