"""From the outbox to the mail server: how fast, against a load generator in C and against other projects."""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import fmean, median
from typing import TYPE_CHECKING

from bench import certificates, database, docs, machine, multiplying, peers, roof, sinks
from bench.delivering import CONNECTIONS, Copied, Run, Setting, deliver
from bench.figures import Goal, Report
from bench.filling import words_of
from bench.processes import BUILD, call
from bench.shop import Shop

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from bench.database import PostgreSQL

SENTENCE = "from the outbox to the mail server: mails per second, memory, and others on the same work"
_PARTS = ("roof", "peers", "delays", "workers", "signing", "memory", "rendering", "sqlite", "built-in")
_MILLION = 1_000_000
_MOST_MB = 120
_FILLED_BY_ACTIONS = 20_000


@dataclass(slots=True)
class _Bench:
    """What the parts share."""

    report: Report
    server: PostgreSQL
    folder: Path
    mails: int
    repeats: int
    memory: int
    ours: float = 0
    """Mails per second against smtp-sink."""
    own: float = 0
    """Mails per second against our own sink."""
    size: int = 0
    """Bytes of one of our mails."""
    made: set[str] = field(default_factory=set)
    """Databases that are filled."""

    @property
    def quick(self) -> bool:
        return self.report.quick

    def filled(self, *, built_in: bool = False, mails: int = 0) -> Copied:
        """Return runs on a filled outbox, which is made when it is first asked for."""
        mails = mails or self.mails
        name = f"bench_{mails}{'_built_in' * built_in}"
        if name not in self.made:
            base = min(mails, _FILLED_BY_ACTIONS)
            shop = Shop(self.server.create(name), self.folder)
            shop.migrate()
            shop.fill(base, built_in=built_in)
            if mails > base:
                with self.server.connect(name) as connection:
                    multiplying.multiply(connection, times=mails // base)
            self.server.settle(name)
            self.made.add(name)
        return Copied(self.server, name, mails, self.folder)

    def median(self, run: Callable[[], Run]) -> float:
        """Return the rate of a run, in the full benchmark the median of several."""
        return median(run().rate for _time in range(self.repeats))


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what only this benchmark takes."""
    parser.add_argument(
        "--memory",
        type=int,
        metavar="MAILS",
        help=f"mails over which a worker's memory is watched ({_MILLION:,}; with --quick none)",
    )
    parser.add_argument(
        "--only", choices=_PARTS, action="append", metavar="PART", help=f"a part alone: {', '.join(_PARTS)}"
    )


def run(options: argparse.Namespace) -> Report:
    """Measure; a full run writes the documentation too."""
    report = Report("Delivery", quick=options.quick)
    memory = options.memory if options.memory is not None else 0 if options.quick else _MILLION
    BUILD.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="delivery-", dir=BUILD))
    try:
        with database.postgresql() as server:
            bench = _Bench(
                report,
                server,
                folder,
                mails=2_000 if options.quick else 60_000,
                repeats=1 if options.quick else 3,
                memory=memory,
            )
            for name in options.only or _PARTS:
                print(f"{name} …", file=sys.stderr, flush=True)
                _RUN[name](bench)
            if not options.quick and not options.only:
                docs.write(report, machine.described(postgresql=server.version()), mark="delivery")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return report


def _roof(bench: _Bench) -> None:
    """Ours between two measurements of the roof, with Debian's sink and with our own."""
    report, filled = bench.report, bench.filled()
    probe = filled.to_sink()
    bench.size = probe.size
    mails = max(bench.mails, 20_000)
    tried = {
        connections: roof.of_smtp_sink(connections=connections, mails=mails, size=probe.size)
        for connections in roof.TRIED
    }
    best = max(tried, key=lambda connections: tried[connections])
    own_before = roof.of_sink(bench.folder, connections=best, mails=mails, size=probe.size)
    bench.ours = bench.median(filled.to_smtp_sink)
    # A short run takes the one that told the size.
    bench.own = probe.rate if bench.quick else bench.median(filled.to_sink)
    own_roof = fmean([own_before, roof.of_sink(bench.folder, connections=best, mails=mails, size=probe.size)])
    after = roof.of_smtp_sink(connections=best, mails=mails, size=probe.size)
    top = fmean([tried[best], after])
    report.add("mail_size", "a mail of the benchmark", probe.size, "bytes")
    report.add("roof", f"C generator (smtp-source, {best} connections) to smtp-sink", top, "mails/s")
    report.add(
        "postgresql",
        f"one worker, PostgreSQL, {CONNECTIONS} connections, to smtp-sink",
        bench.ours,
        "mails/s",
    )
    report.add(
        "roof_ratio", "… against the generator", bench.ours / top, "×", goal=Goal(at_least=0.5), long=True
    )
    report.add("own_roof", "C generator to the benchmark's own, quicker sink", own_roof, "mails/s")
    report.add("own_sink", "one worker to that sink", bench.own, "mails/s")
    report.add("own_roof_ratio", "… against the generator", bench.own / own_roof, "×")
    report.add("cpu", "processor time of that worker", probe.cpu_seconds / probe.mails * 1e6, "µs/mail")


def _peers(bench: _Bench) -> None:
    """Other projects on the same work, the same server and the same sink."""
    letter = bench.folder / "letter"
    letter.mkdir(exist_ok=True)
    for name in ("subject.txt", "text.txt"):
        (letter / name).write_text(words_of(name), encoding="utf-8")
    (letter / "design.html").write_text(_design(), encoding="utf-8")
    ours = bench.ours or bench.median(bench.filled().to_smtp_sink)
    for peer in peers.PEERS:
        for django in list(peers.DJANGO)[: 1 if bench.quick else None]:
            best = peers.measure(
                peer,
                django=django,
                server=bench.server,
                letter=letter,
                mails=200 if bench.quick else 1_000,
                first_setting_only=bench.quick,
            )
            is_same = django == next(iter(peers.DJANGO))
            name = peer.module if is_same else f"{peer.module}_django_{django.replace('.', '_')}"
            how = f"Django {django}, {best.processes} processes × {best.threads} threads"
            bench.report.add(name, f"{peer.name} ({how})", best.rate, "mails/s")
            goal = Goal(at_least=peer.goal) if is_same else None
            bench.report.add(
                f"times_{name}",
                f"ours against {peer.name}, Django {django}",
                ours / best.rate,
                "×",
                goal=goal,
                long=True,
            )


def _design() -> str:
    """Return the HTML that our mails are made from: the compiled design, in the words of Django's templates too."""
    code = (
        "import django; django.setup();"
        "from guestlist.mail import templates; from bench.filling import words_of;"
        "print(templates.compile_mjml(words_of('design.mjml')))"
    )
    environment = Shop("", BUILD).environment(DJANGO_SETTINGS_MODULE="guestlist.settings")
    return call([sys.executable, "-c", code], seconds=60, env=environment)


def _delays(bench: _Bench) -> None:
    """Servers that take their time: there connections decide."""
    _delay(bench, delay_ms=5, connections=64, least=0.8)
    _delay(bench, delay_ms=50, connections=256, least=0.9)


def _delay(bench: _Bench, *, delay_ms: int, connections: int, least: float) -> None:
    filled = bench.filled()
    size = bench.size or filled.to_sink().size
    setting = Setting(connections=connections)

    def top() -> float:
        return roof.of_sink(
            bench.folder, connections=connections, mails=bench.mails, size=size, delay_ms=delay_ms
        )

    before = top()
    ours = bench.median(lambda: filled.to_sink(setting, delay_ms=delay_ms))
    generator = fmean([before, top()])
    name = f"delay_{delay_ms}ms"
    where = f"server answering after {delay_ms} ms, {connections} connections"
    bench.report.add(f"{name}_roof", f"C generator, {where}", generator, "mails/s")
    bench.report.add(name, f"one worker, {where}", ours, "mails/s")
    goal = Goal(at_least=least)
    bench.report.add(f"{name}_ratio", "… against the generator", ours / generator, "×", goal=goal, long=True)


def _workers(bench: _Bench) -> None:
    """Two workers against one, every copy counted."""
    filled = bench.filled()
    copies = bench.folder / "copies"
    lost = doubled = 0
    rates: dict[int, list[float]] = {1: [], 2: []}
    for _time in range(bench.repeats):
        for workers, found in rates.items():
            found.append(filled.to_sink(Setting(workers=workers), copies=copies).rate)
            counted = Counter(copies.read_text(encoding="utf-8").splitlines())
            lost += bench.mails - len(counted)
            doubled += counted.total() - len(counted)
    one, two = median(rates[1]), median(rates[2])
    report = bench.report
    report.add("one_worker", "one worker, to a sink that writes every copy down", one, "mails/s")
    report.add("two_workers", "two workers, the same", two, "mails/s")
    report.add(
        "two_workers_ratio", "two workers against one", two / one, "×", goal=Goal(at_least=0.95), long=True
    )
    report.add("two_workers_lost", "lost, of all mails of these runs", lost, "mails", goal=Goal(at_most=0))
    report.add("two_workers_doubled", "doubled", doubled, "mails", goal=Goal(at_most=0))


def _signing(bench: _Bench) -> None:
    """What DKIM and STARTTLS cost."""
    filled, report = bench.filled(), bench.report
    plain = bench.own or bench.median(filled.to_sink)
    for kind in ("rsa",) if bench.quick else ("rsa", "ed25519"):
        key = certificates.signing_key(bench.folder, kind)
        setting = Setting(settings={"GUESTLIST_DKIM": f"bench:example.com:{key}"})
        signed = bench.median(partial(filled.to_sink, setting))
        report.add(f"dkim_{kind}", f"one worker, signing by DKIM ({kind})", signed, "mails/s")
        report.add(f"dkim_{kind}_ratio", "… against without", signed / plain, "×")
    if bench.quick:
        return
    certificate, log = certificates.certificate(bench.folder), bench.folder / "smart.log"
    clear = bench.median(lambda: filled.to_smart(Setting(), log))
    setting = Setting(query=f"&starttls=1&ca_file={certificate}")
    secret = bench.median(lambda: filled.to_smart(setting, log, certificate=certificate))
    report.add("starttls", "one worker, STARTTLS, to a sink in Python (the bottleneck)", secret, "mails/s")
    report.add("starttls_ratio", "… against without, to the same sink", secret / clear, "×")


def _memory(bench: _Bench) -> None:
    """One worker over very many mails."""
    if not bench.memory:
        return
    filled = bench.filled(mails=bench.memory)
    watched = filled.to_sink().memory
    second, last = (
        [held for count, held in watched if low * filled.mails <= count <= (low + 0.1) * filled.mails]
        for low in (0.1, 0.9)
    )
    report, over = bench.report, f"over {filled.mails:,} mails"
    is_short = filled.mails < _MILLION
    peak = max(held for _count, held in watched)
    report.add(
        "memory",
        f"most memory of a worker {over}",
        peak,
        "MB",
        goal=None if is_short else Goal(at_most=_MOST_MB),
    )
    growth = fmean(last) / fmean(second) if second and last else 0
    report.add(
        "memory_growth",
        "… in the last tenth against the second tenth",
        growth,
        "×",
        goal=None if is_short else Goal(at_most=1.1),
    )


def _rendering(bench: _Bench) -> None:
    """One mail, made three ways."""
    printed = call(
        [sys.executable, "-m", "bench.rendering", "0.5" if bench.quick else "5"],
        seconds=120,
        env=Shop("", BUILD).environment(),
    )
    rates = json.loads(printed)
    report = bench.report
    report.add("skeleton", "filled skeletons", rates["filled"], "mails/s")
    report.add("django", "Django's templates and mail classes", rates["django"], "mails/s")
    report.add("full", "our own long way, that skeletons are held equal to", rates["full"], "mails/s")
    report.add(
        "skeleton_times_django",
        "skeletons against Django",
        rates["filled"] / rates["django"],
        "×",
        goal=Goal(at_least=50),
        long=True,
    )
    report.add("skeleton_times_full", "skeletons against the long way", rates["filled"] / rates["full"], "×")


def _sqlite(bench: _Bench) -> None:
    """The embedded database."""
    mails = 1_000 if bench.quick else 20_000
    folder = bench.folder / "sqlite"
    folder.mkdir(exist_ok=True)
    shop = Shop("", folder)
    shop.migrate()
    shop.fill(mails)
    with contextlib.closing(shop), sinks.sink(bench.folder) as sink:
        found = deliver(shop, Setting(), sink, mails=mails)
    bench.report.add("sqlite", "one worker, SQLite, to our sink", found.rate, "mails/s")


def _built_in(bench: _Bench) -> None:
    """The template that comes with the product, four times as long as the mail of the other parts."""
    if bench.quick:
        return
    filled = bench.filled(built_in=True)
    probe = filled.to_sink()
    top = roof.of_smtp_sink(connections=roof.TRIED[0], mails=bench.mails, size=probe.size)
    ours = bench.median(filled.to_smtp_sink)
    where = f"the built-in template, {probe.size:,} bytes"
    bench.report.add("built_in_roof", f"C generator, {where}", top, "mails/s")
    bench.report.add("built_in", f"one worker, {where}", ours, "mails/s")
    bench.report.add("built_in_ratio", "… against the generator", ours / top, "×")


_RUN: dict[str, Callable[[_Bench], None]] = {
    "roof": _roof,
    "peers": _peers,
    "delays": _delays,
    "workers": _workers,
    "signing": _signing,
    "memory": _memory,
    "rendering": _rendering,
    "sqlite": _sqlite,
    "built-in": _built_in,
}
