"""The only place that writes invitations: plain functions named by the field's verbs, one transaction each.

Every surface calls the same ones. They take what was loaded and resolved already, and ``now``; they send nothing: what is
to be mailed lies in the outbox when they return.
"""

from guestlist.invitations.actions.batches import SINGLE_UP_TO, Sent, send_many
from guestlist.invitations.actions.closing import (
    cancel,
    decline,
    discard,
    discard_many,
    never_again,
    restore,
    saw,
)
from guestlist.invitations.actions.inviting import (
    MessagesNotAllowed,
    examine,
    invite,
    invite_as_staff,
)
from guestlist.invitations.actions.joining import (
    AddressTaken,
    AlreadyAccepted,
    Joined,
    confirm,
    join,
    register,
)
from guestlist.invitations.actions.judging import (
    AlreadyInvited,
    ItIsYou,
    NobodyInvited,
    OpenInvitation,
    Repeated,
    TooManyAddresses,
    Verdict,
)
from guestlist.invitations.actions.moves import Tally
from guestlist.invitations.actions.ordering import cancel_order, record_order, refund_order
from guestlist.invitations.actions.rewording import save_message
from guestlist.invitations.actions.sending import (
    AlreadyCustomer,
    AlreadyOnItsWay,
    NoResendsLeft,
    NotMailable,
    Suppressed,
    resend,
    send_fresh,
)
from guestlist.invitations.actions.sharing import share

__all__ = [
    "SINGLE_UP_TO",
    "AddressTaken",
    "AlreadyAccepted",
    "AlreadyCustomer",
    "AlreadyInvited",
    "AlreadyOnItsWay",
    "ItIsYou",
    "Joined",
    "MessagesNotAllowed",
    "NoResendsLeft",
    "NobodyInvited",
    "NotMailable",
    "OpenInvitation",
    "Repeated",
    "Sent",
    "Suppressed",
    "Tally",
    "TooManyAddresses",
    "Verdict",
    "cancel",
    "cancel_order",
    "confirm",
    "decline",
    "discard",
    "discard_many",
    "examine",
    "invite",
    "invite_as_staff",
    "join",
    "never_again",
    "record_order",
    "refund_order",
    "register",
    "resend",
    "restore",
    "save_message",
    "saw",
    "send_fresh",
    "send_many",
    "share",
]
