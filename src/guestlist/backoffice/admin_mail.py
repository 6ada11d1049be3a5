"""The tables of templates and of the outbox."""

# ruff: noqa: ANN401, ARG002 - Django's signatures

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin import display
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline

from guestlist.backoffice import access, trial_mails
from guestlist.backoffice.labels import STATES
from guestlist.backoffice.site import site
from guestlist.backoffice.tables import OwnWebsitesOfView, Table
from guestlist.invitations import emails as invitation_mail
from guestlist.invitations.estimates import EXACT
from guestlist.mail import accounts, lifting, previews, templates, trials
from guestlist.mail import actions as mail
from guestlist.mail.models import Attempt, Message, MessageState, Template
from guestlist.stores.actors import Permission

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.http import HttpRequest

    from guestlist.mail.kinds import Kind
    from guestlist.mail.models import TemplateText, TemplateVersion
    from guestlist.stores.models import StoreView


@admin.register(Template, site=site)
class TemplateTable(Table):
    """Mail templates: their newest words, with a preview by sample values."""

    viewing = Permission.TEMPLATES
    list_display = ("name", "code", "purpose", "is_builtin")
    list_filter = ("purpose",)
    search_fields = ("name", "code")
    ordering = ("-is_builtin", "name", "id")
    fields = ("name", "code", "purpose", "is_builtin")
    change_form_outer_after_template = "backoffice/template_preview.html"

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """Show the template with previews in each of its languages."""
        version = None
        if object_id.isdecimal() and self.has_view_permission(request):
            rows = Template.objects.filter(pk=object_id)
            version = next((mail.current_version(one.code) for one in rows), None)
        texts: list[TemplateText] = []
        shown = []
        if version is not None:
            purpose = version.template.purpose
            texts = list(version.texts.order_by("language"))
            shown = [previews.of_sample(text, purpose=purpose) for text in texts]
        return super().change_view(
            request,
            object_id,
            form_url,
            {
                **(extra_context or {}),
                "version": version,
                "versions": list(version.template.versions.order_by("-number")) if version else [],
                "previews": shown,
                "without_words": self._without_words(request, version, texts),
                "trial": trial_mails.offered_to(request),
                "may_edit": access.of(request).actor.may(Permission.TEMPLATES, None),
            },
        )

    def _without_words(
        self, request: HttpRequest, version: TemplateVersion | None, texts: Sequence[TemplateText]
    ) -> list[tuple[StoreView, str]]:
        """Return the store views, among those that this staff member sees, whose readers get another language: which."""
        if version is None:
            return []
        views = invitation_mail.without_words(version.template.code, {one.language for one in texts})
        seen = {website.pk for website in access.of(request).websites}
        answers = ((view, templates.in_language(texts, view.language)) for view in views)
        return [(view, text.language) for view, text in answers if text and view.website_id in seen]


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


_DIGITS = 18
"""Most digits of an id that surely fit into the database's."""


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
        """Offer them by their codes, as the column shows them."""
        kinds: tuple[Kind, ...] = (*accounts.KINDS, *invitation_mail.KINDS, *lifting.KINDS, *trials.KINDS)
        return [(one.code, one.code) for one in kinds]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Message]) -> QuerySet[Message]:
        """Keep mails of the kind that was chosen."""
        return queryset.filter(kind=self.value()) if self.value() else queryset


@admin.register(Message, site=site)
class MessageTable(Table):
    """The outbox, as it is: the newest rows."""

    paginator = NewestPaginator
    sortable_by = ()  # any other order would sort all rows

    website_path = "store_view__website_id"
    list_display = (
        "id",
        "kind",
        "shown_state",
        "store_view",
        "sender",
        "queued_at",
        "ready_at",
        "tries",
        "code",
    )
    list_display_links = ("id",)
    list_filter = (OwnWebsitesOfView, KindFilter, "state")
    list_select_related = ("store_view", "sender")
    ordering = ("-id",)
    fields = (
        "kind",
        "subject_id",
        "shown_state",
        "store_view",
        "sender",
        "queued_at",
        "ready_at",
        "tries",
        "code",
    )
    readonly_fields = ("shown_state",)
    inlines = (AttemptInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Message]:
        """Look for a send's mails where they stand, not through the whole outbox."""
        rows: QuerySet[Message] = super().get_queryset(request)
        send = request.GET.get("send__id__exact", "")
        return rows.of_send(int(send)) if send.isascii() and send.isdigit() and len(send) <= _DIGITS else rows  # type: ignore[attr-defined]

    @display(description=_("State"), ordering="state")
    def shown_state(self, message: Message) -> Any:
        """Return the state in words."""
        return STATES.get(MessageState(message.state), message.state)
