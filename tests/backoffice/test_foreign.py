"""A staff member of one website reaches nothing of another: every address of the staff site is tried, as GET and POST."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.core import serializers
from django.db.models import Model
from django.urls import URLPattern, URLResolver, reverse

from guestlist.backoffice import urls
from guestlist.backoffice.site import site
from guestlist.customers import grants
from guestlist.customers.models import CustomerGroup, Grant, Role, User
from guestlist.invitations.actions import tasks
from guestlist.invitations.models import ImportFile, Invitation, SavedFilter, Task, TaskKind
from guestlist.mail.models import (
    Message,
    Send,
    SenderIdentity,
    SendOrigin,
    Suppression,
    Template,
    TrialMail,
)
from guestlist.stores.actors import Permission
from guestlist.stores.models import StoreView, Website
from tests import make

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("trust-16")]

SECRETS = ("Attic", "Zelda", "Hidden gala", "hidden@example.com", "zelda@example.com", "loft@example.com")
"""Words of the other website; none of them may be read."""


@dataclass(frozen=True)
class Things:
    """A website with one of each thing that the staff site shows."""

    view: StoreView
    invitation: Invitation
    send: Send
    sender: SenderIdentity
    message: Message
    task: Task
    saved: SavedFilter
    file: ImportFile
    staff: User

    def of(self, name: str) -> int | str | None:
        """Return the id that an address of this name takes; None for what belongs to all websites."""
        if name.startswith("guestlist_"):
            table = re.sub(r"_(change|delete|history)$", "", name)
            return {
                "guestlist_customers_customer": self.invitation.inviter_id,
                "guestlist_customers_customergroup": None,
                "guestlist_customers_defaultgroup": self.view.pk,
                "guestlist_customers_grant": Grant.objects.get(user=self.staff).pk,
                "guestlist_customers_role": Role.objects.get(code="owner").pk,
                "guestlist_customers_user": self.staff.pk,
                "guestlist_mail_message": self.message.pk,
                "guestlist_mail_senderidentity": self.sender.pk,
                "guestlist_mail_template": None,
                "guestlist_stores_storeview": self.view.pk,
                "guestlist_stores_website": self.view.website_id,
            }[table]
        if name in {"saved_filter", "import_plan"}:
            return self.saved.pk if name == "saved_filter" else self.file.pk
        kind = name.partition("_")[0]
        return {
            "invitation": self.invitation.pk,
            "send": self.send.pk,
            "sender": self.sender.pk,
            "template": None,
            "task": self.task.pk,
            "import": self.task.pk,
        }[kind]


def things(view: StoreView, now, *, email: str, address: str, gala: str, staff: str) -> Things:
    """Make one of each at a store view's website."""
    inviter = make.customer(view, email=email, first_name=staff)
    occasion = make.occasion(view.website, title=gala)
    one = make.sent_invitation(inviter, address=address, occasion=occasion, message=f"To {gala}", now=now)
    sender = SenderIdentity.objects.get(website=view.website)
    send = Send.objects.create(
        website=view.website,
        store_view=view,
        sender=sender,
        origin=SendOrigin.STAFF,
        created_at=now,
        ready_at=now,
    )
    assert one.mail_id is not None
    message = Message.objects.get(pk=one.mail_id)
    make.invitation(inviter, address=f"waits-{address}", now=now)
    make.configure("max_at_once", 9, view)
    made = make.staff(view.website, email=f"boss-{email}")
    task = tasks.open_task(
        kind=TaskKind.IMPORT,
        settings={"file": f"{gala}.csv"},
        actor=grants.actor_of(made),
        now=now,
        website=view.website,
    )
    saved = SavedFilter.objects.create(
        user=made, name=gala, query="status=sent", is_shared=True, website=view.website
    )
    file = ImportFile.objects.create(
        name=f"{gala}.csv", size=1, kept=1, lines=1, encoding="utf-8", created_by=made, created_at=now
    )
    return Things(view, one, send, sender, message, task, saved, file, made)


@pytest.fixture
def mine(view, now) -> Things:
    return things(
        view, now, email="emma@example.com", address="noor@example.com", gala="Autumn", staff="Emma"
    )


@pytest.fixture
def theirs(other_view, now) -> Things:
    made = things(
        other_view,
        now,
        email="zelda@example.com",
        address="hidden@example.com",
        gala="Hidden gala",
        staff="Zelda",
    )
    SenderIdentity.objects.filter(pk=made.sender.pk).update(
        address="loft@example.com", stopped_at=now, stopped_reason="Attic", held_at=now
    )
    Suppression.objects.create(
        website=other_view.website,
        address_hash=made.invitation.address_hash,
        reason="bounce",
        created_at=now,
    )
    return made


@pytest.fixture
def own(client_of, mine):
    """May do everything at the first website, nothing at the other."""
    return client_of(mine.staff)


def every(patterns: list[URLPattern | URLResolver], before: str = "/staff/") -> Iterator[tuple[str, str]]:
    """Give the name and the address, with its parameters as the route has them, of all that answers there."""
    for one in patterns:
        text = str(one.pattern)
        if isinstance(one, URLResolver):
            yield from every(one.url_patterns, before + text)
        else:
            yield one.name or "", before + text


ADDRESSES = dict.fromkeys(every(urls.urlpatterns))
_LEAVE = frozenset({"logout", "login"})
_PLAIN = sorted(
    {(name, url) for name, url in ADDRESSES if not re.search(r"[<(?$]", url) and name not in _LEAVE}
)
_OF_SOMETHING = sorted(
    name
    for name, url in ADDRESSES
    if re.search(r"<\w+:(pk|object_id)>", url) and name not in {"", "view_on_site"}
)


def filled(name: str, pk: object) -> str:
    """Return the address of a name for one thing; other parameters get values that there are."""
    url = next(url for one, url in ADDRESSES if one == name)
    return re.sub(r"<\w+:(\w+)>", lambda found: "1" if found[1] == "number" else str(pk), url)


def everything() -> dict[str, list[str]]:
    """Return all rows of all our tables."""
    models: list[type[Model]] = [
        one for one in apps.get_models() if one.__module__.startswith("guestlist.") and one is not TrialMail
    ]
    return {
        model.__name__: sorted(serializers.serialize("jsonl", model._default_manager.all()).splitlines())
        for model in models
    }


def read(answer) -> str:
    """Return what came back, with the address that it leads to."""
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return content.decode(errors="replace") + str(answer.get("Location", ""))


def test_nothing_of_another_website_is_read_anywhere(own, mine, theirs) -> None:
    naming = {
        "website": theirs.view.website_id,
        "store_view": theirs.view.pk,
        "inviter": theirs.invitation.inviter_id,
        "customer": theirs.invitation.inviter_id,
        "occasion": theirs.invitation.occasion_id,
        "send": theirs.send.pk,
        "ids": theirs.send.pk,
        "part": "1",
        "id": theirs.invitation.pk,
        "back": f"website={theirs.view.website_id}",
    }
    assert len(_PLAIN) > 30
    for name, url in _PLAIN:
        last = {"website": theirs.view.website_id} if name.startswith("guestlist_") else naming
        for query in ({}, {"q": "zelda", "s": "zelda", "extended": "1"}, last):
            answer = own.get(url, query)
            assert answer.status_code in {200, 302, 403, 404, 405}, (name, url, query)
            for secret in SECRETS:
                assert secret not in read(answer), (name, url, query, secret)


def test_nothing_of_another_website_is_changed_where_lists_are_posted_to(own, mine, theirs) -> None:
    before = everything()
    body = {
        "id": str(theirs.invitation.pk),
        "ids": str(theirs.invitation.pk),
        "_selected_action": str(theirs.invitation.pk),
        "confirmed": "1",
        "website": str(theirs.view.website_id),
        "store_view": str(theirs.view.pk),
        "where": str(theirs.view.website_id),
        "sender": str(theirs.sender.pk),
        "user": str(theirs.staff.pk),
        "role": "1",
        "group": str(CustomerGroup.objects.get().pk),
        "occasion": str(theirs.invitation.occasion_id),
        "name": "Taken",
        "code": "taken",
        "address": "hidden@example.org",
        "addresses": "new@example.org",
        "email": "new@example.org",
        "value_max_at_once": "3",
        "why": "so",
        "when": "now",
    }
    for name, url in _PLAIN:
        is_table = name.startswith("guestlist_")
        for doing in ("",) if is_table else ("discard", "send", "enter", "lift", "invite"):
            answer = own.post(url, body | {"action": doing, "do": doing})
            assert answer.status_code in {200, 302, 403, 404, 405, 422}, (name, url, doing)
            for secret in SECRETS:
                assert secret not in read(answer), (name, url, doing, secret)
    after = everything()
    # What somebody likes to see is their own.
    own_things = {"SavedFilter", "GridColumns"}
    assert {name for name in before if before[name] != after[name]} <= own_things
    assert not SavedFilter.objects.exclude(user__in=[mine.staff, theirs.staff]).exists()
    assert SavedFilter.objects.filter(user=theirs.staff).count() == 1


def test_no_thing_of_another_website_is_there_by_its_address(own, mine, theirs) -> None:
    """A new kind of address fails here until `Things.of` says whose rows it answers for."""
    before = everything()
    for name in _OF_SOMETHING:
        pk = theirs.of(name)
        if pk is None:
            continue
        url = filled(name, pk)
        for answer in (own.get(url), own.post(url, {"post": "yes", "message": "x", "name": "Taken"})):
            if answer.status_code == 302:
                # Django's tables say on the home page that there is nothing.
                assert answer["Location"] == "/staff/", (name, url)
            assert answer.status_code in {302, 403, 404, 405}, (name, url, answer.status_code)
            for secret in SECRETS:
                assert secret not in read(answer), (name, url, secret)
    after = everything()
    assert {name for name in before if before[name] != after[name]} == set()


def test_their_own_task_of_a_website_is_not_there_when_their_right_was_moved(client_of, mine, theirs) -> None:
    Grant.objects.filter(user=theirs.staff).update(website=mine.view.website)
    moved = client_of(theirs.staff)

    for query in ({}, {"part": "1", "ids": theirs.task.pk}):
        listed = read(moved.get("/staff/tasks/", query))
        assert f"/staff/tasks/{mine.task.pk}/" in listed or query
        assert f"/staff/tasks/{theirs.task.pk}/" not in listed
    for name in ("task", "task_confirm", "task_pause", "task_resume", "task_stop", "import_refused"):
        for answer in (moved.get(filled(name, theirs.task.pk)), moved.post(filled(name, theirs.task.pk))):
            assert answer.status_code in {404, 405}, name
    theirs.task.refresh_from_db()
    assert theirs.task.state == "preparing"


def test_what_belongs_to_all_websites_is_not_changed_with_rights_at_one(own, mine, theirs) -> None:
    before = everything()
    group, template = CustomerGroup.objects.get(), Template.objects.order_by("pk")[0]
    for name in _OF_SOMETHING:
        if theirs.of(name) is None:
            url = filled(name, group.pk if "group" in name else template.pk)
            answers = [own.get(url), own.post(url, {"name": "Taken", "code": "taken", "post": "yes"})]
            assert answers[1].status_code in {200, 302, 403, 404, 405}, (name, url)
            for secret in SECRETS:
                assert not any(secret in read(one) for one in answers), (name, url, secret)
    after = everything()
    assert {name for name in before if before[name] != after[name]} == set()


def test_admins_own_ways_around_lead_to_nothing(own, theirs) -> None:
    for model, pk in ((Invitation, theirs.invitation.pk), (Website, theirs.view.website_id)):
        kind = ContentType.objects.get_for_model(model).pk
        assert own.get(f"/staff/r/{kind}/{pk}/").status_code in {403, 404}
    look = {"app_label": "guestlist_customers", "model_name": "customer", "field_name": "website", "term": ""}
    for field in ("website", "group"):
        found = own.get("/staff/autocomplete/", look | {"field_name": field})
        assert not any(secret in read(found) for secret in SECRETS), field
    for label in {model._meta.app_label for model in site._registry}:
        page = own.get(f"/staff/{label}/")
        for secret in SECRETS:
            assert secret not in read(page), label


# --- Which permission opens what ----------------------------------------------------------------------------------------

_TABLES = {
    "guestlist_customers_customer": (Permission.VIEW, None),
    "guestlist_customers_customergroup": (Permission.VIEW, None),
    "guestlist_customers_defaultgroup": (Permission.VIEW, Permission.CONFIGURE),
    "guestlist_mail_message": (Permission.VIEW, None),
    "guestlist_mail_senderidentity": (Permission.TEMPLATES, Permission.TEMPLATES),
    "guestlist_mail_template": (Permission.TEMPLATES, None),
    "guestlist_stores_storeview": (Permission.VIEW, Permission.CONFIGURE),
    "guestlist_stores_website": (Permission.VIEW, Permission.CONFIGURE),
}
"""What is needed to see a table's rows and to change one, at a website of their own."""
_VIEWS = {
    "invitations": Permission.VIEW,
    "invitations_add": Permission.ADD,
    "invitations_selected": Permission.VIEW,
    "invitations_export": Permission.EXPORT,
    "invitations_columns": Permission.VIEW,
    "saved_filters": Permission.VIEW,
    "saved_filter": Permission.VIEW,
    "imports": Permission.IMPORT,
    "import_plan": Permission.IMPORT,
    "import_refused": Permission.IMPORT,
    "tasks": Permission.VIEW,
    "task": Permission.VIEW,
    **dict.fromkeys(("task_confirm", "task_pause", "task_resume", "task_stop"), Permission.IMPORT),
    "invitation": Permission.VIEW,
    "invitation_discard": Permission.DISCARD,
    "invitation_resend": Permission.RESEND,
    "invitation_message": Permission.ADD,
    "invitation_link": Permission.SEND,
    "suppressions": Permission.SUPPRESSIONS,
    "sends": Permission.VIEW,
    "send": Permission.VIEW,
    "send_stop": Permission.SEND,
    "send_pause": Permission.SEND,
    "send_resume": Permission.SEND,
    "send_release": Permission.SEND,
    "sender_trial": Permission.TEMPLATES,
    "sender_release": Permission.TEMPLATES,
    "template_trial": Permission.TEMPLATES,
    "template_version": Permission.TEMPLATES,
    "template_restore": Permission.TEMPLATES,
    "template_edit": Permission.TEMPLATES,
    "template_make": Permission.TEMPLATES,
    "template_edit_preview": Permission.TEMPLATES,
    "template_make_preview": Permission.TEMPLATES,
    **dict.fromkeys(
        (
            *("report_invitations", "report_invitations_export"),
            *("report_conversions", "report_conversions_export", "report_chain"),
            *("report_funnel", "report_funnel_export", "report_funnel_count"),
            *("report_customers", "report_today", "report_monday"),
        ),
        Permission.REPORTS,
    ),
    # Needs the other two as well, which tests of that page hold.
    "report_customers_export": Permission.EXPORT,
    "configuration": Permission.CONFIGURE,
    "configuration_delivery": Permission.CONFIGURE,
}
"""What each page of our own needs; one that is missing here fails."""
_EVERYBODYS = frozenset(
    {"", "index", "login", "logout", "password_change", "password_change_done", "autocomplete", "jsi18n"}
    | {"view_on_site", "app_list", "search", "toggle_sidebar"}
)


def test_every_page_needs_its_own_permission(client_of, mine) -> None:
    """Whoever has every permission but the one that a page needs is refused there."""
    template = Template.objects.order_by("pk")[0]
    role = Role.objects.create(code="all_but_one", name="All but one")
    user = make.user(is_staff=True)
    Grant.objects.create(user=user, website=mine.view.website, role=role)
    client = client_of(user)
    names = {name for name, _url in ADDRESSES} - _EVERYBODYS
    assert {name for name in names if not name.startswith("guestlist_")} == set(_VIEWS)
    before = everything()
    for name, needed in _VIEWS.items():
        role.permissions = [one.value for one in Permission if one != needed]
        role.save()
        url = filled(name, mine.of(name) if name in _OF_SOMETHING and mine.of(name) else template.pk)
        for answer in (client.get(url), client.post(url, {"id": mine.invitation.pk, "action": "discard"})):
            # What may not be seen is not there.
            assert answer.status_code in {403, 404, 405}, (name, needed, answer.status_code)
    for table, (seeing, changing) in _TABLES.items():
        role.permissions = [one.value for one in Permission if one != seeing]
        role.save()
        listed = client.get(reverse(f"admin:{table}_changelist"))
        assert listed.status_code == 403 or not listed.context["cl"].result_list, table
        role.permissions = [one.value for one in Permission if one != changing]
        role.save()
        pk = mine.of(table) or (template.pk if "template" in table else CustomerGroup.objects.get().pk)
        url = reverse(f"admin:{table}_change", args=[pk])
        assert client.post(url, {"name": "Changed"}).status_code in {302, 403}, table
    role.permissions = []
    role.save()
    after = everything()
    assert {name for name in before if before[name] != after[name]} <= {"Role"}
    owners = {"guestlist_customers_grant", "guestlist_customers_role", "guestlist_customers_user"}
    registered = {f"{model._meta.app_label}_{model._meta.model_name}" for model in site._registry}
    assert registered == set(_TABLES) | owners
