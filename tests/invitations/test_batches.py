"""Many at once: one send for what was queued, none for what was not, whoever presses at the same moment."""

import pytest

from guestlist.invitations import actions as invitations
from guestlist.invitations.actions import Sent
from guestlist.invitations.basis import Why
from guestlist.invitations.models import Invitation
from guestlist.mail import suppression
from guestlist.mail.config import Delivery
from guestlist.mail.counting import totals
from guestlist.mail.models import Measure, Message, Send, SenderIdentity
from tests import make, races

MANY = invitations.SINGLE_UP_TO + 1


def send_many(ids, *, actor=None, **options) -> Sent:
    views = {one.store_view_id for one in Invitation.objects.filter(pk__in=ids)}
    return invitations.send_many(
        ids=ids,
        actor=actor or make.actor(),
        configs={one: make.options(**options) for one in views},
        deliveries={one: Delivery() for one in views},
        now=make.NOW,
    )


def kept(view, count: int = MANY) -> list[int]:
    return [make.staff_invitation(view, keep=True).pk for _ in range(count)]


@pytest.mark.django_db(transaction=True)
def test_one_send_is_made_when_two_send_the_same_selection_at_once() -> None:
    view, actor = make.store_view(), make.actor()
    ids = kept(view)

    results = races.together(
        *[lambda: send_many(ids, actor=actor), lambda: send_many(ids[::-1], actor=actor)] * 2
    )

    sent = [one for one in results if isinstance(one, Sent)]
    assert sorted(one.done for one in sent) == [0, 0, 0, MANY]
    assert sum(one.skipped["already_on_its_way"] for one in sent) == 3 * MANY
    made = Send.objects.get()
    assert Message.objects.filter(send=made).count() == Message.objects.count() == MANY
    assert totals(send_ids=[made.pk])[made.pk][Measure.QUEUED] == MANY


@pytest.mark.django_db(transaction=True)
def test_one_send_is_made_when_the_same_form_is_sent_twice_at_once() -> None:
    view, actor = make.store_view(), make.actor()

    def add():
        return invitations.invite_as_staff(
            actor=actor,
            store_view=view,
            addresses=[f"friend{number}@example.com" for number in range(MANY)],
            ready_at=make.NOW,
            why=Why("consent"),
            config=make.options(),
            delivery=Delivery(),
            now=make.NOW,
        )

    races.together(add, add, add)

    assert Invitation.objects.count() == Message.objects.filter(send=Send.objects.get()).count() == MANY


@pytest.mark.django_db
def test_nothing_of_a_store_view_is_sent_when_it_lacks_its_sender() -> None:
    view, bare = make.store_view(), make.store_view()
    SenderIdentity.objects.filter(website=bare.website).delete()
    ids = kept(view) + kept(bare, 2)

    sent = send_many(ids)

    assert (sent.done, dict(sent.skipped)) == (MANY, {"no_sender": 2})
    assert Send.objects.get().store_view == view
    assert Invitation.objects.filter(store_view=bare, delivery="", resends=0).count() == 2


@pytest.mark.django_db
def test_those_who_became_customers_end_and_are_no_part_of_the_send() -> None:
    view = make.store_view()
    ids = kept(view, MANY + 2)
    joined, closed = Invitation.objects.select_related("address").filter(pk__in=ids[:2]).order_by("pk")
    make.customer(view, email=joined.address.normalized)
    make.customer(view, email=closed.address.normalized)
    invitations.discard(invitation=closed, actor=make.actor(), now=make.NOW)

    sent = send_many(ids, existing_account="skip")

    assert (sent.done, dict(sent.skipped)) == (MANY, {"already_customer": 2})
    joined.refresh_from_db()
    assert (joined.status, joined.reason) == ("discarded", "already_customer")
    assert Message.objects.filter(send=sent.sends[0]).count() == MANY


@pytest.mark.django_db
def test_suppressed_addresses_are_judged_by_their_own_website() -> None:
    view, other = make.store_view(), make.store_view()
    ids = [
        make.staff_invitation(one, address=f"friend{number}@example.com", keep=True).pk
        for one in (view, other)
        for number in range(12)
    ]
    blocked = Invitation.objects.get(pk=ids[0])
    invitations.never_again(
        website=view.website, address_hash=bytes(blocked.address_hash or b""), now=make.NOW
    )
    Invitation.objects.filter(pk=blocked.pk).update(status="not_sent", reason="created")
    assert suppression.suppressed(website_id=view.website_id, hashes=[bytes(blocked.address_hash or b"")])

    sent = send_many(ids)

    assert (sent.done, dict(sent.skipped)) == (23, {"not_mailable": 1})
    assert sorted(Message.objects.filter(send=one).count() for one in sent.sends) == [11, 12]


@pytest.mark.django_db
def test_sent_ones_count_as_resent_and_staff_without_the_right_leave_them() -> None:
    view = make.store_view()
    emma = make.customer(view)
    again = [make.sent_invitation(emma).pk for _ in range(MANY)]

    refused = send_many(again, actor=make.actor(view.website, role="support"))
    assert (refused.done, dict(refused.skipped)) == (0, {"not_permitted": MANY})

    assert send_many(again).done == MANY
    assert set(Invitation.objects.filter(pk__in=again).values_list("resends", flat=True)) == {1}
