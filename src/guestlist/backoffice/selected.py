"""What is done to the selected rows of the grid, or to all that match: asked first, then counted.

A selection that fits a request is done in it; all others wait for a worker, and their task's page asks and tells how it
goes. What became of each stays on the page of the task in either case.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from guestlist.backoffice import access, announcing, detail, listing, paging
from guestlist.backoffice.labels import REASONS
from guestlist.backoffice.task_pages import PAGES
from guestlist.customers.models import CustomerGroup
from guestlist.invitations import actions
from guestlist.invitations.actions import mass
from guestlist.invitations.filters import Filter
from guestlist.invitations.lifecycle import Status
from guestlist.invitations.models import NEEDED, WAITING, Invitation, TaskKind
from guestlist.refusal import Refusal
from guestlist.stores.actors import Permission

if TYPE_CHECKING:
    from collections.abc import Iterable

    from guestlist.backoffice.access import Staff

MOST = 1000
"""Most rows that are done in a request."""
_ACTIONS = {
    "discard": TaskKind.DISCARD,
    "send": TaskKind.SEND,
    "change_group": TaskKind.CHANGE_GROUP,
}
CONFIGURED = "configured"
"""What the form calls no group of its own."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants done, and to which rows: all that match the filter that was looked at, or those selected."""

    action: str
    ids: list[int]
    is_all: bool
    back: str
    group: str

    @classmethod
    def of(cls, request: HttpRequest) -> Wish:
        """Return what a form asks for."""
        return cls(
            request.POST.get("action", ""),
            ids_of(request.POST.getlist("id")),
            "all" in request.POST,
            request.POST.get("back", ""),
            request.POST.get("group", ""),
        )

    @property
    def kind(self) -> TaskKind:
        """What it is as a task."""
        return _ACTIONS[self.action]

    @property
    def is_task(self) -> bool:
        """Whether it is too much for a request."""
        return self.is_all or len(self.ids) > MOST

    @property
    def must_ask(self) -> bool:
        """Whether something is to be chosen first."""
        return self.kind == TaskKind.CHANGE_GROUP

    def chosen_group(self) -> CustomerGroup | None:
        """Return the group to give; None is as configured.

        :raises NoGroup: when none was chosen.
        """
        if self.kind != TaskKind.CHANGE_GROUP or self.group == CONFIGURED:
            return None
        pk = next(iter(ids_of([self.group])), 0)
        group = CustomerGroup.objects.filter(pk=pk).first()
        if group is None:
            raise NoGroup
        return group


class NoGroup(Refusal):
    """No group was chosen, or one that is there no more."""

    code = "no_group"
    message = gettext_lazy("Choose a group.")


@require_http_methods(["GET", "HEAD", "POST"])
def selected(request: HttpRequest) -> HttpResponse:
    """Say what would happen to the selected invitations; once confirmed, do it and say what happened."""
    staff = access.of(request)
    staff.require(Permission.VIEW)
    if request.method != "POST":
        # Whoever had to sign in again in between comes here without what they had selected.
        return HttpResponseRedirect(listing.address_of(""))
    wish = Wish.of(request)
    is_confirmed = "confirmed" in request.POST
    try:
        if wish.action not in _ACTIONS or not any(staff.may(one) for one in NEEDED[wish.kind]):
            messages.error(request, _("You have no permission for this."))
        elif not (wish.ids or wish.is_all):
            messages.warning(request, _("Select at least one invitation first."))
        elif wish.is_task and (is_confirmed or not wish.must_ask):
            return HttpResponseRedirect(reverse("admin:task", args=[_opened(staff, wish)]))
        elif not is_confirmed:
            return _asked(request, staff, wish)
        else:
            _do(request, staff, wish)
    except NoGroup as refusal:
        return _asked(request, staff, wish, refusal)
    except Refusal as refusal:
        messages.error(request, str(refusal))
    return HttpResponseRedirect(listing.address_of(wish.back))


def ids_of(texts: Iterable[str]) -> list[int]:
    """Return the ids of the fields, each of which may have several with commas between them."""
    return list(dict.fromkeys(found for text in texts for found in paging.numbers(text)))


def _opened(staff: Staff, wish: Wish) -> int:
    """Open a task for what is too much for a request; returns its id.

    :raises Refusal: when the filter cannot be used, no group was chosen, or nothing matches.
    """
    now = timezone.now().astimezone(staff.zone)
    task = mass.open_for(
        kind=wish.kind,
        chosen=Filter.from_query(QueryDict(wish.back)) if wish.is_all else None,
        ids=wish.ids,
        group=wish.chosen_group(),
        actor=staff.actor,
        now=now,
    )
    return task.pk


def _asked(request: HttpRequest, staff: Staff, wish: Wish, problem: Refusal | None = None) -> HttpResponse:
    titles = {
        "discard": _("Discard the selected invitations?"),
        "send": _("Send the selected invitations?"),
        "change_group": _("Change the group of the selected invitations?"),
    }
    ready, left = ([], Counter[str]()) if wish.is_task else _sorted_out(staff, wish)
    context: dict[str, Any] = {
        **access.context(request),
        "title": _("Change the group of all that match?") if wish.is_all else titles[wish.action],
        "wish": wish,
        "ready": ready,
        "left": _said(left),
        "now": timezone.now(),
        "cancel": listing.address_of(wish.back),
        "problem": problem,
    }
    if wish.must_ask:
        groups = CustomerGroup.objects.order_by("name", "pk").values_list("pk", "name")
        context["groups"] = [(CONFIGURED, _("As configured")), *((str(pk), name) for pk, name in groups)]
    if wish.action == "send" and len(ready) > actions.SINGLE_UP_TO:
        chosen = {one.store_view_id for one in ready}
        hours = announcing.hours_of(view for view in staff.store_views if view.pk in chosen)
        context["note"] = announcing.announced(len(ready), hours)
    status = 200 if problem is None else 422
    return render(request, "backoffice/confirm_selected.html", context, status=status)


def _sorted_out(staff: Staff, wish: Wish) -> tuple[list[Invitation], Counter[str]]:
    """Return those that it can be done to, as far as the page can tell, and why how many of the others are left."""
    found = list(
        Invitation.objects.visible_to(staff.actor)
        .filter(pk__in=wish.ids)
        .select_related("address")
        .order_by("-pk")
    )
    left = Counter({"not_found": len(wish.ids) - len(found)})
    ready: list[Invitation] = []
    for one in found:
        code = _why_not(one, staff, wish.action)
        if code:
            left[code] += 1
        else:
            ready.append(one)
    return ready, left


def _why_not(invitation: Invitation, staff: Staff, action: str) -> str:
    """Return why the action will leave this row, as far as the page can tell; the action itself decides."""
    if action != "send":
        needed = Permission.DISCARD if action == "discard" else Permission.ADD
        if not staff.actor.may(needed, invitation.website_id):
            return "not_permitted"
        return "" if invitation.is_open else str(invitation.status)
    needed = Permission.SEND if invitation.status == Status.NOT_SENT else Permission.RESEND
    if not staff.actor.may(needed, invitation.website_id):
        return "not_permitted"
    if invitation.status == Status.ACCEPTED:
        return Status.ACCEPTED.value
    if invitation.delivery in WAITING:
        return "already_on_its_way"
    return "" if detail.can_send(invitation) else "not_mailable"


def _do(request: HttpRequest, staff: Staff, wish: Wish) -> None:
    task = mass.at_once(
        kind=wish.kind, ids=wish.ids, group=wish.chosen_group(), actor=staff.actor, now=timezone.now()
    )
    level = messages.SUCCESS if task.done == task.total else messages.WARNING
    messages.add_message(request, level, announcing.done(task, PAGES[wish.kind].outcome(task)))


def _said(left: Counter[str]) -> list[str]:
    return [f"{count} {REASONS.get(code, code)}" for code, count in sorted(left.items()) if count]
