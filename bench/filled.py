"""Databases with as many invitations as `guestlist fill` makes up, for what is measured over millions of them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from bench.processes import ROOT, call

if TYPE_CHECKING:
    from bench.figures import Report
    from bench.shop import Shop

SIZES = ("shared_buffers=4GB", "max_wal_size=8GB")
"""For a table of ten million: what PostgreSQL's manual says of shared_buffers is a quarter of the memory."""
SECONDS = 7_200
"""For which a step over so many is waited for."""


def fill(report: Report, shop: Shop, number: int, where: str) -> None:
    """Migrate a shop's empty database and fill it; reports how many there are, and how long that took."""
    shop.migrate()
    begun = time.monotonic()
    call([ROOT / "guestlist", "fill", "--invitations", str(number)], seconds=SECONDS, env=shop.environment())
    name = where.lower()
    report.add(f"{name}_invitations", f"{where}: invitations", number, "")
    report.add(f"{name}_fill_s", "… made up and written in", time.monotonic() - begun, "s")
