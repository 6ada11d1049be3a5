"""Mail as people and staff see to it: to be mailed again, addresses that are not mailed, test mails."""

import re

from playwright.sync_api import expect

from tests.e2e.shop import Shop
from tests.e2e.test_staff import add
from tests.e2e.ways import CUSTOMER, STAFF, WHOLESALE, follow, guest, invite

_AGAIN = "mail you again?"


def test_who_asked_never_again_takes_it_back_by_mail(either_shop, signed_in, open_page, someone):
    shop, friend = either_shop, someone()
    invite(signed_in(shop, CUSTOMER), shop, friend)
    visitor = open_page()
    follow(visitor, shop, shop.mail(friend), "never be invited by Klei & Kamille International again")
    visitor.get_by_role("button", name="Never invite me again").click()
    expect(visitor.get_by_role("status")).to_contain_text("Nobody can invite you")

    visitor.get_by_role("link", name="Mail me again").click()
    visitor.get_by_label("Email").fill(friend)
    visitor.get_by_role("button", name="Send me that mail").click()
    expect(visitor.get_by_role("heading", name="Look in your mail")).to_be_visible()
    follow(visitor, shop, shop.mail(friend, _AGAIN), "Yes, mail me again")
    expect(visitor.get_by_role("heading", name="May we mail you again?")).to_be_visible()
    visitor.get_by_role("button", name="Yes, mail me again").click()
    expect(visitor.get_by_role("heading", name="Thank you")).to_be_visible()

    other = signed_in(shop, WHOLESALE)
    invite(other, shop, friend)
    expect(guest(other, friend)).to_be_visible()
    shop.mail(friend, "invites you", number=2)
    follow(visitor, shop, shop.mail(friend, _AGAIN), "Yes, mail me again")
    expect(visitor.get_by_role("heading", name="This link no longer works")).to_be_visible()


def test_who_was_never_suppressed_reads_the_same_and_is_not_mailed(shop, open_page, someone):
    stranger, visitor = someone(), open_page()
    visitor.goto(shop.url("/en/mail-me-again/"))
    visitor.get_by_label("Email").fill(stranger)
    visitor.get_by_role("button", name="Send me that mail").click()
    expect(visitor.get_by_role("heading", name="Look in your mail")).to_be_visible()
    assert shop.mails(stranger) == []


def test_staff_look_an_address_up_and_lift_its_bounce(either_shop, signed_in, someone):
    shop, gone = either_shop, someone(domain="bounce.example")
    staff = signed_in(shop, STAFF)
    add(staff, shop, [gone])

    def look_up() -> None:
        staff.goto(shop.url("/staff/"))
        staff.get_by_role("link", name="Suppressed addresses").click()
        staff.get_by_role("textbox", name="Address").first.fill(gone.upper())
        staff.get_by_role("button", name="Look up").click()
        staff.locator("#found-title").wait_for()

    look_up()
    while staff.get_by_text("mailed like any other").is_visible():
        look_up()
    expect(staff.get_by_text("Does not exist")).to_be_visible()
    staff.get_by_role("button", name="Mail it again: Klei & Kamille").click()
    expect(staff.get_by_text("Say why")).to_be_visible()
    staff.get_by_label("Why may it be mailed again?").fill("The mailbox is there by now.")
    staff.get_by_role("button", name="Mail it again: Klei & Kamille").click()
    expect(staff.get_by_text(re.compile("may be mailed again by Klei & Kamille"))).to_be_visible()

    look_up()
    expect(staff.get_by_text("mailed like any other")).to_be_visible()
    expect(staff.get_by_text("The mailbox is there by now.")).to_be_visible()


def test_staff_cannot_lift_a_wish_and_read_where_the_person_can(shop, signed_in, open_page, someone):
    friend = someone()
    invite(signed_in(shop, CUSTOMER), shop, friend)
    visitor = open_page()
    follow(visitor, shop, shop.mail(friend), "never be invited by Klei & Kamille International again")
    visitor.get_by_role("button", name="Never invite me again").click()
    expect(visitor.get_by_role("status")).to_be_visible()

    staff = signed_in(shop, STAFF)
    staff.goto(shop.url("/staff/suppressed-addresses/"))
    staff.get_by_role("textbox", name="Address").first.fill(friend)
    staff.get_by_role("button", name="Look up").click()
    expect(staff.get_by_text("Staff cannot lift this")).to_be_visible()
    expect(staff.get_by_role("link", name=shop.url("/mail-me-again/"))).to_be_visible()
    expect(staff.get_by_label("Why may it be mailed again?")).to_have_count(0)


def test_staff_send_themselves_a_template_in_another_language(shop: Shop, signed_in):
    staff = signed_in(shop, STAFF)
    staff.goto(shop.url("/staff/guestlist_mail/template/"))
    staff.get_by_role("link", name="Customer invitation").click()
    staff.get_by_label("Send from").select_option(
        label="Klei & Kamille: Klei & Kamille International (English)"
    )
    staff.get_by_label("Language").select_option("Dutch")
    staff.get_by_role("button", name="Send me a test mail").click()
    expect(staff.get_by_text(f"A test mail is on its way to {STAFF}.")).to_be_visible()

    mail = shop.mail(STAFF, "nodigt je uit voor de herfstpreview bij Klei & Kamille International")
    assert "Bekijk je uitnodiging" in mail["text"]
    assert mail["text"].startswith("Dit is een testmail.")
    visitor = signed_in(shop, STAFF)
    follow(visitor, shop, mail, "Bekijk je uitnodiging")
    expect(visitor.get_by_role("heading", name="This is where your friend would arrive")).to_be_visible()
    staff.get_by_role("link", name="What becomes of it").click()
    expect(staff.get_by_text("Test: invitation").first).to_be_visible()


def test_staff_make_a_template_change_it_and_go_back(own_shop, signed_in):
    shop = own_shop
    staff = signed_in(shop, STAFF)
    staff.goto(shop.url("/staff/guestlist_mail/template/"))
    staff.get_by_role("link", name="Customer invitation").click()
    staff.get_by_role("link", name="Make one of your own from it").click()
    staff.get_by_label("Name").fill("Our own")
    staff.locator("#id_text_en").fill("Hello\n{% for x in y %}")
    staff.get_by_role("button", name="Save the template").click()
    expect(staff.get_by_text("Line 2: “{% for x in y %}” is not understood.")).to_be_visible()
    words = "First words\n{{ store_name }} {{ invitation_url }} {{ opt_out_url }}"
    staff.locator("#id_text_en").fill(words)
    staff.get_by_role("button", name="Save the template").click()
    expect(staff.get_by_text("The template was saved as version 1.")).to_be_visible()

    staff.get_by_role("link", name="Change the words").click()
    staff.locator("#id_text_en").fill(words.replace("First", "Second"))
    staff.get_by_role("button", name="Save the template").click()
    expect(staff.get_by_text("The template was saved as version 2.")).to_be_visible()
    staff.get_by_role("link", name="Version 1", exact=True).click()
    staff.get_by_role("button", name="Use these words again").click()
    expect(staff.get_by_text("The words of version 1 count again, as version 3.")).to_be_visible()
    staff.get_by_text("As plain text").first.click()
    expect(staff.get_by_text("First words").first).to_be_visible()


def test_sender_sends_a_test_mail_and_refuses_what_is_no_name(shop, signed_in):
    staff = signed_in(shop, STAFF)
    staff.goto(shop.url("/staff/guestlist_mail/senderidentity/"))
    staff.get_by_role("link", name="Events Klei & Kamille").click()
    staff.get_by_role("button", name="Send me a test mail").click()
    expect(staff.get_by_text(f"A test mail is on its way to {STAFF}.")).to_be_visible()
    mails = shop.mail(STAFF, "nodigt je uit")
    assert mails["from"]
    staff.get_by_label("Address").fill("nobody at all")
    staff.get_by_role("button", name="Save", exact=True).click()
    expect(staff.locator(".errorlist, [role=alert], .text-red-600").first).to_be_visible()
