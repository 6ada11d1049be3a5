"""Who gets to which page of the storefront."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Concatenate

from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect

from guestlist.customers.models import Customer
from guestlist.invitations import rules
from guestlist.storefront.context import options

if TYPE_CHECKING:
    from collections.abc import Callable

    from guestlist.invitations.config import Invitations
    from guestlist.stores.models import StoreView


class ShopRequest(HttpRequest):
    """A request on a shop's own page, as the middleware leaves it."""

    store_view: StoreView
    customer: Customer


def config_of(request: HttpRequest) -> Invitations:
    """Give the options that count at the request's store view."""
    return options(request)


def for_inviters[**P](
    view: Callable[Concatenate[ShopRequest, P], HttpResponse],
) -> Callable[Concatenate[ShopRequest, P], HttpResponse]:
    """Let customers pass who may invite here: elsewhere the page does not exist, strangers sign in first."""

    @wraps(view)
    def guarded(request: ShopRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        config = config_of(request)
        if not config.on_storefront or config.who_may_invite == "nobody":
            raise Http404
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        customer: Customer | None = request.customer
        # Not "is None": it is a lazy object, falsy for a stranger.
        if not customer:
            return redirect("storefront:account")
        if not rules.may_invite(customer, config):
            raise Http404
        return view(request, *args, **kwargs)

    return guarded  # type: ignore[return-value]  # the wrapper is called as the view is
