"""How pages of the staff site say what an invitation is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import template
from django.contrib.admin.templatetags.admin_urls import admin_urlname
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from guestlist.backoffice.labels import EXPIRED, STATES
from guestlist.invitations import filters
from guestlist.invitations.models import Delivery
from guestlist.mail.models import MessageState

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable, Mapping

    from django.template import Context

    from guestlist.invitations.models import Invitation
    from guestlist.mail.models import Message

register = template.Library()

_TONES = {
    Delivery.BOUNCED: "bad",
    Delivery.FAILED: "bad",
    Delivery.IN_DOUBT: "bad",
    Delivery.DEFERRED: "slow",
}


@register.inclusion_tag("backoffice/_status.html")
def status(invitation: Invitation, now: datetime.datetime) -> dict[str, Any]:
    """Show the status as word, shape and color; a sent one whose time is over reads as expired."""
    if invitation.is_expired(now):
        return {"code": filters.EXPIRED, "label": EXPIRED}
    return {"code": invitation.status, "label": invitation.get_status_display()}


@register.inclusion_tag("backoffice/_status.html")
def status_of(code: str, label: Any) -> dict[str, Any]:  # noqa: ANN401 - a lazy sentence
    """Show a status by its code."""
    return {"code": code, "label": label}


@register.inclusion_tag("backoffice/_moment.html")
def moment(value: datetime.datetime | None) -> dict[str, Any]:
    """Show a moment: its day as people say it, and exactly where it is pointed at."""
    return {"value": timezone.localtime(value) if value else None}


@register.filter
def tone(invitation: Invitation) -> str:
    """Return how the delivery looks: plain, slow or bad."""
    return _TONES.get(Delivery(invitation.delivery), "")


@register.filter
def group_shown(invitation: Invitation) -> str:
    """Return the invitee's group; until there is one, the group that staff chose."""
    if invitation.invitee is not None:
        return str(invitation.invitee.group)
    return str(invitation.group) if invitation.group else _("As configured")


@register.filter
def state(message: Message) -> Any:  # noqa: ANN401 - a lazy sentence
    """Return the state of a mail in words."""
    return STATES.get(MessageState(message.state), message.state)


@register.filter
def grouped(number: int) -> str:
    """Return a number as people read large ones."""
    return formats.number_format(number, force_grouping=True)


@register.filter
def as_query(values: dict[str, str]) -> str:
    """Return values as the query of an address."""
    return urlencode(values)


@register.filter
def some_permitted(items: Iterable[Mapping[str, Any]]) -> bool:
    """Tell whether a part of the menu has anything in it for whoever looks at it."""
    return any(one["has_permission"] for one in items)


@register.inclusion_tag("unfold/helpers/header_title.html", takes_context=True)
def place(context: Context) -> dict[str, Any]:
    """Say where a page of a plain table is: below its table, as the menu calls it, and not below an app of Django's."""
    opts = context["opts"]
    one = context.get("original") or context.get("object")
    parts = [
        {"link": reverse(admin_urlname(opts, SafeString("changelist"))), "title": opts.verbose_name_plural}
    ]
    if one is not None and not isinstance(one, str):
        parts.append(
            {"link": reverse(admin_urlname(opts, SafeString("change")), args=[one.pk]), "title": one}
        )
    elif context.get("add"):
        parts.append({"link": "", "title": context["title"]})
    return {"parts": parts}
