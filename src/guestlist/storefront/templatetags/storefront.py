"""How storefront templates say dates and find the way home."""

from __future__ import annotations

import datetime
import re

from django import template
from django.urls import get_script_prefix
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

register = template.Library()


@register.simple_tag
def home_url() -> str:
    """Give the front page of this store view."""
    return get_script_prefix()


@register.filter
def breakable(address: str) -> SafeString:
    """Let a long address break where it reads well: after @ and before a dot."""
    parts = re.split(r"(?<=@)|(?=\.)", address)
    return format_html_join(SafeString("<wbr>"), "{}", ((part,) for part in parts))


@register.filter
def day(moment: datetime.datetime | None) -> str:
    """Say a moment as people say a day, in the store view's zone: "3 May", with the year when it is another one."""
    if moment is None:
        return ""
    local = timezone.localtime(moment)
    this_year = local.year == timezone.localdate().year
    # Translators: a day without its year, in Django's date format: "j F" reads "3 mei".
    return date_format(local, _("j F") if this_year else _("j F Y"))


@register.simple_tag
def when(moment: datetime.datetime | None) -> SafeString:
    """Say a moment as a day, with the exact time on hover and for screen readers."""
    if moment is None:
        return SafeString()
    local = timezone.localtime(moment)
    exact = date_format(local, _("j F Y, H:i"))
    return format_html(
        '<time datetime="{}" title="{}"><span aria-hidden="true">{}</span>'
        '<span class="visually-hidden">{}</span></time>',
        local.isoformat(timespec="minutes"),
        exact,
        day(moment),
        exact,
    )
