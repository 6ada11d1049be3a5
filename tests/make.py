"""Builders of objects for tests: believable, saved, one line each; every argument has a default."""

from __future__ import annotations

import datetime
import itertools
from typing import Any

from django.contrib.auth.hashers import make_password
from django.db import transaction

from guestlist.customers import actions as customers
from guestlist.customers import grants
from guestlist.customers.models import Customer, CustomerGroup, Grant, Role, User
from guestlist.invitations import actions as invitations
from guestlist.invitations import links
from guestlist.invitations.actions import Joined
from guestlist.invitations.basis import Basis, Why
from guestlist.invitations.config import Invitations
from guestlist.invitations.links import Link
from guestlist.invitations.models import Channel, Invitation
from guestlist.mail import actions as mail
from guestlist.mail.kinds import Outcome, Row, Verdict
from guestlist.mail.models import Message
from guestlist.occasions import actions as occasions
from guestlist.occasions.models import Occasion, OccasionKind
from guestlist.orders.models import Order
from guestlist.stores import actions as stores
from guestlist.stores import config
from guestlist.stores.actors import SYSTEM, Actor, ActorKind
from guestlist.stores.models import StoreView, Website

NOW = datetime.datetime(2026, 5, 3, 10, 0, tzinfo=datetime.UTC)
"""The moment that tests live in, unless they move it."""

_numbers = itertools.count(1)


def group(code: str = "general", *, may_be_given: bool = True) -> CustomerGroup:
    """Return the customer group with this code, made when it is missing."""
    found = CustomerGroup.objects.filter(code=code).first()
    return found or customers.create_group(code=code, name=code.title(), may_be_given=may_be_given)


def website(code: str | None = None) -> Website:
    """Return a new website without store views."""
    code = code or f"site{next(_numbers)}"
    return stores.open_website(code=code, name=code.title())


def store_view(
    site: Website | None = None,
    *,
    language: str = "en",
    path: str | None = None,
    host: str = "testserver",
    **details: str,
) -> StoreView:
    """Return a new store view with a sender and a default group; the first one of a test answers at the root."""
    site = site or website()
    number = next(_numbers)
    if path is None:
        path = "" if not StoreView.objects.exists() else f"/view{number}"
    view = stores.open_store_view(
        website=site,
        code=f"view{number}",
        name=details.pop("name", "Linden & Loom"),
        language=language,
        base_url=f"http://{host}{path}",
        **({"legal_name": "Linden & Loom Ltd.", "contact_address": "hello@example.com"} | details),
    )
    customers.set_default_group(store_view=view, group=group())
    mail.set_sender(website=site, code="general", name=view.name, address="shop@example.com")
    return view


def user(email: str | None = None, *, password: str = "a-fine-password", **fields: Any) -> User:
    """Return a new user with a confirmed address."""
    made = customers.create_user(
        email=email or f"user{next(_numbers)}@example.com",
        hashed=make_password(password),
        first_name=fields.pop("first_name", "Emma"),
        last_name=fields.pop("last_name", "Clarke"),
        verified=True,
    )
    for name, value in fields.items():
        setattr(made, name, value)
    made.save()
    return made


def customer(
    view: StoreView | None = None,
    *,
    email: str | None = None,
    in_group: CustomerGroup | None = None,
    **fields: Any,
) -> Customer:
    """Return a new customer who can sign in."""
    view = view or StoreView.objects.first() or store_view()
    account = user(email, **fields)
    return customers.create_customer(
        store_view=view,
        group=in_group or group(),
        email=account.email,
        first_name=account.first_name,
        last_name=account.last_name,
        user=account,
        now=NOW,
    )


def staff(site: Website | None = None, *, role: str = "owner", email: str | None = None) -> User:
    """Return a new staff user with a role at a website, or at all of them."""
    made = user(email, is_staff=True)
    grants.make_roles()
    Grant.objects.create(user=made, website=site, role=Role.objects.get(code=role))
    return made


def actor(site: Website | None = None, *, role: str = "owner") -> Actor:
    """Return a new staff member as an actor."""
    return grants.actor_of(staff(site, role=role))


def by(inviter: Customer) -> Actor:
    """Return a customer as an actor."""
    return Actor(ActorKind.CUSTOMER, inviter.pk)


def options(**values: Any) -> Invitations:
    """Return the options of invitations with these values, the others at their defaults."""
    return Invitations(**values)


def configure(name: str, value: Any, place: StoreView | Website | None = None) -> None:
    """Set an option of invitations at a place, as the system."""
    stores.override(
        section=Invitations, name=name, value=value, place=config.at(place), actor=SYSTEM, now=NOW
    )


def occasion(site: Website, *, title: str = "Autumn preview", **fields: Any) -> Occasion:
    """Return a new event of a website."""
    return occasions.create(
        website=site, kind=fields.pop("kind", OccasionKind.EVENT), title=title, now=NOW, **fields
    )


def invitation(
    inviter: Customer | None = None,
    *,
    address: str | None = None,
    message: str = "",
    now: datetime.datetime = NOW,
    **values: Any,
) -> Invitation:
    """Return a new invitation by a customer, its mail in the outbox."""
    inviter = inviter or customer()
    (verdict,) = invitations.invite(
        inviter=inviter,
        store_view=inviter.store_view,
        addresses=[address or f"friend{next(_numbers)}@example.com"],
        message=message,
        occasion=values.pop("occasion", None),
        config=options(**values),
        now=now,
    )
    assert verdict.invitation is not None, verdict.refusal
    return verdict.invitation


def staff_invitation(
    view: StoreView, *, address: str | None = None, now: datetime.datetime = NOW, **values: Any
) -> Invitation:
    """Return a new invitation by staff; ``keep=True`` queues no mail."""
    (verdict,) = invitations.invite_as_staff(
        actor=values.pop("actor", None) or actor(),
        store_view=view,
        addresses=[address or f"friend{next(_numbers)}@example.com"],
        message=values.pop("message", ""),
        group=values.pop("group", None),
        occasion=values.pop("occasion", None),
        ready_at=None if values.pop("keep", False) else now,
        why=values.pop("why", Why(Basis.CONSENT)),
        again=values.pop("again", ()),
        config=options(**values),
        now=now,
    )
    assert verdict.invitation is not None, verdict.refusal
    return verdict.invitation


def fare(one: Invitation, verdict: Verdict, *, code: str = "250", now: datetime.datetime = NOW) -> None:
    """Let the mail of an invitation fare so, as the worker would record it."""
    from guestlist.invitations.emails import KINDS

    one.refresh_from_db()
    assert one.mail_id is not None
    message = Message.objects.get(pk=one.mail_id)
    Message.objects.filter(pk=message.pk).update(
        state="sent" if verdict == Verdict.ACCEPTED else "failed" if verdict != Verdict.DEFERRED else "ready"
    )
    with transaction.atomic():
        KINDS[0].record([Outcome(row(message), verdict, code, "", now)], now=now)
    one.refresh_from_db()


def row(message: Message) -> Row:
    """Return a mail of the outbox as a worker holds it."""
    return Row(*(getattr(message, name) for name in Row._fields))


def link(one: Invitation, channel: Channel = Channel.MAIL) -> Link:
    """Return what a visitor holds who came by the invitation's link, as it was mailed or shared."""
    found = Invitation.objects.select_related("store_view", "group", "inviter__group")
    opened = links.open_token(links.token(one, channel), found)
    assert opened is not None
    return opened


def registered(
    one: Invitation | None = None,
    *,
    view: StoreView | None = None,
    email: str | None = None,
    channel: Channel = Channel.MAIL,
    newsletter: bool = False,
    now: datetime.datetime = NOW,
    **values: Any,
) -> Joined:
    """Return what came of registering through an invitation's link, or without one."""
    view = view or (one.store_view if one else store_view())
    return invitations.register(
        store_view=view,
        link=link(one, channel) if one else None,
        email=email or (one.address.normalized if one else f"newcomer{next(_numbers)}@example.com"),
        password="a-fine-password",
        first_name="Noor",
        last_name="Jansen",
        newsletter=newsletter,
        config=options(**values),
        now=now,
    )


def inviter_of(one: Invitation) -> Customer:
    """Return the customer who invited, where it was one."""
    assert one.inviter is not None
    return one.inviter


def user_of(one: Customer) -> User:
    """Return whom the customer signs in as."""
    assert one.user is not None
    return one.user


def opt_out_token(one: Invitation) -> str:
    """Return the token that the mail of an invitation carries, to decline and to be left alone."""
    hashed = bytes(one.address_hash or b"")
    return links.Minter().opt_out(one.pk, website_id=one.website_id, address_hash=hashed)


def sent_invitation(
    inviter: Customer | None = None, *, now: datetime.datetime = NOW, **values: Any
) -> Invitation:
    """Return an invitation whose mail was handed over."""
    made = invitation(inviter, now=now, **values)
    fare(made, Verdict.ACCEPTED, now=now)
    return made


def order(
    buyer: Customer,
    *,
    view: StoreView | None = None,
    number: str | None = None,
    total: int = 1250,
    currency: str = "EUR",
    placed_at: datetime.datetime | None = None,
    now: datetime.datetime = NOW,
) -> Order:
    """Return an order that the shop told of."""
    return invitations.record_order(
        store_view=view or buyer.store_view,
        customer=buyer,
        number=number or f"order{next(_numbers)}",
        currency=currency,
        total=total,
        placed_at=placed_at,
        now=now,
    ).order


def cancel(one: Order, *, now: datetime.datetime = NOW) -> Order:
    """Cancel an order, as its customer."""
    return invitations.cancel_order(
        website_id=one.website_id, number=one.number, actor=by(one.customer), now=now
    ).order


def refund(one: Order, so_far: int, *, now: datetime.datetime = NOW) -> Order:
    """Refund of an order so much in all so far, as the shop tells it."""
    return invitations.refund_order(
        website_id=one.website_id,
        number=one.number,
        currency=one.currency,
        refunded=so_far,
        actor=SYSTEM,
        now=now,
    ).order
