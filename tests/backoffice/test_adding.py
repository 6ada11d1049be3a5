"""Inviting people as staff."""

import datetime
from zoneinfo import ZoneInfo

import pytest

from guestlist.invitations.models import Invitation, InvitationEvent
from guestlist.mail.models import Message, Send, SenderIdentity
from tests import make


@pytest.fixture
def add(owner, view):
    """Post the form; what is not given is a good answer."""

    def post(addresses: str = "noor@example.com", *, client=owner, **changes):
        data = {
            "addresses": addresses,
            "message": "",
            "store_view": view.pk,
            "group": "configured",
            "occasion": "",
            "when": "now",
            "basis": "asked",
            "do": "invite",
        }
        return client.post("/staff/invitations/add/", data | changes, follow=True)

    return post


def text_of(answer) -> str:
    return str(answer.content.decode())


def test_addresses_are_invited_whatever_separates_them(add) -> None:
    answer = add(
        'a@example.com, b@example.com\nNoor Jansen <noor@example.com>\n"Vries, Sanne" <s@example.com>'
    )
    assert "4 sent." in text_of(answer)
    assert Invitation.objects.filter(delivery="queued").count() == 4
    made = {one.address.typed: one.address.name for one in Invitation.objects.select_related("address")}
    assert made["noor@example.com"] == "Noor Jansen"
    assert made["s@example.com"] == "Vries, Sanne"


def test_outcome_is_counted_per_verdict(add, view) -> None:
    make.customer(view, email="known@example.com")
    answer = add("known@example.com\nnew@example.com")
    assert "1 sent, 1 not sent: already a customer." in text_of(answer)


def test_what_was_not_invited_stays_in_the_form_with_its_verdict(add, view) -> None:
    make.customer(view, email="known@example.com")
    page = text_of(
        add("Emma <known@example.com>\nnope\nnoor@gmial.con, new@example.com", message="Come and see")
    )
    assert "Emma &lt;known@example.com&gt;\nnope</textarea>" in page
    assert "is not a mail address" in page
    assert "Come and see" in page
    assert "new@example.com" not in page


def test_suggestion_is_made_when_the_domain_looks_mistyped(add, view) -> None:
    make.customer(view, email="noor@gmial.com")
    assert "Did you mean noor@gmail.com?" in text_of(add("noor@gmial.com"))


def test_address_is_invited_again_when_asked_for(add, view) -> None:
    make.staff_invitation(view, address="noor@example.com")
    page = text_of(add("noor@example.com"))
    assert "already has an open invitation" in page
    assert 'name="again" value="noor@example.com"' in page
    assert "1 sent." in text_of(add("noor@example.com", again="noor@example.com"))
    assert Invitation.objects.filter(address__normalized="noor@example.com").count() == 2


def test_pressing_twice_invites_once(add) -> None:
    add("noor@example.com")
    assert "0 sent, 1 not sent: already invited." in text_of(add("noor@example.com"))
    assert Invitation.objects.count() == 1


def test_invitation_is_kept_when_not_to_be_sent_yet(add) -> None:
    assert "1 kept as Not Sent." in text_of(add(when="keep"))
    assert Invitation.objects.get().delivery == ""
    assert not Message.objects.exists()


def test_mail_leaves_at_the_chosen_moment_of_the_store_view(add, view, now) -> None:
    view.time_zone = "America/New_York"
    view.save()
    day = (now + datetime.timedelta(days=3)).date()
    assert "1 scheduled." in text_of(add(when="later", at=f"{day}T09:30"))
    expected = datetime.datetime.combine(day, datetime.time(9, 30), tzinfo=ZoneInfo("America/New_York"))
    assert Message.objects.get().ready_at == expected


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"addresses": " "}, "This field is required."),
        ({"group": ""}, "This field is required."),
        ({"group": "99"}, "Select a valid choice"),
        ({"store_view": "99"}, "Select a valid choice"),
        ({"when": "later"}, "Choose when the mail is sent."),
        ({"when": "later", "at": "2020-01-01T10:00"}, "This moment has passed."),
        ({"basis": ""}, "Say why these people may be mailed."),
        ({"basis": "whim"}, "Select a valid choice"),
        ({"basis_text": "x" * 301}, "at most 300 characters"),
        ({"message": "x" * 1001}, "at most 1000 fit"),
        ({"message": "a\x07b"}, "cannot be shown"),
        ({"addresses": ",".join(f"a{n}@example.com" for n in range(2001))}, "Import a file instead"),
    ],
)
def test_form_is_kept_when_something_is_wrong(add, changes, sentence) -> None:
    addresses = changes.pop("addresses", "noor@example.com")
    answer = add(addresses, **changes)
    page = text_of(answer)
    assert sentence in page
    assert "Nothing was sent." in page
    assert addresses.strip() in page
    assert answer.status_code == 422
    assert not Invitation.objects.exists()


def test_it_is_kept_why_people_may_be_mailed_and_asked_where_mail_leaves_alone(add, owner, view) -> None:
    add("kept@example.com", basis="", when="keep")
    add("asked@example.com", basis_text="  At the\n fair, by <noor@example.com> ")
    kept, asked = Invitation.objects.order_by("pk")

    assert InvitationEvent.objects.get(invitation=kept).detail == {}
    page = text_of(owner.get(f"/staff/invitations/{asked.pk}/"))
    assert "Why may we mail them? They asked for it: At the fair, by …" in page

    add(
        "\n".join(f"friend{number}@example.com" for number in range(21)),
        basis="consent",
        basis_text="By form",
    )
    send = Send.objects.get()
    assert (send.basis, send.basis_text) == ("consent", "By form")
    assert InvitationEvent.objects.filter(invitation__pk__gt=asked.pk).exclude(detail={}).count() == 0
    assert "They agreed to it: By form" in text_of(owner.get(f"/staff/sends/{send.pk}/"))


def test_occasion_of_another_website_is_refused(add, view, other_view) -> None:
    foreign = make.occasion(other_view.website)
    assert "belongs to another website" in text_of(add(occasion=foreign.pk))


def test_group_and_occasion_are_kept_with_the_invitation(add, view) -> None:
    event, vip = make.occasion(view.website), make.group("vip")
    add(group=vip.pk, occasion=event.pk)
    made = Invitation.objects.get()
    assert (made.group, made.occasion) == (vip, event)


@pytest.mark.requirement("trust-16")
def test_foreign_store_view_is_refused(marketing, add, other_view) -> None:
    page = text_of(add(client=marketing, store_view=other_view.pk))
    assert "Select a valid choice" in page
    assert not Invitation.objects.exists()
    assert "The Attic" not in text_of(marketing.get("/staff/invitations/add/"))


def test_store_view_is_not_asked_for_when_there_is_one(owner, view) -> None:
    page = text_of(owner.get("/staff/invitations/add/"))
    assert "Send from" not in page
    assert f'type="hidden" name="store_view" value="{view.pk}"' in page


def test_preview_shows_the_mail_and_sends_nothing(add) -> None:
    page = text_of(add("noor@example.com", do="preview", message="Hello <b>you</b>"))
    assert "iframe sandbox" in page
    assert "Hello &amp;lt;b&amp;gt;you" in page
    assert "/invitation/preview/" in page
    assert not Invitation.objects.exists()


def test_missing_sender_is_said_on_the_form(add) -> None:
    SenderIdentity.objects.all().delete()
    assert "has no sender identity" in text_of(add())
    assert not Invitation.objects.exists()
