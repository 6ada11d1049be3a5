"""The command that puts the figures right."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    type Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - the library has no other name for it


def add_recount(commands: Commands, *, set_up: Callable[[], None]) -> None:
    """Add `guestlist recount`."""
    recount = commands.add_parser(
        "recount",
        help="count the figures once more from the history, and put right those that differ",
        description=(
            "Count the figures of all days and months once more from the history of the invitations, and put right those "
            "that differ. Mail goes on leaving meanwhile. To look only, use guestlist check --totals."
        ),
        epilog="Exit status: 0 all figures agree by now; 1 nothing was changed, and the last line says why.",
    )
    recount.add_argument("--json", action="store_true", help="print what was put right for programs")

    def run(options: argparse.Namespace, _rest: list[str]) -> int:
        set_up()
        from guestlist.worker import audit

        return audit.recount(as_json=options.json)

    recount.set_defaults(run=run, takes_rest=False)
