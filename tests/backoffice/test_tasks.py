"""Work in the background in the staff site: how it begins, what its pages show, who may press what."""

import datetime
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from guestlist.backoffice import selected, tasks
from guestlist.invitations import finding, parts
from guestlist.invitations.actions import mass, snapshots
from guestlist.invitations.actions import tasks as work
from guestlist.invitations.models import Invitation, Task, TaskKind, TaskState
from guestlist.stores.actors import SYSTEM
from tests import make


def words(answer) -> str:
    assert answer.status_code == 200, answer
    return str(answer.content.decode())


def act(client, action: str, ids=(), **data):
    values = {"action": action, "id": [str(one) for one in ids], "back": ""} | data
    return client.post("/staff/invitations/selected/", values, follow=True)


def press(client, task: Task, action: str):
    return client.post(f"/staff/tasks/{task.pk}/{action}/", follow=True)


def run(now) -> None:
    while work.work(handlers=mass.HANDLERS, clock=lambda: now):
        pass


@pytest.fixture
def four(view) -> list[Invitation]:
    ones = [make.staff_invitation(view, keep=True) for _ in range(4)]
    make.registered(ones[0])
    return ones


def test_all_that_match_are_offered_when_there_is_more_than_a_page(owner, four, monkeypatch) -> None:
    assert "Select all" not in words(owner.get("/staff/invitations/")).replace("Select all on this page", "")
    monkeypatch.setattr("guestlist.backoffice.listing.SIZE", 2)
    assert "Select all 4 that match" in words(owner.get("/staff/invitations/"))


def test_all_that_match_are_offered_when_looking_stopped_before_any_was_found(
    marketing, support, four, monkeypatch, now
) -> None:
    monkeypatch.setattr(parts, "FEW", 0)
    monkeypatch.setattr(parts, "FIRST_STEP", 1)
    monkeypatch.setattr(parts, "FURTHER_STEPS", (1,))
    monkeypatch.setattr(parts, "FURTHER_STEPS_IN_SCOPE", (1,))
    monkeypatch.setattr(parts, "FURTHER_STEPS_OF_PIECE", (1,))
    monkeypatch.setattr(parts, "FURTHER_STEPS_LOOKED_UP", (1,))
    monkeypatch.setattr(parts, "FURTHER_STEPS_LOOKED_UP_IN_SCOPE", (1,))
    monkeypatch.setattr(finding, "GATHERED", 1)
    make.staff_invitation(four[0].store_view, keep=True)
    query = "status=accepted"

    page = words(marketing.get(f"/staff/invitations/?{query}"))

    assert "Nothing found so far" in page
    assert re.findall(r'name="action" value="(\w+)"', page) == ["send", "change_group", "discard"]
    assert "/staff/invitations/export/?status=accepted&amp;format=csv" in page
    shown = words(support.get(f"/staff/invitations/?{query}"))
    assert re.findall(r'name="action" value="(\w+)"', shown) == ["discard"]
    fields = dict(re.findall(r'type="hidden" name="(back|all)" value="([^"]*)"', page))
    act(marketing, "discard", **{name: value.replace("&amp;", "&") for name, value in fields.items()})
    run(now)
    task = Task.objects.get()
    assert (task.state, task.total, task.settings["filter"]) == (TaskState.READY, 1, {"status": "accepted"})


def test_home_tells_of_tasks_that_failed_or_wait_for_their_own_maker(owner, manager, four, now) -> None:
    act(owner, "discard", all="1", back="status=not_sent")
    waiting = Task.objects.get()
    failed, other = (
        Task.objects.create(kind=TaskKind.SEND, state=state, created_at=now, touched_at=now)
        for state in (TaskState.FAILED, TaskState.READY)
    )

    page = words(owner.get("/staff/"))

    assert f"Task {waiting.pk} (Discard invitations) waits for you to confirm it." in page
    assert f"Task {failed.pk} (Send invitations) failed." in page
    assert f"/staff/tasks/{other.pk}/" not in page
    foreign = words(manager.get("/staff/"))
    assert "waits for you to confirm it" not in foreign
    assert f"/staff/tasks/{failed.pk}/" not in foreign
    headers = {"accept-language": "nl"}
    assert f"Taak {waiting.pk} (Uitnodigingen intrekken) wacht" in words(
        owner.get("/staff/", headers=headers)
    )


@pytest.mark.parametrize("name", ["website", "store_view"])
def test_task_about_another_website_is_refused_as_one_about_none(client_of, four, other_view, name) -> None:
    boss = client_of(make.staff(four[0].website))
    there = {"website": other_view.website_id, "store_view": other_view.pk}[name]
    said = [
        str(one)
        for pk in (there, 10**12)
        for one in act(boss, "discard", all="1", back=f"{name}={pk}").context["messages"]
    ]
    assert said == [str(mass.NothingSelected())] * 2


def test_task_is_confirmed_and_told_when_all_that_match_are_discarded(owner, four, other_view, now) -> None:
    foreign = make.staff_invitation(other_view)
    query = f"status=not_sent&website={four[0].website_id}"

    page = words(act(owner, "discard", all="1", back=query))

    task = Task.objects.get()
    assert "3 invitations will be discarded as far as they are still open." in page
    assert "Discard 3 invitations" in page
    assert re.search(r"Status: <strong>Not Sent</strong>", page)
    assert not Invitation.objects.filter(status="discarded").exists()

    page = words(press(owner, task, "confirm"))
    assert "The task is under way." in page
    assert 'data-every="2"' in page
    make.registered(four[3])
    run(now)
    page = words(owner.get(f"/staff/tasks/{task.pk}/"))
    assert "2 of 3 invitations discarded, 1 already accepted." in page
    assert f"/staff/invitations/{four[3].pk}/" in page
    assert "data-every" not in page
    foreign.refresh_from_db()
    assert foreign.is_open
    assert "2 of 3 done" in words(owner.get(f"/staff/tasks/?part=1&ids={task.pk},x,{'9' * 30}"))
    assert "2 of 3 done" in words(owner.get("/staff/tasks/"))
    assert "This task is over already" in words(press(owner, task, "stop"))


def test_more_than_fit_a_request_become_a_task(owner, four, monkeypatch) -> None:
    monkeypatch.setattr(selected, "MOST", 2)

    page = words(act(owner, "discard", [one.pk for one in four]))

    assert Task.objects.get().total == 4
    assert "Selected by hand" in page


@pytest.mark.parametrize("action", ["discard", "send", "change_group"])
def test_what_became_of_each_stays_when_a_selection_is_done_at_once(owner, four, other_view, action) -> None:
    accepted = four[0].pk
    ids = [*(one.pk for one in four), 10**12]
    group = make.group("wholesale")

    page = words(act(owner, action, ids, confirmed="1", group=str(group.pk)))

    task = Task.objects.get()
    assert (task.state, task.kind, task.total, task.done) == (TaskState.DONE, action, 5, 3)
    code = "move_not_allowed" if action == "send" else "accepted"
    assert task.skipped == {code: 1, "not_found": 1}
    assert task.website == four[0].website
    assert f'href="/staff/tasks/{task.pk}/">See what became of each</a>' in page
    assert "3 of 5 invitations" in page
    shown = words(owner.get(f"/staff/tasks/{task.pk}/?reason={code}"))
    assert f"/staff/invitations/{accepted}/" in shown
    assert "not yours, or gone" in words(owner.get(f"/staff/tasks/{task.pk}/?reason=not_found"))
    assert f"/staff/tasks/{task.pk}/" in words(owner.get("/staff/tasks/"))


def test_nothing_is_kept_when_none_of_a_selection_may_be_seen(manager, four, other_view) -> None:
    foreign = make.staff_invitation(other_view)

    page = words(act(manager, "discard", [foreign.pk], confirmed="1"))

    assert str(mass.NothingSelected()) in page
    assert not Task.objects.exists()
    foreign.refresh_from_db()
    assert foreign.is_open


@pytest.mark.parametrize("query", ["status=nonsense", "id=99999999999999999999", "sent_from=1", "email=a"])
def test_nothing_is_begun_when_the_filter_cannot_be_used(owner, four, query) -> None:
    answer = act(owner, "discard", all="1", back=query)

    assert answer.redirect_chain[-1][0].startswith("/staff/invitations/?")
    assert not Task.objects.exists()


def test_nothing_is_begun_when_nothing_matches_or_may_be_done(owner, support, four, other_view) -> None:
    make.staff_invitation(other_view)

    assert "No invitation matches any more" in words(act(owner, "discard", all="1", back="email=nobody@x"))
    assert "You have no permission" in words(act(support, "send", all="1"))
    assert "You have no permission" in words(act(support, "change_group", all="1"))
    assert "No invitation matches" in words(
        act(support, "discard", all="1", back=f"website={other_view.website_id}")
    )
    assert not Task.objects.exists()


def test_group_is_asked_for_when_it_is_to_be_changed(owner, four, now) -> None:
    wholesale, ids = make.group("wholesale"), [one.pk for one in four]

    page = words(act(owner, "change_group", ids))
    assert "Whoever accepts these 3 invitations" in page
    assert "Wholesale" in page
    missing = act(owner, "change_group", ids, confirmed="1")
    assert (missing.status_code, "Choose a group." in missing.content.decode()) == (422, True)
    page = words(act(owner, "change_group", ids, confirmed="1", group=str(wholesale.pk)))
    assert "3 of 4 invitations now have the group “Wholesale”, 1 already accepted." in page

    page = words(owner.get(f"/staff/invitations/{ids[1]}/"))
    assert re.search(r"Group changed</strong>\s*<span[^>]*>As configured → Wholesale", page)

    page = words(act(owner, "change_group", all="1"))
    assert "How many invitations match is counted next" in page
    assert act(owner, "change_group", all="1", confirmed="1", group="x").status_code == 422
    page = words(act(owner, "change_group", all="1", confirmed="1", group=selected.CONFIGURED))
    assert "gets the group “As configured”" in page
    task = Task.objects.get(state=TaskState.READY)
    press(owner, task, "confirm")
    run(now)
    assert not Invitation.objects.filter(group=wholesale).exists()
    assert "3 of 4 invitations now have the group “As configured”" in words(
        owner.get(f"/staff/tasks/{task.pk}/")
    )


def test_task_says_what_is_not_there_any_more(owner, view) -> None:
    group = make.group("wholesale")
    make.staff_invitation(view, address="noor@example.com")
    back = "email=noor%40example.com"
    act(owner, "change_group", all="1", confirmed="1", group=str(group.pk), back=back)
    task = Task.objects.get()
    group.delete()

    page = words(owner.get(f"/staff/tasks/{task.pk}/"))
    assert "gets the group “deleted group”" in page
    assert "noor@example.com" in page
    task.state, task.ended_at = TaskState.STOPPED, make.NOW
    task.save()
    snapshots.forget_old(now=make.NOW + datetime.timedelta(days=91))
    page = words(owner.get(f"/staff/tasks/{task.pk}/"))
    assert "noor@example.com" not in page
    assert "Whom the filter named is not kept for longer than 90 days." in page


def test_sends_are_linked_when_many_are_sent(owner, view, now) -> None:
    for _ in range(21):
        make.staff_invitation(view, keep=True)

    page = words(act(owner, "send", all="1"))
    assert "These 21 leave as a send" in page
    task = Task.objects.get()
    press(owner, task, "confirm")
    run(now)

    page = words(owner.get(f"/staff/tasks/{task.pk}/"))
    assert "21 of 21 invitations on their way." in page
    assert re.search(r'href="/staff/sends/\d+/"', page)


def test_task_shows_that_it_is_counted_paused_failed_or_stopped(owner, four, monkeypatch, now) -> None:
    monkeypatch.setattr(mass, "_are_few", lambda *_: False)
    page = words(act(owner, "discard", all="1"))
    task = Task.objects.get()
    assert "Being counted." in page
    assert "0 so far" in page
    assert 'id="confirm"' not in page
    assert "cannot be confirmed yet" in words(press(owner, task, "confirm"))
    run(now)
    assert 'id="confirm"' in words(owner.get(f"/staff/tasks/{task.pk}/?part=1"))
    press(owner, task, "confirm")
    assert "The task is paused." in words(press(owner, task, "pause"))
    assert "Goes on when it is resumed" in words(owner.get(f"/staff/tasks/{task.pk}/"))
    press(owner, task, "resume")
    Task.objects.update(state=TaskState.FAILED)
    page = words(owner.get(f"/staff/tasks/{task.pk}/"))
    assert "a mistake in Guestlist" in page
    assert "Try again" in page
    assert "The task is stopped." in words(press(owner, task, "stop"))
    page = words(owner.get(f"/staff/tasks/{task.pk}/"))
    assert "0 of 4 invitations discarded, 4 not reached before it was stopped." in page
    assert page.count('class="gl-rows"') == 1
    assert f"/staff/invitations/{four[2].pk}/" in page


def test_skipped_rows_are_paged_by_reason(owner, view, now, monkeypatch) -> None:
    monkeypatch.setattr(tasks, "SIZE", 2)
    ones = [make.staff_invitation(view, keep=True) for _ in range(7)]
    make.registered(ones[6])
    mass.open_for(kind=TaskKind.DISCARD, ids=[one.pk for one in ones], actor=SYSTEM, now=now)
    task = mass.open_for(kind=TaskKind.DISCARD, ids=[one.pk for one in ones], actor=SYSTEM, now=now)
    for one in Task.objects.all():
        work.confirm(task=one, actor=SYSTEM, now=now)
    run(now)
    task = Task.objects.get(skipped__discarded__gt=0)
    seen, query, back = [], "reason=discarded", None
    while query:
        page = words(owner.get(f"/staff/tasks/{task.pk}/?{query}"))
        rows = page.partition('class="gl-rows"')[2]
        seen.append([int(one) for one in re.findall(r"/staff/invitations/(\d+)/", rows)])
        found = re.search(r'rel="next" href="\?([^"]+)"', rows)
        query = found[1].replace("&amp;", "&") if found else ""
        back = re.search(r'rel="prev" href="\?([^"]+)"', rows)

    assert seen == [[one.pk for one in ones[at : at + 2]] for at in (0, 2, 4)]
    assert back is not None
    page = words(owner.get(f"/staff/tasks/{task.pk}/?{back[1].replace('&amp;', '&')}"))
    assert f"/staff/invitations/{ones[3].pk}/" in page
    assert f"/staff/invitations/{ones[6].pk}/" in words(owner.get(f"/staff/tasks/{task.pk}/?reason=accepted"))
    assert f"/staff/invitations/{ones[6].pk}/" in words(owner.get(f"/staff/tasks/{task.pk}/?reason=nonsense"))


def test_task_is_not_there_when_it_is_of_others(support, marketing, other_view, client_of, now) -> None:
    make.staff_invitation(other_view)
    theirs = make.actor(other_view.website)
    task = mass.open_for(kind=TaskKind.DISCARD, ids=[Invitation.objects.get().pk], actor=theirs, now=now)

    for client in (support, marketing):
        assert client.get(f"/staff/tasks/{task.pk}/").status_code == 404
        assert client.post(f"/staff/tasks/{task.pk}/confirm/").status_code == 404
        assert "No tasks yet" in words(client.get("/staff/tasks/"))
    assert support.get(f"/staff/tasks/{task.pk}/confirm/").status_code == 405


def test_pages_take_as_many_queries_for_fifty_rows_as_for_one(owner, view, now) -> None:
    def opened(count: int) -> Task:
        ids = [make.staff_invitation(view, keep=True).pk for _ in range(count)]
        task = mass.open_for(kind=TaskKind.DISCARD, ids=ids, actor=make.actor(), now=now)
        Invitation.objects.filter(pk__in=ids).update(status="discarded")
        work.confirm(task=task, actor=SYSTEM, now=now)
        run(now)
        return task

    def queries(address: str) -> int:
        with CaptureQueriesContext(connection) as asked:
            words(owner.get(address))
        return len(asked)

    one = opened(1)
    few = (queries("/staff/tasks/"), queries(f"/staff/tasks/{one.pk}/"))
    tasks_ = [opened(1) for _ in range(12)]
    many = opened(50)

    assert len(tasks_) == 12
    assert (queries("/staff/tasks/"), queries(f"/staff/tasks/{many.pk}/")) == few


def test_task_reads_as_dutch_when_the_browser_does(owner, four) -> None:
    act(owner, "discard", all="1")
    headers = {"accept-language": "nl"}

    page = words(owner.get(f"/staff/tasks/{Task.objects.get().pk}/", headers=headers))

    assert "4 uitnodigingen worden ingetrokken" in page
    assert "Achtergrondtaken" in page
    assert "Te bevestigen" in words(owner.get("/staff/tasks/", headers=headers))
