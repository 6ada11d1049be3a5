"""Which store view a request is for, and in which language it is answered."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.urls import set_script_prefix
from django.utils import timezone, translation
from django.utils.cache import patch_vary_headers

from guestlist.stores.models import StoreView

if TYPE_CHECKING:
    from collections.abc import Callable

UNPREFIXED = ("/staff/", "/api/", "/health/", "/hooks/", "/demo/", "/static/", "/media/")
"""Paths that belong to the installation and to no store view."""


class StoreRequest(HttpRequest):
    """A request behind :class:`StoreViewMiddleware` on a shop's own page."""

    store_view: StoreView


class StoreViewMiddleware:
    """Match host and leading path to a store view's base URL: the longest wins; none is a 404.

    Sets ``request.store_view`` (None for the installation's own paths) and the script prefix, so that every address that
    is reversed while answering lies below the view's own.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        """Keep the next layer."""
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Find the view, answer below its prefix, and leave no prefix behind."""
        request.store_view = None  # type: ignore[attr-defined]
        path = request.path_info
        if path.startswith(UNPREFIXED) or f"{path}/" in UNPREFIXED:
            return self.get_response(request)
        view = _match(request.get_host(), path)
        if view is None:
            return render(request, "stores/no_store_here.html", status=404)
        request.store_view = view  # type: ignore[attr-defined]
        if view.path:
            request.path_info = path[len(view.path) :] or "/"
            request.META["SCRIPT_NAME"] = view.path
        set_script_prefix(f"{view.path}/")
        try:
            return self.get_response(request)
        finally:
            set_script_prefix("/")


def _match(host: str, path: str) -> StoreView | None:
    host = settings.GUESTLIST_HOST_ALIASES.get(host.lower(), host).lower()
    # A shop has a handful of views: one small query, no cache to go stale.
    views = StoreView.objects.select_related("website").filter(base_url__icontains=f"//{host}")
    fitting = (view for view in views if view.host.lower() == host and f"{path}/".startswith(f"{view.path}/"))
    return max(fitting, key=lambda view: len(view.path), default=None)


class LanguageMiddleware:
    """Answer in the store view's language and time zone; elsewhere in the language that the browser asks for."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        """Keep the next layer."""
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Set language and zone for this answer alone."""
        view: StoreView | None = request.store_view  # type: ignore[attr-defined]
        language = view.language if view else translation.get_language_from_request(request)
        with translation.override(language), timezone.override(ZoneInfo(view.time_zone) if view else None):
            request.LANGUAGE_CODE = language
            response = self.get_response(request)
            response.headers.setdefault("Content-Language", language)
            if view is None:
                patch_vary_headers(response, ["Accept-Language", "Cookie"])
            return response
