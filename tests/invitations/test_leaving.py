"""Invitations' mail from the outbox to the mail server: what leaves, and what happened to whom meanwhile."""

import pytest

from guestlist.invitations import actions as invitations
from guestlist.invitations.emails import KINDS
from guestlist.invitations.lifecycle import Status
from guestlist.invitations.models import Delivery as How
from guestlist.invitations.models import Invitation, InvitationEvent
from guestlist.mail import actions as mail
from guestlist.mail import counting, ending, sends
from guestlist.mail.config import Delivery as Options
from guestlist.mail.delivery import Delivery
from guestlist.mail.models import Measure, Message, Send, SendOrigin, SuppressionReason
from guestlist.mail.transport import Server, SmtpTransport
from guestlist.stores.actors import SYSTEM
from tests import make
from tests.invitations import recount
from tests.mail import scriptedserver

pytestmark = pytest.mark.django_db


def deliver(server: scriptedserver.ScriptedServer) -> None:
    transport = SmtpTransport(Server("127.0.0.1", server.port, ehlo="shop.example", timeout=5, connections=1))
    Delivery(
        kinds=KINDS,
        transport=transport,
        worker="one",
        clock=lambda: make.NOW,
        batch_size=lambda _website: 500,
    ).run()
    transport.close()


def fates(ones: list[Invitation]) -> list[tuple[str, str, str]]:
    """Return state, its reason and how the mail fared, of each."""
    for one in ones:
        one.refresh_from_db()
    return [(one.status, one.reason, one.delivery) for one in ones]


@pytest.mark.requirement("delivery-when-withdrawn")
def test_what_changed_while_the_mail_waited_is_seen_before_it_leaves() -> None:
    view = make.store_view()
    inviter = make.customer(view)
    stays, canceled, wished, joined, erased = ones = [make.invitation(inviter) for _ in range(5)]
    invitations.cancel(invitation=canceled, inviter=inviter, now=make.NOW)
    mail.suppress(
        website=view.website,
        address_hash=bytes(wished.address_hash or b""),
        reason=SuppressionReason.WISH,
        now=make.NOW,
    )
    make.customer(view, email=joined.address.normalized)
    erased.address.delete()

    with scriptedserver.running() as server:
        deliver(server)

    assert server.recipients() == [stays.address.normalized]
    assert fates(ones) == [
        (Status.SENT, "handed_over", How.HANDED_OVER),
        (Status.DISCARDED, "inviter", How.WITHDRAWN),
        (Status.NOT_SENT, "created", How.WITHDRAWN),
        (Status.DISCARDED, "already_customer", How.WITHDRAWN),
        (Status.NOT_SENT, "created", How.WITHDRAWN),
    ]
    codes = dict(Message.objects.values_list("subject_id", "code"))
    assert [codes[one.pk] for one in ones] == [
        "2.0.0",
        "inviter",
        "suppressed",
        "already_customer",
        "no_address",
    ]
    assert recount.from_days() == recount.from_history()


@pytest.mark.requirement("delivery-when-bounced")
def test_what_the_server_says_of_each_is_written_down_for_each() -> None:
    view = make.store_view()
    inviter = make.customer(view)
    good, busy, gone, full = ones = [make.invitation(inviter) for _ in range(4)]
    said = {
        busy.address.normalized: b"450 4.2.1 try again in 5 minutes\r\n",
        gone.address.normalized: b"550 5.1.1 unknown\r\n",
        full.address.normalized: b"552 5.2.2 full\r\n",
    }

    def script(stage: str, line: str, _call: scriptedserver.Call) -> bytes | None:
        return said.get(line.partition("<")[2].partition(">")[0]) if stage == "RCPT" else None

    with scriptedserver.running(script) as server:
        deliver(server)

    assert server.recipients() == [good.address.normalized]
    assert fates(ones) == [
        (Status.SENT, "handed_over", How.HANDED_OVER),
        (Status.NOT_SENT, "created", How.DEFERRED),
        (Status.DISCARDED, "bounced", How.BOUNCED),
        (Status.DISCARDED, "bounced", How.BOUNCED),
    ]
    assert recount.from_days() == recount.from_history()
    # Only who does not exist is not mailed again.
    for one, refused in ((gone, True), (full, False)):
        if refused:
            with pytest.raises(invitations.NotMailable):
                invitations.resend(invitation=one, actor=make.actor(), config=make.options(), now=make.NOW)
        else:
            invitations.resend(invitation=one, actor=make.actor(), config=make.options(), now=make.NOW)


@pytest.mark.requirement("delivery-when-deferred")
def test_what_was_given_up_stays_not_sent_and_may_be_tried_again() -> None:
    view = make.store_view()
    soon = make.occasion(view.website, closes_at=make.NOW.replace(second=30))
    one = make.invitation(make.customer(view), occasion=soon)

    with scriptedserver.running(
        lambda stage, _line, _call: b"450 busy\r\n" if stage == "RCPT" else None
    ) as server:
        deliver(server)

    assert fates([one]) == [(Status.NOT_SENT, "created", How.FAILED)]
    invitations.resend(invitation=one, actor=make.actor(), config=make.options(), now=make.NOW)
    assert one.delivery == How.QUEUED


@pytest.mark.requirement("delivery-when-switched")
def test_a_stopped_send_takes_back_its_invitations_mails_and_they_may_go_again() -> None:
    view = make.store_view()
    ones = [make.staff_invitation(view, keep=True) for _ in range(5)]
    send = sends.open_send(
        store_view=view,
        sender=view.website.senders.get(),
        origin=SendOrigin.STAFF,
        created_by_id=None,
        ready_at=make.NOW,
        late_after_hours=Options().late_after_hours,
        now=make.NOW,
    )
    invitations.sending.queue(ones, config=make.options(), ready_at=make.NOW, now=make.NOW, send=send)
    sends.stop(send=send, actor=SYSTEM, now=make.NOW)

    with scriptedserver.running() as server:
        deliver(server)
        withdrawn = ending.withdraw_stopped(kinds=KINDS, now=make.NOW)
        ending.finish(now=make.NOW)

        assert server.mails == []
        assert withdrawn == 5
        assert set(fates(ones)) == {(Status.NOT_SENT, "created", How.WITHDRAWN)}
        assert Send.objects.get().finished_at == make.NOW
        assert counting.totals(send_ids=[send.pk])[send.pk][Measure.WITHDRAWN] == 5
        for one in ones:
            invitations.resend(invitation=one, actor=make.actor(), config=make.options(), now=make.NOW)
        deliver(server)

    assert len(server.mails) == 5
    assert set(fates(ones)) == {(Status.SENT, "handed_over", How.HANDED_OVER)}
    assert InvitationEvent.objects.filter(kind="sent").count() == 5
