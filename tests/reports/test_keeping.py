"""Funnels that a worker counts: asked for once, counted piece by piece, kept, and given to nobody who may not see them."""

import datetime

import pytest
from django.db import OperationalError

from guestlist.reports.funnel import cohort, counting, keeping, tables
from guestlist.reports.funnel.asking import Asked, Grouping
from guestlist.reports.funnel.tables import Answer
from guestlist.reports.models import FunnelCount
from guestlist.reports.periods import Span
from guestlist.reports.questions import Question
from guestlist.stores.models import StoreView
from tests import make

pytestmark = pytest.mark.django_db

MAY = Asked(
    Question(Span(datetime.date(2026, 5, 1), datetime.date(2026, 5, 31))),
    Grouping.INVITER,
)
LATER = make.NOW + datetime.timedelta(hours=1)


def views() -> list[StoreView]:
    return list(StoreView.objects.select_related("website").order_by("pk"))


def ask(now=make.NOW) -> bool:
    return keeping.ask(MAY, store_views=views(), now=now)


def work(now=make.NOW, *, stops=False) -> bool:
    return keeping.work(clock=lambda: now, stopping=lambda: stops)


def kept() -> FunnelCount:
    found = keeping.kept(MAY, store_views=views())
    assert found is not None
    return found


def answer() -> Answer:
    found = kept().answer
    assert found is not None
    return Answer.from_data(found)


@pytest.fixture(autouse=True)
def _sent(db) -> None:
    make.sent_invitation(make.customer(make.store_view()))
    make.staff_invitation(make.store_view(), keep=True)


def test_answer_of_a_worker_is_that_of_counting_at_once() -> None:
    assert ask()
    assert not ask()  # it waits already

    assert work()

    assert answer() == tables.counted(MAY, store_views=views())
    assert (kept().waits, kept().counted_at, kept().leased_until) == (False, make.NOW, None)
    assert not work()


def test_answer_stays_until_it_was_counted_again() -> None:
    ask()
    work()
    make.sent_invitation(make.customer(views()[0]))

    assert ask(LATER)

    before = answer()
    work(LATER)
    after = answer()
    assert [one.total["created", ""] for one in (before, after)] == [2, 3]
    assert kept().counted_at == LATER


def test_answer_is_found_by_the_very_store_views_alone() -> None:
    ask()
    work()

    assert keeping.kept(MAY, store_views=views()[:1]) is None
    assert keeping.kept(Asked(MAY.question, Grouping.OCCASION), store_views=views()) is None


def test_worker_that_is_told_to_stop_leaves_it_to_the_next() -> None:
    ask()

    assert not work(stops=True)

    assert (kept().waits, kept().begun, kept().leased_until, kept().answer) == (True, 0, None, None)
    assert work()
    assert kept().answer


def test_what_a_worker_has_in_hand_nobody_else_takes_until_it_is_given_up() -> None:
    ask()
    FunnelCount.objects.update(leased_until=make.NOW + keeping.LEASE, begun=1)

    assert not work()
    assert work(make.NOW + 2 * keeping.LEASE)
    assert kept().answer


def test_worker_whose_time_was_over_writes_nothing(monkeypatch) -> None:
    ask()
    count = counting.Count.add

    def slow(self, ids) -> None:
        count(self, ids)
        FunnelCount.objects.update(leased_until=LATER)  # another worker took it meanwhile

    monkeypatch.setattr(counting.Count, "add", slow)

    work()

    assert (kept().answer, kept().waits, kept().leased_until) == (None, True, LATER)


def test_what_kills_its_worker_again_and_again_fails_in_the_end() -> None:
    ask()
    FunnelCount.objects.update(begun=3)

    assert work()

    assert (kept().waits, kept().has_failed, kept().answer) == (False, True, None)
    assert ask()
    work()
    assert (kept().has_failed, bool(kept().answer)) == (False, True)


@pytest.mark.parametrize(("mistake", "fails"), [(ZeroDivisionError, True), (OperationalError, False)])
def test_mistake_of_ours_ends_it_and_a_database_that_is_away_does_not(monkeypatch, mistake, fails) -> None:
    ask()

    def broken(*_arguments) -> None:
        raise mistake

    monkeypatch.setattr(cohort, "pieces", broken)

    if fails:
        work()
    else:
        with pytest.raises(OperationalError):
            work()
    assert (kept().has_failed, kept().waits) == (fails, not fails)


def test_only_so_many_wait_at_a_time(monkeypatch) -> None:
    monkeypatch.setattr(keeping, "MOST_WAITING", 1)
    ask()

    with pytest.raises(keeping.TooManyWaiting):
        keeping.ask(Asked(MAY.question), store_views=views(), now=make.NOW)


def test_what_nobody_asks_for_any_more_is_forgotten() -> None:
    ask()

    keeping.forget_old(now=make.NOW + keeping.KEPT)
    assert FunnelCount.objects.exists()
    keeping.forget_old(now=make.NOW + keeping.KEPT + datetime.timedelta(days=1))
    assert not FunnelCount.objects.exists()
