"""The pages of the example shops."""

import re

import pytest
from django.test import Client

from guestlist.customers.models import Customer
from guestlist.demo import catalog, money
from guestlist.demo.models import OrderLine
from guestlist.occasions.models import Occasion
from guestlist.orders.models import Order
from guestlist.stores.models import StoreView

PAGES = [
    "/",
    "/products/mok-duinen/",
    "/cart/",
    "/sale/",
    "/event/",
    "/privacy/",
    "/terms/",
    "/wish-list/sanne-en-mark/",
]


def _once(client: Client, path: str = "") -> str:
    found = re.search(r'name="once" value="(\w+)"', client.get(f"{path}/checkout/").content.decode())
    assert found
    return found[1]


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("view", ["", "/en", "/de"])
def test_page_answers_when_a_stranger_asks(shop, page, view):
    answer = Client().get(f"{view}{page}")
    assert answer.status_code == 200
    policy = answer.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert not re.search(r"<script(?![^>]*src=)|\sstyle=|\son\w+=", answer.content.decode())


def test_words_are_those_of_the_view(shop):
    assert "Voor de tafel" in Client().get("/").content.decode()
    assert "For the table" in Client().get("/en/").content.decode()
    assert "Mooie dingen" in Client().get("/outlet/").content.decode()


@pytest.mark.parametrize(
    "page", ["/outlet/products/mok-duinen/", "/outlet/sale/", "/outlet/event/", "/products/nothing/"]
)
def test_page_is_missing_when_the_website_does_not_have_it(shop, page):
    assert Client().get(page).status_code == 404


def test_pictures_are_there_for_every_product(shop):
    from django.contrib.staticfiles import finders

    for view in StoreView.objects.select_related("website"):
        products = catalog.products(view)
        assert len(products) >= 12
        assert all(finders.find(product.picture) for product in products)


def test_logo_is_served_when_a_page_asks_for_it(shop):
    view = StoreView.objects.get(code="klei_nl")
    answer = Client().get(view.logo.url)
    assert answer.status_code == 200
    assert b"".join(answer).startswith(b"<svg")


def test_cart_counts_when_products_are_put_in(shop):
    client = Client()
    client.post("/cart/change/", {"product": "mok-duinen", "add": "2"})
    client.post("/cart/change/", {"product": "mok-duinen", "add": "1"})
    page = client.get("/cart/").content.decode()
    assert "55,50" in page
    client.post("/cart/change/", {"product": "mok-duinen", "quantity": "0"})
    assert "55,50" not in client.get("/cart/").content.decode()


@pytest.mark.parametrize("quantity", ["-3", "x", "", "9" * 40, "²"])
def test_quantity_is_harmless_when_it_is_no_number(shop, quantity):
    client = Client()
    assert client.post("/cart/change/", {"product": "mok-duinen", "quantity": quantity}).status_code == 302
    assert client.get("/cart/").context["cart"].pieces == 0


def test_carts_are_apart_when_the_websites_are(shop):
    client = Client()
    client.post("/cart/change/", {"product": "mok-duinen", "add": "1"})
    assert client.get("/outlet/cart/").context["cart"].pieces == 0
    assert client.get("/en/cart/").context["cart"].pieces == 1


def test_checkout_asks_to_sign_in_when_nobody_is(shop):
    client = Client()
    client.post("/cart/change/", {"product": "mok-duinen", "add": "1"})
    answer = client.get("/checkout/")
    assert answer.status_code == 302
    assert answer.headers["Location"] == "/account/login/?next=%2Fcheckout%2F"


def test_checkout_makes_no_customer_when_the_user_has_another_website(shop, sign_in):
    client = sign_in("customer@example.com")
    client.post("/outlet/cart/change/", {"product": "klok-station", "add": "1"})
    assert client.post("/outlet/checkout/").headers["Location"] == "/outlet/account/"
    assert not Customer.objects.filter(email="customer@example.com", website__code="zolder").exists()


def test_order_is_recorded_once_when_the_button_is_pressed_twice(shop, sign_in):
    client = sign_in("customer@example.com")
    client.post("/cart/change/", {"product": "mok-duinen", "add": "2"})
    once, before = _once(client), Order.objects.count()
    first = client.post("/checkout/", {"once": once})
    second = client.post("/checkout/", {"once": once})
    assert first.headers["Location"] == second.headers["Location"]
    assert Order.objects.count() == before + 1
    order = Order.objects.latest("pk")
    assert (order.total, order.currency, order.customer.email) == (3700, "EUR", "customer@example.com")
    assert OrderLine.objects.get(order=order).quantity == 2
    thanks = client.get(first.headers["Location"]).content.decode()
    assert "/account/invitations/send/" in thanks


@pytest.mark.parametrize("product", ["mok-duinen", "theepot-ijssel"])
def test_old_page_orders_nothing_more_and_leaves_the_cart(shop, sign_in, product):
    client = sign_in("customer@example.com")
    client.post("/cart/change/", {"product": "mok-duinen", "add": "1"})
    once = _once(client)
    client.post("/checkout/", {"once": once})
    before = Order.objects.count()
    client.post("/cart/change/", {"product": product, "add": "1"})

    answer = client.post("/checkout/", {"once": once}, follow=True)

    assert answer.redirect_chain == [("/checkout/", 302)]
    assert "Deze pagina was verouderd." in answer.content.decode()
    assert Order.objects.count() == before
    client.post("/checkout/", {"once": _once(client)})
    assert Order.objects.count() == before + 1
    assert OrderLine.objects.get(order=Order.objects.latest("pk")).product == product


def test_order_is_refused_when_the_page_is_out_of_date(shop, sign_in):
    client = sign_in("customer@example.com")
    client.post("/cart/change/", {"product": "mok-duinen", "add": "2"})
    before = Order.objects.count()
    assert client.post("/checkout/", {"once": "made-up"}).headers["Location"] == "/checkout/"
    assert Order.objects.count() == before


def test_order_is_hidden_when_it_is_somebody_elses(shop, sign_in):
    order = Order.objects.filter(customer__email="wholesale@example.com").latest("pk")
    assert sign_in("wholesale@example.com").get(f"/orders/{order.public_id}/").status_code == 200
    assert sign_in("customer@example.com").get(f"/orders/{order.public_id}/").status_code == 404
    assert Client().get(f"/orders/{order.public_id}/").status_code == 404


def _bought(client: Client) -> Order:
    client.post("/cart/change/", {"product": "mok-duinen", "add": "2"})
    client.post("/cart/change/", {"product": "schaal-getij", "add": "1"})
    client.post("/checkout/", {"once": _once(client)})
    return Order.objects.latest("pk")


def test_order_is_canceled_when_its_customer_says_so(shop, sign_in):
    client = sign_in("customer@example.com")
    order = _bought(client)
    page = f"/orders/{order.public_id}/"
    assert "Dank je wel" in client.get(page).content.decode()

    client.post(f"{page}cancel/")
    answer = client.post(f"{page}cancel/", follow=True).content.decode()

    assert "is geannuleerd" in answer
    assert "Bestelling annuleren" not in answer
    order.refresh_from_db()
    assert order.cancelled_at is not None
    assert "geannuleerd" in client.get("/orders/").content.decode()
    late = client.post(f"{page}return/", {f"line-{OrderLine.objects.latest('pk').pk}": "1"}, follow=True)
    assert "niets terug te sturen" in late.content.decode()
    order.refresh_from_db()
    assert order.refunded == 0


def test_money_comes_back_when_pieces_do(shop, sign_in):
    client = sign_in("customer@example.com")
    order = _bought(client)
    mug, bowl = OrderLine.objects.filter(order=order).order_by("pk")
    page = f"/orders/{order.public_id}/"

    def sent_back(**lines: object) -> int:
        client.post(f"{page}return/", {f"line-{pk}": number for pk, number in lines.items()})
        order.refresh_from_db()
        return order.refunded

    assert sent_back() == 0
    assert sent_back(**{str(mug.pk): 1}) == mug.price
    # The same form once more, and one that knows of less.
    assert sent_back(**{str(mug.pk): 1}) == mug.price
    assert sent_back(**{str(mug.pk): 0, str(bowl.pk): 1}) == mug.price + bowl.price
    assert sent_back(**{str(mug.pk): 99, "9999": 5}) == order.total
    shown = client.get(page).content.decode()
    assert "2 teruggestuurd" in shown
    assert "Iets terugsturen" not in shown


def test_orders_are_ones_own(shop, sign_in):
    order = Order.objects.filter(customer__email="wholesale@example.com").latest("pk")
    before = Order.objects.filter(pk=order.pk).values().get()
    stranger = sign_in("customer@example.com")

    for what in ("cancel", "return"):
        assert stranger.post(f"/orders/{order.public_id}/{what}/").status_code == 404
        assert Client().post(f"/orders/{order.public_id}/{what}/").status_code == 404
        assert stranger.get(f"/orders/{order.public_id}/{what}/").status_code == 405
    assert order.number not in stranger.get("/orders/").content.decode()
    assert order.number in sign_in("wholesale@example.com").get("/orders/").content.decode()
    assert Client().get("/orders/").headers["Location"] == "/account/login/?next=%2Forders%2F"
    assert Order.objects.filter(pk=order.pk).values().get() == before


def test_price_depends_on_the_group(shop):
    view = StoreView.objects.get(code="klei_nl")
    mug = catalog.find(view, "mok-duinen")
    assert mug
    general, wholesale = (
        Customer.objects.get(email=email) for email in ("customer@example.com", "wholesale@example.com")
    )
    assert catalog.offer(mug, view, None, in_sale=False).price == 1850
    assert catalog.offer(mug, view, general, in_sale=False).price == 1850
    assert catalog.offer(mug, view, wholesale, in_sale=False).price == 1295


def test_sale_prices_show_when_a_customer_looks(shop, sign_in):
    assert "39,00" not in Client().get("/sale/").content.decode()
    assert "39,00" in sign_in("customer@example.com").get("/sale/").content.decode()


def test_wish_list_offers_to_invite_when_its_owner_looks(shop, sign_in):
    page = Occasion.objects.get(kind="wish_list").page
    assert "?occasion=" in sign_in("customer@example.com").get(page).content.decode()
    assert "?occasion=" not in sign_in("wholesale@example.com").get(page).content.decode()


@pytest.mark.parametrize(
    ("minor", "currency", "language", "shown"),
    [(1850, "EUR", "nl", "€\u00a018,50"), (1600, "GBP", "en", "£16.00")],
)
def test_amounts_read_as_the_language_writes_them(minor, currency, language, shown):
    from django.utils.translation import override

    with override(language):
        assert money.shown(minor, currency) == shown
