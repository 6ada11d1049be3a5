"""Many invitations at once in the background: who is meant, what becomes of each, and what happens meanwhile."""

import datetime
import os
import signal
import subprocess
import sys
from zoneinfo import ZoneInfo

import pytest

from guestlist.customers import grants
from guestlist.customers.models import Grant
from guestlist.invitations import actions as invitations
from guestlist.invitations import rules
from guestlist.invitations.actions import mass, moves, snapshots, tasks
from guestlist.invitations.actions.batches import SINGLE_UP_TO
from guestlist.invitations.filters import Filter
from guestlist.invitations.models import (
    EventKind,
    FiguresDelta,
    Invitation,
    InvitationEvent,
    Task,
    TaskKind,
    TaskRow,
    TaskState,
)
from guestlist.mail import ending
from guestlist.mail import sends as bulk
from guestlist.mail.config import Delivery
from guestlist.mail.counting import totals
from guestlist.mail.kinds import Verdict
from guestlist.mail.models import Measure, Message, Send, SenderIdentity
from guestlist.stores.actors import NotPermitted
from tests import make, races
from tests.invitations import recount

pytestmark = pytest.mark.django_db

LATER = make.NOW + datetime.timedelta(hours=1)


def work(most: int = 500) -> None:
    for _ in range(most):
        if not tasks.work(handlers=mass.HANDLERS, clock=lambda: LATER):
            return
    raise AssertionError("it never ends")


def opened(kind=TaskKind.DISCARD, chosen=None, **values) -> Task:
    actor = values.pop("actor", None) or make.actor()
    chosen = chosen if chosen is not None or "ids" in values else Filter()
    return mass.open_for(kind=kind, chosen=chosen, actor=actor, now=values.pop("now", make.NOW), **values)


def confirmed(task: Task, actor=None) -> Task:
    tasks.confirm(task=task, actor=actor or tasks.actor_of(task), now=make.NOW)
    work()
    task.refresh_from_db()
    return task


def of_each_kind(view) -> list[Invitation]:
    """Return two open invitations, one of them queued, one accepted and one discarded one."""
    queued, sent, accepted, ended = (make.staff_invitation(view) for _ in range(4))
    make.fare(sent, Verdict.ACCEPTED)
    make.registered(accepted)
    invitations.discard(invitation=ended, actor=make.actor(), now=make.NOW)
    return [queued, sent, accepted, ended]


@pytest.fixture
def slowly(monkeypatch):
    """Go through two rows at a time, so that few rows take several pieces."""
    monkeypatch.setattr(snapshots, "AT_ONCE", 2)
    for handler in mass.HANDLERS:
        monkeypatch.setattr(handler, "_pace", tasks.Pace(least=2, most=2))


def test_verdicts_history_and_figures_are_right_when_all_that_match_are_discarded(slowly) -> None:
    view = make.store_view()
    queued, sent, *_others = of_each_kind(view)
    task = opened()
    assert (task.state, task.total, TaskRow.objects.count()) == (TaskState.READY, 4, 4)

    confirmed(task)

    assert (task.state, task.done, task.skipped) == (TaskState.DONE, 2, {"accepted": 1, "discarded": 1})
    queued.refresh_from_db()
    sent.refresh_from_db()
    assert (queued.status, queued.delivery) == ("discarded", "withdrawn")
    assert (sent.status, sent.delivery, sent.reason) == ("discarded", "handed_over", "staff")
    assert Message.objects.get(subject_id=queued.pk).state == "withdrawn"
    events = InvitationEvent.objects.filter(kind=EventKind.DISCARDED, at=LATER).order_by("invitation")
    assert [(one.invitation_id, one.origin, one.actor_id) for one in events] == [
        (queued.pk, "not_sent", task.created_by_id),
        (sent.pk, "sent", task.created_by_id),
    ]
    assert recount.from_history() == recount.from_days()


def test_those_made_later_or_changed_meanwhile_get_their_verdict(slowly) -> None:
    view = make.store_view()
    ones = [make.staff_invitation(view) for _ in range(5)]
    task = opened()
    late = make.staff_invitation(view)
    make.registered(ones[0])
    tasks.confirm(task=task, actor=tasks.actor_of(task), now=make.NOW)
    tasks.work(handlers=mass.HANDLERS, clock=lambda: LATER)
    make.registered(ones[4])
    work()

    task.refresh_from_db()
    assert (task.done, task.skipped) == (3, {"accepted": 2})
    late.refresh_from_db()
    assert late.is_open
    assert set(TaskRow.objects.filter(reason="accepted").values_list("invitation", flat=True)) == {
        ones[0].pk,
        ones[4].pk,
    }


def test_rows_are_skipped_when_the_right_is_taken_away_meanwhile(slowly) -> None:
    view, other = make.store_view(), make.store_view()
    member = make.staff(view.website, role="marketing")
    Grant.objects.create(user=member, website=other.website, role=Grant.objects.get(user=member).role)
    actor = grants.actor_of(member)
    for _ in range(2):
        make.staff_invitation(view)
        make.staff_invitation(other)
    foreign = make.staff_invitation(make.store_view())
    task = opened(actor=actor)
    sending = opened(kind=TaskKind.SEND, actor=actor)
    assert task.total == sending.total == 4
    Grant.objects.filter(user=member, website=other.website).delete()

    for one in (task, sending):
        confirmed(one, actor)

    assert (task.done, task.skipped) == (2, {"not_permitted": 2})
    assert (sending.done, sending.skipped) == (2, {"not_permitted": 2})
    foreign.refresh_from_db()
    assert foreign.is_open


def test_ids_of_another_website_or_of_nothing_are_left_out_when_they_are_selected() -> None:
    view, other = make.store_view(), make.store_view()
    mine, foreign = make.staff_invitation(view), make.staff_invitation(other)
    actor = make.actor(view.website)

    task = opened(ids=[mine.pk, foreign.pk, 999_999], actor=actor)

    assert list(TaskRow.objects.filter(task=task).values_list("invitation", flat=True)) == [mine.pk]
    with pytest.raises(mass.NothingSelected):
        opened(ids=[foreign.pk], actor=actor)
    with pytest.raises(NotPermitted):
        opened(ids=[mine.pk], actor=make.actor(role="read_only"))
    assert Task.objects.count() == 1


def test_filter_means_the_moment_and_the_days_of_whoever_asked(monkeypatch) -> None:
    monkeypatch.setattr(mass, "_are_few", lambda *_: False)
    view = make.store_view()
    late_in_may = datetime.datetime(2026, 5, 3, 22, 30, tzinfo=datetime.UTC)  # the 4th in Amsterdam
    ones = [make.staff_invitation(view, now=late_in_may) for _ in range(2)]
    make.fare(ones[0], Verdict.ACCEPTED, now=late_in_may)
    day = datetime.date(2026, 5, 4)

    task = opened(
        chosen=Filter(sent_from=day, sent_to=day, website=view.website_id),
        now=make.NOW.astimezone(ZoneInfo("Europe/Amsterdam")),
    )

    assert (task.state, task.website) == (TaskState.PREPARING, view.website)
    work()
    task.refresh_from_db()
    assert (task.state, task.total) == (TaskState.READY, 1)


def test_snapshot_is_the_same_when_it_is_taken_in_pieces(slowly, monkeypatch) -> None:
    monkeypatch.setattr(mass, "_are_few", lambda *_: False)
    monkeypatch.setattr("guestlist.invitations.finding.GATHERED", 0)
    view = make.store_view()
    ones = [make.staff_invitation(view, keep=number % 3 == 0) for number in range(11)]

    task = opened(chosen=Filter(delivery="no_mail"))
    work()

    task.refresh_from_db()
    found = TaskRow.objects.filter(task=task).order_by("invitation").values_list("invitation", flat=True)
    assert list(found) == [one.pk for one in ones[::3]]
    assert task.total == 4


def test_worker_goes_on_where_a_request_finds_more_than_it_goes_through(slowly, monkeypatch) -> None:
    monkeypatch.setattr("guestlist.invitations.finding.GATHERED", 0)
    monkeypatch.setattr(mass, "_are_few", lambda *_: True)
    monkeypatch.setattr("guestlist.invitations.parts.FEW", 5)
    view = make.store_view()
    for _ in range(11):
        make.staff_invitation(view)

    task = opened()

    assert (task.state, task.total) == (TaskState.PREPARING, 2)
    work()
    task.refresh_from_db()
    assert (task.state, task.total) == (TaskState.READY, 11)


@pytest.mark.django_db(transaction=True)
def test_button_that_is_pressed_twice_opens_one_task() -> None:
    view, actor = make.store_view(), make.actor()
    ones = [make.staff_invitation(view).pk for _ in range(3)]
    soon = make.NOW + datetime.timedelta(seconds=20)

    races.together(*[lambda: opened(actor=actor).pk] * 3)
    first = Task.objects.get()
    make.staff_invitation(view)

    assert opened(actor=actor, now=soon) == first
    by_hand = opened(actor=actor, ids=ones)
    assert opened(actor=actor, ids=[*ones[::-1], *ones], now=soon) == by_hand
    others = [
        opened(actor=actor, ids=ones[:2]),
        opened(actor=actor, chosen=Filter(status="not_sent")),
        opened(actor=actor, kind=TaskKind.SEND),
        opened(actor=make.actor()),
        opened(actor=actor, now=make.NOW + datetime.timedelta(minutes=2)),
    ]
    assert len({first.pk, by_hand.pk, *(one.pk for one in others)}) == Task.objects.count() == 7
    tasks.stop(task=first, actor=actor, now=soon)
    assert opened(actor=actor, now=soon) != first


def test_group_is_changed_when_somebody_can_still_get_it(slowly) -> None:
    view, wholesale = make.store_view(), make.group("wholesale")
    queued, sent, accepted, _ended = of_each_kind(view)
    by_customer = make.invitation(make.customer(view))
    has_it = make.staff_invitation(view, group=wholesale)

    task = confirmed(opened(kind=TaskKind.CHANGE_GROUP, group=wholesale))

    assert (task.done, task.skipped) == (3, {"accepted": 1, "discarded": 1, "same_group": 1})
    assert set(Invitation.objects.filter(group=wholesale)) == {queued, sent, by_customer, has_it}
    event = InvitationEvent.objects.get(invitation=sent, kind=EventKind.GROUP_CHANGED)
    assert (event.detail, event.origin, event.target) == ({"from": None, "to": wholesale.pk}, None, None)
    joined = make.registered(by_customer)
    assert joined.customer is not None
    assert joined.customer.group == wholesale
    assert accepted.group is None
    assert recount.from_history() == recount.from_days()


def test_group_is_changed_at_once_when_few_are_selected() -> None:
    view, wholesale = make.store_view(), make.group("wholesale")
    one, elsewhere = make.staff_invitation(view), make.staff_invitation(make.store_view())
    actor = make.actor(view.website)

    tally = mass.change_group(ids=[one.pk, elsewhere.pk], group=wholesale, actor=actor, now=LATER)
    back = mass.change_group(ids=[one.pk], group=None, actor=actor, now=LATER)
    refused = mass.change_group(ids=[one.pk], group=wholesale, actor=make.actor(role="support"), now=LATER)

    assert (tally.done, dict(tally.skipped)) == (1, {moves.NOT_FOUND: 1})
    assert (back.done, dict(refused.skipped)) == (1, {"not_permitted": 1})
    one.refresh_from_db()
    assert one.group is None


def test_rows_are_skipped_when_the_group_is_gone() -> None:
    view, wholesale = make.store_view(), make.group("wholesale")
    make.staff_invitation(view)
    task = opened(kind=TaskKind.CHANGE_GROUP, group=wholesale)
    wholesale.delete()

    confirmed(task)

    assert (task.done, task.skipped) == (0, {mass.GROUP_GONE: 1})


def test_one_send_for_each_store_view_is_gone_on_with_when_many_are_sent(slowly) -> None:
    view, other = make.store_view(), make.store_view()
    for _ in range(SINGLE_UP_TO):
        make.staff_invitation(view, keep=True)
    for _ in range(3):
        make.staff_invitation(other, keep=True)
    queued = make.staff_invitation(view)
    task = opened(kind=TaskKind.SEND)
    tasks.confirm(task=task, actor=tasks.actor_of(task), now=make.NOW)
    tasks.work(handlers=mass.HANDLERS, clock=lambda: LATER)
    # All that is in it so far has left.
    (first,) = Send.objects.all()
    for message in Message.objects.filter(send=first):
        make.fare(Invitation.objects.get(pk=message.subject_id), Verdict.ACCEPTED)
    Send.objects.update(finished_at=LATER)

    work()

    task.refresh_from_db()
    assert (task.done, task.skipped) == (SINGLE_UP_TO + 3, {"already_on_its_way": 1})
    assert task.settings[mass.SENDS] == {str(one.store_view_id): one.pk for one in Send.objects.all()}
    assert {one.store_view_id for one in Send.objects.filter(finished_at=None)} == {view.pk, other.pk}
    counted = totals(send_ids=[first.pk])[first.pk]
    assert counted[Measure.QUEUED] == SINGLE_UP_TO
    assert queued.mail_id is not None


def test_the_rest_is_not_sent_when_its_send_is_stopped(slowly) -> None:
    view = make.store_view()
    for _ in range(SINGLE_UP_TO + 2):
        make.staff_invitation(view, keep=True)
    task = opened(kind=TaskKind.SEND)
    tasks.confirm(task=task, actor=tasks.actor_of(task), now=make.NOW)
    tasks.work(handlers=mass.HANDLERS, clock=lambda: LATER)
    bulk.stop(send=Send.objects.get(), actor=make.actor(), now=LATER)

    work()

    task.refresh_from_db()
    assert (task.done, task.skipped) == (2, {"send_is_over": SINGLE_UP_TO})
    assert Send.objects.count() == 1


def test_store_view_without_a_sender_is_skipped_when_all_are_sent() -> None:
    view = make.store_view()
    make.staff_invitation(view, keep=True)
    SenderIdentity.objects.all().delete()

    task = confirmed(opened(kind=TaskKind.SEND))

    assert (task.done, task.skipped) == (0, {"no_sender": 1})
    assert not Send.objects.exists()


def test_a_handful_leaves_by_itself_when_all_that_match_are_few() -> None:
    view = make.store_view()
    one = make.staff_invitation(view, keep=True)

    task = confirmed(opened(kind=TaskKind.SEND))

    assert task.done == 1
    assert Message.objects.get(subject_id=one.pk).send is None


def test_send_stays_open_when_mails_join_it_while_it_is_looked_at() -> None:
    view = make.store_view()
    ones = [make.staff_invitation(view, keep=True).pk for _ in range(SINGLE_UP_TO + 1)]
    sent = invitations.send_many(
        ids=ones,
        actor=make.actor(),
        configs={view.pk: make.options()},
        deliveries={view.pk: Delivery()},
        now=make.NOW,
    )
    (send,) = sent.sends
    Message.objects.all().update(state="sent")
    seen = Send.objects.get(pk=send.pk).last_mail
    Send.objects.filter(pk=send.pk).update(last_mail=(seen or 0) + 1)

    assert ending.finish(now=LATER) == 0


def test_pieces_take_the_same_queries_however_many_rows_they_have(django_assert_max_num_queries) -> None:
    view = make.store_view()
    counts = []
    for number in (2, 50):
        for _ in range(number):
            make.staff_invitation(view)
        task = opened(chosen=Filter(status="not_sent"))
        tasks.confirm(task=task, actor=tasks.actor_of(task), now=make.NOW)
        with django_assert_max_num_queries(30) as asked:
            tasks.work(handlers=mass.HANDLERS, clock=lambda: LATER)
        counts.append(len(asked))

    assert counts[0] == counts[1]


@pytest.mark.django_db(transaction=True)
def test_nothing_is_doubled_when_several_discard_while_people_accept(slowly) -> None:
    view = make.store_view()
    ones = [make.staff_invitation(view) for _ in range(24)]
    task = opened()
    tasks.confirm(task=task, actor=tasks.actor_of(task), now=make.NOW)

    def accept():
        for one in ones[::4]:
            try:
                make.registered(one)
            except rules.NotUsable:
                continue

    results = races.together(work, work, work, accept)

    work()
    assert not [one for one in results if isinstance(one, Exception)]
    task.refresh_from_db()
    assert (task.state, task.reached) == (TaskState.DONE, 24)
    accepted = Invitation.objects.filter(status="accepted").count()
    assert task.skipped.get("accepted", 0) == accepted
    assert task.done == 24 - accepted == Invitation.objects.filter(status="discarded").count()
    assert InvitationEvent.objects.filter(kind=EventKind.DISCARDED).count() == task.done
    assert FiguresDelta.objects.exists()
    assert recount.from_history() == recount.from_days()


_KILLED = """
import os, signal
import django; django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from guestlist.invitations.actions import mass, tasks
from guestlist.invitations.filters import Filter
from guestlist.stores.actors import SYSTEM
from tests import make
view = make.store_view()
for _ in range(30):
    make.staff_invitation(view)
task = mass.open_for(kind="discard", chosen=Filter(), actor=SYSTEM, now=make.NOW)
tasks.confirm(task=task, actor=SYSTEM, now=make.NOW)
handler = mass.Discarding(least=7, most=7)
done = []
def end_many(*args, end_many=mass.moves.end_many, **values):
    tally = end_many(*args, **values)
    done.append(tally)
    if len(done) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return tally
mass.moves.end_many = end_many
while tasks.work(handlers=[handler], clock=lambda: make.NOW):
    pass
"""
_AFTERWARDS = """
import django; django.setup()
from guestlist.invitations.actions import mass, tasks
from guestlist.invitations.models import Invitation, InvitationEvent, Task
from guestlist.mail.models import Message
from tests import make
from tests.invitations import recount
before = Task.objects.get().done
while tasks.work(handlers=[mass.Discarding(least=7, most=7)], clock=lambda: make.NOW):
    pass
task = Task.objects.get()
events = InvitationEvent.objects.filter(kind="discarded")
print(
    before, task.state, task.done, task.skipped, Invitation.objects.filter(status="discarded").count(),
    events.count(), events.values("invitation").distinct().count(),
    Message.objects.filter(state="withdrawn").count(), recount.from_days() == recount.from_history(),
)
"""


def test_nothing_is_lost_or_doubled_when_a_worker_is_killed_in_the_middle_of_a_piece(tmp_path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"} | {
        "GUESTLIST_DATA": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "guestlist.settings",
        "PYTHONPATH": os.pathsep.join(["src", "."]),
    }

    killed = subprocess.run([sys.executable, "-c", _KILLED], env=environment, capture_output=True)
    after = subprocess.run(
        [sys.executable, "-c", _AFTERWARDS], env=environment, capture_output=True, text=True, check=True
    )

    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert after.stdout.split("\n")[-2] == "14 done 30 {} 30 30 30 30 True"
