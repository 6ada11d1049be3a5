"""The generator of outboxes: rows as the product makes them, whose totals add up, however many times as many there are."""

import datetime

import pytest
from django.db import connection

from bench import filling, multiplying
from guestlist.invitations import figures
from guestlist.invitations.models import (
    Basis,
    Delivery,
    Invitation,
    InvitationAddress,
    InvitationEvent,
    InvitationNote,
)
from guestlist.mail import counting
from guestlist.mail.models import Measure, Message, Send, SenderIdentity
from guestlist.stores.models import StoreView

NOW = datetime.datetime(2026, 5, 3, 10, 0, tzinfo=datetime.UTC)


def created():
    day = NOW.date()
    totals = figures.totals(
        store_view_ids=[StoreView.objects.get().pk], basis=Basis.EVENT, start=day, end=day
    )
    return totals["created", ""]


@pytest.mark.django_db
def test_filled_outbox_is_half_a_send_and_adds_up():
    filling.fill(mails=40, now=NOW, at_once=10)

    send = Send.objects.get()
    assert Message.objects.due(NOW).count() == 40
    assert Message.objects.filter(send=send).count() == 20
    assert counting.totals(send_ids=[send.pk])[send.pk][Measure.QUEUED] == 20
    assert Invitation.objects.filter(delivery=Delivery.QUEUED).count() == 40
    assert InvitationEvent.objects.count() == 40
    assert InvitationNote.objects.count() == 20
    assert Invitation.objects.exclude(inviter=None).count() == 20
    assert created() == 40


@pytest.mark.django_db
def test_filling_again_adds_to_the_same_shop():
    filling.fill(mails=4, now=NOW)
    filling.fill(mails=6, now=NOW)

    assert StoreView.objects.count() == 1
    assert Message.objects.count() == 10
    assert InvitationAddress.objects.values("normalized").distinct().count() == 10


@pytest.mark.django_db
def test_nothing_leaves_before_it_is_released():
    filling.fill(mails=2, now=NOW)

    assert not SenderIdentity.objects.filter(stopped_at=None).exists()


@pytest.mark.django_db
def test_multiplied_outbox_adds_up_when_the_database_can_do_it():
    filling.fill(mails=8, now=NOW, at_once=4)
    if connection.vendor != "postgresql":
        return  # it is PostgreSQL's alone

    connection.ensure_connection()
    multiplying.multiply(connection.connection, times=5)

    send = Send.objects.get()
    assert Message.objects.due(NOW).count() == 40
    assert counting.totals(send_ids=[send.pk])[send.pk][Measure.QUEUED] == 20
    assert InvitationNote.objects.count() == 20
    assert InvitationEvent.objects.filter(invitation__delivery=Delivery.QUEUED).count() == 40
    assert InvitationAddress.objects.values("normalized").distinct().count() == 40
    pairs = Message.objects.order_by("pk").values_list("pk", "subject_id")
    assert list(pairs) == list(Invitation.objects.order_by("mail_id").values_list("mail_id", "pk"))
    assert created() == 40
    filling.fill(mails=2, now=NOW)
    assert Message.objects.count() == 42
