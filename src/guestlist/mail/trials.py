"""Test mails: a template with examples in its places, to the staff member who asks for one and to nobody else."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from django.db import transaction
from django.db.models import Min
from django.utils import translation
from django.utils.translation import gettext_lazy as _

from guestlist.customers.models import User
from guestlist.mail import actions as mail
from guestlist.mail import variables
from guestlist.mail.kinds import Values
from guestlist.mail.models import SenderIdentity, TrialMail
from guestlist.refusal import Refusal
from guestlist.stores.actors import ActorKind, NotPermitted, Permission

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from guestlist.mail.kinds import Outcome
    from guestlist.mail.models import Message, Template
    from guestlist.stores.actors import Actor
    from guestlist.stores.models import StoreView

MOST_AN_HOUR = 20
WORTH = datetime.timedelta(days=1)
"""After so long nobody waits for a test mail any more."""

_HOUR = datetime.timedelta(hours=1)
_CODES = {
    "invitation": "trial_invitation",
    "confirm_address": "trial_confirm",
    "reset_password": "trial_password",
    "account_exists": "trial_account",
    "lift_suppression": "trial_lift",
    "monday_report": "trial_monday",
}


class TooManyTrials(Refusal):
    """A staff member asked for more test mails than anybody reads."""

    code = "too_many_trials"
    message = _(
        "You sent yourself %(most)s test mails within an hour. Wait %(minutes)s minutes for the next one."
    )


class SenderRests(Refusal):
    """Nothing leaves under this sender now, test mails neither."""

    code = "sender_rests"
    message = _("Nothing leaves from %(sender)s now. See to that first, then send the test mail.")


@dataclass(frozen=True, slots=True)
class TrialKind:
    """A test mail of templates of one purpose; ``subject_id`` is the trial's id.

    Suppression does not count: staff ask for it themselves.
    """

    purpose: str

    @property
    def code(self) -> str:
        """What stands in the outbox."""
        return _CODES[self.purpose]

    def look_up(self, ids: Sequence[int], *, now: datetime.datetime) -> Mapping[int, Values | str]:
        """Return the address of the staff member, with examples in the language of the trial.

        Withdrawn is what is too old, and what is for people who are no staff any more.
        """
        found: dict[int, Values | str] = dict.fromkeys(ids, "not_needed")
        wanted = TrialMail.objects.select_related("user").filter(
            pk__in=ids, created_at__gt=now - WORTH, user__is_active=True, user__is_staff=True
        )
        for trial in wanted:
            found[trial.pk] = Values(
                trial.user.email,
                trial.user.get_full_name(),
                examples(self.purpose, trial.language),
                not_after=trial.created_at + WORTH,
                language=trial.language,
                trial_notice=_notice(trial.language),
            )
        return found

    def hashes(self, ids: Collection[int]) -> Mapping[int, bytes]:  # noqa: ARG002 - the protocol's
        """Return none: nobody is suppressed for a test mail."""
        return {}

    def record(self, outcomes: Sequence[Outcome], *, now: datetime.datetime) -> None:
        """Write nothing: the outbox row says it all."""

    def returned(self, outcomes: Sequence[Outcome], *, now: datetime.datetime) -> None:
        """Write nothing: the outbox row says it all."""


def _notice(language: str) -> str:
    with translation.override(language):
        return str(_("This is a test mail. Its names are made up, and its links lead nowhere."))


KINDS = tuple(TrialKind(purpose) for purpose in _CODES)


def examples(purpose: str, language: str) -> dict[str, str]:
    """Return an example for every variable that is not the shop's own; links become paths of it that lead nowhere."""
    found: dict[str, str] = {}
    for name, variable in variables.variables_of(purpose).items():
        if name in variables.of_shop():
            continue
        sample = variable.sample(language)
        if variable.form is variables.Form.URL:
            found[f"{name.removesuffix('_url')}_path"] = urlsplit(sample).path
        else:
            found[name] = sample
    return found


@transaction.atomic
def send_trial(
    *,
    template: Template,
    store_view: StoreView,
    sender: str,
    language: str,
    actor: Actor,
    now: datetime.datetime,
) -> Message:
    """Queue a template's newest version as a test mail to the acting staff member; ``sender`` is a code.

    :raises NotPermitted: when the actor is no staff, or may not see to templates at the store view's website.
    :raises TooManyTrials: when they asked for 20 within the hour.
    :raises SenderRests: when the sender is stopped or held.
    :raises NoSender: when the website has no such sender identity.
    """
    actor.require(Permission.TEMPLATES, store_view.website_id)
    if actor.kind != ActorKind.STAFF or actor.id is None:
        raise NotPermitted
    identity = SenderIdentity.objects.filter(website=store_view.website_id, code=sender).first()
    if identity is not None and (identity.stopped_at or identity.held_at):
        raise SenderRests(sender=identity.name)
    # Whoever presses many times at once waits here, so that the count holds.
    user = User.objects.select_for_update(no_key=True).get(pk=actor.id)
    recent = TrialMail.objects.filter(user=user, created_at__gt=now - _HOUR)
    if recent.count() >= MOST_AN_HOUR:
        first = recent.aggregate(first=Min("created_at"))["first"]
        minutes = -(-(first + _HOUR - now) // datetime.timedelta(minutes=1))
        raise TooManyTrials(most=MOST_AN_HOUR, minutes=minutes)
    trial = TrialMail.objects.create(user=user, language=language, created_at=now)
    (message,) = mail.queue(
        kind=_CODES[template.purpose],
        subject_ids=[trial.pk],
        store_view=store_view,
        sender=sender,
        template=template.code,
        ready_at=now,
        now=now,
    )
    return message


def forget_old(*, now: datetime.datetime) -> int:
    """Delete the trials that nobody waits for any more; returns how many."""
    return TrialMail.objects.filter(created_at__lte=now - WORTH).delete()[0]
