"""The life of invitations, driven at random over the real database beside a model that knows nothing of the code."""

import datetime
from dataclasses import dataclass, field

import pytest
from django.db import transaction
from django.db.models import Count
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from guestlist.customers.models import Customer
from guestlist.invitations import actions as invitations
from guestlist.invitations import figures, recounting
from guestlist.invitations.basis import Why
from guestlist.invitations.models import Basis, Credit, Invitation
from guestlist.mail.kinds import Verdict
from guestlist.mail.models import Message
from guestlist.orders.models import Order
from guestlist.refusal import Refusal
from tests import make
from tests.invitations import recount

ADDRESSES = [f"friend{number}@example.com" for number in range(3)]
RESENDS = 1
LIFETIME = 30
OPEN = {"not_sent", "sent"}
WAITING = {"queued", "deferred"}

which = st.integers(0, 4)
"""Which of the invitations, counted from the newest, as far as there are so many."""
addressed = st.sampled_from(ADDRESSES)


@dataclass
class Expected:
    """What the model believes of one invitation."""

    address: str
    inviter: int | None
    status: str = "not_sent"
    reason: str = "created"
    delivery: str = "queued"
    was_sent: bool = False
    resends: int = 0
    expires: datetime.datetime | None = None

    def end(self, reason: str) -> None:
        """End it, its mail taken back."""
        self.status, self.reason = "discarded", reason
        self.withdraw()

    def withdraw(self) -> None:
        """Take its mail back."""
        if self.delivery in WAITING:
            self.delivery = "withdrawn"

    def leave(self, reason: str, now: datetime.datetime) -> None:
        """Let it go out."""
        self.status, self.reason, self.was_sent = "sent", reason, True
        self.expires = now + datetime.timedelta(days=LIFETIME)


@dataclass
class World:
    """What the model believes of all."""

    now: datetime.datetime = make.NOW
    invitations: dict[int, Expected] = field(default_factory=dict)
    customers: set[str] = field(default_factory=set)
    suppressed: set[str] = field(default_factory=set)

    def is_expired(self, one: Expected) -> bool:
        """Whether a sent one's time is over."""
        return one.status == "sent" and one.expires is not None and one.expires <= self.now

    def is_usable(self, one: Expected) -> bool:
        """Whether it can be accepted."""
        return one.status in OPEN and not self.is_expired(one)


class Life(RuleBasedStateMachine):
    """Two inviters and staff, three friends, and all that may happen between them."""

    @initialize()
    def open_shop(self) -> None:
        self.savepoint = transaction.atomic()
        self.savepoint.__enter__()
        self.world = World()
        self.options = make.options(customer_resends=RESENDS, lifetime_days=LIFETIME)
        self.view = make.store_view()
        self.inviters = [make.customer(self.view), make.customer(self.view, in_group=make.group("vip"))]
        self.staff = make.actor()
        self.orders = 0
        # Something to begin with, so that few steps go by before anything can happen.
        self.invite(ADDRESSES[0], 0)
        self.invite(ADDRESSES[1], 1)
        self.invite_as_staff(ADDRESSES[2], again=False, keep=False)

    def teardown(self) -> None:
        if hasattr(self, "savepoint"):
            transaction.set_rollback(True)
            self.savepoint.__exit__(None, None, None)

    def tick(self) -> datetime.datetime:
        """Let a minute pass; the moment of the next deed."""
        self.world.now += datetime.timedelta(minutes=1)
        return self.world.now

    def waiting(self) -> list[int]:
        """Give those whose mail is on its way."""
        return [pk for pk, one in self.world.invitations.items() if one.delivery in WAITING]

    def customers_own(self) -> list[int]:
        """Give those that a customer invited."""
        return [pk for pk, one in self.world.invitations.items() if one.inviter is not None]

    def pick(self, number: int, among: list[int]) -> tuple[Invitation, Expected]:
        """Give an invitation as a page would have loaded it, and what is expected of it."""
        keys = sorted(among, reverse=True)
        pk = keys[number % len(keys)]
        found = Invitation.objects.select_related("store_view", "inviter__group", "address").get(pk=pk)
        return found, self.world.invitations[pk]

    def attempt(self, expected: str | None, deed) -> None:
        """Do it, and see that it is refused if and only if the model says so, for the reason that it says."""
        refused = None
        try:
            deed()
        except Refusal as refusal:
            refused = refusal.code
        assert refused == expected

    @rule(address=addressed, who=st.sampled_from([0, 1]))
    def invite(self, address: str, who: int) -> None:
        now = self.tick()
        known = any(one.address == address and one.inviter == who for one in self.world.invitations.values())
        (verdict,) = invitations.invite(
            inviter=self.inviters[who],
            store_view=self.view,
            addresses=[address],
            message="Come along",
            config=self.options,
            now=now,
        )
        if known:
            assert verdict.code == "already_invited"
        elif address in self.world.customers:
            assert verdict.code == "already_customer"
        elif address in self.world.suppressed:
            assert verdict.code == "not_mailable"
        else:
            assert verdict.invitation is not None
            self.world.invitations[verdict.invitation.pk] = Expected(address, who)

    @rule(address=addressed, again=st.booleans(), keep=st.booleans())
    def invite_as_staff(self, address: str, again: bool, keep: bool) -> None:
        now = self.tick()
        is_open = any(
            one.address == address and self.world.is_usable(one) for one in self.world.invitations.values()
        )
        (verdict,) = invitations.invite_as_staff(
            actor=self.staff,
            store_view=self.view,
            addresses=[address],
            ready_at=None if keep else now,
            why=Why("asked"),
            again=[address] if again else [],
            config=self.options,
            now=now,
        )
        if is_open and not again:
            assert verdict.code == "open_invitation"
        elif address in self.world.customers:
            assert verdict.code == "already_customer"
        elif address in self.world.suppressed:
            assert verdict.code == "suppressed"
        else:
            assert verdict.invitation is not None
            self.world.invitations[verdict.invitation.pk] = Expected(
                address, None, delivery="" if keep else "queued"
            )

    @precondition(lambda self: self.waiting())
    @rule(number=which, verdict=st.sampled_from(["accepted", "accepted", "deferred", "bounced", "failed"]))
    def mail_fares(self, number: int, verdict: str) -> None:
        row, one = self.pick(number, self.waiting())
        now = self.tick()
        make.fare(row, Verdict(verdict), now=now)
        one.delivery = "handed_over" if verdict == "accepted" else verdict
        if verdict == "accepted":
            one.leave("handed_over", now)
        elif verdict == "bounced" and one.status in OPEN:
            one.end("bounced")

    @rule(number=which, by_staff=st.booleans())
    def resend(self, number: int, by_staff: bool) -> None:
        row, one = self.pick(number, list(self.world.invitations) if by_staff else self.customers_own())
        now = self.tick()
        expected = None
        final = {"accepted"} if by_staff else {"accepted", "discarded"}
        if one.delivery in WAITING:
            expected = "already_on_its_way"
        elif one.status in final:
            expected = "move_not_allowed"
        elif not by_staff and one.status == "sent" and one.resends >= RESENDS:
            expected = "no_resends_left"
        elif one.address in self.world.customers:
            expected = "already_customer"
        elif one.address in self.world.suppressed:
            expected = "suppressed" if by_staff else "not_mailable"
        actor = self.staff if by_staff else make.by(self.inviters[one.inviter or 0])
        self.attempt(
            expected,
            lambda: invitations.resend(invitation=row, actor=actor, config=self.options, now=now),
        )
        if expected is None:
            one.delivery = "queued"
            one.resends += one.status != "not_sent"
        elif expected == "already_customer" and one.status in OPEN:
            one.end("already_customer")

    @rule(number=which)
    def share(self, number: int) -> None:
        row, one = self.pick(number, self.customers_own())
        now = self.tick()
        usable = self.world.is_usable(one)
        self.attempt(
            None if usable else "invitation_not_usable",
            lambda: invitations.share(
                invitation=row, actor=make.by(self.inviters[one.inviter or 0]), config=self.options, now=now
            ),
        )
        if usable and one.status == "not_sent":
            one.leave("shared", now)

    @rule(number=which, how=st.sampled_from(["cancel", "discard", "decline"]))
    def end(self, number: int, how: str) -> None:
        row, one = self.pick(
            number, self.customers_own() if how == "cancel" else list(self.world.invitations)
        )
        now = self.tick()
        deeds = {
            "cancel": lambda: invitations.cancel(
                invitation=row, inviter=self.inviters[one.inviter or 0], now=now
            ),
            "discard": lambda: invitations.discard(invitation=row, actor=self.staff, now=now),
            "decline": lambda: invitations.decline(invitation=row, now=now),
        }
        self.attempt(None if one.status in OPEN else "move_not_allowed", deeds[how])
        if one.status in OPEN:
            one.end({"cancel": "inviter", "discard": "staff", "decline": "declined"}[how])

    @precondition(lambda self: any(one.status in OPEN for one in self.world.invitations.values()))
    @rule()
    def discard_all(self) -> None:
        now = self.tick()
        open_ones = [one for one in self.world.invitations.values() if one.status in OPEN]
        tally = invitations.discard_many(ids=list(self.world.invitations), actor=self.staff, now=now)
        assert tally.done == len(open_ones)
        assert tally.done + sum(tally.skipped.values()) == len(self.world.invitations)
        for one in open_ones:
            one.end("staff")

    @rule(number=which)
    def restore(self, number: int) -> None:
        row, one = self.pick(number, self.customers_own())
        now = self.tick()
        expected = None
        if one.status != "discarded" or one.reason != "inviter" or one.was_sent:
            expected = "move_not_allowed"
        elif one.address in self.world.suppressed:
            expected = "not_mailable"
        self.attempt(
            expected,
            lambda: invitations.restore(
                invitation=row, inviter=self.inviters[one.inviter or 0], config=self.options, now=now
            ),
        )
        if expected is None:
            one.status, one.reason, one.delivery = "not_sent", "undone", "queued"

    @rule(address=addressed)
    def never_again(self, address: str) -> None:
        from guestlist import addresses

        invitations.never_again(
            website=self.view.website, address_hash=addresses.hash_of(address), now=self.tick()
        )
        self.world.suppressed.add(address)
        for one in self.world.invitations.values():
            if one.address == address:
                one.withdraw()
                if one.status in OPEN:
                    one.end("never_again")

    @rule(number=which)
    def join(self, number: int) -> None:
        row, one = self.pick(number, list(self.world.invitations))
        now = self.tick()
        expected = None
        if not self.world.is_usable(one):
            expected = "invitation_not_usable"
        elif one.address in self.world.customers:
            expected = "address_taken"
        self.attempt(
            expected,
            lambda: make.registered(row, now=now, customer_resends=RESENDS, lifetime_days=LIFETIME),
        )
        if expected is None:
            self.joined(one.address, "registered", one)

    @precondition(lambda self: len(self.world.customers) < len(ADDRESSES))
    @rule(address=addressed)
    def join_without_link(self, address: str) -> None:
        if address in self.world.customers:
            return
        invitations.join(
            user=make.user(address),
            store_view=self.view,
            invitation=None,
            config=self.options,
            now=self.tick(),
        )
        usable = [
            one
            for _, one in sorted(self.world.invitations.items())
            if one.address == address and self.world.is_usable(one)
        ]
        self.joined(address, "without_link", usable[0] if usable else None)

    def joined(self, address: str, reason: str, accepted: Expected | None) -> None:
        """Believe that the person with the address became a customer."""
        for one in self.world.invitations.values():
            if one is accepted:
                one.status, one.reason = "accepted", reason
                one.withdraw()
            elif one.address == address and self.world.is_usable(one):
                one.end("joined_otherwise")
        self.world.customers.add(address)

    @precondition(lambda self: self.world.customers)
    @rule(total=st.integers(1, 10_000))
    def buy(self, total: int) -> None:
        customer = Customer.objects.filter(email__in=self.world.customers).latest("pk")
        self.orders += 1
        invitations.record_order(
            store_view=self.view,
            customer=customer,
            number=str(self.orders),
            currency="EUR",
            total=total,
            now=self.tick(),
        )

    @precondition(lambda self: self.orders)
    @rule(number=which, so_far=st.integers(0, 5_000))
    def give_back(self, number: int, so_far: int) -> None:
        order = Order.objects.order_by("-pk")[number % self.orders]
        if so_far == 0:
            make.cancel(order, now=self.tick())
        elif order.refunded <= so_far <= order.total:
            make.refund(order, so_far, now=self.tick())

    @rule(days=st.sampled_from([1, LIFETIME + 1]))
    def time_passes(self, days: int) -> None:
        self.world.now += datetime.timedelta(days=days)

    @rule()
    def fold(self) -> None:
        figures.fold()

    @invariant()
    def rows_are_as_expected(self) -> None:
        if not hasattr(self, "world"):
            return
        rows = {one.pk: one for one in Invitation.objects.all()}
        assert {
            pk: (one.status, one.reason, one.delivery, one.sent_at is not None, one.resends, one.expires_at)
            for pk, one in rows.items()
        } == {
            pk: (one.status, one.reason, one.delivery, one.was_sent, one.resends, one.expires)
            for pk, one in self.world.invitations.items()
        }

    @invariant()
    def history_leads_to_the_state(self) -> None:
        if not hasattr(self, "world"):
            return
        for one in Invitation.objects.prefetch_related("events"):
            moved = sorted(one.events.all(), key=lambda event: event.pk)
            steps = [event for event in moved if event.target is not None]
            assert steps[0].origin is None
            assert [event.origin for event in steps[1:]] == [event.target for event in steps[:-1]]
            assert (steps[-1].target, steps[-1].reason) == (one.status, one.reason)

    @invariant()
    def outbox_has_at_most_one_mail_each(self) -> None:
        if not hasattr(self, "world"):
            return
        waiting = list(Message.objects.waiting().values_list("subject_id", "pk").order_by("pk"))
        assert waiting == sorted(
            (
                (one.pk, one.mail_id)
                for one in Invitation.objects.filter(delivery__in=WAITING)
                if one.mail_id is not None
            ),
            key=lambda pair: pair[1],
        )

    @invariant()
    def figures_are_exact(self) -> None:
        if not hasattr(self, "world"):
            return
        counted = recount.from_history()
        assert recount.from_days() == counted
        assert recount.from_months() == recount.by_month(counted)
        assert recounting.audit().adds_up
        for basis in Basis:
            told = figures.totals(
                store_view_ids=[self.view.pk],
                basis=basis,
                start=make.NOW.date(),
                end=self.world.now.date() + datetime.timedelta(days=1),
            )
            sums: dict[tuple[str, str], int] = {}
            for (_view, which_basis, _day, measure, currency), amount in counted.items():
                if which_basis == basis:
                    sums[measure, currency] = sums.get((measure, currency), 0) + amount
            assert {key: amount for key, amount in told.items() if amount} == sums

    @invariant()
    def nobody_counts_twice(self) -> None:
        if not hasattr(self, "world"):
            return
        twice = (
            Invitation.objects.exclude(inviter=None)
            .values("inviter", "address_hash", "occasion")
            .annotate(n=Count("pk"))
            .filter(n__gt=1)
        )
        assert not twice.exists()
        accepted = Invitation.objects.filter(status="accepted").values_list("invitee", flat=True)
        assert len(set(accepted)) == len(accepted)
        assert sum(Credit.objects.values_list("share", flat=True)) == 1000 * len(accepted)


@pytest.mark.django_db
@pytest.mark.requirement("trust-2")
def test_life_is_as_the_model_says_when_anything_happens_in_any_order() -> None:
    run_state_machine_as_test(
        Life,
        settings=hypothesis_settings(
            hypothesis_settings.get_profile("ci"), max_examples=40, stateful_step_count=50
        ),
    )
