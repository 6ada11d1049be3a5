"""Half a year in the life of the example shop, told step by step; the steps stand in ``story.toml``."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from allauth.account.models import EmailAddress
from django.utils.translation import override

from guestlist import addresses
from guestlist.customers import grants
from guestlist.customers.models import Customer, CustomerGroup, User
from guestlist.demo import buying, cart, catalog
from guestlist.demo.seed import shop
from guestlist.demo.transport import InboxTransport
from guestlist.invitations import actions as invitations
from guestlist.invitations import config, emails, figures, links
from guestlist.invitations.actions import mass
from guestlist.invitations.basis import Basis, Why
from guestlist.invitations.models import Channel, Invitation
from guestlist.mail import accounts, counting, delivery, ending, sends
from guestlist.mail.config import Delivery
from guestlist.mail.models import Send
from guestlist.occasions import actions as occasions
from guestlist.occasions.models import Occasion, OccasionKind
from guestlist.orders.models import Order
from guestlist.stores import config as options
from guestlist.stores.actors import Actor, ActorKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from guestlist.stores.models import StoreView

_ZONE = ZoneInfo("Europe/Amsterdam")
_KEPT = timedelta(days=8)
"""Mails of the last days lie in the inbox; older ones have been thrown away."""

Step = dict[str, Any]


def tell(views: Mapping[str, StoreView], *, now: datetime) -> None:
    """Let everything happen that the example shop looks back on, oldest first."""
    text = (Path(__file__).parent / "story.toml").read_text(encoding="utf-8")
    steps = sorted(tomllib.loads(text)["step"], key=lambda step: _when(step, now))
    teller = _Teller(dict(views), now)
    for step in steps:
        teller.do(step)
    while figures.fold():
        pass
    while counting.fold(now=now):
        pass


def _when(step: Step, now: datetime) -> datetime:
    """Return the time of a step: a number of days ago at a time of day, but never in the future."""
    hour, minute = (int(part) for part in step["at"].split(":"))
    day = now.astimezone(_ZONE) - timedelta(days=step["days"])
    # The last minutes before now are for what would otherwise lie ahead of it.
    return min(day.replace(hour=hour, minute=minute, second=0, microsecond=0), now - timedelta(minutes=10))


@dataclass(slots=True)
class _Teller:
    """Does one step after the other; each verb of the story is a method."""

    views: dict[str, StoreView]
    now: datetime

    def do(self, step: Step) -> None:
        """Do a step at its time, then let the mail go that it left."""
        at = _when(step, self.now)
        view = self.views[step.get("view", "klei_nl")]
        verb: Callable[[Step, StoreView, datetime], None] = getattr(self, step["does"])
        with override(view.language):
            verb(step, view, at)
            if step.get("mail") != "waits":
                self._deliver(at + timedelta(minutes=2), first=step.get("first"))

    def register(self, step: Step, view: StoreView, at: datetime) -> None:
        """Join without an invitation's link; the address is confirmed by mail."""
        first, _space, last = step["name"].partition(" ")
        joined = invitations.register(
            store_view=view,
            link=None,
            email=step["who"],
            password=_password(step["who"]),
            first_name=first,
            last_name=last,
            config=config.of(view),
            now=at,
        )
        assert joined.user is not None
        # What allauth does when the link in the mail is opened.
        EmailAddress.objects.filter(user=joined.user).update(verified=True)
        invitations.confirm(user=joined.user, store_view=view, config=config.of(view), now=at)
        User.objects.filter(pk=joined.user.pk).update(date_joined=at)

    def become(self, step: Step, view: StoreView, at: datetime) -> None:
        """Join another website with the account at hand."""
        user = User.objects.get(email=step["who"])
        invitations.join(user=user, store_view=view, invitation=None, config=config.of(view), now=at)

    def invite(self, step: Step, view: StoreView, at: datetime) -> None:
        """Invite friends, as a customer."""
        invitations.invite(
            inviter=_customer(step["who"], view),
            store_view=view,
            addresses=step["friends"],
            message=step.get("words", ""),
            occasion=_occasion(step),
            config=config.of(view),
            now=at,
        )

    def invite_many(self, step: Step, view: StoreView, at: datetime) -> None:
        """Invite people, as staff: at once, at a later day, or to be kept."""
        ready = {"now": at, "kept": None}.get(step.get("leaves", "now"), self.now + timedelta(days=2))
        invitations.invite_as_staff(
            actor=_staff(step["who"]),
            store_view=view,
            addresses=step["friends"],
            message=step.get("words", ""),
            group=shop.group(step["group"]) if "group" in step else None,
            occasion=_occasion(step),
            ready_at=ready,
            why=Why(Basis.CONSENT) if ready else Why(),
            config=config.of(view),
            delivery=options.resolve(Delivery, options.at(view)).value,
            now=at,
        )

    def pause(self, step: Step, view: StoreView, at: datetime) -> None:
        """Let nothing more of the last send leave, as staff."""
        send = Send.objects.filter(store_view=view).latest("pk")
        sends.pause(send=send, actor=_staff(step["who"]), now=at)

    def join(self, step: Step, view: StoreView, at: datetime) -> None:
        """Open the link of the mail and register."""
        invitation = _invitation(step, view)
        first, _space, last = step["name"].partition(" ")
        invitations.saw(invitation=invitation, now=at)
        joined = invitations.register(
            store_view=view,
            link=links.Link(invitation, Channel.MAIL),
            email=step["who"],
            password=_password(step["who"]),
            first_name=first,
            last_name=last,
            config=config.of(view),
            now=at + timedelta(minutes=1),
        )
        assert joined.user is not None
        User.objects.filter(pk=joined.user.pk).update(date_joined=at)

    def accept(self, step: Step, view: StoreView, at: datetime) -> None:
        """Open the link as somebody who is a customer already."""
        invitations.join(
            user=User.objects.get(email=step["who"]),
            store_view=view,
            invitation=_invitation(step, view),
            config=config.of(view),
            now=at,
        )

    def look(self, step: Step, view: StoreView, at: datetime) -> None:
        """Open the link, and leave it at that."""
        invitations.saw(invitation=_invitation(step, view), now=at)

    def share(self, step: Step, view: StoreView, at: datetime) -> None:
        """Copy the link to pass it on by other means."""
        inviter = _customer(step["inviter"], view)
        invitations.share(
            invitation=_invitation(step, view),
            actor=Actor(ActorKind.CUSTOMER, inviter.pk),
            config=config.of(view),
            now=at,
        )

    def decline(self, step: Step, view: StoreView, at: datetime) -> None:
        """Decline."""
        invitations.decline(
            invitation=_invitation(step, view), now=at, unknown_person=step.get("unknown", False)
        )

    def never_again(self, step: Step, view: StoreView, at: datetime) -> None:
        """Ask never to be mailed again."""
        invitations.never_again(
            website=view.website, address_hash=addresses.hash_of(addresses.normalize(step["who"])), now=at
        )

    def cancel(self, step: Step, view: StoreView, at: datetime) -> None:
        """Cancel, as the inviter."""
        inviter = _customer(step["inviter"], view)
        invitations.cancel(invitation=_invitation(step, view), inviter=inviter, now=at)

    def undo(self, step: Step, view: StoreView, at: datetime) -> None:
        """Take the cancellation back."""
        invitations.restore(
            invitation=_invitation(step, view),
            inviter=_customer(step["inviter"], view),
            config=config.of(view),
            now=at,
        )

    def discard(self, step: Step, view: StoreView, at: datetime) -> None:
        """Discard, as staff."""
        invitations.discard(invitation=_invitation(step, view), actor=_staff(step["staff"]), now=at)

    def regroup(self, step: Step, view: StoreView, at: datetime) -> None:
        """Give another group, as staff."""
        mass.change_group(
            ids=[_invitation(step, view).pk],
            group=CustomerGroup.objects.get(code=step["group"]),
            actor=_staff(step["staff"]),
            now=at,
        )

    def resend(self, step: Step, view: StoreView, at: datetime) -> None:
        """Send again, as staff; whoever became a customer meanwhile is not mailed."""
        try:
            invitations.resend(
                invitation=_invitation(step, view),
                actor=_staff(step["staff"]),
                config=config.of(view),
                now=at,
            )
        except invitations.AlreadyCustomer:
            assert step["refused"]

    def plan(self, step: Step, view: StoreView, at: datetime) -> None:
        """Announce an occasion."""
        moments = {
            name: (self.now.astimezone(_ZONE) + timedelta(days=step[name])).replace(
                hour=hour, minute=30, second=0
            )
            for name, hour in (("opens", 19), ("closes", 22))
            if name in step
        }
        occasions.create(
            website=view.website,
            kind=OccasionKind(step["kind"]),
            title=step["title"],
            owner=_customer(step["who"], view) if "who" in step else None,
            page=step["page"],
            place=step.get("place", ""),
            opens_at=moments.get("opens"),
            closes_at=moments.get("closes"),
            now=at,
        )

    def order(self, step: Step, view: StoreView, at: datetime) -> None:
        """Buy something."""
        customer = _customer(step["who"], view)
        lines = []
        for entry in step["what"]:
            slug, _times, quantity = entry.partition("*")
            product = catalog.find(view, slug)
            assert product is not None
            offer = catalog.offer(product, view, customer, in_sale=False)
            lines.append(cart.Line(offer, int(quantity or 1)))
        once = hashlib.sha256(f"{step['who']} {step['days']} {step['at']}".encode()).hexdigest()
        buying.buy(store_view=view, customer=customer, cart=cart.Cart(lines), once=once, now=at)

    def call_off(self, step: Step, view: StoreView, at: datetime) -> None:
        """Cancel the newest order."""
        buying.cancel(order=_order(step, view), now=at)

    def give_back(self, step: Step, view: StoreView, at: datetime) -> None:
        """Send some of the newest order back."""
        pieces = {
            slug: int(number or 1) for slug, _times, number in (one.partition("*") for one in step["what"])
        }
        order = _order(step, view)
        returned = {
            line.line_id: pieces[line.product.slug]
            for line in buying.lines(order, view)
            if line.product is not None and line.product.slug in pieces
        }
        assert len(returned) == len(pieces)
        buying.give_back(order=order, returned=returned, now=at)

    def _deliver(self, at: datetime, *, first: int | None = None) -> None:
        """Let all mail go that is due, or only so many of it."""
        transport = InboxTransport(at, keeps=at > self.now - _KEPT)
        while (
            delivery.run(
                kinds=(*accounts.KINDS, *emails.KINDS),
                transport=transport,
                worker="planting",
                clock=lambda: at,
                batch_size=lambda _website: first or 500,
                jitter=lambda: 0.5,
            ).claimed
            and first is None
        ):
            pass
        ending.finish(now=at)


def _customer(email: str, view: StoreView) -> Customer:
    return Customer.objects.select_related("group", "website").get(website=view.website_id, email=email)


def _order(step: Step, view: StoreView) -> Order:
    """Return the newest order of whom a step is about."""
    return Order.objects.filter(customer=_customer(step["who"], view)).latest("placed_at")


def _staff(email: str) -> Actor:
    return grants.actor_of(User.objects.get(email=email))


def _occasion(step: Step) -> Occasion | None:
    return Occasion.objects.get(page=step["occasion"]) if "occasion" in step else None


def _invitation(step: Step, view: StoreView) -> Invitation:
    """Return the invitation that a step is about: the invited address, and the inviter where there are several."""
    found = Invitation.objects.for_address(
        website_id=view.website_id, address_hash=addresses.hash_of(addresses.normalize(step["who"]))
    ).select_related("store_view", "inviter__group", "group", "website", "address")
    if "inviter" in step:
        found = found.filter(inviter__email=step["inviter"])
    return found.order_by("-pk")[0]


def _password(email: str) -> str | None:
    """Return the password that the demo prints; everybody else has none."""
    return shop.PASSWORD if email in shop.SIGN_INS else None
