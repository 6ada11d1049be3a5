"""Mail templates of the shop's own: made from a kept one, changed, and checked before anything uses them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from guestlist.backoffice import access
from guestlist.mail import actions as mail
from guestlist.mail import editing, previews
from guestlist.mail import variables as mail_variables
from guestlist.mail.models import Template, TemplateText, TemplateVersion
from guestlist.refusal import Refusal
from guestlist.stores.actors import Permission

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from guestlist.mail.previews import Preview

log = logging.getLogger(__name__)

_MAX_TEXT = 20_000
_MAX_MJML = 100_000
_PARTS = ("subject", "text", "mjml")


class TemplateForm(forms.Form):
    """A template's name, and its words in each language; a language that is left empty is not kept."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=80)

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - Django's
        super().__init__(*args, **kwargs)
        for language, _name in settings.LANGUAGES:
            self.fields[f"subject_{language}"] = forms.CharField(
                label=gettext_lazy("Subject"), max_length=250, required=False
            )
            self.fields[f"text_{language}"] = forms.CharField(
                label=gettext_lazy("Text part"),
                max_length=_MAX_TEXT,
                required=False,
                strip=False,
                widget=forms.Textarea(attrs={"rows": 12, "spellcheck": "false"}),
            )
            self.fields[f"mjml_{language}"] = forms.CharField(
                label=gettext_lazy("Design (MJML)"),
                max_length=_MAX_MJML,
                required=False,
                strip=False,
                widget=forms.Textarea(attrs={"rows": 24, "spellcheck": "false"}),
            )

    def languages(self) -> list[tuple[str, Any, list[forms.BoundField]]]:
        """Return code, name and fields of each language, in the order of the page."""
        return [
            (code, name, [self[f"{part}_{code}"] for part in _PARTS]) for code, name in settings.LANGUAGES
        ]

    def words(self) -> list[editing.Words]:
        """Return what is filled in."""
        found = []
        for code, _name in settings.LANGUAGES:
            # Browsers send line ends as two characters; a template has one.
            subject, text, mjml = (
                self.cleaned_data.get(f"{part}_{code}", "").replace("\r\n", "\n") for part in _PARTS
            )
            if subject.strip() or text.strip() or mjml.strip():
                found.append(editing.Words(code, subject, text, mjml))
        return found

    def mark(self, refusal: editing.UnusableWords) -> None:
        """Put each reason on its field, unless that has one already."""
        faults: tuple[editing.Fault, ...] = refusal.data["faults"]  # type: ignore[assignment]
        for fault in faults:
            name = f"{fault.part}_{fault.language}"
            if name not in self.errors:
                self.add_error(name, fault.reason)


@require_http_methods(["GET", "HEAD", "POST"])
def make(request: HttpRequest, pk: int) -> HttpResponse:
    """Make a template of the shop's own from a kept one."""
    return _edited(request, _template(request, pk), own=None)


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Change a template of the shop's own: what is saved counts for mail that is queued from then on."""
    template = _template(request, pk)
    if template.is_builtin:
        return redirect("admin:template_make", pk)
    return _edited(request, template, own=template)


@require_POST
def preview(request: HttpRequest, pk: int, doing: str) -> HttpResponse:
    """Show the words as they were typed, filled with examples; nothing is saved."""
    origin = _template(request, pk)
    own = origin if doing == "edit" and not origin.is_builtin else None
    form = TemplateForm(request.POST)
    form.fields["name"].required = False
    form.full_clean()
    form.fields["name"].required = True  # it is, once it is saved
    shown = []
    for words in form.words():
        try:
            shown.append(previews.of_words(words, purpose=origin.purpose))
        except editing.UnusableWords as refusal:
            form.mark(refusal)
    if not shown and not form.errors:
        form.add_error(None, str(editing.NoWords()))
    return _page(request, origin, own, form, shown)


@require_safe
def version(request: HttpRequest, pk: int, number: int) -> HttpResponse:
    """Show a template as it was saved once: filled with examples, and as it was written."""
    access.of(request).require(Permission.TEMPLATES)
    found = _version(pk, number)
    purpose = found.template.purpose
    texts = list(found.texts.order_by("language"))
    newest = mail.current_version(found.template.code)
    context = {
        **access.context(request),
        "title": _("%(name)s, version %(number)s") % {"name": found.template.name, "number": number},
        "version": found,
        "is_newest": found == newest,
        "shown": [(text, previews.of_sample(text, purpose=purpose)) for text in texts],
        "may_edit": access.of(request).actor.may(Permission.TEMPLATES, None),
    }
    return render(request, "backoffice/template_version.html", context)


@require_POST
def restore(request: HttpRequest, pk: int, number: int) -> HttpResponse:
    """Save an old version's words as the newest."""
    template = _template(request, pk)
    old = _version(template.pk, number)
    try:
        made = editing.restore(version=old, now=timezone.now())
    except Refusal as refusal:
        messages.error(request, str(refusal))
    else:
        _logged(request, made)
        said = _("The words of version %(old)s count again, as version %(new)s.")
        messages.success(request, said % {"old": number, "new": made.number})
    return redirect("admin:guestlist_mail_template_change", template.pk)


def _logged(request: HttpRequest, version: TemplateVersion) -> None:
    actor = access.of(request).actor
    log.info(
        "template saved: %s version %s by %s %s", version.template.code, version.number, actor.kind, actor.id
    )


def _version(pk: int, number: int) -> TemplateVersion:
    found = TemplateVersion.objects.select_related("template").filter(template=pk, number=number).first()
    if found is None:
        raise Http404
    return found


def _template(request: HttpRequest, pk: int) -> Template:
    # Templates serve every website, so whoever changes one needs the right at all of them.
    access.of(request).actor.require(Permission.TEMPLATES, None)
    found = Template.objects.filter(pk=pk).first()
    if found is None:
        raise Http404
    return found


def _edited(request: HttpRequest, origin: Template, *, own: Template | None) -> HttpResponse:
    if request.method != "POST":
        texts = mail.current_version(origin.code).texts.order_by("language")
        return _page(request, origin, own, TemplateForm(initial=_initial(texts, own)))
    form = TemplateForm(request.POST)
    if not form.is_valid():
        _mark_all(form, origin.purpose)
    else:
        try:
            version = editing.save_template(
                template=own,
                name=form.cleaned_data["name"],
                purpose=origin.purpose,
                words=form.words(),
                now=timezone.now(),
            )
        except editing.UnusableWords as refusal:
            form.mark(refusal)
        except Refusal as refusal:
            form.add_error(None, str(refusal))
        else:
            _logged(request, version)
            messages.success(request, _("The template was saved as version %(n)s.") % {"n": version.number})
            return redirect("admin:guestlist_mail_template_change", version.template_id)
    return _page(request, origin, own, form)


def _mark_all(form: TemplateForm, purpose: str) -> None:
    """Show what is wrong with the words beside what is wrong with the form."""
    try:
        editing.compile_words(form.words(), purpose=purpose)
    except editing.UnusableWords as refusal:
        form.mark(refusal)


def _initial(texts: Iterable[TemplateText], own: Template | None) -> dict[str, str]:
    initial = {"name": own.name if own else ""}
    for text in texts:
        initial |= {f"{part}_{text.language}": getattr(text, part) for part in _PARTS}
    return initial


def _page(
    request: HttpRequest,
    origin: Template,
    own: Template | None,
    form: TemplateForm,
    shown: Sequence[Preview] = (),
) -> HttpResponse:
    doing = "edit" if own else "make"
    context = {
        **access.context(request),
        "title": _("Change a mail template") if own else _("Make a mail template"),
        "origin": origin,
        "form": form,
        "previews": shown,
        "save_url": reverse(f"admin:template_{doing}", args=[origin.pk]),
        "preview_url": reverse(f"admin:template_{doing}_preview", args=[origin.pk]),
        "variables": mail_variables.variables_of(origin.purpose).values(),
    }
    return render(request, "backoffice/template_form.html", context, status=422 if form.errors else 200)
