"""The mail of an invitation: what is checked before it goes, and what fills it."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

from django.utils import formats, translation

from guestlist.customers.models import Customer
from guestlist.invitations import links
from guestlist.invitations.actions import delivered, returned
from guestlist.invitations.config import Invitations
from guestlist.invitations.lifecycle import Reason
from guestlist.invitations.models import MAIL_KIND, WAITING, Channel, Delivery, Invitation
from guestlist.mail import previews
from guestlist.mail.kinds import Outcome, Values
from guestlist.mail.previews import Preview
from guestlist.stores import config, memory

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from guestlist.occasions.models import Occasion
    from guestlist.stores.models import StoreView


class InvitationKind:
    """Mail that invites; ``subject_id`` is the invitation's id."""

    code = MAIL_KIND
    purpose = "invitation"

    def look_up(self, ids: Sequence[int], *, now: datetime.datetime) -> Mapping[int, Values | str]:
        """Return address and variables of each invitation; its link is made here.

        Withdrawn is what ended meanwhile, and where existing customers are skipped, whoever has become one.
        """
        found: dict[int, Values | str] = dict.fromkeys(ids, "not_open")
        # Rows, not objects: seven tables' worth of objects for each mail would take longer than all the rest.
        due = Invitation.objects.filter(pk__any_of=set(ids), delivery__in=_DUE)
        rows = [_Row._make(row) for row in due.values_list(*_COLUMNS)]
        views = memory.store_views({row.store_view_id for row in rows})
        configs = config.resolve_each(Invitations, list(views.values()))
        shops = {pk: _Shop.of(view, configs[pk], now) for pk, view in views.items()}
        joined = _customers_by_now([row for row in rows if shops[row.store_view_id].skips_customers])
        minter = links.Minter()
        for row in rows:
            if row.normalized is None:
                found[row.pk] = "no_address"
            elif row.pk in joined:
                found[row.pk] = Reason.ALREADY_CUSTOMER.value
            else:
                found[row.pk] = _values(row, shops[row.store_view_id], minter)
        return found

    def hashes(self, ids: Collection[int]) -> Mapping[int, bytes]:
        """Return the keyed hash of each invited address; it outlives the address."""
        found = Invitation.objects.filter(pk__in=ids, address_hash__isnull=False)
        return {pk: bytes(hashed) for pk, hashed in found.values_list("pk", "address_hash") if hashed}

    def record(self, outcomes: Sequence[Outcome], *, now: datetime.datetime) -> None:
        """Move what was handed over or bounced, and write down how the rest fared."""
        delivered.record(outcomes, now=now)

    def returned(self, outcomes: Sequence[Outcome], *, now: datetime.datetime) -> None:
        """End what came back as undeliverable or as a complaint, and write it down."""
        returned.record_returned(outcomes, now=now)


KINDS = (InvitationKind(),)


_DUE = frozenset({*WAITING, Delivery.IN_DOUBT})
"""Ending an invitation takes its mail back, and staff's resend of an ended one queues it again: delivery tells."""


class _Row(NamedTuple):
    """What a mail is made from."""

    pk: int
    website_id: int
    store_view_id: int
    link_generation: int
    address_hash: bytes | None
    normalized: str | None
    typed: str | None
    name: str | None
    message: str | None
    inviter_id: int | None
    inviter_first_name: str | None
    inviter_last_name: str | None
    inviter_email: str | None
    occasion_id: int | None
    occasion: str | None
    closes_at: datetime.datetime | None


_COLUMNS = (
    "pk",
    "website",
    "store_view",
    "link_generation",
    "address_hash",
    "address__normalized",
    "address__typed",
    "address__name",
    "note__message",
    "inviter",
    "inviter__first_name",
    "inviter__last_name",
    "inviter__email",
    "occasion",
    "occasion__title",
    "occasion__closes_at",
)


@dataclass(frozen=True, slots=True)
class _Shop:
    """What the mails of a store view have in common."""

    invitation_url: str
    opt_out_url: str
    expires: str
    skips_customers: bool

    @classmethod
    def of(cls, store_view: StoreView, options: Invitations, now: datetime.datetime) -> _Shop:
        skips = options.existing_account == "skip"
        return cls(
            store_view.url("invitation/"),
            store_view.url("never-again/"),
            expires(store_view, options, now=now),
            skips,
        )


def _customers_by_now(rows: list[_Row]) -> set[int]:
    """Return the ids of those whose addressee is a customer by now; invited to no occasion, they would only sign in."""
    wanted = [row for row in rows if row.occasion_id is None and row.normalized is not None]
    if not wanted:
        return set()
    customers = Customer.objects.known().filter(
        website__in={row.website_id for row in wanted}, email__any_of={row.normalized for row in wanted}
    )
    known = set(customers.values_list("website_id", "email"))
    return {row.pk for row in wanted if (row.website_id, row.normalized) in known}


def _values(row: _Row, shop: _Shop, minter: links.Minter) -> Values:
    # Unpacked: to look each field up by its name takes longer than to make the mail's links.
    # fmt: off
    (pk, website_id, _view, generation, address_hash, _normalized, typed, name,
     message, _inviter, first_name, last_name, email, _occasion, occasion, closes_at) = row
    # fmt: on
    hashed = bytes(address_hash or b"")
    link = minter.link(pk, generation=generation, channel=Channel.MAIL)
    opt_out = minter.opt_out(pk, website_id=website_id, address_hash=hashed)
    opt_out_url = f"{shop.opt_out_url}{opt_out}/"
    # Named as `Customer.name` is: the address where no name is known.
    inviter = f"{first_name or ''} {last_name or ''}".strip()
    return Values(
        typed or "",
        name or "",
        {
            "message": message or "",
            "inviter_name": inviter or email or "",
            "inviter_address": email or "",
            "occasion": occasion or "",
            "expires": shop.expires,
            "invitation_url": f"{shop.invitation_url}{link}/",
            "decline_url": opt_out_url,
            "opt_out_url": opt_out_url,
            "invitee_address": typed or "",
        },
        hashed,
        closes_at,
    )


def expires(store_view: StoreView, options: Invitations, *, now: datetime.datetime) -> str:
    """Return the day until which an invitation sent now is good, as people there write it; empty when for ever."""
    if not options.lifetime_days:
        return ""
    local = (now + datetime.timedelta(days=options.lifetime_days)).astimezone(ZoneInfo(store_view.time_zone))
    with translation.override(store_view.language):
        return formats.date_format(local, "j F Y")


def variables_of(
    store_view: StoreView,
    options: Invitations,
    *,
    inviter: Customer | None,
    message: str,
    occasion: Occasion | None,
    now: datetime.datetime,
) -> dict[str, str]:
    """Return what an invitation's mail says, its links apart: for the mail itself and for its preview."""
    return {
        "message": message,
        "inviter_name": inviter.name if inviter else "",
        "inviter_address": (inviter.email or "") if inviter else "",
        "occasion": occasion.title if occasion else "",
        "expires": expires(store_view, options, now=now),
    }


def preview_variables(
    store_view: StoreView,
    options: Invitations,
    *,
    inviter: Customer | None,
    message: str,
    occasion: Occasion | None,
    invitee_address: str,
    now: datetime.datetime,
) -> dict[str, str]:
    """Return what the mail will say, with links that say themselves that they do not work."""
    dead = store_view.url(f"/invitation/{links.PREVIEW}/")
    return variables_of(store_view, options, inviter=inviter, message=message, occasion=occasion, now=now) | {
        "invitation_url": dead,
        "decline_url": dead,
        "opt_out_url": dead,
        "invitee_address": invitee_address,
    }


def preview(
    store_view: StoreView,
    options: Invitations,
    *,
    inviter: Customer | None,
    message: str,
    occasion: Occasion | None,
    invitee_address: str,
    now: datetime.datetime,
) -> Preview:
    """Return the mail as its reader will get it, with dead links.

    :raises NoTemplate: when the configured template is gone.
    :raises UnusableValue: when something in it cannot stand in a mail.
    """
    values = preview_variables(
        store_view,
        options,
        inviter=inviter,
        message=message,
        occasion=occasion,
        invitee_address=invitee_address,
        now=now,
    )
    return previews.of(
        store_view,
        template=options.template,
        sender=options.sender,
        purpose=InvitationKind.purpose,
        values=values,
    )
