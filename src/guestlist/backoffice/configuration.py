"""The configuration: every option of a section at every scope that it may be set at, saved all or nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from django.views.decorators.http import require_http_methods

from guestlist.backoffice import access, changes, options
from guestlist.invitations import rules
from guestlist.invitations.config import Invitations
from guestlist.mail.config import Delivery
from guestlist.refusal import Refusal
from guestlist.stores import actions as stores
from guestlist.stores import config
from guestlist.stores.actors import Permission
from guestlist.stores.models import StoreView, Website

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping

    from guestlist.backoffice.access import Staff


@dataclass(frozen=True, slots=True)
class Page:
    """A section of options as a page: where it answers, how it is called, the groups of its options in order."""

    section: type[config.Section]
    url_name: str
    name: Any
    title: Any
    headings: Mapping[str, Any]


PAGES = {
    "invitations": Page(
        Invitations,
        "configuration",
        gettext_lazy("Invitations"),
        gettext_lazy("Configuration of invitations"),
        {"general": gettext_lazy("General"), "email": pgettext_lazy("section", "Email")},
    ),
    "delivery": Page(
        Delivery,
        "configuration_delivery",
        gettext_lazy("Delivery"),
        gettext_lazy("Configuration of delivery"),
        {
            "hours": gettext_lazy("When bulk mail leaves"),
            "limits": gettext_lazy("How fast, and what happens to mail in doubt"),
        },
    ),
}


class _OpensRegistrationError(Exception):
    """The change would open registration at these websites, and nobody has said yes to that."""

    def __init__(self, websites: list[Website]) -> None:
        super().__init__()
        self.websites = websites


@require_http_methods(["GET", "HEAD", "POST"])
def configuration(request: HttpRequest, code: str = "invitations") -> HttpResponse:
    """Show a section's options at the scope that the address names, and save what was changed there."""
    page = PAGES[code]
    staff = access.of(request)
    staff.require(Permission.CONFIGURE)
    names_scope = "website" in request.GET or "store_view" in request.GET
    if request.method != "POST" and not names_scope and not staff.actor.may(Permission.CONFIGURE, None):
        mine = _websites(staff)
        if not mine:
            raise PermissionDenied
        return HttpResponseRedirect(f"{_address(page)}?website={mine[0].pk}")
    target = _target(request, staff)
    place = config.at(target)
    if not staff.actor.may(Permission.CONFIGURE, place.website_id):
        raise PermissionDenied
    resolved = config.resolve(page.section, place)
    if request.method != "POST":
        return _shown(request, page, target, resolved)
    wanted = options.read(resolved, request.POST)
    if not wanted.problems:
        try:
            changed = _saved(page, staff, place, wanted.changes, request)
        except _OpensRegistrationError as question:
            return _asked(request, page, target, question.websites)
        except Refusal as refusal:
            wanted.problems[str(refusal.data.get("option", ""))] = str(refusal)
        else:
            said = _("The configuration was saved.") if changed else _("Nothing was changed.")
            messages.add_message(request, messages.SUCCESS if changed else messages.INFO, said)
            return HttpResponseRedirect(f"{_address(page)}{_query(target)}")
    return _shown(request, page, target, resolved, problems=wanted.problems)


def _address(page: Page) -> str:
    return reverse(f"admin:{page.url_name}")


def _query(target: Website | StoreView | None) -> str:
    """Return the query that names a scope."""
    if target is None:
        return ""
    return f"?store_view={target.pk}" if isinstance(target, StoreView) else f"?website={target.pk}"


def _saved(
    page: Page,
    staff: Staff,
    place: config.Place,
    wanted: Mapping[str, options.Change],
    request: HttpRequest,
) -> int:
    """Make the changes, all or none; returns how many there were."""
    now = timezone.now()
    may_open = page.section is Invitations
    views = list(StoreView.objects.visible_to(staff.actor, Permission.CONFIGURE)) if may_open else []
    before = _open_views(views)
    with transaction.atomic():
        for name, change in wanted.items():
            _make(page.section, name, change, place, staff, now)
        opened = _open_views(views) - before
        if opened and "opens" not in request.POST:
            ids = {view.website_id for view in views if view.pk in opened}
            raise _OpensRegistrationError(list(Website.objects.filter(pk__in=ids).order_by("name", "pk")))
    return len(wanted)


def _make(
    section: type[config.Section],
    name: str,
    change: options.Change,
    place: config.Place,
    staff: Staff,
    now: datetime.datetime,
) -> None:
    if change.inherits:
        stores.inherit(section=section, name=name, place=place, actor=staff.actor, now=now)
    else:
        stores.override(
            section=section, name=name, value=change.value, place=place, actor=staff.actor, now=now
        )


def _open_views(views: list[StoreView]) -> set[int]:
    """Return the ids of the store views where anyone can register, by what counts now."""
    resolved = config.resolve_each(Invitations, views) if views else {}
    return {pk for pk, value in resolved.items() if rules.registration_is_open(value)}


def _target(request: HttpRequest, staff: Staff) -> Website | StoreView | None:
    """Return the website or store view that the address names, None for the default scope.

    :raises Http404: when it is none that this staff member may configure.
    """
    website, store_view = request.GET.get("website", ""), request.GET.get("store_view", "")
    views = staff.store_views_for(Permission.CONFIGURE)
    candidates: list[Any] = [one for one in views if str(one.pk) == store_view]
    if not store_view:
        candidates = [one for one in _websites(staff) if str(one.pk) == website]
    if not (website or store_view):
        return None
    if not candidates:
        raise Http404
    found: Website | StoreView = candidates[0]
    return found


def _websites(staff: Staff) -> list[Website]:
    return staff.websites_for(Permission.CONFIGURE)


def _scopes(staff: Staff, place: config.Place) -> list[dict[str, Any]]:
    """Return the scopes to switch between: the default, then each website with its store views."""
    scopes: list[dict[str, Any]] = []
    if staff.actor.may(Permission.CONFIGURE, None):
        scopes.append({"label": _("Default"), "query": "", "level": 1, "is_current": place == config.DEFAULT})
    for website in _websites(staff):
        here = config.at(website)
        scopes.append(
            {
                "label": website.name,
                "query": _query(website),
                "level": 2,
                "is_current": place == here,
            }
        )
        scopes += [
            {
                "label": changes.name_of(view),
                "query": _query(view),
                "level": 3,
                "is_current": place.store_view_id == view.pk,
            }
            for view in staff.store_views_for(Permission.CONFIGURE)
            if view.website_id == website.pk
        ]
    return scopes


def _differing(staff: Staff) -> list[Website]:
    """Return the websites whose store views differ in who may register, though they share their accounts."""
    views = staff.store_views_for(Permission.CONFIGURE)
    resolved = config.resolve_each(Invitations, views)
    values: dict[int, set[str]] = {}
    for view in views:
        values.setdefault(view.website_id, set()).add(resolved[view.pk].registration)
    return [website for website in _websites(staff) if len(values.get(website.pk, ())) > 1]


def _shown(
    request: HttpRequest,
    page: Page,
    target: Website | StoreView | None,
    resolved: config.Resolved[Any],
    *,
    problems: Mapping[str, str] | None = None,
) -> HttpResponse:
    staff, place = access.of(request), resolved.place
    choices = options.offered(page.section)
    rows = options.rows(resolved, choices, request.POST if problems else None, problems)
    open_here = {row.name for row in rows if row.is_open}
    context = {
        **access.context(request),
        "title": page.title,
        "page": page,
        "pages": PAGES.values(),
        "here": _address(page),
        "target": target,
        "scopes": _scopes(staff, place),
        "sections": [
            {"heading": heading, "name": group, "rows": [row for row in rows if row.group == group]}
            for group, heading in page.headings.items()
        ],
        "differing": _differing(staff) if page.section is Invitations else [],
        "problems": problems or {},
        "other_problems": [text for name, text in (problems or {}).items() if name not in open_here],
        "query": _query(target),
        "start": f"{_query(target)}&" if target else "?",
        "changes": changes.page(page.section, place, actor=staff.actor, offered=choices, query=request.GET),
    }
    return render(request, "backoffice/configuration.html", context, status=422 if problems else 200)


def _asked(
    request: HttpRequest, page: Page, target: Website | StoreView | None, websites: list[Website]
) -> HttpResponse:
    kept = [
        (name, value)
        for name, values in request.POST.lists()
        for value in values
        if name != "csrfmiddlewaretoken"
    ]
    context = {
        **access.context(request),
        "title": _("Open registration?"),
        "target": target,
        "websites": websites,
        "kept": kept,
        "address": f"{_address(page)}{_query(target)}",
    }
    return render(request, "backoffice/confirm_opening.html", context)
