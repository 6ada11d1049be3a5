"""Accounts without an invitation, and a shop that wants one."""

from playwright.sync_api import expect

from tests.e2e.ways import CUSTOMER, PASSWORD, STAFF, follow, invite, join, register


def test_visitor_signs_up_confirms_signs_out_and_chooses_a_new_password(shop, page, someone):
    address = someone("lot")
    page.goto(shop.url("/en/"))
    page.get_by_role("link", name="Sign in").click()
    page.get_by_role("link", name="Make an account").click()
    register(page, "Lot", "Bakker", address)
    expect(page.get_by_role("heading", name="One more step, in your mail")).to_be_visible()
    follow(page, shop, shop.mail(address, "Confirm"), "Confirm my address")
    page.get_by_role("button", name="Yes, confirm").click()
    expect(page.get_by_role("heading", name="Hello, Lot")).to_be_visible()

    page.get_by_role("link", name="My invitations").first.click()
    expect(page.get_by_role("heading", name="Nobody on your list yet")).to_be_visible()
    page.get_by_role("link", name="Sign out").click()
    page.get_by_role("button", name="Sign out").click()

    page.get_by_role("link", name="Sign in").click()
    page.get_by_role("link", name="Forgot your password?").click()
    page.get_by_label("Email").fill(address)
    page.get_by_role("button", name="Mail me the link").click()
    expect(page.get_by_role("heading", name="Look in your mail")).to_be_visible()
    follow(page, shop, shop.mail(address, "password"), "Choose a password")
    page.get_by_label("New password", exact=True).fill(PASSWORD + "-nieuw")
    page.get_by_label("New password, once more").fill(PASSWORD + "-nieuw")
    page.get_by_role("button", name="Save the new password").click()
    expect(page.get_by_role("heading", name="Your password is changed")).to_be_visible()
    page.get_by_role("main").get_by_role("link", name="Sign in").click()
    page.get_by_label("Email").fill(address)
    page.get_by_label("Password").fill(PASSWORD + "-nieuw")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Hello, Lot")).to_be_visible()


def test_wrong_password_is_told_without_telling_who_has_an_account(shop, page):
    page.goto(shop.url("/en/account/login/"))
    page.get_by_label("Email").fill("nobody@example.org")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("This address and password do not belong together.")


def test_language_switch_leads_to_the_same_page_of_the_other_view(shop, page):
    page.goto(shop.url("/account/login/"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Inloggen")
    page.get_by_role("link", name="English").click()
    expect(page).to_have_url(shop.url("/en/account/login/"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_shop_is_by_invitation_only_when_staff_say_so(own_shop, signed_in, open_page, someone):
    shop, friend = own_shop, someone("ann")
    staff = signed_in(shop, STAFF)
    visitor = open_page()

    staff.goto(shop.url("/staff/configuration/invitations/"))
    option = staff.locator("[data-option]").filter(has=staff.locator("#value_registration"))
    option.get_by_role("checkbox").uncheck()
    option.get_by_role("combobox").select_option("By invitation only")
    staff.get_by_role("button", name="Save configuration").click()
    expect(staff.get_by_text("The configuration was saved.")).to_be_visible()

    visitor.goto(shop.url("/en/account/signup/"))
    expect(visitor.get_by_role("heading", name="By invitation only")).to_be_visible()
    expect(visitor.locator("main form")).to_have_count(0)
    invite(signed_in(shop, CUSTOMER), shop, friend)
    join(visitor, shop, friend)

    # With the feature off there is nothing to be invited to, and the shop is open.
    staff.goto(shop.url("/staff/configuration/invitations/"))
    option = staff.locator("[data-option]").filter(has=staff.locator("#value_enabled"))
    option.get_by_role("checkbox").uncheck()
    option.get_by_role("combobox").select_option("No")
    staff.get_by_role("button", name="Save configuration").click()
    expect(staff.get_by_text("From now on anyone can register at Klei & Kamille.")).to_be_visible()
    staff.get_by_role("button", name="Open registration").click()
    expect(staff.get_by_text("The configuration was saved.")).to_be_visible()

    stranger = open_page()
    stranger.goto(shop.url("/en/account/signup/"))
    expect(stranger.get_by_role("button", name="Make my account")).to_be_visible()
    customer = signed_in(shop, CUSTOMER)
    customer.goto(shop.url("/en/account/"))
    expect(customer.get_by_role("link", name="My invitations")).to_have_count(0)
    answer = customer.goto(shop.url("/en/account/invitations/"))
    assert answer is not None
    assert answer.status == 404
