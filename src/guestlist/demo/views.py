"""The pages of the demo's shops: just enough of a shop to have something to invite friends to."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from guestlist.demo import buying, catalog, visit
from guestlist.demo import cart as carts
from guestlist.occasions.models import Occasion, OccasionKind
from guestlist.refusal import Refusal

if TYPE_CHECKING:
    from django.http import HttpResponse

    from guestlist.stores.middleware import StoreRequest

_ORDERING, _ORDERED = "demo_order", "demo_ordered"
"""In the session: the number of the checkout that is shown, and what the last one became."""


@require_safe
def front(request: StoreRequest) -> HttpResponse:
    """Show what the shop sells."""
    occasion = visit.occasion(request, OccasionKind.PRIVATE_SALE) or visit.occasion(
        request, OccasionKind.EVENT
    )
    return shown(
        request,
        "demo/front.html",
        offers=_offers(request, catalog.products(request.store_view)),
        occasion=occasion,
    )


@require_safe
def product(request: StoreRequest, slug: str) -> HttpResponse:
    """Show one product."""
    found = _product(request, slug)
    others = [other for other in catalog.products(request.store_view) if other.slug != slug]
    start = sum(map(ord, slug)) % len(others)
    return shown(
        request,
        "demo/product.html",
        offer=_offers(request, [found])[0],
        others=_offers(request, (others + others)[start : start + 4]),
        most=range(1, 7),
    )


@require_safe
def cart(request: StoreRequest) -> HttpResponse:
    """Show what the visitor is about to buy."""
    return shown(request, "demo/cart.html", most=range(1, carts.MOST + 1))


@require_POST
def change_cart(request: StoreRequest) -> HttpResponse:
    """Add a product to the cart, or set how many of it are in there."""
    found = _product(request, request.POST.get("product", ""))
    if "add" in request.POST:
        carts.add(request.session, request.store_view, found.slug, max(whole(request.POST.get("add")), 1))
        messages.success(request, _("%(product)s is in your cart.") % {"product": found.name})
    else:
        carts.put(request.session, request.store_view, found.slug, whole(request.POST.get("quantity")))
    return redirect("shop:cart")


def checkout(request: StoreRequest) -> HttpResponse:
    """Let a customer order; there is no other way, as a guest's order would be an account without an invitation."""
    content = visit.cart(request)
    once = request.POST.get("once", "")
    if not content.lines:
        return _ordered(request, once)
    customer = visit.customer(request)
    if customer is None:
        return to_account(request, reverse("shop:checkout"))
    if request.method != "POST":
        request.session[_ORDERING] = secrets.token_hex(8)
        return shown(request, "demo/checkout.html", once=request.session[_ORDERING])
    # The page's own number is the order's, so that two presses at the same moment are one order. Once it is used, what is
    # in the cart is something else.
    if not once or once != request.session.get(_ORDERING):
        messages.warning(request, _("This page was out of date. Please look at your order once more."))
        return redirect("shop:checkout")
    try:
        placed = buying.buy(
            store_view=request.store_view, customer=customer, cart=content, once=once, now=timezone.now()
        )
    except Refusal as refusal:
        messages.warning(request, str(refusal))
        return redirect("shop:checkout")
    del request.session[_ORDERING]
    request.session[_ORDERED] = {"once": once, "order": str(placed.public_id)}
    carts.empty(request.session, request.store_view)
    return redirect("shop:order", public_id=placed.public_id)


def _ordered(request: StoreRequest, once: str) -> HttpResponse:
    """Lead the second press of the button, which comes after the first one emptied the cart, to that one's order."""
    ordered = request.session.get(_ORDERED, {})
    if once and once == ordered.get("once"):
        return redirect("shop:order", public_id=ordered["order"])
    return redirect("shop:cart")


@require_safe
def sale(request: StoreRequest) -> HttpResponse:
    """Show the private sale to customers, and to others what it takes to see it."""
    occasion = visit.occasion(request, OccasionKind.PRIVATE_SALE)
    if occasion is None:
        raise Http404
    reduced = [one for one in catalog.products(request.store_view) if one.sale]
    return shown(request, "demo/sale.html", occasion=occasion, offers=_offers(request, reduced))


@require_safe
def event(request: StoreRequest) -> HttpResponse:
    """Show the event."""
    occasion = visit.occasion(request, OccasionKind.EVENT)
    if occasion is None:
        raise Http404
    return shown(request, "demo/event.html", occasion=occasion)


@require_safe
def wish_list(request: StoreRequest, slug: str) -> HttpResponse:
    """Show a customer's wish list to whoever has its address."""
    wishes = Occasion.objects.filter(kind=OccasionKind.WISH_LIST, website=request.store_view.website_id)
    occasion = get_object_or_404(wishes.select_related("owner"), page=f"/wish-list/{slug}/")
    wanted = [one for one in catalog.products(request.store_view) if one.slug in buying.WISHES]
    return shown(request, "demo/wish_list.html", occasion=occasion, offers=_offers(request, wanted))


@require_safe
def privacy(request: StoreRequest) -> HttpResponse:
    """Show the privacy page of the example shop."""
    return shown(request, "demo/privacy.html")


@require_safe
def terms(request: StoreRequest) -> HttpResponse:
    """Show the terms of the example shop."""
    return shown(request, "demo/terms.html")


def shown(request: StoreRequest, template: str, **context: Any) -> HttpResponse:  # noqa: ANN401 - a template's own
    """Show a page of the shop, with what all of them have."""
    return render(
        request,
        template,
        {
            "cart": visit.cart(request),
            "customer": visit.customer(request),
            "currency": request.store_view.currency,
            **context,
        },
    )


def to_account(request: StoreRequest, back: str) -> HttpResponse:
    """Send a visitor to where they become a customer of this website: signing in, or one press when they have."""
    if request.user.is_authenticated:
        return redirect("storefront:account")
    return redirect(f"{reverse('account_login')}?{urlencode({'next': back})}")


def _product(request: StoreRequest, slug: str) -> catalog.Product:
    found = catalog.find(request.store_view, slug)
    if found is None:
        raise Http404
    return found


def _offers(request: StoreRequest, products: list[catalog.Product]) -> list[catalog.Offer]:
    customer = visit.customer(request)
    in_sale = visit.in_sale(request)
    return [catalog.offer(one, request.store_view, customer, in_sale=in_sale) for one in products]


def whole(text: str | None) -> int:
    """Return the small number that somebody typed or chose; 0 for anything else."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 4 else 0  # noqa: PLR2004 - digits
