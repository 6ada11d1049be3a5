"""Tokens stay out of the log."""

import io
import logging

import pytest
from django.test import Client
from django.views.debug import ExceptionReporter

from guestlist.invitations import links
from guestlist.invitations.models import Channel
from guestlist.storefront.logs import WithoutTokens
from tests import make


@pytest.fixture
def log(monkeypatch) -> io.StringIO:
    """Catch what the log's own handler writes."""
    written = io.StringIO()
    root = logging.getLogger().handlers
    handler = next(one for one in root if any(isinstance(f, WithoutTokens) for f in one.filters))
    monkeypatch.setattr(handler, "stream", written)
    return written


@pytest.mark.requirement("trust-5")
def test_refused_and_missing_pages_are_logged_without_their_tokens(db, log) -> None:
    invitation = make.invitation()
    visit, wish = links.token(invitation, Channel.MAIL), make.opt_out_token(invitation)
    client = Client(enforce_csrf_checks=True)
    assert client.post(f"/never-again/{wish}/", {"do": "never"}).status_code == 403
    assert client.get(f"/never-again/{wish}x/").status_code == 404
    assert client.get(f"/invitation/{visit}/more/").status_code == 404
    assert client.get("/account/password/reset/key/1-d0zyyc-0123456789abcdef/").status_code == 404
    assert "/never-again/…" in log.getvalue()
    for secret in (visit, wish, "0123456789abcdef"):
        assert secret not in log.getvalue()


@pytest.mark.requirement("trust-26")
def test_an_error_page_tells_no_password_of_the_settings(settings, rf) -> None:
    settings.GUESTLIST_SMTP_URL = "smtps://shop:geheim@mail.example"
    settings.GUESTLIST_BOUNCE_MAILBOX = "imaps://shop:geheim@imap.example"
    settings.GUESTLIST_BROKER_URL = "amqp://shop:geheim@broker.example"
    settings.ANYMAIL = {"MAILGUN_API_KEY": "geheim"}
    request = rf.get("/", GUESTLIST_SMTP_URL=settings.GUESTLIST_SMTP_URL)

    page = ExceptionReporter(request, ValueError, ValueError("no"), None).get_traceback_html()

    assert "GUESTLIST_SMTP_URL" in page
    assert "geheim" not in page


def test_nothing_that_is_logged_begins_a_line_of_its_own(log) -> None:
    forged = "x\n2026-11-22 10:00:00 INFO guestlist.stores: changed\r\x1b[2K\u2028\u202e"
    logger = logging.getLogger("guestlist.tried")
    logger.warning("filter: email=%s", forged)
    logger.error("failed", exc_info=ValueError(forged))

    first, *others = log.getvalue().splitlines()
    assert first.endswith(r"email=x\n2026-11-22 10:00:00 INFO guestlist.stores: changed\r\x1b[2K\u2028\u202e")
    assert [one for one in others if not one.startswith("  ")] == others[:1]
    assert "ValueError: x" in log.getvalue()
    assert not set("\r\x1b\u2028\u202e") & set(log.getvalue())


def test_other_addresses_are_logged_whole(db, log) -> None:
    make.store_view()
    Client().get("/invitation-of-a-kind-that-is-none/")
    assert "/invitation-of-a-kind-that-is-none/" in log.getvalue()
