"""Discards all that match a filter as a worker does, in a shop that the environment names; prints what that took as JSON.

    python -m bench.discarding [FILTER]        FILTER as the grid's address has it; without one, all

Each piece is one transaction of the worker's own function, and pauses between them are the worker's.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

from bench.processes import memory_mb


def main() -> None:
    """Discard, and print."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "guestlist.settings")
    import django

    django.setup()
    json.dump(discarded(sys.argv[1] if len(sys.argv) > 1 else ""), sys.stdout)


def confirmed(query: str) -> tuple[int, float]:
    """Open a task that discards all that match, take its snapshot, and confirm it; returns its id and the longest piece."""
    from django.utils import timezone

    from guestlist.invitations.actions import tasks
    from guestlist.stores.actors import SYSTEM

    task, longest = opened(query), 0.0
    while task.state == "preparing":
        before = time.monotonic()
        _piece()
        longest = max(longest, time.monotonic() - before)
        task.refresh_from_db()
    tasks.confirm(task=task, actor=SYSTEM, now=timezone.now())
    return int(task.pk), longest


def opened(query: str) -> Any:  # noqa: ANN401 - a model, which is there after the set-up alone
    """Open a task that discards all that match."""
    from urllib.parse import parse_qsl

    from django.utils import timezone

    from guestlist.invitations.actions import mass
    from guestlist.invitations.filters import Filter
    from guestlist.invitations.models import TaskKind
    from guestlist.stores.actors import SYSTEM

    chosen = Filter.from_query(dict(parse_qsl(query)))
    return mass.open_for(kind=TaskKind.DISCARD, chosen=chosen, actor=SYSTEM, now=timezone.now())


def discarded(query: str) -> dict[str, Any]:
    """Discard all that match; returns seconds, pieces, and memory in MB early and late."""
    from guestlist.invitations.models import Task, TaskState
    from guestlist.worker import jobs

    begun = time.monotonic()
    pk, longest = confirmed(query)
    snapshot = time.monotonic() - begun
    times: list[float] = []
    held: list[float] = []
    started = time.monotonic()
    while True:
        before = time.monotonic()
        more = _piece()
        if not more:
            break
        times.append(time.monotonic() - before)
        time.sleep(jobs.breath(times[-1]))
        held.append(memory_mb(os.getpid()))
    took = time.monotonic() - started
    task = Task.objects.get(pk=pk)
    if task.state != TaskState.DONE or task.reached != task.total:
        raise RuntimeError(f"{task.state}: {task.done} done, {task.skipped} skipped of {task.total}")
    return {
        "rows": task.done,
        "snapshot_s": snapshot,
        "discard_s": took,
        "longest_s": max(longest, *times),
        "most_s": sorted(times)[len(times) * 99 // 100],
        "pieces": len(times),
        "memory_mb": max(held),
        "grown_mb": held[-1] - held[len(held) // 5],
    }


def _piece() -> bool:
    from django.utils import timezone

    from guestlist.invitations.actions import tasks
    from guestlist.worker import jobs

    return tasks.work(handlers=jobs.HANDLERS, clock=timezone.now)


if __name__ == "__main__":
    main()
