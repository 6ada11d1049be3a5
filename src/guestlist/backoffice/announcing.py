"""What staff are told before many mails leave: that they are a send, when it leaves, and where it can be watched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _

from guestlist.invitations.actions import mass
from guestlist.mail import hours
from guestlist.mail.config import Delivery
from guestlist.stores import config

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from guestlist.invitations.models import Task
    from guestlist.mail.models import Send
    from guestlist.stores.models import StoreView


def said(delivery: Delivery) -> tuple[str, str] | None:
    """Return from when until when bulk sends leave, as times of day; None where they leave all day."""
    return None if hours.always(delivery) else (f"{delivery.send_from}:00", f"{delivery.send_until}:00")


def hours_of(views: Iterable[StoreView]) -> set[tuple[str, str] | None]:
    """Return the hours of some store views, each once, in one query."""
    return {said(one) for one in config.resolve_each(Delivery, list(views)).values()}


def warned(most: int, hours: Collection[tuple[str, str] | None]) -> str:
    """Tell beforehand what more than so many at once are."""
    text = _("More than %(count)s at once leave as a send, which you can watch, pause and stop.")
    return " ".join(filter(None, (text % {"count": most}, _when(hours))))


def announced(count: int, hours: Collection[tuple[str, str] | None]) -> str:
    """Tell what so many are."""
    text = _("These %(count)s leave as a send, which you can watch, pause and stop.")
    return " ".join(filter(None, (text % {"count": count}, _when(hours))))


def _when(hours: Collection[tuple[str, str] | None]) -> str:
    if set(hours) <= {None}:
        return ""
    if len(set(hours)) > 1:
        return _("It leaves in the hours that its store view has for bulk mail.")
    (only,) = set(hours)
    assert only is not None
    return _("It leaves between %(from)s and %(until)s, in its store view's time.") % {
        "from": only[0],
        "until": only[1],
    }


def linked(text: str, sends: Iterable[Send]) -> str:
    """Return what was done, with a link to each send that it became."""
    return _with_links(text, _to_sends(one.pk for one in sends))


def done(task: Task, text: str) -> str:
    """Return what was done to few, with a link to what became of each, and to each send that it became."""
    became = (reverse("admin:task", args=[task.pk]), _("See what became of each"))
    return _with_links(text, [*_to_sends(sorted(task.settings.get(mass.SENDS, {}).values())), became])


def _to_sends(ids: Iterable[int]) -> list[tuple[str, str]]:
    return [(reverse("admin:send", args=[pk]), _("See how send %(id)s goes") % {"id": pk}) for pk in ids]


def _with_links(text: str, links: Collection[tuple[str, str]]) -> str:
    joined = format_html_join(" ", '<a class="gl-link" href="{}">{}</a>', links)
    return format_html("{} {}", text, joined) if links else text
