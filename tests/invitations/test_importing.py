"""Importing people from a file: the same verdicts as typing them, nobody twice, whatever happens in the middle."""

import csv
import datetime
import io
from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from django.db.models import Max, Min, Sum

from guestlist import addresses
from guestlist.backoffice.import_page import ImportPage
from guestlist.customers import grants
from guestlist.customers.models import Grant, Role
from guestlist.invitations import actions, figures
from guestlist.invitations.actions import circumstances, converting, import_files, importing, tasks
from guestlist.invitations.basis import NoBasis, Why
from guestlist.invitations.imports import columns, files, results
from guestlist.invitations.imports.plans import Plan, Run
from guestlist.invitations.models import (
    FiguresDelta,
    ImportFile,
    ImportPart,
    ImportRow,
    Invitation,
    InvitationEvent,
    Task,
    TaskState,
)
from guestlist.mail import actions as mail
from guestlist.mail import ending, sends, templates
from guestlist.mail.models import Message, Send, SuppressionReason
from guestlist.stores.actors import SYSTEM, Actor, ActorKind, NotPermitted, Permission
from guestlist.stores.models import StoreView
from tests import make, races
from tests.invitations.test_imports import workbook

LATER = make.NOW + datetime.timedelta(minutes=5)


@pytest.fixture
def view(db):
    templates.install(now=make.NOW)
    return make.store_view(name="Linden & Loom")


def kept(data: str | bytes, actor, name="guests.csv") -> ImportFile:
    content = data.encode() if isinstance(data, str) else data
    return import_files.keep_file(
        file=io.BytesIO(content), name=name, size=len(content), actor=actor, now=make.NOW
    )


def planned(file: ImportFile, view, **values: Any) -> Plan:
    layout = columns.guessed(file)
    return Plan(layout, columns.sample(file, layout).width, view.pk, **values)


def opened(data: str | bytes, view, actor, **values: Any) -> Task:
    file = kept(data, actor)
    plan = planned(file, view, **values)
    return importing.open_import(file=file, plan=plan, store_view=view, actor=actor, now=make.NOW)


def work(task: Task, *, most: int = 200) -> Task:
    """Do what there is to do, in pieces of two rows."""
    handler = importing.Importing()
    for pace in (handler.reading, handler.inviting):
        pace.least = pace.size = 1
        pace.most = 2
    converting.work(clock=lambda: LATER, stopping=lambda: False)
    for _piece in range(most):
        if not tasks.work(handlers=[handler], clock=lambda: LATER):
            break
    task.refresh_from_db()
    return task


def imported(data: str | bytes, view, actor, **values: Any) -> Task:
    task = work(opened(data, view, actor, **values))
    if task.state == TaskState.READY:
        tasks.confirm(task=task, actor=actor, now=make.NOW)
        work(task)
    assert task.state == TaskState.DONE, task.problem
    assert task.reached == task.total
    return task


def verdicts(task: Task) -> dict[int, str]:
    rows = ImportRow.objects.filter(task=task).order_by("number")
    return dict(rows.values_list("number", "verdict"))


def made_so_far() -> dict[str, tuple[Any, ...]]:
    """Return all that belongs to each invitation, by address and repeat, without ids."""
    rows = Invitation.objects.select_related("address", "note")
    events = {one.invitation_id: one for one in InvitationEvent.objects.filter(kind="created")}
    mails = {one.pk: one for one in Message.objects.all()}
    return {
        f"{one.address.normalized} {one.repeat} {one.inviter_id}": (
            (one.address.typed, one.address.name, bytes(one.address_hash or b"")),
            (one.website_id, one.store_view_id, one.inviter_id, one.staff_id, one.occasion_id, one.group_id),
            (one.status, one.reason, one.channel, one.delivery, one.created_at, one.link_generation),
            getattr(getattr(one, "note", None), "message", ""),
            (
                events[one.pk].target,
                events[one.pk].actor_kind,
                events[one.pk].actor_id,
                events[one.pk].day,
                events[one.pk].detail,
            ),
            one.mail_id
            and (
                mails[one.mail_id].subject_id == one.pk,
                mails[one.mail_id].ready_at,
                mails[one.mail_id].state,
            ),
        )
        for one in rows
    }


TYPED = [
    "new@example.com",
    "NEW@example.com",
    "Zoë <zoe@example.com>",
    "nonsense",
    "a@" + "b" * 260 + ".nl",
    "sent@example.com",
    "expired@example.com",
    "discarded@example.com",
    "friend@example.com",
    "Customer@Example.com",
    "suppressed@example.com",
    "suppressed@example.com",
    "bücher@exämple.de",
    "=plus@example.com",
]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"again": True, "message": "Hi & <b>welcome</b>"},
        {"has_occasion": True},
        {"existing_account": "sign_in", "has_group": True},
        {"is_sent": True},
    ],
    ids=lambda options: " ".join(options) or "plain",
)
def test_import_does_what_typing_the_addresses_does(view, options) -> None:
    actor = make.actor()
    occasion = make.occasion(view.website) if options.get("has_occasion") else None
    group = make.group("vip") if options.get("has_group") else None
    message = options.get("message", "")
    if "existing_account" in options:
        make.configure("existing_account", options["existing_account"])
    config = make.options(existing_account=options.get("existing_account", "skip"))
    emma = make.customer(view, email="customer@example.com")
    make.sent_invitation(emma, address="sent@example.com", occasion=occasion)
    old = make.NOW - datetime.timedelta(days=90)
    make.sent_invitation(emma, address="expired@example.com", now=old, occasion=occasion)
    make.invitation(emma, address="friend@example.com", occasion=occasion)
    ended = make.staff_invitation(view, address="discarded@example.com", occasion=occasion)
    actions.discard(invitation=ended, actor=actor, now=make.NOW)
    mail.suppress(
        website=None,
        address_hash=addresses.hash_of("suppressed@example.com"),
        reason=SuppressionReason.WISH,
        now=make.NOW,
    )
    before = FiguresDelta.objects.filter(measure="created").aggregate(Sum("amount"))
    with transaction.atomic():
        typed = actions.invite_as_staff(
            actor=actor,
            store_view=view,
            addresses=TYPED,
            message=message,
            group=group,
            occasion=occasion,
            ready_at=LATER if options.get("is_sent") else None,
            why=Why("consent") if options.get("is_sent") else Why(),
            again={"sent@example.com", "friend@example.com"} if options.get("again") else (),
            config=config,
            now=LATER,
        )
        expected, counted = (
            made_so_far(),
            FiguresDelta.objects.filter(measure="created").aggregate(Sum("amount")),
        )
        transaction.set_rollback(True)

    task = imported(
        "E-mail\n" + "\n".join(TYPED) + "\n",
        view,
        actor,
        message=message,
        group=group.pk if group else None,
        occasion=occasion.pk if occasion else None,
        again=bool(options.get("again")),
        when="now" if options.get("is_sent") else "keep",
        basis="consent",
    )

    assert list(verdicts(task).values()) == ["" if one.code == "invited" else one.code for one in typed]
    assert made_so_far() == expected
    assert FiguresDelta.objects.filter(measure="created").aggregate(Sum("amount")) == counted != before


def test_language_of_a_row_is_the_websites_own_when_another_has_a_view_of_that_name(view) -> None:
    dutch = make.store_view(view.website, name="Linde", language="nl")
    other = make.store_view(name="Nederlands")
    StoreView.objects.filter(pk=other.pk).update(code="en")
    data = f"E-mail;Language\na@x.nl;nederlands\nb@x.nl;en\nc@x.nl;{dutch.code}\n"

    for number, actor in enumerate((make.actor(), make.actor(view.website))):
        task = imported(data.replace("@", f"{number}@"), view, actor)
        assert set(verdicts(task).values()) == {""}

    assert not Invitation.objects.filter(website=other.website).exists()
    assert Invitation.objects.filter(store_view=dutch).count() == 4


def test_another_websites_view_is_known_by_its_code_to_those_who_may_import_there(view) -> None:
    other = make.store_view(name="Attic")
    data = f"E-mail;Store view\na@x.nl;{other.code}\nb@x.nl;Attic\n"

    task = imported(data, view, make.actor(view.website))
    assert set(verdicts(task).values()) == {"unknown_store_view"}
    task = imported(data, view, make.actor())
    assert list(verdicts(task).values()) == ["", "unknown_store_view"]


def test_workbook_is_refused_when_its_rows_come_to_more_than_a_file_may_have(view, monkeypatch) -> None:
    monkeypatch.setattr(files, "MAX_BYTES", 400_000)
    cells = "<row><c t='s'><v>0</v></c></row>" * 100
    book = workbook(cells, strings=f"<si><t>{'x' * 100_000}</t></si>").getvalue()
    with pytest.raises(files.FileTooLarge):
        kept(book, make.actor(), "guests.xlsx")

    assert not ImportFile.objects.exists()


def test_columns_say_who_invites_from_where_to_what(view) -> None:
    actor = make.actor()
    dutch = make.store_view(view.website, name="Linde", language="nl")
    emma = make.customer(view, email="emma@example.com")
    event = make.occasion(view.website, title="Autumn preview")
    vip = make.group("vip")
    data = (
        "E-mail;Name;Last name;Language;Group;Event;Inviter;Message;Tussenvoegsel\r\n"
        'a@x.nl;Noor;Jansen;nederlands;VIP;autumn  PREVIEW;;"Hi\nthere";van der\r\n'
        "b@x.nl;;;;;;emma@example.com;\r\nfriend@x.nl;;;;vip;;emma@example.com;\r\n"
        "emma@example.com;;;;;;EMMA@example.com;\r\n"
        "c@x.nl;;;fr;;;;\r\nd@x.nl;;;;gold;;;\r\ne@x.nl;;;;;Easter;;\r\nf@x.nl;;;;;;nobody@x.nl;\r\n"
        "g@x.nl;;;;;;;" + "x" * 1001 + "\r\n;;;;;;;hello\r\n;;;;;;;\r\nb@x.nl;;;;;;emma@example.com;\r\n"
    )

    task = imported(data, view, actor, message="For all", group=make.group("retail").pk)

    assert verdicts(task) == {
        2: "",
        3: "",
        4: "",
        5: "it_is_you",
        6: "unknown_store_view",
        7: "unknown_group",
        8: "unknown_occasion",
        9: "unknown_inviter",
        10: "message_too_long",
        11: "no_address",
        13: "repeated",
    }
    mine, hers = (
        Invitation.objects.select_related("address", "note").order_by("pk").filter(inviter=None),
        emma,
    )
    (first,) = mine
    assert (first.store_view, first.group, first.occasion, first.staff_id) == (dutch, vip, event, actor.id)
    assert (first.address.name, first.note.message) == ("Noor van der Jansen", "Hi\nthere")
    second, third = Invitation.objects.filter(inviter=hers).order_by("pk")
    assert (second.group, second.staff, second.note.message) == (None, None, "For all")
    assert third.group == vip


def test_customers_send_no_links_by_a_file_where_they_may_send_none(view) -> None:
    inviter, open_view = make.customer(view, email="emma@example.com"), make.store_view(view.website)
    make.configure("links_in_message", "allow", open_view)
    data = (
        "E-mail;Inviter;Message;Store view\na@x.nl;;see shop.example;\nb@x.nl;emma@example.com;see shop.example;\n"
        "c@x.nl;emma@example.com;Hello!;\nd@x.nl;emma@example.com;;\n"
        f"e@x.nl;emma@example.com;see shop.example;{open_view.code}\n"
    )

    first = imported(data, view, make.actor())
    assert verdicts(first) == {2: "", 3: "message_has_link", 4: "", 5: "", 6: ""}
    task = imported(
        "E-mail;Inviter\nf@x.nl;emma@example.com\ng@x.nl;\n", view, make.actor(), message="at shop.example"
    )
    assert verdicts(task) == {2: "message_has_link", 3: ""}
    assert Invitation.objects.filter(inviter=inviter).count() == 3


def test_nobody_is_invited_twice_when_a_file_is_imported_again(view) -> None:
    actor = make.actor()
    data = "email\n" + "".join(f"guest{number}@x.nl\n" for number in range(30))

    first = imported(data, view, actor, when="now", basis="asked", basis_text="At the fair")
    again = imported(data, view, actor, when="now", basis="asked")

    (send,) = Send.objects.all()
    assert (first.done, again.done, again.skipped) == (30, 0, {"open_invitation": 30})
    assert Message.objects.of_send(send.pk).count() == Message.objects.count() == 30
    assert (send.basis, send.basis_text, send.created_by_id) == ("asked", "At the fair", actor.id)
    made = Message.objects.of_send(send.pk).aggregate(first=Min("subject_id"), last=Max("subject_id"))
    assert (send.first_subject, send.last_subject) == (made["first"], made["last"])
    (progress,) = sends.progress([send], options={view.pk: sends_options(view)}, now=LATER)
    assert progress.total == 30


def test_the_rest_is_kept_as_not_sent_when_its_send_is_stopped(view) -> None:
    actor = make.actor()
    data = "email\n" + "".join(f"guest{number}@x.nl\n" for number in range(30))
    task = work(opened(data, view, actor, when="now", basis="asked"))
    tasks.confirm(task=task, actor=actor, now=make.NOW)
    work(task, most=3)
    (send,), before = Send.objects.all(), Message.objects.count()
    assert 0 < before < 30
    sends.stop(send=send, actor=actor, now=LATER)
    ending.withdraw_stopped(kinds=[], now=LATER)
    ending.finish(now=LATER)
    over = Send.objects.get()
    assert over.finished_at is not None

    work(task)

    assert (task.state, task.done, Run.of(task.settings).kept) == (TaskState.DONE, 30, 30 - before)
    assert Invitation.objects.filter(mail_id=None, delivery="", status="not_sent").count() == 30 - before
    assert Message.objects.count() == before
    again = Send.objects.get()
    assert (again.finished_at, again.last_mail) == (over.finished_at, over.last_mail)
    assert f"{30 - before} of them are kept as Not Sent" in ImportPage().outcome(task)


def sends_options(view):
    from guestlist.mail.config import Delivery
    from guestlist.stores import config

    return config.resolve(Delivery, config.at(view)).value


def test_verdict_is_that_of_the_moment_when_somebody_was_faster(view) -> None:
    actor = make.actor()
    task = work(opened("email\na@x.nl\nb@x.nl\nc@x.nl\n", view, actor))
    make.staff_invitation(view, address="b@x.nl")
    tasks.confirm(task=task, actor=actor, now=make.NOW)

    work(task)

    assert (task.state, task.done, task.skipped) == (TaskState.DONE, 2, {"open_invitation": 1})
    assert [one.number for one in results.totals(task)] == [2, 1]
    assert Invitation.objects.count() == 3


def test_unique_constraint_decides_when_somebody_was_faster_without_waiting(view, monkeypatch) -> None:
    actor = make.actor()
    task = work(opened("email\na@x.nl\nb@x.nl\n", view, actor, when="now", basis="consent"))
    make.staff_invitation(view, address="b@x.nl")
    tasks.confirm(task=task, actor=actor, now=make.NOW)
    judge, calls = circumstances.Circumstances.judge, []

    def late(self, *arguments, **named):
        calls.append(named["until"])
        return judge(self, *arguments, **named) if calls.count(named["until"]) > 1 else {}

    monkeypatch.setattr(circumstances.Circumstances, "judge", late)
    work(task)

    assert (task.state, task.done, task.skipped) == (TaskState.DONE, 1, {"open_invitation": 1})
    assert Message.objects.count() == Invitation.objects.count() == 2


def test_rows_that_were_not_reached_are_told_apart_when_it_is_stopped(view) -> None:
    actor = make.actor()
    task = work(opened("email\na@x.nl\nb@x.nl\nnonsense\n", view, actor))

    tasks.stop(task=task, actor=actor, now=LATER)

    assert {one.verdict: one.number for one in results.totals(task)} == {
        "malformed_address": 1,
        "not_reached": 2,
    }


@pytest.mark.django_db(transaction=True)
def test_everybody_is_invited_once_when_two_files_are_imported_at_the_same_time() -> None:
    templates.install(now=make.NOW)
    view, actor = make.store_view(), make.actor()
    rows = [f"guest{number}@x.nl" for number in range(40)]
    both = [work(opened("\n".join(["email", *some]), view, actor)) for some in (rows, rows[::-1])]
    for task in both:
        tasks.confirm(task=task, actor=actor, now=make.NOW)

    races.together(*[lambda: work(both[0]).state, lambda: work(both[1]).state] * 2)
    for task in both:
        work(task)

    assert [task.state for task in both] == [TaskState.DONE] * 2
    assert sum(task.done for task in both) == Invitation.objects.count() == 40
    assert sum(task.skipped.get("open_invitation", 0) for task in both) == 40


def test_nothing_is_half_done_when_a_piece_fails_in_the_middle(view, monkeypatch) -> None:
    actor = make.actor()
    task = work(opened("email\na@x.nl\nb@x.nl\nc@x.nl\n", view, actor, when="now", basis="consent"))
    tasks.confirm(task=task, actor=actor, now=make.NOW)
    with monkeypatch.context() as patch:
        patch.setattr(figures.Ledger, "write", lambda _ledger: 1 / 0)
        work(task)

    assert (task.state, task.problem, Invitation.objects.count()) == (
        TaskState.FAILED,
        "ZeroDivisionError",
        0,
    )
    assert not Message.objects.exists()
    tasks.resume(task=task, actor=actor, now=LATER)
    work(task)
    assert (task.state, task.done, Invitation.objects.count()) == (TaskState.DONE, 3, 3)


def test_rows_are_refused_when_the_right_is_gone_meanwhile(view) -> None:
    user = make.staff(view.website, role="marketing")
    actor = grants.actor_of(user)
    task = work(opened("email\na@x.nl\n", view, actor))
    tasks.confirm(task=task, actor=actor, now=make.NOW)
    Grant.objects.all().delete()

    work(task)

    assert (task.state, task.done, task.skipped) == (TaskState.DONE, 0, {"not_permitted": 1})
    with pytest.raises(NotPermitted):
        kept("email\na@x.nl\n", grants.actor_of(user))


def test_refused_rows_come_back_as_a_file_that_can_be_imported(view) -> None:
    actor = make.actor()
    make.staff_invitation(view, address="b@x.nl")
    data = 'E-mail;Name\n"a@x.nl";ok\n=nonsense;"=1;2"\n\nb@x.nl;\n"c@x.nl;open\nd@x.nl;x;y\n'

    task = imported(data, view, actor)

    found = b"".join(results.refused_file(task))
    header, *rows = csv.reader(io.StringIO(found.decode("utf-8-sig"), newline=""), delimiter=";")
    assert header == ["E-mail", "Name", "Row", "Not imported because"]
    assert [row[:3] for row in rows] == [
        ["'=nonsense", "'=1;2", "3"],
        ["b@x.nl", "", "5"],
        ["c@x.nl", "open", "6"],
        ["d@x.nl", "x y", "7"],
    ]
    assert all(row[3].endswith(".") for row in rows)
    fixed = found.decode("utf-8-sig").replace("'=nonsense", "n@x.nl")
    assert imported(fixed, view, actor).done == 3
    assert Invitation.objects.filter(address__name="=1;2").exists()


def test_rows_of_an_import_are_read_by_who_brought_it_where_they_still_may(view) -> None:
    other = make.store_view(name="Attic")
    user = make.staff(view.website, role="marketing")
    more = Grant.objects.create(user=user, website=other.website, role=Role.objects.get(code="marketing"))
    data = f"E-mail;Store view\nmine;{view.code}\nhidden;{other.code}\n"
    task = work(opened(data, view, grants.actor_of(user)))

    def read(actor) -> tuple[list[str], bytes]:
        allowed = results.readable_at(task, actor)
        (total,) = results.totals(task, websites=allowed)
        assert total.number == 2
        return [one.typed for one in total.first], b"".join(results.refused_file(task, websites=allowed))

    assert read(grants.actor_of(user))[0] == ["mine", "hidden"]
    more.delete()
    typed, file = read(grants.actor_of(user))
    assert typed == ["mine"]
    assert b"mine" in file
    assert b"hidden" not in file
    assert read(make.actor())[0] == ["mine", "hidden"]
    one = work(opened("E-mail\nnonsense\n", view, grants.actor_of(user)))
    for permissions, expected in (([Permission.IMPORT], set()), ([Permission.EXPORT], {view.website_id})):
        rights = frozenset(permissions)
        actor = Actor(ActorKind.STAFF, 1_000_000, {view.website_id: rights, other.website_id: rights})
        assert results.readable_at(one, actor) == expected


def test_workbook_is_imported_like_a_table_of_text(view) -> None:
    sheet = "".join(
        f'<row r="{number}"><c t="inlineStr"><is><t>{text}</t></is></c></row>'
        for number, text in ((1, "E-mail"), (3, "a@x.nl"), (7, "nonsense"))
    )

    task = imported(workbook(sheet).getvalue(), view, make.actor())

    assert verdicts(task) == {3: "", 7: "malformed_address"}
    assert task.file.sheet == "Guests"


def inline(*rows: str, then: str = "") -> bytes:
    """Return a workbook with a column of texts."""
    cells = "".join(f'<row><c t="inlineStr"><is><t>{text}</t></is></c></row>' for text in rows)
    return workbook(cells + then).getvalue()


def converted(at: datetime.datetime = LATER, *, stopping: Callable[[], bool] = lambda: False) -> bool:
    return converting.work(clock=lambda: at, stopping=stopping)


def killed() -> bool:
    raise KeyboardInterrupt


def test_workbook_is_kept_as_it_is_until_a_worker_reads_it(view) -> None:
    data = inline("E-mail", *(f"{number}@x.nl" for number in range(9_000)))
    task = opened(data, view, make.actor())
    parts = ImportPart.objects.filter(file=task.file)

    assert not tasks.work(handlers=[importing.Importing()], clock=lambda: LATER)
    assert b"".join(bytes(one.data) for one in parts.filter(number__lt=0).order_by("-number")) == data
    assert sum(len(one.data) for one in parts.filter(number__gte=0)) < 3_000
    assert converted()

    file = ImportFile.objects.get()
    assert (file.is_workbook, file.lines, file.leased_until, file.begun) == (False, 9_001, None, 0)
    lines = b"".join(bytes(one.data) for one in parts.order_by("number"))
    assert (len(lines), lines.count(b"@x.nl\n")) == (file.kept, 9_000)
    assert not parts.filter(number__lt=0).exists()
    assert not converted()


def test_task_says_why_when_its_workbook_cannot_be_read_to_the_end(view) -> None:
    data = inline("E-mail", *["a@x.nl"] * 3_000, then="<row><c t='s'><v>7</v></c></row>")

    task = work(opened(data, view, make.actor()))

    assert (task.state, task.problem, task.total) == (TaskState.FAILED, "unusable_file", 0)
    assert "Save the table as CSV" in results.problem(task)
    assert not ImportRow.objects.exists()
    # Tried again, it says so again.
    tasks.resume(task=task, actor=SYSTEM, now=make.NOW)
    assert work(task).problem == "unusable_file"


def test_workbook_is_begun_anew_when_its_worker_was_killed_or_stopped(view) -> None:
    task = opened(inline("E-mail", *["a@x.nl"] * 3_000), view, make.actor())
    assert converted(stopping=lambda: True)
    assert ImportFile.objects.get().begun == 0

    for kill in range(3):
        with pytest.raises(KeyboardInterrupt):
            converted(LATER + kill * datetime.timedelta(minutes=2), stopping=killed)
    assert not converted(LATER + datetime.timedelta(minutes=4))  # leased
    assert converted(LATER + datetime.timedelta(minutes=6))

    task.refresh_from_db()
    assert (task.state, task.problem) == (TaskState.FAILED, "killed_its_worker")
    tasks.resume(task=task, actor=SYSTEM, now=make.NOW)
    assert converted()
    assert not ImportFile.objects.get().is_workbook


def test_workbook_is_let_go_when_its_task_is_stopped(view, monkeypatch) -> None:
    monkeypatch.setattr(converting, "_EVERY", 0)
    task = opened(inline("E-mail", *["a@x.nl"] * 3_000), view, make.actor())
    tasks.stop(task=task, actor=make.actor(), now=make.NOW)

    assert not converted()
    Task.objects.update(state=TaskState.PREPARING)
    stale = converting._taken(LATER)
    assert stale is not None
    Task.objects.update(state=TaskState.STOPPED)
    with pytest.raises(converting._LetGo):
        converting._convert(stale, lambda: LATER, lambda: False)
    assert ImportFile.objects.get().is_workbook


def test_piece_that_kills_its_worker_is_not_tried_for_ever(view) -> None:
    task = opened("email\na@x.nl\n", view, make.actor())

    class Deadly(importing.Importing):
        def prepare(self, task: Task, *, now: datetime.datetime) -> bool:
            raise KeyboardInterrupt

    later = LATER
    for _kill in range(3):
        with pytest.raises(KeyboardInterrupt):
            tasks.work(handlers=[Deadly()], clock=lambda: later)
    assert ImportFile.objects.get().begun == 3

    assert tasks.work(handlers=[Deadly()], clock=lambda: later)
    task.refresh_from_db()
    assert (task.state, task.problem) == (TaskState.FAILED, "killed_its_worker")
    assert "several times" in results.problem(task)
    tasks.resume(task=task, actor=SYSTEM, now=make.NOW)
    assert work(task).state == TaskState.READY
    assert ImportFile.objects.get().begun == 0


def test_row_is_refused_by_itself_when_its_text_is_absurd(view) -> None:
    hostile = "(" * 1_500 + ")" * 1_500 + " <a@x.nl>"

    task = imported(f"email\n{hostile}\nb@x.nl\n", view, make.actor())

    assert (task.done, verdicts(task)[2]) == (1, "address_too_long")


def test_of_somebodys_unused_files_the_oldest_goes(view) -> None:
    actor, other = grants.actor_of(make.staff(view.website)), grants.actor_of(make.staff(view.website))
    first, others = kept("email\na@x.nl\n", actor), kept("email\na@x.nl\n", other)
    importing.open_import(file=first, plan=planned(first, view), store_view=view, actor=actor, now=make.NOW)

    some = [kept("email\na@x.nl\n", actor) for _file in range(4)]

    assert set(ImportFile.objects.all()) == {first, others, *some[1:]}


@pytest.mark.parametrize(
    ("plan", "refusal"),
    [
        ({"columns": {}}, importing.NoAddressColumn),
        ({"columns": {"email": 0, "name": 0}}, importing.ColumnUsedTwice),
        ({"when": "now"}, NoBasis),
        ({"when": "now", "basis": "whim"}, NoBasis),
    ],
)
def test_import_is_refused_when_it_cannot_be_meant(view, plan, refusal) -> None:
    file, actor = kept("email,name\na@x.nl,A\n", make.actor()), make.actor()
    layout = columns.Layout("utf-8", columns=plan.pop("columns", {"email": 0}))

    with pytest.raises(refusal):
        importing.open_import(
            file=file, plan=Plan(layout, 2, view.pk, **plan), store_view=view, actor=actor, now=make.NOW
        )
    assert not Task.objects.exists()


def test_file_is_imported_once_when_it_is_asked_for_twice(view) -> None:
    actor = make.actor()
    file = kept("email\na@x.nl\n", actor)
    plan = planned(file, view)
    importing.open_import(file=file, plan=plan, store_view=view, actor=actor, now=make.NOW)

    with pytest.raises(importing.AlreadyImported):
        importing.open_import(file=file, plan=plan, store_view=view, actor=actor, now=make.NOW)
    assert Task.objects.count() == 1


def test_files_and_rows_are_forgotten_when_they_are_not_needed(view) -> None:
    actor = make.actor()
    task = imported("email\na@x.nl\nnonsense\n", view, actor)
    unused = kept("email\nb@x.nl\n", actor)

    resting = work(opened("email\nc@x.nl\n", view, actor))
    Task.objects.filter(pk=resting.pk).update(state=TaskState.FAILED)

    assert import_files.forget_old(now=LATER + datetime.timedelta(days=1)) == 0
    assert ImportFile.objects.count() == 3
    assert import_files.forget_old(now=LATER + datetime.timedelta(days=15)) == 2
    assert ImportFile.objects.get().task_id == resting.pk
    import_files.forget_old(now=LATER + datetime.timedelta(days=31))
    assert import_files.forget_old(now=LATER + datetime.timedelta(days=50)) == 1
    assert not ImportFile.objects.exists()
    assert not ImportPart.objects.filter(file=unused.pk).exists()
    assert not ImportRow.objects.exists()
    with pytest.raises(results.FileIsGone):
        results.refused_file(Task.objects.get(pk=task.pk))
