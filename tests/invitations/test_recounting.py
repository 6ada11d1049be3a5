"""The figures, counted once more from the history: whatever happened, they agree, and what does not is put right."""

import datetime
from collections.abc import Callable
from typing import Literal

import pytest
from django.db import transaction
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from guestlist import addresses
from guestlist.customers.models import Customer
from guestlist.invitations import actions as invitations
from guestlist.invitations import chronicle, figures, recounting
from guestlist.invitations.emails import KINDS
from guestlist.invitations.models import (
    WAITING,
    Basis,
    FiguresDay,
    FiguresDelta,
    FiguresMonth,
    Invitation,
    InvitationEvent,
    Recount,
)
from guestlist.mail import returned
from guestlist.mail.kinds import Verdict
from guestlist.mail.reports import Returned
from guestlist.orders.models import Order
from guestlist.refusal import Refusal
from guestlist.stores.models import StoreView
from tests import make
from tests.invitations import recount

pytestmark = pytest.mark.django_db

DAY, HOUR = datetime.timedelta(days=1), datetime.timedelta(hours=1)
TODAY = make.NOW.date()
KEPT = (FiguresDay, FiguresMonth, FiguresDelta)


def differing(audit: recounting.Audit | None = None) -> dict[tuple[str, str, str], tuple[int, int]]:
    """Return where, basis and measure → what is kept and what is right, of each figure that differs."""
    found = audit or recounting.audit()
    return {(one.where, one.basis, one.measure): (one.kept, one.counted) for one in found.differences}


def a_bit_of_all() -> Invitation:
    """Return an invitation that was accepted, after others were discarded, restored, resent and shared."""
    one = make.sent_invitation()
    staff, inviter = make.actor(), make.inviter_of(one)
    ended, shared, undone = make.sent_invitation(inviter), make.invitation(inviter), make.invitation(inviter)
    invitations.discard(invitation=ended, actor=staff, now=make.NOW + DAY)
    invitations.resend(invitation=ended, actor=staff, config=make.options(), now=make.NOW + DAY)
    make.fare(ended, Verdict.ACCEPTED, now=make.NOW + 40 * DAY)
    invitations.share(invitation=shared, actor=make.by(inviter), config=make.options(), now=make.NOW + DAY)
    invitations.discard_many(ids=[shared.pk], actor=staff, now=make.NOW + 2 * DAY)
    invitations.cancel(invitation=undone, inviter=inviter, now=make.NOW)
    invitations.restore(invitation=undone, inviter=inviter, config=make.options(), now=make.NOW)
    customer = make.registered(one, now=make.NOW + 3 * DAY).customer
    assert customer is not None
    make.order(customer, now=make.NOW + 4 * DAY)
    return one


def test_audit_finds_nothing_when_nothing_is_wrong() -> None:
    assert recounting.audit() == recounting.Audit(0, 0, [])

    a_bit_of_all()

    assert recounting.audit() == recounting.Audit(4, 1, [])
    figures.fold()
    assert recounting.audit() == recounting.Audit(4, 1, [])


def test_audit_tells_where_rows_do_not_stand_as_the_history_says() -> None:
    one = a_bit_of_all()
    Invitation.objects.filter(pk=one.pk).update(reason="signed_in")

    assert differing() == {
        ("invitations", "sent", "accepted.registered"): (0, 1),
        ("invitations", "sent", "accepted.signed_in"): (1, 0),
    }


def test_figures_stay_on_their_days_when_the_store_view_moves() -> None:
    view = make.store_view(time_zone="Pacific/Auckland")
    evening = datetime.datetime(2026, 5, 3, 20, tzinfo=datetime.UTC)
    one = make.sent_invitation(make.customer(view), now=evening)
    assert one.sent_day == TODAY + DAY

    StoreView.objects.update(time_zone="America/New_York")
    make.registered(Invitation.objects.get(pk=one.pk), now=evening)

    assert set(InvitationEvent.objects.values_list("kind", "day")) == {
        ("created", TODAY + DAY),
        ("sent", TODAY + DAY),
        ("accepted", TODAY),
    }
    assert recounting.audit() == recounting.Audit(1, 0, [])


def test_events_without_a_day_have_the_one_of_their_store_view(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chronicle, "_INVITATIONS_AT_ONCE", 2)
    view = make.store_view(time_zone="Pacific/Auckland")
    late = datetime.datetime(2026, 5, 3, 20, tzinfo=datetime.UTC)
    for hours in range(5):
        make.registered(make.sent_invitation(make.customer(view), now=late + hours * HOUR), now=late)
    assert InvitationEvent.objects.filter(day=None).count() == 0

    InvitationEvent.objects.update(day=None)

    assert recounting.audit() == recounting.Audit(5, 0, [])


@pytest.mark.parametrize("folded", [True, False])
def test_recount_puts_right_what_differs_and_says_what(folded: bool) -> None:
    a_bit_of_all()
    if folded:
        figures.fold()
    right = recount.from_history()
    view_id = StoreView.objects.get().pk
    wrong = {"store_view_id": view_id, "basis": Basis.EVENT, "day": TODAY, "measure": "created"}
    FiguresDelta.objects.create(**wrong, amount=3)
    FiguresDay.objects.filter(measure="sent_shared").delete()
    FiguresMonth.objects.filter(measure="orders", basis=Basis.SENT).update(amount=9)
    FiguresDay.objects.create(**wrong | {"measure": "nothing"}, amount=1)
    expected = {
        ("days", "event", "created"): (7, 4),
        ("months", "event", "created"): (7, 4),
        ("days", "event", "nothing"): (1, 0),
    }
    if folded:
        expected |= {
            ("days", "event", "sent_shared"): (0, 1),
            ("days", "sent", "sent_shared"): (0, 1),
            ("months", "sent", "orders"): (9, 1),
        }

    found = recounting.recount(now=make.NOW)

    assert differing(found) == expected
    assert (found.invitations, found.orders) == (4, 1)
    assert recounting.audit().adds_up
    assert recount.from_days() == right
    assert recount.from_months() == recount.by_month(right)
    done = Recount.objects.get()
    assert (done.after, done.at, done.figures) == (0, make.NOW, len(expected))
    assert str(done).endswith(f": {len(expected)}")


def test_figures_are_made_anew_when_there_are_none_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "_ADD_AT_ONCE", 2)
    a_bit_of_all()
    right = recount.from_days()
    for model in KEPT:
        model.objects.all().delete()

    recounting.recount(now=make.NOW)

    assert recount.from_days() == right == recount.from_history()
    assert recount.from_months() == recount.by_month(right)
    assert recounting.recount(now=make.NOW).adds_up
    assert Recount.objects.count() == 1


def test_recount_changes_nothing_when_another_was_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    a_bit_of_all()
    FiguresDelta.objects.filter(measure="created").update(amount=9)
    look = recounting._audit

    def overtaken(*, with_rows: bool) -> recounting.Audit:
        found = look(with_rows=with_rows)
        monkeypatch.setattr(recounting, "_audit", look)
        assert not recounting.recount(now=make.NOW).adds_up
        return found

    monkeypatch.setattr(recounting, "_audit", overtaken)

    with pytest.raises(recounting.RecountedMeanwhile, match="Run it again"):
        recounting.recount(now=make.NOW)

    assert recounting.recount(now=make.NOW).adds_up
    assert recount.from_days() == recount.from_history()


def test_second_recount_puts_right_what_went_wrong_after_the_first() -> None:
    a_bit_of_all()
    for amount in (9, 8):
        FiguresDelta.objects.filter(measure="created").update(amount=amount)
        assert not recounting.recount(now=make.NOW).adds_up

    assert recounting.audit().adds_up
    first, second = Recount.objects.order_by("pk")
    assert (first.after, second.after) == (0, first.pk)


# --- Whatever happens ---------------------------------------------------------------------------------------------------

which = st.integers(0, 7)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("invite"), st.integers(0, 2)),
        st.tuples(st.just("invite_as_staff"), st.integers(0, 1), st.booleans()),
        st.tuples(st.just("fare"), which, st.sampled_from(["accepted", "accepted", "bounced", "failed"])),
        st.tuples(st.just("come_back"), which, st.sampled_from([Verdict.BOUNCED, Verdict.COMPLAINED])),
        st.tuples(st.just("share"), which),
        st.tuples(st.just("resend"), which, st.booleans()),
        st.tuples(st.just("end"), which, st.sampled_from(["cancel", "discard", "decline", "never_again"])),
        st.tuples(st.just("end_some"), st.sets(which)),
        st.tuples(st.just("restore"), which),
        st.tuples(st.just("join"), which),
        st.tuples(st.just("accept"), which),
        st.tuples(st.just("order"), which, st.integers(0, 72), st.integers(1, 900), st.booleans()),
        st.tuples(st.just("cancel_order"), which),
        st.tuples(st.just("refund"), which, st.integers(1, 900)),
        st.tuples(st.just("wait"), st.integers(1, 50)),
        st.tuples(st.just("move"), st.integers(0, 1), st.sampled_from(["Asia/Tokyo", "America/New_York"])),
        st.tuples(st.just("fold")),
        st.tuples(st.just("spoil"), st.integers(0, 2), which, st.integers(-3, 3)),
        st.tuples(st.just("put_right")),
    ),
    min_size=10,
    max_size=40,
)


class _World:
    """A website with two store views, far from each other, where everything may happen that figures count."""

    def __init__(self) -> None:
        self.now = make.NOW
        self.options = make.options(registration_address="any")
        view = make.store_view(time_zone="Pacific/Auckland")
        self.views = [view, make.store_view(view.website, time_zone="America/New_York", currency="USD")]
        self.inviters = [make.customer(view), make.customer(view), make.customer(self.views[1])]
        self.staff = make.actor()
        self.spoiled = self.moved = False
        for one in (make.sent_invitation(self.inviters[0]), make.sent_invitation(self.inviters[2])):
            make.registered(one, registration_address="any")
        self.invite(1)

    def pick(self, number: int) -> Invitation:
        found = Invitation.objects.select_related("store_view", "inviter__group", "address").order_by("-pk")
        return found[number % len(found)]

    def customer(self, number: int) -> Customer:
        found = Customer.objects.select_related("store_view", "user").order_by("-pk")
        return found[number % len(found)]

    def invite(self, who: int) -> None:
        make.invitation(self.inviters[who], now=self.now)

    def invite_as_staff(self, view: int, keep: bool) -> None:
        make.staff_invitation(self.views[view], actor=self.staff, keep=keep, now=self.now)

    def fare(self, number: int, verdict: str) -> None:
        one = self.pick(number)
        if one.delivery in WAITING:
            make.fare(one, Verdict(verdict), now=self.now)

    def come_back(self, number: int, verdict: Literal[Verdict.BOUNCED, Verdict.COMPLAINED]) -> None:
        one = self.pick(number)
        if one.mail_id is not None:
            made = Returned(
                message_id=one.mail_id,
                verdict=verdict,
                source="test",
                key=f"{one.mail_id} {self.now}",
                code="5.1.1",
                answer="said so",
                is_permanent=True,
                no_such_address=True,
            )
            returned.record(made, kinds=KINDS, now=self.now)

    def share(self, number: int) -> None:
        one = self.pick(number)
        actor = make.by(one.inviter) if one.inviter else self.staff
        invitations.share(invitation=one, actor=actor, config=self.options, now=self.now)

    def resend(self, number: int, by_staff: bool) -> None:
        one = self.pick(number)
        actor = self.staff if by_staff or not one.inviter else make.by(one.inviter)
        invitations.resend(invitation=one, actor=actor, config=self.options, now=self.now)

    def end(self, number: int, how: str) -> None:
        one = self.pick(number)
        if how == "never_again":
            hashed = addresses.hash_of(one.address.normalized)
            invitations.never_again(website=one.website, address_hash=hashed, now=self.now)
        elif how == "decline":
            invitations.decline(invitation=one, now=self.now)
        elif how == "cancel" and one.inviter:
            invitations.cancel(invitation=one, inviter=one.inviter, now=self.now)
        else:
            invitations.discard(invitation=one, actor=self.staff, now=self.now)

    def end_some(self, numbers: set[int]) -> None:
        ids = [self.pick(number).pk for number in numbers]
        invitations.discard_many(ids=ids, actor=self.staff, now=self.now)

    def restore(self, number: int) -> None:
        one = self.pick(number)
        if one.inviter:
            invitations.restore(invitation=one, inviter=one.inviter, config=self.options, now=self.now)

    def join(self, number: int) -> None:
        make.registered(self.pick(number), now=self.now, registration_address="any")

    def accept(self, number: int) -> None:
        customer = self.customer(number)
        view = customer.store_view
        one = make.sent_invitation(self.inviters[0], occasion=make.occasion(view.website), now=self.now)
        invitations.join(
            user=make.user_of(customer), store_view=view, invitation=one, config=self.options, now=self.now
        )

    def order(self, number: int, hours: int, total: int, elsewhere: bool) -> None:
        customer = self.customer(number)
        view = self.views[1] if elsewhere else customer.store_view
        placed_at = self.now - hours * HOUR
        make.order(
            customer, view=view, total=total, currency=view.currency, placed_at=placed_at, now=self.now
        )

    def cancel_order(self, number: int) -> None:
        for order in Order.objects.order_by("-pk")[number : number + 1]:
            make.cancel(order, now=self.now)

    def refund(self, number: int, so_far: int) -> None:
        for order in Order.objects.order_by("-pk")[number : number + 1]:
            make.refund(order, so_far, now=self.now)

    def wait(self, hours: int) -> None:
        self.now += hours * HOUR

    def move(self, view: int, zone: str) -> None:
        StoreView.objects.filter(pk=self.views[view].pk).update(time_zone=zone)
        self.moved = True

    def fold(self) -> None:
        figures.fold()

    def spoil(self, table: int, number: int, amount: int) -> None:
        model = KEPT[table]
        for row in model.objects.order_by("-pk")[number : number + 1]:
            self.spoiled = True
            model.objects.filter(pk=row.pk).update(amount=amount)

    def put_right(self) -> None:
        recounting.recount(now=self.now)
        self.spoiled = False


@given(told_steps=steps)
@hypothesis_settings(max_examples=25)
def test_figures_agree_with_the_history_whatever_happens(told_steps: list[tuple[object, ...]]) -> None:
    with transaction.atomic():
        world = _World()
        for name, *values in told_steps:
            world.now += datetime.timedelta(seconds=1)
            deed: Callable[..., None] = getattr(world, str(name))
            try:
                with transaction.atomic():
                    deed(*values)
            except Refusal:
                pass  # what is refused, and when, is told elsewhere
            if not world.spoiled:
                assert recounting.audit().adds_up, name
        wrong = [one for one in recounting.audit().differences if one.where not in {"days", "months"}]
        assert wrong == []
        recounting.recount(now=world.now)
        assert recounting.audit().adds_up
        if not world.moved:
            right = recount.from_history()
            assert recount.from_days() == right
            assert recount.from_months() == recount.by_month(right)
        transaction.set_rollback(True)
