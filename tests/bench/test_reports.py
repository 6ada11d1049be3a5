"""The benchmark of the reports: what it compares agrees in a filled shop, and a difference is told."""

import datetime

import pytest
from django.utils import timezone

from bench import reporting, reports
from bench.figures import Report
from guestlist.demo import filling
from guestlist.invitations import figures
from guestlist.invitations.models import FiguresDelta, FiguresMonth
from guestlist.stores.models import StoreView
from tests import make


def measured(now: datetime.datetime) -> dict[str, bool]:
    """Return by question whether report and invitations agree."""
    views = list(StoreView.objects.select_related("website").order_by("pk"))
    return {
        name: reporting._measured(name, question, views, quick=True)["is_equal"]
        for name, question in reporting.questions(views, now)
    }


@pytest.mark.django_db(transaction=True)
def test_reports_are_compared_with_the_invitations_row_by_row() -> None:
    now = timezone.now()
    filling.fill(invitations=600, now=now)

    assert set(measured(now).values()) == {True}
    one = FiguresMonth.objects.filter(
        measure="sent_mailed", basis="sent", day__gt=now.date() - datetime.timedelta(days=200)
    ).order_by("day")[0]
    one.amount += 1
    one.save()
    assert not measured(now)["all store views, twelve months"]


@pytest.mark.django_db(transaction=True)
def test_all_that_waits_is_folded_before_it_is_measured(monkeypatch) -> None:
    monkeypatch.setattr(figures, "_FOLD_AT_ONCE", 2)
    for _one in range(3):
        make.sent_invitation()
    waiting = FiguresDelta.objects.count()

    assert reporting.fold_all() == waiting > 2
    assert not FiguresDelta.objects.exists()
    assert reporting.fold_all() == 0


def test_difference_misses_the_goal_and_is_named() -> None:
    found = [
        {"name": "all store views", "ms": 4.0, "raw_ms": 800.0, "ratio": 200.0, "is_equal": True},
        {"name": "the smallest store view", "ms": 2.0, "raw_ms": 1.0, "ratio": 0.5, "is_equal": False},
    ]
    report = Report("Reports")

    reports.judge(report, found, "sqlite", is_large=True)

    judged = {one.name: one for one in report.figures}
    assert [one.name for one in report.failed] == ["sqlite_unequal"]
    assert (judged["sqlite_ms"].met, judged["sqlite_ratio"].value) == (True, 200)
    assert report.notes == ["Different from the invitations: the smallest store view."]
