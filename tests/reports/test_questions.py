"""What a report can be asked for, and what is refused, with the words that say what to do."""

import datetime
from datetime import date

import pytest

from guestlist.invitations.models import Basis
from guestlist.reports import questions
from guestlist.reports.periods import Period, Span
from guestlist.reports.questions import Question
from tests import make

pytestmark = pytest.mark.django_db

NOW = datetime.datetime(2026, 5, 20, 12, tzinfo=datetime.UTC)
WEEK = Span(date(2026, 5, 11), date(2026, 5, 17))


@pytest.fixture
def views():
    site = make.website()
    return [make.store_view(site), make.store_view(site), make.store_view()]


def asked(views, **query) -> Question:
    query = {name.rstrip("_"): str(value) for name, value in query.items()}
    return Question.from_query(query, store_views=views, now=NOW)


def test_question_is_of_the_last_full_week_when_nothing_is_asked(views) -> None:
    assert asked(views) == Question(WEEK)
    assert asked(views).within(views) == views


def test_question_says_itself_as_an_address(views) -> None:
    queries = [
        {"from_": "2026-01-01", "to": "2026-12-31", "by": "month", "basis": "event", "reasons": "1"},
        {"website": views[0].website_id, "store_view": views[1].pk, "empty": "1", "own_view": "1"},
    ]

    asked_for = [asked(views, **query) for query in queries]
    for one in asked_for:
        assert Question.from_query(one.as_query(), store_views=views, now=NOW) == one
    question = asked_for[-1]
    assert (question.period, question.basis, question.in_own_view) == (Period.DAY, Basis.SENT, True)
    assert question.within(views) == [views[1]]


def test_other_end_is_that_of_a_week_when_one_is_given(views) -> None:
    assert asked(views, from_="2026-05-01").span == Span(date(2026, 5, 1), WEEK.last)
    assert asked(views, from_="2026-06-01").span == Span(date(2026, 6, 1), date(2026, 6, 1))
    assert asked(views, to="2026-04-30").span == Span(date(2026, 4, 27), date(2026, 4, 30))
    assert asked(views, to="2026-05-30").span == Span(WEEK.first, date(2026, 5, 30))


@pytest.mark.parametrize(
    ("query", "refusal", "field", "words"),
    [
        ({"from": "2026-05-02", "to": "2026-05-01"}, questions.FromAfterTo, "from", "From is after To."),
        ({"from": "1026-05-02"}, questions.OutOfTime, "from", "2000 to 2099"),
        ({"to": "9999-12-31"}, questions.OutOfTime, "to", "2000 to 2099"),
        ({"to": "2026-02-30"}, questions.NoDay, "to", "“2026-02-30” is not a day."),
        ({"from": "x" * 5000}, questions.NoDay, "from", "is not a day"),
        ({"by": "decade"}, questions.UnknownPeriod, "by", "“decade” is not a period."),
        ({"from": "2000-01-01", "to": "2099-12-31"}, questions.TooManyRows, "by", "36,525 rows"),
        ({"website": "0"}, questions.UnknownStoreView, "website", "is not there"),
        ({"store_view": "9" * 5000}, questions.UnknownStoreView, "store_view", "is not there"),
        ({"store_view": "½"}, questions.UnknownStoreView, "store_view", "is not there"),
    ],
)
def test_question_is_refused_with_what_to_do(views, query, refusal, field, words) -> None:
    with pytest.raises(refusal) as refused:
        Question.from_query(query, store_views=views, now=NOW)

    assert refused.value.data["field"] == field
    assert words in str(refused.value)


def test_store_view_of_another_website_is_refused(views) -> None:
    with pytest.raises(questions.OtherWebsite):
        asked(views, website=views[0].website_id, store_view=views[2].pk)
    with pytest.raises(questions.UnknownStoreView):
        asked(views[:2], store_view=views[2].pk)


def test_century_is_answered_by_year(views) -> None:
    question = asked(views, from_="2000-01-01", to="2099-12-31", by="year")

    assert len(question.span.by(question.period)) == 100
