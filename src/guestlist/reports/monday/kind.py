"""The Monday mail as the outbox knows it: what was counted, told in its reader's language when it leaves."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from django.db.models import Exists, OuterRef
from django.urls import reverse
from django.utils import formats, translation
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from guestlist.customers import grants
from guestlist.customers.models import Customer
from guestlist.invitations.estimates import EXACT
from guestlist.invitations.models import Basis
from guestlist.mail.kinds import Values
from guestlist.reports import periods, wording
from guestlist.reports.funnel.naming import without_address
from guestlist.reports.models import MondayMail, MondayReader
from guestlist.reports.monday.choosing import PURPOSE
from guestlist.reports.monday.counting import FIGURES, Counted
from guestlist.stores.actors import Permission
from guestlist.stores.models import Website

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from guestlist.mail.kinds import Outcome
    from guestlist.stores.actors import Actor

WORTH = datetime.timedelta(days=2)
"""After so long nobody needs last week's mail any more."""


class MondayKind:
    """The mail with last week's figures; ``subject_id`` is the id of the row that makes it one.

    Suppression does not count: staff ask for it themselves, or their owner does.
    """

    code = PURPOSE
    purpose = PURPOSE

    def look_up(self, ids: Sequence[int], *, now: datetime.datetime) -> Mapping[int, Values | str]:
        """Return the reader's address and the figures in words.

        Withdrawn is what is too old, what is not wanted any more, and what has figures of a website whose reports the
        reader may see no more.
        """
        found: dict[int, Values | str] = dict.fromkeys(ids, "not_needed")
        reader = MondayReader.objects.filter(user=OuterRef("user"))
        wanted = MondayMail.objects.select_related("user").filter(
            Exists(reader), pk__in=ids, created_at__gt=now - WORTH, user__is_active=True, user__is_staff=True
        )
        languages = dict(
            MondayReader.objects.filter(user__in=[one.user_id for one in wanted]).values_list(
                "user", "language"
            )
        )
        for one in wanted:
            actor = grants.actor_of(one.user)
            language = languages.get(one.user_id, "")
            if language and all(actor.may(Permission.REPORTS, website) for website in one.websites):
                found[one.pk] = Values(
                    one.user.email,
                    one.user.get_full_name(),
                    _variables(one, actor, language),
                    not_after=one.created_at + WORTH,
                    language=language,
                )
        return found

    def hashes(self, ids: Collection[int]) -> Mapping[int, bytes]:  # noqa: ARG002 - the protocol's
        """Return none: nobody is suppressed for it."""
        return {}

    def record(self, outcomes: Sequence[Outcome], *, now: datetime.datetime) -> None:
        """Write nothing: the outbox row says it all."""

    def returned(self, outcomes: Sequence[Outcome], *, now: datetime.datetime) -> None:
        """Write nothing: the outbox row says it all."""


MONDAY = MondayKind()
KINDS = (MONDAY,)


def _variables(mail: MondayMail, actor: Actor, language: str) -> dict[str, str]:
    counted = Counted.read(mail.counted)
    week = periods.week_of(mail.week)
    days = {"from": week.first.isoformat(), "to": week.last.isoformat()}
    by_event = {**days, "by": periods.Period.DAY.value, "basis": Basis.EVENT.value, "empty": "1"}
    with translation.override(language):
        found = {
            "reader_name": mail.user.first_name,
            "week": wording.days(week),
            "websites": ", ".join(_names(mail.websites)),
            "troubles": "\n".join(_troubles(counted)),
            "top_inviters": "\n".join(_top(counted, actor)),
            "report_path": f"{reverse('admin:report_invitations')}?{urlencode(by_event)}",
            "today_path": reverse("admin:report_today"),
            "choice_path": reverse("admin:report_monday"),
        }
        for name in FIGURES:
            found[name] = _number(counted.last_week[name])
            found[f"{name}_before"] = _number(counted.week_before[name])
    return found


def _names(websites: Collection[int]) -> list[str]:
    """Return what the websites are called, where there are several."""
    if len(websites) < 2:  # noqa: PLR2004 - several
        return []
    return list(Website.objects.filter(pk__in=websites).order_by("name", "pk").values_list("name", flat=True))


def _troubles(counted: Counted) -> list[str]:
    """Return what somebody should look at, a sentence each."""
    found = [
        (
            counted.waiting,
            ngettext("%(count)s mail waits to leave.", "%(count)s mails wait to leave.", counted.waiting),
        ),
        (
            sum(counted.failed.values()),
            ngettext(
                "%(count)s of the newest invitations could not be delivered.",
                "%(count)s of the newest invitations could not be delivered.",
                sum(counted.failed.values()),
            ),
        ),
        (
            counted.complaints,
            ngettext(
                "%(count)s reader called a mail spam in the last 24 hours.",
                "%(count)s readers called a mail spam in the last 24 hours.",
                counted.complaints,
            ),
        ),
        (
            counted.held_sends,
            ngettext(
                "%(count)s bulk send is held until somebody releases it.",
                "%(count)s bulk sends are held until somebody releases them.",
                counted.held_sends,
            ),
        ),
        (
            counted.resting_senders,
            ngettext(
                "Nothing leaves from %(count)s sender: somebody has to see to it.",
                "Nothing leaves from %(count)s senders: somebody has to see to them.",
                counted.resting_senders,
            ),
        ),
        (
            counted.limits_hit,
            ngettext(
                "%(count)s sender has sent what it may in a day.",
                "%(count)s senders have sent what they may in a day.",
                counted.limits_hit,
            ),
        ),
    ]
    return [sentence % {"count": _capped(number)} for number, sentence in found if number]


def _top(counted: Counted, actor: Actor) -> list[str]:
    """Return who invited most, by name: a mail lies about in inboxes, so addresses are not in it."""
    people = Customer.objects.in_bulk([pk for pk, _sent, _accepted in counted.top])
    found = []
    for pk, sent, accepted in counted.top:
        customer = people.get(pk)
        if customer is not None and actor.may(Permission.VIEW, customer.website_id):
            values = {
                # On one line, whatever a customer is called.
                "name": " ".join(without_address(customer).split()),
                "sent": _number(sent),
                "accepted": _number(accepted),
            }
            found.append(_("%(name)s: %(sent)s sent, %(accepted)s accepted") % values)
    return found


def _number(number: int) -> str:
    return formats.number_format(number, force_grouping=True)


def _capped(number: int) -> str:
    return f"{_number(EXACT)}+" if number > EXACT else _number(number)
