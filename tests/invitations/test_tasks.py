"""Work in the background: its switches, a piece at a time, whoever works and whatever happens meanwhile."""

import datetime
import threading

import pytest
from django.db import OperationalError

from guestlist.customers import grants
from guestlist.invitations.actions import snapshots, tasks
from guestlist.invitations.models import SavedFilter, Task, TaskKind, TaskRow, TaskState
from guestlist.stores.actors import SYSTEM, Actor, ActorKind, NotPermitted
from tests import make, races

LATER = make.NOW + datetime.timedelta(hours=1)


class Counting:
    """A handler that goes through numbers, five at a time; it keeps a row of the fifth back."""

    kind = TaskKind.DISCARD

    def __init__(self, rows: int = 23) -> None:
        self.rows = rows
        self.seen: list[int] = []
        self.actors: list[tuple[int | None, bool]] = []

    def prepare(self, task, *, now):
        more = min(task.cursor + 10, self.rows)
        TaskRow.objects.bulk_create(
            TaskRow(task=task, invitation_id=one) for one in range(task.cursor + 1, more + 1)
        )
        task.cursor = task.total = more
        return more < self.rows

    def run(self, task, *, actor, now):
        self.actors.append((actor.id, bool(actor.grants)))
        rows = TaskRow.objects.filter(task=task, invitation__gt=task.cursor).order_by("invitation")
        ids = list(rows.values_list("invitation", flat=True)[:5])
        if not ids:
            return False
        self.seen += ids
        kept = {one: "accepted" for one in ids if one % 5 == 0}
        tasks.skip(task, kept)
        task.done += len(ids) - len(kept)
        task.cursor = ids[-1]
        return True


def opened(actor=None, **values) -> Task:
    return tasks.open_task(
        kind=TaskKind.DISCARD, settings={}, actor=actor or make.actor(), now=make.NOW, **values
    )


def worked(handler, most: int = 50) -> int:
    """Work until there is nothing to do; returns how many pieces that took."""
    for number in range(most):
        if not tasks.work(handlers=[handler], clock=lambda: LATER):
            return number
    raise AssertionError("it never ends")


@pytest.mark.django_db
def test_task_is_done_when_it_was_prepared_and_confirmed() -> None:
    actor, handler = make.actor(), Counting()
    task = opened(actor)

    worked(handler)
    task.refresh_from_db()
    assert (task.state, task.total, task.cursor, handler.seen) == (TaskState.READY, 23, 0, [])
    assert tasks.confirm(task=task, actor=actor, now=make.NOW)
    assert not tasks.confirm(task=task, actor=actor, now=LATER)
    worked(handler)

    task.refresh_from_db()
    assert (task.state, task.done, task.skipped) == (TaskState.DONE, 19, {"accepted": 4})
    assert task.reached == task.total
    assert task.confirmed_at == make.NOW
    assert task.ended_at == LATER
    assert handler.seen == [*range(1, 24)]
    assert set(handler.actors) == {(actor.id, True)}
    kept = TaskRow.objects.filter(task=task, reason="accepted").values_list("invitation", flat=True)
    assert set(kept) == {5, 10, 15, 20}
    with pytest.raises(tasks.TaskIsOver):
        tasks.stop(task=task, actor=actor, now=LATER)


@pytest.mark.django_db
def test_nothing_is_asked_when_there_is_nothing_to_do() -> None:
    task, handler = opened(), Counting(rows=0)

    worked(handler)

    task.refresh_from_db()
    assert (task.state, task.total, task.ended_at) == (TaskState.DONE, 0, LATER)


@pytest.mark.django_db
def test_task_rests_when_it_is_paused_and_goes_on_when_resumed() -> None:
    actor, handler = make.actor(), Counting()
    task = opened(actor)
    with pytest.raises(tasks.NotReady):
        tasks.confirm(task=task, actor=actor, now=make.NOW)
    worked(handler)
    tasks.confirm(task=task, actor=actor, now=make.NOW)
    tasks.work(handlers=[handler], clock=lambda: LATER)

    assert tasks.pause(task=task, actor=actor, now=LATER)
    assert not tasks.pause(task=task, actor=actor, now=LATER)
    assert worked(handler) == 0
    assert tasks.resume(task=task, actor=actor, now=LATER)
    assert not tasks.resume(task=task, actor=actor, now=LATER)
    assert (task.going_since, task.going_from) == (LATER, 5)
    worked(handler)

    task.refresh_from_db()
    assert (task.state, task.reached) == (TaskState.DONE, 23)


@pytest.mark.django_db
@pytest.mark.parametrize("when", ["preparing", "ready", "running", "paused", "failed"])
def test_all_is_accounted_for_when_it_is_stopped(when: str) -> None:
    actor, handler = make.actor(), Counting()
    task = opened(actor)
    tasks.work(handlers=[handler], clock=lambda: LATER)
    if when != "preparing":
        worked(handler)
        task.refresh_from_db()
    if when in {"running", "paused"}:
        tasks.confirm(task=task, actor=actor, now=make.NOW)
        tasks.work(handlers=[handler], clock=lambda: LATER)
    if when == "paused":
        tasks.pause(task=task, actor=actor, now=LATER)
    if when == "failed":
        Task.objects.update(state=TaskState.FAILED)

    assert tasks.stop(task=task, actor=actor, now=LATER)
    assert not tasks.stop(task=task, actor=actor, now=LATER)

    assert worked(handler) == 0
    assert task.state == TaskState.STOPPED
    assert task.reached == task.total > 0
    for switch in (tasks.pause, tasks.resume):
        with pytest.raises(tasks.TaskIsOver):
            switch(task=task, actor=actor, now=LATER)


@pytest.mark.django_db
def test_piece_is_taken_back_when_it_fails_and_can_be_tried_again(caplog) -> None:
    actor, handler = make.actor(), Counting()

    class Broken(Counting):
        def run(self, task, *, actor, now):
            super().run(task, actor=actor, now=now)
            raise ValueError(task.pk)

    task = opened(actor)
    worked(handler)
    tasks.confirm(task=task, actor=actor, now=make.NOW)

    worked(Broken())

    task.refresh_from_db()
    assert (task.state, task.problem, task.reached) == (TaskState.FAILED, "ValueError", 0)
    assert not TaskRow.objects.exclude(reason="").exists()
    assert "task failed" in caplog.text
    tasks.resume(task=task, actor=actor, now=LATER)
    worked(handler)
    task.refresh_from_db()
    assert (task.state, task.problem, task.reached) == (TaskState.DONE, "", 23)


@pytest.mark.django_db
def test_worker_hears_of_it_when_the_database_is_busy() -> None:
    class Busy(Counting):
        def prepare(self, task, *, now):
            raise OperationalError("locked")

    task = opened()

    with pytest.raises(OperationalError):
        tasks.work(handlers=[Busy()], clock=lambda: LATER)

    task.refresh_from_db()
    assert (task.state, task.touched_at) == (TaskState.PREPARING, LATER)


@pytest.mark.django_db
def test_each_has_its_turn_when_there_are_several() -> None:
    first, second = opened(), opened()
    handler = Counting(rows=25)
    moments = (make.NOW + datetime.timedelta(seconds=number) for number in range(1, 99))

    for _ in range(4):
        tasks.work(handlers=[handler], clock=lambda: next(moments))

    assert set(Task.objects.values_list("pk", "total")) == {(first.pk, 20), (second.pk, 20)}


@pytest.mark.django_db(transaction=True)
def test_nothing_is_done_twice_when_several_work_and_confirm_at_once() -> None:
    actor, handler = make.actor(), Counting(rows=60)
    task = opened(actor)
    lock, pieces = threading.Lock(), []

    def work() -> int:
        count = 0
        for _ in range(200):
            if tasks.work(handlers=[handler], clock=lambda: LATER):
                count += 1
            elif Task.objects.filter(state__in=(TaskState.READY, TaskState.DONE)).exists():
                break
        with lock:
            pieces.append(count)
        return count

    races.together(work, work, work)
    begun = races.together(*[lambda: tasks.confirm(task=task, actor=actor, now=make.NOW)] * 3)
    races.together(work, work, work)

    task.refresh_from_db()
    assert sorted(begun, key=str) == [False, False, True]
    assert (task.state, task.total, task.reached) == (TaskState.DONE, 60, 60)
    assert sorted(handler.seen) == [*range(1, 61)]


@pytest.mark.django_db
def test_switches_are_refused_when_the_rights_are_anothers() -> None:
    site, other = make.website(), make.website()
    maker, elsewhere, reader = make.actor(site), make.actor(other), make.actor(role="read_only")
    task = opened(maker)
    Task.objects.update(state=TaskState.READY)

    for actor in (elsewhere, reader):
        for switch in (tasks.confirm, tasks.pause, tasks.resume, tasks.stop):
            with pytest.raises(NotPermitted):
                switch(task=task, actor=actor, now=make.NOW)
    with pytest.raises(NotPermitted):
        opened(reader)
    with pytest.raises(NotPermitted):
        opened(elsewhere, website=site)

    # Others who may do the same can pause and stop it, but not let it go on in the maker's name.
    colleague = make.actor(role="support")
    with pytest.raises(tasks.NotTheMaker):
        tasks.confirm(task=task, actor=colleague, now=make.NOW)
    assert tasks.confirm(task=task, actor=maker, now=make.NOW)
    assert tasks.pause(task=task, actor=colleague, now=make.NOW)
    with pytest.raises(tasks.NotTheMaker):
        tasks.resume(task=task, actor=make.actor(), now=make.NOW)
    assert tasks.stop(task=task, actor=colleague, now=make.NOW)


@pytest.mark.django_db
def test_tasks_are_seen_by_their_maker_and_by_who_may_do_the_same_there() -> None:
    site, other = make.website(), make.website()
    maker = make.actor(site)
    of_site, of_several = opened(maker, website=site), opened(maker)

    def seen_by(actor):
        return set(Task.objects.visible_to(actor))

    assert seen_by(maker) == seen_by(make.actor()) == seen_by(SYSTEM) == {of_site, of_several}
    assert seen_by(make.actor(site, role="support")) == {of_site}
    assert seen_by(Actor(ActorKind.CUSTOMER, maker.id)) == set()
    assert seen_by(make.actor(other)) == seen_by(make.actor(role="read_only")) == set()


@pytest.mark.django_db
def test_work_has_no_rights_when_its_maker_is_gone() -> None:
    maker = make.staff()
    pk = maker.pk
    task = opened(grants.actor_of(maker))
    handler = Counting()
    worked(handler)
    tasks.confirm(task=task, actor=grants.actor_of(maker), now=make.NOW)
    maker.is_active = False
    maker.save()
    tasks.work(handlers=[handler], clock=lambda: LATER)
    maker.delete()

    worked(handler)

    assert handler.actors == [(pk, False), *[(None, False)] * (len(handler.actors) - 1)]
    assert len(handler.actors) > 2
    assert tasks.actor_of(opened(SYSTEM)) is SYSTEM


@pytest.mark.django_db
def test_rows_go_when_a_task_was_over_long_ago_and_what_nobody_confirms_is_given_up() -> None:
    handler = Counting()
    done, waiting, paused = opened(), opened(), opened()
    worked(handler)
    chosen = {"email": "noor@example.com", "status": "sent"}
    Task.objects.filter(pk=done.pk).update(
        settings={"filter": chosen, "until": 9, "basis_text": "Asked Noor"}
    )
    Task.objects.filter(pk=paused.pk).update(state=TaskState.PAUSED, confirmed_at=make.NOW)
    tasks.confirm(task=done, actor=SYSTEM, now=make.NOW)
    worked(handler)

    assert snapshots.forget_old(now=LATER + datetime.timedelta(days=29)) == 0
    waiting.refresh_from_db()
    paused.refresh_from_db()
    assert (waiting.state, paused.state) == (TaskState.READY, TaskState.PAUSED)
    assert snapshots.forget_old(now=LATER + datetime.timedelta(days=91)) == 23

    waiting.refresh_from_db()
    assert (waiting.state, waiting.skipped) == (TaskState.STOPPED, {tasks.NOT_REACHED: 23})
    paused.refresh_from_db()
    assert (paused.state, paused.skipped) == (TaskState.STOPPED, {tasks.NOT_REACHED: 23})
    done.refresh_from_db()
    assert (done.done, done.skipped) == (19, {"accepted": 4})
    assert set(TaskRow.objects.values_list("task", flat=True)) == {waiting.pk, paused.pk}
    forgotten = {
        "filter": {"status": "sent"},
        "until": 9,
        "basis_text": "",
        "forgotten": ["basis_text", "email"],
    }
    assert done.settings == forgotten
    assert snapshots.forget_old(now=LATER + datetime.timedelta(days=92)) == 0


def test_pieces_grow_slowly_and_shrink_at_once() -> None:
    pace = tasks.Pace(least=100, most=1000)

    for expected in (100, 200, 400, 800, 1000, 1000):
        with pace as size:
            assert size == expected
    pace._began -= 1.0
    pace.__exit__()

    assert 100 <= pace.size <= 125


@pytest.mark.django_db
def test_saved_filters_are_seen_by_others_when_they_are_shared() -> None:
    one, other = make.staff(), make.staff()
    for user in (one, other):
        SavedFilter.objects.create(user=user, name="Mine", query="status=sent")
        SavedFilter.objects.create(user=user, name="Ours", query="status=expired", is_shared=True)

    seen = SavedFilter.objects.visible_to(grants.actor_of(one))

    assert seen.count() == 3
    assert not seen.filter(user=other, is_shared=False).exists()
