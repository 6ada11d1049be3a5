"""As many queries for fifty as for one."""

from collections.abc import Callable
from functools import partial

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from guestlist.invitations import actions as invitations
from guestlist.invitations.basis import Why
from guestlist.invitations.emails import KINDS
from guestlist.invitations.models import Invitation
from guestlist.mail.kinds import Outcome, Verdict
from guestlist.mail.models import Message
from tests import make

pytestmark = pytest.mark.django_db

(KIND,) = KINDS


def queries(deed: Callable[[], object]) -> int:
    with CaptureQueriesContext(connection) as captured:
        deed()
    return len(captured)


def several(count: int) -> list[int]:
    """Make so many by two inviters and staff, half of them sent."""
    view = make.store_view()
    start = Invitation.objects.count()
    for number in range(count):
        one = (
            make.staff_invitation(view) if number % 2 else make.invitation(make.customer(view), message="Hi")
        )
        if number % 4 > 1:
            make.fare(one, Verdict.ACCEPTED)
    return list(Invitation.objects.order_by("pk").values_list("pk", flat=True)[start:])


def test_inviting_takes_the_same_queries_when_fifty_are_invited() -> None:
    inviter = make.customer()

    def invite(count: int) -> Callable[[], object]:
        return lambda: invitations.invite(
            inviter=inviter,
            store_view=inviter.store_view,
            addresses=[f"friend{count}of{number}@example.com" for number in range(count)],
            message="Hi",
            config=make.options(max_at_once=50),
            now=make.NOW,
        )

    assert queries(invite(1)) == queries(invite(50))


def test_adding_takes_the_same_queries_when_fifty_are_added() -> None:
    view, actor = make.store_view(), make.actor()

    def add(count: int) -> Callable[[], object]:
        return lambda: invitations.invite_as_staff(
            actor=actor,
            store_view=view,
            addresses=[f"friend{count}of{number}@example.com" for number in range(count)],
            ready_at=make.NOW,
            why=Why("consent"),
            config=make.options(),
            now=make.NOW,
        )

    assert queries(add(1)) == queries(add(50))


def test_discarding_takes_the_same_queries_when_fifty_are_discarded() -> None:
    actor = make.actor()
    few, many = several(4), several(50)

    def discard(ids: list[int]) -> Callable[[], object]:
        return lambda: invitations.discard_many(ids=ids, actor=actor, now=make.NOW)

    assert queries(discard(few)) == queries(discard(many))
    assert not Invitation.objects.open().exists()


@pytest.mark.parametrize("verdict", [one for one in Verdict if one is not Verdict.COMPLAINED])
def test_delivery_takes_the_same_queries_when_fifty_are_recorded(verdict: Verdict) -> None:
    counts = []
    for count in (4, 50):
        several(count)
        messages = list(Message.objects.waiting())
        ids = [message.subject_id for message in messages]
        outcomes = [Outcome(make.row(message), verdict, "250", "", make.NOW) for message in messages]

        def record(outcomes: list[Outcome] = outcomes) -> None:
            with transaction.atomic():
                KIND.record(outcomes, now=make.NOW)

        looking_up = partial(KIND.look_up, ids, now=make.NOW)
        counts.append((queries(looking_up), queries(record)))
        Message.objects.waiting().update(state="sent")

    assert counts[0] == counts[1]
    assert counts[0][0] <= 4
