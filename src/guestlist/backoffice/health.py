"""Whether the installation lives, and whether it can take requests: for whoever watches it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import DatabaseError
from django.http import JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from guestlist.stores import schema

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


@require_safe
@never_cache
def live(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - a view
    """Answer as long as the process does."""
    return JsonResponse({"status": "ok"})


@require_safe
@never_cache
def ready(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - a view
    """Answer 200 when the database is reached and every migration is applied, 503 with the reason otherwise."""
    checks = {"database": "ok", "migrations": "ok"}
    try:
        if not schema.is_current():
            checks["migrations"] = "pending"
    except DatabaseError:
        # The reason stands in the log of the database; strangers read this page.
        checks = {"database": "unreachable", "migrations": "unknown"}
    fine = set(checks.values()) == {"ok"}
    return JsonResponse({"status": "ok" if fine else "unavailable", **checks}, status=200 if fine else 503)
