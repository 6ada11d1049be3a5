"""Staff invite, follow up and configure."""

import contextlib
import re
import sqlite3
import time
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Page, expect

from tests.e2e import shop as shops
from tests.e2e.shop import Shop
from tests.e2e.ways import CUSTOMER, STAFF, SUPPORT, column, follow, invite, register, staff_row

_VIEW = "Klei & Kamille International (English)"
_LONG_MS = 60_000


def add(page: Page, shop: Shop, addresses: list[str], *, group: str = "As configured", **others: str) -> None:
    """Fill in and send the form to add invitations."""
    page.goto(shop.url("/staff/invitations/"))
    page.get_by_role("link", name="Add invitations").click()
    page.get_by_label("E-mail addresses").fill("\n".join(addresses))
    page.get_by_label("Send from").select_option(_VIEW)
    page.get_by_label("Invitee group").select_option(group)
    if "message" in others:
        page.get_by_label("Message").fill(others["message"])
    page.get_by_label(others.get("when", "Send now")).check()
    page.get_by_label("Why may we mail them?").select_option("They agreed to it")
    page.get_by_role("button", name="Invite", exact=True).click()


def test_staff_add_one_customer_and_one_new_address(either_shop, signed_in, open_page, someone):
    shop, fresh = either_shop, someone("vera")
    staff = signed_in(shop, STAFF)
    add(staff, shop, [CUSTOMER, f"Vera Bos <{fresh}>"], group="VIP", message="Welcome!")

    expect(staff.get_by_text("1 sent, 1 not sent: already a customer.")).to_be_visible()
    expect(staff.get_by_label("E-mail addresses")).to_have_value(CUSTOMER)
    mail = shop.mail(fresh)
    assert mail["subject"] == "Klei & Kamille International invites you"
    assert "Welcome!" in mail["text"]

    friend = open_page()
    follow(friend, shop, mail, "See your invitation")
    expect(friend.get_by_role("heading", level=1)).to_have_text("Klei & Kamille International")
    register(friend, "Vera", "Bos")
    expect(friend.get_by_role("heading", name="Hello, Vera")).to_be_visible()
    row = staff_row(staff, shop, fresh)
    expect(column(staff, row, "Status")).to_have_text("Accepted")
    expect(column(staff, row, "Invitee group")).to_contain_text("VIP")


def test_form_keeps_everything_when_something_is_missing(shop, signed_in, someone):
    staff = signed_in(shop, STAFF)
    friend = someone()
    staff.goto(shop.url("/staff/invitations/add/"))
    staff.get_by_label("E-mail addresses").fill(friend)
    staff.get_by_label("Message").fill("Hello")
    staff.get_by_role("button", name="Invite", exact=True).click()

    expect(staff.get_by_role("alert")).to_contain_text("Nothing was sent")
    expect(staff.get_by_label("E-mail addresses")).to_have_value(friend)
    expect(staff.get_by_label("Message")).to_have_value("Hello")
    expect(staff.get_by_label("Invitee group")).to_be_focused()

    # Signed out in the meantime: the same words wait behind the door.
    staff.get_by_label("Invitee group").select_option("VIP")
    staff.context.clear_cookies()
    staff.get_by_role("button", name="Invite", exact=True).click()
    expect(staff.get_by_text("You were signed out in the meantime")).to_be_visible()
    staff.locator("input[name=username]").fill(STAFF)
    staff.locator("input[name=password]").fill(shops.PASSWORD)
    staff.locator("button[type=submit]").click()
    expect(staff.get_by_text("What you had filled in is back.")).to_be_visible()
    expect(staff.get_by_label("E-mail addresses")).to_have_value(friend)
    expect(staff.get_by_label("Message")).to_have_value("Hello")
    staff.get_by_label("Why may we mail them?").select_option("They asked for it")
    staff.get_by_role("button", name="Invite", exact=True).click()
    expect(staff.get_by_text("1 sent.")).to_be_visible()


def test_staff_see_the_mail_before_they_send_it(shop, signed_in, someone):
    staff = signed_in(shop, STAFF)
    friend = someone()
    staff.goto(shop.url("/staff/invitations/add/"))
    staff.get_by_label("E-mail addresses").fill(friend)
    staff.get_by_label("Message").fill("Look at this")
    staff.get_by_label("Send from").select_option(_VIEW)
    staff.get_by_label("Invitee group").select_option("As configured")
    staff.get_by_label("Why may we mail them?").select_option("They agreed to it")
    staff.get_by_role("button", name="Preview the mail").click()

    expect(staff.get_by_text("Nothing has been sent.")).to_be_visible()
    expect(staff.frame_locator("iframe").get_by_text("Look at this")).to_be_visible()
    staff.get_by_role("button", name="Invite", exact=True).click()
    expect(staff.get_by_text("1 sent.")).to_be_visible()
    shop.mail(friend)


def test_kept_invitation_gets_other_words_and_is_sent(shop, signed_in, someone):
    staff = signed_in(shop, STAFF)
    friend = someone()
    add(staff, shop, [friend], message="First words", when="Do not send yet: keep as Not Sent")
    expect(staff.get_by_text("1 kept as Not Sent.")).to_be_visible()
    row = staff_row(staff, shop, friend)
    expect(column(staff, row, "Status")).to_have_text("Not Sent")
    column(staff, row, "ID").get_by_role("link").click()
    staff.get_by_label("Message").fill("Better words")
    staff.get_by_role("button", name="Save message").click()
    expect(staff.get_by_text("The message was saved.")).to_be_visible()
    staff.get_by_role("link", name="Send", exact=True).click()
    expect(staff.get_by_text(f"It goes to {friend}.")).to_be_visible()
    staff.get_by_role("button", name="Send", exact=True).click()
    expect(staff.get_by_text("The invitation is on its way.")).to_be_visible()
    assert "Better words" in shop.mail(friend)["text"]


def test_staff_resend_and_discard_one(either_shop, signed_in, someone):
    shop, friend = either_shop, someone()
    staff = signed_in(shop, STAFF)
    add(staff, shop, [friend])
    shop.mail(friend)
    column(staff, staff_row(staff, shop, friend), "ID").get_by_role("link").click()
    staff.get_by_role("link", name="Resend").click()
    staff.get_by_role("button", name="Resend").click()
    expect(staff.get_by_text("The invitation is on its way.")).to_be_visible()
    shop.mail(friend, number=2)

    staff.reload()
    staff.get_by_role("link", name="Discard").click()
    staff.get_by_role("button", name="Discard").click()
    expect(staff.get_by_text("The invitation was discarded.")).to_be_visible()
    history = staff.locator("section", has=staff.get_by_role("heading", name="Status history"))
    expect(history).to_contain_text("Sent → Discarded")
    expect(history).to_contain_text("Noor Hendriks")


def test_staff_discard_the_selected(shop, signed_in, open_page, someone):
    staff = signed_in(shop, STAFF)
    mark = someone("club").partition("@")[0]
    addresses = [f"{mark}.{number}@example.org" for number in range(3)]
    add(staff, shop, addresses)
    mails = [shop.mail(address) for address in addresses]
    friend = open_page()
    follow(friend, shop, mails[0], "See your invitation")
    register(friend)
    expect(friend.get_by_role("heading", name="Hello, Ann")).to_be_visible()

    staff_row(staff, shop, mark)
    expect(staff.locator("tbody tr")).to_have_count(3)
    staff.get_by_role("button", name="Discard selected").click()
    expect(staff.get_by_text("Select at least one invitation first.")).to_be_visible()
    staff.get_by_role("button", name="Select visible", exact=True).click()
    expect(staff.get_by_text("3 selected")).to_be_visible()
    staff.get_by_role("button", name="Discard selected").click()
    expect(staff.get_by_text("2 invitations will be discarded.")).to_be_visible()
    expect(staff.get_by_text("1 already accepted")).to_be_visible()
    staff.get_by_role("button", name="Discard 2 invitations").click()
    expect(staff.get_by_text("2 of 3 invitations discarded, 1 already accepted.")).to_be_visible()
    # Back at the same filtered list, nothing selected any more.
    expect(staff.locator("tbody tr")).to_have_count(3)
    expect(staff.get_by_text("Nothing selected")).to_be_visible()
    expect(staff.locator("tbody").get_by_text("Discarded", exact=True)).to_have_count(2)


_CROWD = 100_000
_FILL = """
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :number)
    INSERT INTO guestlist_invitations_invitation (public_id, website_id, store_view_id, group_id, status, reason, channel,
        delivery, resends, link_generation, repeat, address_hash, created_at)
    SELECT lower(hex(randomblob(16))), v.website_id, v.id, :group, 'not_sent', 'created', 'mail', '', 0, 0, 0,
        randomblob(16), CURRENT_TIMESTAMP
    FROM n, (SELECT id, website_id FROM guestlist_stores_storeview ORDER BY id LIMIT 1) v
"""
_GROUP = """
    INSERT INTO guestlist_customers_customergroup (public_id, code, name, may_be_given)
    VALUES (lower(hex(randomblob(16))), 'crowd', 'Crowd', 0)
"""
_UNDER_WAY = "SELECT state, done FROM guestlist_invitations_task WHERE id = ?"


def crowded(data: Path, number: int) -> int:
    """Put so many invitations that are not sent into a shop that does not run; returns the id of their group."""
    with contextlib.closing(sqlite3.connect(data / "guestlist.sqlite3")) as database, database:
        group = database.execute(_GROUP).lastrowid
        database.execute(_FILL, {"number": number, "group": group})
    assert group is not None
    return group


def under_way(data: Path, task: str) -> tuple[str, int]:
    """Return the state of a task, named by its address, and how many are done."""
    with contextlib.closing(sqlite3.connect(data / "guestlist.sqlite3", timeout=20)) as database:
        row: tuple[str, int] = database.execute(_UNDER_WAY, [task.rstrip("/").rpartition("/")[2]]).fetchone()
    return row


def test_all_that_match_are_discarded_though_the_shop_is_killed_meanwhile(seeded, tmp_path, signed_in):
    data = shops.copied(seeded, tmp_path / "data")
    group, all_of_them = crowded(data, _CROWD), f"{_CROWD:,}"
    with shops.running(data) as shop:
        staff = signed_in(shop, STAFF)
        staff.goto(shop.url(f"/staff/invitations/?group={group}"))
        staff.get_by_role("checkbox", name="Select all that match").press("Space")
        expect(staff.get_by_text("All that match selected")).to_be_visible()
        staff.get_by_role("button", name="Discard selected").click()
        # Their ids are written down by the worker first, and the page looks again by itself.
        expect(staff.get_by_text(f"{all_of_them} invitations will be discarded")).to_be_visible(
            timeout=_LONG_MS
        )
        task = staff.url.removeprefix(shop.base)
        staff.get_by_role("button", name=f"Discard {all_of_them} invitations").click()
        expect(staff.get_by_text("The task is under way.")).to_be_visible()
        deadline = time.monotonic() + _LONG_MS / 1000
        while under_way(data, task)[1] == 0 and time.monotonic() < deadline:
            time.sleep(0.02)
        shop.kill()
        state, done = under_way(data, task)
        assert state == "running"
        assert 0 < done < _CROWD
        staff.goto("about:blank")

    with shops.running(data) as shop:
        staff.goto(shop.url(task))
        expect(staff.locator("[data-part=lead]")).to_contain_text("Done", timeout=_LONG_MS)
        expect(staff.get_by_text(f"{all_of_them} of {all_of_them} invitations discarded.")).to_be_visible()
        expect(staff.get_by_role("progressbar")).to_have_accessible_name(
            re.compile(f"{all_of_them} of {all_of_them} done")
        )
        staff.goto(shop.url(f"/staff/invitations/?group={group}&status=not_sent"))
        expect(staff.get_by_text("No invitation matches")).to_be_visible()


def test_double_click_on_invite_sends_once(shop, signed_in, someone):
    staff = signed_in(shop, STAFF)
    friend, later = someone(), someone()
    staff.goto(shop.url("/staff/invitations/add/"))
    staff.get_by_label("E-mail addresses").fill(friend)
    staff.get_by_label("Send from").select_option(_VIEW)
    staff.get_by_label("Invitee group").select_option("As configured")
    staff.get_by_label("Why may we mail them?").select_option("They agreed to it")
    staff.get_by_role("button", name="Invite", exact=True).dblclick()
    expect(staff.get_by_text("1 sent.")).to_be_visible()
    add(staff, shop, [later])
    shop.mail(later)
    assert len(shop.mails(friend)) == 1


def test_filter_survives_looking_at_a_row(shop, signed_in):
    staff = signed_in(shop, STAFF)
    staff.goto(shop.url("/staff/invitations/"))
    staff.get_by_text("Filter", exact=True).click()
    staff.locator("#filter_status").select_option("Accepted")
    staff.get_by_role("button", name="Show").click()
    expect(staff).to_have_url(re.compile("status=accepted"))
    rows = staff.locator("tbody tr")
    expect(rows.first).to_contain_text("Accepted")
    expect(rows.get_by_text("Discarded", exact=True)).to_have_count(0)
    column(staff, rows.first, "ID").get_by_role("link").click()
    heading = staff.get_by_role("heading", level=1)
    first = heading.inner_text()
    staff.get_by_role("link", name="Next", exact=True).click()
    expect(heading).not_to_have_text(first)
    staff.get_by_role("link", name="Previous", exact=True).click()
    expect(heading).to_have_text(first)
    staff.get_by_role("link", name="Back to the list").click()
    expect(staff).to_have_url(re.compile("status=accepted"))
    staff.get_by_role("link", name="Do not filter by Status: Accepted").click()
    expect(staff).not_to_have_url(re.compile("status=accepted"))


def test_configuration_of_one_store_view_takes_effect_there_only(own_shop, signed_in, someone):
    shop = own_shop
    staff, customer = signed_in(shop, STAFF), signed_in(shop, CUSTOMER)

    def set_here(name: str, value: str) -> None:
        option = staff.locator("[data-option]").filter(has=staff.locator(f"#value_{name}"))
        option.get_by_role("checkbox").uncheck()
        field = option.locator(f"#value_{name}")
        if field.evaluate("field => field.tagName") == "SELECT":
            field.select_option(value)
        else:
            field.fill(value)

    staff.goto(shop.url("/staff/configuration/invitations/"))
    staff.get_by_role("link", name="Klei & Kamille Deutschland (German)").click()
    set_here("max_at_once", "0")
    staff.get_by_role("button", name="Save configuration").click()
    expect(staff.get_by_role("alert")).to_contain_text("Nothing was saved")
    set_here("max_at_once", "2")
    set_here("custom_message", "No")
    staff.get_by_role("button", name="Save configuration").click()
    expect(staff.get_by_text("The configuration was saved.")).to_be_visible()
    changes = staff.locator("section", has=staff.get_by_role("heading", name="Changes"))
    expect(changes.get_by_text("Noor Hendriks")).to_have_count(2)

    customer.goto(shop.url("/de/account/invitations/send/"))
    expect(customer.locator("textarea")).to_have_count(0)
    expect(customer.locator("#maximum")).to_contain_text("2")
    customer.locator("[data-add]").click()
    expect(customer.locator("[data-add]")).to_be_hidden()
    customer.locator("input[name=emails]").first.fill(", ".join(someone() for _ in range(3)))
    customer.locator(".actions button[value=preview]").click()
    expect(customer.get_by_role("alert")).to_contain_text("at most 2")
    for view in ("", "/en"):
        customer.goto(shop.url(f"{view}/account/invitations/send/"))
        expect(customer.locator("textarea")).to_have_count(1)
        expect(customer.locator("#maximum")).to_contain_text("5")

    # "Use website" takes the view's own value away.
    option = staff.locator("[data-option]").filter(has=staff.locator("#value_custom_message"))
    option.get_by_role("checkbox").check()
    staff.get_by_role("button", name="Save configuration").click()
    expect(staff.get_by_text("The configuration was saved.")).to_be_visible()
    customer.goto(shop.url("/de/account/invitations/send/"))
    expect(customer.locator("textarea")).to_have_count(1)
    expect(customer.locator("#maximum")).to_contain_text("2")


def test_support_sees_one_website_and_cannot_send(shop, signed_in):
    page = signed_in(shop, SUPPORT)
    page.goto(shop.url("/staff/invitations/"))
    expect(page.locator("tbody tr").first).to_be_visible()
    websites = {column(page, row, "Valid website").inner_text() for row in page.locator("tbody tr").all()}
    assert websites == {"Klei & Kamille"}
    expect(page.get_by_role("link", name="Add invitations")).to_have_count(0)
    expect(page.get_by_role("button", name="Send selected")).to_have_count(0)
    expect(page.get_by_role("link", name="Configuration")).to_have_count(0)

    column(page, page.locator("tbody tr").first, "ID").get_by_role("link").click()
    expect(page.get_by_role("heading", name="General")).to_be_visible()
    expect(page.get_by_role("link", name="Resend")).to_have_count(0)
    for path in ("/staff/invitations/add/", "/staff/configuration/invitations/"):
        answer = page.goto(shop.url(path))
        assert answer is not None
        assert answer.status == 403
        expect(page.get_by_role("heading", name="You have no permission for this").first).to_be_visible()


def test_staff_of_one_website_try_the_addresses_of_the_other(either_shop, signed_in):
    shop = either_shop
    owner = signed_in(shop, STAFF)
    owner.goto(shop.url("/staff/invitations/"))
    website = owner.locator("select[name=website] option", has_text="De Zolder").get_attribute("value")
    owner.goto(shop.url(f"/staff/invitations/?website={website}&status=sent"))
    row = owner.locator("tbody tr").filter(has_text="De Zolder").first
    invited = column(owner, row, "Email").inner_text()
    invitation = column(owner, row, "ID").get_by_role("link").get_attribute("href")
    assert "@" in invited
    assert invitation is not None
    row.locator("input[name=id]").check()
    owner.get_by_role("button", name="Change group").click()
    owner.locator("select[name=group]").select_option(label="Wholesale")
    owner.get_by_role("button", name="Change the group of 1 invitation").click()
    owner.get_by_role("link", name="See what became of each").click()
    expect(owner.locator("#content")).to_contain_text("1 of 1 invitation now has the group “Wholesale”.")
    task = urlsplit(owner.url).path

    page = signed_in(shop, SUPPORT)
    number = invitation.split("?")[0].rstrip("/").rsplit("/", 1)[-1]
    for address in (
        invitation,
        f"/staff/invitations/{number}/discard/",
        f"/staff/invitations/{number}/resend/",
        task,
        f"/staff/configuration/invitations/?website={website}",
        f"/staff/invitations/export/?website={website}&format=csv",
    ):
        answer = page.goto(shop.url(address))
        assert answer is not None
        assert answer.status in {403, 404}, address
        expect(page.get_by_role("heading").first).to_be_visible()
        assert invited not in page.content(), address
    for query in (f"website={website}", f"id={number}", f"email={invited}"):
        page.goto(shop.url(f"/staff/invitations/?{query}"))
        expect(page.get_by_role("heading", name="No invitation matches")).to_be_visible()
        expect(page.locator("tbody tr")).to_have_count(0)
        assert "De Zolder" not in page.content(), query
    page.goto(shop.url("/staff/tasks/"))
    expect(page.locator(f"a[href='{task}']")).to_have_count(0)


def test_keys_open_the_filter_and_lead_to_adding(shop, signed_in):
    page = signed_in(shop, STAFF)
    page.goto(shop.url("/staff/invitations/"))
    filters = page.locator("details.gl-filter").first
    page.keyboard.press("f")
    expect(filters).to_have_attribute("open", "")
    # In a field the same keys are letters, also in one that is chosen from.
    page.keyboard.press("c")
    page.locator("select[name=status]").focus()
    page.keyboard.press("c")
    expect(filters).to_have_attribute("open", "")
    page.locator("details.gl-filter summary").first.focus()
    page.keyboard.press("f")
    expect(filters).not_to_have_attribute("open", "")
    page.keyboard.press("c")
    page.wait_for_url("**/invitations/add/")


def test_customer_gets_no_further_than_the_door_of_the_staff_site(shop, signed_in):
    page = signed_in(shop, CUSTOMER)
    page.goto(shop.url("/staff/invitations/"))
    expect(page.locator("input[name=username]")).to_be_visible()


def test_invitation_of_a_customer_shows_who_did_what(shop, signed_in, someone):
    friend = someone()
    invite(signed_in(shop, CUSTOMER), shop, friend, message="Hi from Sanne")
    shop.mail(friend)
    staff = signed_in(shop, STAFF)
    column(staff, staff_row(staff, shop, friend), "ID").get_by_role("link").click()
    expect(staff.locator("main, #content").first).to_contain_text("Hi from Sanne")
    history = staff.locator("section", has=staff.get_by_role("heading", name="Status history"))
    expect(history).to_contain_text("Sanne de Vries")
    expect(history).to_contain_text("Not Sent → Sent")


def test_staff_import_a_file_put_the_refused_rows_right_and_import_them(shop, signed_in, tmp_path):
    staff = signed_in(shop, STAFF)
    good, bad = 4_800, 200
    file = tmp_path / "gasten.csv"
    rows = [f"guest{number}@import.example;Gast {number}" for number in range(good)]
    rows[100:100] = [f"bad{number} at import.example;Gast" for number in range(bad)]
    file.write_text("\n".join(["E-mail;Naam", *rows]), encoding="utf-8")

    bring(staff, shop, file)
    expect(staff.get_by_text(f"{good:,} people will be invited.")).to_be_visible(timeout=_LONG_MS)
    with staff.expect_download() as downloaded:
        staff.get_by_role("link", name="Download the refused rows").click()
    refused = downloaded.value.path().read_text(encoding="utf-8-sig")
    assert refused.count(" at import.example;Gast;") == bad
    staff.get_by_role("button", name=f"Invite {good:,} people").click()
    expect(staff.get_by_text(f"{good:,} of {good + bad:,} rows invited")).to_be_visible(timeout=_LONG_MS)

    fixed = tmp_path / "fixed.csv"
    fixed.write_text(refused.replace(" at ", "@") + "\n".join(rows[:50]), encoding="utf-8")
    bring(staff, shop, fixed)
    expect(staff.get_by_text(f"{bad} people will be invited. 50 rows are refused.")).to_be_visible(
        timeout=_LONG_MS
    )
    staff.get_by_role("button", name=f"Invite {bad} people").click()
    expect(staff.get_by_text(f"{bad} of {bad + 50} rows invited, 50 already invited.")).to_be_visible(
        timeout=_LONG_MS
    )
    staff.goto(shop.url("/staff/invitations/?email=import.example"))
    expect(staff.locator(".gl-count")).to_have_text("5,000 invitations")


def bring(staff: Page, shop: Shop, file: Path) -> None:
    """Bring a file and let it be tried as it is guessed, keeping all as Not Sent."""
    staff.goto(shop.url("/staff/imports/"))
    staff.get_by_label("File").set_input_files(file)
    staff.get_by_role("button", name="Next").click()
    staff.get_by_label("Send from").select_option(_VIEW)
    staff.get_by_label("Do not send yet").check()
    staff.get_by_role("button", name="Try the file").click()
    staff.wait_for_url(re.compile(r"/staff/tasks/\d+/$"))
