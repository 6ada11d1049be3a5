"""The table of mail templates."""

# ruff: noqa: ANN401 - Django's signatures

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin

from guestlist.backoffice import access, trial_mails
from guestlist.backoffice.site import site
from guestlist.backoffice.tables import Table
from guestlist.invitations import emails as invitation_mail
from guestlist.mail import actions as mail
from guestlist.mail import previews, templates
from guestlist.mail.models import Template
from guestlist.stores.actors import Permission

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.http import HttpRequest

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
