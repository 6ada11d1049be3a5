"""The commands that take and give files of invitations, and reports on them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    type Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - the library has no other name for it

FILTERS = {
    "id": ("ID", "the invitation with this number"),
    "email": ("TEXT", "addresses that contain this, from three characters"),
    "status": ("STATUS", "not_sent, sent, accepted, discarded or expired"),
    "delivery": (
        "STATE",
        "how the newest mail fared: queued, deferred, handed_over, bounced, failed … or no_mail",
    ),
    "website": ("CODE", "of this website"),
    "store_view": ("CODE", "sent from this store view"),
    "group": ("CODE", "with this customer group, or “none” for as configured"),
    "occasion": ("ID", "for the occasion with this number, or “none” for the shop itself"),
    "inviter": ("WHO", "by the customer with this address or number, or “none” for staff"),
    "invitee": ("WHO", "accepted by the customer with this address or number"),
    "send": ("ID", "that left in this bulk send"),
    "sent_from": ("DAY", "sent on this day or later, like 2026-05-03"),
    "sent_to": ("DAY", "sent on this day or earlier"),
    "registered_from": ("DAY", "registered on this day or later"),
    "registered_to": ("DAY", "registered on this day or earlier"),
}
"""What an export can be narrowed by: of each field of the filter, what it takes and which invitations are meant."""


def add_import(commands: Commands, *, set_up: Callable[[], None]) -> None:
    """Add `guestlist import`."""
    taken = commands.add_parser(
        "import",
        help="invite the people in a CSV or XLSX file",
        description=(
            "Invite the people in a CSV or XLSX file. Every row is tried first; you see how many would be invited and why "
            "others would not, and nobody is invited before you agree. It can be done again with the same file: who has "
            "an open invitation is not invited twice."
        ),
        epilog=(
            "Exit status: 0 every row is an invitation now, or would be; 1 nothing was imported, and the last line says "
            "why; 2 the options are wrong; 3 done, but some rows were refused."
        ),
    )
    taken.add_argument(
        "file", type=Path, metavar="FILE", help="the file; of a workbook the first visible sheet counts"
    )
    taken.add_argument("--sheet", default="", metavar="NAME", help="another sheet of a workbook")
    taken.add_argument("--store-view", required=True, metavar="CODE", help="where the mail is sent from")
    taken.add_argument(
        "--map",
        action="append",
        default=[],
        metavar="FIELD=COLUMN",
        help=(
            "which column has what, by its name or its letter: email, name, middle_name, last_name, message, group, "
            "occasion, store_view, inviter. May be repeated; what is not said is guessed from the names of the columns"
        ),
    )
    taken.add_argument(
        "--encoding", choices=["utf-8", "cp1252"], help="the encoding of the text (else guessed)"
    )
    taken.add_argument(
        "--delimiter",
        choices=["comma", "semicolon", "tab", "bar"],
        help="what separates the cells (else guessed)",
    )
    header = taken.add_mutually_exclusive_group()
    header.add_argument(
        "--header", action="store_true", default=None, help="the first row has the names of the columns"
    )
    header.add_argument("--no-header", dest="header", action="store_false", help="the first row is a person")
    taken.add_argument("--group", default="", metavar="CODE", help="the group that they get (as configured)")
    taken.add_argument(
        "--occasion", type=int, metavar="ID", help="what they are invited to (the shop itself)"
    )
    taken.add_argument(
        "--message", default="", metavar="TEXT", help="a message for those without one of their own"
    )
    taken.add_argument(
        "--send", action="store_true", help="put the mail into the outbox (else they are kept as Not Sent)"
    )
    taken.add_argument(
        "--at", default="", metavar="TIME", help="with --send: when it leaves, like 2026-05-03T09:00+02:00"
    )
    taken.add_argument(
        "--why",
        default="",
        metavar="BASIS[:TEXT]",
        help="with --send: why they may be mailed: consent, customer, asked, published or other, and words to it",
    )
    taken.add_argument("--again", action="store_true", help="invite again who has an open invitation")
    taken.add_argument("--dry-run", action="store_true", help="only try the rows, and invite nobody")
    taken.add_argument("--yes", action="store_true", help="invite without asking")
    taken.add_argument(
        "--refused", type=Path, metavar="FILE", help="write the refused rows there, with the reasons"
    )

    def run(options: argparse.Namespace, _rest: list[str]) -> int:
        set_up()
        from guestlist.worker import importing

        return importing.main(options)

    taken.set_defaults(run=run, takes_rest=False)


def add_export(commands: Commands, *, set_up: Callable[[], None]) -> None:
    """Add `guestlist export`."""
    export = commands.add_parser(
        "export",
        help="write invitations to a file, all of them or those that match",
        description="Write invitations to a CSV or XLSX file, newest first: all of them, or those that match every option.",
        epilog="Exit status: 0 written, 1 nothing was written and the last line says why, 2 the options are wrong.",
    )
    export.add_argument(
        "--output",
        type=Path,
        required=True,
        metavar="FILE",
        help="the file that is written; “-” is the standard output",
    )
    export.add_argument(
        "--format", choices=["csv", "xlsx"], help="the kind of file (else by the end of its name, else csv)"
    )
    for name, (metavar, sentence) in FILTERS.items():
        export.add_argument(
            f"--{name.replace('_', '-')}", default="", metavar=metavar, help=f"only {sentence}"
        )

    def run(options: argparse.Namespace, _rest: list[str]) -> int:
        set_up()
        from guestlist.worker import exporting

        kind = options.format or ("xlsx" if options.output.suffix.lower() == ".xlsx" else "csv")
        query = {name: getattr(options, name) for name in FILTERS}
        return exporting.main(query=query, kind=kind, output=options.output)

    export.set_defaults(run=run, takes_rest=False)


def add_report(commands: Commands, *, set_up: Callable[[], None]) -> None:
    """Add `guestlist report`."""
    report = commands.add_parser(
        "report",
        help="print a report: invitations, conversions, invited customers, the funnel, or who brought whom",
        description=(
            "Print a report, as the staff site shows it: what became of the invitations of each period. Without days it is "
            "about the last full week. “chain” prints who brought whom, from one customer on, and takes no days."
        ),
        epilog="Exit status: 0 printed, 1 nothing was printed and the last line says why, 2 the options are wrong.",
    )
    report.add_argument(
        "report", choices=["invitations", "conversions", "customers", "funnel", "chain"], help="which one"
    )
    report.add_argument("--from", dest="first", default="", metavar="DAY", help="first day, like 2026-05-03")
    report.add_argument("--to", dest="last", default="", metavar="DAY", help="last day, which belongs to it")
    report.add_argument(
        "--by",
        default="",
        metavar="PERIOD",
        help="what a row is: day, week, month, quarter or year (day); of the funnel: inviter, occasion, send, group or "
        "store_view",
    )
    report.add_argument("--website", default="", metavar="CODE", help="only of this website")
    report.add_argument("--store-view", default="", metavar="CODE", help="only sent from this store view")
    report.add_argument(
        "--by-event",
        action="store_true",
        help="invitations, conversions: count each event on its own date, not on that of sending",
    )
    report.add_argument(
        "--reasons", action="store_true", help="invitations: tell apart why they were discarded"
    )
    report.add_argument(
        "--own-view",
        action="store_true",
        help="conversions: only orders in the store view that the invitation is from make a buyer",
    )
    report.add_argument(
        "--skip-empty",
        action="store_true",
        help="invitations, conversions: leave out periods in which nothing happened",
    )
    _add_chain(report)
    report.add_argument(
        "--people", action="store_true", help="customers: list the people invited, not who invited them"
    )
    kind = report.add_mutually_exclusive_group()
    kind.add_argument("--json", action="store_true", help="print it for programs")
    kind.add_argument("--csv", action="store_true", help="print it as a CSV file")

    def run(options: argparse.Namespace, _rest: list[str]) -> int:
        if misplaced := _misplaced(options):
            report.error(f"{misplaced} is no option of the report {options.report}")
        if options.report == "chain" and not options.customer:
            report.error("the report chain needs --customer")
        set_up()
        from guestlist.worker import chaining, reporting

        return chaining.main(options) if options.report == "chain" else reporting.main(options)

    report.set_defaults(run=run, takes_rest=False)


_ONLY_OF = {
    "first": "invitations conversions customers funnel",
    "last": "invitations conversions customers funnel",
    "by": "invitations conversions customers funnel",
    "store_view": "invitations conversions customers funnel",
    "csv": "invitations conversions customers funnel",
    "by_event": "invitations conversions",
    "skip_empty": "invitations conversions",
    "reasons": "invitations",
    "own_view": "conversions",
    "people": "customers",
    "customer": "chain",
    "depth": "chain",
}
"""Which reports have an option that others do not."""
_CALLED = {"first": "--from", "last": "--to"}


def _misplaced(options: argparse.Namespace) -> str:
    """Return an option that the report does not have; nothing where there is none."""
    for name, reports in _ONLY_OF.items():
        if getattr(options, name) and options.report not in reports.split():
            return _CALLED.get(name) or f"--{name.replace('_', '-')}"
    return ""


def _add_chain(report: argparse.ArgumentParser) -> None:
    """Add the options of who brought whom."""
    report.add_argument(
        "--customer", default="", metavar="WHO", help="chain: the customer with this address or number"
    )
    report.add_argument(
        "--depth",
        type=int,
        choices=range(1, 11),
        metavar="LEVELS",
        help="chain: how many levels below them, 1 to 10 (3)",
    )
