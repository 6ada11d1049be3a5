"""Configuration as typed values: sections of options, resolved default → website → store view.

A package declares its options as a :class:`Section`; a surface resolves it once a request, in one query, and passes the
value on. Each option names the narrowest scope that it may be set at. An operator may lock options for the whole
installation (``GUESTLIST_LOCKS``): a lock's value wins over all scopes, what was set is kept, and counts again when the
lock goes.
"""

from __future__ import annotations

import enum
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from guestlist.refusal import Refusal
from guestlist.stores import memory
from guestlist.stores.models import Override, StoreView, Website

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from django.utils.functional import _StrPromise
    from pydantic.fields import FieldInfo


class Scope(enum.IntEnum):
    """Where a value is set, from wide to narrow."""

    DEFAULT = 1
    WEBSITE = 2
    STORE_VIEW = 3


STORED = "stored"
"""The validation's context for values that were stored before, perhaps by other software, and are only read."""


class Section(BaseModel):
    """The options of one package, frozen: read by attribute, a misspelt one is a type error."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    section: ClassVar[str]


@dataclass(frozen=True, slots=True)
class About:
    """What a configuration page shows of an option."""

    narrowest: Scope
    label: str | _StrPromise
    help: str | _StrPromise
    group: str
    choices: tuple[tuple[str, str | _StrPromise], ...] = ()


def option(
    default: Any,  # noqa: ANN401 - each option has a type of its own
    *,
    narrowest: Scope,
    label: str | _StrPromise,
    help: str | _StrPromise = "",  # noqa: A002 - the field's word, as in Django's forms
    group: str = "general",
    choices: tuple[tuple[str, str | _StrPromise], ...] = (),
    **bounds: Any,  # noqa: ANN401 - pydantic's own
) -> Any:  # noqa: ANN401 - so that the annotation beside it counts
    """Declare an option: default, narrowest scope, label and help; ``bounds`` are pydantic's (``ge``, ``le``, …)."""
    about = About(narrowest, label, help, group, choices)
    return Field(default, json_schema_extra={"about": about}, **bounds)  # type: ignore[dict-item]


def about(field: FieldInfo) -> About:
    """Return what was declared of an option."""
    extra = field.json_schema_extra
    assert isinstance(extra, dict)
    return extra["about"]  # type: ignore[return-value]


@dataclass(frozen=True, slots=True)
class Place:
    """A scope that values are set at or read for: the default, one website, or one store view of it."""

    website_id: int | None = None
    store_view_id: int | None = None

    @property
    def scope(self) -> Scope:
        """How narrow the place is."""
        if self.store_view_id is not None:
            return Scope.STORE_VIEW
        return Scope.DEFAULT if self.website_id is None else Scope.WEBSITE


DEFAULT = Place()


def at(target: StoreView | Website | None) -> Place:
    """Return the place of a website or store view; of nothing, the default scope."""
    if target is None:
        return DEFAULT
    if isinstance(target, StoreView):
        return Place(target.website_id, target.pk)
    return Place(target.pk)


@dataclass(frozen=True, slots=True)
class Lock:
    """A value that wins over all scopes, and the reason that is shown beside the greyed field."""

    value: Any
    reason: str | _StrPromise


@dataclass(frozen=True, slots=True)
class Resolved[S: Section]:
    """A section's values at a place, and where each came from.

    ``sources`` has the scope of every option that is set somewhere; one that is missing has the built-in default.
    ``stored`` has the values that count without locks, ``inherited`` those that would count without this place's own.
    """

    place: Place
    value: S
    stored: S
    inherited: S
    sources: Mapping[str, Scope]
    locks: Mapping[str, Lock]

    def set_here(self, name: str) -> bool:
        """Tell whether the option has a value of its own at this place."""
        return self.sources.get(name) == self.place.scope


class UnknownOption(Refusal):
    """There is no such option."""

    code = "unknown_option"
    message = _("There is no option “%(option)s”.")


class ScopeTooNarrow(Refusal):
    """The option may not be set for so narrow a scope."""

    code = "scope_too_narrow"
    message = _("“%(label)s” cannot be set for a single %(scope)s. Set it at a wider scope.")


class OptionLocked(Refusal):
    """The option is locked."""

    code = "option_locked"
    message = _("“%(label)s” is locked: %(reason)s")


class InvalidValue(Refusal):
    """The value does not fit the option; the earlier one stays."""

    code = "invalid_value"
    message = _("“%(label)s”: %(reason)s The earlier value was kept.")


def checked(section: type[Section], name: str, value: Any) -> Any:  # noqa: ANN401 - each option has a type of its own
    """Return the value as JSON stores it.

    :raises UnknownOption: when the section has no such option.
    :raises InvalidValue: when the value does not fit it.
    """
    field = section.model_fields.get(name)
    if field is None:
        raise UnknownOption(option=f"{section.section}.{name}")
    try:
        made = section.model_validate_json(json.dumps({name: value}))
    except (ValidationError, TypeError, ValueError) as error:
        raise InvalidValue(label=about(field).label, reason=_reason(field, error), option=name) from error
    return made.model_dump(mode="json", include={name})[name]


def _reason(field: FieldInfo, error: Exception) -> str | _StrPromise:
    bounds = {type(part).__name__: part for part in field.metadata}
    low, high = getattr(bounds.get("Ge"), "ge", None), getattr(bounds.get("Le"), "le", None)
    if low is not None and high is not None:
        return _("enter a whole number from %(low)s to %(high)s.") % {"low": low, "high": high}
    if isinstance(error, ValidationError) and about(field).choices:
        return _("choose one of the values offered.")
    return _("this value is not possible.")


def resolve[S: Section](section: type[S], place: Place = DEFAULT) -> Resolved[S]:
    """Return the section's values at the place, in one query."""
    return memory.recall((section, place), lambda: _resolved(section, place))


def _resolved[S: Section](section: type[S], place: Place) -> Resolved[S]:
    where = Q(website=None, store_view=None)
    if place.website_id is not None:
        where |= Q(website=place.website_id, store_view=None)
    if place.store_view_id is not None:
        where |= Q(store_view=place.store_view_id)
    rows = Override.objects.filter(where, section=section.section).values_list(
        "option", "value", "website_id", "store_view_id"
    )
    return _layered(section, place, rows)


def resolve_each[S: Section](section: type[S], store_views: list[StoreView]) -> dict[int, S]:
    """Return the section's value for each store view, by the view's id, in one query for all of them."""
    ids = frozenset(view.pk for view in store_views)
    return memory.recall((section, ids), lambda: _resolved_each(section, store_views))


def _resolved_each[S: Section](section: type[S], store_views: list[StoreView]) -> dict[int, S]:
    rows = list(
        Override.objects.filter(section=section.section).values_list(
            "option", "value", "website_id", "store_view_id"
        )
    )
    return {view.pk: _layered(section, at(view), rows).value for view in store_views}


_Row = tuple[str, Any, int | None, int | None]


def _layered[S: Section](section: type[S], place: Place, rows: Iterable[_Row]) -> Resolved[S]:
    values: dict[Scope, dict[str, Any]] = {scope: {} for scope in Scope}
    for name, value, website_id, store_view_id in rows:
        if name not in section.model_fields:
            continue  # set by a newer or older version; harmless
        if store_view_id is not None:
            if store_view_id == place.store_view_id:
                values[Scope.STORE_VIEW][name] = value
        elif website_id is None:
            values[Scope.DEFAULT][name] = value
        elif website_id == place.website_id:
            values[Scope.WEBSITE][name] = value
    sources = {name: scope for scope in Scope for name in values[scope]}
    stored = {name: value for scope in Scope for name, value in values[scope].items()}
    inherited = {
        name: value for scope in Scope if scope < place.scope for name, value in values[scope].items()
    }
    locks = operator_locks(section)
    locked = {name: lock.value for name, lock in locks.items()}
    return Resolved(
        place,
        value=_made(section, stored | locked),
        stored=_made(section, stored),
        inherited=_made(section, inherited),
        sources=sources,
        locks=locks,
    )


def _made[S: Section](section: type[S], values: Mapping[str, Any]) -> S:
    return section.model_validate_json(json.dumps(values), context=STORED)


def operator_locks(section: type[Section]) -> dict[str, Lock]:
    """Return the options of the section that the operator locked by ``GUESTLIST_LOCKS``.

    :raises ImproperlyConfigured: when the variable names no option of the section or a value that does not fit.
    """
    locks: dict[str, Lock] = {}
    for section_name, option_name, text in _locks_given():
        if section_name != section.section:
            continue
        try:
            value = json.loads(text)
        except ValueError:
            value = text.strip()
        try:
            locks[option_name] = Lock(
                checked(section, option_name, value), _("set by the operator of this installation.")
            )
        except (UnknownOption, InvalidValue) as refusal:
            message = f"GUESTLIST_LOCKS: {refusal}"
            raise ImproperlyConfigured(message) from refusal
    return locks


def check_locks() -> None:
    """Check all of ``GUESTLIST_LOCKS`` once, at the start: a mistyped lock must not simply not lock.

    :raises ImproperlyConfigured: when it names a section or option that there is not, or a value that does not fit.
    """
    sections = {one.section: one for one in Section.__subclasses__()}
    for section_name, option_name, _text in _locks_given():
        if section_name not in sections:
            message = f"GUESTLIST_LOCKS: there is no option “{section_name}.{option_name}”."
            raise ImproperlyConfigured(message)
    for section in sections.values():
        operator_locks(section)


def _locks_given() -> Iterator[tuple[str, str, str]]:
    """Give section, option and value of each lock, as written."""
    for part in filter(None, (part.strip() for part in settings.GUESTLIST_LOCKS.split(";"))):
        name, _equals, text = part.partition("=")
        section_name, _dot, option_name = name.strip().partition(".")
        yield section_name, option_name, text
