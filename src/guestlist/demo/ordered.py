"""The pages of what a customer ordered: all of it, one of them, and the way back."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from django.contrib import messages
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from guestlist.demo import buying, views, visit
from guestlist.orders.models import Order
from guestlist.refusal import Refusal

if TYPE_CHECKING:
    import uuid

    from django.http import HttpResponse

    from guestlist.stores.middleware import StoreRequest

_LISTED = 50
_FRESH = datetime.timedelta(hours=1)
"""For so long after it an order is something to say thanks for."""


@require_safe
def orders(request: StoreRequest) -> HttpResponse:
    """Show what a customer ordered at this website, newest first."""
    customer = visit.customer(request)
    if customer is None:
        return views.to_account(request, reverse("shop:orders"))
    newest = Order.objects.filter(customer=customer).order_by("-placed_at", "-pk")[:_LISTED]
    return views.shown(request, "demo/orders.html", orders=newest)


@require_safe
def order(request: StoreRequest, public_id: uuid.UUID) -> HttpResponse:
    """Show an order: thank for it while it is fresh, and ask its customer to bring a friend."""
    one = _own(request, public_id)
    lines = buying.lines(one, request.store_view)
    is_whole = one.cancelled_at is None and not one.refunded
    return views.shown(
        request,
        "demo/order.html",
        order=one,
        lines=lines,
        is_fresh=is_whole and one.placed_at > timezone.now() - _FRESH,
        may_return=one.cancelled_at is None and any(line.returned < line.quantity for line in lines),
    )


@require_POST
def cancel(request: StoreRequest, public_id: uuid.UUID) -> HttpResponse:
    """Cancel an order, for good."""
    one = buying.cancel(order=_own(request, public_id), now=timezone.now())
    messages.success(request, _("Order %(number)s is canceled.") % {"number": one.number})
    return redirect("shop:order", public_id=public_id)


@require_POST
def give_back(request: StoreRequest, public_id: uuid.UUID) -> HttpResponse:
    """Take back some of an order, and give the money back."""
    one = _own(request, public_id)
    if one.cancelled_at is not None:
        messages.error(request, _("This order was canceled, so there is nothing to send back."))
        return redirect("shop:order", public_id=public_id)
    returned = {
        line.line_id: views.whole(request.POST.get(f"line-{line.line_id}"))
        for line in buying.lines(one, request.store_view)
    }
    try:
        after = buying.give_back(order=one, returned=returned, now=timezone.now())
    except Refusal as refusal:
        messages.error(request, str(refusal))
        return redirect("shop:order", public_id=public_id)
    if after.refunded == one.refunded:
        messages.warning(request, _("Choose how many pieces come back."))
    else:
        messages.success(request, _("Thank you. Your money is on its way back."))
    return redirect("shop:order", public_id=public_id)


def _own(request: StoreRequest, public_id: uuid.UUID) -> Order:
    """Return an order of the visitor's, or none at all."""
    return get_object_or_404(Order, public_id=public_id, customer=visit.customer(request))
