"""Who reaches what in the staff site, by any address."""

import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.html import escape

from guestlist.backoffice.labels import KINDS
from guestlist.customers.models import CustomerGroup, DefaultGroup, Grant, Role, User
from guestlist.invitations.models import Invitation
from guestlist.mail.models import Message, SenderIdentity
from guestlist.stores.actors import OF_INVITATIONS
from guestlist.stores.models import StoreView, Website
from guestlist.worker import jobs
from tests import make

_PAGES = [
    "/staff/",
    "/staff/invitations/",
    "/staff/invitations/add/",
    "/staff/configuration/invitations/",
    "/staff/guestlist_customers/customer/",
    "/staff/guestlist_customers/customergroup/",
    "/staff/guestlist_customers/defaultgroup/",
    "/staff/guestlist_stores/website/",
    "/staff/guestlist_stores/storeview/",
    "/staff/guestlist_mail/senderidentity/",
    "/staff/guestlist_mail/template/",
    "/staff/guestlist_mail/message/",
    "/staff/guestlist_customers/user/",
    "/staff/guestlist_customers/role/",
    "/staff/guestlist_customers/grant/",
]


@pytest.mark.parametrize("path", _PAGES)
def test_page_opens_for_owner(owner, path) -> None:
    assert owner.get(path).status_code == 200


@pytest.mark.parametrize("path", [*_PAGES, "/staff/invitations/1/", "/staff/nothing/"])
def test_page_asks_to_sign_in_when_anonymous(view, path) -> None:
    answer = Client().get(path)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/staff/login/")


@pytest.mark.parametrize("path", _PAGES)
def test_page_asks_to_sign_in_when_customer(view, client_of, path) -> None:
    answer = client_of(make.customer(view).user).get(path)
    assert answer.status_code == 302


@pytest.mark.parametrize(
    "path", [*_PAGES, "/staff/login/", "/staff/nothing/", "/staff/guestlist_stores/storeview/add/"]
)
@pytest.mark.requirement("trust-25")
def test_policy_allows_nothing_from_another_host(owner, path) -> None:
    client = Client() if path == "/staff/login/" else owner
    policy = client.get(path)["Content-Security-Policy"]
    assert "script-src 'self' 'unsafe-eval'" in policy
    assert "style-src 'self' 'unsafe-inline'" in policy
    assert "http" not in policy
    assert "*" not in policy


def test_login_works_by_address_and_password_when_staff(view) -> None:
    make.staff(email="owner@example.com")
    answer = Client().post(
        "/staff/login/?next=/staff/", {"username": "Owner@Example.com", "password": "a-fine-password"}
    )
    assert answer["Location"] == "/staff/"


def test_login_is_refused_when_customer(view) -> None:
    make.customer(view, email="emma@example.com")
    answer = Client().post("/staff/login/", {"username": "emma@example.com", "password": "a-fine-password"})
    assert answer.status_code == 200
    assert "errornote" in answer.content.decode()


@pytest.fixture
def foreign(other_view) -> Invitation:
    """An invitation of the website that support may not see."""
    return make.invitation(
        make.customer(other_view, email="secret@example.com"), address="hidden@example.com"
    )


@pytest.mark.requirement("trust-16")
def test_foreign_invitation_is_nowhere_when_one_website(support, foreign, other_view) -> None:
    for path in (
        "/staff/",
        "/staff/invitations/",
        "/staff/invitations/?email=hidden",
        f"/staff/invitations/?website={other_view.website_id}",
        f"/staff/invitations/?inviter={foreign.inviter_id}",
        "/staff/guestlist_customers/customer/?q=secret",
        "/staff/guestlist_mail/message/",
    ):
        page = support.get(path).content.decode()
        assert "hidden@example.com" not in page, path
        assert "secret@example.com" not in page.replace("q=secret@example.com", ""), path
        assert "The Attic" not in page, path


@pytest.mark.requirement("trust-16")
def test_foreign_ids_are_not_found_when_one_website(manager, foreign, other_view) -> None:
    sender = SenderIdentity.objects.get(website=other_view.website)
    message = Message.objects.get(pk=foreign.mail_id)
    for path in (
        f"/staff/invitations/{foreign.pk}/",
        f"/staff/invitations/{foreign.pk}/discard/",
        f"/staff/invitations/{foreign.pk}/resend/",
        f"/staff/configuration/invitations/?website={other_view.website_id}",
        f"/staff/configuration/invitations/?store_view={other_view.pk}",
    ):
        assert manager.get(path).status_code == 404, path
    for name in ("discard", "resend", "message", "link"):
        path = f"/staff/invitations/{foreign.pk}/{name}/"
        assert manager.post(path, {"message": "x"}).status_code == 404, path
    for path in (
        f"/staff/guestlist_customers/customer/{foreign.inviter_id}/change/",
        f"/staff/guestlist_stores/website/{other_view.website_id}/change/",
        f"/staff/guestlist_stores/storeview/{other_view.pk}/change/",
        f"/staff/guestlist_customers/defaultgroup/{other_view.pk}/change/",
        f"/staff/guestlist_mail/senderidentity/{sender.pk}/change/",
        f"/staff/guestlist_mail/message/{message.pk}/change/",
    ):
        # Django's tables say that there is nothing, and lead home.
        answer = manager.get(path)
        assert (answer.status_code, answer["Location"]) == (302, "/staff/"), path
    foreign.refresh_from_db()
    assert foreign.status == "not_sent"


@pytest.mark.requirement("trust-16")
def test_foreign_website_is_refused_when_chosen_in_a_table(manager, other_view) -> None:
    manager.post(
        "/staff/guestlist_mail/senderidentity/add/",
        {"website": other_view.website_id, "code": "sales", "name": "X", "address": "x@example.com"},
    )
    assert not SenderIdentity.objects.filter(code="sales").exists()


@pytest.mark.parametrize(
    "path",
    [
        "/staff/invitations/add/",
        "/staff/configuration/invitations/",
        "/staff/guestlist_mail/senderidentity/",
        "/staff/guestlist_mail/template/",
        "/staff/guestlist_customers/user/",
        "/staff/guestlist_customers/role/",
        "/staff/guestlist_customers/grant/",
        "/staff/guestlist_stores/website/add/",
        "/staff/guestlist_stores/storeview/add/",
        "/staff/guestlist_customers/customer/add/",
    ],
)
def test_page_is_refused_when_permission_is_missing(support, path) -> None:
    answer = support.get(path)
    assert answer.status_code == 403
    assert "Ask the owner" in answer.content.decode()


def test_menu_shows_only_what_is_permitted(support, owner) -> None:
    mine, all_of_it = support.get("/staff/").content.decode(), owner.get("/staff/").content.decode()
    for address in ("/staff/configuration/invitations/", "/staff/guestlist_customers/grant/"):
        assert address not in mine
        assert address in all_of_it
    assert "/staff/invitations/" in mine


def test_staff_without_rights_read_so(view, client_of) -> None:
    client = client_of(make.user(is_staff=True))
    assert "You have no rights" in client.get("/staff/").content.decode()
    assert client.get("/staff/invitations/").status_code == 403


def test_rights_are_for_owners_of_everything_when_handed_out(manager, view) -> None:
    before = Grant.objects.count()
    answer = manager.post(
        "/staff/guestlist_customers/grant/add/",
        {"user": User.objects.get(email="manager@example.com").pk, "role": 1, "website": ""},
    )
    assert answer.status_code == 403
    assert Grant.objects.count() == before


def test_website_manager_changes_own_store_view_and_no_group(manager, view) -> None:
    assert "_save" in manager.get(f"/staff/guestlist_stores/storeview/{view.pk}/change/").content.decode()
    group = CustomerGroup.objects.get()
    page = manager.get(f"/staff/guestlist_customers/customergroup/{group.pk}/change/").content.decode()
    assert '"_save"' not in page


def test_website_manager_leads_no_links_elsewhere(manager, view, other_view) -> None:
    data = {
        "name": "Renamed",
        "code": view.code,
        "language": "en",
        "currency": "EUR",
        "time_zone": "Europe/Amsterdam",
        "base_url": f"{other_view.base_url}/account",
        "accent_color": "#7a2e3a",
    }
    before = view.base_url
    assert manager.post(f"/staff/guestlist_stores/storeview/{view.pk}/change/", data).status_code == 302
    view.refresh_from_db()
    assert (view.name, view.base_url) == ("Renamed", before)
    answer = manager.post(
        "/staff/guestlist_stores/storeview/add/", data | {"website": view.website_id, "code": "x"}
    )
    assert answer.status_code == 403


@pytest.mark.parametrize("name", ["customer", "customergroup", "user", "role"])
def test_row_is_never_deleted_when_it_is_a_persons(owner, view, name) -> None:
    customer = make.customer(view)
    pk = {"customer": customer.pk, "customergroup": customer.group_id, "user": customer.user_id, "role": 1}[
        name
    ]
    assert owner.post(f"/staff/guestlist_customers/{name}/{pk}/delete/", {"post": "yes"}).status_code == 403


def test_owner_makes_a_website_with_a_store_view(owner) -> None:
    owner.post("/staff/guestlist_stores/website/add/", {"name": "Shed", "code": "shed"})
    answer = owner.post(
        "/staff/guestlist_stores/storeview/add/",
        {
            "website": Website.objects.get(code="shed").pk,
            "name": "Shed",
            "code": "shed_nl",
            "language": "nl",
            "currency": "EUR",
            "time_zone": "Europe/Amsterdam",
            "base_url": "http://shed.example/",
            "accent_color": "#7a2e3a",
        },
    )
    assert answer.status_code == 302, answer.content.decode()[-3000:]
    made = StoreView.objects.get(code="shed_nl")
    assert made.base_url == "http://shed.example"
    assert made.website.default_store_view == made


def test_home_leads_to_what_is_missing_until_a_shop_can_be_used(client_of, db) -> None:
    owner = client_of(make.staff(email="owner@example.com"))
    assert "/staff/guestlist_stores/website/add/" in owner.get("/staff/").content.decode()
    site = make.website("linden")
    page = owner.get("/staff/").content.decode()
    assert "“Linden” has no store view yet" in page
    assert "“Linden” has no sender identity" in page
    view = make.store_view(site, name="Linden & Loom")
    assert "yet" not in owner.get("/staff/").content.decode().partition("gl-section")[0]
    DefaultGroup.objects.filter(store_view=view).delete()
    assert "“Linden &amp; Loom” has no default group yet" in owner.get("/staff/").content.decode()


def test_base_url_is_refused_when_links_cannot_be_made_of_it(owner, view) -> None:
    data = {
        "name": "X",
        "code": view.code,
        "language": "en",
        "currency": "EUR",
        "time_zone": "Europe/Amsterdam",
        "base_url": "shop.example",
        "accent_color": "#7a2e3a",
    }
    answer = owner.post(f"/staff/guestlist_stores/storeview/{view.pk}/change/", data)
    assert "is not a base URL" in answer.content.decode()


@pytest.mark.parametrize("name", ["logo.svg", "logo.html", "logo.png.xhtml", "logo"])
def test_logo_that_could_run_a_script_is_refused(owner, view, name) -> None:
    page = owner.post(
        f"/staff/guestlist_stores/storeview/{view.pk}/change/",
        {"logo": SimpleUploadedFile(name, b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>")},
    )
    assert "is not allowed" in str(page.context["errors"])
    view.refresh_from_db()
    assert not view.logo


@pytest.mark.parametrize("field", ["privacy_url", "terms_url"])
@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "shop.example/privacy"])
def test_page_that_is_no_web_address_is_refused(owner, view, field, url) -> None:
    page = owner.post(f"/staff/guestlist_stores/storeview/{view.pk}/change/", {field: url})
    assert "Enter a valid URL" in str(page.context["errors"])


def test_owner_makes_a_staff_member_with_a_password(owner) -> None:
    data = {
        "email": "New@Example.com",
        "new_password": "long-and-fine-1",
        "is_staff": "on",
        "is_active": "on",
    }
    owner.post("/staff/guestlist_customers/user/add/", data)
    made = User.objects.get(email="new@example.com")
    assert made.check_password("long-and-fine-1")
    assert made.is_staff
    assert not made.is_superuser


def test_stopped_sender_starts_again_when_saved(owner, view, now) -> None:
    sender = SenderIdentity.objects.get(website=view.website)
    SenderIdentity.objects.update(stopped_at=now, stopped_reason="535 no")
    assert "535 no" in owner.get("/staff/").content.decode()
    owner.post(
        f"/staff/guestlist_mail/senderidentity/{sender.pk}/change/",
        {"name": "Shop", "address": "shop@example.com", "reply_to": ""},
    )
    sender.refresh_from_db()
    assert sender.stopped_at is None


def test_template_shows_a_preview_in_each_language(owner, view) -> None:
    page = owner.get("/staff/guestlist_mail/template/").content.decode()
    assert "Customer invitation" in page
    from guestlist.mail.models import Template

    one = Template.objects.get(code="invitation")
    page = owner.get(f"/staff/guestlist_mail/template/{one.pk}/change/").content.decode()
    assert "iframe sandbox" in page
    assert "Sanne de Vries" in page


def test_stored_password_is_not_filtered_by(owner) -> None:
    answer = owner.get("/staff/guestlist_customers/user/?q=owner&password__startswith=a")
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "lookup", ["email__regex", "email__iregex", "email__icontains", "group__name__regex", "created_at__regex"]
)
def test_table_is_narrowed_by_no_pattern_of_an_address(support, view, lookup) -> None:
    """One like ``(a+)+$`` takes hours for a single row, and SQLite's are this process's own."""
    make.customer(view, email="anna@example.com")
    assert support.get("/staff/guestlist_customers/customer/", {lookup: "anna"}).status_code == 400
    exact = support.get("/staff/guestlist_customers/customer/", {"email__exact": "anna@example.com"})
    assert "anna@example.com" in exact.content.decode()


@pytest.mark.parametrize(
    "query", ["email=%00", "email__in=a,%00", "group__id__exact=%00", "website=%00", "q=%00"]
)
def test_table_is_not_narrowed_by_what_no_text_has(owner, view, query) -> None:
    assert owner.get(f"/staff/guestlist_customers/customer/?{query}").status_code in {200, 400}


def test_table_counts_no_choices_of_its_filters_when_an_address_asks_so(owner, view) -> None:
    make.sent_invitation(make.customer(view))
    queries = []
    for query in ("", "?_facets=True"):
        with CaptureQueriesContext(connection) as context:
            assert owner.get(f"/staff/guestlist_mail/message/{query}").status_code == 200
        queries.append(len(context))
    assert queries[0] == queries[1]


def test_search_for_thousands_of_words_is_answered(owner) -> None:
    words = " ".join(f"a{number}" for number in range(2_000))
    with CaptureQueriesContext(connection) as context:
        assert owner.get("/staff/guestlist_customers/customer/", {"q": words}).status_code == 200
        assert owner.get("/staff/guestlist_customers/customer/", {"q": "a " * 100}).status_code == 200
    assert max(one["sql"].upper().count("LIKE") for one in context) <= 3 * 8


@pytest.mark.parametrize("value", ["²", "9" * 30, "9" * 5000, "x"])
def test_website_that_is_none_filters_nothing(owner, value) -> None:
    assert owner.get("/staff/guestlist_customers/customer/", {"website": value}).status_code == 200


def test_live_and_ready_answer_without_a_session(db) -> None:
    client = Client()
    for path in ("/health/live", "/health/ready"):
        answer = client.get(path)
        assert answer.status_code == 200
        assert answer.json()["status"] == "ok"
        assert not answer.cookies


def test_names_are_stable() -> None:
    assert reverse("admin:invitations") == "/staff/invitations/"
    assert reverse("admin:configuration") == "/staff/configuration/invitations/"


def test_outbox_is_counted_up_to_where_it_is_read(owner, view) -> None:
    make.invitation(make.customer(view))

    with CaptureQueriesContext(connection) as queries:
        page = owner.get("/staff/guestlist_mail/message/")

    assert page.status_code == 200
    asked = [one["sql"] for one in queries if 'FROM "guestlist_mail_message"' in one["sql"]]
    assert asked
    # Nothing looks through all rows: to count them, to sort them, or to find out which kinds there are.
    assert all("LIMIT" in sql for sql in asked if "COUNT(" in sql), asked
    assert all(re.search(r'ORDER BY "guestlist_mail_message"."id" DESC', sql) for sql in asked), asked
    row = f"/staff/guestlist_mail/message/{Message.objects.get().pk}/change/"
    for kind, is_shown in (("invitation", True), ("trial_lift", False)):
        assert (row in owner.get(f"/staff/guestlist_mail/message/?kind={kind}").content.decode()) is is_shown


def outbox_rows(client, text) -> list[int]:
    """Return the mails that a search in the outbox finds."""
    answer = client.get("/staff/guestlist_mail/message/", {"q": text})
    assert answer.status_code == 200
    return [row.pk for row in answer.context["cl"].result_list]


def test_mail_is_found_by_its_id_or_its_invitations_id_or_address(owner, view) -> None:
    for number in range(3):
        make.invitation(make.customer(view), address=f"friend{number}@example.org")
    one = Invitation.objects.order_by("pk")[1]

    assert outbox_rows(owner, " FRIEND1@example.org") == [one.mail_id]
    assert one.mail_id in outbox_rows(owner, str(one.pk))
    assert one.mail_id in outbox_rows(owner, str(one.mail_id))
    assert outbox_rows(owner, "friend1@example") == []
    assert outbox_rows(owner, "friend") == outbox_rows(owner, "9" * 30) == outbox_rows(owner, "²") == []
    assert len(outbox_rows(owner, " ")) == 3


@pytest.mark.requirement("trust-16")
def test_mail_of_another_website_is_not_found(marketing, view, other_view) -> None:
    make.invitation(make.customer(other_view), address="friend@example.org")
    one = Invitation.objects.get()

    for text in ("friend@example.org", str(one.pk), str(one.mail_id)):
        assert outbox_rows(marketing, text) == []


def test_outbox_says_what_a_mail_is_and_leads_to_its_invitation(owner, view) -> None:
    one = make.invitation(make.customer(view))
    there = reverse("admin:invitation", args=[one.pk])

    for path in ("/staff/guestlist_mail/message/", f"/staff/guestlist_mail/message/{one.mail_id}/change/"):
        page = owner.get(path).content.decode()
        assert f'href="{there}"' in page
        assert "<time datetime=" in page
    assert owner.get("/staff/guestlist_mail/message/").context["title"] == "Outbox"


@pytest.mark.parametrize(
    ("permission", "path"),
    [
        ("configure", "/staff/configuration/invitations/"),
        ("suppressions", "/staff/suppressed-addresses/"),
        ("templates", "/staff/guestlist_mail/senderidentity/"),
    ],
)
def test_one_permission_is_enough_for_its_page(client_of, view, other_view, permission, path) -> None:
    user = make.user(is_staff=True)
    role = Role.objects.create(code="one", name="One", permissions=[permission])
    Grant.objects.create(user=user, website=view.website, role=role)
    client = client_of(user)

    page = client.get(path, follow=True)

    assert page.status_code == 200
    assert escape(view.website.name) in page.content.decode()
    assert escape(other_view.website.name) not in page.content.decode()
    assert client.get("/staff/invitations/").status_code == 403
    assert client.get("/staff/").status_code == 200


@pytest.mark.parametrize("permission", OF_INVITATIONS)
def test_role_is_refused_when_it_does_what_it_cannot_see(owner, permission) -> None:
    values = {"name": "Blind", "code": "blind", "permissions": [permission.value, "reports"]}

    answer = owner.post("/staff/guestlist_customers/role/add/", values)

    page = answer.content.decode()
    assert f"Tick “See invitations” too: without it nobody can use “{permission.label}”." in page
    assert 'value="Blind"' in page
    assert not Role.objects.filter(code="blind").exists()
    seeing = [*values["permissions"], "view"]
    answer = owner.post("/staff/guestlist_customers/role/add/", values | {"permissions": seeing})
    assert answer.status_code == 302
    assert Role.objects.get(code="blind").permissions == seeing


def test_every_kind_of_mail_has_words() -> None:
    assert {kind.code for kind in jobs.KINDS} == set(KINDS)
