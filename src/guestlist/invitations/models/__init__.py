"""Invitations, their history and orders, the figures, work on many of them in the background, and how staff look at them."""

from guestlist.invitations.models.figures import Basis, FiguresDay, FiguresDelta, FiguresMonth, Recount
from guestlist.invitations.models.history import (
    BLOCK,
    NO_END,
    Credit,
    EventKind,
    InvitationEvent,
    PendingJoin,
    SentBlock,
)
from guestlist.invitations.models.imports import ImportFile, ImportPart, ImportRow
from guestlist.invitations.models.invitations import (
    MAIL_KIND,
    OPEN,
    WAITING,
    Channel,
    Delivery,
    Invitation,
    InvitationAddress,
    InvitationNote,
    InvitationQuerySet,
)
from guestlist.invitations.models.orders import AttributedOrder
from guestlist.invitations.models.tasks import NEEDED, Task, TaskKind, TaskQuerySet, TaskRow, TaskState
from guestlist.invitations.models.views import GridColumns, SavedFilter

__all__ = [
    "BLOCK",
    "MAIL_KIND",
    "NEEDED",
    "NO_END",
    "OPEN",
    "WAITING",
    "AttributedOrder",
    "Basis",
    "Channel",
    "Credit",
    "Delivery",
    "EventKind",
    "FiguresDay",
    "FiguresDelta",
    "FiguresMonth",
    "GridColumns",
    "ImportFile",
    "ImportPart",
    "ImportRow",
    "Invitation",
    "InvitationAddress",
    "InvitationEvent",
    "InvitationNote",
    "InvitationQuerySet",
    "PendingJoin",
    "Recount",
    "SavedFilter",
    "SentBlock",
    "Task",
    "TaskKind",
    "TaskQuerySet",
    "TaskRow",
    "TaskState",
]
