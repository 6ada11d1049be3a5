"""The outbox, what mails are made from, and who must not be mailed."""

from guestlist.mail.models.counts import Delta, Measure, Pace, SenderMinute, SendTotal
from guestlist.mail.models.material import SenderIdentity, Template, TemplateText, TemplateVersion, TrialMail
from guestlist.mail.models.outbox import (
    Attempt,
    EarlierMail,
    Message,
    MessageState,
    Report,
    Send,
    SendOrigin,
    SendQuerySet,
)
from guestlist.mail.models.suppression import Lift, LiftRequest, Suppression, SuppressionReason
from guestlist.mail.models.workers import Trouble, Worker

__all__ = [
    "Attempt",
    "Delta",
    "EarlierMail",
    "Lift",
    "LiftRequest",
    "Measure",
    "Message",
    "MessageState",
    "Pace",
    "Report",
    "Send",
    "SendOrigin",
    "SendQuerySet",
    "SendTotal",
    "SenderIdentity",
    "SenderMinute",
    "Suppression",
    "SuppressionReason",
    "Template",
    "TemplateText",
    "TemplateVersion",
    "TrialMail",
    "Trouble",
    "Worker",
]
