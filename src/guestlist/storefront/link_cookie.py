"""The token of an invitation's link, kept out of the address bar in a signed HttpOnly cookie."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponseBase

NAME = "guestlist_invitation"
MAX_AGE = 24 * 60 * 60
"""Seconds between opening the link and the last answer; later the link in the mail is opened again."""
_SALT = "guestlist.storefront.invitation"


def keep(response: HttpResponseBase, token: str) -> None:
    """Keep a token for the pages that follow; nothing is checked yet and nothing is written to the database."""
    response.set_signed_cookie(
        NAME,
        token,
        salt=_SALT,
        max_age=MAX_AGE,
        httponly=True,
        secure=settings.SESSION_COOKIE_SECURE,
        samesite="Lax",
        path="/",  # the sibling store views answer to the same invitation
    )


def read(request: HttpRequest) -> str:
    """Return the kept token, or nothing when there is none, it is too old or somebody changed it."""
    return request.get_signed_cookie(NAME, default="", salt=_SALT, max_age=MAX_AGE) or ""


def forget(response: HttpResponseBase) -> None:
    """Forget the token once it has served."""
    response.delete_cookie(NAME, path="/", samesite="Lax")
