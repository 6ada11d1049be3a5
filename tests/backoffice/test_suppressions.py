"""The page of addresses that are not mailed: typed to be looked up, entered and lifted."""

import html

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from guestlist import addresses
from guestlist.customers.models import Grant, Role
from guestlist.mail import actions as mail
from guestlist.mail import lifting
from guestlist.mail.models import Lift, Suppression, SuppressionReason
from tests import make

PAGE, ANN = "/staff/suppressed-addresses/", "ann@example.org"
OWN_WORD = "Staff cannot lift this"


def words(answer):
    return answer.content.decode()


def suppress(website, reason=SuppressionReason.BOUNCE):
    mail.suppress(website=website, address_hash=addresses.hash_of(ANN), reason=reason, now=make.NOW)


def look(client, address=ANN):
    return words(client.post(PAGE, {"do": "look", "address": address}))


def lift(client, where, why="She called"):
    return client.post(PAGE, {"do": "lift", "address": ANN, "where": str(where), "why": why}, follow=True)


@pytest.mark.requirement("trust-18")
def test_address_is_looked_up_by_typing_it(owner, view, other_view) -> None:
    suppress(view.website)
    suppress(None, SuppressionReason.STAFF)

    page = look(owner, " ANN@example.org")

    assert "Does not exist" in page
    assert "Entered by staff" in page
    assert "All websites" in page
    assert page.count('name="why"') == 2
    assert "mailed like any other" in look(owner, "bob@example.org")


@pytest.mark.requirement("trust-18")
@pytest.mark.parametrize("reason", [SuppressionReason.WISH, SuppressionReason.COMPLAINT])
def test_page_says_whose_word_it_is_and_where_they_take_it_back(owner, view, reason) -> None:
    suppress(view.website, reason)

    page = look(owner)

    assert OWN_WORD in page
    assert view.url("/mail-me-again/") in page
    assert 'name="why"' not in page
    answer = lift(owner, view.website_id)
    assert answer.status_code == 422
    assert OWN_WORD in words(answer)
    assert Suppression.objects.exists()


def test_page_to_give_to_the_person_is_there_in_every_language_of_the_website(
    owner, view, other_view
) -> None:
    dutch = make.store_view(view.website, language="nl", path="/nl")
    suppress(view.website, SuppressionReason.WISH)

    page = look(owner)

    assert [one.url("/mail-me-again/") in page for one in (view, dutch, other_view)] == [True, True, False]
    assert page.index(view.url("/mail-me-again/")) < page.index(dutch.url("/mail-me-again/"))
    assert f"{html.escape(dutch.name)} (Dutch)" in page


def test_address_that_was_looked_up_is_entered_without_typing_it_again(
    owner, manager, view, other_view
) -> None:
    for client in (owner, manager):
        answer = client.post(PAGE, {"do": "look", "address": ANN})
        assert answer.context["enter"]["address"].value() == ANN

    assert owner.get(PAGE).context["enter"]["address"].value() == ""


def test_nobody_chooses_for_staff_where_an_address_is_suppressed(owner, manager, view, other_view) -> None:
    answer = owner.post(PAGE, {"do": "enter", "address": ANN, "where": ""})

    assert answer.status_code == 422
    assert answer.context["enter"].errors["where"]
    assert not Suppression.objects.exists()
    assert next(iter(owner.get(PAGE).context["enter"].fields["where"].choices))[0] == ""
    only = [value for value, _name in manager.get(PAGE).context["enter"].fields["where"].choices]
    assert only == [str(view.website_id)]


@pytest.mark.requirement("trust-18")
def test_bounce_is_lifted_with_a_reason_and_that_is_told_later(owner, view) -> None:
    suppress(view.website)

    answer = lift(owner, view.website_id)

    assert f"{ANN} may be mailed again by {view.website.name}." in words(answer)
    assert not Suppression.objects.exists()
    made = Lift.objects.get()
    assert made.lifted_by is not None
    assert (made.lifted_by.email, made.why) == ("owner@example.com", "She called")
    later = look(owner)
    assert "Lifted before" in later
    assert "She called" in later
    assert "Emma Clarke:" in later


def test_own_lift_is_told_without_a_name(owner, view, now) -> None:
    suppress(view.website, SuppressionReason.WISH)
    request = lifting.request_lift(store_view=view, address=ANN, now=now)
    assert request is not None
    lifting.lift_own(token=lifting.path(request).split("/")[2], website=view.website, now=now)

    assert "By the person, through a mailed link." in look(owner)


def test_reason_is_asked_for_and_the_address_stays(owner, view) -> None:
    suppress(view.website)

    answer = lift(owner, view.website_id, why=" ")

    assert answer.status_code == 422
    assert "Say why" in words(answer)
    assert f'value="{ANN}"' in words(answer)
    assert Suppression.objects.exists()


def test_page_says_so_when_somebody_else_was_faster(owner, view) -> None:
    answer = lift(owner, view.website_id)

    assert answer.status_code == 422
    assert "not suppressed there" in words(answer)


def test_address_is_entered_for_a_website_or_all(owner, view, other_view) -> None:
    for where in (view.website_id, "all"):
        answer = owner.post(PAGE, {"do": "enter", "address": ANN, "where": str(where)}, follow=True)
        assert f"{ANN} is not mailed any more by" in words(answer)

    assert {row.website_id for row in Suppression.objects.all()} == {view.website_id, None}
    assert {row.reason for row in Suppression.objects.all()} == {SuppressionReason.STAFF}


@pytest.mark.parametrize("do", ["look", "lift", "enter"])
def test_what_is_no_address_is_said_and_kept(owner, view, do) -> None:
    answer = owner.post(PAGE, {"do": do, "address": "ann at home", "where": str(view.website_id), "why": "x"})

    assert answer.status_code == 422
    assert "is not a mail address" in words(answer)
    assert 'value="ann at home"' in words(answer)


@pytest.mark.requirement("trust-16")
def test_staff_of_one_website_see_that_one_and_what_stands_for_all(manager, view, other_view) -> None:
    suppress(other_view.website)
    assert "mailed like any other" in look(manager)
    suppress(None)

    page = look(manager)

    assert "only staff who see to all of them" in page
    assert "The Attic" not in page
    assert 'name="why"' not in page
    for where in (other_view.website_id, "all", "x", ""):
        assert lift(manager, where).status_code == 404
        answer = manager.post(PAGE, {"do": "enter", "address": "bob@example.org", "where": str(where)})
        assert answer.status_code == 422
    assert Suppression.objects.count() == 2


@pytest.mark.requirement("trust-16")
def test_page_is_for_those_who_see_to_it(support, marketing, manager, view) -> None:
    for client, menu in ((support, False), (marketing, False), (manager, True)):
        assert ("Suppressed addresses" in words(client.get("/staff/", follow=True))) is menu
        assert client.get(PAGE).status_code == (200 if menu else 403)
        for do in ("look", "lift", "enter"):
            data = {"do": do, "address": ANN, "where": str(view.website_id), "why": "x"}
            assert (client.post(PAGE, data).status_code == 403) is not menu


def test_anonymous_is_asked_to_sign_in(client, view) -> None:
    suppress(view.website)

    assert lift(client, view.website_id).redirect_chain
    assert Suppression.objects.exists()


def test_opening_the_page_writes_nothing_and_keeps_no_address_in_its_url(owner, view) -> None:
    with CaptureQueriesContext(connection) as queries:
        page = words(owner.get(f"{PAGE}?address={ANN}&do=enter"))

    assert ANN not in page.replace(f"{PAGE}?address={ANN}", "")
    assert not [q for q in queries if q["sql"].startswith(("INSERT", "UPDATE", "DELETE"))]


def test_unknown_deed_is_not_found(owner, view) -> None:
    assert owner.post(PAGE, {"do": "list"}).status_code == 404


def test_page_asks_as_often_however_much_there_is(owner, view) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            look(owner)
        return len(queries)

    suppress(view.website)
    look(owner)
    lift(owner, view.website_id)
    suppress(view.website)
    few = count()
    for _ in range(10):
        site = make.store_view().website
        suppress(site)
        lift(owner, site.pk)
        suppress(site)
    assert count() == few


def test_role_with_this_right_alone_may_use_the_page(view, client_of) -> None:
    user = make.staff(view.website, role="support")
    role = Role.objects.create(code="care", name="Care", permissions=["view", "suppressions"])
    Grant.objects.create(user=user, website=view.website, role=role)
    suppress(view.website)

    assert lift(client_of(user), view.website_id).status_code == 200
    assert not Suppression.objects.exists()
