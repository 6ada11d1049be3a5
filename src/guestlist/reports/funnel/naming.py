"""How the rows of the funnel are called, in the active language."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from guestlist.customers.models import Customer, CustomerGroup
from guestlist.mail.models import Send
from guestlist.occasions.models import Occasion
from guestlist.reports.funnel import counting
from guestlist.reports.funnel.asking import Grouping

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from guestlist.stores.models import StoreView


def named(
    grouping: Grouping,
    keys: Collection[int],
    views: Sequence[StoreView],
    *,
    addresses_of: Collection[int] | None = None,
) -> dict[int, str]:
    """Return the name of each key; what is gone meanwhile has its number. In one query at most.

    ``addresses_of`` are the ids of the websites whose customers' addresses may be told, None for all.
    """
    names = dict.fromkeys(keys, "")
    names.update(_special(grouping))
    if grouping == Grouping.STORE_VIEW:
        names.update({view.pk: f"{view.website.name} – {_view(view)}" for view in views})
    elif grouping in _LOOKED_UP:
        rows, name = _LOOKED_UP[grouping]
        wanted = [key for key in keys if key > 0]
        found = rows().filter(pk__in=wanted)
        names.update({one.pk: name(one) for one in found})
        if grouping == Grouping.INVITER and addresses_of is not None:
            hidden = [one for one in found if one.website_id not in addresses_of]
            names.update({one.pk: without_address(one) for one in hidden})
        if grouping == Grouping.INVITER and len({view.website_id for view in views}) > 1:
            # The same person may be a customer of several.
            sites = {view.website_id: view.website.name for view in views}
            names.update({one.pk: f"{names[one.pk]} – {sites[one.website_id]}" for one in found})
    return {key: names[key] or _("No. %(number)s, which is gone") % {"number": key} for key in keys}


def others(number: int) -> str:
    """Return what the row is called that has so many more in it."""
    text = ngettext("%(count)s other", "%(count)s others", number)
    return text % {"count": formats.number_format(number, force_grouping=True)}


def total() -> str:
    """Return what the last row is called."""
    return _("Total")


def _special(grouping: Grouping) -> dict[int, str]:
    if grouping == Grouping.SEND:
        return {
            counting.NOBODY: _("Single mails, in no send"),
            counting.NO_MAIL: _("Without a mail: shared, or kept"),
            counting.FORGOTTEN: _("Not known any more: mails are forgotten after a while"),
        }
    nobody = {
        Grouping.ALL: pgettext("rows", "All together"),
        Grouping.INVITER: pgettext("inviter", "Staff"),
        Grouping.OCCASION: _("No occasion"),
        Grouping.GROUP: _("As configured"),
    }
    return {counting.NOBODY: nobody[grouping]} if grouping in nobody else {}


def _view(view: StoreView) -> str:
    return f"{view.name} ({view.get_language_display()})"


def _customer(one: Customer) -> str:
    if one.erased_at is not None:
        return _("Erased customer %(number)s") % {"number": one.pk}
    name = f"{one.first_name or ''} {one.last_name or ''}".strip()
    return f"{name} ({one.email})" if name else str(one.email)


def without_address(one: Customer) -> str:
    """Return how a customer is called where addresses are not told."""
    if one.erased_at is not None:
        return _customer(one)
    name = f"{one.first_name or ''} {one.last_name or ''}".strip()
    return name or _("customer %(number)s") % {"number": one.pk}


def _occasion(one: Occasion) -> str:
    return f"{one.title} ({one.website.name})"


def _send(one: Send) -> str:
    day = formats.date_format(timezone.localtime(one.created_at), pgettext("date format", "j M Y"))
    values = {"number": one.pk, "day": day, "what": one.get_origin_display()}
    return _("Send %(number)s of %(day)s, %(what)s") % values


_LOOKED_UP: dict[Grouping, tuple[Callable[[], Any], Callable[[Any], str]]] = {
    Grouping.INVITER: (Customer.objects.order_by, _customer),
    Grouping.OCCASION: (lambda: Occasion.objects.select_related("website"), _occasion),
    Grouping.GROUP: (CustomerGroup.objects.order_by, str),
    Grouping.SEND: (Send.objects.order_by, _send),
}
"""Where names are looked up, and what they are."""
