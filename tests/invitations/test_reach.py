"""The invitations of a bulk send: whatever was mailed after it, and without reading all of its mails."""

import datetime
import json
from collections.abc import Sequence
from typing import Any

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext

from guestlist.invitations import blocks, estimates, finding, parts, reach
from guestlist.invitations.actions import mass, sending, snapshots
from guestlist.invitations.estimates import Amount
from guestlist.invitations.exports import Export, pages
from guestlist.invitations.filters import Filter
from guestlist.invitations.finding import Search
from guestlist.invitations.models import Invitation, TaskKind, TaskRow, TaskState
from guestlist.invitations.parts import Order, Sort
from guestlist.mail import purging, sends
from guestlist.mail.kinds import Verdict
from guestlist.mail.models import EarlierMail, Message, Send, SendOrigin
from guestlist.stores.actors import SYSTEM
from guestlist.stores.models import StoreView
from tests import make

pytestmark = pytest.mark.django_db

NOW = make.NOW
_ORDERS = [Order(sort, descending=descending) for sort in Sort for descending in (True, False)]


@pytest.fixture
def view() -> StoreView:
    return make.store_view()


def kept(view: StoreView, count: int) -> list[Invitation]:
    return [make.staff_invitation(view, keep=True) for _ in range(count)]


def send_of(ones: Sequence[Invitation], *, joined: Send | None = None) -> Send:
    """Queue a send of these, or more of one."""
    view = ones[0].store_view
    send = joined or sends.open_send(
        store_view=view,
        sender=view.website.senders.get(code="general"),
        origin=SendOrigin.STAFF,
        created_by_id=None,
        ready_at=NOW,
        late_after_hours=24,
        now=NOW,
    )
    sending.queue(ones, config=make.options(), ready_at=NOW, now=NOW, send=send)
    send.refresh_from_db()
    return send


def left(one: Invitation, verdict: Verdict = Verdict.ACCEPTED) -> None:
    one.refresh_from_db()
    make.fare(one, verdict, now=NOW)
    one.refresh_from_db()


def again(one: Invitation) -> None:
    sending.resend(invitation=one, actor=make.actor(), config=make.options(), now=NOW)


def found(send: Send, **query: Any) -> list[int]:
    """Return what is found, and that it is what the outbox says."""
    chosen = Filter.from_query({"send": send.pk, **query})
    ids = sorted(Search(chosen, None, NOW).matching.values_list("pk", flat=True))
    assert ids == sorted(chosen.apply(Invitation.objects.all(), now=NOW).values_list("pk", flat=True))
    return ids


def ids_of(ones: Sequence[Invitation]) -> list[int]:
    return sorted(one.pk for one in ones)


def test_what_was_mailed_again_is_found_by_every_send_that_mailed_it(view) -> None:
    ones = kept(view, 6)
    first = send_of(ones[:4])
    for one in ones[:4]:
        left(one)
    again(ones[0])
    left(ones[0])
    second = send_of(ones[:2])
    for one in ones[:2]:
        left(one)
    third = send_of([ones[1], ones[5]])

    assert found(first) == ids_of(ones[:4])
    assert found(second) == ids_of(ones[:2])
    assert found(third) == ids_of([ones[1], ones[5]])
    # The single mail in between was of no send.
    assert EarlierMail.objects.count() == 3


def test_what_failed_or_was_withdrawn_and_tried_again_stays_with_its_send(view) -> None:
    ones = kept(view, 4)
    send = send_of(ones)
    left(ones[0], Verdict.FAILED)
    again(ones[0])
    sends.stop(send=send, actor=SYSTEM, now=NOW)
    Message.objects.filter(send=send, state="ready").update(state="withdrawn")
    Invitation.objects.filter(pk__in=ids_of(ones[1:])).update(delivery="withdrawn")
    assert found(send) == ids_of(ones)
    again(ones[1])

    assert found(send) == ids_of(ones)
    assert found(send, delivery="withdrawn") == ids_of(ones[2:])


def test_nothing_is_kept_twice_where_nothing_was_queued(view) -> None:
    (one,) = kept(view, 1)
    send_of([one])
    with pytest.raises(sending.AlreadyOnItsWay):
        again(one)
    assert not EarlierMail.objects.exists()


def test_what_was_purged_is_of_no_send_any_more(view, monkeypatch) -> None:
    monkeypatch.setattr(purging, "_place", purging._Place())
    ones = kept(view, 3)
    send = send_of(ones)
    for one in ones:
        left(one)
    later = NOW + purging.KEPT
    again(ones[0])
    Message.objects.filter(send=None).update(queued_at=later)
    Send.objects.filter(pk=send.pk).update(finished_at=NOW)
    assert EarlierMail.objects.count() == 1

    assert purging.purge(now=later + datetime.timedelta(days=1)) == 3

    assert not EarlierMail.objects.exists()
    assert found(send) == []


def test_another_websites_send_shows_nothing(view) -> None:
    send = send_of(kept(view, 3))
    elsewhere = make.store_view()
    kept(elsewhere, 3)
    search = Search(Filter(send=send.pk), {elsewhere.website_id}, NOW)
    for order in _ORDERS:
        assert search.page(order, size=10).ids == []
        assert search.parts(order) == []
    assert Search(Filter(send=send.pk), None, NOW).asked_websites() == [view.website_id]
    assert estimates.how_many(search) == Amount(0)
    assert list(pages(Export(Filter(send=send.pk), make.actor(elsewhere.website), NOW))) in ([], [[]])


def test_an_unknown_send_and_one_without_mails_show_nothing(view) -> None:
    kept(view, 2)
    send = send_of(kept(view, 1))
    empty = Send.objects.create(website=view.website, store_view=view, created_at=NOW)
    for pk in (empty.pk, send.pk + empty.pk):
        search = Search(Filter(send=pk), None, NOW)
        assert [search.page(order, size=10).ids for order in _ORDERS] == [[]] * len(_ORDERS)
        assert estimates.how_many(search) == Amount(0)


def test_a_send_reaches_from_its_lowest_to_its_highest_invitation(view) -> None:
    ones = kept(view, 7)
    send = send_of(ones[3:5])
    assert (send.first_subject, send.last_subject) == (ones[3].pk, ones[4].pk)
    send = send_of([ones[5], ones[1]], joined=send)
    assert (send.first_subject, send.last_subject) == (ones[1].pk, ones[5].pk)
    assert Search(Filter(send=send.pk), None, NOW).within == (ones[1].pk, ones[5].pk)


def test_a_send_of_before_is_asked_of_the_outbox_and_stays_so(view) -> None:
    ones = kept(view, 4)
    send = send_of(ones[1:3])
    Send.objects.update(first_subject=None, last_subject=None)
    send = send_of(ones[3:], joined=send)

    assert (send.first_subject, send.last_subject) == (None, None)
    assert reach.of_send(send.pk) is None
    assert found(send) == ids_of(ones[1:])


@pytest.fixture
def large(view, monkeypatch) -> tuple[Send, list[Invitation]]:
    """A send in the middle of the table that counts as large, in every state; some of it was mailed again."""
    monkeypatch.setattr(blocks, "BLOCK", 4)
    kept(view, 5)
    ones = kept(view, 20)
    kept(view, 5)
    send = send_of(ones)
    for number, one in enumerate(ones):
        if number % 5:
            left(one)
        if number % 5 == 2:
            make.registered(one, now=NOW + datetime.timedelta(hours=number))
        if number % 5 == 3:
            again(one)
    monkeypatch.setattr(parts, "FEW", 0)
    monkeypatch.setattr(finding, "GATHERED", 0)
    monkeypatch.setattr(parts, "FIRST_STEP", 3)
    monkeypatch.setattr(parts, "FURTHER_STEPS", (5,))
    monkeypatch.setattr(parts, "FURTHER_STEPS_IN_SCOPE", (5,))
    monkeypatch.setattr(parts, "FURTHER_STEPS_OF_PIECE", (5,))
    monkeypatch.setattr(parts, "FURTHER_STEPS_LOOKED_UP", (5,))
    monkeypatch.setattr(parts, "FURTHER_STEPS_LOOKED_UP_IN_SCOPE", (5,))
    monkeypatch.setattr(parts, "FURTHER_STEPS_ELSEWHERE", (5,))
    monkeypatch.setattr(parts, "FURTHER_STEPS_SCATTERED", (5,))
    return send, ones


@pytest.mark.parametrize("query", [{}, {"status": "sent"}, {"status": "accepted"}, {"status": "not_sent"}])
@pytest.mark.parametrize("backwards", [False, True])
def test_pages_of_a_large_send_show_each_once(large, query, backwards) -> None:
    send, _ones = large
    expected = found(send, **query)
    assert expected
    for order in _ORDERS:
        search = Search(Filter.from_query({"send": send.pk, **query}), None, NOW)
        listed: list[int] = []
        start, more = None, True
        while more:
            page = search.page(order, start=start, backwards=backwards, size=4)
            listed += page.ids
            more = page.looked_until is not None or (page.has_before if backwards else page.has_after)
            start = page.looked_until or (page.first if backwards else page.last)
        assert sorted(listed) == expected


def test_by_its_ids_a_page_begins_where_the_send_does(large) -> None:
    send, ones = large
    for descending in (True, False):
        page = Search(Filter(send=send.pk), None, NOW).page(Order(descending=descending), size=3)
        ids = ids_of(ones)
        assert page.ids == (ids[:-4:-1] if descending else ids[:3])


def test_no_statement_of_a_page_reads_all_mails(large) -> None:
    send, _ones = large
    outbox = f'FROM "{Message._meta.db_table}"'
    for order in _ORDERS:
        with CaptureQueriesContext(connection) as context:
            Search(Filter(send=send.pk), None, NOW).page(order, size=4)
        asked = [one["sql"] for one in context if outbox in one["sql"]]
        assert asked
        # By the newest mail of each row; or no more of the send's than are sorted, of which here none are.
        assert all('"mail_id"' in sql or "LIMIT 1" in sql for sql in asked)


def test_each_row_looks_up_its_own_mail_alone(large) -> None:
    send, _ones = large
    matching = Search(Filter(send=send.pk), None, NOW).matching
    steps = steps_of(matching)
    if connection.vendor == "sqlite":
        assert len([one for one in steps if "USING INTEGER PRIMARY KEY (rowid=?)" in one]) == 1
        assert (
            len([one for one in steps if "guestlist_earlier_send (send_id=? AND subject_id=?)" in one]) == 1
        )
    else:
        mails, earlier = (
            [one for one in steps if model._meta.db_table in one] for model in (Message, EarlierMail)
        )
        assert len(mails) == 1
        assert ".mail_id)" in mails[0]
        # Whether there are any, and which.
        assert sorted("subject_id = " in one for one in earlier) == [False, True]
        assert not [one for one in steps if "hashed" in one.lower()]


def steps_of(rows: QuerySet[Invitation]) -> list[str]:
    """Return the steps of a plan: on PostgreSQL each with the table and by what it is looked up there."""
    if connection.vendor == "sqlite":
        return rows.explain().splitlines()
    with connection.cursor() as cursor:
        # So few rows are sooner read than looked up.
        cursor.execute("SET LOCAL enable_seqscan = off")
    (whole,) = json.loads(rows.explain(format="json"))
    left, steps = [whole["Plan"]], []
    while left:
        node = left.pop()
        left += node.get("Plans", [])
        names = ("Relation Name", "Index Cond", "Filter", "Subplan Name")
        steps.append(" ".join(str(node.get(name, "")) for name in names))
    return steps


def test_the_number_of_statements_does_not_grow_with_the_send(view, monkeypatch) -> None:
    monkeypatch.setattr(parts, "FEW", 0)
    monkeypatch.setattr(finding, "GATHERED", 0)
    counts = []
    for count in (6, 40):
        send = send_of(kept(view, count))
        with CaptureQueriesContext(connection) as context:
            page = Search(Filter(send=send.pk), None, NOW).page(Order(), size=3)
            estimates.how_many(Search(Filter(send=send.pk), None, NOW))
        assert len(page.ids) == 3
        counts.append(len(context))
    assert counts[0] == counts[1]


def test_all_of_a_large_send_are_exported(large) -> None:
    send, ones = large
    got = [pk for some in pages(Export(Filter(send=send.pk), make.actor(), NOW)) for pk in some]
    assert sorted(got) == ids_of(ones)


@pytest.mark.parametrize("at_once", [3, 1_000])
def test_a_mass_action_writes_down_all_of_a_large_send_and_looks_nowhere_else(
    large, monkeypatch, at_once
) -> None:
    send, ones = large
    monkeypatch.setattr(snapshots, "AT_ONCE", at_once)
    task = mass.open_for(kind=TaskKind.DISCARD, chosen=Filter(send=send.pk), actor=make.actor(), now=NOW)
    handler = next(one for one in mass.HANDLERS if one.kind == TaskKind.DISCARD)
    with CaptureQueriesContext(connection) as context:
        while handler.prepare(task, now=NOW):
            pass
    assert sorted(TaskRow.objects.filter(task=task).values_list("invitation", flat=True)) == ids_of(ones)
    assert task.total == len(ones)
    pieces = [one["sql"] for one in context if one["sql"].startswith("INSERT")]
    assert len(pieces) == (len(ones) // at_once + 1)
    assert task.state == TaskState.PREPARING
