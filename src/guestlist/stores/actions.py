"""The only place that writes websites, store views and their configuration."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from guestlist.refusal import Refusal
from guestlist.stores import config
from guestlist.stores.actors import Permission
from guestlist.stores.models import OptionChange, Override, StoreView, Website

if TYPE_CHECKING:
    import datetime

    from guestlist.stores.actors import Actor

log = logging.getLogger(__name__)

_SCOPE_NAMES = {config.Scope.WEBSITE: _("website"), config.Scope.STORE_VIEW: _("store view")}


class BadBaseURL(Refusal):
    """A store view's base URL cannot be used."""

    code = "bad_base_url"
    message = _(
        "“%(url)s” is not a base URL. It should look like https://shop.example or https://shop.example/nl."
    )


class UnknownTimeZone(Refusal):
    """The time zone is not in the tz database."""

    code = "unknown_time_zone"
    message = _("“%(zone)s” is not a time zone. It should look like Europe/Amsterdam.")


def override(
    *,
    section: type[config.Section],
    name: str,
    value: Any,  # noqa: ANN401 - each option has a type of its own
    place: config.Place,
    actor: Actor,
    now: datetime.datetime,
) -> None:
    """Give an option a value of its own at a place, and write down who did; what it has already changes nothing.

    :raises UnknownOption: when the section has no such option.
    :raises ScopeTooNarrow: when the option may not be set there.
    :raises OptionLocked: when the operator fixed it.
    :raises InvalidValue: when the value does not fit; the earlier one stays.
    :raises NotPermitted: when the actor may not configure the place's website.
    """
    stored = config.checked(section, name, value)
    _admit(section, name, place, actor)
    values = {"value": stored, "changed_at": now, "changed_by_kind": actor.kind, "changed_by_id": actor.id}
    with transaction.atomic():
        own, is_new = Override.objects.select_for_update().get_or_create(
            section=section.section, option=name, **_where(place), defaults=values
        )
        before = None if is_new else own.value
        if before == stored:
            return
        if not is_new:
            Override.objects.filter(pk=own.pk).update(**values)
        _write_down(section, name, place, before=before, after=stored, actor=actor, now=now)
    log.info(
        "configuration changed: %s.%s at %s by %s %s", section.section, name, place, actor.kind, actor.id
    )


def inherit(
    *,
    section: type[config.Section],
    name: str,
    place: config.Place,
    actor: Actor,
    now: datetime.datetime,
) -> None:
    """Take an option's own value at a place away, so that the wider scope's counts ("use default"), and write down who did.

    :raises UnknownOption: when the section has no such option.
    :raises ScopeTooNarrow: when the option may not be set there.
    :raises OptionLocked: when the operator fixed it.
    :raises NotPermitted: when the actor may not configure the place's website.
    """
    if name not in section.model_fields:
        raise config.UnknownOption(option=f"{section.section}.{name}")
    _admit(section, name, place, actor)
    with transaction.atomic():
        rows = Override.objects.select_for_update().filter(
            section=section.section, option=name, **_where(place)
        )
        own = rows.first()
        if own is None:
            return
        own.delete()
        _write_down(section, name, place, before=own.value, after=None, actor=actor, now=now)
    log.info(
        "configuration inherited: %s.%s at %s by %s %s", section.section, name, place, actor.kind, actor.id
    )


def _write_down(
    section: type[config.Section],
    name: str,
    place: config.Place,
    *,
    before: Any,  # noqa: ANN401 - each option has a type of its own
    after: Any,  # noqa: ANN401
    actor: Actor,
    now: datetime.datetime,
) -> None:
    OptionChange.objects.create(
        section=section.section,
        option=name,
        website_id=place.website_id,
        store_view_id=place.store_view_id,
        before=before,
        after=after,
        at=now,
        actor_kind=actor.kind,
        actor_id=actor.id,
    )


def _where(place: config.Place) -> dict[str, Any]:
    return {
        "website_id": None if place.store_view_id else place.website_id,
        "store_view_id": place.store_view_id,
    }


def _admit(section: type[config.Section], name: str, place: config.Place, actor: Actor) -> None:
    actor.require(Permission.CONFIGURE, place.website_id)
    about = config.about(section.model_fields[name])
    if place.scope > about.narrowest:
        raise config.ScopeTooNarrow(label=about.label, scope=_SCOPE_NAMES[place.scope], option=name)
    lock = config.operator_locks(section).get(name)
    if lock is not None:
        raise config.OptionLocked(label=about.label, reason=lock.reason, option=name)


def open_website(*, code: str, name: str) -> Website:
    """Create a website; it gets its store views next."""
    return Website.objects.create(code=code, name=name)


@transaction.atomic
def open_store_view(
    *, website: Website, code: str, name: str, language: str, base_url: str, **details: str
) -> StoreView:
    """Create a store view; a website's first becomes its default.

    :raises BadBaseURL: when the base URL has no scheme and host, or has a query or fragment.
    :raises UnknownTimeZone: when ``time_zone`` is not in the tz database.
    """
    parts = urlsplit(base_url)
    if (
        parts.scheme not in {"http", "https"}
        or not parts.netloc
        or parts.query
        or parts.fragment
        or "@" in parts.netloc
    ):
        raise BadBaseURL(url=base_url)
    zone = details.get("time_zone", "Europe/Amsterdam")
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise UnknownTimeZone(zone=zone) from error
    view = StoreView.objects.create(
        website=website, code=code, name=name, language=language, base_url=base_url.rstrip("/"), **details
    )
    if website.default_store_view_id is None:
        website.default_store_view = view
        website.save(update_fields=["default_store_view"])
    return view
