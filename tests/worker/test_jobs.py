"""The jobs: mail of every kind goes out in batches of the configured size, figures are folded."""

import datetime

import pytest
from django.utils import timezone

from guestlist.customers.models import User
from guestlist.invitations.config import Invitations
from guestlist.mail import accounts
from guestlist.mail.answers import Answer, Result
from guestlist.mail.models import Message
from guestlist.stores import actions as stores
from guestlist.stores import config
from guestlist.stores.actors import SYSTEM
from guestlist.worker import jobs
from guestlist.worker.jobs import NoServerError
from tests.mail.outbox import Basket, mail_of, make_shop, queue

pytestmark = pytest.mark.django_db


def job(name, transport=None):
    found = {one.name: one for one in jobs.all_jobs(transport=transport or Basket(), worker="one")}
    return found[name].run(lambda: False)


def test_every_kind_has_a_code_of_its_own_that_fits_and_a_template():
    codes = [kind.code for kind in jobs.KINDS]

    assert len(set(codes)) == len(codes)
    longest = Message._meta.get_field("kind").max_length
    assert longest is not None
    assert max(map(len, codes)) <= longest
    assert {kind.purpose for kind in jobs.KINDS} == {
        "invitation",
        "confirm_address",
        "reset_password",
        "account_exists",
        "lift_suppression",
        "monday_report",
    }


def test_account_mail_goes_out():
    shop = make_shop()
    user = User.objects.create_user(email="noor@friend.example", password="x", first_name="Noor")
    accounts.queue(accounts.EXISTS, user=user, store_view=shop, now=timezone.now())
    basket = Basket()

    more = job("delivery", basket)

    assert more
    assert basket.recipients() == ["noor@friend.example"]
    body = mail_of(basket.parcels[0]).get_body(("plain",))
    assert body is not None
    assert "/account/login/" in body.get_content()
    assert not job("delivery", basket)


def test_the_batch_size_is_the_websites():
    shop, other = make_shop(), make_shop("other")
    now = datetime.datetime(2026, 11, 21, tzinfo=datetime.UTC)
    stores.override(
        section=Invitations,
        name="batch_size",
        value=7,
        place=config.Place(website_id=other.website_id),
        actor=SYSTEM,
        now=now,
    )

    assert jobs.batch_size(shop.website_id) == 500
    assert jobs.batch_size(other.website_id) == 7


def test_delivery_waits_when_no_server_answers():
    queue(make_shop(), range(2), kind="account_exists", template="account_exists")
    User.objects.bulk_create([User(pk=n, email=f"{n}@friend.example") for n in range(1, 2)])

    with pytest.raises(NoServerError, match="refused"):
        job("delivery", Basket({"*": Answer(Result.UNREACHABLE, "unreachable", "refused")}))


def test_figures_are_folded():
    assert not job("figures")


def test_the_outbox_page_offers_every_kind():
    from django.test import RequestFactory

    from guestlist.backoffice.admin_outbox import KindFilter, MessageTable
    from guestlist.backoffice.site import site

    offered = KindFilter.lookups(
        object.__new__(KindFilter), RequestFactory().get("/"), MessageTable(Message, site)
    )

    assert sorted(code for code, _label in offered) == sorted(kind.code for kind in jobs.KINDS)
