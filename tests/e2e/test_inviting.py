"""A customer invites friends."""

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.shop import PASSWORD
from tests.e2e.ways import CUSTOMER, guest, invite, send_button, write_invitation


def test_customer_invites_two_friends_and_mistypes_a_third(either_shop, page, someone):
    shop = either_shop
    ann, bob, third = someone("ann"), someone("bob"), someone("carol")
    mistyped = third.replace("@", "@@")

    # From the front page to the form, as a first-time visitor would.
    page.goto(shop.url("/en/"))
    page.get_by_role("link", name="Invite a friend", exact=True).click()
    page.get_by_label("Email").fill(CUSTOMER)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(shop.url("/en/account/invitations/send/"))
    page.get_by_label("Email address 1").fill(ann)
    page.get_by_role("button", name="Add another").click()
    page.get_by_label("Email address 2").fill(bob)
    page.get_by_role("button", name="Add another").click()
    page.get_by_label("Email address 3").fill(mistyped)
    expect(page.get_by_text("room for 2 more")).to_be_visible()
    page.get_by_label("A few words of your own").fill("Come and see!\nSanne")
    page.get_by_role("button", name="See the mail first").click()

    # The preview shows the whole mail, says who is left out and why, and has sent nothing.
    expect(page.get_by_role("heading", name="This is the mail")).to_be_visible()
    expect(page.frame_locator("iframe").get_by_text("Come and see!")).to_be_visible()
    expect(page.get_by_role("main")).to_contain_text(mistyped)
    assert not shop.mails(ann)
    expect(send_button(page)).to_have_text("Send 2 invitations")
    send_button(page).click()

    # Two are on their way, the third is still in the form with its sentence.
    expect(page.get_by_role("heading", name="2 invitations are on their way.")).to_be_visible()
    field = page.locator("input[name=emails]")
    expect(field).to_have_count(1)
    expect(field).to_have_value(mistyped)
    expect(field).to_be_focused()
    expect(page.locator(".error").first).to_contain_text("@")
    expect(page.get_by_label("A few words of your own")).to_have_value("Come and see!\nSanne")
    for address in (ann, bob):
        mail = shop.mail(address)
        assert mail["subject"] == "Sanne de Vries invites you to Klei & Kamille International"
        assert "Come and see!\nSanne" in mail["text"]
    assert not shop.mails(third)

    field.fill(third)
    page.get_by_role("button", name="See the mail first").click()
    send_button(page).click()
    expect(page).to_have_url(shop.url("/en/account/invitations/"))
    expect(page.get_by_text("1 invitation is on its way.")).to_be_visible()
    shop.mail(third)
    for address in (ann, bob, third):
        assert len(shop.mails(address)) == 1
        expect(guest(page, address)).to_be_visible()
    page.reload()
    expect(guest(page, third)).to_contain_text("No answer yet")


def test_nothing_is_lost_when_there_are_too_many(shop, signed_in, someone):
    page = signed_in(shop, CUSTOMER)
    addresses = [someone() for _ in range(6)]
    page.goto(shop.url("/en/account/invitations/send/"))
    page.locator("input[name=emails]").first.fill(", ".join(addresses))
    page.get_by_role("button", name="See the mail first").click()

    expect(page.get_by_role("alert")).to_contain_text("6 addresses; at most 5")
    assert [field.input_value() for field in page.locator("input[name=emails]").all()] == addresses
    assert not shop.mails(addresses[0])


def test_list_becomes_fields_when_pasted(shop, signed_in, someone):
    page = signed_in(shop, CUSTOMER, permissions=["clipboard-read", "clipboard-write"])
    addresses = [someone() for _ in range(3)]
    page.goto(shop.url("/en/account/invitations/send/"))
    page.evaluate("text => navigator.clipboard.writeText(text)", "\n".join(addresses))
    page.locator("input[name=emails]").first.press("Control+v")

    expect(page.locator("input[name=emails]")).to_have_count(3)
    assert [field.input_value() for field in page.locator("input[name=emails]").all()] == addresses
    page.get_by_role("button", name=re.compile("Remove")).nth(1).click()
    assert [field.input_value() for field in page.locator("input[name=emails]").all()] == [
        addresses[0],
        addresses[2],
    ]


def test_likely_slip_is_asked_about_before_anything_else(shop, signed_in, someone):
    page = signed_in(shop, CUSTOMER)
    meant = someone("eva", "gmail.com")
    write_invitation(page, shop, [meant.replace("gmail", "gmial")])
    page.get_by_role("button", name="See the mail first").click()
    expect(page.get_by_text(f"Did you mean {meant}?")).to_be_visible()
    page.get_by_role("button", name="Yes, use that").click()
    page.get_by_role("button", name="See the mail first").click()
    expect(page.locator(".mail-head")).to_contain_text(meant)


@pytest.mark.parametrize(
    ("message", "sentence"),
    [("Kijk op leuk.is voor meer", "leuk.is"), ("Hoi\u202e!", "character"), ("a" * 1200, "characters")],
)
def test_message_is_kept_with_a_sentence_when_it_is_refused(message, sentence, shop, signed_in, someone):
    page = signed_in(shop, CUSTOMER)
    write_invitation(page, shop, [someone()], message)
    page.get_by_role("button", name="See the mail first").click()

    expect(page.locator("#message-error")).to_contain_text(sentence)
    expect(page.locator("textarea")).to_have_value(message)
    expect(page.locator("textarea")).to_be_focused()


def test_double_click_on_send_sends_once(shop, signed_in, someone):
    page = signed_in(shop, CUSTOMER)
    friend = someone()
    write_invitation(page, shop, [friend])
    page.get_by_role("button", name="See the mail first").click()
    send_button(page).dblclick()

    expect(page.get_by_text("1 invitation is on its way.")).to_be_visible()
    shop.mail(friend)
    expect(guest(page, friend)).to_have_count(1)
    # Another mail is queued before the count, so that a second one would have come in by then.
    later = someone()
    invite(page, shop, later)
    shop.mail(later)
    assert len(shop.mails(friend)) == 1


def test_second_press_sends_nothing_when_coming_back_by_the_back_button(shop, signed_in, someone):
    page = signed_in(shop, CUSTOMER)
    friend = someone()
    write_invitation(page, shop, [friend])
    page.get_by_role("button", name="See the mail first").click()
    send_button(page).click()
    page.wait_for_url("**/account/invitations/")
    page.go_back()
    send_button(page).click()

    # The same press once more: the same answer, and nothing sent twice.
    expect(page.get_by_text("1 invitation is on its way.")).to_be_visible()
    expect(guest(page, friend)).to_have_count(1)
    later = someone()
    invite(page, shop, later)
    shop.mail(later)
    assert len(shop.mails(friend)) == 1


def test_two_tabs_send_what_each_of_them_shows(shop, signed_in, someone):
    first = signed_in(shop, CUSTOMER)
    second = first.context.new_page()
    ann, bob = someone("ann"), someone("bob")
    write_invitation(first, shop, [ann], "For Ann")
    write_invitation(second, shop, [bob], "For Bob")
    for tab in (first, second):
        tab.get_by_role("button", name="See the mail first").click()
    expect(first.frame_locator("iframe").get_by_text("For Ann")).to_be_visible()
    expect(second.frame_locator("iframe").get_by_text("For Bob")).to_be_visible()
    for tab in (first, second):
        send_button(tab).click()
        tab.wait_for_url("**/account/invitations/")

    assert "For Ann" in shop.mail(ann)["text"]
    assert "For Bob" in shop.mail(bob)["text"]


def test_address_is_refused_when_it_was_invited_before_or_is_ones_own(shop, signed_in, someone):
    page = signed_in(shop, CUSTOMER)
    friend = someone()
    invite(page, shop, friend)
    write_invitation(page, shop, [friend.upper(), CUSTOMER])
    page.get_by_role("button", name="See the mail first").click()

    expect(page.locator(".error").nth(0)).to_contain_text("already invited")
    expect(page.locator(".error").nth(1)).to_have_text("That is you.")


def test_invitation_is_canceled_undone_and_tried_again(shop, signed_in, someone):
    page = signed_in(shop, CUSTOMER)
    friend = someone("later", "later.example")
    invite(page, shop, friend)
    row = guest(page, friend)
    row.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text(f"The invitation for {friend} is canceled.")).to_be_visible()
    expect(row).to_contain_text("Canceled by you")
    row.get_by_role("button", name="Undo").click()
    expect(page.get_by_text(f"The invitation for {friend} counts again")).to_be_visible()
    expect(row).not_to_contain_text("Canceled")


def test_address_is_corrected_when_the_mail_came_back(shop, signed_in, someone):
    page = signed_in(shop, CUSTOMER)
    wrong = someone("hans", "bounce.example")
    right = wrong.replace("bounce.example", "example.org")
    invite(page, shop, wrong, message="Hans!")
    row = guest(page, wrong)
    # The list is read again until the mail server has answered; nothing else tells that it has.
    for _ in range(100):
        if row.get_by_role("link", name="Correct the address").count():
            break
        page.wait_for_load_state("networkidle")
        page.reload()
    expect(row).to_contain_text("Could not be delivered – check the address")
    row.get_by_role("link", name="Correct the address").click()
    expect(page.get_by_label("Email address 1")).to_have_value(wrong)
    expect(page.get_by_label("A few words of your own")).to_have_value("Hans!")
    page.get_by_label("Email address 1").fill(right)
    page.get_by_role("button", name="See the mail first").click()
    send_button(page).click()
    page.wait_for_url("**/account/invitations/")
    assert "Hans!" in shop.mail(right)["text"]


def test_journey_is_dutch_all_the_way_when_the_store_view_is(shop, signed_in, someone):
    page = signed_in(shop, CUSTOMER)
    friend = someone("marieke")
    page.goto(shop.url("/account/invitations/"))
    expect(page.get_by_role("heading", name="Mijn uitnodigingen")).to_be_visible()
    write_invitation(page, shop, [friend], "Kom je ook?", view="")
    expect(page.locator("html")).to_have_attribute("lang", "nl")
    page.locator(".actions button[value=preview]").click()
    expect(page.frame_locator("iframe").get_by_text("Kom je ook?")).to_be_visible()
    send_button(page).click()
    page.wait_for_url("**/account/invitations/")
    mail = shop.mail(friend)
    assert mail["subject"].startswith("Sanne de Vries nodigt je uit")
    assert "Kom je ook?" in mail["text"]
