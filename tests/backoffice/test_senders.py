"""Sender identities as staff manage them: what may stand in a header, how fast, stopped, held, tried."""

import datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from guestlist.mail import trials
from guestlist.mail.models import Message, SenderIdentity, TrialMail
from tests import make

LIST = "/staff/guestlist_mail/senderidentity/"


@pytest.fixture
def sender(view) -> SenderIdentity:
    return SenderIdentity.objects.get(website=view.website)


def words(answer):
    return answer.content.decode()


def page(sender: SenderIdentity) -> str:
    return reverse("admin:guestlist_mail_senderidentity_change", args=[sender.pk])


def filled(**changes: str) -> dict[str, str]:
    form = {
        "name": "Linden & Loom",
        "address": "shop@example.com",
        "reply_to": "",
        "per_second": "0",
        "per_day": "0",
    }
    return form | changes


def test_sender_is_kept_with_its_limits(owner, sender) -> None:
    data = filled(name="Loom", reply_to="help@example.com", per_second="20", per_day="5000", warm_up="on")

    assert owner.post(page(sender), data).status_code == 302

    sender.refresh_from_db()
    assert (sender.name, sender.reply_to) == ("Loom", "help@example.com")
    assert (sender.per_second, sender.per_day) == (20, 5000)
    assert sender.warm_up_from == timezone.now().date()


def test_warm_up_keeps_its_first_day_and_ends_when_it_is_unticked(owner, sender) -> None:
    first = datetime.date(2026, 1, 2)
    SenderIdentity.objects.update(warm_up_from=first)
    assert "Warming up since 2 January 2026" in words(owner.get(page(sender)))

    owner.post(page(sender), filled(warm_up="on"))
    sender.refresh_from_db()
    assert sender.warm_up_from == first

    owner.post(page(sender), filled())
    sender.refresh_from_db()
    assert sender.warm_up_from is None


def test_new_sender_warms_up_unless_staff_say_no(owner, view) -> None:
    assert "checked" in words(owner.get(f"{LIST}add/")).split('name="warm_up"')[1].split(">")[0]

    for code, changes in (("sales", {"warm_up": "on"}), ("support", {})):
        data = filled(website=str(view.website_id), code=code, **changes)
        assert owner.post(f"{LIST}add/", data).status_code == 302

    assert SenderIdentity.objects.get(code="sales").warm_up_from == timezone.now().date()
    assert SenderIdentity.objects.get(code="support").warm_up_from is None


@pytest.mark.requirement("trust-12")
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "Loom\r\nBcc: all@example.com"),
        ("name", "Loom\x00"),
        ("name", "Lo\u2028om"),
        ("name", "\u202emooL"),
        ("name", "x" * 81),
        ("name", " "),
        ("address", "nobody"),
        ("address", "shop@example.com\nBcc: a@example.com"),
        ("address", "shop@localhost"),
        ("reply_to", "help at example.com"),
        ("reply_to", "x@" + "y" * 300 + ".example"),
        ("per_second", "-1"),
        ("per_day", "many"),
        ("per_day", "9" * 30),
    ],
)
def test_what_cannot_stand_in_a_mail_is_refused_at_its_field(owner, sender, field, value) -> None:
    answer = owner.post(page(sender), filled(**{field: value}))

    assert answer.status_code == 200
    assert field in answer.context["adminform"].form.errors
    sender.refresh_from_db()
    assert sender.name == "Linden & Loom"


def test_stopped_sender_shows_why_and_starts_when_it_is_saved(owner, sender, now) -> None:
    SenderIdentity.objects.update(stopped_at=now, stopped_reason="5.7.1 Sender <shop@example.com> refused")

    shown = words(owner.get(page(sender)))
    assert "5.7.1 Sender &lt;shop@example.com&gt; refused" in shown
    assert "saving starts it again" in shown
    assert "Send me a test mail" not in shown
    assert "Stopped" in words(owner.get(LIST))

    owner.post(page(sender), filled())
    sender.refresh_from_db()
    assert (sender.stopped_at, sender.stopped_reason) == (None, "")


@pytest.mark.requirement("trust-30")
def test_held_sender_says_what_the_brake_counted_and_saving_does_not_release_it(owner, sender, now) -> None:
    SenderIdentity.objects.update(held_at=now, held_reason="complaints 7/900")

    shown = words(owner.get(page(sender)))
    assert "7 of 900 mails" in shown
    assert reverse("admin:sender_release", args=[sender.pk]) in shown
    assert "Held" in words(owner.get(LIST))

    owner.post(page(sender), filled())
    sender.refresh_from_db()
    assert sender.held_at is not None


def test_warned_sender_shows_it(owner, sender, now) -> None:
    SenderIdentity.objects.update(warned_at=now)

    assert "call its mail spam" in words(owner.get(page(sender)))
    assert "Complaints" in words(owner.get(LIST))


def test_test_mail_of_a_sender_goes_to_who_asks_for_it(owner, sender, view) -> None:
    answer = owner.post(reverse("admin:sender_trial", args=[sender.pk]), follow=True)

    assert "A test mail is on its way to owner@example.com." in words(answer)
    message = Message.objects.get()
    assert (message.sender, message.store_view, message.kind) == (sender, view, "trial_invitation")
    assert TrialMail.objects.get().language == view.language
    assert reverse("admin:guestlist_mail_message_change", args=[message.pk]) in words(answer)


def test_refused_test_mail_is_said(owner, sender, now) -> None:
    SenderIdentity.objects.update(held_at=now)

    answer = owner.post(reverse("admin:sender_trial", args=[sender.pk]), follow=True)

    assert "Nothing leaves from Linden &amp; Loom now." in words(answer)
    assert not Message.objects.exists()


@pytest.mark.requirement("trust-27")
def test_staff_are_told_when_they_may_send_the_next_one(owner, sender) -> None:
    address = reverse("admin:sender_trial", args=[sender.pk])
    for _ in range(trials.MOST_AN_HOUR):
        owner.post(address)

    assert "Wait 60 minutes" in words(owner.post(address, follow=True))
    assert Message.objects.count() == trials.MOST_AN_HOUR


@pytest.mark.requirement("trust-16")
def test_senders_are_for_those_who_see_to_them_there(support, client_of, view, other_view, sender) -> None:
    elsewhere = client_of(make.staff(other_view.website, role="marketing"))
    for client in (support, elsewhere):
        assert client.post(reverse("admin:sender_trial", args=[sender.pk])).status_code in {403, 404}
        assert client.post(page(sender), filled(name="Mine")).status_code in {302, 403, 404}
    sender.refresh_from_db()
    assert sender.name == "Linden & Loom"
    assert not Message.objects.exists()


@pytest.mark.requirement("trust-16")
def test_domain_of_another_website_is_refused_at_its_field(manager, owner, view, other_view, sender) -> None:
    SenderIdentity.objects.filter(website=other_view.website).update(address="shop@attic.example")
    new = filled(website=str(view.website_id), code="sales", address="sales@attic.example")

    for answer in (
        manager.post(page(sender), filled(address="us@attic.example")),
        manager.post(f"{LIST}add/", new),
    ):
        (refusal,) = answer.context["adminform"].form.errors["address"]
        assert refusal == (
            "“attic.example” is used by another website. Ask somebody who manages the senders of all websites."
        )
    assert not SenderIdentity.objects.filter(website=view.website, address__endswith="attic.example").exists()
    assert manager.post(page(sender), filled(address="us@example.com")).status_code == 302
    assert owner.post(page(sender), filled(address="us@attic.example")).status_code == 302


def test_opening_the_address_of_the_button_sends_nothing(owner, sender) -> None:
    assert owner.get(reverse("admin:sender_trial", args=[sender.pk])).status_code == 405


def test_sender_page_takes_a_number_that_is_none(owner) -> None:
    assert owner.get(f"{LIST}99999/change/", follow=True).status_code in {200, 404}
    assert owner.get(f"{LIST}x/change/", follow=True).status_code in {200, 404}
    assert owner.get(f"{LIST}²/change/", follow=True).status_code in {200, 404}


def test_list_asks_as_often_however_many_senders_there_are(owner, view) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            owner.get(LIST)
        return len(queries)

    few = count()
    for _ in range(49):
        make.store_view()
    assert count() == few
