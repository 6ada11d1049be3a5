"""Which store view answers, in which language and time zone, and what is left behind afterwards."""

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django.urls import get_script_prefix, set_script_prefix
from django.utils import timezone, translation

from guestlist.stores.middleware import LanguageMiddleware, StoreViewMiddleware
from guestlist.stores.models import StoreView
from tests import make

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def hosts(settings) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    settings.GUESTLIST_HOST_ALIASES = {"localhost:8000": "shop.example"}
    set_script_prefix("/")


class Seen:
    """What the page behind the middleware saw."""

    view: StoreView | None
    path: str
    prefix: str
    language: str
    zone: str

    def __call__(self, request: HttpRequest) -> HttpResponse:
        self.view = request.store_view  # type: ignore[attr-defined]
        self.path = request.path_info
        self.prefix = get_script_prefix()
        self.language = translation.get_language() or ""
        self.zone = timezone.get_current_timezone_name()
        return HttpResponse()


def ask(path: str, host: str = "shop.example", **headers: str) -> tuple[HttpResponse, Seen]:
    seen = Seen()
    request = RequestFactory().get(path, headers={"host": host, **headers})
    response = StoreViewMiddleware(LanguageMiddleware(seen))(request)
    assert isinstance(response, HttpResponse)
    return response, seen


def shop() -> dict[str, StoreView]:
    site = make.website()
    views = {
        path: make.store_view(site, host="shop.example", path=path, language=language, time_zone=zone)
        for path, language, zone in [
            ("", "nl", "Europe/Amsterdam"),
            ("/en", "en", "Europe/London"),
            ("/en/outlet", "de", "Europe/Berlin"),
        ]
    }
    return views | {"other": make.store_view(host="other.example", path="/shop")}


@pytest.mark.parametrize(
    ("path", "found", "inner", "language", "zone"),
    [
        ("/", "", "/", "nl", "Europe/Amsterdam"),
        ("/account/", "", "/account/", "nl", "Europe/Amsterdam"),
        ("/en", "/en", "/", "en", "Europe/London"),
        ("/en/", "/en", "/", "en", "Europe/London"),
        ("/en/account/", "/en", "/account/", "en", "Europe/London"),
        ("/english/", "", "/english/", "nl", "Europe/Amsterdam"),
        ("/en/outlet/account/", "/en/outlet", "/account/", "de", "Europe/Berlin"),
        ("/en/outlets/", "/en", "/outlets/", "en", "Europe/London"),
        ("/staffing/", "", "/staffing/", "nl", "Europe/Amsterdam"),
        ("/en/staff/", "/en", "/staff/", "en", "Europe/London"),
    ],
)
def test_longest_prefix_wins_when_views_share_a_host(
    path: str, found: str, inner: str, language: str, zone: str
) -> None:
    views = shop()

    response, seen = ask(path)

    assert seen.view == views[found]
    assert (seen.path, seen.prefix) == (inner, f"{found}/")
    assert (seen.language, seen.zone) == (language, zone)
    assert response.headers["Content-Language"] == language


@pytest.mark.parametrize("host", ["shop.example", "SHOP.example", "localhost:8000", "LOCALHOST:8000"])
def test_view_is_found_when_the_host_is_spelled_differently_or_an_alias(host: str) -> None:
    views = shop()

    assert ask("/en/", host)[1].view == views["/en"]


@pytest.mark.parametrize(
    ("host", "path"),
    [
        ("nobody.example", "/"),
        ("shop.example:81", "/"),
        ("hop.example", "/"),
        ("shop.exampl", "/"),
        ("other.example", "/"),
        ("other.example", "/shopping/"),
        ("%", "/"),
    ],
)
def test_answer_is_404_when_no_view_lives_there(host: str, path: str) -> None:
    shop()
    seen = Seen()
    request = RequestFactory().get(path, headers={"host": "x"})
    request.get_host = lambda: host  # type: ignore[method-assign]

    response = StoreViewMiddleware(LanguageMiddleware(seen))(request)

    assert response.status_code == 404
    assert not hasattr(seen, "view")


@pytest.mark.parametrize(
    "path", ["/staff/", "/staff", "/api/v1/", "/health/live", "/demo/inbox/", "/static/x.css", "/media/x"]
)
def test_no_view_is_set_when_the_path_is_the_installations_own(path: str) -> None:
    shop()

    response, seen = ask(path, "nobody.example", **{"accept-language": "nl"})

    assert seen.view is None
    assert (seen.path, seen.prefix, seen.language, seen.zone) == (path, "/", "nl", "UTC")
    assert "Accept-Language" in response.headers["Vary"]


def test_nothing_is_left_behind_when_the_answer_was_given() -> None:
    shop()
    before = get_script_prefix(), translation.get_language(), timezone.get_current_timezone_name()

    ask("/en/outlet/")

    assert (get_script_prefix(), translation.get_language(), timezone.get_current_timezone_name()) == before


def test_prefix_is_taken_back_when_the_page_fails() -> None:
    shop()

    def fails(request: HttpRequest) -> HttpResponse:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        StoreViewMiddleware(fails)(RequestFactory().get("/en/", headers={"host": "shop.example"}))

    assert get_script_prefix() == "/"


def test_page_of_the_shop_is_found_below_the_prefix_when_asked_through_all_layers(client) -> None:
    shop()

    assert client.get("/nowhere/", headers={"host": "shop.example"}).status_code == 404
    answer = client.get("/", headers={"host": "nobody.example"})
    assert answer.status_code == 404
    assert "text/html" in answer.headers["Content-Type"]
