"""What visitors read when something is refused, missing or broken, and when a form's token is too old."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from guestlist.invitations.lifecycle import MoveNotAllowed

if TYPE_CHECKING:
    from guestlist.refusal import Refusal

log = logging.getLogger(__name__)

_NOT_SET_UP = frozenset({"no_sender", "no_template", "no_default_group"})
"""Refusals that only staff can do something about; their sentences are for staff."""


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a refused token: with the form as it was typed where the view can, with a page that says so elsewhere."""
    match = request.resolver_match
    if match is not None and getattr(match.func, "keeps_form", False):
        request.csrf_refused = True  # type: ignore[attr-defined]
        response: HttpResponse = match.func(request, *match.args, **match.kwargs)
        if not 300 <= response.status_code < 400:  # noqa: PLR2004 - a redirection, to sign in first, stays one
            response.status_code = 403
        return response
    return render(request, "403_csrf.html", {"reason": reason}, status=403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 - a handler has it
    """Say that a page is not here."""
    return render(request, "404.html", status=404)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 - a handler has it
    """Say that a page is not for this visitor."""
    return render(request, "403.html", status=403)


def server_error(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - a handler has it
    """Say that something is broken, with nothing that could be broken too: no database, no shop."""
    return HttpResponse(render_to_string("500.html"), status=500)


def stale_form() -> str:
    """Say why a form that was kept is to be sent once more."""
    return _("This form was open for too long, so nothing was done yet. Please send it once more.")


def sentence(refusal: Refusal) -> str:
    """Say a refusal to customers and friends, who do not know the states by the names that staff use."""
    if isinstance(refusal, MoveNotAllowed):
        return _("This invitation has changed in the meantime, so this is no longer possible.")
    if refusal.code in _NOT_SET_UP:
        log.error("A visitor was refused: %s", refusal)
        return _("This shop cannot do that yet: its set-up is not finished. Please tell the shop.")
    return str(refusal)
