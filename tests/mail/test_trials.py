"""Test mails: to whoever asks, in the language asked for, with links that lead nowhere, so many an hour."""

import datetime
import email
import re
from email import policy

import pytest
from django.test import Client

from guestlist.customers import grants
from guestlist.customers.models import User
from guestlist.mail import actions as mail
from guestlist.mail import builtin, templates, trials, variables
from guestlist.mail.delivery import Delivery
from guestlist.mail.models import Message, SenderIdentity, Template, TrialMail
from guestlist.stores.actors import SYSTEM, NotPermitted
from tests import make, races
from tests.mail.outbox import Basket, values_by, withdrawn_by

pytestmark = pytest.mark.django_db
NOW = make.NOW


@pytest.fixture
def view(db):
    templates.install(now=NOW)
    return make.store_view()


@pytest.fixture
def staff(view) -> User:
    return make.staff(email="mia@example.com")


def trial(view, staff, *, purpose="invitation", language="en", sender="general", now=NOW) -> Message:
    return trials.send_trial(
        template=Template.objects.get(code=purpose),
        store_view=view,
        sender=sender,
        language=language,
        actor=grants.actor_of(staff),
        now=now,
    )


def kind_of(message):
    return next(kind for kind in trials.KINDS if kind.code == message.kind)


def test_every_purpose_has_a_kind_with_a_code_of_its_own() -> None:
    assert {kind.purpose for kind in trials.KINDS} == set(builtin.NAMES)
    codes = {kind.code for kind in trials.KINDS}
    assert len(codes) == len(trials.KINDS)
    assert max(map(len, codes)) <= 16


@pytest.mark.parametrize("purpose", builtin.NAMES)
@pytest.mark.parametrize("language", ["en", "nl"])
def test_mail_goes_to_the_one_who_asked_with_everything_filled_in(view, staff, purpose, language) -> None:
    message = trial(view, staff, purpose=purpose, language=language)

    values = values_by(kind_of(message), message.subject_id, now=NOW)

    assert (values.address, values.name, values.address_hash) == ("mia@example.com", "Emma Clarke", None)
    assert values.language == language
    assert message.template_version == mail.current_version(purpose)
    own = set(variables.variables_of(purpose)) - variables.of_shop()
    assert {name.replace("_path", "_url") for name in values.variables} == own
    assert all(values.variables.values())


@pytest.mark.parametrize("purpose", builtin.NAMES)
@pytest.mark.parametrize(
    ("language", "notice"),
    [("en", "This is a test mail."), ("nl", "Dit is een testmail.")],
)
def test_mail_says_at_once_that_it_is_a_test(view, staff, purpose, language, notice) -> None:
    message = trial(view, staff, purpose=purpose, language=language)
    basket = Basket()
    Delivery(
        kinds=[kind_of(message)],
        transport=basket,
        worker="one",
        clock=lambda: NOW,
        batch_size=lambda _site: 9,
    ).run()

    [parcel] = basket.parcels
    mail = email.message_from_bytes(parcel.content, policy=policy.default)
    parts = (mail.get_body([kind]) for kind in ("plain", "html"))
    text, html = (part.get_content() if part else "" for part in parts)
    assert mail["subject"].strip().startswith("[Test] ")
    assert text.startswith(notice)
    body = html.partition("<body")[2].partition(">")[2]
    assert re.match(rf"\s*<div[^>]*>{re.escape(notice)}", body)
    assert html.count(notice) == 1


@pytest.mark.requirement("trust-4")
@pytest.mark.parametrize("purpose", builtin.NAMES)
def test_links_of_a_test_mail_lead_nowhere(view, staff, purpose) -> None:
    message = trial(view, staff, purpose=purpose)
    values = values_by(kind_of(message), message.subject_id, now=NOW)
    paths = {value for name, value in values.variables.items() if name.endswith("_path")}

    assert paths
    for path in paths:
        for answer in (Client().get(path), Client().post(path, {"List-Unsubscribe": "One-Click"})):
            # Staff's own pages ask who they are first.
            assert answer.status_code in {200, 404, 405} or answer["Location"].startswith("/staff/login/"), (
                path
            )
    assert Message.objects.count() == 1


@pytest.mark.requirement("trust-27")
def test_staff_send_themselves_so_many_an_hour(view, staff) -> None:
    for number in range(trials.MOST_AN_HOUR):
        trial(view, staff, now=NOW + datetime.timedelta(minutes=number))

    with pytest.raises(trials.TooManyTrials) as refused:
        trial(view, staff, now=NOW + datetime.timedelta(minutes=30))

    assert refused.value.data["minutes"] == 30
    trial(view, make.staff(), now=NOW + datetime.timedelta(minutes=30))
    trial(view, staff, now=NOW + datetime.timedelta(minutes=60))


@pytest.mark.django_db(transaction=True)
def test_limit_holds_when_many_are_asked_for_at_once() -> None:
    templates.install(now=NOW)
    view, staff = make.store_view(), make.staff()
    for _ in range(trials.MOST_AN_HOUR - 2):
        trial(view, staff)

    def one_more() -> bool:
        try:
            trial(view, staff)
        except trials.TooManyTrials:
            return False
        return True

    assert races.together(*[one_more] * 6).count(True) == 2
    assert Message.objects.count() == trials.MOST_AN_HOUR


@pytest.mark.parametrize("state", ["stopped_at", "held_at"])
def test_nothing_is_queued_when_the_sender_rests(view, staff, state) -> None:
    SenderIdentity.objects.update(**{state: NOW})

    with pytest.raises(trials.SenderRests):
        trial(view, staff)
    assert not TrialMail.objects.exists()


def test_sender_that_there_is_not_is_refused(view, staff) -> None:
    with pytest.raises(mail.NoSender):
        trial(view, staff, sender="sales")
    assert not TrialMail.objects.exists()


@pytest.mark.requirement("trust-16")
def test_trial_needs_the_right_to_templates_there(view) -> None:
    other = make.store_view()
    for staff in (make.staff(view.website, role="support"), make.staff(other.website, role="marketing")):
        with pytest.raises(NotPermitted):
            trial(view, staff)
    with pytest.raises(NotPermitted):
        trials.send_trial(
            template=Template.objects.get(code="invitation"),
            store_view=view,
            sender="general",
            language="en",
            actor=SYSTEM,
            now=NOW,
        )


def test_trial_is_withdrawn_when_it_is_old_or_its_reader_is_no_staff(view, staff) -> None:
    message = trial(view, staff)
    kind, pk = kind_of(message), message.subject_id

    assert withdrawn_by(kind, [pk], now=NOW) == {}
    assert withdrawn_by(kind, [pk], now=NOW + trials.WORTH) == {pk: "not_needed"}
    User.objects.update(is_staff=False)
    assert withdrawn_by(kind, [pk], now=NOW) == {pk: "not_needed"}


def test_old_trials_are_forgotten(view, staff) -> None:
    trial(view, staff)
    trial(view, staff, now=NOW + trials.WORTH)

    assert trials.forget_old(now=NOW + trials.WORTH) == 1
    assert TrialMail.objects.count() == 1
