"""What holds for every page: nothing for axe-core to find, nothing from elsewhere, little to load."""

from collections.abc import Callable
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.e2e.shop import Shop
from tests.e2e.ways import (
    CUSTOMER,
    STAFF,
    follow,
    guest,
    invite,
    register,
    write_invitation,
)

_WIDTHS = (1440, 360)
_SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")

type Look = Callable[..., None]


@pytest.fixture
def look() -> Look:
    """Give what looks at a page as it stands: narrow and wide, light and dark."""

    def looked(page: Page, *, anew: bool = True) -> None:
        found: list[str] = []
        for scheme in _SCHEMES:
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            if anew:
                page.reload()
            for width in _WIDTHS:
                page.set_viewport_size({"width": width, "height": 900})
                found += _problems(page, f"{width} {scheme}")
        assert not found, "\n".join(found)

    return looked


def _problems(page: Page, how: str) -> list[str]:
    if not page.evaluate("'axe' in window"):
        page.evaluate(Axe().axe_script)
    violations: list[dict[str, Any]] = page.evaluate(
        "axe.run(document, {resultTypes: ['violations']}).then(results => results.violations)"
    )
    found = [
        f"{page.url} {how}: {one['id']}: {one['help']}: {node['html'][:200]} {node.get('failureSummary', '')[:300]}"
        for one in violations
        for node in one["nodes"]
    ]
    sideways = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    if sideways > 0:
        found.append(f"{page.url} {how}: {sideways} px wider than the window")
    return found


_OPEN_TO_ALL = {
    "front": "/en/",
    "front of the second website": "/outlet/",
    "sign in": "/en/account/login/",
    "sign up": "/en/account/signup/",
    "forgotten password": "/en/account/password/reset/",
    "link that is not valid": "/en/invitation/nonsense/",
    "mail me again": "/en/mail-me-again/",
    "link to be mailed again that is not valid": "/en/mail-me-again/nonsense/",
    "nothing here": "/en/nothing-here/",
    "inbox": "/demo/inbox/",
}
_FOR_CUSTOMERS = {
    "account": "/en/account/",
    "my invitations": "/en/account/invitations/",
    "send form": "/en/account/invitations/send/",
    "send form in Dutch": "/account/invitations/send/",
    "send form in German": "/de/account/invitations/send/",
}
_FOR_STAFF = {
    "home": "/staff/",
    "grid": "/staff/invitations/",
    "grid, narrowed": "/staff/invitations/?status=accepted",
    "grid, nothing found": "/staff/invitations/?email=nobody-at-all",
    "add": "/staff/invitations/add/",
    "configuration": "/staff/configuration/invitations/",
    "configuration of delivery": "/staff/configuration/delivery/",
    "customers": "/staff/guestlist_customers/customer/",
    "sends": "/staff/sends/",
    "report on invitations": "/staff/reports/invitations/",
    "report on invitations, by reason": "/staff/reports/invitations/?by=week&reasons=1&empty=1",
    "report on conversions": "/staff/reports/conversions/?from=2020-01-01&to=2090-12-31&by=year",
    "who brought whom": "/staff/reports/chain/?open=1,2,3,4,5,6,7,8,9,10,11,12,13,14,15",
    "who brought one customer": "/staff/reports/chain/?customer=13",
    "chain of nobody": "/staff/reports/chain/?customer=nobody",
    "report on today": "/staff/reports/today/",
    "report on invited customers": "/staff/reports/customers/?from=2020-01-01&to=2090-12-31&by=year",
    "report on the people invited": "/staff/reports/customers/?from=2020-01-01&to=2090-12-31&by=year&invitees=1",
    "report that cannot be made": "/staff/reports/conversions/?from=2026-05-31&to=2026-05-01",
    "suppressed addresses": "/staff/suppressed-addresses/",
    "senders": "/staff/guestlist_mail/senderidentity/",
    "sender": "/staff/guestlist_mail/senderidentity/1/change/",
    "template": "/staff/guestlist_mail/template/1/change/",
    "version of a template": "/staff/mail-templates/1/versions/1/",
}


@pytest.mark.parametrize("path", _OPEN_TO_ALL.values(), ids=_OPEN_TO_ALL)
def test_page_is_accessible_when_anybody_opens_it(path, shop, page, look):
    page.goto(shop.url(path))
    look(page)


@pytest.mark.parametrize("path", _FOR_CUSTOMERS.values(), ids=_FOR_CUSTOMERS)
def test_page_is_accessible_when_a_customer_opens_it(path, shop, signed_in, look):
    page = signed_in(shop, CUSTOMER)
    page.goto(shop.url(path))
    look(page)


@pytest.mark.parametrize("path", _FOR_STAFF.values(), ids=_FOR_STAFF)
def test_page_is_accessible_when_staff_open_it(path, shop, signed_in, look):
    page = signed_in(shop, STAFF)
    page.goto(shop.url(path))
    look(page)


def test_pages_of_a_send_are_accessible(shop, signed_in, look, someone):
    page = signed_in(shop, STAFF)
    page.goto(shop.url("/staff/invitations/add/"))
    page.get_by_label("E-mail addresses").fill("\n".join(someone() for _ in range(21)))
    page.get_by_label("Send from").select_option("Klei & Kamille International (English)")
    page.get_by_label("Invitee group").select_option("As configured")
    page.get_by_label("Send later").check()
    page.get_by_label("Send at").fill("2090-01-01T10:00")
    page.get_by_label("Why may we mail them?").select_option("They agreed to it")
    page.get_by_role("button", name="Invite", exact=True).click()
    page.wait_for_url("**/staff/sends/*/")
    for path in (page.url, f"{page.url}stop/", shop.url("/staff/sends/"), shop.url("/staff/")):
        page.goto(path)
        look(page)


def test_pages_of_tasks_and_saved_filters_are_accessible(shop, signed_in, look):
    page = signed_in(shop, STAFF)
    page.goto(shop.url("/staff/invitations/?website=1"))
    page.get_by_text("Saved filters", exact=True).click()
    page.get_by_label("Save what is shown now as").fill("First website")
    page.get_by_role("button", name="Save filter").click()
    expect(page.get_by_text("The filter is saved as “First website”.")).to_be_visible()
    for name in ("Saved filters", "Columns"):
        page.locator("summary").filter(has_text=name).click()
    look(page, anew=False)
    page.get_by_role("link", name="Rename, share or delete them").click()
    look(page)
    page.get_by_role("button", name="Delete “First website”").click()
    page.goto(shop.url("/staff/invitations/?website=1"))
    page.get_by_role("checkbox", name="that match").check()
    page.get_by_role("button", name="Discard selected").click()
    look(page)
    page.get_by_role("button", name="Do nothing").click()
    page.get_by_role("link", name="All tasks").click()
    look(page)


def test_pages_of_an_import_are_accessible(shop, signed_in, look, tmp_path):
    file = tmp_path / "guests.csv"
    file.write_text("E-mail;Naam\nnonsense;Piet\n", encoding="utf-8")
    page = signed_in(shop, STAFF)
    page.goto(shop.url("/staff/imports/"))
    look(page)
    page.get_by_label("File").set_input_files(file)
    page.get_by_role("button", name="Next").click()
    page.wait_for_url("**/imports/*/")
    look(page)
    page.get_by_label("Send from").select_option("Klei & Kamille International (English)")
    page.get_by_label("Do not send yet").check()
    page.get_by_role("button", name="Try the file").click()
    expect(page.get_by_text("0 of 1 row invited, 1 not an e-mail address.")).to_be_visible()
    page.locator("summary").filter(has_text="not an e-mail address").click()
    look(page, anew=False)


def test_form_is_accessible_when_it_has_errors_and_when_it_shows_the_mail(shop, signed_in, look, someone):
    page = signed_in(shop, CUSTOMER)
    write_invitation(page, shop, ["nobody", "ann@gmial.com"], "Kijk op leuk.is")
    page.get_by_role("button", name="See the mail first").click()
    expect(page.get_by_role("alert")).to_be_visible()
    look(page, anew=False)

    write_invitation(page, shop, [someone()], "Hello")
    page.get_by_role("button", name="See the mail first").click()
    expect(page.get_by_role("heading", name="This is the mail")).to_be_visible()
    look(page, anew=False)


def test_card_and_what_follows_are_accessible(shop, signed_in, open_page, look, someone):
    friend = someone("ann")
    inviter = signed_in(shop, CUSTOMER)
    invite(inviter, shop, friend, message="Come and see!")
    mail = shop.mail(friend)
    inviter.get_by_role("listitem").filter(has_text=friend)
    guest(inviter, friend).get_by_role("button", name="Copy the link").click()
    look(inviter, anew=False)

    visitor = open_page()
    visitor.goto(shop.url(f"/demo/inbox/{mail['id']}/"))
    look(visitor)
    follow(visitor, shop, mail, "Decline this invitation")
    look(visitor)
    follow(visitor, shop, mail, "See your invitation")
    look(visitor)
    visitor.get_by_role("button", name="Accept the invitation").click()
    expect(visitor.get_by_role("alert")).to_be_visible()
    look(visitor, anew=False)
    register(visitor)
    visitor.goto(shop.url("/en/account/invitations/"))
    expect(visitor.get_by_role("heading", name="Nobody on your list yet")).to_be_visible()
    look(visitor)

    stranger = open_page()
    follow(stranger, shop, mail, "See your invitation")
    expect(stranger.get_by_role("heading", name="This invitation has been used")).to_be_visible()
    look(stranger)


def test_detail_and_its_questions_are_accessible(shop, signed_in, look):
    staff = signed_in(shop, STAFF)
    staff.goto(shop.url("/staff/invitations/?status=sent"))
    staff.locator("tbody tr").first.locator("td").nth(1).get_by_role("link").click()
    look(staff)
    staff.get_by_role("link", name="Discard").click()
    look(staff)


def test_confirmation_of_the_selected_is_accessible(shop, signed_in, look):
    staff = signed_in(shop, STAFF)
    staff.goto(shop.url("/staff/invitations/"))
    staff.get_by_role("button", name="Select visible", exact=True).click()
    staff.get_by_role("button", name="Discard selected").click()
    expect(staff.get_by_role("button", name="Discard")).to_be_visible()
    look(staff, anew=False)


def test_staff_form_is_accessible_when_it_has_errors(shop, signed_in, look):
    staff = signed_in(shop, STAFF)
    staff.goto(shop.url("/staff/invitations/add/"))
    staff.get_by_role("button", name="Invite", exact=True).click()
    expect(staff.get_by_role("alert")).to_be_visible()
    look(staff, anew=False)


def test_way_back_to_being_mailed_is_accessible(shop, signed_in, open_page, look, someone):
    friend = someone()
    invite(signed_in(shop, CUSTOMER), shop, friend)
    visitor = open_page()
    follow(visitor, shop, shop.mail(friend), "never be invited by Klei & Kamille International again")
    visitor.get_by_role("button", name="Never invite me again").click()
    expect(visitor.get_by_role("status")).to_be_visible()
    look(visitor, anew=False)
    visitor.get_by_role("link", name="Mail me again").click()
    visitor.get_by_label("Email").fill("nobody at all")
    visitor.get_by_role("button", name="Send me that mail").click()
    expect(visitor.get_by_role("alert")).to_be_visible()
    look(visitor, anew=False)
    visitor.get_by_label("Email").fill(friend)
    visitor.get_by_role("button", name="Send me that mail").click()
    expect(visitor.get_by_role("heading", name="Look in your mail")).to_be_visible()
    look(visitor, anew=False)

    staff = signed_in(shop, STAFF)
    staff.goto(shop.url("/staff/suppressed-addresses/"))
    for address in ("nobody at all", friend):
        staff.get_by_role("textbox", name="Address").first.fill(address)
        staff.get_by_role("button", name="Look up").click()
        expect(staff.get_by_text(f"“{address}” is not").or_(staff.locator("#found-title"))).to_be_visible()
        look(staff, anew=False)

    mail = shop.mail(friend, "mail you again?")
    visitor.goto(shop.url(f"/demo/inbox/{mail['id']}/"))
    look(visitor)
    follow(visitor, shop, mail, "Yes, mail me again")
    look(visitor)
    visitor.get_by_role("button", name="Yes, mail me again").click()
    expect(visitor.get_by_role("heading", name="Thank you")).to_be_visible()
    look(visitor, anew=False)


def test_sign_in_of_the_staff_site_is_accessible(shop, page, look):
    page.goto(shop.url("/staff/"))
    look(page)


@pytest.mark.parametrize("path", ["/en/account/login/", "/en/account/signup/", "/en/invitation/"])
def test_first_page_is_light(path, shop, open_page, signed_in, someone):
    friend = someone()
    invite(signed_in(shop, CUSTOMER), shop, friend)
    page = open_page()
    if path == "/en/invitation/":
        link = next(line for line in shop.mail(friend)["text"].splitlines() if "/invitation/" in line)
        weight = _weight(page, link)
    else:
        weight = _weight(page, shop.url(path))
    assert weight < 60_000


def _weight(page: Page, address: str) -> int:
    """Return the bytes that a page needs on its first visit, without fonts."""
    sizes: list[int] = []
    page.on(
        "requestfinished",
        lambda request: None if request.resource_type == "font" else sizes.append(_size(request)),
    )
    page.goto(address, wait_until="networkidle")
    assert sizes
    return sum(sizes)


def _size(request: Any) -> int:
    parts = request.sizes()
    return int(parts["responseBodySize"] + parts["responseHeadersSize"])


@pytest.mark.parametrize("zoomed", [720, 320])
def test_page_needs_no_scrolling_sideways_when_zoomed(zoomed, shop: Shop, signed_in):
    page = signed_in(shop, CUSTOMER, width=zoomed)
    for path in ("/en/", *_FOR_CUSTOMERS.values()):
        page.goto(shop.url(path))
        assert page.evaluate("document.documentElement.scrollWidth") <= zoomed, path
