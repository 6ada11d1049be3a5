"""How staff like to look at the list: filters that they save under a name, and which columns they see."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from guestlist.invitations.models import GridColumns, SavedFilter
from guestlist.refusal import Refusal
from guestlist.stores.actors import Permission
from guestlist.stores.models import Website

if TYPE_CHECKING:
    from collections.abc import Sequence

    from guestlist.customers.models import User
    from guestlist.invitations.filters import Filter
    from guestlist.stores.actors import Actor

MOST = 50
"""Most filters that somebody may keep: more than that nobody finds one in."""
_LONGEST_NAME = 60
_LONGEST_QUERY = 1000


class NoName(Refusal):
    """A filter is saved under a name, which is one line of text."""

    code = "no_name"
    message = _("Enter a name of at most %(most)s characters.")


class NameTaken(Refusal):
    """Somebody has a filter of this name already."""

    code = "name_taken"
    message = _("You have a filter “%(name)s” already. Enter another name, or delete that one first.")


class TooManyFilters(Refusal):
    """Somebody keeps as many filters as they may."""

    code = "too_many_filters"
    message = _("You have %(most)s saved filters already. Delete one first.")


class TooLong(Refusal):
    """A filter with so much in it that it is not kept."""

    code = "filter_too_long"
    message = _("This filter is too long to be saved. Take something off it.")


class AboutNoWebsite(Refusal):
    """A filter about no website in particular is shared by those who may see them all."""

    code = "about_no_website"
    message = _("You see some of the websites: filter by one of them to share this with its staff.")


@transaction.atomic
def save_filter(
    *, user: User, actor: Actor, name: str, chosen: Filter, sort: str = "", is_shared: bool
) -> SavedFilter:
    """Keep a filter and an order (as addresses have it; empty for the usual one) under a name of somebody's own.

    It is shared with the staff of the website that it is about; with all staff by those who may see all websites.

    :raises NoName: when the name is empty or too long.
    :raises NameTaken: when they have one of this name.
    :raises AboutNoWebsite: when it is to be shared, and is about none of the several that they see.
    :raises TooManyFilters: when they have 50.
    :raises TooLong: when it cannot be kept.
    """
    query = urlencode(chosen.as_query() | ({"sort": sort} if sort else {}))
    if len(query) > _LONGEST_QUERY:
        raise TooLong
    if SavedFilter.objects.filter(user=user).count() >= MOST:
        raise TooManyFilters(most=MOST)
    about = _website_of(chosen, actor)
    return _kept(SavedFilter(user=user, query=query, website=about), name, actor, is_shared=is_shared)


@transaction.atomic
def change_filter(*, saved: SavedFilter, actor: Actor, name: str, is_shared: bool) -> SavedFilter:
    """Give a saved filter another name, and share it or not.

    :raises NoName, NameTaken, AboutNoWebsite: as :func:`save_filter`.
    """
    return _kept(saved, name, actor, is_shared=is_shared)


def delete_filter(*, saved: SavedFilter) -> None:
    """Forget a saved filter; doing it again changes nothing."""
    SavedFilter.objects.filter(pk=saved.pk).delete()


def choose_columns(*, user: User, columns: Sequence[str] | None) -> None:
    """Write down which columns somebody wants to see, by their codes; None is all, later ones too."""
    if columns is None:
        GridColumns.objects.filter(user=user).delete()
    else:
        GridColumns.objects.update_or_create(user=user, defaults={"columns": list(columns)})


def _website_of(chosen: Filter, actor: Actor) -> Website | None:
    """Return the website that a filter is about: the one that it names, or the only one that its maker sees."""
    visible = Website.objects.visible_to(actor)
    if chosen.website is not None:
        return visible.filter(pk=chosen.website).first()
    if chosen.store_view is not None:
        return visible.filter(store_views=chosen.store_view).first()
    allowed = actor.website_ids(Permission.VIEW)
    return visible.first() if allowed is not None and len(allowed) == 1 else None


def _kept(saved: SavedFilter, name: str, actor: Actor, *, is_shared: bool) -> SavedFilter:
    name = " ".join(name.split())
    if not name.isprintable() or not 0 < len(name) <= _LONGEST_NAME:
        raise NoName(most=_LONGEST_NAME)
    if is_shared and saved.website is None and actor.website_ids(Permission.VIEW) is not None:
        raise AboutNoWebsite
    saved.name, saved.is_shared = name, is_shared
    try:
        # The constraint decides between two at the same moment.
        with transaction.atomic():
            saved.save()
    except IntegrityError:
        raise NameTaken(name=name) from None
    return saved
