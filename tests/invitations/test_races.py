"""Several at the same moment: exactly one wins, nothing is left half-done, nobody waits for ever."""

import threading
from collections import Counter
from collections.abc import Sequence
from functools import partial

import pytest
from django.db import IntegrityError, connection

from guestlist import addresses
from guestlist.customers.models import Customer, User
from guestlist.invitations import actions as invitations
from guestlist.invitations import figures, recounting
from guestlist.invitations.actions import AddressTaken, AlreadyOnItsWay
from guestlist.invitations.basis import Why
from guestlist.invitations.lifecycle import MoveNotAllowed, Status
from guestlist.invitations.models import (
    WAITING,
    AttributedOrder,
    Basis,
    Channel,
    Credit,
    EventKind,
    FiguresDelta,
    FiguresMonth,
    Invitation,
    InvitationEvent,
    PendingJoin,
    Recount,
)
from guestlist.invitations.rules import NotUsable
from guestlist.mail import ending, recording, totals
from guestlist.mail import sends as bulk
from guestlist.mail.config import Delivery as Sending
from guestlist.mail.kinds import Outcome, Verdict
from guestlist.mail.models import Message, Send
from guestlist.mail.recording import Settled
from guestlist.orders.models import Order
from guestlist.refusal import Refusal
from guestlist.worker import jobs
from tests import make, races
from tests.invitations import recount

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = 3


def outcomes(results: Sequence[object]) -> Counter[str]:
    """Count what came back by name: a refusal's code, or "done"; anything else is a bug and raised."""
    counted: Counter[str] = Counter()
    for result in results:
        if isinstance(result, Refusal):
            counted[result.code] += 1
        elif isinstance(result, Exception):
            raise result
        else:
            counted["done"] += 1
    return counted


def returned[T](results: list[T | Exception]) -> list[T]:
    """Give what came back, where nothing was refused."""
    return [result for result in results if not isinstance(result, Exception)]


def figures_are_exact() -> bool:
    return recount.from_days() == recount.from_history()


def test_one_invitation_is_made_when_an_inviter_sends_the_same_form_at_once() -> None:
    inviter = make.customer()
    forms = [
        ["a@example.com", "b@example.com", "c@example.com"],
        ["c@example.com", "b@example.com", "a@example.com"],
    ]

    def send(form: list[str]):
        return lambda: invitations.invite(
            inviter=inviter,
            store_view=inviter.store_view,
            addresses=form,
            config=make.options(),
            now=make.NOW,
        )

    results = races.together(*[send(form) for form in forms * 4])

    assert outcomes(results) == {"done": 8}
    verdicts = Counter(verdict.code for result in returned(results) for verdict in result)
    assert verdicts == {"invited": 3, "already_invited": 21}
    assert Invitation.objects.count() == Message.objects.waiting().count() == 3
    assert figures_are_exact()


def test_one_invitation_is_made_when_staff_add_the_same_addresses_at_once() -> None:
    view, actor = make.store_view(), make.actor()
    pasted = [f"friend{number}@example.com" for number in range(20)]

    def add(form: list[str]):
        return lambda: invitations.invite_as_staff(
            actor=actor,
            store_view=view,
            addresses=form,
            ready_at=make.NOW,
            why=Why("consent"),
            config=make.options(),
            now=make.NOW,
        )

    results = races.together(add(pasted), add(pasted[::-1]), add(pasted), add(pasted[::-1]))

    assert outcomes(results) == {"done": 4}
    verdicts = Counter(verdict.code for result in returned(results) for verdict in result)
    assert verdicts == {"invited": 20, "open_invitation": 60}
    assert Invitation.objects.count() == 20


def test_repeats_are_counted_when_staff_invite_again_anyway_at_once() -> None:
    view, actor = make.store_view(), make.actor()

    def again() -> object:
        return invitations.invite_as_staff(
            actor=actor,
            store_view=view,
            addresses=["friend@example.com"],
            ready_at=None,
            again=["friend@example.com"],
            config=make.options(),
            now=make.NOW,
        )

    assert outcomes(races.together(*[again] * 6)) == {"done": 6}
    assert sorted(Invitation.objects.values_list("repeat", flat=True)) == list(range(6))


@pytest.mark.requirement("trust-2")
@pytest.mark.parametrize("_round", range(ROUNDS))
def test_one_wins_when_the_inviter_cancels_while_the_friend_joins(_round: int) -> None:
    one = make.sent_invitation()

    cancelled, joined = races.together(
        lambda: invitations.cancel(invitation=one, inviter=make.inviter_of(one), now=make.NOW),
        lambda: make.registered(one),
    )

    row = Invitation.objects.get()
    if isinstance(cancelled, MoveNotAllowed):
        assert row.status == Status.ACCEPTED
        assert Customer.objects.filter(email=one.address.normalized).count() == 1
        assert Credit.objects.count() == 1
    else:
        assert cancelled is None
        assert isinstance(joined, NotUsable)
        assert row.status == Status.DISCARDED
        assert not User.objects.filter(email=one.address.normalized).exists()
        assert not Credit.objects.exists()
    assert InvitationEvent.objects.filter(origin=Status.SENT).count() == 1
    assert figures_are_exact()


@pytest.mark.requirement("trust-2")
def test_one_of_fifty_wins_when_they_all_accept_one_link() -> None:
    one = make.sent_invitation()
    users = [make.user() for _ in range(50)]
    config = make.options(registration_address="any", registration="invitation")

    def join(user: User):
        return lambda: invitations.join(
            user=user, store_view=one.store_view, invitation=one, config=config, now=make.NOW
        )

    results = races.together(*[join(user) for user in users])

    assert outcomes(results) == {"done": 1, "invitation_not_usable": 49}
    row = Invitation.objects.get()
    assert row.status == Status.ACCEPTED
    assert set(Customer.objects.all()) == {one.inviter, row.invitee}
    assert Credit.objects.count() == 1
    assert InvitationEvent.objects.filter(kind=EventKind.ACCEPTED).count() == 1
    assert figures_are_exact()


@pytest.mark.requirement("trust-2")
def test_one_account_is_made_when_many_register_through_one_mailed_link() -> None:
    one = make.sent_invitation()

    results = races.together(*[lambda: make.registered(one)] * 8)

    told = outcomes(results)
    assert told["done"] == 1
    assert set(told) <= {"done", "address_taken", "invitation_not_usable"}
    assert User.objects.filter(email=one.address.normalized).count() == 1
    assert Customer.objects.count() == 2
    assert not PendingJoin.objects.exists()
    assert Message.objects.count() == 1


def test_one_of_many_wins_when_existing_customers_accept_one_link() -> None:
    one = make.sent_invitation()
    friends = [make.customer(one.store_view) for _ in range(8)]
    config = make.options(registration_address="any")

    def accept(friend: Customer):
        return lambda: invitations.join(
            user=make.user_of(friend), store_view=one.store_view, invitation=one, config=config, now=make.NOW
        )

    results = races.together(*[accept(friend) for friend in friends])

    assert outcomes(results) == {"done": 1, "invitation_not_usable": 7}
    assert InvitationEvent.objects.filter(kind=EventKind.ACCEPTED).count() == 1


@pytest.mark.parametrize("shared", [False, True])
def test_one_account_is_made_when_the_same_address_registers_at_once(shared: bool) -> None:
    view = make.store_view()
    one = make.sent_invitation(make.customer(view), address="newcomer@example.com") if shared else None

    results = races.together(
        *[lambda: make.registered(one, view=view, email="newcomer@example.com", channel=Channel.SHARED)] * 2
    )

    assert outcomes(results) == {"done": 2}
    user = User.objects.get(email="newcomer@example.com")
    assert PendingJoin.objects.get().user == user
    assert user.pk in {joined.user.pk for joined in returned(results) if joined.user}


def test_account_is_kept_when_it_is_confirmed_while_another_registers_it() -> None:
    view = make.store_view()
    user = make.registered(view=view, email="newcomer@example.com").user
    assert user is not None

    confirmed, registered = races.together(
        lambda: invitations.confirm(user=user, store_view=view, config=make.options(), now=make.NOW),
        lambda: make.registered(view=view, email="newcomer@example.com"),
    )

    assert outcomes([confirmed, registered]) == {"done": 2}
    assert isinstance(confirmed, invitations.Joined)
    assert isinstance(registered, invitations.Joined)
    customer = Customer.objects.first()
    if customer is not None:
        assert customer.user == user
        assert registered.user is None
    else:
        assert confirmed.customer is None
        assert User.objects.get() == registered.user


def test_one_customer_is_made_when_a_user_joins_twice_at_once() -> None:
    one = make.sent_invitation()
    user = make.user(one.address.normalized)

    def join() -> invitations.Joined:
        return invitations.join(
            user=user, store_view=one.store_view, invitation=None, config=make.options(), now=make.NOW
        )

    results = races.together(*[join] * 4)

    assert outcomes(results) == {"done": 4}
    assert len({joined.customer for joined in returned(results)}) == 1
    assert [joined.is_new for joined in returned(results)].count(True) == 1
    assert Invitation.objects.get().status == Status.ACCEPTED


def test_one_mail_is_queued_when_two_resend_at_once() -> None:
    one, actor = make.sent_invitation(), make.actor()

    results = races.together(
        *[lambda: invitations.resend(invitation=one, actor=actor, config=make.options(), now=make.NOW)] * 4
    )

    assert outcomes(results) == {"done": 1, AlreadyOnItsWay.code: 3}
    assert Message.objects.waiting().count() == 1
    row = Invitation.objects.get()
    assert (row.resends, row.delivery) == (1, "queued")
    assert row.mail_id == Message.objects.waiting().get().pk


def test_one_order_is_recorded_when_the_shop_tells_it_twice_at_once() -> None:
    one = make.sent_invitation()
    customer = make.registered(one).customer
    assert customer is not None

    results = races.together(
        *[
            lambda: invitations.record_order(
                store_view=one.store_view,
                customer=customer,
                number="1001",
                currency="EUR",
                total=500,
                now=make.NOW,
            )
        ]
        * 4
    )

    assert outcomes(results) == {"done": 4}
    assert Order.objects.count() == 1
    assert InvitationEvent.objects.filter(kind=EventKind.ORDER_ATTRIBUTED).count() == 1
    assert figures_are_exact()


def test_orders_count_once_when_they_are_placed_canceled_and_refunded_at_once() -> None:
    customer = make.registered(make.sent_invitation()).customer
    assert customer is not None
    for number in range(ROUNDS):
        first, second = make.order(customer), make.order(customer)

        results = races.together(
            partial(make.cancel, first),
            partial(make.cancel, first),
            partial(make.refund, first, 500),
            partial(make.refund, second, 250),
            partial(make.refund, second, 250),
            partial(make.order, customer, number=f"again{number}"),
            partial(make.order, customer, number=f"again{number}"),
        )

        assert outcomes(results) == {"done": 7}
        assert recounting.audit().adds_up
        assert figures_are_exact()
    assert Order.objects.count() == 3 * ROUNDS
    reversed_ones = InvitationEvent.objects.filter(kind=EventKind.ORDER_REVERSED)
    assert reversed_ones.count() == 3 * ROUNDS


def test_one_number_is_one_order_when_two_customers_have_it_at_once() -> None:
    one = make.sent_invitation()
    first, second = make.registered(one).customer, make.customer(one.store_view)
    assert first is not None

    results = races.together(*[partial(make.order, each, number="1001") for each in (first, second)])

    assert outcomes(results) == {"done": 1, "order_number_reused": 1}
    assert Order.objects.count() == 1
    assert figures_are_exact()


def test_order_counts_when_it_is_told_while_its_customer_accepts() -> None:
    for _round in range(ROUNDS):
        customer = make.customer()
        one = make.sent_invitation(make.customer(customer.store_view))

        results: list[object] = races.together(
            partial(
                invitations.join,
                user=make.user_of(customer),
                store_view=one.store_view,
                invitation=one,
                config=make.options(registration_address="any"),
                now=make.NOW,
            ),
            partial(make.order, customer),
        )

        assert outcomes(results) == {"done": 2}
        assert AttributedOrder.objects.filter(invitation=one).count() == 1
        assert recounting.audit().adds_up
        assert figures_are_exact()


def test_looking_is_written_down_once_when_two_look_at_once() -> None:
    one = make.sent_invitation()

    results = races.together(*[lambda: invitations.saw(invitation=one, now=make.NOW)] * 4)

    assert outcomes(results) == {"done": 4}
    assert InvitationEvent.objects.filter(kind=EventKind.VIEWED).count() == 1


def test_readers_see_whole_totals_when_figures_are_folded_meanwhile() -> None:
    view = make.store_view()
    day = make.NOW.date()
    target = 120
    writers = 2
    done = threading.Event()

    def write() -> None:
        template = Invitation(store_view=view)
        for _ in range(target // writers):
            ledger = figures.Ledger()
            # Two rows that belong together: a reader who sees one of them alone sees a wrong total.
            ledger.add(template, "plus", day=day)
            ledger.add(template, "minus", day=day, amount=-1)
            ledger.write()

    def fold() -> None:
        while not done.is_set():
            figures.fold()

    def read() -> list[tuple[int, int]]:
        seen = []
        while not done.is_set():
            told = figures.totals(store_view_ids=[view.pk], basis=Basis.EVENT, start=day, end=day)
            seen.append((told.get(("plus", ""), 0), told.get(("minus", ""), 0)))
        return seen

    finished: list[int] = []

    def write_and_tell() -> None:
        try:
            write()
        finally:
            finished.append(1)
            if len(finished) == writers:
                done.set()

    results = races.together(*[write_and_tell] * writers, fold, fold, read, read)

    outcomes(results)
    for seen in results[-2:]:
        assert isinstance(seen, list)
        assert all(plus == -minus for plus, minus in seen)
        assert [plus for plus, _minus in seen] == sorted(plus for plus, _minus in seen)
    figures.fold()
    assert not FiguresDelta.objects.exists()
    assert figures.totals(store_view_ids=[view.pk], basis=Basis.EVENT, start=day, end=day) == {
        ("plus", ""): target,
        ("minus", ""): -target,
    }


def test_figures_are_put_right_while_others_write_and_fold() -> None:
    customer = make.registered(make.sent_invitation()).customer
    assert customer is not None
    inviter, staff = make.customer(customer.store_view), make.actor()
    for _round in range(ROUNDS):
        FiguresDelta.objects.filter(measure="created").update(amount=7)
        figures.fold()
        FiguresMonth.objects.filter(measure="sent_mailed").update(amount=9)
        one, other = make.sent_invitation(inviter), make.invitation(inviter)

        results: list[object] = races.together(
            partial(recounting.recount, now=make.NOW),
            partial(recounting.recount, now=make.NOW),
            partial(make.order, customer),
            partial(make.registered, one),
            partial(invitations.discard_many, ids=[other.pk], actor=staff, now=make.NOW),
            figures.fold,
            figures.fold,
        )

        counted = outcomes(results)
        assert counted["done"] + counted["recounted_meanwhile"] == 7
        assert counted["recounted_meanwhile"] <= 1
        assert recounting.audit().adds_up
        assert figures_are_exact()
    assert Recount.objects.count() == ROUNDS


@pytest.mark.parametrize("_round", range(ROUNDS))
def test_nobody_waits_in_a_circle_when_many_end_the_same_invitations(_round: int) -> None:
    view, actor = make.store_view(), make.actor()
    address = "friend@example.com"
    theirs = [make.sent_invitation(make.customer(view), address=address) for _ in range(6)]
    others = [make.invitation(make.customer(view)) for _ in range(6)]
    ids = [one.pk for one in (*theirs, *others)]
    user = make.user(address)

    results = races.together(
        lambda: invitations.never_again(
            website=view.website, address_hash=addresses.hash_of(address), now=make.NOW
        ),
        lambda: invitations.join(
            user=user, store_view=view, invitation=None, config=make.options(), now=make.NOW
        ),
        lambda: invitations.discard_many(ids=ids, actor=actor, now=make.NOW),
        lambda: invitations.discard_many(ids=ids[::-1], actor=actor, now=make.NOW),
        lambda: invitations.cancel(invitation=theirs[3], inviter=make.inviter_of(theirs[3]), now=make.NOW),
        lambda: invitations.decline(invitation=theirs[4], now=make.NOW),
        lambda: invitations.resend(invitation=theirs[5], actor=actor, config=make.options(), now=make.NOW),
        figures.fold,
    )

    told = outcomes(results)
    assert set(told) <= {
        "done",
        "move_not_allowed",
        "suppressed",
        "already_customer",
    }
    assert Invitation.objects.filter(status=Status.ACCEPTED).count() <= 1
    assert not Invitation.objects.open().exists()
    assert Customer.objects.filter(email=address).count() == 1
    assert figures_are_exact()
    for one in Invitation.objects.prefetch_related("events"):
        steps = sorted((event.pk, event.origin, event.target) for event in one.events.all() if event.target)
        assert [step[1] for step in steps[1:]] == [step[2] for step in steps[:-1]]


def test_nobody_waits_in_a_circle_when_staff_end_what_is_just_recorded() -> None:
    actor, website = make.actor(), make.website()
    views = [make.store_view(website), make.store_view(website)]
    # The later store view has the earlier invitations, and some are sent again.
    for view in reversed(views):
        for number in range(100):
            one = make.staff_invitation(view)
            if number % 2:
                make.fare(one, Verdict.ACCEPTED)
                invitations.resend(invitation=one, actor=actor, config=make.options(), now=make.NOW)
    mails = list(Message.objects.filter(state="ready").order_by("subject_id"))
    Message.objects.filter(state="ready").update(state="leased", worker="one")
    settled = [Settled(Outcome(make.row(one), Verdict.ACCEPTED, "250", "", make.NOW)) for one in mails]
    ids = [one.subject_id for one in mails]

    def record() -> None:
        recording.record(
            settled, kinds={one.code: one for one in jobs.KINDS}, worker="one", now=make.NOW, jitter=float
        )

    results = races.together(
        record, *(partial(invitations.discard_many, ids=ids, actor=actor, now=make.NOW) for _ in range(3))
    )

    outcomes(results)
    assert Message.objects.filter(state="sent").count() == len(mails) + 100
    assert figures_are_exact()


def test_nobody_waits_in_a_circle_when_a_send_is_stopped_and_its_invitations_are_ended() -> None:
    view, actor = make.store_view(), make.actor()
    ids = [make.staff_invitation(view, keep=True).pk for _ in range(200)]
    deliveries, configs = {view.pk: Sending()}, {view.pk: make.options()}
    (send,) = invitations.send_many(
        ids=ids, actor=actor, configs=configs, deliveries=deliveries, now=make.NOW
    ).sends
    bulk.stop(send=send, actor=actor, now=make.NOW)

    def withdraw() -> None:
        ending.withdraw_stopped(kinds=jobs.KINDS, now=make.NOW)

    results = races.together(
        withdraw,
        *(partial(invitations.discard_many, ids=[one], actor=actor, now=make.NOW) for one in ids[-7:]),
    )

    outcomes(results)
    while ending.withdraw_stopped(kinds=jobs.KINDS, now=make.NOW):
        pass
    assert set(Message.objects.values_list("state", "code")) <= {
        ("withdrawn", "stopped"),
        ("withdrawn", "staff"),
    }
    assert Message.objects.count() == len(ids)
    assert ending.finish(now=make.NOW) == 1
    assert Send.objects.get(pk=send.pk).finished_at
    assert all(one.adds_up for one in totals.audit(now=make.NOW))
    assert not Invitation.objects.filter(delivery__in=WAITING).exists()
    assert figures_are_exact()


def test_uniqueness_is_the_databases_when_the_look_before_is_left_out() -> None:
    one = make.invitation()

    with pytest.raises(IntegrityError):
        Invitation.objects.create(
            website=one.website,
            store_view=one.store_view,
            inviter=make.inviter_of(one),
            address_hash=one.address_hash,
            created_at=make.NOW,
        )
    staffs = make.staff_invitation(one.store_view)
    with pytest.raises(IntegrityError):
        Invitation.objects.create(
            website=staffs.website,
            store_view=staffs.store_view,
            address_hash=staffs.address_hash,
            created_at=make.NOW,
        )
    assert connection.is_usable()


def test_address_taken_is_told_when_the_owner_registers_twice_by_mail() -> None:
    one = make.sent_invitation()

    results = races.together(*[lambda: make.registered(one)] * 2)

    refused = [result for result in results if isinstance(result, Exception)]
    assert len(refused) == 1
    assert isinstance(refused[0], AddressTaken | NotUsable)
