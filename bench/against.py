"""Ours against the load generator in C and against other projects, each on the same work in the same run."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING

from bench import peers, roof
from bench.delivering import CONNECTIONS, Setting
from bench.figures import Goal
from bench.filling import words_of
from bench.processes import BUILD, call
from bench.shop import Shop

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.runs import Bench

_LONGER = 2
"""How many times as many mails a peer sends where it is judged: moments even out."""


def generator(bench: Bench) -> None:
    """Ours between two measurements of the roof, with Debian's sink and with our own."""
    report, filled = bench.report, bench.filled()
    probe = filled.to_sink()
    bench.size = probe.size
    mails = max(bench.mails, 10_000)
    tried = {
        connections: roof.of_smtp_sink(connections=connections, mails=mails, size=probe.size)
        for connections in (roof.TRIED[1:2] if bench.quick else roof.TRIED)
    }
    best = max(tried, key=lambda connections: tried[connections])
    debian = bench.beside(
        filled.to_smtp_sink, lambda: roof.of_smtp_sink(connections=best, mails=mails, size=probe.size)
    )
    own = bench.beside(
        filled.to_sink, lambda: roof.of_sink(bench.folder, connections=best, mails=mails, size=probe.size)
    )
    bench.own = own.rate
    report.add("mail_size", "a mail of the benchmark", probe.size, "bytes")
    report.add("roof", f"C generator (smtp-source, {best} connections) to smtp-sink", debian.other, "mails/s")
    report.add(
        "postgresql",
        f"one worker, PostgreSQL, {CONNECTIONS} connections, to smtp-sink",
        debian.rate,
        "mails/s",
    )
    report.add("roof_ratio", "… against the generator", debian.ratio, "×", goal=Goal(at_least=0.5), long=True)
    report.add("own_roof", "C generator to the benchmark's own, quicker sink", own.other, "mails/s")
    report.add("own_sink", "one worker to that sink", bench.own, "mails/s")
    report.add("own_roof_ratio", "… against the generator", own.ratio, "×")
    report.add("cpu", "processor time of that worker", probe.cpu_seconds / probe.mails * 1e6, "µs/mail")


def others(bench: Bench) -> None:
    """Other projects on the same work, the same server and the same sink: our own, which takes least of the machine."""
    letter = bench.folder / "letter"
    letter.mkdir(exist_ok=True)
    for name in ("subject.txt", "text.txt"):
        (letter / name).write_text(words_of(name), encoding="utf-8")
    (letter / "design.html").write_text(_design(), encoding="utf-8")
    mails = 200 if bench.quick else 1_000
    for peer in peers.PEERS:
        for django in list(peers.DJANGO)[: 1 if bench.quick else None]:
            found = peers.measure(
                peer,
                django=django,
                server=bench.server,
                letter=letter,
                mails=mails,
                first_setting_only=bench.quick,
            )
            for best in found:
                again = partial(
                    peers.again,
                    peer,
                    best,
                    django=django,
                    server=bench.server,
                    letter=letter,
                    mails=mails * _LONGER,
                )
                _against(bench, peer, django, best, again)


def _against(
    bench: Bench, peer: peers.Peer, django: str, best: peers.Best, again: Callable[[], float]
) -> None:
    """Report what a peer does and how many times that ours is; the goal is for one process on the same Django.

    What is judged is measured by turns with ours: else the machine decides, at whose turn it has its best moment.
    """
    name, judged = peer.key, best.processes == 1 and peer.goal > 0
    if django != next(iter(peers.DJANGO)):
        name, judged = f"{name}_django_{django.replace('.', '_')}", False
    if best.processes > 1:
        name = f"{name}_{best.processes}"
    processes = f"{best.processes} process{'es' * (best.processes > 1)}"
    helped = ", helped to keep its connection open" if peer.is_helped else ""
    threads = f"{best.threads} thread{'s' * (best.threads > 1)}"
    how = f"Django {django}{helped}, {processes} × {threads}"
    # As many processes on either side.
    ours = partial(bench.filled().to_smtp_sink, Setting(workers=best.processes))
    if judged:
        beside = bench.beside(ours, again)
        rate, ratio = beside.other, beside.ratio
    else:
        rate, ratio = best.rate, ours().rate / best.rate
    bench.report.add(name, f"{peer.name} ({how})", rate, "mails/s")
    bench.report.add(
        f"times_{name}",
        f"… and ours with {processes}",
        ratio,
        "×",
        goal=Goal(at_least=peer.goal) if judged else None,
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


def delays(bench: Bench) -> None:
    """Servers that take their time: there connections decide."""
    _delay(bench, delay_ms=5, connections=64, least=0.8)
    _delay(bench, delay_ms=50, connections=256, least=0.9)


def _delay(bench: Bench, *, delay_ms: int, connections: int, least: float) -> None:
    filled = bench.filled()
    size = bench.size or filled.to_sink().size
    setting = Setting(connections=connections)

    def top() -> float:
        return roof.of_sink(
            bench.folder, connections=connections, mails=bench.mails, size=size, delay_ms=delay_ms
        )

    beside = bench.beside(lambda: filled.to_sink(setting, delay_ms=delay_ms), top)
    name = f"delay_{delay_ms}ms"
    where = f"server answering after {delay_ms} ms, {connections} connections"
    bench.report.add(f"{name}_roof", f"C generator, {where}", beside.other, "mails/s")
    bench.report.add(name, f"one worker, {where}", beside.rate, "mails/s")
    goal = Goal(at_least=least)
    bench.report.add(f"{name}_ratio", "… against the generator", beside.ratio, "×", goal=goal, long=True)
