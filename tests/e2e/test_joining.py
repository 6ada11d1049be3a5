"""A friend answers an invitation."""

from playwright.sync_api import expect

from tests.e2e.ways import (
    CUSTOMER,
    STAFF,
    WHOLESALE,
    click_in_mail,
    column,
    follow,
    guest,
    invite,
    join,
    register,
    staff_row,
)


def test_friend_joins_through_the_mailed_link_and_both_sides_see_it(
    either_shop, signed_in, open_page, someone
):
    shop, friend = either_shop, someone("ann")
    inviter = signed_in(shop, CUSTOMER)
    invite(inviter, shop, friend, message="Come and see!")

    visitor = open_page()
    visitor.goto(shop.url(f"/demo/inbox/?to={friend}"))
    visitor.get_by_role("link", name=friend).click()
    click_in_mail(visitor, "See your invitation")
    expect(visitor).to_have_url(shop.url("/en/invitation/"))
    expect(visitor.get_by_role("heading", name="Sanne de Vries", level=1)).to_be_visible()
    expect(visitor.get_by_text("Come and see!")).to_be_visible()
    expect(visitor.get_by_text("can see that you joined, not what you buy")).to_be_visible()
    expect(visitor.get_by_label("Email")).to_have_value(friend)
    expect(visitor.get_by_role("checkbox", name="newsletter")).not_to_be_checked()
    visitor.get_by_role("link", name="Yes, I would like to").click()
    register(visitor)
    expect(visitor).to_have_url(shop.url("/en/account/"))
    expect(visitor.get_by_role("heading", name="Hello, Ann")).to_be_visible()

    inviter.reload()
    row = guest(inviter, friend)
    expect(row).to_contain_text("Accepted")
    expect(row).to_contain_text("Joined on")

    staff = signed_in(shop, STAFF)
    row = staff_row(staff, shop, friend)
    expect(column(staff, row, "Status")).to_have_text("Accepted")
    expect(column(staff, row, "Invitee")).to_contain_text("Ann Jansen")
    expect(column(staff, row, "Inviter")).to_contain_text("Sanne de Vries")
    column(staff, row, "Invitee").get_by_role("link").click()
    expect(staff.get_by_text("General", exact=True).first).to_be_visible()


def test_friend_lands_in_the_group_of_a_wholesale_inviter(shop, signed_in, open_page, someone):
    friend = someone("chef")
    invite(signed_in(shop, WHOLESALE), shop, friend)
    visitor = open_page()
    join(visitor, shop, friend, "Chef")

    visitor.goto(shop.url("/en/"))
    expect(visitor.get_by_text("You see the prices for Wholesale.")).to_be_visible()
    staff = signed_in(shop, STAFF)
    row = staff_row(staff, shop, friend)
    column(staff, row, "Invitee").get_by_role("link").click()
    expect(staff.get_by_text("Wholesale", exact=True).first).to_be_visible()


def test_used_link_leads_to_signing_in(shop, signed_in, open_page, someone):
    friend = someone()
    invite(signed_in(shop, CUSTOMER), shop, friend)
    visitor = open_page()
    join(visitor, shop, friend)

    stranger = open_page()
    follow(stranger, shop, shop.mail(friend, "invites you"), "See your invitation")
    expect(stranger.get_by_role("heading", name="This invitation has been used")).to_be_visible()
    stranger.get_by_role("main").get_by_role("link", name="Sign in").click()
    expect(stranger.get_by_role("heading", name="Sign in")).to_be_visible()


def test_withdrawn_link_names_nobody(shop, signed_in, open_page, someone):
    friend = someone()
    inviter = signed_in(shop, CUSTOMER)
    invite(inviter, shop, friend)
    mail = shop.mail(friend)
    inviter.reload()
    guest(inviter, friend).get_by_role("button", name="Cancel").click()
    expect(guest(inviter, friend)).to_contain_text("Canceled by you")

    visitor = open_page()
    follow(visitor, shop, mail, "See your invitation")
    expect(visitor.get_by_role("heading", name="This invitation is no longer open")).to_be_visible()
    expect(visitor.get_by_role("main")).not_to_contain_text("Sanne")
    expect(visitor.get_by_role("main").get_by_role("link", name="Make an account")).to_be_visible()


def test_mangled_link_is_just_not_valid(shop, page):
    page.goto(shop.url("/en/invitation/nonsense/"))
    expect(page.get_by_role("heading", level=1)).to_contain_text("not valid")


def test_link_of_another_website_says_so(shop, signed_in, open_page, someone):
    friend = someone()
    invite(signed_in(shop, CUSTOMER), shop, friend)
    visitor = open_page()
    follow(visitor, shop, shop.mail(friend), "See your invitation")
    visitor.goto(shop.url("/outlet/invitation/"))
    expect(visitor.get_by_role("heading", level=1)).to_have_text("Deze uitnodiging is voor een andere winkel")


def test_friend_declines_and_the_inviter_only_reads_no_longer_open(shop, signed_in, open_page, someone):
    friend = someone()
    inviter = signed_in(shop, CUSTOMER)
    invite(inviter, shop, friend)
    visitor = open_page()
    follow(visitor, shop, shop.mail(friend), "Decline this invitation")
    visitor.get_by_role("button", name="Decline this invitation").click()
    expect(visitor.get_by_role("status")).to_have_text("The invitation is declined. Thank you for answering.")

    inviter.reload()
    expect(guest(inviter, friend)).to_contain_text("No longer open")
    follow(visitor, shop, shop.mail(friend), "See your invitation")
    expect(visitor.get_by_role("heading", name="This invitation is no longer open")).to_be_visible()


def test_nobody_can_invite_who_asked_never_again(shop, signed_in, open_page, someone):
    friend = someone()
    invite(signed_in(shop, CUSTOMER), shop, friend)
    visitor = open_page()
    follow(visitor, shop, shop.mail(friend), "never be invited by Klei & Kamille International again")
    visitor.get_by_role("button", name="Never invite me again").click()
    expect(visitor.get_by_role("status")).to_contain_text("Nobody can invite you through this shop any more")

    other = signed_in(shop, WHOLESALE)
    other.goto(shop.url("/en/account/invitations/send/"))
    other.get_by_label("Email address 1").fill(friend)
    other.get_by_role("button", name="See the mail first").click()
    expect(other.locator(".error")).to_be_visible()
    expect(other.locator(".error")).not_to_contain_text("never")
    assert len(shop.mails(friend)) == 1


def test_copied_link_asks_for_the_mailbox_before_anybody_is_a_customer(shop, signed_in, open_page, someone):
    friend = someone("ann")
    inviter = signed_in(shop, CUSTOMER, permissions=["clipboard-read", "clipboard-write"])
    invite(inviter, shop, friend)
    guest(inviter, friend).get_by_role("button", name="Copy the link").click()
    inviter.get_by_role("button", name="Copy", exact=True).click()
    expect(inviter.get_by_role("button", name="Copied")).to_be_visible()
    link = inviter.evaluate("navigator.clipboard.readText()")
    assert link == inviter.get_by_label("Link").input_value()

    visitor = open_page()
    visitor.goto(link)
    expect(visitor.get_by_text("This invitation is for a")).to_be_visible()
    expect(visitor.get_by_role("main")).not_to_contain_text(friend)
    register(visitor, email=friend)
    expect(visitor.get_by_role("heading", name="One more step, in your mail")).to_be_visible()
    inviter.goto(shop.url("/en/account/invitations/"))
    expect(guest(inviter, friend)).not_to_contain_text("Joined on")

    follow(visitor, shop, shop.mail(friend, "Confirm"), "Confirm my address")
    visitor.get_by_role("button", name="Yes, confirm").click()
    expect(visitor.get_by_role("heading", name="Hello, Ann")).to_be_visible()
    inviter.reload()
    expect(guest(inviter, friend)).to_contain_text("Joined on")


def test_signed_in_visitor_is_told_whose_invitation_it_is(shop, signed_in, someone):
    friend = someone()
    inviter = signed_in(shop, CUSTOMER)
    invite(inviter, shop, friend)
    mail = shop.mail(friend)
    follow(inviter, shop, mail, "See your invitation")
    expect(inviter.get_by_role("heading", name="This is your own invitation")).to_be_visible()

    other = signed_in(shop, WHOLESALE)
    follow(other, shop, mail, "See your invitation")
    expect(other.get_by_role("heading", name="Is this for you?")).to_be_visible()
    expect(other.get_by_role("button", name="Sign out and answer")).to_be_visible()


def test_form_keeps_what_was_typed_when_the_password_is_too_easy(shop, signed_in, open_page, someone):
    friend = someone()
    invite(signed_in(shop, CUSTOMER), shop, friend)
    visitor = open_page()
    follow(visitor, shop, shop.mail(friend), "See your invitation")
    visitor.get_by_label("First name").fill("Ann")
    visitor.get_by_label("Password").fill("12345678")
    visitor.get_by_role("button", name="Accept the invitation").click()

    expect(visitor.get_by_role("alert")).to_be_visible()
    expect(visitor.get_by_label("First name")).to_have_value("Ann")
    expect(visitor.get_by_label("Email")).to_have_value(friend)
    expect(visitor.get_by_label("Last name")).to_be_focused()


def test_journey_works_without_javascript(shop, open_page, someone):
    friend = someone("ann")
    plain = {"java_script_enabled": False}
    inviter = open_page(**plain)
    inviter.goto(shop.url("/en/account/invitations/send/"))
    inviter.get_by_label("Email").fill(CUSTOMER)
    inviter.get_by_label("Password").fill("guestlist-demo")
    inviter.get_by_role("button", name="Sign in").click()
    inviter.get_by_label("Email address 1").fill("nobody")
    inviter.get_by_role("button", name="Add another").click()
    inviter.get_by_label("Email address 2").fill(friend)
    inviter.get_by_role("button", name="Remove nobody").click()
    inviter.get_by_role("button", name="See the mail first").click()
    inviter.get_by_role("button", name="Send the invitation").click()
    expect(guest(inviter, friend)).to_be_visible()

    visitor = open_page(**plain)
    join(visitor, shop, friend)
    inviter.reload()
    expect(guest(inviter, friend)).to_contain_text("Joined on")


def test_journey_works_by_keyboard_alone(shop, open_page, someone):
    friend = someone("ann")
    inviter = open_page()
    inviter.goto(shop.url("/en/account/invitations/send/"))

    def tab_to(page, name):
        for _ in range(40):
            page.keyboard.press("Tab")
            focused = page.evaluate(
                "(document.activeElement.getAttribute('aria-label') || document.activeElement.labels?.[0]?.innerText"
                " || document.activeElement.innerText || '').trim()"
            )
            if focused.startswith(name):
                outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
                assert outline != "none", f"nothing shows that {name} has the focus"
                return
        raise AssertionError(f"{name} cannot be reached by Tab")

    tab_to(inviter, "Email")
    inviter.keyboard.type(CUSTOMER)
    tab_to(inviter, "Password")
    inviter.keyboard.type("guestlist-demo")
    inviter.keyboard.press("Enter")
    expect(inviter.get_by_role("heading", name="Invite friends")).to_be_visible()
    tab_to(inviter, "Email address 1")
    inviter.keyboard.type(friend)
    inviter.keyboard.press("Enter")
    expect(inviter.get_by_role("heading", name="This is the mail")).to_be_visible()
    tab_to(inviter, "Send the invitation")
    inviter.keyboard.press("Enter")
    expect(guest(inviter, friend)).to_be_visible()

    visitor = open_page()
    visitor.goto(shop.url(f"/demo/inbox/{shop.mail(friend)['id']}/page/"))
    tab_to(visitor, "See your invitation")
    visitor.keyboard.press("Enter")
    expect(visitor.get_by_role("heading", name="Sanne de Vries", level=1)).to_be_visible()
    tab_to(visitor, "Yes, I would like to")
    visitor.keyboard.press("Enter")
    for name, text in (("First name", "Ann"), ("Last name", "Jansen"), ("Password", "blauwe-theepot-12")):
        tab_to(visitor, name)
        visitor.keyboard.type(text)
    tab_to(visitor, "Accept the invitation")
    visitor.keyboard.press("Space")
    expect(visitor.get_by_role("heading", name="Hello, Ann")).to_be_visible()
