"""The table of the outbox: every mail, found and narrowed without going through millions of rows."""

# ruff: noqa: ANN401, ARG002 - Django's signatures

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin import display
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline

from guestlist.backoffice import access, paging
from guestlist.backoffice.labels import KINDS, STATES
from guestlist.backoffice.site import site
from guestlist.backoffice.tables import OwnWebsitesOfView, Table
from guestlist.backoffice.templatetags.backoffice import moment
from guestlist.invitations import emails as invitation_mail
from guestlist.invitations.estimates import EXACT
from guestlist.mail import counting
from guestlist.mail.models import Attempt, Message, MessageState

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterator

    from django.http import HttpRequest


class AttemptInline(TabularInline):
    """The mail server's answers other than "accepted"."""

    model = Attempt
    fields = readonly_fields = ("at", "outcome", "code", "answer")
    extra = 0
    can_delete = False
    verbose_name_plural = _("Answers of the mail server")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Show them with their mail."""
        return True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Leave writing to delivery."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Leave writing to delivery."""
        return False


_MOST_FOUND = 500


class NewestPaginator(Paginator):  # type: ignore[type-arg]  # no generic at run time
    """Counts up to where a number is still read as one: the outbox may have millions of rows."""

    @cached_property
    def count(self) -> int:
        """How many rows there are, at most 10,000."""
        rows = self.object_list
        assert isinstance(rows, QuerySet)
        return rows[:EXACT].count()


class KindFilter(admin.SimpleListFilter):
    """Narrows by kind of mail; those that there are, for a look at all rows would take long."""

    title = _("kind")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer them in words, as the column shows them."""
        return [(code, str(label)) for code, label in KINDS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Message]) -> QuerySet[Message]:
        """Keep mails of the kind that was chosen."""
        return queryset.filter(kind=self.value()) if self.value() else queryset


class StateFilter(admin.ChoicesFieldListFilter):
    """Narrows by state, in the words that the column has for it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Call it as the column does."""
        super().__init__(*args, **kwargs)
        self.title = _("state")

    def choices(self, changelist: Any) -> Iterator[Any]:
        """Offer the states that there are."""
        words = {one.label: str(STATES[one]) for one in MessageState}
        for choice in super().choices(changelist):
            yield {**choice, "display": words.get(str(choice["display"]), choice["display"])}


class LeavesFilter(admin.SimpleListFilter):
    """Narrows to what waits for a later moment, found by the indexes of what waits: the outbox may have millions of rows."""

    title = _("time of leaving")
    parameter_name = "leaves"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Offer what is scheduled, as the home page counts it."""
        return [("later", _("Scheduled for later"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Message]) -> QuerySet[Message]:
        """Keep what is scheduled, up to where a number is still read as one."""
        if self.value() != "later":
            return queryset
        websites = [one.pk for one in access.of(request).websites]
        ids = counting.scheduled(website_ids=websites, now=timezone.now(), most=EXACT)
        return queryset.filter(pk__any_of=set(ids))


def _moment(at: datetime.datetime) -> str:
    return render_to_string("backoffice/_moment.html", moment(at))


# What the staff site calls them. On the model it would be a migration, for nothing in the database.
Message._meta.verbose_name, Message._meta.verbose_name_plural = _("mail"), _("mails in the outbox")


@admin.register(Message, site=site)
class MessageTable(Table):
    """The outbox, as it is: the newest rows."""

    paginator = NewestPaginator
    sortable_by = ()  # any other order would sort all rows

    website_path = "store_view__website_id"
    fields = (
        "shown_kind",
        "about",
        "shown_state",
        "shown_view",
        "shown_sender",
        "shown_queued_at",
        "shown_ready_at",
        "shown_tries",
        "shown_code",
    )
    readonly_fields = fields
    list_display = ("id", *fields)
    search_fields = ("id",)
    search_help_text = _("The number of a mail or of its invitation, or a whole address")
    list_display_links = ("id",)
    list_filter = (OwnWebsitesOfView, KindFilter, ("state", StateFilter), LeavesFilter)
    list_select_related = ("store_view", "sender")
    ordering = ("-id",)
    inlines = (AttemptInline,)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Show the list under the name that the menu has for it."""
        return super().changelist_view(request, {**(extra_context or {}), "title": _("Outbox")})

    def get_queryset(self, request: HttpRequest) -> QuerySet[Message]:
        """Look for a send's mails where they stand, not through the whole outbox."""
        rows: QuerySet[Message] = super().get_queryset(request)
        send = paging.number(request.GET.get("send__id__exact"))
        return rows if send is None else rows.of_send(send)  # type: ignore[attr-defined]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find mails by their id, or by the id or address of their invitation: each has an index, words have none."""
        text = search_term.strip()
        if not text:
            return queryset, False
        ids = invitation_mail.mails_of(text, actor=access.of(request).actor)
        if (pk := paging.number(text)) is not None:
            ids.append(pk)
        return queryset.filter(pk__in=ids[:_MOST_FOUND]), False

    @display(description=_("Kind"))
    def shown_kind(self, message: Message) -> Any:
        """Return what it is, in words."""
        return KINDS.get(message.kind, message.kind)

    @display(description=_("About"))
    def about(self, message: Message) -> Any:
        """Return the way to the invitation that it is about; other kinds have no page."""
        if message.kind != invitation_mail.InvitationKind.code:
            return "–"
        address = reverse("admin:invitation", args=[message.subject_id])
        return format_html(
            '<a class="gl-link" href="{}">{}</a>', address, _("Invitation %(n)s") % {"n": message.subject_id}
        )

    @display(description=_("Queued"))
    def shown_queued_at(self, message: Message) -> Any:
        """Return when it was queued, as other pages say it."""
        return _moment(message.queued_at)

    @display(description=_("Leaves from"))
    def shown_ready_at(self, message: Message) -> Any:
        """Return from when on it may leave, as other pages say it."""
        return _moment(message.ready_at)

    @display(description=_("State"), ordering="state")
    def shown_state(self, message: Message) -> Any:
        """Return the state in words."""
        return STATES.get(MessageState(message.state), message.state)

    @display(description=_("Store view"))
    def shown_view(self, message: Message) -> str:
        """Return the store view that it is sent for."""
        return str(message.store_view)

    @display(description=_("From"))
    def shown_sender(self, message: Message) -> str:
        """Return whom it comes from."""
        return str(message.sender)

    @display(description=_("Tries"))
    def shown_tries(self, message: Message) -> int:
        """Return how often it was tried."""
        return message.tries

    @display(description=_("Code"))
    def shown_code(self, message: Message) -> str:
        """Return what the mail server, or we, said last."""
        return message.code or "–"
