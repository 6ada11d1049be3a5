"""The table of the life of an invitation, over every pair of states and every reason."""

import itertools

import pytest

from guestlist.invitations import lifecycle
from guestlist.invitations.lifecycle import MoveNotAllowed, Reason, Status

ENDS = {
    Reason.STAFF,
    Reason.INVITER,
    Reason.BOUNCED,
    Reason.JOINED_OTHERWISE,
    Reason.ALREADY_CUSTOMER,
    Reason.DECLINED,
    Reason.NEVER_AGAIN,
    Reason.ERASED,
}
JOINS = {Reason.REGISTERED, Reason.SIGNED_IN, Reason.WITHOUT_LINK}
LEAVES = {Reason.HANDED_OVER, Reason.SHARED}

ALLOWED = {
    (None, Status.NOT_SENT): {Reason.CREATED},
    (Status.NOT_SENT, Status.SENT): LEAVES,
    (Status.NOT_SENT, Status.ACCEPTED): JOINS,
    (Status.NOT_SENT, Status.DISCARDED): ENDS,
    (Status.SENT, Status.SENT): LEAVES,
    (Status.SENT, Status.ACCEPTED): JOINS,
    (Status.SENT, Status.DISCARDED): ENDS,
    (Status.DISCARDED, Status.SENT): {Reason.HANDED_OVER},
    (Status.DISCARDED, Status.NOT_SENT): {Reason.UNDONE},
}
"""Written out once more, from the specification: the table that is tested has to say the same."""

EVERY = list(itertools.product((None, *Status), Status, Reason))


@pytest.mark.parametrize(("origin", "target", "reason"), EVERY)
def test_move_is_let_through_when_the_specification_has_it(
    origin: Status | None, target: Status, reason: Reason
) -> None:
    allowed = reason in ALLOWED.get((origin, target), set())

    if allowed:
        lifecycle.check(origin, target, reason)
    else:
        with pytest.raises(MoveNotAllowed) as refused:
            lifecycle.check(origin, target, reason)
        assert str(refused.value)
        assert refused.value.data["origin"] == origin


@pytest.mark.parametrize(("target", "reason"), list(itertools.product(Status, Reason)))
def test_origins_are_those_of_the_table_when_asked_for_a_target(target: Status, reason: Reason) -> None:
    expected = {
        origin for (origin, to), reasons in ALLOWED.items() if origin and to == target and reason in reasons
    }

    assert lifecycle.origins(target, reason) == expected


def test_accepted_is_final() -> None:
    assert not any(move.origin == Status.ACCEPTED for move in lifecycle.MOVES)


def test_every_reason_is_used_when_the_table_is_read() -> None:
    used = set().union(*(move.reasons for move in lifecycle.MOVES))

    assert used == set(Reason)
