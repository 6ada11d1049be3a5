"""Who changed which option when: a scope's own changes and those of the narrower ones, for the configuration page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_lazy as _

from guestlist.backoffice import options, paging
from guestlist.customers.models import User
from guestlist.stores import config
from guestlist.stores.actors import ActorKind
from guestlist.stores.config import Scope
from guestlist.stores.models import OptionChange

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable, Mapping

    from guestlist.backoffice.options import Choices
    from guestlist.stores.actors import Actor
    from guestlist.stores.models import StoreView

SIZE = 10
_NO_OWN = {
    Scope.DEFAULT: _("built-in value"),
    Scope.WEBSITE: _("as the default"),
    Scope.STORE_VIEW: _("as the website"),
}
"""What an option without a value of its own reads, by the scope it was changed at."""


@dataclass(frozen=True, slots=True)
class Change:
    """One change in words: which option, where, from what to what, when and by whom."""

    label: Any
    where: Any
    before: Any
    after: Any
    at: datetime.datetime
    who: str


@dataclass(frozen=True, slots=True)
class Page:
    """Some changes, newest first, and the ids that older and newer ones go on from."""

    rows: list[Change]
    following: int | None
    preceding: int | None


def page(
    section: type[config.Section],
    place: config.Place,
    *,
    actor: Actor,
    offered: Mapping[str, Choices],
    query: Mapping[str, Any],
) -> Page:
    """Return a page of the changes at a place and at the narrower ones within it, in two queries for any number."""
    made = OptionChange.objects.visible_to(actor).filter(section=section.section)
    if place.store_view_id is not None:
        made = made.filter(store_view=place.store_view_id)
    elif place.website_id is not None:
        made = made.filter(website=place.website_id)
    found = paging.page(made.select_related("website", "store_view"), query, size=SIZE)
    names = _names(found.rows)
    rows = [_change(one, section, offered, names) for one in found.rows]
    return Page(rows, found.following, found.preceding)


def name_of(view: StoreView) -> str:
    """Return what the configuration page calls a store view: two of a website may differ in their language alone."""
    return f"{view.name} ({view.get_language_display()})"


def _change(
    one: OptionChange,
    section: type[config.Section],
    offered: Mapping[str, Choices],
    names: Mapping[int, str],
) -> Change:
    info = section.model_fields.get(one.option)
    scope = config.Place(one.website_id, one.store_view_id).scope
    before, after = (
        _NO_OWN[scope] if value is None else options.said(value, offered.get(one.option, ()))
        for value in (one.before, one.after)
    )
    name = names.get(one.actor_id or 0) if one.actor_kind == ActorKind.STAFF else None
    return Change(
        label=config.about(info).label if info else one.option,
        where=name_of(one.store_view) if one.store_view else one.website or _("Default"),
        before=before,
        after=after,
        at=one.at,
        who=name or str(ActorKind(one.actor_kind).label),
    )


def _names(changes: Iterable[OptionChange]) -> dict[int, str]:
    ids = {one.actor_id for one in changes if one.actor_kind == ActorKind.STAFF and one.actor_id}
    users = User.objects.filter(pk__in=ids) if ids else ()
    return {user.pk: user.get_full_name() or user.email for user in users}
