"""The inbox and the transport that fills it."""

from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP

import pytest
from django.test import Client

from guestlist.demo.models import CapturedMail
from guestlist.demo.transport import InboxTransport
from guestlist.mail.answers import Result
from guestlist.mail.parcels import Parcel
from tests.mail import supply

pytestmark = pytest.mark.django_db


def _parcel(recipient: str = "friend@example.org", subject: str = "Come in") -> Parcel:
    mail = EmailMessage()
    mail["From"] = "Klei & Kamille <klei@example.com>"
    mail["To"] = recipient
    mail["Subject"] = subject
    mail.set_content("Open https://example.com/invitation/ now.\n")
    mail.add_alternative(
        '<html><head><title>x</title></head><body><a href="/i/" target="_blank">Open</a><script>alert(1)</script></body>'
        "</html>",
        subtype="html",
    )
    return supply.parcel(1, recipient, sender="klei@example.com", content=mail.as_bytes(policy=SMTP))


def test_mail_is_kept_when_it_is_delivered():
    answer = InboxTransport().deliver(_parcel())
    assert answer.result is Result.ACCEPTED
    (mail,) = Client().get("/demo/inbox.json").json()
    assert mail["to"] == "friend@example.org"
    assert mail["from"] == "Klei & Kamille <klei@example.com>"
    assert mail["subject"] == mail["headers"]["Subject"] == "Come in"
    assert "https://example.com/invitation/" in mail["text"]
    assert "<a href=" in mail["html"]
    assert datetime.fromisoformat(mail["at"]) <= datetime.now(UTC)


def test_newest_comes_first_and_one_recipient_can_be_asked_for():
    for recipient in ("a@example.org", "b@example.org", "a@example.org"):
        InboxTransport().deliver(_parcel(recipient))
    mails = Client().get("/demo/inbox.json").json()
    assert [mail["id"] for mail in mails] == sorted((mail["id"] for mail in mails), reverse=True)
    assert len(Client().get("/demo/inbox.json", {"to": "A@example.org"}).json()) == 2


@pytest.mark.parametrize(
    ("recipient", "result"), [("x@bounce.example", Result.BOUNCED), ("x@later.example", Result.DEFERRED)]
)
def test_nothing_is_kept_when_the_domain_refuses(recipient, result):
    assert InboxTransport().deliver(_parcel(recipient)).result is result
    assert not CapturedMail.objects.exists()


@pytest.mark.parametrize(
    ("language", "word"), [("nl", "Wat de winkel verstuurde"), ("en", "What the shop sent")]
)
def test_list_speaks_the_language_that_the_browser_asks_for(language, word):
    InboxTransport().deliver(_parcel(subject="<b>Sanne</b>"))
    page = Client(headers={"accept-language": language}).get("/demo/inbox/")
    assert word in page.content.decode()
    assert "&lt;b&gt;Sanne" in page.content.decode()
    assert "unsafe" not in page.headers["Content-Security-Policy"]


def test_mail_page_runs_no_scripts_and_opens_links_in_the_window():
    InboxTransport().deliver(_parcel())
    mail = CapturedMail.objects.get()
    page = Client().get(f"/demo/inbox/{mail.pk}/")
    assert "sandbox=" in page.content.decode()
    assert "https://example.com/invitation/" in page.content.decode()
    framed = Client().get(f"/demo/inbox/{mail.pk}/page/")
    policy = framed.headers["Content-Security-Policy"]
    assert "sandbox" in policy
    assert "allow-scripts" not in policy
    assert "script-src" not in policy
    assert "default-src 'none'" in policy
    assert '<head><base target="_top">' in framed.content.decode()
    assert '<a href="/i/" target="_top">' in framed.content.decode()
    assert framed.headers["X-Frame-Options"] == "SAMEORIGIN"


def test_list_has_pages_when_there_are_many(django_assert_num_queries):
    for number in range(35):
        InboxTransport().deliver(_parcel(f"friend{number}@example.org"))
    with django_assert_num_queries(2):
        first = Client().get("/demo/inbox/")
    assert first.content.decode().count("mail-subject") == 30
    assert Client().get("/demo/inbox/?page=2").content.decode().count("mail-subject") == 5


def test_inbox_is_empty_when_nothing_was_sent():
    assert Client().get("/demo/inbox.json").json() == []
    assert Client().get("/demo/inbox/").status_code == 200
    assert Client().get("/demo/inbox/1/").status_code == 404
