"""Reports › Private sales › Who brought whom: a tree that opens level by level; the page's address has what is open."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from babel.numbers import format_percent
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import get_language, pgettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from guestlist.backoffice import access, charts, paging
from guestlist.reports import chain, chain_starts, wording
from guestlist.reports.periods import Span
from guestlist.stores.actors import Permission
from guestlist.stores.models import Website

if TYPE_CHECKING:
    from collections.abc import Sequence

    from guestlist.backoffice.access import Staff
    from guestlist.customers.models import Customer
    from guestlist.reports.chain import Node
    from guestlist.reports.chain_starts import Beginnings, Origin

_NUMBERS = 200
"""Most ids of open levels that are read of an address; fewer open."""


@dataclass(slots=True)
class Asked:
    """What the address of the page asks for."""

    customer: str = ""
    website: int | None = None
    opened: tuple[int, ...] = ()
    before: int | None = None
    """The invitation before which the level of the chosen customer goes on, or the credit of the beginnings."""
    skip: int = 0

    def query(self, **changes: str | int | None) -> str:
        """Return the query of an address that asks for this, some of it changed."""
        values: dict[str, str | int | None] = {
            "customer": self.customer,
            "website": self.website,
            "open": ",".join(map(str, self.opened)),
            "before": self.before,
            "skip": self.skip,
        } | changes
        return f"?{urlencode({name: value for name, value in values.items() if value})}"


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """Show the chain from those on who were brought by nobody, or from one customer on."""
    staff = access.of(request)
    staff.require(Permission.REPORTS)
    sites = list(Website.objects.visible_to(staff.actor, Permission.REPORTS).order_by("name", "pk"))
    asked = _asked(request.GET, sites)
    context: dict[str, Any] = {
        **access.context(request),
        "title": _("Who brought whom"),
        "websites": _choices(sites, asked.website) if len(sites) > 1 else [],
        "asked": asked,
        "address": reverse("admin:report_chain"),
        "most_open": chain.MOST_OPEN,
    }
    shown = _Shown(staff, asked, has_websites=len(sites) > 1)
    try:
        context |= shown.from_customer() if asked.customer else shown.from_the_beginning()
    except chain_starts.NoSuchCustomer as refusal:
        context["problem"] = refusal
    return render(request, "backoffice/chain.html", context)


def _asked(query: Any, sites: Sequence[Website]) -> Asked:  # noqa: ANN401 - a QueryDict
    website = paging.number(query.get("website"))
    return Asked(
        str(query.get("customer") or "").strip(),
        website if website in {one.pk for one in sites} else None,
        tuple(paging.numbers(query.get("open") or "")[:_NUMBERS]),
        paging.number(query.get("before")),
        min(paging.number(query.get("skip")) or 0, chain_starts.WINDOW),
    )


def _choices(sites: Sequence[Website], chosen: int | None) -> list[dict[str, Any]]:
    return [{"value": str(one.pk), "name": one.name, "is_on": one.pk == chosen} for one in sites]


class _Shown:
    """What the page shows, in words, to somebody who sees addresses at some websites."""

    def __init__(self, staff: Staff, asked: Asked, *, has_websites: bool) -> None:
        self.actor, self.asked, self.has_websites = staff.actor, asked, has_websites
        self.opened: tuple[int, ...] = ()
        self._anchored: set[int] = set()

    def from_customer(self) -> dict[str, Any]:
        """Return the chain below one customer, or all with an address, with the way up from one."""
        asked = self.asked
        found = chain_starts.find(asked.customer, actor=self.actor, website_id=asked.website)
        nodes = chain.nodes([one.pk for one in found])
        one = found[0] if len(found) == 1 else None
        chosen = {customer.pk for customer in found}
        self._grow(nodes, {*asked.opened, *chosen}, asked.before if one else None)
        origin = chain_starts.origin(one) if one else None
        return {
            "nodes": [self._node(node) for node in nodes],
            "chosen": self._name(one) if one else "",
            "origin": self._origin(origin) if origin else None,
            "is_later": one is not None and asked.before is not None,
            "newest": asked.query(before=None),
        }

    def from_the_beginning(self) -> dict[str, Any]:
        """Return a page of those who began."""
        asked = self.asked
        begun = chain_starts.beginnings(
            within=chain_starts.websites(self.actor, asked.website),
            before=asked.before,
            skip=asked.skip,
            size=chain.LEVEL,
        )
        self._grow(begun.nodes, set(asked.opened), None)
        return {
            "nodes": [self._node(node) for node in begun.nodes],
            "days": _days(begun),
            "following": self._following(begun),
            "is_later": bool(asked.before or asked.skip),
            "newest": asked.query(before=None, skip=0, open=""),
        }

    def _following(self, begun: Beginnings) -> str:
        """Return the query of the page that goes on after this one, if one does."""
        if begun.has_more:
            return self.asked.query(skip=begun.skip + chain.LEVEL, open="")
        return self.asked.query(before=begun.following, skip=0, open="") if begun.following else ""

    def _grow(self, nodes: Sequence[Node], opened: set[int], before: int | None) -> None:
        # What is open stays in the addresses, in the order in which it was asked for; what is hidden by now leaves them.
        seen = chain.grow(nodes, opened=opened, before=before)
        kept = [pk for pk in self.asked.opened if pk in seen]
        self.opened = tuple(dict.fromkeys([*kept, *sorted(seen)]))

    def _node(self, node: Node) -> dict[str, Any]:
        pk, name = node.customer.pk, self._name(node.customer)
        begins = self.asked.query(customer=pk, open="", before=None, skip=0)
        toggle = self._toggle(node)
        # Whose credit is shared stands in several places: one of them is where their addresses lead.
        anchor = f"c{pk}" if (toggle or node.level is not None) and pk not in self._anchored else ""
        if anchor:
            self._anchored.add(pk)
        return {
            "elsewhere": f"#c{pk}" if node.is_elsewhere else "",
            "name": name,
            "address": self._address(node.customer),
            "begins": begins,
            "facts": self._facts(node),
            "joined_at": node.customer.created_at,
            "invitation": self._invitation(node),
            "toggle": f"{toggle}#c{pk}" if toggle else "",
            "anchor": anchor,
            "opens": pgettext("chain", "Show whom %(name)s brought") % {"name": name},
            "closes": pgettext("chain", "Hide whom %(name)s brought") % {"name": name},
            "level": None if node.level is None else [self._node(one) for one in node.level],
            "following": self.asked.query(customer=pk, open="", before=node.following, skip=0)
            if node.following
            else "",
        }

    def _toggle(self, node: Node) -> str:
        """Return the query that opens or closes the level below a node; nothing where there is none."""
        pk = node.customer.pk
        if not node.can_open or node.is_elsewhere:
            return ""
        if node.level is not None:
            # Whoever was asked for stays open.
            if self.asked.customer and node.invitation_id is None:
                return ""
            return self.asked.query(open=",".join(str(one) for one in self.opened if one != pk))
        if len(self.opened) >= chain.MOST_OPEN:
            return self.asked.query(customer=pk, open="", before=None, skip=0)
        return self.asked.query(open=",".join(map(str, (*self.opened, pk))))

    def _facts(self, node: Node) -> list[str]:
        """Return what else is said of somebody: group, website, how many they invited and how many joined."""
        facts = [str(node.customer.group)]
        if self.has_websites and node.invitation_id is None:
            facts.append(str(node.customer.website))
        counts = {"invited": charts.number(node.invited), "joined": charts.number(node.joined)}
        if node.has_more:
            facts.append(_("invited more than %(invited)s; of the last of them %(joined)s joined") % counts)
        elif node.invited:
            facts.append(_("invited %(invited)s, %(joined)s joined") % counts)
        else:
            facts.append(_("invited nobody"))
        if node.share != chain.WHOLE:
            facts.append(_("%(share)s of the credit") % {"share": _percent(node.share)})
        return facts

    def _invitation(self, node: Node) -> dict[str, Any] | None:
        """Return by which invitation somebody came, and its page where they may see it."""
        if node.invitation_id is None:
            return None
        may_see = self.actor.may(Permission.VIEW, node.customer.website_id)
        url = reverse("admin:invitation", args=[node.invitation_id]) if may_see else ""
        return {"label": node.occasion or _("the shop itself"), "url": url}

    def _origin(self, origin: Origin) -> dict[str, Any]:
        steps = [
            {"name": self._name(one), "url": self.asked.query(customer=one.pk, open="", before=None)}
            for one in origin.path
        ]
        others = [self._name(one) for one in origin.others]
        return {"steps": steps, "others": others, "is_invited": origin.is_invited, "is_cut": origin.is_cut}

    def _name(self, customer: Customer) -> str:
        """Return what somebody is called: an address in the place of a name only where addresses are seen."""
        if customer.name == customer.email and not self._sees_address(customer):
            return _("customer %(number)s") % {"number": customer.pk}
        return str(customer)

    def _address(self, customer: Customer) -> str:
        is_shown = customer.email and customer.email != customer.name and self._sees_address(customer)
        return str(customer.email) if is_shown else ""

    def _sees_address(self, customer: Customer) -> bool:
        return self.actor.may(Permission.VIEW, customer.website_id)


def _days(begun: Beginnings) -> str:
    """Return on which days those joined who were gone through; nothing where all were."""
    if begun.first is None or begun.last is None:
        return ""
    return wording.days(Span(*(timezone.localtime(at).date() for at in (begun.first, begun.last))))


def _percent(share: int) -> str:
    locale = (get_language() or "en").replace("-", "_")
    return str(format_percent(Decimal(share) / chain.WHOLE, format="#,##0.#%", locale=locale))
