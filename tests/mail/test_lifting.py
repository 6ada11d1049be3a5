"""Suppressed addresses: how each is lifted, by whom, and what stays."""

import datetime
import logging
import threading
from functools import partial

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from guestlist import addresses
from guestlist.mail import actions as mail
from guestlist.mail import lifting, templates
from guestlist.mail.models import Lift, LiftRequest, Message, Suppression, SuppressionReason
from guestlist.mail.suppression import suppressed
from guestlist.stores.actors import NotPermitted
from tests import make, races
from tests.mail.outbox import values_by, withdrawn_by

pytestmark = pytest.mark.django_db
NOW, ANN = make.NOW, "ann@example.org"
DAY = datetime.timedelta(days=1)


@pytest.fixture
def view(db):
    templates.install(now=NOW)
    return make.store_view()


@pytest.fixture
def other(view):
    return make.store_view()


def suppress(website, reason, address=ANN):
    mail.suppress(website=website, address_hash=addresses.hash_of(address), reason=reason, now=NOW)


def is_mailed(view, address=ANN) -> bool:
    hashed = addresses.hash_of(address)
    return not suppressed(website_id=view.website_id, hashes=[hashed])


def asked(view, address=ANN, now=NOW) -> LiftRequest:
    made = lifting.request_lift(store_view=view, address=address, now=now)
    assert made is not None
    return made


def token_of(request: LiftRequest) -> str:
    return lifting.path(request).split("/")[2]


@pytest.mark.requirement("trust-18")
@pytest.mark.parametrize("reason", SuppressionReason)
def test_person_lifts_their_own_whatever_it_was_for(view, reason) -> None:
    suppress(view.website, reason)
    token = token_of(asked(view))

    lifting.lift_own(token=token, website=view.website, now=NOW)

    assert is_mailed(view)
    lift = Lift.objects.get()
    assert (lift.website, lift.reason, lift.lifted_by, lift.why) == (view.website, reason, None, "")
    assert not LiftRequest.objects.exists()


def test_link_works_once(view) -> None:
    suppress(view.website, SuppressionReason.WISH)
    token = token_of(asked(view))
    lifting.lift_own(token=token, website=view.website, now=NOW)
    suppress(view.website, SuppressionReason.WISH)

    with pytest.raises(lifting.LinkUsedUp):
        lifting.lift_own(token=token, website=view.website, now=NOW)
    assert not is_mailed(view)


@pytest.mark.parametrize("token", ["", "x", "1", "1:x", "1:" + "a" * 43, "٣:" + "a" * 43])
def test_link_is_refused_when_it_is_mangled(view, token) -> None:
    suppress(view.website, SuppressionReason.WISH)
    asked(view)

    with pytest.raises(lifting.LinkUsedUp):
        lifting.lift_own(token=token, website=view.website, now=NOW)
    assert not is_mailed(view)


@pytest.mark.requirement("trust-3")
def test_link_is_refused_when_it_is_too_old_or_of_another_website(view, other) -> None:
    suppress(view.website, SuppressionReason.WISH)
    token = token_of(asked(view))

    for website, now in ((other.website, NOW), (view.website, NOW + lifting.VALID)):
        with pytest.raises(lifting.LinkUsedUp):
            lifting.lift_own(token=token, website=website, now=now)
    assert not is_mailed(view)


def test_link_cannot_be_forged_by_who_reads_the_database(view, settings) -> None:
    request = asked(view)
    token = token_of(request)
    settings.SECRET_KEY = "another key than the shop's"

    assert token_of(request) != token
    assert lifting.asked_by(token, website=view.website, now=NOW) is None


def test_lifting_at_one_website_leaves_the_others(view, other) -> None:
    suppress(view.website, SuppressionReason.WISH)
    suppress(other.website, SuppressionReason.WISH)

    lifting.lift_own(token=token_of(asked(view)), website=view.website, now=NOW)

    assert is_mailed(view)
    assert not is_mailed(other)


def test_what_stood_for_all_websites_goes_on_for_the_others(view, other) -> None:
    suppress(None, SuppressionReason.COMPLAINT)
    suppress(view.website, SuppressionReason.WISH)

    lifting.lift_own(token=token_of(asked(view)), website=view.website, now=NOW)

    assert is_mailed(view)
    row = Suppression.objects.get()
    assert (row.website, row.reason) == (other.website, SuppressionReason.COMPLAINT)
    assert Lift.objects.count() == 2


@pytest.mark.requirement("trust-18")
def test_address_is_mailed_once_a_day_however_often_somebody_asks(view, other) -> None:
    asked(view)

    assert lifting.request_lift(store_view=view, address="ANN@example.org ", now=NOW + DAY / 2) is None
    assert lifting.request_lift(store_view=other, address=ANN, now=NOW) is not None
    assert lifting.request_lift(store_view=view, address=ANN, now=NOW + DAY) is not None
    assert Message.objects.filter(kind="lift_suppression").count() == 3


@pytest.mark.django_db(transaction=True)
def test_one_mail_goes_out_when_many_ask_at_once() -> None:
    templates.install(now=NOW)
    view, together = make.store_view(), threading.Barrier(6)

    def ask() -> bool:
        together.wait()
        return lifting.request_lift(store_view=view, address=ANN, now=NOW) is not None

    assert sorted(races.together(*[ask] * 6), key=str) == [False] * 5 + [True]
    assert Message.objects.count() == 1


@pytest.mark.requirement("trust-18")
@pytest.mark.django_db(transaction=True)
def test_stronger_reason_stays_when_several_suppress_at_once() -> None:
    website = make.website()
    several = [f"friend{number}@example.org" for number in range(20)]
    for address in several:
        suppress(website, SuppressionReason.BOUNCE, address)

    def each(reason: SuppressionReason) -> None:
        for address in several:
            suppress(website, reason, address)

    told = races.together(*(partial(each, reason) for reason in (*SuppressionReason, *SuppressionReason)))

    assert told == [None] * len(told)
    assert set(Suppression.objects.values_list("reason", flat=True)) == {"wish"}
    assert Suppression.objects.count() == len(several)


@pytest.mark.django_db(transaction=True)
def test_link_has_one_winner_when_it_is_used_many_times_at_once() -> None:
    templates.install(now=NOW)
    view = make.store_view()
    suppress(view.website, SuppressionReason.WISH)
    token = token_of(asked(view))

    def lift() -> bool:
        try:
            lifting.lift_own(token=token, website=view.website, now=NOW)
        except lifting.LinkUsedUp:
            return False
        return True

    assert sorted(races.together(*[lift] * 6), key=str) == [False] * 5 + [True]
    assert Lift.objects.count() == 1


@pytest.mark.requirement("trust-15")
def test_asking_does_the_same_for_suppressed_and_other_addresses(view) -> None:
    suppress(view.website, SuppressionReason.WISH)

    statements = []
    for address in (ANN, "bob@example.org"):
        with CaptureQueriesContext(connection) as queries:
            asked(view, address)
        sql = [query["sql"].split(" WHERE")[0].split(" VALUES")[0] for query in queries]
        statements.append([one for one in sql if "SAVEPOINT" not in one])

    assert statements[0] == statements[1]
    assert Message.objects.filter(kind="lift_suppression").count() == 2


def test_mail_goes_to_those_alone_who_are_suppressed(view, other) -> None:
    suppress(view.website, SuppressionReason.BOUNCE)
    suppress(None, SuppressionReason.WISH, "carl@example.org")
    suppress(other.website, SuppressionReason.WISH, "dora@example.org")
    names = ("ann", "bob", "carl", "dora")
    ids = [asked(view, f"{name}@example.org").pk for name in names]

    with CaptureQueriesContext(connection) as queries:
        withdrawn = withdrawn_by(lifting.LIFT, ids, now=NOW)

    assert withdrawn == {ids[1]: "not_needed", ids[3]: "not_needed"}
    assert len(queries) == 1


def test_mail_is_withdrawn_when_it_is_too_old_or_its_request_is_gone(view) -> None:
    suppress(view.website, SuppressionReason.WISH)
    request = asked(view)

    assert withdrawn_by(lifting.LIFT, [request.pk], now=NOW + lifting.VALID) == {request.pk: "not_needed"}
    assert withdrawn_by(lifting.LIFT, [request.pk + 1], now=NOW) == {request.pk + 1: "not_needed"}


@pytest.mark.requirement("trust-1")
def test_mail_has_its_link_made_for_it_and_no_hash_that_would_stop_it(view) -> None:
    suppress(view.website, SuppressionReason.WISH)
    request = asked(view)

    values = values_by(lifting.LIFT, request.pk, now=NOW)

    assert values.address == ANN
    assert values.address_hash is None
    assert values.variables == {"action_path": lifting.path(request), "valid_days": "3"}
    assert not any(
        token_of(request) in str(value)
        for model in (LiftRequest, Message)
        for row in model.objects.values_list()
        for value in row
    )


def test_old_requests_are_forgotten(view) -> None:
    old, fresh = asked(view), asked(view, "bob@example.org", now=NOW + DAY)

    assert lifting.forget_old(now=NOW + lifting.VALID) == 1
    assert list(LiftRequest.objects.all()) == [fresh]
    assert old.pk != fresh.pk


@pytest.mark.requirement("trust-18")
@pytest.mark.requirement("trust-28")
@pytest.mark.parametrize("reason", sorted(lifting.BY_STAFF))
def test_staff_lift_a_bounce_with_a_reason(view, reason, caplog) -> None:
    suppress(view.website, reason)
    staff = make.actor(view.website)

    with caplog.at_level(logging.INFO):
        lifting.lift_bounce(
            website=view.website, address=" ANN@Example.org", why="They called.\n", actor=staff, now=NOW
        )

    assert is_mailed(view)
    lift = Lift.objects.get()
    assert (lift.lifted_by_id, lift.why, lift.reason) == (staff.id, "They called.", reason)
    assert (
        f"suppression lifted: reason={reason} website={view.website.code} lift={lift.pk} by staff"
        in caplog.text
    )
    assert ANN not in caplog.text.lower()


@pytest.mark.requirement("trust-18")
@pytest.mark.parametrize("reason", [SuppressionReason.WISH, SuppressionReason.COMPLAINT])
def test_staff_cannot_lift_wishes_and_complaints(view, reason) -> None:
    suppress(view.website, reason)

    with pytest.raises(lifting.NotForStaff):
        lifting.lift_bounce(website=view.website, address=ANN, why="x", actor=make.actor(), now=NOW)
    assert not is_mailed(view)


@pytest.mark.parametrize("why", ["", " \n ", "x" * 301])
def test_staff_say_why(view, why) -> None:
    suppress(view.website, SuppressionReason.BOUNCE)

    with pytest.raises(lifting.NoReason):
        lifting.lift_bounce(website=view.website, address=ANN, why=why, actor=make.actor(), now=NOW)
    assert not is_mailed(view)


def test_lifting_is_refused_when_nothing_stands_there(view, other) -> None:
    suppress(other.website, SuppressionReason.BOUNCE)

    for website in (view.website, None):
        with pytest.raises(lifting.NotSuppressed):
            lifting.lift_bounce(website=website, address=ANN, why="x", actor=make.actor(), now=NOW)


@pytest.mark.requirement("trust-16")
def test_staff_of_one_website_neither_lift_nor_enter_for_another_or_for_all(view, other) -> None:
    suppress(other.website, SuppressionReason.BOUNCE)
    suppress(None, SuppressionReason.BOUNCE)
    staff = make.actor(view.website)

    for website in (other.website, None):
        with pytest.raises(NotPermitted):
            lifting.lift_bounce(website=website, address=ANN, why="x", actor=staff, now=NOW)
        with pytest.raises(NotPermitted):
            lifting.enter(website=website, address="bob@example.org", actor=staff, now=NOW)
    assert [row.website_id for row in lifting.standing(address=ANN, actor=staff)] == [None]
    assert len(lifting.standing(address=ANN, actor=make.actor())) == 2
    with pytest.raises(NotPermitted):
        lifting.enter(
            website=view.website, address=ANN, actor=make.actor(view.website, role="support"), now=NOW
        )


def test_staff_enter_an_address_for_one_website_or_all(view, other) -> None:
    lifting.enter(website=view.website, address=ANN, actor=make.actor(), now=NOW)
    lifting.enter(website=None, address="bob@example.org", actor=make.actor(), now=NOW)
    lifting.enter(website=None, address="bob@example.org", actor=make.actor(), now=NOW)

    assert [is_mailed(one) for one in (view, other)] == [False, True]
    assert [is_mailed(one, "bob@example.org") for one in (view, other)] == [False, False]
    assert Suppression.objects.count() == 2


@pytest.mark.requirement("trust-18")
@pytest.mark.parametrize(
    ("earlier", "later", "kept"),
    [
        ("bounce", "wish", "wish"),
        ("bounce", "complaint", "complaint"),
        ("complaint", "wish", "wish"),
        ("complaint", "staff", "complaint"),
        ("wish", "bounce", "wish"),
        ("wish", "complaint", "wish"),
        ("bounce", "staff", "bounce"),
    ],
)
def test_stronger_reason_stays_when_there_are_two(view, earlier, later, kept) -> None:
    suppress(view.website, SuppressionReason(earlier))
    suppress(view.website, SuppressionReason(later))

    assert Suppression.objects.get().reason == kept


def test_earlier_lifts_are_told_with_the_newest_first(view) -> None:
    for number in range(2):
        suppress(view.website, SuppressionReason.BOUNCE)
        lifting.lift_bounce(
            website=view.website,
            address=ANN,
            why=f"Call {number}",
            actor=make.actor(),
            now=NOW + number * DAY,
        )

    assert [lift.why for lift in lifting.lifted(address=ANN, actor=make.actor())] == ["Call 1", "Call 0"]
    assert lifting.lifted(address="bob@example.org", actor=make.actor()) == []
