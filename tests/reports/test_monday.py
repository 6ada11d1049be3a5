"""The Monday mail: when it is due, to whom, exactly once for each week, and what it tells."""

import datetime
import re
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from guestlist.customers import grants
from guestlist.customers.models import Customer, Grant, Role
from guestlist.mail import templates
from guestlist.mail.actions import NoSender
from guestlist.mail.kinds import Values, Verdict
from guestlist.mail.models import Message, MessageState, SenderIdentity
from guestlist.reports.models import MondayMail, MondayReader
from guestlist.reports.monday import choosing, posting
from guestlist.reports.monday.kind import MONDAY, WORTH
from guestlist.stores.actors import NotPermitted
from guestlist.worker import jobs
from tests import make, races
from tests.mail.outbox import Basket, mail_of

pytestmark = pytest.mark.django_db

ZONE = "Europe/Amsterdam"
MONDAY_AT = datetime.datetime(2026, 11, 23, 7, tzinfo=ZoneInfo(ZONE))
HOUR = datetime.timedelta(hours=1)
DAY = datetime.timedelta(days=1)
LAST_WEEK = MONDAY_AT - 4 * DAY
WEEK_BEFORE = MONDAY_AT - 10 * DAY


@pytest.fixture
def view(db):
    templates.install(now=WEEK_BEFORE - 30 * DAY)
    return make.store_view(make.website("linden"), name="Linden & Loom", time_zone=ZONE)


def reader(site=None, *, language="en", role="owner", **fields):
    """Return a staff member who gets the mail since before it is due."""
    user = make.staff(site, role=role, **fields)
    choosing.choose(user=user, language=language, actor=grants.actor_of(user), now=WEEK_BEFORE)
    return user


def told(number: int = 0) -> Values | str:
    """Return what the mail is filled with that was queued at that place."""
    row = Message.objects.filter(kind=MONDAY.code).order_by("pk")[number]
    return MONDAY.look_up([row.subject_id], now=row.queued_at)[row.subject_id]


def variables(number: int = 0) -> dict[str, str]:
    found = told(number)
    assert isinstance(found, Values)
    return dict(found.variables)


def test_it_leaves_on_monday_at_seven_by_the_shops_clock_and_once(view) -> None:
    reader()

    early = posting.post(now=MONDAY_AT - datetime.timedelta(minutes=1))
    posted = [posting.post(now=MONDAY_AT + hours * HOUR) for hours in range(7 * 24)]
    again = posting.post(now=MONDAY_AT + 7 * DAY)

    assert (early, sum(posted), posted[0], again) == (0, 1, 1, 1)
    weeks = list(MondayMail.objects.order_by("pk").values_list("week", flat=True))
    assert weeks == [datetime.date(2026, 11, 16), datetime.date(2026, 11, 23)]


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Asia/Tokyo", "UTC", "Pacific/Pago_Pago"])
def test_every_clock_on_earth_has_its_monday(zone) -> None:
    templates.install(now=WEEK_BEFORE)
    make.store_view(make.website(), time_zone=zone)
    reader()
    at = datetime.datetime(2026, 11, 23, 7, tzinfo=ZoneInfo(zone))

    assert [posting.post(now=at - HOUR), posting.post(now=at)] == [0, 1]
    assert MondayMail.objects.get().week == datetime.date(2026, 11, 16)


def test_it_waits_until_the_week_is_over_at_every_store_view(view) -> None:
    make.store_view(view.website, time_zone="Pacific/Honolulu")
    reader()
    over = datetime.datetime(2026, 11, 23, tzinfo=ZoneInfo("Pacific/Honolulu"))

    assert [posting.post(now=one) for one in (MONDAY_AT, over - HOUR, over)] == [0, 0, 1]


def test_a_worker_that_was_off_on_monday_makes_up_for_it_but_not_for_ever(view) -> None:
    reader()

    assert posting.post(now=MONDAY_AT + WORTH) == 0
    assert posting.post(now=MONDAY_AT + WORTH - HOUR) == 1


def test_whoever_is_chosen_later_waits_for_the_next_monday(view) -> None:
    user = make.staff()
    choosing.choose(user=user, language="en", actor=grants.actor_of(user), now=MONDAY_AT + HOUR)

    assert [posting.post(now=MONDAY_AT + 2 * HOUR), posting.post(now=MONDAY_AT + 7 * DAY)] == [0, 1]


def test_off_and_on_again_makes_no_second_mail(view) -> None:
    user = reader()
    posting.post(now=MONDAY_AT)
    MondayReader.objects.all().delete()
    MondayReader.objects.create(user=user, language="en", since=WEEK_BEFORE)

    assert posting.post(now=MONDAY_AT + HOUR) == 0
    assert Message.objects.filter(kind=MONDAY.code).count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_the_same_moment_queue_one() -> None:
    templates.install(now=WEEK_BEFORE)
    make.store_view(make.website(), time_zone=ZONE)
    reader()

    posted = races.together(*[lambda: posting.post(now=MONDAY_AT)] * 4)

    assert sorted(map(str, posted)) == ["0", "0", "0", "1"]
    assert Message.objects.filter(kind=MONDAY.code).count() == MondayMail.objects.count() == 1


def test_nobody_without_reports_gets_it_and_no_one_who_has_left(view) -> None:
    left, demoted, stays = (reader(email=f"{name}@example.com") for name in ("left", "demoted", "stays"))
    left.is_active = False
    left.save()
    Grant.objects.filter(user=demoted).update(role=Role.objects.get(code="support"))

    assert posting.post(now=MONDAY_AT) == 1
    assert MondayMail.objects.get().user == stays


def test_what_is_queued_is_withdrawn_when_its_reader_may_see_it_no_more(view) -> None:
    user = reader()
    posting.post(now=MONDAY_AT)
    row = Message.objects.get(kind=MONDAY.code)

    def is_told(now=MONDAY_AT) -> bool:
        return isinstance(MONDAY.look_up([row.subject_id], now=now)[row.subject_id], Values)

    assert is_told()
    assert not is_told(now=MONDAY_AT + WORTH)
    Grant.objects.filter(user=user).update(role=Role.objects.get(code="support"))
    assert not is_told()
    Grant.objects.filter(user=user).update(role=Role.objects.get(code="read_only"))
    assert is_told()
    MondayReader.objects.all().delete()
    assert not is_told()
    assert MONDAY.look_up([row.subject_id + 1], now=MONDAY_AT) == {row.subject_id + 1: "not_needed"}


def test_figures_are_of_the_week_beside_the_week_before(view) -> None:
    emma = make.customer(view)
    for at, number in (
        (WEEK_BEFORE, 1),
        (LAST_WEEK, 2),
        (MONDAY_AT - 7 * HOUR, 1),
        (WEEK_BEFORE - 7 * DAY, 1),
    ):
        for _each in range(number):
            make.sent_invitation(emma, now=at)
    early = make.sent_invitation(emma, now=WEEK_BEFORE)
    buyer = make.registered(early, now=LAST_WEEK).customer
    assert buyer is not None
    make.order(buyer, now=LAST_WEEK)
    make.fare(make.sent_invitation(emma, now=LAST_WEEK), Verdict.BOUNCED, code="5.1.1", now=LAST_WEEK)
    reader()

    posting.post(now=MONDAY_AT)

    found = variables()
    # Sunday at midnight is Monday already: what was sent then is of the week that began.
    assert [(found[name], found[f"{name}_before"]) for name in ("sent", "accepted", "joined", "buyers")] == [
        ("3", "2"),
        ("1", "0"),
        ("1", "0"),
        ("1", "0"),
    ]
    assert (found["undeliverable"], found["week"], found["websites"]) == ("1", "16 Nov – 22 Nov 2026", "")
    assert found["top_inviters"] == "Emma Clarke: 3 sent, 0 accepted"
    assert found["report_path"] == (
        "/staff/reports/invitations/?from=2026-11-16&to=2026-11-22&by=day&basis=event&empty=1"
    )


def test_only_what_the_reader_may_see_is_counted(view) -> None:
    other = make.store_view(make.website("attic"), time_zone=ZONE)
    make.sent_invitation(make.customer(view), now=LAST_WEEK)
    for _each in range(2):
        make.sent_invitation(make.customer(other, first_name="Zoë"), now=LAST_WEEK)
    reader(view.website)
    reader()

    assert posting.post(now=MONDAY_AT) == 2

    of_one, of_all = variables(0), variables(1)
    assert (of_one["sent"], of_all["sent"]) == ("1", "3")
    assert ("Zoë" in of_one["top_inviters"], "Zoë" in of_all["top_inviters"]) == (False, True)
    assert (of_one["websites"], of_all["websites"].count(", ")) == ("", 1)


def test_names_are_told_to_those_who_see_people_and_addresses_to_nobody(view) -> None:
    nameless = make.customer(view, email="secret@example.org", first_name="", last_name="")
    erased = make.customer(view)
    for one in (nameless, erased):
        make.sent_invitation(one, now=LAST_WEEK)
    figures_only = Role.objects.create(code="figures", name="Figures", permissions=["reports"])
    user = make.user(is_staff=True)
    Grant.objects.create(user=user, website=None, role=figures_only)
    choosing.choose(user=user, language="en", actor=grants.actor_of(user), now=WEEK_BEFORE)
    reader()
    posting.post(now=MONDAY_AT)
    Customer.objects.filter(pk=erased.pk).update(
        email=None, first_name=None, last_name=None, user=None, erased_at=MONDAY_AT
    )

    assert variables(0)["top_inviters"] == ""
    assert variables(1)["top_inviters"].splitlines() == [
        f"customer {nameless.pk}: 1 sent, 0 accepted",
        f"Erased customer {erased.pk}: 1 sent, 0 accepted",
    ]


def test_name_of_a_customer_makes_no_line_and_no_markup(view) -> None:
    Customer.objects.filter(pk=make.customer(view).pk).update(
        first_name="<b>Emma</b>\nNoor: 99 sent", last_name=""
    )
    make.sent_invitation(Customer.objects.get(), now=LAST_WEEK)
    Message.objects.all().delete()
    reader()
    posting.post(now=MONDAY_AT)
    MondayMail.objects.update(created_at=timezone.now())
    basket = Basket()

    {one.name: one for one in jobs.all_jobs(transport=basket, worker="one")}["delivery"].run(lambda: False)

    html = mail_of(basket.parcels[0]).get_body(("html",))
    assert html is not None
    assert "&lt;b&gt;Emma&lt;/b&gt; Noor: 99 sent: 1 sent, 0 accepted" in html.get_content()


def test_what_needs_a_look_is_told_in_sentences(view) -> None:
    make.fare(
        make.invitation(make.customer(view), now=LAST_WEEK), Verdict.FAILED, code="timeout", now=LAST_WEEK
    )
    SenderIdentity.objects.filter(website=view.website, code="sales").delete()
    SenderIdentity.objects.create(
        website=view.website, code="sales", name="Sales", address="sales@linden.example", stopped_at=LAST_WEEK
    )
    reader()

    posting.post(now=MONDAY_AT)

    assert variables()["troubles"].splitlines() == [
        "1 of the newest invitations could not be delivered.",
        "Nothing leaves from 1 sender: somebody has to see to it.",
    ]


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ["Linden & Loom, 16 Nov – 22 Nov 2026: 0 accepted", "Sent: 1 (0)", "Who sent most:"]),
        (
            "nl",
            ["Linden & Loom, 16 nov – 22 nov 2026: 0 geaccepteerd", "Verzonden: 1 (0)", "verzonden, 0 gea"],
        ),
    ],
)
def test_mail_as_its_reader_gets_it(view, language, words) -> None:
    make.sent_invitation(make.customer(view), now=LAST_WEEK)
    Message.objects.all().delete()
    reader(language=language, email="mia@example.com")
    posting.post(now=MONDAY_AT)
    basket = Basket()
    Message.objects.update(ready_at=MONDAY_AT - DAY)
    MondayMail.objects.update(created_at=timezone.now())

    {one.name: one for one in jobs.all_jobs(transport=basket, worker="one")}["delivery"].run(lambda: False)

    assert basket.recipients() == ["mia@example.com"]
    assert Message.objects.get().state == MessageState.SENT
    letter = mail_of(basket.parcels[0])
    parts = [letter.get_body((one,)) for one in ("plain", "html")]
    text, html = (str(one.get_content()) for one in parts if one is not None)
    whole = f"{letter['Subject']}\n{text}"
    assert all(one in whole for one in words)
    assert "List-Unsubscribe" not in letter
    assert "secret" not in whole
    for path in (
        "/staff/reports/invitations/?from=2026-11-16",
        "/staff/reports/today/",
        "/staff/reports/monday/",
    ):
        assert path in text
        assert path in html
    assert re.search(r"<th[^>]*scope=\"row\"", html)


def test_it_comes_from_a_website_that_can_send(view) -> None:
    SenderIdentity.objects.filter(website=view.website).update(stopped_at=LAST_WEEK)
    other = make.store_view(make.website("zoo"), time_zone=ZONE)
    reader()

    posting.post(now=MONDAY_AT)

    assert Message.objects.get(kind=MONDAY.code).store_view == other


def test_where_nothing_can_be_sent_nobody_is_promised_a_mail(view) -> None:
    SenderIdentity.objects.all().delete()

    with pytest.raises(NoSender):
        reader()
    assert not MondayReader.objects.exists()


def test_owners_choose_for_those_who_see_reports_and_others_for_themselves(view) -> None:
    owner, marketing, support = (
        make.staff(role=role, email=f"{role}@example.com") for role in ("owner", "marketing", "support")
    )

    def seen_by(user) -> list[str]:
        return [one.user.email for one in choosing.choices(actor=grants.actor_of(user))]

    assert seen_by(owner) == ["marketing@example.com", "owner@example.com"]
    assert (seen_by(marketing), seen_by(support)) == (["marketing@example.com"], [])
    with pytest.raises(NotPermitted):
        choosing.choose(user=owner, language="en", actor=grants.actor_of(marketing), now=WEEK_BEFORE)
    with pytest.raises(choosing.NoReports, match="may see no reports"):
        choosing.choose(user=support, language="en", actor=grants.actor_of(owner), now=WEEK_BEFORE)
    with pytest.raises(choosing.UnknownLanguage):
        choosing.choose(user=owner, language="tlh", actor=grants.actor_of(owner), now=WEEK_BEFORE)
    choosing.choose(user=marketing, language="nl", actor=grants.actor_of(owner), now=WEEK_BEFORE)
    assert MondayReader.objects.get().language == "nl"


def test_what_was_mailed_is_forgotten_after_five_weeks(view) -> None:
    reader()
    posting.post(now=MONDAY_AT)

    assert posting.forget_old(now=MONDAY_AT + posting.KEPT - HOUR) == 0
    assert posting.forget_old(now=MONDAY_AT + posting.KEPT) == 1
