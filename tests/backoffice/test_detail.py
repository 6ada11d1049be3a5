"""One invitation: what the page says, and what its buttons do."""

import re

import pytest

from guestlist.customers import grants
from guestlist.customers.models import User
from guestlist.invitations import actions as invitations
from guestlist.invitations.models import Invitation
from guestlist.mail.kinds import Verdict
from guestlist.mail.models import Attempt, Message, Suppression
from tests import make


def page_of(client, one: Invitation, **headers) -> str:
    answer = client.get(f"/staff/invitations/{one.pk}/", headers=headers or None)
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_page_tells_what_the_invitation_is(owner, view) -> None:
    emma = make.customer(view)
    one = make.sent_invitation(emma, address="Noor@Example.com", message="Come <b>in</b>")
    make.registered(one)
    page = page_of(owner, one)
    for shown in (
        "Noor@Example.com", "Accepted", "Emma Clarke", "Noor Jansen", "Linden", "Come &lt;b&gt;in&lt;/b&gt;",
        "Not Sent → Sent", "Sent → Accepted", "registered through the link", "the mail server took it",
        f"/staff/guestlist_customers/customer/{emma.pk}/change/",
    ):  # fmt: skip
        assert shown in page, shown
    assert "Discard" not in page.split("<main")[1].split("Status history")[0]


def test_page_says_why_it_cannot_be_sent(owner, support, view) -> None:
    accepted, sent = (make.sent_invitation(make.customer(view)) for _ in range(2))
    make.registered(accepted)
    queued = make.staff_invitation(view)
    for client, one, why in (
        (owner, accepted, "nothing left to send"),
        (owner, queued, "on its way already"),
        (support, sent, "Your role does not send"),
    ):
        assert why in page_of(client, one)
    page = page_of(owner, sent)
    assert "/resend/" in page
    assert "Your role" not in page


def test_page_names_staff_in_the_history(owner, view) -> None:
    one = make.staff_invitation(view)
    assert "Emma Clarke (staff)" in page_of(owner, one)


def test_history_says_who_asked_for_it_to_be_sent_again(owner, view) -> None:
    one, other = (make.sent_invitation(make.customer(view)) for _ in range(2))
    for user, name in ((make.staff(), "Vera"), (make.staff(), "Ruben")):
        user.first_name, user.last_name = name, "de Wit"
        user.save()
        actor = grants.actor_of(user)
        if name == "Vera":
            invitations.resend(invitation=one, actor=actor, config=make.options(), now=make.NOW)
        else:
            configs = {view.pk: make.options()}
            assert invitations.send_many(ids=[other.pk], actor=actor, configs=configs, now=make.NOW).done == 1
    make.fare(one, Verdict.ACCEPTED)

    for shown, name in ((one, "Vera"), (other, "Ruben")):
        history = page_of(owner, shown).partition("Status history")[2].partition("</ol>")[0]
        assert re.search(rf"Resend asked for</strong>.*?{name} de Wit", history, re.DOTALL)
        assert history.count("Resend asked for") == 1
        assert history.count("Sent again") == (name == "Vera")


@pytest.mark.parametrize(
    ("language", "shown"),
    [
        ("en", ["Order</strong> K-1: €1,250.00", "Order refunded</strong> K-1: €50.00 in all so far",
                "Order canceled</strong> K-1: €1,200.00 counts no more"]),
        ("nl", ["Bestelling</strong> K-1: €\u00a01.250,00", "€\u00a050,00", "€\u00a01.200,00"]),
    ],
)  # fmt: skip
def test_history_tells_of_orders_in_the_readers_format(owner, view, language, shown) -> None:
    one = make.sent_invitation(make.customer(view))
    customer = make.registered(one).customer
    assert customer
    order = make.order(customer, number="K-1", total=125_000)
    make.refund(order, 5_000)
    make.cancel(order)

    page = page_of(owner, one, **{"Accept-Language": language})

    assert [each for each in shown if each not in page] == []
    # What was refunded whole before counts for nothing already.
    whole = make.order(customer, number="K-2")
    make.refund(whole, whole.total)
    make.cancel(whole)
    assert "K-2</p>" in page_of(owner, one, **{"Accept-Language": language})


def test_page_shows_what_the_mail_server_answered(owner, view, now) -> None:
    one = make.invitation(make.customer(view))
    make.fare(one, Verdict.DEFERRED, code="450")
    message = Message.objects.get(subject_id=one.pk)
    Attempt.objects.create(message=message, at=now, outcome="deferred", code="450", answer="Try <later>")
    page = page_of(owner, one)
    assert "Their mail server asked us to wait" in page
    assert "450 Try &lt;later&gt;" in page


def test_page_shows_what_was_taken_and_what_came_back_once(owner, view, now) -> None:
    one = make.sent_invitation(make.customer(view))
    make.fare(one, Verdict.BOUNCED, code="5.2.2")
    message = Message.objects.get(subject_id=one.pk)
    Attempt.objects.create(message=message, at=now, outcome="bounced", code="5.2.2", answer="")
    answers = page_of(owner, one).partition("Answers of the mail server")[2].partition("</section>")[0]
    assert answers.count("Handed over") == answers.count(">250<") == 1
    assert answers.count("Refused by their mail server") == answers.count(">5.2.2<") == 1


def test_page_shows_what_was_answered_to_earlier_mails_and_to_no_other(owner, view, now) -> None:
    one, other = (make.sent_invitation(make.customer(view), now=now) for _ in range(2))
    first = Message.objects.get(subject_id=one.pk)
    for code, subject in (("4.2.1", one.pk), ("4.7.7", other.pk)):
        Attempt.objects.create(
            message=first, subject_id=subject, at=now, outcome="deferred", code=code, answer="busy"
        )
    foreign = Message.objects.get(subject_id=other.pk)
    Message.objects.filter(pk=foreign.pk).update(kind="confirm_address", subject_id=one.pk)
    Attempt.objects.create(
        message=foreign, subject_id=one.pk, at=now, outcome="failed", code="5.4.4", answer="no"
    )
    invitations.resend(invitation=one, actor=make.actor(), config=make.options(), now=now)
    one.refresh_from_db()
    assert one.mail_id != first.pk

    page = page_of(owner, one)

    assert "4.2.1 busy" in page
    assert "4.7.7" not in page
    assert "5.4.4" not in page


def test_inviting_staff_member_is_a_link_for_whoever_may_follow_it(owner, manager, view) -> None:
    one = make.staff_invitation(view)
    there = f"/staff/guestlist_customers/user/{one.staff_id}/change/"
    assert there in page_of(owner, one)
    assert there not in page_of(manager, one)


def test_page_leads_to_those_beside_it_in_the_filtered_order(support, view, other_view) -> None:
    b, a, c = (make.staff_invitation(view, address=f"{name}@example.org") for name in "bac")
    discarded = make.staff_invitation(view, address="aa@example.org")
    support.post(f"/staff/invitations/{discarded.pk}/discard/")
    make.staff_invitation(other_view, address="ab@example.org")
    back = "status=not_sent&sort=email&after=x"
    query = f"?back={back.replace('=', '%3D').replace('&', '%26')}"

    page = support.get(f"/staff/invitations/{b.pk}/{query}").content.decode()

    assert f'rel="prev" href="/staff/invitations/{a.pk}/{query}"' in page
    assert f'rel="next" href="/staff/invitations/{c.pk}/{query}"' in page
    assert 'href="/staff/invitations/?status=not_sent&amp;sort=email&amp;after=x"' in page
    last = support.get(f"/staff/invitations/{c.pk}/{query}").content.decode()
    assert 'rel="prev"' in last
    assert 'rel="next"' not in last


@pytest.mark.parametrize(
    "back", ["status=nothing", "after=%00&sort=-sent", "sort=²", "id=1&id=2", "website=9"]
)
def test_page_is_shown_whatever_list_it_is_said_to_come_from(owner, view, back) -> None:
    one = make.staff_invitation(view)
    assert owner.get(f"/staff/invitations/{one.pk}/", {"back": back}).status_code == 200


@pytest.mark.parametrize("others", [1, 50])
def test_page_needs_as_many_queries_for_many_as_for_few(
    owner, view, now, others, django_assert_num_queries
) -> None:
    inviter = make.customer(view)
    one = make.sent_invitation(inviter)
    for _number in range(others):
        make.sent_invitation(inviter)
    message = Message.objects.get(pk=one.mail_id or 0)
    Attempt.objects.bulk_create(
        Attempt(message=message, at=now, outcome="deferred", code="450", answer=str(number))
        for number in range(others)
    )
    with django_assert_num_queries(13):
        page_of(owner, one)


def test_discard_asks_then_discards_then_says_so(owner, view) -> None:
    one = make.staff_invitation(view)
    path = f"/staff/invitations/{one.pk}/discard/"
    assert "Discard this invitation?" in owner.get(path).content.decode()
    one.refresh_from_db()
    assert one.status == "not_sent"
    assert "The invitation was discarded." in owner.post(path, follow=True).content.decode()
    one.refresh_from_db()
    assert (one.status, one.delivery) == ("discarded", "withdrawn")
    again = owner.post(path, follow=True).content.decode()
    assert "This invitation is “Discarded”, so this is no longer possible." in again
    assert "no longer possible" in owner.get(path).content.decode()


def test_resend_asks_then_queues_then_says_so(owner, view) -> None:
    one = make.sent_invitation(make.customer(view))
    path = f"/staff/invitations/{one.pk}/resend/"
    assert "Send this invitation again?" in owner.get(path).content.decode()
    assert "on its way." in owner.post(path, follow=True).content.decode()
    assert "on its way already" in owner.post(path, follow=True).content.decode()
    assert Message.objects.filter(state="ready").count() == 1


def test_resend_is_refused_in_words_when_the_address_must_not_be_mailed(owner, view, now) -> None:
    one = make.sent_invitation(make.customer(view))
    Suppression.objects.create(
        website=view.website, address_hash=one.address_hash, reason="wish", created_at=now
    )
    page = owner.post(f"/staff/invitations/{one.pk}/resend/", follow=True).content.decode()
    assert "This address is on the list of those that are not mailed" in page


def test_message_is_saved_while_not_sent_and_kept_in_the_form_when_refused(owner, view) -> None:
    one = make.staff_invitation(view, keep=True)
    path = f"/staff/invitations/{one.pk}/message/"
    answer = owner.post(path, {"message": "y" * 1001})
    assert answer.status_code == 422
    assert "at most 1000 fit" in answer.content.decode()
    assert "y" * 1001 in answer.content.decode()
    assert "The message was saved." in owner.post(path, {"message": "Welcome!"}, follow=True).content.decode()
    assert "Welcome!" in page_of(owner, one)


def test_log_says_who_changed_the_words_of_a_customer_and_who_saw_the_link(owner, view, caplog) -> None:
    one = make.invitation(make.customer(view), message="Hello")
    owner.post(f"/staff/invitations/{one.pk}/message/", {"message": "Something else"})
    shown = owner.post(f"/staff/invitations/{one.pk}/link/").context["link"]
    boss = User.objects.get(email="owner@example.com")
    assert f"message changed invitation={one.pk} actor=staff:{boss.pk}" in caplog.messages
    assert f"link shown invitation={one.pk} actor=staff:{boss.pk}" in caplog.messages
    assert shown not in caplog.text


def test_message_is_not_saved_when_the_mail_has_left(owner, view) -> None:
    one = make.sent_invitation(make.customer(view), message="As it was")
    path = f"/staff/invitations/{one.pk}/message/"
    assert "no longer possible" in owner.post(path, {"message": "Other"}, follow=True).content.decode()
    assert "Save message" not in page_of(owner, one)
    assert "As it was" in page_of(owner, one)


def test_link_is_shown_on_demand_and_moves_nothing(owner, view) -> None:
    one = make.staff_invitation(view, keep=True)
    assert "http://testserver/invitation/" not in page_of(owner, one)
    answer = owner.post(f"/staff/invitations/{one.pk}/link/")
    assert "http://testserver/invitation/" in answer.content.decode()
    one.refresh_from_db()
    assert one.status == "not_sent"


def test_link_is_not_shown_when_it_would_not_work(owner, view) -> None:
    one = make.staff_invitation(view, keep=True)
    owner.post(f"/staff/invitations/{one.pk}/discard/")
    assert "Show the link" not in page_of(owner, one)
    page = owner.post(f"/staff/invitations/{one.pk}/link/", follow=True).content.decode()
    assert "cannot be used any more" in page


@pytest.mark.parametrize("name", ["resend", "message", "link"])
def test_button_is_refused_without_the_permission(support, view, name) -> None:
    one = make.sent_invitation(make.customer(view))
    assert support.post(f"/staff/invitations/{one.pk}/{name}/", {"message": "x"}).status_code == 403
    assert "/resend/" not in page_of(support, one)
    assert "/discard/" in page_of(support, one)


def test_reading_changes_nothing(owner, view) -> None:
    one = make.staff_invitation(view)
    for name in ("", "discard/", "resend/"):
        assert owner.head(f"/staff/invitations/{one.pk}/{name}").status_code == 200
    for name in ("message/", "link/"):
        assert owner.get(f"/staff/invitations/{one.pk}/{name}").status_code == 405
    one.refresh_from_db()
    assert (one.status, one.delivery) == ("not_sent", "queued")


def test_list_is_found_again_as_it_was_filtered(owner, view) -> None:
    one = make.staff_invitation(view)
    page = owner.get(f"/staff/invitations/{one.pk}/?back=status%3Dnot_sent").content.decode()
    assert 'href="/staff/invitations/?status=not_sent"' in page
    answer = owner.post(f"/staff/invitations/{one.pk}/discard/?back=status%3Dnot_sent")
    assert answer["Location"] == f"/staff/invitations/{one.pk}/?back=status%3Dnot_sent"


def test_shared_invitation_without_an_address_is_shown(owner, view) -> None:
    one = make.staff_invitation(view, keep=True)
    one.address.delete()
    Invitation.objects.filter(pk=one.pk).update(address_hash=None)
    assert "no address" in page_of(owner, one)
    assert "no address" in owner.get("/staff/invitations/").content.decode()
