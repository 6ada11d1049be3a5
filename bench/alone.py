"""The worker by itself: two of them, signing, secrecy, memory, another database, another template."""

from __future__ import annotations

import contextlib
import json
import sys
from collections import Counter
from functools import partial
from statistics import fmean, median
from typing import TYPE_CHECKING

from bench import certificates, roof, sinks
from bench.delivering import BEST, Setting, deliver
from bench.figures import Goal
from bench.processes import BUILD, call
from bench.shop import Shop

if TYPE_CHECKING:
    from bench.runs import Bench

MILLION = 1_000_000
_MOST_MB = 120


def workers(bench: Bench) -> None:
    """Two workers against one, every copy counted."""
    filled = bench.filled()
    copies = bench.folder / "copies"
    lost = doubled = 0
    # A short run has measured one worker already, where it measured the roof.
    rates: dict[int, list[float]] = {2: []} if bench.quick and bench.own else {1: [], 2: []}
    for _time in range(bench.repeats):
        for workers, found in rates.items():
            found.append(filled.to_sink(Setting(workers=workers), copies=copies).rate)
            counted = Counter(copies.read_text(encoding="utf-8").splitlines())
            lost += bench.mails - len(counted)
            doubled += counted.total() - len(counted)
    one, two = median(rates.get(1, [bench.own])), median(rates[2])
    report = bench.report
    report.add("one_worker", "one worker, to our sink", one, "mails/s")
    report.add("two_workers", "two workers, to our sink, which writes every copy down", two, "mails/s")
    report.add(
        "two_workers_ratio", "two workers against one", two / one, "×", goal=Goal(at_least=0.95), long=True
    )
    report.add("two_workers_lost", "lost, of all mails of these runs", lost, "mails", goal=Goal(at_most=0))
    report.add("two_workers_doubled", "doubled", doubled, "mails", goal=Goal(at_most=0))


def signing(bench: Bench) -> None:
    """What DKIM and STARTTLS cost; nothing is judged, so a short run leaves it out."""
    if bench.quick:
        return
    filled, report = bench.filled(), bench.report
    plain = bench.own or bench.median(filled.to_sink)
    for kind in ("rsa", "ed25519"):
        key = certificates.signing_key(bench.folder, kind)
        setting = Setting(settings=BEST | {"GUESTLIST_DKIM": f"bench:example.com:{key}"})
        signed = bench.median(partial(filled.to_sink, setting))
        report.add(f"dkim_{kind}", f"one worker, signing by DKIM ({kind})", signed, "mails/s")
        report.add(f"dkim_{kind}_ratio", "… against without", signed / plain, "×")
    certificate, log = certificates.certificate(bench.folder), bench.folder / "smart.log"
    clear = bench.median(lambda: filled.to_smart(Setting(), log))
    setting = Setting(query=f"&starttls=1&ca_file={certificate}")
    secret = bench.median(lambda: filled.to_smart(setting, log, certificate=certificate))
    report.add("starttls", "one worker, STARTTLS, to a sink in Python (the bottleneck)", secret, "mails/s")
    report.add("starttls_ratio", "… against without, to the same sink", secret / clear, "×")


def memory(bench: Bench) -> None:
    """One worker over very many mails."""
    if not bench.memory:
        return
    filled = bench.filled(mails=bench.memory)
    watched = filled.to_sink().memory
    bench.drop(filled)
    second, last = (
        [held for count, held in watched if low * filled.mails <= count <= (low + 0.1) * filled.mails]
        for low in (0.1, 0.9)
    )
    report, over = bench.report, f"over {filled.mails:,} mails"
    is_short = filled.mails < MILLION
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


def rendering(bench: Bench) -> None:
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


def sqlite(bench: Bench) -> None:
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


def built_in(bench: Bench) -> None:
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
