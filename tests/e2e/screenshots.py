"""The documentation's screenshots: `just screenshots` makes them anew, from a demo of its own.

With a folder on the line it also leaves there what the documentation does not show: each page narrow and wide, light and
dark, in Dutch and in English, to be looked at. With names of pages after the folder it makes nothing but those.
"""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, sync_playwright

from tests.e2e import shop as shops
from tests.e2e.conftest import launched, sign_in, sign_in_as_staff
from tests.e2e.shop import Shop
from tests.e2e.ways import CUSTOMER, STAFF, invite, write_invitation

IMAGES = Path(__file__).parents[2] / "docs" / "images"
_FRIEND = "lena.brouwer@example.org"
_SENDER = "Klei & Kamille"
_WORDS = "Remember the blue bowl on my table? This is where it comes from.\nCome and have a look!\n\nSanne"


def main() -> None:
    """Make the pictures."""
    with (
        tempfile.TemporaryDirectory() as folder,
        shops.running(Path(folder) / "data") as shop,
        sync_playwright() as playwright,
    ):
        browser = launched(playwright)
        only = sys.argv[2:]
        if not only:
            _for_documentation(browser, shop)
        if len(sys.argv) > 1:
            _for_looking(browser, shop, Path(sys.argv[1]), only)
        browser.close()


def _for_documentation(browser: Browser, shop: Shop) -> None:
    IMAGES.mkdir(exist_ok=True)
    customer = _opened(browser, height=860)
    sign_in(customer, shop, CUSTOMER)
    write_invitation(customer, shop, [_FRIEND, "mark.brouwer@example.org"], _WORDS)
    customer.locator("h1").click()
    _taken(customer, "send")
    invite(customer, shop, _FRIEND, message=_WORDS)
    mail = shop.mail(_FRIEND)
    customer.goto(shop.url("/en/account/invitations/"))
    _taken(customer, "my-invitations")

    friend = _opened(browser, height=980)
    friend.goto(_link(mail))
    _taken(friend, "invitation")

    staff = _opened(browser, height=860)
    sign_in_as_staff(staff, shop, STAFF)
    staff.goto(shop.url("/staff/invitations/"))
    _taken(staff, "staff-invitations")
    staff.goto(shop.url("/staff/configuration/invitations/"))
    staff.get_by_role("link", name="International").click()
    option = staff.locator("[data-option]").filter(has=staff.locator("#value_max_at_once"))
    option.get_by_role("checkbox").uncheck()
    option.locator("#value_max_at_once").fill("8")
    staff.locator("section.gl-card").first.locator(".gl-option").nth(4).scroll_into_view_if_needed()
    option.evaluate("one => one.scrollIntoView({block: 'center'})")
    _taken(staff, "configuration")
    _send_under_way(staff, shop)
    staff.set_viewport_size({"width": 1440, "height": 640})
    _taken(staff, "staff-send")


def _send_under_way(staff: Page, shop: Shop) -> None:
    """Invite many, and stay at the page of the send until it is well under way."""
    staff.goto(shop.url("/staff/guestlist_mail/senderidentity/"))
    staff.get_by_role("link", name=_SENDER, exact=True).click()
    staff.get_by_label("Most per second").fill("30")
    staff.get_by_role("button", name="Save", exact=True).click()
    staff.goto(shop.url("/staff/invitations/add/"))
    staff.get_by_label("E-mail addresses").fill("\n".join(_many()))
    staff.get_by_label("Send from").select_option("Klei & Kamille International (English)")
    staff.get_by_label("Invitee group").select_option("As configured")
    staff.get_by_label("Why may we mail them?").select_option("They agreed to it")
    staff.get_by_role("button", name="Invite", exact=True).click()
    staff.wait_for_url("**/staff/sends/*/")
    staff.locator("progress, [role=progressbar]").first.wait_for()
    staff.wait_for_timeout(14_000)


def _many() -> list[str]:
    """Give so many addresses that it takes a while; some of them answer as addresses do."""
    odd = dict.fromkeys(range(40, 1200, 97), "bounce.example") | {
        25: "later.example",
        300: "later.example",
    }
    return [f"guest{number}@{odd.get(number, 'example.org')}" for number in range(1_200)]


def _for_looking(browser: Browser, shop: Shop, folder: Path, only: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    customer, staff = _opened(browser), _opened(browser)
    sign_in(customer, shop, CUSTOMER)
    sign_in_as_staff(staff, shop, STAFF)
    if only:
        invite(customer, shop, _FRIEND, message=_WORDS)
    template = _template_with_versions(staff, shop)
    kept = {CUSTOMER: customer.context.storage_state(), STAFF: staff.context.storage_state(), "": None}
    staff.goto(shop.url("/staff/invitations/?status=sent"))
    detail = staff.locator("tbody tr td:nth-child(2) a").first.get_attribute("href")
    mail = shop.mail(_FRIEND)
    for how, options in _ways():
        prefix = "" if options["locale"] == "nl-NL" else "/en"
        places = {
            "front": ("", f"{prefix}/"),
            "sign-in": ("", f"{prefix}/account/login/"),
            "sign-up": ("", f"{prefix}/account/signup/"),
            "not-valid": ("", f"{prefix}/invitation/nonsense/"),
            "inbox": ("", "/demo/inbox/"),
            "inbox-mail": ("", f"/demo/inbox/{mail['id']}/"),
            "mail": ("", f"/demo/inbox/{mail['id']}/page/"),
            "account": (CUSTOMER, f"{prefix}/account/"),
            "my-invitations": (CUSTOMER, f"{prefix}/account/invitations/"),
            "send": (CUSTOMER, f"{prefix}/account/invitations/send/"),
            "staff-home": (STAFF, "/staff/"),
            "staff-invitations": (STAFF, "/staff/invitations/"),
            "staff-add": (STAFF, "/staff/invitations/add/"),
            "staff-detail": (STAFF, str(detail)),
            "staff-configuration": (STAFF, "/staff/configuration/invitations/"),
            "staff-sign-in": ("", "/staff/login/"),
            "staff-sends": (STAFF, "/staff/sends/"),
            "staff-send-finished": (STAFF, "/staff/sends/1/"),
            "staff-send-paused": (STAFF, "/staff/sends/2/"),
            "staff-send-stop": (STAFF, "/staff/sends/2/stop/"),
            "staff-report-invitations": (STAFF, "/staff/reports/invitations/"),
            "staff-report-today": (STAFF, "/staff/reports/today/"),
            "staff-report-customers": (
                STAFF,
                "/staff/reports/customers/?from=2020-01-01&to=2090-12-31&by=year",
            ),
            "staff-report-people": (
                STAFF,
                "/staff/reports/customers/?from=2020-01-01&to=2090-12-31&by=year&invitees=1",
            ),
            "staff-report-conversions": (
                STAFF,
                "/staff/reports/conversions/?by=week&from=2026-01-01&empty=1",
            ),
            "staff-report-chain": (STAFF, "/staff/reports/chain/"),
            "staff-report-funnel": (STAFF, "/staff/reports/funnel/?by=inviter&from=2026-01-01"),
            "staff-suppressed": (STAFF, "/staff/suppressed-addresses/"),
            "staff-senders": (STAFF, "/staff/guestlist_mail/senderidentity/"),
            "staff-sender": (STAFF, "/staff/guestlist_mail/senderidentity/1/change/"),
            "staff-templates": (STAFF, "/staff/guestlist_mail/template/"),
            "staff-template": (STAFF, template),
            "staff-template-edit": (
                STAFF,
                template.replace("guestlist_mail/template", "mail-templates").replace("change", "edit"),
            ),
            "staff-outbox": (STAFF, "/staff/guestlist_mail/message/"),
            "staff-delivery": (STAFF, "/staff/configuration/delivery/"),
            "mail-me-again": ("", f"{prefix}/mail-me-again/"),
        }
        for name, (who, path) in places.items():
            if only and name not in only:
                continue
            page = _opened(browser, storage_state=kept[who], **options)
            page.goto(path if path.startswith("http") else shop.url(path), wait_until="networkidle")
            page.screenshot(path=folder / f"{name}-{how}.png", full_page=True)
            page.context.close()
        if only:
            continue
        page = _opened(browser, **options)
        page.goto(_link(mail).replace("/en/invitation/", f"{prefix}/invitation/"))
        page.screenshot(path=folder / f"card-{how}.png", full_page=True)
        page.goto(shop.url(f"{prefix}/invitation/no/"))
        page.screenshot(path=folder / f"decline-{how}.png", full_page=True)
        page.context.close()
        page = _opened(browser, storage_state=kept[CUSTOMER], **options)
        write_invitation(page, shop, ["nobody", "ann@gmial.com"], "www.leuk.is", view=prefix)
        page.locator(".actions button[value=preview]").click()
        page.screenshot(path=folder / f"send-errors-{how}.png", full_page=True)
        write_invitation(page, shop, ["eva@example.net", "nobody"], _WORDS, view=prefix)
        page.locator(".actions button[value=preview]").click()
        page.locator("[data-mail]").wait_for()
        page.wait_for_load_state("networkidle")
        page.screenshot(path=folder / f"preview-{how}.png", full_page=True)
        page.context.close()


def _template_with_versions(staff: Page, shop: Shop) -> str:
    """Make a template of the shop's own and change it; returns the path of its page."""
    staff.goto(shop.url("/staff/guestlist_mail/template/"))
    staff.get_by_role("link", name="Customer invitation").click()
    staff.get_by_role("link", name="Make one of your own from it").click()
    staff.get_by_label("Name").fill("Winter")
    staff.get_by_role("button", name="Save the template").click()
    staff.get_by_role("link", name="Change the words").click()
    staff.locator("#id_text_en").fill(
        "Come in from the cold.\n{{ store_name }} {{ invitation_url }} {{ opt_out_url }}"
    )
    staff.get_by_role("button", name="Save the template").click()
    staff.get_by_role("link", name="Version 1", exact=True).wait_for()
    return urlsplit(staff.url).path


def _ways() -> Iterator[tuple[str, dict[str, Any]]]:
    for locale in ("en-US", "nl-NL"):
        for width in (1440, 360):
            for scheme in ("light", "dark"):
                yield (
                    f"{locale[:2]}-{width}-{scheme}",
                    {"locale": locale, "width": width, "color_scheme": scheme},
                )


def _opened(browser: Browser, *, width: int = 1440, height: int = 900, **options: Any) -> Page:
    given: dict[str, Any] = {"locale": "en-US", "reduced_motion": "reduce"} | options
    return browser.new_context(viewport={"width": width, "height": height}, **given).new_page()


def _link(mail: dict[str, Any]) -> str:
    return str(next(line for line in mail["text"].splitlines() if "/invitation/" in line))


def _taken(page: Page, name: str) -> None:
    page.wait_for_load_state("networkidle")
    page.screenshot(path=IMAGES / f"{name}.png", animations="disabled", caret="hide")


if __name__ == "__main__":
    main()
