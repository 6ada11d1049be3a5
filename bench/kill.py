"""What `kill -9` does to a delivery: workers killed again and again, and every copy that reached the server counted.

The first three rounds kill at chosen points, reached from outside alone: the server holds its answers, or somebody else a
lock in the database. The others kill at random moments of the sending, in the second half one of two workers.
"""

from __future__ import annotations

import contextlib
import random
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bench import database, docs, machine, multiplying, sinks
from bench.crew import Crew
from bench.delivering import Setting
from bench.figures import Goal, Report
from bench.processes import BUILD, ROOT, until
from bench.refusing import doubled_by_round, is_accounted_for, read_log
from bench.shop import MESSAGES, Shop

if TYPE_CHECKING:
    import argparse

    from bench.database import PostgreSQL
    from bench.sinks import Smart

SENTENCE = "kill -9 of workers while they send: what is lost, what is doubled, whether totals add up"
ROUNDS = 200
CONNECTIONS = 8
_CHOSEN = 3
_SETTLE_SECONDS = 180
_QUIET_SECONDS = 0.5
_MOST_TRIES = 8
_DATABASE = "bench_kill"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what only this benchmark takes."""
    parser.add_argument("--rounds", type=int, default=None, help=f"kills ({ROUNDS}; with --quick {_CHOSEN})")
    parser.add_argument(
        "--mails", type=int, default=None, help="mails for each round (1,000; with --quick 400)"
    )
    parser.add_argument("--seed", type=int, default=1, help="of the random moments (%(default)s)")


def run(options: argparse.Namespace) -> Report:
    """Kill, count, and judge; a full run writes the documentation too."""
    rounds = options.rounds or (_CHOSEN if options.quick else ROUNDS)
    report = Report("Kill", quick=options.quick)
    BUILD.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="kill-", dir=BUILD))
    try:
        with database.postgresql() as server:
            mails = options.mails or (400 if options.quick else 1_000)
            killing = _Killing(report, server, folder, mails, rounds, random.Random(options.seed))  # noqa: S311 - moments
            killing.run()
            if not options.quick and rounds >= ROUNDS:
                docs.write(report, machine.described(postgresql=server.version()), mark="kill")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return report


@dataclass(slots=True)
class _Killing:
    """The rounds, and what they need."""

    report: Report
    server: PostgreSQL
    folder: Path
    mails: int
    rounds: int
    random: random.Random
    kills: int = 0
    kills_while_sending: int = 0
    starts: list[int] = field(default_factory=list)
    """How much the server had written down when each round began."""

    def run(self) -> None:
        """Fill, kill, and add up."""
        shop = Shop(self.server.create(_DATABASE), self.folder)
        # One portion more: the first shows how long a round takes.
        self._fill(shop, portions=self.rounds + 1)
        log = self.folder / "copies"
        with contextlib.closing(shop), sinks.smart(log, refuse=True) as smart:
            crew = Crew(shop, Setting(connections=CONNECTIONS).url(smart.port))
            try:
                crew.start("first")
                seconds = self._undisturbed(shop, smart)
                for number in range(1, self.rounds + 1):
                    self._round(number, shop, smart, crew, seconds)
                self._finish_deferred(shop)
            finally:
                crew.end()
            self._add_up(shop, log)

    def _fill(self, shop: Shop, *, portions: int) -> None:
        shop.migrate()
        times = portions if portions > _CHOSEN + 1 else 1
        shop.fill(self.mails * portions // times)
        if times > 1:
            with self.server.connect(_DATABASE) as connection:
                multiplying.multiply(connection, times=times)
        shop.ask(f"UPDATE {MESSAGES} SET ready_at = now() + interval '1 year'")
        self.server.settle(_DATABASE)
        shop.release()

    def _portion(self, number: int) -> str:
        """Return the condition for the mails of a round."""
        return (
            f"id IN (SELECT id FROM {MESSAGES} ORDER BY id LIMIT {self.mails} OFFSET {number * self.mails})"
        )

    def _release(self, shop: Shop, number: int) -> None:
        # Mixed, so that a send's mails and single ones are under way together; who was put off comes along.
        shop.ask(
            f"UPDATE {MESSAGES} SET ready_at = now() WHERE state = 'ready'"
            f" AND ({self._portion(number)} OR tries > 0)"
        )

    def _undisturbed(self, shop: Shop, smart: Smart) -> float:
        self._release(shop, 0)
        until(lambda: smart.count() > 0, seconds=60, what="the first mail arrives")
        started = time.monotonic()
        shop.wait_until_settled(seconds=_SETTLE_SECONDS)
        return time.monotonic() - started

    def _round(self, number: int, shop: Shop, smart: Smart, crew: Crew, seconds: float) -> None:
        self.starts.append(smart.log.stat().st_size)
        if number == max(self.rounds // 2, _CHOSEN) + 1:
            crew.start("second")
        name = self.random.choice(sorted(crew.children)) if number > _CHOSEN else "first"
        if number <= _CHOSEN:
            points = (self._before_the_dot, self._after_the_dot, self._before_the_record)
            points[number - 1](number, shop, smart, crew)
        else:
            before = smart.count()
            self._release(shop, number)
            until(lambda: smart.count() > before, seconds=60, what="mail arrives")
            time.sleep(self.random.uniform(0, seconds))
            self._kill(shop, crew, name)
        crew.start(name)
        shop.wait_until_settled(seconds=_SETTLE_SECONDS)
        if number % 10 == 0 or number <= _CHOSEN:
            print(
                f"  round {number}: {self.kills} kills, {self.kills_while_sending} of them while sending",
                file=sys.stderr,
                flush=True,
            )

    def _kill(self, shop: Shop, crew: Crew, name: str) -> None:
        crew.kill(name)
        self.kills += 1
        if shop.ask(f"SELECT 1 FROM {MESSAGES} WHERE state = 'leased' AND worker LIKE '{name}%' LIMIT 1"):
            self.kills_while_sending += 1

    # --- The chosen points ---------------------------------------------------------------------------------------------

    def _before_the_dot(self, number: int, shop: Shop, smart: Smart, crew: Crew) -> None:
        """Every connection waits to be asked for the content: nothing is handed over that was not answered."""
        smart.tell(f"hold data {self.mails // 2}")
        self._release(shop, number)
        smart.hears("holding", seconds=60)
        time.sleep(_QUIET_SECONDS)
        self._kill(shop, crew, "first")
        smart.tell("go")

    def _after_the_dot(self, number: int, shop: Shop, smart: Smart, crew: Crew) -> None:
        """Every connection waits for its 250, and the server has taken the mail: only the server knows."""
        smart.tell(f"hold dot {self.mails // 2}")
        self._release(shop, number)
        smart.hears("holding", seconds=60)
        time.sleep(_QUIET_SECONDS)
        self._kill(shop, crew, "first")
        smart.tell("go")

    def _before_the_record(self, number: int, shop: Shop, smart: Smart, crew: Crew) -> None:
        """The server said 250, and the worker cannot record it: somebody else holds a lock."""
        smart.tell(f"hold dot {self.mails // 4}")
        self._release(shop, number)
        smart.hears("holding", seconds=60)
        time.sleep(_QUIET_SECONDS)
        with self.server.connect(_DATABASE) as other, other.transaction():
            other.execute("LOCK TABLE guestlist_invitations_invitationevent IN SHARE MODE")
            before = smart.count()
            smart.tell("go")
            until(lambda: smart.count() > before, seconds=60, what="mail arrives")
            time.sleep(_QUIET_SECONDS)
            self._kill(shop, crew, "first")

    # --- The end -------------------------------------------------------------------------------------------------------

    def _finish_deferred(self, shop: Shop) -> None:
        """Let those who were put off be tried again now, not in a minute."""
        for _try in range(_MOST_TRIES):
            if not shop.states()["ready"]:
                return
            shop.ask(f"UPDATE {MESSAGES} SET ready_at = now() WHERE state = 'ready'")
            shop.wait_until_settled(seconds=_SETTLE_SECONDS)

    def _add_up(self, shop: Shop, log: Path) -> None:
        copies, message_ids, refused = read_log(log)
        rows = shop.ask(
            f"SELECT m.state, a.typed FROM {MESSAGES} AS m"
            " JOIN guestlist_invitations_invitationaddress AS a ON a.invitation_id = m.subject_id ORDER BY m.id"
        )
        lost = [address for state, address in rows if not is_accounted_for(state, address, copies, refused)]
        if lost:
            print(
                f"lost: {[(state, address) for state, address in rows if address in lost]}", file=sys.stderr
            )
        doubled = doubled_by_round(log, self.starts)
        report = self.report
        report.add("rounds", "kills", self.kills, "kills")
        report.add("while_sending", "… while the worker had mails in hand", self.kills_while_sending, "kills")
        report.add("mails", "mails in all", len(rows), "mails")
        report.add("refused", "… of them refused for good", len(refused), "mails")
        report.add(
            "lost",
            "lost: neither accepted by the server nor bounced",
            len(lost),
            "mails",
            goal=Goal(at_most=0),
        )
        report.add(
            "doubled", "doubled in all", sum(doubled), "copies", goal=Goal(at_most=CONNECTIONS * self.kills)
        )
        report.add(
            "doubled_most",
            f"doubled by one kill, at most ({CONNECTIONS} connections)",
            max(doubled),
            "copies",
            goal=Goal(at_most=CONNECTIONS),
        )
        for number, (place, most) in enumerate(_ALLOWED, start=1):
            if number <= self.rounds:
                figure = doubled[number - 1]
                report.add(
                    f"doubled_{number}", f"… killed {place}", figure, "copies", goal=Goal(at_most=most)
                )
        strange = sum(1 for found in message_ids.values() if len(found) > 1)
        report.add("renamed", "doubled under another Message-ID", strange, "mails", goal=Goal(at_most=0))
        report.add(
            "totals", "totals that do not add up", self._wrong_totals(shop), "checks", goal=Goal(at_most=0)
        )

    def _wrong_totals(self, shop: Shop) -> int:
        """Let the product prove its totals, and hold the invitations against the outbox."""
        checked = subprocess.run(
            [ROOT / "guestlist", "check", "--totals"],
            env=shop.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        if checked.returncode:
            print(checked.stdout, checked.stderr)
        states = shop.states()
        statuses = dict(
            shop.ask("SELECT status, count(*) FROM guestlist_invitations_invitation GROUP BY status")
        )
        is_equal = (statuses.get("sent", 0), statuses.get("discarded", 0)) == (
            states["sent"],
            states["bounced"],
        )
        if not is_equal:
            print(f"outbox {dict(states)}, invitations {statuses}")
        return int(checked.returncode != 0) + int(not is_equal)


_ALLOWED = (
    ("before the final dot", 0),
    ("between the final dot and its 250", CONNECTIONS),
    ("after the 250, before it is recorded", 0),
)
