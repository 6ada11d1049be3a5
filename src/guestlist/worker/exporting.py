"""`guestlist export`: invitations as a file, on the command line."""

from __future__ import annotations

import datetime
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from django.db.models import F
from django.utils import timezone, translation

from guestlist.customers.models import CustomerGroup
from guestlist.invitations import exports
from guestlist.invitations.exports import Export
from guestlist.invitations.filters import NONE, Filter
from guestlist.refusal import Refusal
from guestlist.stores.models import StoreView, Website
from guestlist.worker.commanding import actor, fail

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_CODED: dict[str, Any] = {"website": Website, "store_view": StoreView, "group": CustomerGroup}
"""The fields of the filter that the command takes codes for."""


class UnknownCode(Refusal):
    """Nothing has this code."""

    code = "unknown_code"
    message = "There is no %(what)s “%(code)s”. These exist: %(known)s."


def main(*, query: Mapping[str, str], kind: str, output: Path) -> int:
    """Write what matches to a file, whole or not at all; returns the exit status."""
    with translation.override("en"):
        try:
            chosen = Filter.from_query(by_ids(query))
            now = timezone.now().astimezone(_zone(chosen))
            pieces = exports.export(what=Export(chosen, actor(), now), kind=kind)
            if str(output) == "-":
                _pass_on(pieces)
            else:
                write(pieces, output)
        except Refusal as refusal:
            return fail(str(refusal))
        except OSError as error:
            return fail(f"{output} cannot be written: {error.strerror or error}")
    return 0


def _zone(chosen: Filter) -> datetime.tzinfo:
    """Return where days begin: at the store view or website that is asked for, else where the staff site has them."""
    views = StoreView.objects.order_by("website__name", "website", "pk")
    if chosen.store_view is not None:
        views = views.filter(pk=chosen.store_view)
    else:
        views = views.filter(website__default_store_view=F("pk"))
        views = views if chosen.website is None else views.filter(website=chosen.website)
    view = views.first()
    return ZoneInfo(view.time_zone) if view else datetime.UTC


def by_ids(query: Mapping[str, str]) -> dict[str, str]:
    """Return the filter's parameters with ids in the place of codes.

    :raises UnknownCode: when nothing has one.
    """
    read = dict(query)
    for name, model in _CODED.items():
        if read.get(name) and read[name] != NONE:
            read[name] = str(coded(model, read[name]).pk)
    return read


def coded(model: Any, code: str) -> Any:  # noqa: ANN401 - any model with a code
    """Return what has this code.

    :raises UnknownCode: when nothing has.
    """
    found = model.objects.filter(code=code).first()
    if found is None:
        known = ", ".join(model.objects.order_by("code").values_list("code", flat=True)[:50]) or "none"
        raise UnknownCode(what=model._meta.verbose_name, code=code, known=known)
    return found


def _pass_on(pieces: Iterator[bytes]) -> None:
    for piece in pieces:
        sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()


def write(pieces: Iterator[bytes], output: Path) -> None:
    """Write beside the file and put it in its place when it is whole: nobody finds half of one."""
    handle, name = tempfile.mkstemp(dir=output.parent, prefix=f".{output.name}.")
    beside = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            for piece in pieces:
                file.write(piece)
        beside.chmod(0o600)  # it has addresses in it
        beside.replace(output)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
