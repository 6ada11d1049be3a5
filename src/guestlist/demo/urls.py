"""Where the demo's pages answer: the inbox without a prefix, the shop below each store view's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.urls import path

from guestlist.demo import inbox, ordered, views

if TYPE_CHECKING:
    from django.urls import URLPattern

inbox_urlpatterns: list[URLPattern] = [
    path("inbox/", inbox.mails, name="demo-inbox"),
    path("inbox.json", inbox.as_json, name="demo-inbox-json"),
    path("inbox/<int:mail_id>/", inbox.mail, name="demo-mail"),
    path("inbox/<int:mail_id>/page/", inbox.page, name="demo-mail-page"),
]

shop_urlpatterns: list[URLPattern] = [
    path("", views.front, name="front"),
    path("products/<slug:slug>/", views.product, name="product"),
    path("cart/", views.cart, name="cart"),
    path("cart/change/", views.change_cart, name="change_cart"),
    path("checkout/", views.checkout, name="checkout"),
    path("orders/", ordered.orders, name="orders"),
    path("orders/<uuid:public_id>/", ordered.order, name="order"),
    path("orders/<uuid:public_id>/cancel/", ordered.cancel, name="cancel_order"),
    path("orders/<uuid:public_id>/return/", ordered.give_back, name="give_back"),
    path("sale/", views.sale, name="sale"),
    path("event/", views.event, name="event"),
    path("wish-list/<slug:slug>/", views.wish_list, name="wish_list"),
    path("privacy/", views.privacy, name="privacy"),
    path("terms/", views.terms, name="terms"),
]
