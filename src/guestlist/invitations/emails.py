"""The mail of an invitation: what is checked before it goes, and what fills it."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from django.db.models import FilteredRelation, Q
from django.utils import formats, translation

from guestlist import addresses
from guestlist.customers.models import Customer
from guestlist.invitations import links
from guestlist.invitations.actions import delivered, returned
from guestlist.invitations.config import Invitations
from guestlist.invitations.lifecycle import Reason
from guestlist.invitations.models import MAIL_KIND, WAITING, Channel, Delivery, Invitation
from guestlist.mail import previews
from guestlist.mail.kinds import Outcome, Values
from guestlist.mail.previews import Preview
from guestlist.stores import config, memory, waiting
from guestlist.stores.models import StoreView, Website

_ID_DIGITS = 18
"""Most digits of an id that surely fit into the database's."""

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from guestlist.occasions.models import Occasion
    from guestlist.stores.actors import Actor


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
        wanted = set(ids)
        due = Invitation.objects.filter(pk__any_of=wanted, delivery__in=_DUE).alias(
            # The ids again: else PostgreSQL, which carries no list over to what is joined, may read these tables whole
            # (11 ms for 1,000 of 60,000, and 1 ms so).
            its_address=FilteredRelation("address", condition=Q(address__pk__any_of=wanted)),
            its_note=FilteredRelation("note", condition=Q(note__pk__any_of=wanted)),
        )
        rows: list[_Row] = list(due.values_list(*_COLUMNS))
        waiting.breathe()
        views = memory.store_views({row[_STORE_VIEW] for row in rows})
        configs = config.resolve_each(Invitations, list(views.values()))
        shops = {pk: _Shop.of(view, configs[pk], now) for pk, view in views.items()}
        joined = _customers_by_now(rows, skipping={pk for pk, shop in shops.items() if shop.skips_customers})
        minter = links.Minter()
        for row in waiting.unhurried(rows):
            pk = row[_PK]
            if row[_NORMALIZED] is None:
                found[pk] = "no_address"
            elif pk in joined:
                found[pk] = Reason.ALREADY_CUSTOMER.value
            else:
                found[pk] = _values(row, shops[row[_STORE_VIEW]], minter)
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


# In this order; to make a named tuple of each row takes longer than to make its links.
_COLUMNS = (
    "pk",
    "website",
    "store_view",
    "link_generation",
    "address_hash",
    "its_address__normalized",
    "its_address__typed",
    "its_address__name",
    "its_note__message",
    "inviter__first_name",
    "inviter__last_name",
    "inviter__email",
    "occasion",
    "occasion__title",
    "occasion__closes_at",
)
_PK = _COLUMNS.index("pk")
_WEBSITE = _COLUMNS.index("website")
_STORE_VIEW = _COLUMNS.index("store_view")
_NORMALIZED = _COLUMNS.index("its_address__normalized")
_OCCASION = _COLUMNS.index("occasion")
type _Row = tuple[Any, ...]
"""What a mail is made from, the columns in their order."""


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


def _customers_by_now(rows: Sequence[_Row], *, skipping: Collection[int]) -> set[int]:
    """Return the ids of those whose addressee is a customer by now, in store views that skip them.

    Invited to no occasion, they would only sign in.
    """
    wanted = {
        row[_PK]: (row[_WEBSITE], row[_NORMALIZED])
        for row in rows
        if row[_STORE_VIEW] in skipping and row[_OCCASION] is None and row[_NORMALIZED] is not None
    }
    if not wanted:
        return set()
    customers = Customer.objects.known().filter(
        website__in={website for website, _address in wanted.values()},
        email__any_of={address for _website, address in wanted.values()},
    )
    known = set(customers.values_list("website_id", "email"))
    return {pk for pk, one in wanted.items() if one in known} if known else set()


def _values(row: _Row, shop: _Shop, minter: links.Minter) -> Values:
    # fmt: off
    (pk, website_id, _view, generation, address_hash, _normalized, typed, name, message,
     first_name, last_name, email, _occasion, occasion, closes_at) = row
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


def mails_of(text: str, *, actor: Actor) -> list[int]:
    """Return the outbox ids of the newest mail of invitations that the actor sees, by an invitation's id or its address."""
    seen = Invitation.objects.visible_to(actor)
    if text.isascii() and text.isdecimal() and len(text) <= _ID_DIGITS:
        return [one.mail_id for one in seen.filter(pk=int(text)).only("mail_id") if one.mail_id]
    try:
        hashed = addresses.hash_of(addresses.normalize(text))
    except addresses.MalformedAddress:
        return []
    # By website and hash, as they are indexed.
    websites = Website.objects.visible_to(actor).values_list("pk", flat=True)
    found = seen.filter(website__in=list(websites), address_hash=hashed).order_by("-pk")
    return [one.mail_id for one in found.only("mail_id") if one.mail_id]


def without_words(template: str, languages: Collection[str]) -> list[StoreView]:
    """Return the store views that send a template by its code without their language among those it has."""
    views = list(StoreView.objects.exclude(language__in=languages).select_related("website").order_by("pk"))
    configs = config.resolve_each(Invitations, views)
    return [view for view in views if configs[view.pk].template == template]


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
