"""Who gets the Monday mail: each for themselves, and the shop's owner for everybody who may see reports."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext_lazy as _

from guestlist.customers import grants
from guestlist.customers.models import Grant, User
from guestlist.mail import builtin
from guestlist.mail.actions import NoSender
from guestlist.mail.models import SenderIdentity
from guestlist.refusal import Refusal
from guestlist.reports.models import MondayMail, MondayReader
from guestlist.stores.actors import Actor, ActorKind, NotPermitted, Permission
from guestlist.stores.models import StoreView, Website

if TYPE_CHECKING:
    import datetime

log = logging.getLogger(__name__)

PURPOSE = "monday_report"
"""Of its template, which has the same code, as the kind of the mail has."""


class NoReports(Refusal):
    """Somebody who may see no reports cannot be mailed them."""

    code = "no_reports"
    message = _(
        "%(person)s may see no reports, so there is nothing to mail. Give them a role that sees reports."
    )


class UnknownLanguage(Refusal):
    """A language that the mail does not come in."""

    code = "unknown_language"
    message = _("The Monday mail does not come in this language. Choose one of the list.")


@dataclass(frozen=True, slots=True)
class Choice:
    """A staff member who may see reports; ``language`` is empty unless they get the mail."""

    user: User
    language: str
    last_at: datetime.datetime | None
    """When the newest mail that is kept was made for them."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What a staff member's mail is about: where they may see reports, and of these where they may see people too."""

    websites: list[Website]
    store_views: list[StoreView]
    with_people: list[StoreView]

    @property
    def sends_from(self) -> StoreView | None:
        """The store view whose clock and look the mail has: the first website's, by name, that can send.

        A sender that is stopped or held is taken where there is no other: its mail waits. None where there is none.
        """
        general = SenderIdentity.objects.filter(
            website__in=[one.pk for one in self.websites], code=SenderIdentity.Code.GENERAL
        )
        rests = {one.website_id: bool(one.stopped_at or one.held_at) for one in general}
        able = [one for one in self.websites if one.pk in rests and one.default_store_view is not None]
        able.sort(key=lambda one: rests[one.pk])
        return able[0].default_store_view if able else None


def sight(actor: Actor) -> Sight:
    """Return what a staff member may see now."""
    websites = Website.objects.visible_to(actor, Permission.REPORTS).select_related(
        "default_store_view__website"
    )
    views = StoreView.objects.visible_to(actor, Permission.REPORTS).select_related("website")
    store_views = list(views.order_by("pk"))
    return Sight(
        websites=list(websites.order_by("name", "pk")),
        store_views=store_views,
        with_people=[one for one in store_views if actor.may(Permission.VIEW, one.website_id)],
    )


def choices(*, actor: Actor) -> list[Choice]:
    """Return those whom the actor may choose for: everybody with reports for owners, else themselves; in a few queries."""
    users = User.objects.filter(is_active=True, is_staff=True).order_by("email")
    if actor.is_owner:
        allowed = {
            user
            for user, permissions in Grant.objects.filter(user__in=users.values("pk")).values_list(
                "user", "role__permissions"
            )
            if Permission.REPORTS in permissions
        }
        found = [one for one in users if one.is_superuser or one.pk in allowed]
    else:
        found = [one for one in users if one.pk == actor.id] if _sees_reports(actor) else []
    chosen = dict(MondayReader.objects.filter(user__in=found).values_list("user", "language"))
    made = MondayMail.objects.filter(user__in=found).order_by().values_list("user")
    last = dict(made.annotate(Max("created_at")))
    return [Choice(one, chosen.get(one.pk, ""), last.get(one.pk)) for one in found]


@transaction.atomic
def choose(*, user: User, language: str, actor: Actor, now: datetime.datetime) -> None:
    """Mail a staff member every Monday in a language, or with an empty one not any more.

    :raises NotPermitted: when it is for somebody else and the actor is no owner, or for no active staff.
    :raises NoReports: when they may see no reports anywhere.
    :raises UnknownLanguage: when the mail does not come in that language.
    :raises NoSender: when none of the websites that it would be about has a general sender identity.
    """
    is_own = actor.kind == ActorKind.STAFF and actor.id == user.pk
    if not (user.is_active and user.is_staff and (is_own or actor.is_owner)):
        raise NotPermitted
    if not language:
        MondayReader.objects.filter(user=user).delete()
        log.info("monday mail: not for staff:%s any more, by %s", user.pk, actor)
        return
    if language not in languages():
        raise UnknownLanguage
    reader = grants.actor_of(user)
    if not _sees_reports(reader):
        raise NoReports(person=user.get_full_name() or user.email)
    seen = sight(reader)
    if seen.sends_from is None:
        website = seen.websites[0].name if seen.websites else ""
        raise NoSender(website=website, sender=SenderIdentity.Code.GENERAL.label)
    MondayReader.objects.update_or_create(
        user=user, defaults={"language": language}, create_defaults={"language": language, "since": now}
    )
    log.info("monday mail: for staff:%s in %s, by %s", user.pk, language, actor)


def languages() -> dict[str, str]:
    """Return code and name of the languages that the mail comes in."""
    written = {one.language for one in builtin.sources(PURPOSE)}
    return {code: str(name) for code, name in settings.LANGUAGES if code in written}


def _sees_reports(actor: Actor) -> bool:
    allowed = actor.website_ids(Permission.REPORTS)
    return allowed is None or bool(allowed)
