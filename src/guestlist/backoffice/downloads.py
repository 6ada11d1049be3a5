"""Files that are made while they are downloaded: few at a time, asked for from the staff site itself."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Self, cast

from django.http import StreamingHttpResponse
from django.shortcuts import render
from django.utils import translation
from django.utils.http import content_disposition_header
from django.utils.translation import gettext_lazy as _

from guestlist.backoffice import access
from guestlist.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from django.http import HttpRequest, HttpResponse
    from django.http.response import HttpResponseBase

MOST = 2
"""Most files that a process makes at a time: each keeps one of its threads for as long as that takes."""
_AGAIN_AFTER = 60
_HERE = frozenset({"", "none", "same-origin"})
"""Where a browser says that a request comes from: typed or a bookmark, or a page of this site; older ones say nothing."""


class NoPlace(Refusal):
    """Not now: files are being made already."""

    code = "no_place"
    status = 429
    message = _("Others are downloading files just now. Try again in a minute.")


class OneAtATime(NoPlace):
    """The same person's last one is still being made."""

    code = "one_at_a_time"
    message = _(
        "Your last file is still being made. Wait until it is there, or cancel its download, and try again."
    )


class AskedFromElsewhere(Refusal):
    """Another website led here: its visitor may not know what they ask for."""

    code = "asked_from_elsewhere"
    status = 403
    message = _(
        "Another website asked for this file. Ask for it yourself, with its button in the staff site."
    )


class _Places:
    """Who is being given a file by this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken: set[int] = set()

    def take(self, who: int) -> None:
        with self._lock:
            if who in self._taken:
                raise OneAtATime
            if len(self._taken) >= MOST:
                raise NoPlace
            self._taken.add(who)

    def leave(self, who: int) -> None:
        with self._lock:
            self._taken.discard(who)


_places = _Places()


class _Pieces:
    """The pieces of a file, each in its reader's language; whoever stops reading, or never begins, leaves the place."""

    def __init__(self, pieces: Generator[bytes], who: int) -> None:
        _places.take(who)
        self._pieces, self._who, self._language = pieces, who, translation.get_language()
        self._is_open = True

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        try:
            # A file is sent when the request's own language is over.
            with translation.override(self._language):
                return next(self._pieces)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        if self._is_open:
            self._is_open = False
            _places.leave(self._who)
            self._pieces.close()

    def __del__(self) -> None:
        if getattr(self, "_is_open", False):
            self.close()


def as_file(request: HttpRequest, pieces: Iterator[bytes], *, name: str, media_type: str) -> HttpResponseBase:
    """Return a file to be saved, sent while it is made, and kept by nothing on the way; or the page that says why not."""
    if request.headers.get("Sec-Fetch-Site", "") not in _HERE:
        return _refused(request, AskedFromElsewhere())
    try:
        held = _Pieces(cast("Generator[bytes]", pieces), access.of(request).actor.id or 0)
    except NoPlace as refusal:
        return _refused(request, refusal)
    return StreamingHttpResponse(
        held,
        content_type=media_type,
        headers={
            "Content-Disposition": str(content_disposition_header(as_attachment=True, filename=name)),
            "Cache-Control": "no-store",
            "X-Accel-Buffering": "no",
            "X-Content-Type-Options": "nosniff",
        },
    )


def _refused(request: HttpRequest, refusal: NoPlace | AskedFromElsewhere) -> HttpResponse:
    context = {**access.context(request), "title": _("The file was not made"), "said": str(refusal)}
    answer = render(request, "backoffice/problem.html", context, status=refusal.status)
    if isinstance(refusal, NoPlace):
        answer.headers["Retry-After"] = str(_AGAIN_AFTER)
    return answer
