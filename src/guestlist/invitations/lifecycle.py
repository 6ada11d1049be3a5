"""The life of an invitation, as a table: which moves there are, and who may make them.

Nothing here touches the database; :mod:`guestlist.invitations.actions` is the only code that moves anything, and it asks
this table first. Expiry is no state: a Sent invitation whose ``expires_at`` has passed reads as expired.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from guestlist.refusal import Refusal


class Status(models.TextChoices):
    """The four states, labelled as the field knows them; the comments give the moves."""

    NOT_SENT = "not_sent", _("Not Sent")
    """→ Sent (handed over or shared), Accepted (a copied link), Discarded."""
    SENT = "sent", pgettext_lazy("invitation", "Sent")
    """→ Sent (again), Accepted, Discarded."""
    ACCEPTED = "accepted", pgettext_lazy("invitation", "Accepted")
    """Final."""
    DISCARDED = "discarded", pgettext_lazy("invitation", "Discarded")
    """→ Sent (staff resend), Not Sent (the inviter's undo, if nothing ever left)."""


class Reason(models.TextChoices):
    """Why an invitation moved. Customers never see the difference between the last three of the discards."""

    CREATED = "created", _("created")
    HANDED_OVER = "handed_over", _("the mail server took it")
    SHARED = "shared", _("the link was shared")
    REGISTERED = "registered", _("registered through the link")
    SIGNED_IN = "signed_in", _("an existing customer accepted")
    WITHOUT_LINK = "without_link", _("joined without the link")
    UNDONE = "undone", _("the inviter took the cancellation back")
    STAFF = "staff", _("discarded by staff")
    INVITER = "inviter", _("canceled by the inviter")
    BOUNCED = "bounced", _("could not be delivered")
    JOINED_OTHERWISE = "joined_otherwise", _("joined through another invitation")
    ALREADY_CUSTOMER = "already_customer", _("already a customer")
    DECLINED = "declined", _("declined")
    NEVER_AGAIN = "never_again", _("asked never to be mailed")
    ERASED = "erased", _("the inviter was erased")


DISCARD_REASONS = frozenset(
    {
        Reason.STAFF,
        Reason.INVITER,
        Reason.BOUNCED,
        Reason.JOINED_OTHERWISE,
        Reason.ALREADY_CUSTOMER,
        Reason.DECLINED,
        Reason.NEVER_AGAIN,
        Reason.ERASED,
    }
)
ACCEPT_REASONS = frozenset({Reason.REGISTERED, Reason.SIGNED_IN, Reason.WITHOUT_LINK})


@dataclass(frozen=True, slots=True)
class Move:
    """One allowed move: from where (``None``: it is being created), to where, and the reasons it may have."""

    origin: Status | None
    target: Status
    reasons: frozenset[Reason]


_LEAVES = frozenset({Reason.HANDED_OVER, Reason.SHARED})

MOVES: tuple[Move, ...] = (
    Move(None, Status.NOT_SENT, frozenset({Reason.CREATED})),
    Move(Status.NOT_SENT, Status.SENT, _LEAVES),
    Move(Status.SENT, Status.SENT, _LEAVES),
    Move(Status.DISCARDED, Status.SENT, frozenset({Reason.HANDED_OVER})),
    Move(Status.DISCARDED, Status.NOT_SENT, frozenset({Reason.UNDONE})),
    Move(Status.NOT_SENT, Status.DISCARDED, DISCARD_REASONS),
    Move(Status.SENT, Status.DISCARDED, DISCARD_REASONS),
    Move(Status.NOT_SENT, Status.ACCEPTED, ACCEPT_REASONS),
    Move(Status.SENT, Status.ACCEPTED, ACCEPT_REASONS),
)

_TABLE = {(move.origin, move.target): move.reasons for move in MOVES}


class MoveNotAllowed(Refusal):
    """The invitation is in a state that this move does not start from."""

    code = "move_not_allowed"
    message = _("This invitation is “%(status)s”, so this is no longer possible.")


def check(origin: Status | None, target: Status, reason: Reason) -> None:
    """Let the move pass if the table has it.

    :raises MoveNotAllowed: when it does not.
    """
    if reason not in _TABLE.get((origin, target), frozenset()):
        raise MoveNotAllowed(status=origin.label if origin else _("new"), origin=origin, target=target)


def origins(target: Status, reason: Reason) -> frozenset[Status]:
    """Return the states from which a move to the target, for this reason, may start."""
    return frozenset(
        origin
        for (origin, to), reasons in _TABLE.items()
        if to == target and reason in reasons and origin is not None
    )
