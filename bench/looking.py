"""Looks at every page that the grid offers, in a shop that the environment names, and prints what that took as JSON.

    python -m bench.looking        needs a database filled by `guestlist fill`

Times are those of the statements, from sending them to having their rows: what the database takes, and the way there.
"""

from __future__ import annotations

import datetime
import json
import os
import statistics
import sys
import time
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from guestlist.invitations.finding import Search
    from guestlist.invitations.parts import Order, Place

_SIZE = 50
_TIMES = 2
_SLOW_MS = 25
"""Of what takes longer the median of many times counts: of two, one pause of the machine would tell."""
_TIMES_WHERE_SLOW = 9
_BY_ADMIN = 100
"""Rows of a page of Django's admin."""


def main() -> None:
    """Look, and print."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "guestlist.settings")
    import django

    django.setup()
    from django.utils import timezone

    json.dump(Looking(timezone.now(), times=1 if "--quick" in sys.argv else _TIMES).everything(), sys.stdout)


@dataclass(slots=True)
class Looking:
    """The pages that are looked at."""

    now: datetime.datetime
    times: int
    """How often each is looked at, after a first time."""
    found: list[dict[str, Any]] = field(default_factory=list)

    def everything(self) -> dict[str, Any]:
        """Look at all pages; returns times in milliseconds."""
        from guestlist.invitations.filters import Filter
        from guestlist.invitations.finding import Search

        for query in queries(self.now):
            chosen = Filter.from_query(query)
            name = " ".join(f"{key}={value}" for key, value in query.items()) or "all"
            for reader, websites in readers():
                self._pages(f"{name}{reader}", Search(chosen, websites, self.now))
        return {"pages": self.found, **self._deep(), **self._by_admin()}

    def _pages(self, name: str, search: Search) -> None:
        from guestlist.invitations import estimates
        from guestlist.invitations.parts import Order, Sort

        for sort in Sort:
            # A short run looks one way alone.
            for descending in (True, False)[: self.times]:
                order = Order(sort, descending=descending)
                first = search.page(order, size=_SIZE)
                ways: dict[str, dict[str, Any]] = {"first": {}, "last": {"backwards": True}}
                if first.has_after:
                    ways["next"] = {"start": first.last}
                for where, how in ways.items():
                    page = search.page(order, size=_SIZE, **how)
                    self.found.append(
                        {
                            "filter": name,
                            "sort": f"{'-' if descending else ''}{sort}",
                            "page": where,
                            "ms": self._timed(partial(_shown, search, order, how)),
                            "stopped": page.looked_until is not None,
                            "search": search.chosen.email is not None,
                        }
                    )
        self.found.append(
            {
                "filter": name,
                "page": "number",
                "ms": self._timed(lambda: estimates.how_many(replace(search))),
            }
        )

    def _timed(self, do: Callable[[], object]) -> float:
        once = timed(do, times=self.times)
        return once if once <= _SLOW_MS or self.times < _TIMES else timed(do, times=_TIMES_WHERE_SLOW)

    def _deep(self) -> dict[str, float]:
        """Compare a page half way through with the first, in every order."""
        from guestlist.invitations.filters import Filter
        from guestlist.invitations.finding import Search
        from guestlist.invitations.parts import Order, Sort

        search = Search(Filter(), None, self.now)
        ratios = []
        for sort in Sort:
            order = Order(sort)
            middle = _middle(search, order)
            first = timed(partial(_shown, search, order, {}), times=15)
            deep = timed(partial(_shown, search, order, {"start": middle}), times=15)
            ratios.append(deep / first)
        return {"deep": max(ratios)}

    def _by_admin(self) -> dict[str, float]:
        """Time the last page of Django's own admin, and of the grid."""
        from django.contrib.admin import AdminSite, ModelAdmin
        from django.test import RequestFactory

        from guestlist.customers.models import User
        from guestlist.invitations.filters import Filter
        from guestlist.invitations.finding import Search
        from guestlist.invitations.models import Invitation
        from guestlist.invitations.parts import Order

        class Stock(ModelAdmin):  # type: ignore[type-arg]
            list_display = ("id", "website", "inviter", "invitee", "status", "sent_at", "accepted_at")
            list_select_related = ("website", "inviter", "invitee")
            ordering = ("-id",)
            list_per_page = _BY_ADMIN

        stock = Stock(Invitation, AdminSite())
        pages = -(-Invitation.objects.count() // _BY_ADMIN)
        request = RequestFactory().get("/", {"p": str(pages)})
        request.user = User(is_staff=True, is_superuser=True, is_active=True)

        def by_admin() -> None:
            list(stock.get_changelist_instance(request).result_list)

        search = Search(Filter(), None, self.now)
        last = timed(lambda: _shown(search, Order(), {"backwards": True}))
        return {"admin": timed(by_admin), "ours": last}


def readers() -> Iterator[tuple[str, frozenset[int] | None]]:
    """Yield who looks, with the ids of the websites that they may see (None: all)."""
    from guestlist.stores.models import Website

    # The first is the largest, the last the smallest.
    ids = list(Website.objects.order_by("pk").values_list("pk", flat=True))
    yield "", None
    yield " for staff of the largest website", frozenset(ids[:1])
    yield " for staff of two small ones", frozenset([ids[len(ids) // 2], ids[-1]])


def queries(now: datetime.datetime) -> Iterator[dict[str, str]]:
    """Yield what is filtered by: each field of the filter, with values of which many, some and none are there."""
    from django.db.models import Count

    from guestlist.customers.models import CustomerGroup
    from guestlist.invitations import filters
    from guestlist.invitations.lifecycle import Status
    from guestlist.invitations.models import Delivery, Invitation
    from guestlist.mail.models import Send
    from guestlist.occasions.models import Occasion
    from guestlist.stores.models import StoreView, Website

    yield {}
    yield from ({"status": one} for one in (*Status.values, filters.EXPIRED))
    yield from ({"delivery": one or filters.NO_MAIL} for one in Delivery.values)
    # The first is the largest, the last the smallest.
    for name, model in (("website", Website), ("store_view", StoreView)):
        ids = list(model.objects.order_by("pk").values_list("pk", flat=True))
        yield from ({name: str(pk)} for pk in (ids[0], ids[len(ids) // 2], ids[-1]))
    yield {"group": filters.NONE}
    yield from (
        {"group": str(pk)} for pk in CustomerGroup.objects.order_by("pk").values_list("pk", flat=True)
    )
    occasions = list(Occasion.objects.order_by("pk").values_list("pk", flat=True))
    yield {"occasion": filters.NONE}
    yield from ({"occasion": str(pk)} for pk in (occasions[0], occasions[-1]))
    newest = Invitation.objects.filter(inviter__isnull=False).order_by("-pk")[:5_000].values("pk")
    inviters = Invitation.objects.filter(pk__in=newest).values_list("inviter").annotate(many=Count("pk"))
    busiest = inviters.order_by("-many", "inviter")[0]
    yield {"inviter": filters.NONE}
    yield {"inviter": str(busiest[0])}
    yield {"invitee": filters.NONE}
    joined = Invitation.objects.filter(invitee__isnull=False).order_by("-pk")[0]
    yield {"invitee": str(joined.invitee_id)}
    yield {"id": str(joined.pk)}
    yield from (
        {"email": one} for one in ("ann", "gmail", "bakker", "anna.bakker", "korenmi", "zzz", "@huisman12.")
    )
    for send in Send.objects.order_by("pk")[:1]:
        yield {"send": str(send.pk)}
        yield from ({"send": str(send.pk), "status": one} for one in (Status.ACCEPTED, Status.NOT_SENT))
        yield {"send": str(send.pk), "website": str(send.website_id)}
    today = now.date()
    for days, back in ((1, 1), (1, 300), (31, 40), (31, 330), (365, 200)):
        last = today - datetime.timedelta(days=back)
        first = last - datetime.timedelta(days=days - 1)
        for name in ("sent", "registered"):
            yield {f"{name}_from": first.isoformat(), f"{name}_to": last.isoformat()}


def timed(do: Callable[[], object], *, times: int = _TIMES) -> float:
    """Return what the statements of something take, in milliseconds: the median of several times, after a first."""
    from django.db import connection

    spent: list[float] = []

    def watch(execute: Any, sql: Any, parameters: Any, many: Any, context: Any) -> Any:  # noqa: ANN401 - Django's
        begun = time.perf_counter()
        try:
            return execute(sql, parameters, many, context)
        finally:
            spent[-1] += time.perf_counter() - begun

    with connection.execute_wrapper(watch):
        for _one in range(times + 1):
            spent.append(0.0)
            do()
    return statistics.median(spent[1:]) * 1000


def _shown(search: Search, order: Order, how: dict[str, Any]) -> None:
    from guestlist.backoffice import listing

    # As a request does: what a search has learned of the table is learned anew.
    listing.loaded(replace(search).page(order, size=_SIZE, **how).ids)


def _middle(search: Search, order: Order) -> Place | None:
    """Return the place half way through the whole list."""
    part = search.parts(order)[0]
    count = part.index.count() // 2
    return part.step(None, count, down=order.descending)


if __name__ == "__main__":
    main()
