"""Importing people from a file: trying it row by row without inviting anybody, and inviting them once that is confirmed.

The same verdicts by the same rules as staff get who type the addresses (`inviting.invite_as_staff`), set by set.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from guestlist.customers.models import Customer
from guestlist.invitations import figures, lifecycle
from guestlist.invitations import message as words
from guestlist.invitations.actions import adopting, moves, staging, tasks
from guestlist.invitations.actions.adopting import Adopted, Adoption, Outgoing
from guestlist.invitations.actions.batches import SINGLE_UP_TO
from guestlist.invitations.actions.circumstances import Circumstances
from guestlist.invitations.imports import records
from guestlist.invitations.imports.columns import Field
from guestlist.invitations.imports.plans import Plan, Run
from guestlist.invitations.imports.records import Place, Record, Records
from guestlist.invitations.imports.rows import Interpreter
from guestlist.invitations.imports.verdicts import NEW
from guestlist.invitations.lifecycle import Reason, Status
from guestlist.invitations.models import ImportFile, ImportRow, Task, TaskKind
from guestlist.mail import actions as mail
from guestlist.mail import sends as bulk
from guestlist.mail.config import Delivery
from guestlist.mail.models import SenderIdentity, SendOrigin
from guestlist.refusal import Refusal
from guestlist.stores import config
from guestlist.stores.actors import Actor, ActorKind, Permission
from guestlist.stores.models import StoreView, Website

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence


class NoAddressColumn(Refusal):
    """No column was said to have the addresses."""

    code = "no_address_column"
    message = _("Choose the column that has the e-mail addresses.")


class ColumnUsedTwice(Refusal):
    """One column for two fields."""

    code = "column_used_twice"
    message = _("A column can be used once only. Choose another one for one of the two.")


class AlreadyImported(Refusal):
    """The file is being imported by now: pressed twice, or in two windows."""

    code = "already_imported"
    message = _("This file was given to an import already. Choose it again to import it once more.")


def open_import(
    *, file: ImportFile, plan: Plan, store_view: StoreView, actor: Actor, now: datetime.datetime
) -> Task:
    """Let a worker try a file by a plan: nobody is invited until that is done and somebody confirms it.

    :raises NotPermitted: when the actor may not import (and send) for the website of the plan's store view.
    :raises NoAddressColumn, ColumnUsedTwice: when the columns cannot be read so.
    :raises NoBasis: when mail is to leave and nobody said why it may.
    :raises MessageTooLong, MessageHasControls: when the message may not be sent so.
    :raises AlreadyImported: when the file has a task by now.
    """
    actor.require(Permission.IMPORT, store_view.website_id)
    if plan.is_sent:
        actor.require(Permission.SEND, store_view.website_id)
    used = plan.layout.columns
    if Field.EMAIL not in used:
        raise NoAddressColumn
    if len(set(used.values())) < len(used):
        raise ColumnUsedTwice
    if plan.is_sent:
        plan.why.require()
    plan = dataclasses.replace(plan, message=words.clean(plan.message, links_allowed=True))
    with transaction.atomic():
        several = Field.STORE_VIEW in used
        task = tasks.open_task(
            kind=TaskKind.IMPORT,
            settings={**plan.as_settings(), "file": file.name},
            actor=actor,
            now=now,
            website=None if several else store_view.website,
        )
        # The condition decides between two at the same moment.
        if not ImportFile.objects.filter(pk=file.pk, task=None).update(task=task):
            raise AlreadyImported
    return task


class Importing:
    """What a worker does for an import: it tries each row and, once somebody confirmed that, invites those that are new."""

    kind = TaskKind.IMPORT

    def __init__(self) -> None:
        self.reading = tasks.Pace(least=500, most=20_000)
        self.inviting = tasks.Pace(least=200, most=20_000)

    def prepare(self, task: Task, *, now: datetime.datetime) -> bool:
        """Read and judge some rows; ``cursor`` is the byte that the next one begins at."""
        plan, run = Plan.from_settings(task.settings), Run.of(task.settings)
        actor = tasks.actor_of(task)
        begin = Place(task.cursor, run.number)
        with self.reading as most:
            source = Records(
                records.stored(task.file.pk, task.cursor),
                encoding=plan.layout.encoding,
                delimiter=plan.layout.delimiter,
                width=plan.width,
                place=begin,
            )
            found = source.some(most)
            if plan.layout.has_header and begin.byte == 0:
                found = _without_header(found)
            rows = Interpreter(plan, task_id=task.pk, actor=actor, now=now).read(found)
            staging.write(rows)
            until = source.place.number
            counted = Circumstances.of(plan, actor).judge(
                task, plan, after=begin.number, until=until, now=now
            )
        for verdict, number in counted.items():
            run.verdicts[verdict] = run.verdicts.get(verdict, 0) + number
        task.total += len(rows)
        task.cursor, run.number = source.place.byte, until
        run.keep(task.settings)
        has_more = source.place.byte > begin.byte
        if not has_more and not run.verdicts.get(NEW):
            task.skipped = {verdict: number for verdict, number in run.verdicts.items() if number}
        return has_more

    def run(self, task: Task, *, actor: Actor, now: datetime.datetime) -> bool:
        """Invite some; ``cursor`` is the number of the row that was last."""
        plan, run = Plan.from_settings(task.settings), Run.of(task.settings)
        with self.inviting as most:
            until = min(task.cursor + most, run.number)
            _take_turns(task, until)
            around = Circumstances.of(plan, actor)
            around.judge(task, plan, after=task.cursor, until=until, now=now)
            adopted = _adopt(task, plan, run, around, actor, until=until, now=now)
        for verdict, number in staging.counted(task_id=task.pk, after=task.cursor, until=until).items():
            if verdict != NEW:
                task.skipped[verdict] = task.skipped.get(verdict, 0) + number
        task.done += sum(one.number for one in adopted)
        task.cursor = until
        run.keep(task.settings)
        return until < run.number


def _without_header(found: list[Record]) -> list[Record]:
    """Leave out the first record that has something in it."""
    number = next((one.number for one in found if any(cell.strip() for cell in one.cells)), None)
    return [one for one in found if one.number != number]


def _take_turns(task: Task, until: int) -> None:
    """Wait for whoever invites the same way just now, as `inviting` does, in the order of ids: nobody waits in a circle."""
    rows = ImportRow.objects.filter(task=task, number__gt=task.cursor, number__lte=until, verdict=NEW)
    websites = {pk for pk in rows.values_list("website_id", flat=True).distinct() if pk}
    list(Website.objects.select_for_update(no_key=True).filter(pk__in=websites).order_by("pk"))
    inviters = set(rows.filter(inviter_id__isnull=False).values_list("inviter_id", flat=True).distinct())
    if inviters:
        locked = Customer.objects.select_for_update(no_key=True).filter(pk__any_of=inviters)
        list(locked.order_by("pk").values_list("pk"))


def _adopt(
    task: Task,
    plan: Plan,
    run: Run,
    around: Circumstances,
    actor: Actor,
    *,
    until: int,
    now: datetime.datetime,
) -> list[Adopted]:
    lifecycle.check(None, Status.NOT_SENT, Reason.CREATED)
    rows = ImportRow.objects.filter(task=task, number__gt=task.cursor, number__lte=until, verdict=NEW)
    views = sorted(pk for pk in rows.values_list("store_view_id", flat=True).distinct() if pk)
    if not views:
        return []
    ready_at = max(plan.ready_at or now, now)
    ways = [_outgoing(pk, plan, run, around, actor, ready_at, now) for pk in views] if plan.is_sent else []
    outgoing = [one for one in ways if one is not None]
    # A send keeps for all of its mails why they may leave.
    is_handful = plan.is_sent and run.verdicts.get(NEW, 0) <= SINGLE_UP_TO
    detail = plan.why.as_detail() if is_handful else {}
    days = {pk: moves.local_day(around.views[pk], now) for pk in views}
    what = Adoption(task.pk, task.cursor, until, plan.message, outgoing, ready_at, actor, now, days, detail)
    try:
        adopted = adopting.adopt(what)
    except IntegrityError:
        # Somebody was faster by a way that waits for nobody, and is done by now: they are seen this time.
        around.judge(task, plan, after=task.cursor, until=until, now=now)
        adopted = adopting.adopt(what)
    ledger = figures.Ledger()
    for one in adopted:
        day = days[one.store_view_id]
        ledger.add_many(one.store_view_id, figures.CREATED, event_day=day, sent_day=None, amount=one.number)
        ledger.not_sent(one.store_view_id, day=day, amount=one.number)
    ledger.write()
    if plan.is_sent:
        _count_mails(adopted, outgoing, run, now)
    return adopted


def _count_mails(
    adopted: Sequence[Adopted], outgoing: Sequence[Outgoing], run: Run, now: datetime.datetime
) -> None:
    by_view = {one.store_view_id: one for one in outgoing}
    for one in adopted:
        way = by_view.get(one.store_view_id)
        if way is None:
            run.kept += one.number
        elif way.send_id and one.first_mail is not None and one.last_mail is not None:
            mail.joined_send(
                send_id=way.send_id,
                sender_id=way.sender_id,
                mails=(one.first_mail, one.last_mail),
                subjects=(one.first, one.last),
                number=one.number,
                now=now,
            )


def _outgoing(
    view_id: int,
    plan: Plan,
    run: Run,
    around: Circumstances,
    actor: Actor,
    ready_at: datetime.datetime,
    now: datetime.datetime,
) -> Outgoing | None:
    """Return how the mails of a store view leave: all in one send, made like the first, in however many pieces.

    None where somebody has stopped that send: who is imported after that is kept as Not Sent.
    """
    kept = run.sends.get(str(view_id))
    if kept is not None and kept["send"]:
        try:
            # Whoever stops it now waits until this piece has been queued, and withdraws that too.
            bulk.go_on(send_id=kept["send"])
        except bulk.SendIsOver:
            return None
    if kept is None:
        view, options = around.views[view_id], around.configs[view_id]
        sender_id = around.senders[view.website_id, options.sender]
        send_id = None
        if run.verdicts.get(NEW, 0) > SINGLE_UP_TO:
            delivery = config.resolve(Delivery, config.at(view)).value
            send = bulk.open_send(
                store_view=view,
                sender=SenderIdentity.objects.get(pk=sender_id),
                origin=SendOrigin.STAFF,
                created_by_id=actor.id if actor.kind == ActorKind.STAFF else None,
                ready_at=ready_at,
                late_after_hours=delivery.late_after_hours,
                basis=plan.basis,
                basis_text=plan.basis_text,
                now=now,
            )
            send_id = send.pk
        kept = {"send": send_id, "sender": sender_id, "version": around.versions[options.template]}
        run.sends[str(view_id)] = kept
    return Outgoing(view_id, kept["send"], int(kept["sender"] or 0), int(kept["version"] or 0))
