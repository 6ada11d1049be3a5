"""What people and staff ask to be mailed, all the way: queued by its action, handed over as its reader gets it."""

import re

import pytest
from django.test import Client
from django.utils import timezone

from guestlist import addresses
from guestlist.customers import grants
from guestlist.mail import actions as mail
from guestlist.mail import builtin, lifting, templates, trials
from guestlist.mail.models import Message, MessageState, Suppression, SuppressionReason, Template
from guestlist.worker import jobs
from tests import make
from tests.mail.outbox import Basket, mail_of

pytestmark = pytest.mark.django_db
ANN = "ann@example.org"


@pytest.fixture
def view(db):
    templates.install(now=timezone.now())
    return make.store_view(privacy_url="/privacy/")


def delivered() -> Basket:
    """Return what the worker hands over when it runs once."""
    basket = Basket()
    found = {one.name: one for one in jobs.all_jobs(transport=basket, worker="one")}
    found["delivery"].run(lambda: False)
    return basket


def body(basket: Basket, number: int = 0, kind: str = "plain") -> str:
    part = mail_of(basket.parcels[number]).get_body((kind,))
    assert part is not None
    return str(part.get_content())


def states() -> list[tuple[str, str]]:
    return list(Message.objects.order_by("pk").values_list("state", "code"))


@pytest.mark.requirement("trust-18")
def test_suppressed_person_gets_the_mail_and_lifts_by_its_link(view) -> None:
    now = timezone.now()
    for reason in (SuppressionReason.COMPLAINT, SuppressionReason.WISH):
        mail.suppress(website=view.website, address_hash=addresses.hash_of(ANN), reason=reason, now=now)
    lifting.request_lift(store_view=view, address=ANN, now=now)
    lifting.request_lift(store_view=view, address="bob@example.org", now=now)

    basket = delivered()

    assert basket.recipients() == [ANN]
    assert states()[0][0] == MessageState.SENT
    assert states()[1] == (MessageState.WITHDRAWN, "not_needed")
    letter = mail_of(basket.parcels[0])
    assert letter["Subject"] == "May Linden & Loom mail you again?"
    assert "List-Unsubscribe" not in letter
    link = re.search(r"http://testserver(/mail-me-again/\S+/)\s", body(basket))
    assert link
    assert link[1] in body(basket, kind="html")
    assert Client().post(link[1]).status_code == 200
    assert not Suppression.objects.exists()


@pytest.mark.parametrize("purpose", builtin.NAMES)
@pytest.mark.parametrize("language", ["en", "nl"])
def test_test_mail_says_what_the_template_says_in_that_language(view, purpose, language) -> None:
    staff = make.staff(email="mia@example.com")
    mail.suppress(
        website=view.website,
        address_hash=addresses.hash_of("mia@example.com"),
        reason=SuppressionReason.BOUNCE,
        now=timezone.now(),
    )
    trials.send_trial(
        template=Template.objects.get(code=purpose),
        store_view=view,
        sender="general",
        language=language,
        actor=grants.actor_of(staff),
        now=timezone.now(),
    )

    basket = delivered()

    assert basket.recipients() == ["mia@example.com"]
    letter = mail_of(basket.parcels[0])
    assert letter["Content-Language"] == language
    assert "Linden & Loom" in letter["Subject"]
    assert ("List-Unsubscribe" in letter) is (purpose == "invitation")
    for text in (body(basket), body(basket, kind="html")):
        assert "http://testserver/" in text
        assert "shop.example/" not in text
        assert "{{" not in text
        assert "{%" not in text


def test_test_mail_keeps_the_words_that_it_was_queued_with(view) -> None:
    staff = make.staff()
    trials.send_trial(
        template=Template.objects.get(code="invitation"),
        store_view=view,
        sender="general",
        language="en",
        actor=grants.actor_of(staff),
        now=timezone.now(),
    )
    before = mail.current_version("invitation")
    version = type(before).objects.create(
        template=before.template, number=before.number + 1, digest="x", created_at=timezone.now()
    )
    for text in before.texts.all():
        text.pk, text.version, text.subject = None, version, "New words"
        text.save()

    assert mail_of(delivered().parcels[0])["Subject"] != "New words"
