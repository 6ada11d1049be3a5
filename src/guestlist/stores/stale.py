"""Forms whose token is refused: from before somebody signed in beside them, or sent by another site."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponseBase


def keeps_form[V: Callable[..., HttpResponseBase]](view: V) -> V:
    """Mark a view that shows its form again, filled in, or leads back to it, when the token is refused.

    The view must ask :func:`is_refused` before it acts on anything: no token, no action.
    """
    view.keeps_form = True  # type: ignore[attr-defined]
    return view


def is_refused(request: HttpRequest) -> bool:
    """Tell whether the request's CSRF token was refused, so that its form may be shown but not obeyed."""
    return getattr(request, "csrf_refused", False)
