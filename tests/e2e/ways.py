"""What people do again and again in the journeys."""

from collections.abc import Sequence
from typing import Any

from playwright.sync_api import Locator, Page, expect
from playwright.sync_api import TimeoutError as NothingCame

from tests.e2e.shop import Shop

PASSWORD = "blauwe-theepot-12"
CUSTOMER = "customer@example.com"
WHOLESALE = "wholesale@example.com"
STAFF = "staff@example.com"
SUPPORT = "support@example.com"
_LOST_MS = 10_000
"""After so many milliseconds without a request a click was lost."""


def write_invitation(
    page: Page, shop: Shop, addresses: Sequence[str], message: str = "", *, view: str = "/en"
) -> None:
    """Fill in the send form, up to the button."""
    page.goto(shop.url(f"{view}/account/invitations/send/"))
    for number, address in enumerate(addresses):
        if number:
            page.locator("[data-add]").click()
        page.locator("input[name=emails]").nth(number).fill(address)
    if message:
        page.locator("textarea[name=message]").fill(message)


def invite(page: Page, shop: Shop, *addresses: str, message: str = "", view: str = "/en") -> None:
    """Invite friends the whole way, as a customer who is signed in."""
    write_invitation(page, shop, addresses, message, view=view)
    page.locator(".actions button[value=preview]").click()
    send_button(page).click()
    page.wait_for_url(f"**{view}/account/invitations/")


def send_button(page: Page) -> Locator:
    """Give the button that sends what the preview shows, once it stays where it is."""
    # The frame gets the mail's height when that is there, which moves the button.
    page.locator("iframe[data-mail][style]").wait_for()
    return page.locator("button[name=do][value=send]")


def follow(page: Page, shop: Shop, mail: dict[str, Any], link: str) -> None:
    """Open a mail in the inbox and click a link in it."""
    page.goto(shop.url(f"/demo/inbox/{mail['id']}/"))
    click_in_mail(page, link)


def click_in_mail(page: Page, link: str) -> None:
    """Click a link in the mail that the inbox shows."""
    found = page.frame_locator("iframe.mail-page").get_by_role("link", name=link)
    try:
        with page.expect_request(lambda request: request.is_navigation_request(), timeout=_LOST_MS):
            found.click()
    except NothingCame:
        # Once in a thousand times or less a click in a frame of another process, which has just scrolled, goes astray: the
        # browser asks for nothing. What was asked for and does not come still fails.
        found.click()
    page.wait_for_url(lambda url: "/demo/" not in url)


def register(page: Page, first: str = "Ann", last: str = "Jansen", email: str = "") -> None:
    """Fill in the form of the card, or of sign-up, and send it."""
    page.get_by_label("First name").fill(first)
    page.get_by_label("Last name").fill(last)
    if email:
        page.get_by_label("Email", exact=True).fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Accept the invitation").or_(
        page.get_by_role("button", name="Make my account")
    ).click()


def join(page: Page, shop: Shop, address: str, first: str = "Ann", last: str = "Jansen") -> None:
    """Open the mailed invitation and register."""
    follow(page, shop, shop.mail(address, "invites you"), "See your invitation")
    register(page, first, last)
    expect(page.get_by_role("heading", name=f"Hello, {first}")).to_be_visible()


def guest(page: Page, address: str) -> Locator:
    """Give the line of the guest list that is about an address."""
    return page.locator("li.guest").filter(has=page.get_by_role("heading", name=address))


def staff_row(page: Page, shop: Shop, address: str) -> Locator:
    """Open the staff grid narrowed to an address, and give its row."""
    page.goto(shop.url(f"/staff/invitations/?email={address}"))
    return page.locator("tbody tr").filter(has_text=address)


def column(page: Page, row: Locator, name: str) -> Locator:
    """Give a cell of the staff grid by its column's name."""
    headings = [text.rstrip("↑↓↕ \n").strip() for text in page.locator("thead th").all_inner_texts()]
    return row.locator("td").nth(headings.index(name))
