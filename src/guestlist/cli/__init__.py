"""The commands of Guestlist. Django is imported only by the command that needs it."""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import os
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

import guestlist
from guestlist.cli import figures, files

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence

    from guestlist.mail.parcels import Transport

    type Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - the library has no other name for it

_EPILOG = "More about a command: guestlist COMMAND --help"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and give its exit status."""
    parser = _parser()
    options, rest = parser.parse_known_args(arguments)
    if rest and not options.takes_rest:
        parser.error("unrecognized arguments: " + " ".join(rest))
    try:
        status: int = options.run(options, rest)
    except Exception as error:
        # Whoever set it needs the sentence, not where it was raised.
        if sentence := _set_up_wrong(error, migrates="migrate" in [*getattr(options, "command", []), *rest]):
            sys.exit(sentence)
        raise
    return status


def _set_up_wrong(error: Exception, *, migrates: bool) -> str:
    """Return what an operator has to put right, or nothing where the error is a mistake of the program."""
    from django.core.exceptions import ImproperlyConfigured
    from django.db import Error, connection

    if isinstance(error, ImproperlyConfigured):
        return str(error)
    if not isinstance(error, Error):
        return ""
    from guestlist.stores import schema

    try:
        connection.close()
        connection.ensure_connection()
        if not migrates:
            schema.require()
    except Error as unreachable:
        return f"guestlist: The database cannot be used: {' '.join(str(unreachable).split())}"
    except ImproperlyConfigured as outdated:
        return str(outdated)
    return ""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="guestlist", description=guestlist.__doc__, epilog=_EPILOG)
    parser.add_argument("--version", action="version", version=f"Guestlist {guestlist.__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    _add_demo(commands)

    test = commands.add_parser("test", help="run all tests on SQLite and on PostgreSQL", add_help=False)
    test.set_defaults(run=_test, takes_rest=True)

    bench = commands.add_parser("bench", help="measure how fast it is, and what a kill does", add_help=False)
    bench.set_defaults(run=_bench, takes_rest=True)

    _add_fill(commands)

    _add_serve(commands)

    worker = commands.add_parser("worker", help="send mail and do the other work that waits")
    worker.set_defaults(run=_worker, takes_rest=False)

    celery = commands.add_parser(
        "celery", help="do the worker's work over many machines, on Celery", add_help=False
    )
    celery.set_defaults(run=_celery, takes_rest=True)

    bounces = commands.add_parser(
        "bounces",
        help="read one bounce or complaint from a mail server's pipe",
        epilog="Exit status: 0 done, or nothing to do; 75 try again later.",
    )
    bounces.set_defaults(run=_bounces, takes_rest=False)

    _add_send(commands)

    files.add_import(commands, set_up=_set_up_django)
    files.add_export(commands, set_up=_set_up_django)
    files.add_report(commands, set_up=_set_up_django)

    migrate = commands.add_parser("migrate", help="make or update the database's tables", add_help=False)
    migrate.set_defaults(run=_manage, takes_rest=True, command=["migrate"])

    _add_check(commands)
    figures.add_recount(commands, set_up=_set_up_django)

    manage = commands.add_parser("manage", help="run a management command of Django", add_help=False)
    manage.set_defaults(run=_manage, takes_rest=True, command=[])
    return parser


def _add_demo(commands: Commands) -> None:
    demo = commands.add_parser("demo", help="start a shop to try everything with")
    demo.add_argument("--port", type=int, default=8000, help="port on 127.0.0.1 (%(default)s)")
    demo.add_argument("--data", type=Path, metavar="DIR", help="folder to keep the demo's data in")
    demo.add_argument("--reset", action="store_true", help="throw the demo's data away and start afresh")
    demo.set_defaults(run=_demo, takes_rest=False)


def _demo(options: argparse.Namespace, _rest: list[str]) -> int:
    from guestlist.demo import run

    return run.main(port=options.port, data=options.data, reset=options.reset, work=_work)


def _work(stop: threading.Event, transport: Transport) -> None:
    """Do the worker's jobs beside the demo's pages; a mail server in the environment takes the inbox's place."""
    from guestlist.worker import jobs, loop

    way = loop.configured_transport() or transport
    held = loop.taken_journal()
    try:
        work = jobs.all_jobs(transport=way, worker=held.name, journal=held)
        loop.run(stop=stop, work=work, worker=held.name)
    finally:
        held.close()


def _test(_options: argparse.Namespace, rest: list[str]) -> int:
    return _become("tests", rest)


def _bench(_options: argparse.Namespace, rest: list[str]) -> int:
    return _become("bench", rest)


def _become(package: str, rest: list[str]) -> int:
    """Go on as a package that stands beside `src`, in the repository alone."""
    root = Path(guestlist.__file__).parents[2]
    if not (root / package / "__main__.py").exists():
        sys.exit(f"“{package}” is in Guestlist's repository; this is an installed copy without it.")
    os.chdir(root)
    # Replaced, not started: Ctrl-C then reaches the one process that stops the database server.
    os.execv(sys.executable, [sys.executable, "-m", package, *rest])


def _add_fill(commands: Commands) -> None:
    fill = commands.add_parser(
        "fill", help="fill an empty database with made-up invitations, to try and to measure"
    )
    fill.add_argument("--invitations", type=int, required=True, metavar="N", help="how many, over two years")
    fill.add_argument("--seed", type=int, default=1, help="another number makes others up (%(default)s)")
    fill.set_defaults(run=_fill, takes_rest=False)


def _fill(options: argparse.Namespace, _rest: list[str]) -> int:
    if options.invitations < 1:
        sys.exit("--invitations takes a number from 1 on.")
    _set_up_django()
    from django.utils import timezone

    from guestlist.demo import filling

    try:
        filling.fill(
            invitations=options.invitations,
            seed=options.seed,
            now=timezone.now(),
            tell=lambda made: sys.stderr.write(f"\r{made:,} invitations"),
        )
    except filling.NotEmpty as refusal:
        sys.exit(str(refusal))
    sys.stderr.write("\n")
    return 0


def _add_serve(commands: Commands) -> None:
    serve = commands.add_parser("serve", help="answer web requests")
    serve.add_argument("--bind", default="127.0.0.1:8000", metavar="HOST:PORT", help="(%(default)s)")
    serve.add_argument("--workers", type=int, default=2, help="processes (%(default)s)")
    serve.add_argument("--threads", type=int, default=4, help="threads in each process (%(default)s)")
    serve.set_defaults(run=_serve, takes_rest=False)


def _serve(options: argparse.Namespace, _rest: list[str]) -> int:
    _choose_settings()
    command = [sys.executable, "-m", "gunicorn", "guestlist.wsgi:application"]
    command += [
        "--no-control-socket",
        "--bind",
        options.bind,
        "--workers",
        str(options.workers),
        "--threads",
        str(options.threads),
    ]
    # Replaced, not started: signals of the service manager then reach gunicorn itself.
    os.execv(sys.executable, command)


def _worker(_options: argparse.Namespace, _rest: list[str]) -> int:
    _set_up_django()
    from guestlist.worker import loop

    return loop.main()


def _celery(_options: argparse.Namespace, rest: list[str]) -> int:
    if importlib.util.find_spec("celery") is None:
        sys.exit(
            "Celery is not installed in this environment. The script ./guestlist installs it by itself; elsewhere run "
            "pip install '.[celery]' in the folder with Guestlist's pyproject.toml."
        )
    _set_up_django()
    from guestlist.worker import celery

    status: int = celery.app.start(rest)
    return status


def _add_check(commands: Commands) -> None:
    check = commands.add_parser(
        "check",
        help="look for mistakes in the set-up",
        epilog="Without --mail or --totals the options are those of Django's check: --deploy, --tag, --fail-level …",
        # Django's own options must not be taken for the beginning of one of these.
        allow_abbrev=False,
    )
    ours = check.add_mutually_exclusive_group()
    ours.add_argument("--mail", action="store_true", help="look at DNS, keys and mail server of each sender")
    ours.add_argument("--totals", action="store_true", help="prove totals of sends and figures of orders")
    check.add_argument("--json", action="store_true", help="print what is found for programs")
    check.add_argument(
        "--website", default="", metavar="CODE", help="with --mail: this website's senders only"
    )
    check.add_argument(
        "--address",
        action="append",
        default=[],
        metavar="IP",
        help="with --mail: an address that mail leaves from, where it is not the mail server's; may be repeated",
    )
    check.set_defaults(run=_check, takes_rest=True, parser=check)


def _check(options: argparse.Namespace, rest: list[str]) -> int:
    ours = options.mail or options.totals
    misplaced = rest if ours else ["--json"] * options.json
    if not options.mail:
        misplaced += ["--website"] * bool(options.website) + ["--address"] * bool(options.address)
    if misplaced:
        options.parser.error("unrecognized arguments: " + " ".join(misplaced))
    if not ours:
        return _manage(argparse.Namespace(command=["check"]), rest)
    _set_up_django()
    if options.mail:
        from guestlist.worker import checkup

        return checkup.main(website=options.website, addresses=options.address, as_json=options.json)
    from guestlist.worker import audit

    return audit.totals(as_json=options.json)


def _add_send(commands: Commands) -> None:
    send = commands.add_parser("send", help="show bulk sends as they go; pause, resume or stop one")
    doing = send.add_mutually_exclusive_group()
    doing.add_argument(
        "--watch",
        nargs="?",
        const=0,
        type=int,
        metavar="ID",
        help="draw it until it ends; without ID, all of them",
    )
    doing.add_argument(
        "--pause", type=int, metavar="ID", help="let nothing more of it leave until it is resumed"
    )
    doing.add_argument("--resume", type=int, metavar="ID", help="let a paused one go on")
    doing.add_argument(
        "--stop", type=int, metavar="ID", help="end it for good; what has not left is withdrawn"
    )
    send.add_argument("--yes", action="store_true", help="stop without asking")
    send.set_defaults(run=_send, takes_rest=False)


def _send(options: argparse.Namespace, _rest: list[str]) -> int:
    _set_up_django()
    from django.db import Error

    from guestlist.stores import schema
    from guestlist.worker import watching

    with contextlib.suppress(Error):  # told of below, or waited for
        schema.require()

    for action in ("watch", "pause", "resume", "stop"):
        send_id = getattr(options, action)
        if send_id is not None:
            return watching.main(
                action=action, send_id=send_id or (None if action == "watch" else 0), yes=options.yes
            )
    return watching.main(action="list", send_id=None)


def _bounces(_options: argparse.Namespace, _rest: list[str]) -> int:
    try:
        _set_up_django()
        from guestlist.worker import bounces

        return bounces.main(sys.stdin.buffer)
    except Exception:  # noqa: BLE001 - whatever keeps it from starting: the mail server keeps the mail and tries again
        traceback.print_exc()
        return os.EX_TEMPFAIL


def _manage(options: argparse.Namespace, rest: list[str]) -> int:
    _choose_settings()
    from django.core import management

    management.execute_from_command_line(["guestlist", *options.command, *rest])
    return 0


def _choose_settings() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "guestlist.settings")


def _set_up_django() -> None:
    _choose_settings()
    import django

    django.setup()
