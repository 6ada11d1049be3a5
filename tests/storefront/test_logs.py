"""Tokens stay out of the log."""

import io
import logging

import pytest
from django.test import Client

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
    visit, wish = links.token(invitation, Channel.MAIL), links.opt_out_token(invitation)
    client = Client(enforce_csrf_checks=True)
    assert client.post(f"/never-again/{wish}/", {"do": "never"}).status_code == 403
    assert client.get(f"/never-again/{wish}x/").status_code == 404
    assert client.get(f"/invitation/{visit}/more/").status_code == 404
    assert client.get("/account/password/reset/key/1-d0zyyc-0123456789abcdef/").status_code == 404
    assert "/never-again/…" in log.getvalue()
    for secret in (visit, wish, "0123456789abcdef"):
        assert secret not in log.getvalue()


def test_other_addresses_are_logged_whole(db, log) -> None:
    make.store_view()
    Client().get("/invitation-of-a-kind-that-is-none/")
    assert "/invitation-of-a-kind-that-is-none/" in log.getvalue()
